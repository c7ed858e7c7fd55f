"""Integrate-and-fire cells: their equations, gradients and firing rates."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import alif, lif, surrogate, to_zero, unroll
from tests.cells.reference import carries, driven, positive_sequence, spiking_params

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)
RUN = jax.jit(lambda net, params, xs: net.apply(params, xs))
UNITS = 5


def simulated(params, xs, tau, threshold, rho=0.0, beta=0.0, zero=False):
    """v, a, z of each step by the equations of Bellec et al."""
    p = {name: np.asarray(value) for name, value in params.items()}
    v = a = z = np.zeros(UNITS)
    alpha, found = np.exp(-0.5 / np.asarray(tau)), []
    for x in np.asarray(xs):
        kept = alpha * v * (1 - z) if zero else alpha * v - threshold * z
        v, a = kept + x @ p["kernel"] + z @ p["recurrent"] + p["bias"], rho * a + z
        z = (v >= threshold + beta * a).astype(float)
        found.append((v, a, z))
    return [np.stack(part) for part in zip(*found, strict=True)]


TAU = np.array([3.0, 5.0, 8.0, 11.0, 20.0])


@pytest.mark.parametrize(("reset", "zero"), [(jb.cells.subtract, False), (to_zero, True)])
def test_lif_is_its_equation(reset, zero):
    cell = lif(UNITS, tau=TAU, dt=0.5, threshold=1.3, reset=reset)
    params, xs = spiking_params(cell), positive_sequence()
    (v, z), ys = carries(cell, params, xs)
    expected = simulated(params, xs, TAU, 1.3, zero=zero)
    np.testing.assert_allclose(v, expected[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(z, expected[2])
    np.testing.assert_array_equal(ys, z)
    assert 0.05 < z.mean() < 0.8
    for other in ({"zero": not zero}, {"tau": 1.1 * TAU}, {"threshold": 0.6}):
        changed = simulated(params, xs, **{"tau": TAU, "threshold": 1.3, "zero": zero, **other})
        assert np.abs(changed[0] - v).max() > 1e-2


def test_alif_is_its_equation():
    cell = alif(UNITS, tau=TAU, tau_adaptation=30.0, beta=0.4, dt=0.5, threshold=0.9)
    params, xs = spiking_params(cell), positive_sequence()
    carry, ys = carries(cell, params, xs)
    rho = math.exp(-0.5 / 30)
    expected = simulated(params, xs, TAU, 0.9, rho, 0.4)
    for mine, theirs in zip(carry, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    assert 0.05 < ys.mean() < 0.8
    assert np.abs(simulated(params, xs, TAU, 0.9, rho, 0.3)[0] - carry.v).max() > 1e-2


def test_alif_without_adaptation_is_lif():
    options = {"tau": 7.0, "recurrent_init": None}
    params, xs = spiking_params(lif(UNITS, **options)), positive_sequence()
    assert set(params) == {"kernel", "bias"}
    plain = RUN(unroll(lif(UNITS, **options)), params, xs)
    np.testing.assert_array_equal(RUN(unroll(alif(UNITS, beta=0.0, **options)), params, xs), plain)
    adaptive = RUN(unroll(alif(UNITS, beta=0.5, **options)), params, xs)
    assert 0 < adaptive.sum() < 0.9 * plain.sum()


def test_gradients_are_those_of_the_slope():
    """A straight-through spike made of stop_gradient instead of a custom rule."""

    def through(v):
        slope = jax.lax.stop_gradient(0.5 * jnp.exp(-jnp.abs(v)))
        still = jax.lax.stop_gradient((v >= 0).astype(v.dtype))
        return still + slope * (v - jax.lax.stop_gradient(v))

    mine = surrogate._spike(lambda v: 0.5 * jnp.exp(-jnp.abs(v)))
    params, xs = spiking_params(alif(UNITS)), positive_sequence(20)

    def grads(spike, **options):
        net = unroll(alif(UNITS, surrogate=spike, beta=0.3, **options))
        weight = jnp.cos(jnp.arange(20.0 * UNITS)).reshape(20, UNITS)
        return jax.jit(jax.grad(lambda p: jnp.sum(weight * net.apply(p, xs))))(params)

    expected = grads(through)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11), grads(mine), expected)

    def detached(v, spikes, threshold):
        return v - threshold * jax.lax.stop_gradient(spikes)

    cut = grads(mine, reset=detached)
    assert np.abs(cut["recurrent"] - expected["recurrent"]).max() > 1e-3


def intervals(spikes):
    return np.diff(np.flatnonzero(spikes))


def test_lif_follows_the_analytic_rate():
    """f = 1 / (tau log(I / (I - threshold))), in steps: the ceiling of its inverse, exactly."""
    tau, threshold, steps = 20.0, 1.3, 2000
    currents = np.array([0.7, 1.29, 1.33, 1.5, 2.1, 3.7, 9.1])
    for dt in (1.0, 0.05):
        alpha = math.exp(-dt / tau)
        cell = lif(1, tau=tau, dt=dt, threshold=threshold, reset=to_zero, recurrent_init=None)
        spikes = driven(cell, (1 - alpha) * currents, steps)
        assert not spikes[:2].any()
        period = tau * np.log(currents[2:] / (currents[2:] - threshold))
        wanted = np.ceil(period / dt)
        for train, gap in zip(spikes[2:], wanted, strict=True):
            assert np.flatnonzero(train)[0] == gap - 1 and set(intervals(train)) <= {gap}
        rates = spikes[2:].sum(axis=1) / (steps * dt)
        if dt == 0.05:
            np.testing.assert_allclose(rates[2:], 1 / period[2:], rtol=0.05)
    kept = lif(1, tau=tau, dt=1.0, threshold=threshold, recurrent_init=None)
    faster = driven(kept, (1 - math.exp(-1 / tau)) * currents[-1:], steps)
    assert faster.sum() > steps / np.ceil(tau * math.log(9.1 / 7.8))


def test_alif_adapts():
    cell = alif(1, tau_adaptation=100.0, beta=0.3, recurrent_init=None)
    (adapting,), (steady,) = (
        driven(cell, [0.2], 600),
        driven(lif(1, recurrent_init=None), [0.2], 600),
    )
    gaps = intervals(adapting)
    assert gaps[-5:].mean() > 1.5 * gaps[0]
    assert np.all(np.diff(gaps[:4]) >= 0) and gaps[-8:].std() < 2
    assert np.ptp(intervals(steady)[1:]) <= 1
    assert adapting.sum() < 0.6 * steady.sum()


REFUSED = [
    (lambda: lif(0), "units must be a positive integer"),
    (lambda: lif(2, tau=0.0), "lif: tau must be positive, got 0.0"),
    (lambda: lif(2, tau=np.array([5.0, -1.0])), "tau must be positive"),
    (lambda: lif(2, tau=np.ones(3)), r"tau must be one number or of shape \(2,\), got \(3,\)"),
    (lambda: lif(2, dt=-1.0), "dt must be positive, got -1.0"),
    (lambda: lif(2, dt=30.0), "dt must be at most tau, got dt=30.0 and tau=20.0"),
    (lambda: lif(2, threshold=0.0), "threshold must be positive"),
    (lambda: alif(2, tau_adaptation=0.5), "dt must be at most tau_adaptation"),
    (lambda: alif(2, beta=-0.1), "beta must not be negative"),
    (lambda: unroll(lif(2)).apply(spiking_params(lif(2)), jnp.ones((3, 4))), "for 3 input"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
