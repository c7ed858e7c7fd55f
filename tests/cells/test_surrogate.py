"""Surrogate gradients: a step forward, a slope backward."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.cells import surrogate

pytestmark = pytest.mark.x64
SLOPES = {
    "triangle": ({"gain": 0.4, "width": 0.7}, lambda v: 0.4 * max(0, 1 - abs(v) / 0.7), 0.28),
    "fast_sigmoid": ({"scale": 7.0}, lambda v: 1 / (1 + 7 * abs(v)) ** 2, 2 / 7),
    "arctan": ({"scale": 3.0}, lambda v: 1.5 / (1 + (math.pi * 1.5 * v) ** 2), 1),
    "gaussian": (
        {"width": 0.3}, lambda v: math.exp(-v * v / 0.18) / math.sqrt(0.18 * math.pi), 1,
    ),
    "boxcar": ({"width": 0.8}, lambda v: 1.25 if abs(v) < 0.4 else 0.0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPES)
def test_a_spike_is_a_step_with_a_slope(name):
    options, closed_form, area = SLOPES[name]
    spike = getattr(surrogate, name)(**options)
    v = jnp.concatenate([jnp.linspace(-2.03, 2.01, 41), jnp.array([0.0, -1e-300, 1e-300])])
    np.testing.assert_array_equal(spike(v), np.where(np.asarray(v) >= 0, 1.0, 0.0))
    expected = np.array([closed_form(float(x)) for x in v])
    tangent = jnp.sin(jnp.arange(44.0))
    forward = jax.jvp(spike, (v,), (tangent,))
    backward = jax.vjp(spike, v)[1](tangent)[0]
    np.testing.assert_array_equal(forward[0], spike(v))
    np.testing.assert_allclose(forward[1], expected * tangent, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(backward, forward[1], rtol=1e-13)
    np.testing.assert_allclose(jax.vmap(jax.grad(spike))(v), expected, rtol=1e-12, atol=1e-15)
    dense = np.linspace(-300, 300, 600_001)
    slope = np.asarray(jax.jvp(spike, (jnp.asarray(dense),), (jnp.ones(600_001),))[1])
    assert np.trapezoid(slope, dense) == pytest.approx(area, rel=2e-3)
    other = getattr(surrogate, name)()
    assert np.abs(jax.vmap(jax.grad(other))(v) - expected).max() > 0.01
    assert spike(jnp.zeros(2, "bfloat16")).dtype == jnp.bfloat16


def test_without_a_surrogate_nothing_is_learned():
    assert jax.grad(lambda v: jnp.heaviside(v, 1.0))(0.1) == 0
    assert jax.grad(surrogate.triangle())(0.1) > 0


def test_slopes_may_be_swept():
    slope = jax.vmap(lambda scale: jax.grad(surrogate.fast_sigmoid(scale=scale))(0.5))
    np.testing.assert_allclose(slope(jnp.array([2.0, 6.0])), [0.25, 1 / 16])


REFUSED = [
    (lambda: surrogate.triangle(width=0.0), "triangle: width must be positive"),
    (lambda: surrogate.boxcar(width=-1.0), "boxcar: width must be positive"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
