"""Contrastive Hebbian learning against its equation in NumPy, and its limit back-propagation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.learning import contrastive_hebbian
from tests.learning.energy.equations import correlations, equilibrium, exact, learn, mild
from tests.theory import HALF, distance, mlp, same, weights

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)
LONG = {"steps": 100, "clamped_steps": 100}


def test_contrastive_hebbian_is_its_equation():
    params, x, y = mild(NET, HALF)
    ws, gain, nx = weights(params), 0.6, np.asarray(x)
    clamped = correlations(nx, equilibrium(ws, nx, gain, lambda h, o: np.asarray(y)), gain)
    free = correlations(nx, equilibrium(ws, nx, gain, lambda h, o: h), gain)
    rule = contrastive_hebbian(NET, HALF, feedback_gain=gain, **LONG)
    grads, state = learn(rule, params, x, y)
    pairs = zip(free, clamped, strict=True)
    same(grads, [(k - m, b - c) for (k, b), (m, c) in pairs], rtol=1e-7)
    assert state.free < 1e-12 and state.nudged < 1e-12


@pytest.mark.slow
def test_it_becomes_backprop_as_the_feedback_goes():
    params, x, y = mild(NET, HALF)
    truth = exact(NET, HALF, params, x, y)

    @jax.jit
    def grads(gain):
        rule = contrastive_hebbian(NET, HALF, feedback_gain=gain, **LONG)
        return rule.grads(params, None, x, y)[1]

    gap = np.array([distance(grads(g)[0], truth[0]) for g in (1.0, 1e-1, 1e-2, 1e-3)])
    np.testing.assert_allclose(gap[1:-1] / gap[2:], 10, rtol=0.1)
    assert gap[0] > 0.2 and gap[-1] < 1e-3
