"""A carry as one vector: which numbers, in which order, and back again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.core.vectors import real_arrays, to_carry, to_vector

CARRY = {
    "a": jnp.array([[1.0, 2.0], [3.0, 4.0]]),
    "flag": jnp.array([True, False]),
    "steps": jnp.array(7),
    "z": jnp.array([5 + 6j, 7 + 8j]),
}


def test_the_order_is_that_of_the_leaves_and_counters_are_left_out():
    np.testing.assert_array_equal(to_vector(CARRY), [1, 2, 3, 4, 5, 7, 6, 8])
    assert [part.shape for part in real_arrays(CARRY)] == [(2, 2), (2,), (2,)]


def test_there_and_back():
    back = to_carry(to_vector(CARRY), CARRY)
    assert jax.tree.structure(back) == jax.tree.structure(CARRY)
    for leaf, same in zip(jax.tree.leaves(CARRY), jax.tree.leaves(back), strict=True):
        assert leaf.dtype == same.dtype
        np.testing.assert_array_equal(leaf, same)
    doubled = to_carry(2 * to_vector(CARRY), CARRY)
    np.testing.assert_array_equal(doubled["z"], 2 * CARRY["z"])
    assert doubled["steps"] == 7


@pytest.mark.parametrize("dtypes", [("bfloat16", "float32"), ("float16", "float16")])
def test_each_array_keeps_its_dtype(dtypes):
    carry = tuple(jnp.ones(2, dtype) for dtype in dtypes)
    vector = to_vector(carry)
    assert vector.dtype == dtypes[1], "the widest"
    assert [str(leaf.dtype) for leaf in to_carry(vector, carry)] == list(dtypes)


def test_a_carry_without_numbers():
    assert to_vector(()).shape == (0,) and to_carry(jnp.zeros(0), ()) == ()


def test_shapes_are_enough():
    like = jax.eval_shape(lambda: {name: CARRY[name] for name in ("a", "z")})
    assert jax.eval_shape(to_vector, like).shape == (8,)
    np.testing.assert_array_equal(to_carry(jnp.arange(8.0), like)["z"], [4 + 6j, 5 + 7j])
