"""Asymmetric equilibrium propagation: its equilibrium by hand, and its limit over blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import asymmetric_equilibrium_propagation
from tests.learning.energy.equations import changes, exact, learn
from tests.theory import CE, HALF, distance, mlp, output_error, problem, same, tanh_slope, weights

pytestmark = pytest.mark.x64


def test_asymmetric_equilibrium_propagation_is_its_equation():
    """All states at once, s <- F(s) + s - (J - J^T)(s - s^0) - beta dL/ds, to the equilibrium."""
    net, beta = mlp(jnp.tanh), 0.1
    params, x, y = problem(net, HALF)
    ws = weights(params)

    def layers(s):
        pre = [a @ w + b[None] for a, (w, b) in zip([np.asarray(x), *s[:-1]], ws, strict=True)]
        return [*map(np.tanh, pre[:-1]), pre[-1]], [*map(tanh_slope, pre[:-1]), 1]

    free = [np.zeros((len(x), len(b))) for _, b in ws]
    for _ in ws:
        free, slopes = layers(free)
    slopes = layers(free)[1]
    s = free
    for _ in range(60):
        d = [a - b for a, b in zip(s, free, strict=True)]
        made = layers(s)[0]
        new = []
        for i in range(len(ws)):
            up = (d[i - 1] @ ws[i][0]) * slopes[i] if i else 0
            if i + 1 < len(ws):
                down = (d[i + 1] * slopes[i + 1]) @ ws[i + 1][0].T
            else:
                down = -beta * len(x) * output_error(HALF, s[i], y)
            new.append(made[i] - up + down)
        s = [(a + b) / 2 for a, b in zip(s, new, strict=True)]
    d = [(a - b) * slope / beta for a, b, slope in zip(s, free, slopes, strict=True)]
    rule = asymmetric_equilibrium_propagation(net, HALF, nudge=beta, steps=60)
    grads, state = learn(rule, params, x, y)
    same(grads, changes([np.asarray(x), *free[:-1]], d), rtol=1e-7)
    assert state.nudged < 1e-10 and state.free == 0


def test_the_gap_to_back_propagation_is_of_the_order_of_the_nudge_over_any_blocks():
    block = jb.residual(jb.serial(jb.layer_norm(), jb.dense(5), jb.elementwise(jnp.tanh)))
    net = jb.serial(jb.dense(5), block, jb.parallel(jb.dense(2), jb.dense(2)), jb.dense(3))
    params, x, y = problem(net, CE)
    truth = exact(net, CE, params, x, y)

    @jax.jit
    def grads(beta):
        rule = asymmetric_equilibrium_propagation(net, CE, nudge=beta, steps=20)
        return rule.grads(params, None, x, y)[1]

    gaps = [distance(grads(beta), truth) for beta in (1e-2, 1e-3)]
    assert gaps[0] < 0.1 and 8 < gaps[0] / gaps[1] < 12
