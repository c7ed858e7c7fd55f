"""The checkpoint of a training: each flipped bit and each wrong field is noticed, once."""

import functools
import random
import re
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.training import training_file
from jaxbrain.training.fitting import ChunkInfo
from jaxbrain.training.resuming import Saver

X = np.linspace(-1, 1, 8, dtype="float32").reshape(4, 2)
Y = X[:, :1]
NET = jb.serial(jb.dense(3), jb.elementwise(jnp.tanh), jb.dense(1))
RULE, ADAM = jb.backprop(NET, jb.losses.mse), optax.adam(0.1)


def fit(directory, epochs, rule=RULE, **options):
    how = {"key": jax.random.key(0), "epochs": epochs, "checkpoint": directory, **options}
    return jb.fit(rule, ADAM, (X, Y), **how)


def like():
    return jb.init_state(RULE, ADAM, X[0], key=jax.random.key(1))


def equal(a, b):
    def plain(state):
        return jax.tree.leaves(state._replace(key=jax.random.key_data(state.key)))

    return all(np.array_equal(x, y) for x, y in zip(plain(a), plain(b), strict=True))


@functools.cache
def of_three_epochs():
    """The bytes of a file with three epochs and of the one before, with two."""
    import tempfile
    from pathlib import Path

    directory = Path(tempfile.mkdtemp())
    fit(directory, 2)
    fit(directory, 3)
    return [(directory / name).read_bytes() for name in ("training.ckpt", "training.ckpt.previous")]


@pytest.fixture
def three(tmp_path):
    """A directory with a training of three epochs."""
    for name, content in zip(("training.ckpt", "training.ckpt.previous"), of_three_epochs(),
                             strict=True):  # fmt: skip
        (tmp_path / name).write_bytes(content)
    return tmp_path


# ------------------------------------------------------------------------------- flipped bits


def saved(directory, size):
    """A Saver in whose directory the epochs 1 and 2 of a training of some bytes lie."""
    kernel = jnp.asarray(np.random.default_rng(0).normal(size=size // 4), "float32")
    state = jb.TrainState({"kernel": kernel}, (), (), jax.random.key(0), jnp.int32(0))
    model = training_file.model_of(NET, state.params)
    saver = Saver(directory, {"data": "some", "rule": "one"}, model)
    info = ChunkInfo(state, None, 0, 9)
    with saver:
        for epoch in (1, 2):
            ones = np.ones(epoch)
            history = jb.History(ones, np.ones((epoch, 3)), {"error": ones}, None)
            info = info._replace(history=history, epoch=epoch)
            saver.save(info)
    return saver, info


def survive_flips(directory, size, flips):
    saver, info = saved(directory, size)
    like = (info.state, info.history)
    like = jax.tree.map(lambda a: a[:1] if isinstance(a, np.ndarray) else a, like)
    whole = saver.path.read_bytes()
    assert len(whole) >= size
    dice = random.Random(size)
    for _ in range(flips):
        place = dice.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << dice.randrange(8)
        saver.path.write_bytes(damaged)
        for read in (
            lambda: saver.resume(info, lambda: info.history).epoch,
            lambda: len(jb.load_training(directory, info.state)[1].loss),
            lambda: jb.checkpoint.metadata(saver.path)["epoch"],
            lambda: len(jb.checkpoint.restore(saver.path, (*like, []))[1].loss),
        ):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                assert read() == 1, f"bit {place} went unnoticed"
            (one,) = told
            assert "training.ckpt.previous, is used" in str(one.message)
            assert one.filename == __file__
    saver.path.write_bytes(whole)
    assert saver.resume(info, lambda: info.history).epoch == 2  # the control: without a word


def test_each_flipped_bit_is_noticed_and_told_once(tmp_path):
    survive_flips(tmp_path, 4_000, 25)


@pytest.mark.slow
@pytest.mark.parametrize("size", [4_000, 40_000, 400_000, 2_000_000, 10_000_000])
def test_each_flipped_bit_at_every_size(tmp_path, size):
    survive_flips(tmp_path, size, 200)


def test_a_flipped_bit_costs_one_epoch_of_fit_and_one_warning(three):
    expected, _ = fit(None, 5)
    path = three / "training.ckpt"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"does not match its checksum; the previous") as told:
        state, _ = fit(three, 5)
    assert len(told) == 1 and told[0].filename == __file__
    assert equal(state, expected)


# ---------------------------------------------------------------------------- hostile headers

HOSTILE = {
    "epoch": ["3", -4, 3.0, float("nan"), True, 10**30, None, [], {}, 2, 4],
    "settings": [None, [], "x", 3, {"rule": 1}, {"rule": None}],
    "versions": [3, [], {}],
}
CASES = [(field, value) for field, values in HOSTILE.items() for value in values]
CASES += [(field, "absent") for field in ("epoch", "settings")]


def with_header(path, field, value):
    """Write the file again with another field in its header, and the right checksums."""
    from jaxbrain.training import checkpoint_file as files

    with path.open("rb") as file:
        metadata, entries, start = files.read_header(file)
        file.seek(start)
        arrays = file.read()
    metadata.pop(field)
    held = metadata if value == "absent" else metadata | {field: value}
    text = files.json.dumps({"version": files.VERSION, "byteorder": sys.byteorder, "metadata": held,
                    "arrays": [entry._asdict() for entry in entries]}).encode()  # fmt: skip
    head = len(text).to_bytes(8, "little") + text
    crc32 = files.zlib.crc32(head).to_bytes(4, "little")
    path.write_bytes(files.MAGIC + head + crc32 + arrays)


@pytest.mark.parametrize(("field", "value"), CASES)
def test_a_hostile_header_gives_way_to_the_previous_file(three, field, value):
    path = three / "training.ckpt"
    with_header(path, field, value)
    content = path.read_bytes()
    for read, steps in (
        (lambda: jb.load_training(three, like())[0], 2),
        (lambda: fit(three, 3)[0], 3),
        (lambda: fit(three, 5)[0], 5),
    ):
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=r"training\.ckpt\.previous, is used") as told:
            state = read()
        assert len(told) == 1 and "\n" not in str(told[0].message)
        assert int(state.step) == steps
    path.write_bytes(content)
    path.with_name("training.ckpt.previous").unlink()
    with pytest.raises(jb.checkpoint.CheckpointError, match=r"training\.ckpt") as caught:
        fit(three, 5)
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("field", HOSTILE)
def test_the_handmade_header_is_right_but_for_the_fault(three, field):
    metadata = jb.checkpoint.metadata(three / "training.ckpt")
    with_header(three / "training.ckpt", field, metadata[field])
    assert len(fit(three, 3)[1].loss) == 3


