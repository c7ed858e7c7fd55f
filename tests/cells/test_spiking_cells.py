"""Spiking cells, the slopes that stand for the derivative of a spike, and codes of spikes."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import alif, izhikevich, lif, surrogate, to_zero, unroll

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
RUN = jax.jit(lambda net, params, xs: net.apply(params, xs))
INPUTS, UNITS, STEPS = 3, 5, 60


# ---- surrogate gradients

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


# ---- equations


def generic(cell, inputs=INPUTS, scale=0.4):
    params = jax.jit(cell.init)(new_key(), jnp.ones(inputs))
    keys = iter(jax.random.split(jax.random.key(1), 6))
    return {n: a + scale * jax.random.normal(next(keys), a.shape) for n, a in params.items()}


def sequence(steps=STEPS, inputs=INPUTS):
    return jnp.abs(jax.random.normal(jax.random.key(2), (steps, inputs)))


def carries(cell, params, xs):
    def one(carry, x):
        carry, y = cell.step(params, carry, x)
        return carry, (carry, y)

    return jax.tree.map(np.asarray, jax.lax.scan(one, cell.carry(params, xs[0]), xs)[1])


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
    params, xs = generic(cell), sequence()
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
    params, xs = generic(cell), sequence()
    carry, ys = carries(cell, params, xs)
    rho = math.exp(-0.5 / 30)
    expected = simulated(params, xs, TAU, 0.9, rho, 0.4)
    for mine, theirs in zip(carry, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    assert 0.05 < ys.mean() < 0.8
    assert np.abs(simulated(params, xs, TAU, 0.9, rho, 0.3)[0] - carry.v).max() > 1e-2


def test_alif_without_adaptation_is_lif():
    options = {"tau": 7.0, "recurrent_init": None}
    params, xs = generic(lif(UNITS, **options)), sequence()
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
    params, xs = generic(alif(UNITS)), sequence(20)

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


# ---- behaviour


def driven(cell, currents, steps):
    """Spikes [currents, steps] of one unit each under constant currents."""
    params = {"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)}

    def one(current):
        return unroll(cell).apply(params, jnp.full((steps, 1), current))[:, 0]

    return np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(currents)))


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


def published(kind, current, steps):
    """Spike times by the program of Izhikevich 2003, which resets before it integrates."""
    v, u, found = -65.0, kind.b * -65.0, []
    for t in range(steps):
        if v >= 30:
            v, u = kind.c, u + kind.d
        v += 0.5 * (0.04 * v * v + 5 * v + 140 - u + current)
        v += 0.5 * (0.04 * v * v + 5 * v + 140 - u + current)
        u += kind.a * (kind.b * v - u)
        if v >= 30:
            found.append(t)
    return np.array(found)


KINDS = {
    name: getattr(jb.cells, name)
    for name in (
        "REGULAR_SPIKING", "INTRINSICALLY_BURSTING", "CHATTERING", "FAST_SPIKING",
        "LOW_THRESHOLD_SPIKING",
    )
}  # fmt: skip


def test_izhikevich_spikes_as_published():
    gaps = {}
    for name, kind in KINDS.items():
        cell = izhikevich(1, kind=kind, recurrent_init=None)
        (spikes,) = driven(cell, [10.0], 500)
        expected = published(kind, 10.0, 500)
        found = np.flatnonzero(spikes)
        # the last digits, which differ, grow with each spike of an irregular neuron
        early = len(expected) if name == "REGULAR_SPIKING" else 10
        np.testing.assert_array_equal(found[:early], expected[:early])
        assert len(found) == pytest.approx(len(expected), rel=0.2)
        gaps[name] = np.diff(expected)
    regular, fast = gaps["REGULAR_SPIKING"], gaps["FAST_SPIKING"]
    assert len(regular) + 1 == 10 and 1.5 * regular[0] < regular[1:].min()  # adapts
    assert len(fast) > 3 * len(regular) and fast[-9:].mean() < 1.1 * fast[:9].mean()  # does not
    chatter = gaps["CHATTERING"]
    assert chatter.min() <= 4 and chatter.max() > 20  # bursts
    bursting = gaps["INTRINSICALLY_BURSTING"]
    assert bursting[0] < 0.6 * bursting[-1]  # one burst, then regular
    silent = izhikevich(1, recurrent_init=None)
    assert not driven(silent, [2.0], 300).any()  # below the rheobase of about 4
    fine = driven(izhikevich(1, dt=0.25, recurrent_init=None), [10.0], 2000)
    assert fine.sum() == 12  # as with steps of 0.01 ms and one step of v


def test_izhikevich_is_its_equation():
    cell = izhikevich(UNITS, kind=jb.cells.Izhikevich(0.03, 0.22, -60.0, 5.0), dt=0.7)
    params, xs = generic(cell, scale=3.0), sequence(200) * 3
    carry, ys = carries(cell, params, xs)
    p = {name: np.asarray(value) for name, value in params.items()}
    v = np.full(UNITS, -65.0)
    u, z = 0.22 * v, np.zeros(UNITS)
    for t, x in enumerate(np.asarray(xs)):
        drive = x @ p["kernel"] + z @ p["recurrent"] + p["bias"]
        v, u = np.where(z > 0, -60.0, v), u + 5 * z
        for _ in range(2):
            v = v + 0.35 * (0.04 * v**2 + 5 * v + 140 - u + drive)
        u = u + 0.7 * 0.03 * (0.22 * v - u)
        z = (v >= 30).astype(float)
        np.testing.assert_array_equal(carry.spikes[t], z)
        np.testing.assert_allclose(carry.v[t], v, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(carry.u[t], u, rtol=1e-9, atol=1e-9)
    assert 0.005 < ys.mean() < 0.5


# ---- codes


def test_poisson_spikes():
    rates = jnp.array([0.0, 5.0, 40.0, 100.0])  # per second
    spikes = np.asarray(jb.cells.poisson_encode(new_key(), rates, 20_000, dt=0.01))
    chance = np.array([0.0, 0.05, 0.4, 1.0])
    error = np.sqrt(chance * (1 - chance) / 20_000)
    assert spikes.shape == (20_000, 4) and set(np.unique(spikes)) == {0.0, 1.0}
    assert np.all(np.abs(spikes.mean(axis=0) - chance) <= 4 * error)
    counts = spikes.reshape(400, 50, 4).sum(axis=1)[:, 1:3]
    fano = counts.var(axis=0) / counts.mean(axis=0)
    np.testing.assert_allclose(fano, 1 - chance[1:3], rtol=0.25)  # a Bernoulli process
    after = spikes[1:, 2][spikes[:-1, 2] == 1].mean()
    assert abs(after - 0.4) < 4 * error[2] / math.sqrt(0.4)  # no memory
    again = jb.cells.poisson_encode(new_key(), rates, 20_000, dt=0.01)
    np.testing.assert_array_equal(spikes, again)


def test_latency_is_the_first_spike_of_a_leaky_neuron():
    x = np.array([-0.3, 0.0, 0.25, 0.26, 0.3, 0.47, 0.9, 1.7, 40.0])
    tau, dt, steps = 6.0, 0.7, 25
    spikes = jb.cells.latency_encode(x, steps, tau=tau, threshold=0.25, dt=dt)
    alpha = math.exp(-dt / tau)
    cell = lif(1, tau=tau, dt=dt, threshold=0.25, recurrent_init=None)
    neurons = driven(cell, (1 - alpha) * x, steps)
    first = (np.cumsum(neurons, axis=1) == 1) & (neurons == 1)
    np.testing.assert_array_equal(np.asarray(spikes).T, first)
    assert np.asarray(spikes).sum(axis=0).tolist() == [0, 0, 0, 0 if steps < 28 else 1] + [1] * 5
    later = jb.cells.latency_encode(x, steps, tau=7.0, threshold=0.25, dt=dt)
    assert np.any(later != spikes)
    assert jb.cells.latency_encode(jnp.ones((2, 3), "int32"), 4).shape == (4, 2, 3)


def test_readouts():
    cell = jb.cells.leaky_integrator(2, tau=TAU[:2], dt=0.5)
    params, xs = generic(cell), sequence(9)
    y, expected = np.zeros(2), []
    for x in np.asarray(xs):
        y = np.exp(-0.5 / TAU[:2]) * y + x @ params["kernel"] + params["bias"]
        expected.append(y)
    ys = RUN(unroll(cell), params, xs)
    np.testing.assert_allclose(ys, expected, rtol=1e-12)
    assert np.abs(ys - np.cumsum(xs @ params["kernel"] + params["bias"][None], axis=0)).max() > 0.1
    rates = jb.cells.rate_readout(dt=0.25).apply((), jnp.array([[1, 0], [1, 1], [0, 0], [1, 0]]))
    assert rates.tolist() == [3.0, 1.0]


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
    (lambda: izhikevich(2, dt=2.0), "dt must be at most 1 ms"),
    (lambda: izhikevich(2, dt=0.0), "dt must be positive"),
    (lambda: unroll(lif(2)).apply(generic(lif(2)), jnp.ones((3, 4))), "made for 3 input features"),
    (lambda: surrogate.triangle(width=0.0), "triangle: width must be positive"),
    (lambda: surrogate.boxcar(width=-1.0), "boxcar: width must be positive"),
    (lambda: jb.cells.poisson_encode(new_key(), jnp.array([0.5, 1.2]), 5), "1 / dt.*0.5 to 1.2"),
    (lambda: jb.cells.poisson_encode(new_key(), jnp.array([-0.1]), 5), "shorter steps"),
    (lambda: jb.cells.poisson_encode(new_key(), jnp.array([0.1]), 0), "steps must be a positive"),
    (lambda: jb.cells.latency_encode(jnp.ones(2), 5, tau=0.5), "dt must be at most tau"),
    (lambda: jb.cells.latency_encode(jnp.ones(2), 5, threshold=0.0), "threshold must be positive"),
    (lambda: jb.cells.leaky_integrator(2, dt=21.0), "dt must be at most tau"),
    (lambda: jb.cells.rate_readout(dt=0.0), "dt must be positive"),
    (lambda: jb.cells.rate_readout().apply((), jnp.ones((0, 2))), "empty sequence"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("no_figures_left")
def test_a_raster_marks_each_spike():
    pytest.importorskip("matplotlib")
    import jaxbrain.viz as viz

    first, second = np.eye(4, 3), np.array([[0, 1], [1, 1], [0, 0], [0, 1]])
    ax = viz.raster({"a": first, "b": second}, dt=0.5)
    places = []
    for lines in ax.collections[:2]:
        places.append({(x, (low + high) / 2) for (x, low), (_, high) in lines.get_segments()})
    assert places[0] == {(0.0, 0.5), (0.5, 1.5), (1.0, 2.5)}
    times, rows = zip(*sorted(places[1]), strict=True)
    assert times == (0.0, 0.5, 0.5, 1.5) and len(set(rows)) == 2 and min(rows) > 3
    assert ax.get_ylim()[0] > ax.get_ylim()[1] == 0 and ax.get_xlabel() == "time (ms)"
    few = viz.raster([first, second], labels=["a", "b"], limit=2)
    assert [t.get_text() for t in few.get_yticklabels()] == ["a\n2 of 3", "b"]
    assert few.get_xlabel() == "time step"
    for bad, options, message in (
        ({"a": first, "b": second[:3]}, {}, "a has 4, b has 3"),
        (first, {"labels": "ab"}, "labels are 2, the populations 1"),
        (first[0], {}, "spikes must have 2 axes"),
        ({}, {}, "spikes is empty"),
        (first, {"dt": 0.0}, "dt must be positive"),
        (first, {"limit": 0}, "limit must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            viz.raster(bad, **options)


def test_refusal_of_a_type():
    with pytest.raises(TypeError, match=r"kind must be jb.cells.Izhikevich.*got str"):
        izhikevich(2, kind="RS")
