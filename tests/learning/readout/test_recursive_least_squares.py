"""Recursive least squares: ridge regression after every step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.learning.readout.recursive_least_squares import least_squares, least_squares_step
from tests.learning.readout.least_squares import closed_form

pytestmark = pytest.mark.x64


def test_recursive_least_squares_is_ridge_regression_after_each_step():
    rng = np.random.default_rng(0)
    r, y, begin = rng.normal(size=(30, 6)), rng.normal(size=(30, 2)), rng.normal(size=(6, 2))
    state = least_squares(jnp.asarray(begin), penalty=0.3)

    def one(state, pair):
        state, error = least_squares_step(state, *pair)
        return state, (state, error)

    _, (states, errors) = jax.lax.scan(one, state, (jnp.asarray(r), jnp.asarray(y)))
    before = begin
    for n in range(30):
        weights = closed_form(r[: n + 1], y[: n + 1], begin, 0.3)
        np.testing.assert_allclose(states.weights[n], weights, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(errors[n], r[n] @ before - y[n], atol=1e-8)
        before = weights
    inverse = np.linalg.inv(r.T @ r + 0.3 * np.eye(6))
    np.testing.assert_allclose(states.inverse[-1], inverse, rtol=1e-8)
    assert np.abs(weights - closed_form(r, y, begin, 0.4)).max() > 1e-4


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="penalty"):
        least_squares(jnp.ones((2, 1)), penalty=-1.0)
    with pytest.raises(ValueError, match="must fit weights"):
        least_squares_step(least_squares(jnp.ones((2, 1))), jnp.ones(2), jnp.ones(2))
