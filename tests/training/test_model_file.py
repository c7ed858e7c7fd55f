"""Models in files: every network of the tables in another process; hostile files are refused."""

import functools
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core import allowed, names
from tests.contracts.test_config import MAKE
from tests.tables import NETWORKS, parts, values

NET = jb.serial(jb.dense(4), jb.elementwise(jax.nn.relu), jb.dense(1))
X = np.linspace(-1, 1, 3, dtype="float32")
PARAMS = NET.init(jax.random.key(0), X)


def doubled(x):
    return 2 * x


@jb.configured
def doubling(features, *, factor=2.0):
    return jb.serial(jb.dense(features), jb.elementwise(functools.partial(jnp.multiply, factor)))


OF_THE_TABLES = [parts.no_traces, parts.no_gradient, parts.lose_traces, parts.anti_hebb]
OF_THE_TABLES += [values.first_scale, values.scaled_by]


@pytest.mark.parametrize("name", MAKE)
def test_a_value_comes_back_from_json(name):
    value = MAKE[name]()
    text = jb.to_json(value)
    assert jb.from_json(text, functions=OF_THE_TABLES) == value
    assert json.loads(text)["make"].startswith("jaxbrain.")


CHILD = """
import sys
import jax, numpy as np
import jaxbrain as jb

net, params = jb.load_model(sys.argv[1])
x = np.load(sys.argv[2])
quiet, noisy = net.apply(params, x), net.apply(params, x, key=jax.random.key(3))
np.savez(sys.argv[3], np.asarray(quiet), np.asarray(noisy))
print(sorted(name for name in sys.modules if name.split(".")[0] == "tests"))
"""


@pytest.mark.parametrize("name", ["dense of rows", "conv padded", "self_association", "unroll"])
def test_a_model_loaded_in_a_fresh_process_gives_the_same_bits(tmp_path, name):
    case = NETWORKS[name]
    net = case.make()
    x = np.asarray(jax.random.normal(jax.random.key(1), case.shape), case.dtype)
    params = net.init(jax.random.key(0), x)
    model, inputs, outputs = (str(tmp_path / n) for n in ("model.ckpt", "x.npy", "y.npz"))
    jb.save_model(model, net, params)
    np.save(inputs, x)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, model, inputs, outputs],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    found = np.load(outputs)
    np.testing.assert_array_equal(found["arr_0"], net.apply(params, x))
    np.testing.assert_array_equal(found["arr_1"], net.apply(params, x, key=jax.random.key(3)))


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_come_back_bit_for_bit(tmp_path, name):
    case = NETWORKS[name]
    net = case.make()
    x = jax.ShapeDtypeStruct(case.shape, case.dtype)
    params = net.init(jax.random.key(0), x)
    jb.save_model(tmp_path / "model.ckpt", net, params)
    again, same = jb.load_model(tmp_path / "model.ckpt", functions=OF_THE_TABLES)
    assert again == net and jax.tree.structure(same) == jax.tree.structure(params)
    for a, b in zip(jax.tree.leaves(same), jax.tree.leaves(params), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_function_of_the_users_is_named_and_must_be_given(tmp_path):
    path = tmp_path / "model.ckpt"
    net = jb.serial(jb.dense(2), jb.elementwise(doubled), doubling(2, factor=3.0))
    params = net.init(jax.random.key(0), X)
    jb.save_model(path, net, params)
    assert b"tests.training.test_model_file.doubled" in path.read_bytes()
    with pytest.raises(ValueError, match=r"names 'tests.*doubled'.*functions=\["):
        jb.load_model(path)
    with pytest.raises(ValueError, match="doubling"):
        jb.load_model(path, functions=[doubled])
    assert jb.load_model(path, functions=[doubled, doubling])[0] == net
    names = {f"tests.training.test_model_file.{f.__name__}": f for f in (doubled, doubling)}
    assert jb.load_model(path, functions=names)[0] == net


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (jb.elementwise(lambda x: x), r"net.function is <.*lambda.*def at the top"),
        (jb.Network(lambda key, x: (), lambda p, x, *, key=None: x), r"net\.init.*configured"),
        (jb.serial(jb.elementwise(functools.partial(lambda a, x: a, 1))), r"net\.0\.function"),
    ],
    ids=["lambda", "by hand", "partial"],
)
def test_what_cannot_be_stored_is_named(tmp_path, net, message):
    with pytest.raises(TypeError, match=message):
        jb.save_model(tmp_path / "model.ckpt", net, ())
    assert not (tmp_path / "model.ckpt").exists()


