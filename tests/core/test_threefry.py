"""Random bits of the host: those of jax.random, and when they are not taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core import threefry
from tests.compilations import programs

X = jax.ShapeDtypeStruct((3,), "float32")


@pytest.fixture(autouse=True)
def no_check_of_keys():
    """With the check of keys JAX draws by itself."""
    with jax.debug_key_reuse(False):
        yield


def words(key):
    return np.asarray(jax.random.key_data(key))


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_bits_and_keys_are_those_of_jax(seed):
    key = jax.random.key(seed)
    found = threefry.lanes(key, 1001)
    assert found is not None
    high, low = found
    assert len(np.unique(high ^ low)) > 1000
    np.testing.assert_array_equal(high ^ low, jax.random.bits(key, (1001,), "uint32"))
    for ours, theirs in zip(threefry.split(key, 3), jax.random.split(key, 3), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(words(ours), words(theirs))


@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_another_kind_of_key_is_left_to_jax(impl):
    key = jax.random.key(0, impl=impl)
    assert threefry.lanes(key, 4) is None
    assert [key.dtype] * 2 == [each.dtype for each in threefry.split(key, 2)]


def test_a_known_key_under_a_trace_and_many_numbers_are_left_to_jax(monkeypatch):
    """The bits of a large network would be constants of the program."""
    key, seen = jax.random.key(0), []
    jax.jit(lambda x: seen.append(threefry.lanes(key, 4)) or x)(1.0)
    assert seen == [None] and threefry.lanes(key, 4) is not None
    monkeypatch.setattr(threefry, "_MOST", 3)
    assert threefry.lanes(key, 4) is None


def test_weights_of_the_host_are_those_within_a_program(monkeypatch):
    net = jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(7))
    key = jax.random.key(3)
    with programs() as found, monkeypatch.context() as without:
        without.delattr(jax.random, "bits")  # the draw of the program itself
        ours = net.init(key, X)
    assert found.compiled == 1
    monkeypatch.setattr(threefry, "_MOST", 0)
    jax.tree.map(np.testing.assert_array_equal, ours, net.init(key, X))
    inside = jax.jit(lambda key: net.init(key, X))(key)
    jax.tree.map(np.testing.assert_array_equal, ours, inside)
    many = jax.vmap(lambda key: net.init(key, X))(jnp.stack([key, jax.random.key(4)]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-6), many, ours)
