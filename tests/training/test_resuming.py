"""`fit(checkpoint=...)`: killed or interrupted, a resumed run ends bit-identical to a whole one."""

import os
import re
import warnings
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = X[:, :1]
new_key = partial(jax.random.key, 0)
NET = jb.serial(jb.dense(4), jb.dropout(0.2), jb.dense(1))
RULE = jb.backprop(NET, jb.losses.mse)


def fit(checkpoint=None, *, rule=RULE, optimizer=None, data=(X, Y), **kwargs):
    arguments = {"key": new_key(), "epochs": 6, "batch_size": 4, "checkpoint": checkpoint, **kwargs}
    return jb.fit(rule, optimizer or optax.adam(0.01), data, **arguments)


def bits(result):
    """Every leaf of a state and a history, in NumPy."""
    state, history = result
    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf) for leaf in jax.tree.leaves((state, history))]


def assert_same(a, b):
    for one, other in zip(bits(a), bits(b), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def contents(directory):
    return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def interrupt_at(epoch, kind=KeyboardInterrupt):
    def hook(info):
        if info.epoch == epoch:
            raise kind

    return hook


# ------------------------------------------------------------------------------ without accidents


def test_saving_changes_nothing_and_makes_its_directory(tmp_path):
    directory = tmp_path / "a" / "b"
    assert_same(fit(directory), fit())
    assert "training.ckpt" in contents(directory)


def test_a_finished_run_returns_at_once(tmp_path):
    seen, first, before = [], fit(tmp_path), contents(tmp_path)
    assert_same(fit(tmp_path, on_chunk=seen.append), first)
    assert contents(tmp_path) == before
    assert [info.epoch for info in seen] == [len(first[1].loss)]  # called once, nothing trained
    assert_same((seen[0].state, seen[0].history), first)


def test_more_epochs_extend_a_finished_run(tmp_path):
    seen = []
    fit(tmp_path, epochs=10)
    longer = fit(tmp_path, epochs=20, on_chunk=lambda info: seen.append(info.epoch))
    assert_same(longer, fit(epochs=20))
    assert seen == list(range(10, 21))  # once where it goes on


def test_fewer_epochs_than_there_are_is_an_error(tmp_path):
    """The state of epoch 4 is gone: what comes back must not be passed off as it."""
    fit(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"epochs.*\b6\b.*\b4\b"):
        fit(tmp_path, epochs=4)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_interrupted_and_resumed(tmp_path, kind):
    """Ctrl-C returns, an error in the hook is raised; both leave a checkpoint of that epoch."""
    for epoch in (1, 3, 5):
        if kind is KeyboardInterrupt:
            _, history = fit(tmp_path, on_chunk=interrupt_at(epoch))
            assert len(history.loss) == epoch
        else:
            with pytest.raises(RuntimeError):
                fit(tmp_path, on_chunk=interrupt_at(epoch, kind))
        assert jb.checkpoint.metadata(tmp_path / "training.ckpt")["epoch"] == epoch
    assert_same(fit(tmp_path), fit())


def test_stopped_by_the_hook_and_resumed(tmp_path):
    fit(tmp_path, on_chunk=lambda info: info.epoch == 2)
    assert_same(fit(tmp_path), fit())


def test_everything_watched_is_resumed(tmp_path):
    watched = {
        "validation": (X, Y),
        "metrics": {"error": jb.losses.mse},
        "record": lambda state: {"params": state.params, "late": state.step > 9},
    }
    fit(tmp_path, on_chunk=interrupt_at(2), **watched)
    assert_same(fit(tmp_path, **watched), fit(**watched))


def test_half_precision_and_rules_with_a_state(tmp_path):
    rule = jb.feedback_alignment(
        jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(1)), jb.losses.mse
    )
    data = jnp.asarray(X, "bfloat16"), jnp.asarray(Y, "bfloat16")
    options = {"rule": rule, "optimizer": optax.sgd(0.1, 0.9), "data": data}
    fit(tmp_path, on_chunk=interrupt_at(3), **options)
    resumed = fit(tmp_path, **options)
    assert_same(resumed, fit(**options))
    assert resumed[0].params[0]["kernel"].dtype == jnp.bfloat16


