"""Linearization of a step: Jacobians by pullbacks, counters in the carry, noise drawn again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning.online.linearization import linearize, real_state

pytestmark = pytest.mark.x64

W = np.array([[1.0, 2.0], [0.5, -1.0]])


def counting():
    """s_t = s_{t-1} W + x + noise, y = 3 s_{t-1}, and a counter of steps."""

    def step(params, carry, x, *, key=None):
        noise = 0 if key is None else jax.random.normal(key, x.shape)
        return (carry[0] + 1, carry[1] @ params + x + noise), 3 * carry[1]

    return jb.Cell(lambda key, x: W, lambda params, x: (jnp.array(0), jnp.zeros(2)), step)


def test_a_linear_step_and_its_derivatives():
    carry, x = (jnp.array(4), jnp.array([1.0, -2.0])), jnp.ones(2)
    (steps, state), y, linearized = linearize(counting(), jnp.asarray(W), carry, x, None)
    assert steps == 5
    np.testing.assert_allclose(state, np.array([1.0, -2.0]) @ W + 1)
    np.testing.assert_allclose(y, [3.0, -6.0])
    direct, step = linearized(jnp.array([1.0, 10.0]), None)
    np.testing.assert_array_equal(direct, np.zeros((2, 2)))
    np.testing.assert_allclose(step.credit, [3.0, 30.0])
    np.testing.assert_allclose(step.back_from_output(jnp.array([0.0, 1.0])), [0.0, 3.0])
    v = np.array([1.0, 2.0])
    entering, carried = step.back(jnp.asarray(v))
    np.testing.assert_allclose(entering, np.outer([1.0, -2.0], v).ravel())
    np.testing.assert_allclose(carried, W @ v)
    np.testing.assert_allclose(step.move(step.params, 2 * step.state), [2.0, -4.0] @ W + 1)


def test_a_step_that_is_made_again_has_the_same_noise():
    carry, x = (jnp.array(0), jnp.zeros(2)), jnp.zeros(2)
    after, _, linearized = linearize(counting(), jnp.asarray(W), carry, x, jax.random.key(3))
    _, step = linearized(jnp.zeros(2), None)
    np.testing.assert_array_equal(step.move(step.params, step.state), after[1])
    assert np.abs(after[1]).min() > 1e-3


def test_a_complex_carry_is_refused():
    with pytest.raises(TypeError, match="need a real carry"):
        real_state((jnp.ones(2), jnp.zeros(2, complex)))
