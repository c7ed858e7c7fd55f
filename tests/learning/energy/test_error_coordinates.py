"""Predictive coding in the coordinates of its errors: its equations, its fixed point, its depth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.learning import error_predictive_coding, predictive_coding
from tests.learning.energy.equations import changes, exact, learn, norm
from tests.theory import CE, HALF, distance, mlp, output_error, problem, same, tanh_slope, weights

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)


def activities(ws, x, errors):
    """The input of every layer and the output, and f_l' of each."""
    a, slopes = [np.asarray(x)], []
    for i, ((w, b), e) in enumerate(zip(ws, errors, strict=True)):
        h = a[-1] @ w + b[None]
        last = i == len(ws) - 1
        a.append((h if last else np.tanh(h)) + e)
        slopes.append(1 if last else tanh_slope(h))
    return a, slopes


def force_of(ws, x, y, errors, loss, nudge):
    """dF/de_l = e_l + nudge dL/dz_l."""
    a, slopes = activities(ws, x, errors)
    signal = nudge * len(x) * output_error(loss, a[-1], y)
    force = []
    for e, (w, _), slope in zip(errors[::-1], ws[::-1], slopes[::-1], strict=True):
        force.insert(0, e + signal)
        signal = (signal * slope) @ w.T
    return force, a, slopes


def test_error_predictive_coding_is_its_equations():
    params, x, y = problem(NET, CE)
    ws = weights(params)
    errors = [np.zeros((len(x), len(b))) for _, b in ws]
    first = force_of(ws, x, y, errors, CE, 0.3)[0]
    for _ in range(4):
        force = force_of(ws, x, y, errors, CE, 0.3)[0]
        errors = [e - 0.2 * g for e, g in zip(errors, force, strict=True)]
    force, a, slopes = force_of(ws, x, y, errors, CE, 0.3)
    change = changes(a[:-1], [e * s for e, s in zip(errors, slopes, strict=True)])
    grads, state = learn(
        error_predictive_coding(NET, CE, nudge=0.3, steps=4, step_size=0.2), params, x, y
    )
    same(grads, [(k / 0.3, b / 0.3) for k, b in change])
    np.testing.assert_allclose(state.residual, norm(force) / norm(first), rtol=1e-10)
    assert np.all(state.signal > 1e15) and not np.any(state.unreached)


def test_one_step_is_its_size_times_back_propagation():
    params, x, y = problem(NET, HALF)
    truth = exact(NET, HALF, params, x, y)
    for nudge, gap in ((1e-9, 1e-8), (2.0, 0.1)):
        rule = error_predictive_coding(NET, HALF, nudge=nudge, steps=1, step_size=0.25)
        grads = jax.tree.map(lambda g: 4 * g, learn(rule, params, x, y)[0])
        # the activities below the first block are the input, for any nudge
        assert distance(grads[0], truth[0]) < 1e-12 and distance(grads, truth) < gap * 10
    assert distance(grads, truth) > gap


def test_at_rest_it_is_predictive_coding():
    params, x, y = problem(NET, HALF)
    params = jax.tree.map(lambda p: 0.5 * p, params)
    options = {"nudge": 0.3, "step_size": 0.2}
    grads, state = learn(error_predictive_coding(NET, HALF, steps=300, **options), params, x, y)
    want = learn(predictive_coding(NET, HALF, steps=1000, **options), params, x, y)[0]
    assert state.residual < 1e-12 and distance(grads, want) < 1e-10
    assert distance(want, exact(NET, HALF, params, x, y)) > 0.05  # the control: not backprop
