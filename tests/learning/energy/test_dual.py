"""Dual propagation: its two states by hand, the order of its bias, its derivative and rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import dual_propagation
from jaxbrain.learning.energy.dual import dyads
from tests.learning.energy.equations import changes, exact, learn
from tests.theory import CE, distance, mlp, output_error, problem, same, tanh_slope, weights

pytestmark = pytest.mark.x64


def by_hand(ws, x, y, nudge, alpha, steps):
    """The mean states and the differences s+ - s- of every layer with tanh, the output linear."""
    m, last = [np.asarray(x)], len(ws) - 1
    d, u = [None] * len(ws), [np.zeros(len(b)) for _, b in ws]

    def states(i):
        w, b = ws[i]
        h = m[i] @ w + b[None]
        if i == last:
            return h, h
        return np.tanh(h + alpha * u[i]), np.tanh(h - (1 - alpha) * u[i])

    def mean(i):
        plus, minus = states(i)
        return (1 - alpha) * plus + alpha * minus

    for _ in range(steps):
        for i in range(len(ws)):
            m[i + 1 :] = [mean(i)]
        d[last] = -nudge * len(x) * output_error(CE, m[-1], y)
        for i in reversed(range(last)):
            u[i] = d[i + 1] @ ws[i + 1][0].T
            plus, minus = states(i)
            d[i], m[i + 1] = plus - minus, mean(i)
    return m, d


@pytest.mark.parametrize(("alpha", "steps"), [(0.3, 3), (1.0, 1)])
def test_dual_propagation_is_its_equations(alpha, steps):
    net, nudge = mlp(jnp.tanh), 0.7
    params, x, y = problem(net, CE)
    m, d = by_hand(weights(params), x, y, nudge, alpha, steps)
    rule = dual_propagation(net, CE, nudge=nudge, balance=alpha, steps=steps)
    grads, state = learn(rule, params, x, y)
    same(grads, [(k / nudge, b / nudge) for k, b in changes(m[:-1], d)])
    assert state.free == 0 and (state.nudged == 0) == (alpha == 1)  # s- is the forward pass


def turned(a):
    """Its Jacobian is not symmetric."""
    return jnp.tanh(jnp.roll(a, 1))


def test_the_bias_is_of_second_order_for_symmetric_nudges_over_any_blocks():
    block = jb.residual(jb.serial(jb.layer_norm(), jb.dense(5), jb.elementwise(jnp.tanh)))
    net = jb.serial(
        jb.conv(2, 3), jb.elementwise(jnp.tanh), jb.max_pool(2), jb.flatten(), jb.dense(5),
        jb.elementwise(turned), block, jb.elementwise(jax.nn.softmax), jb.dense(3),
    )  # fmt: skip
    params, x, y = problem(net, CE, shape=(4, 4, 1))
    truth = exact(net, CE, params, x, y)

    @jax.jit
    def grads(nudge, balance):
        rule = dual_propagation(net, CE, nudge=nudge, balance=balance)
        return rule.grads(params, None, x, y)[1]

    for balance, ratio in ((0.5, 4), (1.0, 2), (0.2, 2)):
        gaps = [distance(grads(nudge, balance), truth) for nudge in (0.2, 0.1)]
        assert gaps[0] < 0.1 and abs(gaps[0] / gaps[1] - ratio) < 0.1 * ratio


def test_a_difference_lost_to_rounding_is_the_derivative():
    a, u = jnp.full((1, 1), 0.7, "float32"), jnp.full((1, 1), 1e-12, "float32")
    assert jnp.tanh(a + u) == jnp.tanh(a)  # the control: the states are equal
    _, difference = dyads(jnp.tanh, a, u, 0.5)
    np.testing.assert_allclose(difference, tanh_slope(0.7) * 1e-12, rtol=1e-6)
