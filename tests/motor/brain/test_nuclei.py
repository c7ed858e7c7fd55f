"""The basal ganglia: closed forms, published values, the equations, dopamine and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import scan
from jaxbrain.motor import BasalGanglia, Pathways, Thresholds, basal_ganglia, gate, nuclei_rates

pytestmark = pytest.mark.x64
CHANNELS = 6
ONE = np.array([0.4, 0, 0, 0, 0, 0])
TWO = np.array([0.4, 0.6, 0, 0, 0, 0])


@pytest.fixture(scope="module")
def rates_at_rest():
    """(saliences [cases, channels], dopamine [cases]) -> rates after two seconds."""
    cell = basal_ganglia()

    def one(x, dopamine):
        start = cell.carry((), x)
        start = start._replace(stn=start.stn + 0.1, gpi=start.gpi + 0.2, dopamine=dopamine)
        return nuclei_rates(scan(cell, (), start, jnp.broadcast_to(x, (200, CHANNELS)))[0])

    run = jax.jit(jax.vmap(one))

    def cases(xs, dopamine):
        return run(*(jnp.asarray(np.resize(v, s)) for v, s in ((xs, (3, 6)), (dopamine, (3,)))))

    return cases


def numpy_flow(a, x, dopamine, w, theta, tau):
    """The equations, in NumPy, nucleus by nucleus; a is ``[5, channels]``."""
    y = np.clip(a - np.array(theta)[:, None], 0, 1)
    d1, d2, stn, gpe, _ = y
    u = np.stack(
        [
            w.cortex_d1 * x * (1 + dopamine),
            w.cortex_d2 * x * (1 - dopamine),
            w.cortex_stn * x + w.gpe_stn * gpe,
            w.stn_gpe * stn.sum() + w.d2_gpe * d2,
            w.stn_gpi * stn.sum() + w.d1_gpi * d1 + w.gpe_gpi * gpe,
        ]
    )
    return (u - a) / tau


def numpy_steps(a, xs, dopamine, w, theta, tau, dt):
    for x in xs:
        one = numpy_flow(a, x, dopamine, w, theta, tau)
        two = numpy_flow(a + dt / 2 * one, x, dopamine, w, theta, tau)
        three = numpy_flow(a + dt / 2 * two, x, dopamine, w, theta, tau)
        four = numpy_flow(a + dt * three, x, dopamine, w, theta, tau)
        a = a + dt / 6 * (one + 2 * two + 2 * three + four)
    return a


def test_the_rest_without_input_is_the_closed_form(rates_at_rest):
    """z = 0.9 * 6 y + 0.2 and y = 0.25 - z, with y of STN and z of GPe."""
    z = (0.9 * 6 * 0.25 + 0.2) / (1 + 0.9 * 6)
    wanted = {"stn": 0.25 - z, "gpe": z, "gpi": 0.9 * 6 * (0.25 - z) - 0.3 * z + 0.2}
    assert wanted == pytest.approx({"stn": 0.0078125, "gpe": 0.2421875, "gpi": 0.16953125})
    begins = nuclei_rates(basal_ganglia().carry((), jnp.zeros(CHANNELS)))
    ends = rates_at_rest(0 * ONE, 0.2)
    for nucleus, value in wanted.items():
        np.testing.assert_allclose(getattr(begins, nucleus), value, atol=1e-14)
        np.testing.assert_allclose(getattr(ends, nucleus), value, atol=1e-9)
    np.testing.assert_array_equal(ends.d1, 0)
    other = nuclei_rates(basal_ganglia().carry((), jnp.zeros(5)))
    assert abs(other.stn[0] - wanted["stn"]) > 1e-3  # control: it depends on the channels


def test_published_values_of_one_salient_channel(rates_at_rest):
    gpi = rates_at_rest(ONE, [0.0, 0.2, 0.5]).gpi
    np.testing.assert_allclose(gpi[:, 0], [0.216, 0.085, 0.0], atol=1e-3)
    for channel in range(1, CHANNELS):
        np.testing.assert_allclose(gpi[:, channel], [0.356, 0.329, 0.289], atol=1e-3)
    still = rates_at_rest(0 * ONE, 0.2).gpi[0]
    assert gpi[1, 0] < still[0] - 0.05 and np.all(gpi[1, 1:] > still[1:] + 0.05)
    assert np.abs(gpi[0] - gpi[1]).max() > 0.02  # control: dopamine matters


def test_a_more_salient_channel_takes_over(rates_at_rest):
    before, after = rates_at_rest(ONE, 0.2).gpi[0], rates_at_rest(TWO, 0.2).gpi[0]
    np.testing.assert_allclose(after[:2], [0.234, 0.042], atol=1e-3)
    assert np.argmin(before) == 0 and np.argmin(after) == 1
    weaker = rates_at_rest(np.array([0.4, 0.2, 0, 0, 0, 0]), 0.2).gpi[0]
    assert np.argmin(weaker) == 0  # control


def test_dopamine_makes_selection_easier():
    """Monotone in dopamine; with several strong channels, several are let go at much of it."""
    cell, levels = basal_ganglia(), jnp.linspace(0, 1, 6)

    @jax.jit
    def inhibition(x):
        def at(dopamine):
            start = cell.carry((), x)._replace(dopamine=dopamine)
            return scan(cell, (), start, jnp.broadcast_to(x, (200, CHANNELS)))[1][-1]

        return jax.vmap(at)(levels)

    lone, pair = inhibition(jnp.asarray(ONE)), inhibition(jnp.asarray(TWO))
    assert np.all(np.diff(lone[:, 0]) <= 1e-12) and lone[0, 0] > 0.2 and lone[-1, 0] == 0
    assert np.all(np.diff(pair[:, 1]) <= 1e-12)
    open_ = np.asarray(pair < 0.05).sum(1)
    assert open_[0] == 0 and open_[1] == 1 and open_[-1] == 2
    assert np.all(inhibition(jnp.zeros(CHANNELS)) > 0.1)  # control: nothing opens by itself


@pytest.mark.parametrize("channels", [3, 9])
def test_the_equations_at_generic_values(channels):
    rng = np.random.default_rng(channels)
    w = Pathways(*(float(v) for v in rng.uniform(0.5, 1.5, 9) * np.sign(Pathways())))
    theta = Thresholds(0.11, 0.17, -0.3, -0.15, -0.22)
    cell = basal_ganglia(dt=0.007, tau=0.05, dopamine=0.37, pathways=w, thresholds=theta)
    a, xs = rng.uniform(0, 0.6, (5, channels)), rng.uniform(0.3, 1, (8, channels))
    state = BasalGanglia(*map(jnp.asarray, a), jnp.asarray(0.37))
    last, y = jax.jit(lambda s, x: scan(cell, (), s, x))(state, jnp.asarray(xs))
    wanted = numpy_steps(a, xs, 0.37, w, theta, 0.05, 0.007)
    np.testing.assert_allclose(np.stack(last[:5]), wanted, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(y[-1], np.clip(wanted[4] - theta.gpi, 0, 1), atol=1e-13)
    for i in range(9):  # control: each of the weights counts
        turned = w._replace(**{Pathways._fields[i]: 1.1 * w[i]})
        other = numpy_steps(a, xs, 0.37, turned, theta, 0.05, 0.007)
        assert np.abs(other - wanted).max() > 1e-3, Pathways._fields[i]


def test_the_rest_is_one_for_other_weights_too():
    w = Pathways(gpe_stn=-0.8, stn_gpe=0.7, stn_gpi=0.6, gpe_gpi=-0.2)
    theta = Thresholds(stn=-0.3, gpe=-0.1, gpi=-0.15)
    cell = basal_ganglia(pathways=w, thresholds=theta)
    start = cell.carry((), jnp.zeros(4))
    after, _ = cell.step((), start, jnp.zeros(4))
    for a, b in zip(start, after, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)
    moved, _ = basal_ganglia().step((), start, jnp.zeros(4))
    assert np.abs(moved.gpi - start.gpi).max() > 1e-3  # control


def test_halving_the_step_converges_and_many_channels_come_to_rest():
    x = jnp.zeros(12).at[3].set(0.7).at[5].set(0.5)

    def at_the_end(steps):
        cell = basal_ganglia(dt=0.1 / steps, tau=0.04)
        run = jax.jit(lambda x: scan(cell, (), cell.carry((), x), jnp.tile(x, (steps, 1)))[0].gpi)
        return run(x)

    exact = at_the_end(640)
    error = [np.abs(at_the_end(steps) - exact).max() for steps in (10, 20, 40)]
    assert error[0] < 0.01 and error[2] < error[1] < error[0] and error[2] < 0.2 * error[0]
    # control: Euler's method swings for ever at this step and so many channels
    w, theta = Pathways(), Thresholds()
    a, path = np.stack(basal_ganglia().carry((), jnp.zeros(12))[:5]) + 0.01, []
    for _ in range(400):
        a = a + 0.01 * numpy_flow(a, np.zeros(12), 0.2, w, theta, 0.04)
        path.append(a)
    assert np.ptp(np.stack(path)[-50:], axis=0).max() > 0.05
    ours = numpy_steps(a, np.zeros((400, 12)), 0.2, w, theta, 0.04, 0.01)
    assert np.abs(ours - np.stack(basal_ganglia().carry((), jnp.zeros(12))[:5])).max() < 1e-6


def test_the_gradient_for_dopamine():
    cell, x = basal_ganglia(), jnp.asarray(ONE)

    @jax.jit
    def inhibition(dopamine):
        start = cell.carry((), x)._replace(dopamine=dopamine)
        return scan(cell, (), start, jnp.broadcast_to(x, (20, CHANNELS)))[1][-1, 0]

    slope, h = jax.jit(jax.grad(inhibition)), 1e-5
    for level in (0.1, 0.25):
        numeric = float(inhibition(level + h) - inhibition(level - h)) / (2 * h)
        assert slope(level) == pytest.approx(numeric, rel=1e-6) and numeric < -0.2
    assert inhibition(1.0) == 0 and slope(1.0) == 0  # clipped: flat


def test_dopamine_stays_and_a_step_is_what_a_scan_does():
    cell, xs = basal_ganglia(dopamine=0.3), jnp.tile(jnp.asarray(TWO), (4, 1))
    carry = cell.carry((), xs[0])
    last, ys = scan(cell, (), carry, xs)
    for x in xs:
        carry, y = cell.step((), carry, x)
    np.testing.assert_allclose(y, ys[-1], atol=1e-14)
    assert last.dopamine == 0.3 and carry.dopamine == 0.3
    assert cell == basal_ganglia(dopamine=0.3) and cell != basal_ganglia()
    assert repr(cell) == "motor.basal_ganglia(dopamine=0.3)" and repr(basal_ganglia()) == (
        "motor.basal_ganglia()"
    )


def test_saliences_and_levels_are_vmapped_and_constants_may_be_traced():
    cell = basal_ganglia()
    xs = jnp.asarray(np.random.default_rng(0).uniform(size=(3, CHANNELS)))

    @jax.jit
    @jax.vmap
    def run(x, tau, weight):
        cell = basal_ganglia(tau=tau, pathways=Pathways(d1_gpi=weight))
        return scan(cell, (), cell.carry((), x), jnp.broadcast_to(x, (10, CHANNELS)))[1][-1]

    together = run(xs, jnp.array([0.04, 0.04, 0.08]), jnp.array([-1.0, -1.0, -0.5]))
    alone = scan(cell, (), cell.carry((), xs[1]), jnp.tile(xs[1], (10, 1)))[1][-1]
    np.testing.assert_allclose(together[1], alone, atol=1e-13)
    changed = scan(cell, (), cell.carry((), xs[2]), jnp.tile(xs[2], (10, 1)))[1][-1]
    assert np.abs(together[2] - changed).max() > 1e-2


def test_single_precision_and_integers():
    cell = basal_ganglia()
    for x in (jnp.ones(4, jnp.float32), jnp.ones(4, jnp.int32)):
        carry, y = cell.step((), cell.carry((), x), x)
        assert {leaf.dtype.name for leaf in jax.tree.leaves((carry, y))} == {"float32"}
    assert cell.init(jax.random.key(0), jax.ShapeDtypeStruct((4,), "float32")) == ()


def test_the_gate():
    y = jnp.array([0.0, 0.03, 0.05, 0.4])
    np.testing.assert_allclose(gate(y, threshold=0.05), [1, 0.4, 0, 0], atol=1e-12)
    assert jax.grad(lambda y: gate(y, threshold=0.1))(0.04) == pytest.approx(-10)
    with pytest.raises(ValueError, match="threshold must be positive"):
        gate(y, threshold=0.0)


def test_bad_arguments_are_refused():
    for options, match in (
        ({"dt": 0.05}, "dt must be at most tau"),
        ({"tau": -1.0}, "tau must be positive"),
        ({"dopamine": 1.2}, "dopamine must be .*from 0 to 1, got 1.2"),
        ({"dopamine": jnp.array([0.1, 0.2])}, "dopamine must be one number, .*vmap"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"basal_ganglia: {match}|{match}"):
            basal_ganglia(**options)
    cell, x = basal_ganglia(), jnp.zeros(CHANNELS)
    for bad in (jnp.zeros((2, 3)), jnp.zeros(())):
        with pytest.raises(ValueError, match=r"must have the shape \[channels\]"):
            cell.carry((), bad)
    with pytest.raises(ValueError, match="6 channels of the carry"):
        cell.step((), cell.carry((), x), jnp.zeros(5))
    with pytest.raises(ValueError, match="too long for 400 channels"):
        cell.carry((), jnp.zeros(400))
    assert jb.motor.basal_ganglia(dt=0.001).carry((), jnp.zeros(400)).gpi.shape == (400,)
