"""Predictive coding with a nudged output: its equations in NumPy, step by step, and its limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import centered_predictive_coding, predictive_coding
from jaxbrain.learning.energy.predictive import nudged
from tests.learning.energy.equations import exact, learn, norm, nudged_forces, relaxed
from tests.theory import CE, HALF, distance, mlp, problem, run_forward, same, weights

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)
losses = pytest.mark.parametrize("loss", [HALF, CE], ids=["half", "ce"])


def by_hand(params, x, y, loss, *, nudge, steps, size):
    """dF/dW, the residual and the energy after some steps from the feed-forward activities."""
    ws = weights(params)
    z = run_forward(ws, x, np.tanh)[1][1:]
    first = nudged_forces(ws, x, y, z, loss, nudge)[0]
    for _ in range(steps):
        force = nudged_forces(ws, x, y, z, loss, nudge)[0]
        z = [a - size * g for a, g in zip(z, force, strict=True)]
    force, change, energy = nudged_forces(ws, x, y, z, loss, nudge)
    return change, norm(force) / norm(first), energy


@losses
def test_predictive_coding_is_its_equations(loss):
    params, x, y = problem(NET, loss)
    change, residual, energy = by_hand(params, x, y, loss, nudge=0.3, steps=4, size=0.17)
    rule = predictive_coding(NET, loss, nudge=0.3, steps=4, step_size=0.17)
    value, grads, state = jax.jit(rule.grads)(params, None, x, y)
    same(grads, [(k / 0.3, b / 0.3) for k, b in change])
    np.testing.assert_allclose([state.residual, state.energy], [residual, energy], rtol=1e-10)
    output = run_forward(weights(params), x, np.tanh)[1][-1]
    mean = np.mean([loss(jnp.asarray(o), t) for o, t in zip(output, y, strict=True)])
    np.testing.assert_allclose(value, mean, rtol=1e-12)


def test_centered_predictive_coding_is_its_equations():
    params, x, y = problem(NET, CE)
    plus, minus = (by_hand(params, x, y, CE, nudge=b, steps=4, size=0.17) for b in (0.3, -0.3))
    rule = centered_predictive_coding(NET, CE, nudge=0.3, steps=4, step_size=0.17)
    grads, state = learn(rule, params, x, y)
    pairs = zip(plus[0], minus[0], strict=True)
    same(grads, [((k - m) / 0.6, (b - c) / 0.6) for (k, b), (m, c) in pairs])
    want = [max(plus[1], minus[1]), (plus[2] + minus[2]) / 2]
    np.testing.assert_allclose([state.residual, state.energy], want, rtol=1e-10)


@losses
def test_the_gap_to_backprop_is_of_the_order_of_the_nudge(loss):
    params, x, y = problem(NET, loss)
    truth = exact(NET, loss, params, x, y)

    @jax.jit
    def run(nudge):
        rule = predictive_coding(NET, loss, nudge=nudge, steps=2000, step_size=0.2)
        return rule.grads(params, None, x, y)[1:]

    gaps = []
    for nudge in (1e-1, 1e-2, 1e-3):
        grads, state = run(nudge)
        assert state.residual < 1e-10  # at equilibrium: the gap is that of the nudge
        gaps.append(distance(grads, truth))
    assert 5 < gaps[0] / gaps[1] < 15 and 9 < gaps[1] / gaps[2] < 11, gaps
    assert gaps[0] > 0.01


@losses
@pytest.mark.slow
def test_the_gap_of_the_centered_rule_is_of_the_order_of_the_nudge_squared(loss):
    params, x, y = problem(NET, loss)
    truth = exact(NET, loss, params, x, y)

    def gap(nudge):
        rule = centered_predictive_coding(NET, loss, nudge=nudge, steps=4000, step_size=0.25)
        return rule.grads(params, None, x, y)[1:]

    grads, state = jax.jit(jax.vmap(gap))(jnp.array([3e-2, 3e-3, 3e-4]))
    assert np.all(state.residual < 1e-7)
    gaps = [distance(jax.tree.map(lambda g, i=i: g[i], grads), truth) for i in range(3)]
    slopes = -np.diff(np.log10(gaps))
    assert abs(slopes[0] - 2) < 0.3 and abs(slopes[1] - 2) < 0.05, slopes


def test_the_residual_falls_to_zero_and_shows_a_step_size_too_large():
    params, x, y = problem(NET, HALF)

    @jax.jit
    def run(steps, size):
        return relaxed(nudged, NET, HALF, params, x, y, nudge=0.5, steps=steps, step_size=size)[1]

    residuals = [float(run(steps, 0.2).residual) for steps in (0, 3, 30, 300, 3000)]
    assert residuals[0] == pytest.approx(1)
    assert np.all(np.diff(residuals) < 0) and residuals[-1] < 1e-12
    assert run(3000, 0.2).energy < run(0, 0.2).energy
    assert run(30, 0.1).residual < 0.5 and not run(30, 3.0).residual < 1


def test_a_target_that_is_met_causes_no_relaxation():
    net = jb.serial(jb.dense(3), jb.elementwise(jax.nn.relu), jb.dense(2))
    params, x, _ = jax.tree.map(lambda a: jnp.round(4 * a), problem(net, HALF))  # exact in floats
    y = jax.vmap(lambda a: net.apply(params, a))(x)
    value, grads, state = jax.jit(predictive_coding(net, HALF).grads)(params, None, x, y)
    assert value == 0 and state.residual == 0 and np.abs(y).max() > 1
    assert all(np.all(g == 0) for g in jax.tree.leaves(grads))


@pytest.mark.slow
def test_nudge_and_step_size_can_be_swept_and_differentiated():
    params, x, y = problem(NET, HALF)

    @jax.jit
    def size_of_gradient(nudge, step_size):
        rule = predictive_coding(NET, HALF, nudge=nudge, steps=3, step_size=step_size)
        return sum(jnp.sum(g**2) for g in jax.tree.leaves(rule.grads(params, None, x, y)[1]))

    swept = jax.vmap(size_of_gradient)(jnp.array([0.1, 0.2]), jnp.array([0.1, 0.15]))
    np.testing.assert_allclose(swept[1], size_of_gradient(0.2, 0.15), rtol=1e-10)
    slope = jax.jit(jax.grad(size_of_gradient, 1))(0.1, 0.1)
    above, below = size_of_gradient(0.1, 0.1 + 1e-6), size_of_gradient(0.1, 0.1 - 1e-6)
    np.testing.assert_allclose(slope, (above - below) / 2e-6, rtol=1e-5)


@pytest.mark.slow
def test_convolutions_relax_towards_backprop():
    tanh = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.conv(3, 3), tanh, jb.max_pool(2), jb.flatten(), jb.dense(3))
    params, x, y = problem(net, CE, shape=(4, 4, 1))
    rule = predictive_coding(net, CE, nudge=1e-4, steps=300, step_size=0.2)
    assert distance(learn(rule, params, x, y)[0], exact(net, CE, params, x, y)) < 1e-3


@pytest.mark.parametrize("make", [predictive_coding, centered_predictive_coding])
@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"nudge": 0.0}, ValueError),
        ({"nudge": float("nan")}, ValueError),
        ({"steps": 0}, ValueError),
        ({"steps": 2.5}, ValueError),
        ({"steps": True}, TypeError),
        ({"step_size": 0}, ValueError),
        ({"step_size": np.ones(2)}, TypeError),
        ({"stepsize": 0.1}, TypeError),
        ({"descent": "safe"}, TypeError),
    ],
    ids=str,
)
def test_options_out_of_range_are_named(make, wrong, error):
    with pytest.raises(error, match=next(iter(wrong))):
        make(NET, HALF, **wrong)
