"""Keys: every public function with a key takes a random key and nothing else."""

import inspect

import jax
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_random_key
from tests.tables import CELLS, MEMORIES, NETWORKS, RULES
from tests.tables.public import PUBLIC


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (0, r"got 0; pass jax\.random\.key\(0\)"),
        (7, r"got 7; pass jax\.random\.key\(7\)"),
        (True, "got True"),
        (0.5, "got 0.5"),
        (None, "got None"),
        ("0", "got '0'"),
        (np.array([0, 1]), "an array of int64"),
        (np.zeros(3, "uint32"), "an array of uint32"),
        (np.float32(1), "float32"),
        (jax.numpy.zeros(2), "an array of float32"),
        ((0, 1), "a tuple"),
        (jax.random.split(jax.random.key(0)), r"one key, got keys of shape \(2,\)"),
        (jax.random.split(jax.random.PRNGKey(0)), r"one key, got keys of shape \(2,\)"),
    ],
    ids=str,
)
def test_what_is_no_key(key, words):
    with pytest.raises((TypeError, ValueError), match=f"f: key must be .*{words}"):
        require_random_key("f", key)


def test_keys_pass():
    key = jax.random.key(3)
    assert require_random_key("f", key) is key
    raw = require_random_key("f", jax.random.PRNGKey(3))
    assert raw.dtype == key.dtype and bool(raw == key)
    assert require_random_key("f", jax.random.split(key), many=True).shape == (2,)

    @jax.jit
    def traced(key, raw):
        assert require_random_key("f", key) is key
        assert require_random_key("f", raw).dtype == key.dtype
        with pytest.raises(TypeError, match="a traced float32"):
            require_random_key("f", raw.astype("float32"))
        return 0

    traced(jax.random.key(0), jax.random.PRNGKey(0))


def test_a_decorated_function():
    @checked
    def draw(key: Key, n, *, scale=1.0):
        return key, n, scale

    @checked
    def noisy(x, *, key: Key | None = None):
        return x, key

    key = jax.random.key(0)
    assert draw(key, 2) == draw(key=key, n=2) == (key, 2, 1.0)
    assert noisy(1) == noisy(1, key=None) == (1, None)
    for call in (lambda: draw(0, 2), lambda: draw(n=2, key=0)):
        with pytest.raises(TypeError, match="draw: key must be a random key, got 0"):
            call()
    with pytest.raises(TypeError, match="noisy: key must be a random key, got 3"):
        noisy(1, key=3)


def functions():
    found = {}
    for module, names in PUBLIC.items():
        for name in names:
            value = jb
            for part in [*module.split(".")[1:], name]:
                value = getattr(value, part)
            if inspect.isfunction(value) and "key" in inspect.signature(value).parameters:
                found[f"{module}.{name}"] = value
    return found


FUNCTIONS = functions()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_refuses_a_seed(name):
    function = FUNCTIONS[name]
    parameters = inspect.signature(function).parameters
    needed = [p for p in parameters if parameters[p].default is inspect.Parameter.empty]
    given = {p: SOMETHING.get(p, np.ones((4, 2), "float32")) for p in needed} | {"key": 5}
    with pytest.raises((TypeError, ValueError)) as caught:
        function(**given)
    assert "key must be a random key, got 5" in str(caught.value)


NET = jb.serial(jb.dense(2))
RULE = jb.backprop(NET, jb.losses.mse)
POINTS = np.ones((4, 2), "float32")
OPTIMIZER = optax.sgd(0.1)
SOMETHING = {
    "rule": RULE, "reference": RULE, "net": NET, "loss": jb.losses.mse, "optimizer": OPTIMIZER,
    "data": (POINTS, POINTS), "validation": (POINTS, POINTS), "rules": {"a": RULE}, "epochs": 1,
    "seeds": 1, "samples": 2, "steps": 2, "n": 4, "memory": jb.memory.hopfield(), "loads": [0.1],
    "sizes": {"a": 3}, "decoder": jb.analysis.ridge_decoder(), "dt": 0.1, "fraction": 0.5,
    "locations": 8, "radius": 2, "thresholds": (1.0,), "units": 8, "null": 1, "exposure": 1,
    "washout": 1, "rates": POINTS[:1] * 0.5, "tolerance": 1.0, "max_steps": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(table[name], id=name)
        for table in (NETWORKS, CELLS)
        for name in sorted(table)[::7]
    ],
)
def test_values_of_constructors_refuse_a_seed(value):
    value = value[0] if not hasattr(value, "init") and isinstance(value, tuple) else value
    value = value() if callable(value) and not hasattr(value, "init") else value
    with pytest.raises(TypeError, match=r"\.init: key must be a random key, got 0"):
        value.init(0, np.ones(3, "float32"))


def test_rules_and_memories_refuse_a_seed():
    assert RULES and MEMORIES
    with pytest.raises(TypeError, match=r"backprop\.grads: key must be a random key, got 0"):
        RULE.grads((), (), POINTS, POINTS, key=0)
    with pytest.raises(TypeError, match=r"hopfield\.recall: key must be a random key, got 0"):
        jb.memory.hopfield().recall(np.eye(4), np.ones(4), key=0)
    with pytest.raises(TypeError, match=r"adding\.sample: key must be a random key, got 0"):
        jb.tasks.adding().sample(0)
