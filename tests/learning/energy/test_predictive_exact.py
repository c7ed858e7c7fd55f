"""Predictive coding that equals back-propagation: equations in NumPy, exactness, controls."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import fixed_prediction_coding, zero_divergence_inference_learning
from jaxbrain.learning.energy.inference import forward_pass
from jaxbrain.learning.energy.predictive_clamped import clamped
from jaxbrain.learning.energy.predictive_exact import learn_in_time
from tests.learning.energy.equations import clamped_forces, exact, learn
from tests.theory import (
    CE,
    HALF,
    convnet,
    distance,
    mlp,
    output_error,
    problem,
    run_forward,
    same,
    tanh_slope,
    weights,
)

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)
losses = pytest.mark.parametrize("loss", [HALF, CE], ids=["half", "ce"])
chains = pytest.mark.parametrize(
    "net, shape", [(NET, (4,)), (convnet(), (9, 9, 2))], ids=["mlp", "conv"]
)


@losses
@chains
@pytest.mark.slow
def test_fixed_predictions_relax_to_backprop(net, shape, loss):
    params, x, y = problem(net, loss, shape=shape)
    truth = exact(net, loss, params, x, y)
    gaps, hidden = {}, sum(map(bool, params)) - 1
    for steps, size in (100, 0.5), (100, 1.5), (hidden, 1.0), (3, 0.5):
        rule = fixed_prediction_coding(net, loss, steps=steps, step_size=size)
        grads, state = learn(rule, params, x, y)
        gaps[steps, size] = distance(grads, truth), state.residual
    assert all(max(gaps[k]) < 1e-12 for k in gaps if k != (3, 0.5)), gaps
    assert min(gaps[3, 0.5]) > 1e-2, gaps


def test_fixed_predictions_are_their_equations():
    params, x, y = problem(NET, CE)
    ws = weights(params)
    z, a = run_forward(ws, x, np.tanh)
    top = -output_error(CE, a[-1], y) * 7
    slopes = [tanh_slope(p) for p in z[:-1]] + [1]
    errors = [np.zeros_like(h) for h in a[1:-1]]

    def force(errors):
        above = [e * s for e, s in zip([*errors[1:], top], slopes[1:], strict=True)]
        return [d @ w.T - e for d, (w, _), e in zip(above, ws[1:], errors, strict=True)]

    first = force(errors)
    for _ in range(3):
        errors = [e + 0.3 * d for e, d in zip(errors, force(errors), strict=True)]
    deltas = [e * s / 7 for e, s in zip([*errors, top], slopes, strict=True)]
    rule = fixed_prediction_coding(NET, CE, steps=3, step_size=0.3)
    value, grads, state = jax.jit(rule.grads)(params, None, x, y)
    same(grads, [(-i.T @ d, -d.sum(0)) for i, d in zip(a[:-1], deltas, strict=True)])
    norm = [np.sqrt(sum(np.sum(d**2) for d in ds)) for ds in (force(errors), first)]
    np.testing.assert_allclose(state.residual, norm[0] / norm[1], rtol=1e-10)
    energy = float(value) + sum(np.sum(e**2) for e in errors) / 14
    np.testing.assert_allclose(state.energy, energy, rtol=1e-10)


@losses
@chains
@pytest.mark.slow
def test_zero_divergence_is_backprop_at_its_times_only(net, shape, loss):
    params, x, y = problem(net, loss, shape=shape)
    truth = exact(net, loss, params, x, y)
    grads, _ = learn(zero_divergence_inference_learning(net, loss), params, x, y)
    assert distance(grads, truth) < 1e-14

    def at(step_size, times):
        def run(params):
            model = clamped(forward_pass(net, params, x), loss, y)
            return learn_in_time(model, params, step_size=step_size, times=times)[0]

        return distance(jax.jit(run)(params), truth)

    if loss is HALF:
        return
    *above, first = range(sum(map(bool, params)))
    times = [first, *reversed(above)]
    assert at(1, times) < 1e-14
    assert at(0.9, times) > 1e-2  # another step size
    assert at(1, [first + 1, *times[1:]]) > 1e-3  # the first layer too late
    assert at(1, [*times[:-1], 1]) > 1e-3  # the last


def test_zero_divergence_with_weights_that_change_at_their_times():
    """As published: W_l changes in place, during the inference."""
    alpha = 0.3
    params, x, y = problem(NET, CE)
    ws = start = weights(params)
    z = run_forward(ws, x, np.tanh)[1][1:-1]
    for t in range(3):
        force, change, _ = clamped_forces(ws, x, y, z, CE)
        g, h = change[2 - t]
        ws = [(w - alpha * g, b - alpha * h) if i == 2 - t else (w, b)
              for i, (w, b) in enumerate(ws)]  # fmt: skip
        z = [a - d for a, d in zip(z, force, strict=True)]
    rule = zero_divergence_inference_learning(NET, CE)
    moved = [((w - v) / alpha, (b - c) / alpha) for (w, b), (v, c) in zip(start, ws, strict=True)]
    same(learn(rule, params, x, y)[0], moved, rtol=1e-8)


@pytest.mark.parametrize("make", [fixed_prediction_coding, zero_divergence_inference_learning])
def test_a_single_layer_learns_by_the_delta_rule(make):
    net = jb.serial(jb.flatten(), jb.dense(3))
    params, x, y = problem(net, HALF)
    grads, state = learn(make(net, HALF), params, x, y)
    assert distance(grads, exact(net, HALF, params, x, y)) < 1e-14 and state.residual == 0


@pytest.mark.parametrize("wrong", [{"step_size": 2.0}, {"steps": True}], ids=str)
def test_numbers_out_of_range_are_named(wrong):
    with pytest.raises((TypeError, ValueError), match=f"{next(iter(wrong))} must be"):
        fixed_prediction_coding(NET, CE, **wrong)
