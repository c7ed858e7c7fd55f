"""Lagrangian predictive coding: its equations, and exact gradients at rest for any nudge."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import lagrangian_predictive_coding, predictive_coding
from tests.learning.energy.equations import changes, exact, learn, mild
from tests.theory import CE, HALF, distance, mlp, output_error, problem, same, tanh_slope, weights

pytestmark = pytest.mark.x64


def predictions(ws, x, z):
    """f_l(z_{l-1}) of each layer, and f_l'."""
    pre = [a @ w + b[None] for a, (w, b) in zip([np.asarray(x), *z[:-1]], ws, strict=True)]
    return [*map(np.tanh, pre[:-1]), pre[-1]], [*map(tanh_slope, pre[:-1]), np.ones_like(pre[-1])]


def test_lagrangian_predictive_coding_is_its_equations():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    ws, nudge, rho, rate = weights(params), 0.4, 1.5, 0.6
    z = []
    for i, (w, b) in enumerate(ws):
        h = (z[-1] if z else np.asarray(x)) @ w + b[None]
        z.append(h if i == len(ws) - 1 else np.tanh(h))
    multipliers = [np.zeros_like(a) for a in z]
    for _ in range(3):
        coming = [None] * len(z)
        m = -nudge * len(x) * output_error(CE, z[-1], y)
        for i in reversed(range(len(z))):
            coming[i], (made, slopes) = m, predictions(ws, x, z)
            m = (m * slopes[i]) @ ws[i][0].T
            z[i] = made[i] + (coming[i] - multipliers[i]) / rho
        made, slopes = predictions(ws, x, z)
        multipliers = [
            u + rate * rho * (a - f) for u, a, f in zip(multipliers, z, made, strict=True)
        ]
    change = changes([np.asarray(x), *z[:-1]], [m * s for m, s in zip(coming, slopes, strict=True)])
    options = {"nudge": nudge, "steps": 3, "penalty": rho, "multiplier_step": rate}
    grads, state = learn(lagrangian_predictive_coding(net, CE, **options), params, x, y)
    same(grads, [(k / nudge, b / nudge) for k, b in change])
    assert not np.any(state.unreached)


@pytest.mark.parametrize("nudge", [0.1, 1.0])
def test_at_rest_it_is_the_gradient_of_a_linear_network_for_any_nudge(nudge):
    net = jb.serial(jb.dense(5), jb.residual(jb.dense(5)), jb.dense(3))
    params, x, y = mild(net, HALF)
    options = {"steps": 300, "penalty": 40.0 * nudge, "multiplier_step": 0.5}
    rule = lagrangian_predictive_coding(net, HALF, nudge=nudge, **options)
    grads, state = learn(rule, params, x, y)
    truth = exact(net, HALF, params, x, y)
    assert distance(grads, truth) < 1e-9 and state.residual < 1e-9
    other = predictive_coding(net, HALF, nudge=nudge, steps=400, step_size=0.05)
    assert distance(learn(other, params, x, y)[0], truth) > 0.02  # the control: no multipliers