# ------------------------------------------------------------------- reading without the data


def test_state_and_history_come_back(tmp_path):
    options = {
        "validation": (X, Y),
        "metrics": {"it's": jb.losses.mse, "b[0]": jb.losses.half_mse},
        "record": lambda state: {"bias": state.params[0]["bias"], "more": (state.step,)},
    }
    last, history = fit(tmp_path, 3, **options)
    for path in (tmp_path, tmp_path / "training.ckpt", str(tmp_path)):
        state, found = jb.load_training(path, like())
        assert equal(state, last)
    assert type(found.loss) is np.ndarray
    for a, b in zip(jax.tree.leaves(found[:3]), jax.tree.leaves(history[:3]), strict=True):
        np.testing.assert_array_equal(a, b)
    assert set(found.metrics) == {"it's", "b[0]"} and set(found.record) == {
        "['bias']",
        "['more'][0]",
    }
    np.testing.assert_array_equal(found.record["['bias']"], history.record["bias"])


def test_another_structure_is_named_and_nothing_changes(three):
    before = (three / "training.ckpt").read_bytes()
    other = jb.init_state(RULE, optax.sgd(0.1), X[0], key=jax.random.key(1))
    with pytest.raises(ValueError, match=r"\[0\]\.opt_state.*not in like"):
        jb.load_training(three, other)
    with pytest.raises(TypeError, match=r"like must be a TrainState such as .* got a tuple"):
        jb.load_training(three, like().params)
    with pytest.raises(FileNotFoundError):
        jb.load_training(three / "nowhere", like())
    with pytest.raises(ValueError, match="load_training and load_model of jaxbrain read it"):
        jb.checkpoint.restore(three / "training.ckpt", like().params)
    assert (three / "training.ckpt").read_bytes() == before


def test_the_network_comes_with_its_parameters(three):
    net, params = jb.load_model(three / "training.ckpt")
    expected = jb.load_training(three, like())[0].params
    assert net == NET and jax.tree.structure(params) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(expected), strict=True):
        assert isinstance(a, jax.Array) and a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@jb.configured
def scaled(scale):
    return jb.Network(
        lambda key, x: {"gain": jnp.ones_like(x)},
        lambda params, x, *, key=None: params["gain"] * scale * x,
    )


def test_a_network_made_of_arrays(tmp_path):
    net = jb.serial(scaled(np.array([2.0, 3.0], "float32")), jb.dense(1))
    state, _ = fit(tmp_path, 2, jb.backprop(net, jb.losses.mse))
    again, params = jb.load_model(tmp_path / "training.ckpt", functions=[scaled])
    assert again == net
    np.testing.assert_array_equal(again.apply(params, X[0]), net.apply(state.params, X[0]))
    assert len(fit(tmp_path, 4, jb.backprop(net, jb.losses.mse))[1].loss) == 4


def test_a_network_that_cannot_be_stored_is_trained_and_named(tmp_path):
    net = jb.serial(jb.elementwise(lambda x: 2 * x), jb.dense(1))
    rule = jb.backprop(net, jb.losses.mse)
    last, _ = fit(tmp_path, 2, rule)
    with pytest.raises(ValueError, match=r"cannot be stored \(net.*lambda.*load_training reads"):
        jb.load_model(tmp_path / "training.ckpt")
    found, _ = jb.load_training(tmp_path, jax.eval_shape(lambda: last))
    np.testing.assert_array_equal(found.params[1]["kernel"], last.params[1]["kernel"])


def test_a_checkpoint_from_before_networks_were_stored_is_resumed(three):
    with_header(three / "training.ckpt", "model", "absent")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert equal(fit(three, 5)[0], fit(None, 5)[0])


CHILD = """
import sys
import jaxbrain as jb
net, params = jb.load_model(sys.argv[1])
print([p.tolist() for p in params[0].values()], net)
"""


@pytest.mark.slow
def test_another_process_reads_the_model(three):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(three / "training.ckpt")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    params = jb.load_model(three / "training.ckpt")[1]
    expected = [p.tolist() for p in params[0].values()]
    assert done.stdout.strip() == f"{expected} {NET}"
    assert re.search("serial", done.stdout)