def test_a_resumed_run_goes_on_from_a_given_state(tmp_path):
    start, _ = fit(epochs=2)
    fit(tmp_path, state=start, on_chunk=interrupt_at(3))
    assert_same(fit(tmp_path, state=start), fit(state=start))


def test_equal_data_in_another_form_are_equal(tmp_path):
    fit(tmp_path, epochs=3)
    data = X.astype("float64"), jnp.asarray(Y)
    assert_same(fit(tmp_path, data=data), fit())


# ----------------------------------------------------------------------------------- refusals

WIDER = jb.serial(jb.dense(5), jb.dropout(0.2), jb.dense(1))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("data", {"data": (X + 1, Y)}),
        ("data", {"data": (X, Y[::-1])}),
        ("examples", {"data": (X[:9], Y[:9])}),
        ("batch_size", {"batch_size": 5}),
        ("batch_size", {"batch_size": None}),
        ("key", {"key": jax.random.key(1)}),
        ("rule", {"rule": jb.feedback_alignment(NET, jb.losses.mse)}),
        ("rule", {"rule": jb.backprop(WIDER, jb.losses.mse)}),
        ("rule|loss", {"rule": jb.backprop(NET, jb.losses.half_mse)}),
        ("optimizer|opt_state", {"optimizer": optax.sgd(0.01)}),
        ("optimizer", {"optimizer": optax.adam(0.02)}),
        ("state", {"state": "another"}),
    ],
)
def test_another_training_is_refused(tmp_path, name, change):
    fit(tmp_path, on_chunk=interrupt_at(3))
    before = contents(tmp_path)
    if "state" in change:
        change = {"state": fit(epochs=2, key=jax.random.key(9))[0]}
    with pytest.raises(ValueError, match=name) as caught:
        fit(tmp_path, **change)
    assert str(tmp_path) in str(caught.value)
    assert contents(tmp_path) == before
    assert_same(fit(tmp_path), fit())


def test_other_metrics_are_refused(tmp_path):
    fit(tmp_path, epochs=3)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"its (validation data|metrics)"):
        fit(tmp_path, validation=(X, Y), metrics={"error": jb.losses.mse})
    assert contents(tmp_path) == before


@pytest.mark.parametrize("metadata", [None, {"epoch": 3}])
def test_a_checkpoint_that_fit_did_not_write(tmp_path, metadata):
    path = tmp_path / "training.ckpt"
    jb.checkpoint.save(path, {"weights": X}, metadata=metadata)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        fit(tmp_path)
    assert contents(tmp_path) == before


def test_a_truncated_checkpoint_gives_way_to_the_previous_one(tmp_path):
    fit(tmp_path, epochs=3)
    fit(tmp_path, epochs=5)
    path = tmp_path / "training.ckpt"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="previous checkpoint"):
        resumed = fit(tmp_path)
    assert_same(resumed, fit())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(fit(tmp_path), fit())  # mended by the run


def test_two_truncated_checkpoints_are_a_clear_error(tmp_path):
    fit(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    before = contents(tmp_path)
    with pytest.raises(jb.checkpoint.CheckpointError, match=re.escape(str(tmp_path))):
        fit(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_in_the_way_of_the_directory(tmp_path, inside):
    """Found before the training, not after it."""

    def never(info):
        raise AssertionError("it trained first")

    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match=r"checkpoint.*directory") as caught:
        fit(tmp_path / "file" / inside, on_chunk=never)
    assert str(tmp_path / "file") in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_directory_that_is_not_writable(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=re.escape(str(tmp_path))):
        fit(tmp_path, on_chunk=interrupt_at(1, AssertionError))
    tmp_path.chmod(0o700)
