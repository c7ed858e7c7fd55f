"""Sparsity patterns found from a cell: gates, masks, weights of zero, numbers that are traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain.cells import connected, elman, gru, leaky_rnn
from jaxbrain.learning.online.jacobian_sparsity import sparsity_pattern

X = jax.ShapeDtypeStruct((2,), "float32")


def test_in_the_gated_unit_a_weight_enters_one_unit():
    pattern = sparsity_pattern(gru(3), X, 1)
    flat, unravel = ravel_pytree(gru(3).init(jax.random.key(0), jnp.zeros(2)))
    enters = unravel(pattern.columns.rows[:, 0].astype(float))
    assert pattern.width == 1 and flat.size == pattern.influence.shape[1]
    np.testing.assert_array_equal(enters["recurrent"], np.tile(np.arange(3), (3, 3)))
    assert sparsity_pattern(gru(3), X, 2).width == 3


def test_a_mask_counts_and_a_weight_of_zero_does_not():
    mask = np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]])
    cut = sparsity_pattern(connected(elman(3), mask), X, None)
    np.testing.assert_array_equal(cut.carried, mask.T != 0)
    zeros = sparsity_pattern(elman(3, recurrent_init=jax.nn.initializers.zeros), X, None)
    assert zeros.carried.all() and zeros.width == 3


def test_a_leaky_unit_carries_itself():
    mask = np.zeros((3, 3))
    leaky = sparsity_pattern(connected(leaky_rnn(3), mask), X, None)
    np.testing.assert_array_equal(leaky.carried, np.eye(3, dtype=bool))
    assert leaky.width == 1 and leaky.closed and not leaky.dense


def test_a_traced_time_constant_has_the_pattern_of_a_known_one():
    found = []

    def look(tau):
        found.append(sparsity_pattern(leaky_rnn(3, dt=0.5, tau=tau), X, 1))
        return tau

    jax.jit(look)(jnp.array([1.0, 2.0, 3.0]))
    known = sparsity_pattern(leaky_rnn(3), X, 1)
    np.testing.assert_array_equal(found[0].influence, known.influence)


def test_inputs_that_are_not_floating_are_refused():
    with pytest.raises(TypeError, match="only found for floating inputs, got"):
        sparsity_pattern(elman(3), jax.ShapeDtypeStruct((2,), "int32"), 1)


def test_points_out_of_the_domain_do_not_count():
    """A root of a param is nan where the param is negative, an arc sine of 2 + h^2 everywhere."""

    def cell(function):
        def step(params, carry, x, *, key=None):
            h = jnp.sqrt(params) * jnp.sum(x) + function(2 + carry**2)
            return h, h

        return jb.Cell(lambda key, x: jnp.ones(3), lambda params, x: jnp.zeros(3), step)

    known, unknown = (sparsity_pattern(cell(f), X, None) for f in (jnp.sin, jnp.arcsin))
    np.testing.assert_array_equal(known.carried, np.eye(3, dtype=bool))
    np.testing.assert_array_equal(known.immediate, np.eye(3, dtype=bool))
    assert unknown.carried.all()