def test_the_order_of_arguments(tmp_path):
    with pytest.raises(TypeError, match=r"save_model\(path, net, params\)"):
        jb.save_model(tmp_path / "model.ckpt", PARAMS, NET)


def layer(**entries):
    return {"make": "jaxbrain.elementwise", "arguments": [entries], "options": {}}


def nested(levels):
    tree = layer(name="jax.nn.relu")
    for _ in range(levels):
        tree = {"make": "jaxbrain.residual", "arguments": [tree], "options": {}}
    return tree


HOSTILE = {
    "another function": layer(name="os.system"),
    "a path to one": layer(name="jaxbrain.core.names.sys.modules"),
    "through a module": layer(name="jaxbrain.learning.chain.jax.pure_callback"),
    "relative": layer(name="..core.config.configured"),
    "files of numpy": layer(name="jax.numpy.save"),
    "files of jaxbrain": layer(name="jaxbrain.checkpoint.save"),
    "a partial of what writes": layer(
        partial={"name": "jax.numpy.save"}, arguments=["/tmp/x"], keywords={}
    ),
    "a callback": layer(name="jax.pure_callback"),
    "settings": layer(name="jax.numpy.set_printoptions"),
    "builtins": layer(name="builtins.exec"),
    "a constructor that is none": {"make": "builtins.open", "arguments": ["x"], "options": {}},
    "a function as constructor": {"make": "jax.nn.relu", "arguments": [1.0], "options": {}},
    "a call of anything": layer(call="jaxbrain.dense", options={"features": 3}),
    "a class": {"tuple": [], "type": "subprocess.Popen"},
    "a class that is no tuple": {"tuple": [], "type": "jax.numpy.float32"},
    "deep": nested(120),
    "very deep": nested(5_000),
    "no constructor": {"arguments": []},
    "unknown kind": {"exec": "import os"},
    "a number": 3,
    "a bad argument": {"make": "jaxbrain.dense", "arguments": [-1], "options": {}},
    "a missing argument": {"make": "jaxbrain.dense", "arguments": [], "options": {}},
    "an unknown option": {"make": "jaxbrain.dense", "arguments": [3], "options": {"exec": 1}},
    "an array that is not there": layer(array={"index": 5, "dtype": "float32", "shape": [1]},
                                        kind="numpy"),
    "an enormous array": layer(array={"index": 0, "dtype": "float32", "shape": [10**15]},
                               kind="numpy"),
    "a strange type": layer(array={"index": 0, "dtype": "object", "shape": [1]}, kind="numpy"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_file_is_refused(tmp_path, name, monkeypatch):
    path = tmp_path / "model.ckpt"
    imported = []
    allowed.allowed(), jb.checkpoint  # are kept
    monkeypatch.setattr("importlib.import_module", lambda name: imported.append(name))
    model = {"net": HOSTILE[name], "params": {"tuple": []}}
    try:
        jb.checkpoint.save(path, [], metadata={"model": model, "count": 0})
    except (TypeError, RecursionError):  # json itself cannot write it: so by hand
        with pytest.raises(ValueError, match="is not JSON"):
            jb.from_json('{"make": "jaxbrain.residual", "arguments": [' * 20_000)
        return
    with pytest.raises(ValueError, match="load_model"):
        jb.load_model(path)
    assert not imported


@pytest.mark.parametrize("metadata", [None, {}, {"model": {}}, {"model": 1, "count": 2}])
def test_a_checkpoint_that_is_no_model(tmp_path, metadata):
    jb.checkpoint.save(tmp_path / "state.ckpt", {"weights": X}, metadata=metadata)
    with pytest.raises(ValueError, match=r"state.ckpt holds no model"):
        jb.load_model(tmp_path / "state.ckpt")


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "model.ckpt"
    jb.save_model(path, NET, PARAMS)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 40):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(jb.checkpoint.CheckpointError):
            jb.load_model(path)


def test_every_allowed_function_is_what_its_name_says():
    table = allowed.allowed()
    assert len(table) > 300
    for name, value in table.items():
        assert names.lookup(name) is value
        assert name.split(".")[0] in ("jaxbrain", "jax", "optax")
    for word in ("save", "load", "fromfile", "callback", "checkpoint", "printoptions"):
        assert not [n for n in table if n.rsplit(".", 1)[-1].startswith(word)], word
