"""Action selection: the authors' equations and the five results of their abstract."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.cells import scan
from jaxbrain.motor import (
    BasalGanglia,
    Pathways,
    Selection,
    Thalamocortical,
    basal_ganglia,
    gate,
    nuclei_rates,
    selection,
)

pytestmark = pytest.mark.x64
CHANNELS, SECOND = 6, 100
OPEN = 0.05  # the output of the basal ganglia below which a channel is selected


def salience(*values):
    return np.pad(np.array(values, float), (0, CHANNELS - len(values)))


@pytest.fixture(scope="module")
def play():
    """(saliences one a second, dopamine, competition) -> inhibition, thalamus at each end."""

    def course(saliences, dopamine, between):
        cell = selection(loop=Thalamocortical(reticular_other=between))
        carry = cell.carry((), saliences[0])
        carry = carry._replace(ganglia=carry.ganglia._replace(dopamine=dopamine))

        def second(carry, x):
            carry, ys = scan(cell, (), carry, jnp.broadcast_to(x, (SECOND, CHANNELS)))
            return carry, (nuclei_rates(carry.ganglia).gpi, ys[-1])

        return jax.lax.scan(second, carry, saliences)[1]

    run = jax.jit(jax.vmap(course))

    def cases(courses, dopamine=0.2, between=-0.7):
        """Courses shorter than five seconds begin with rest; six at once, one compiled shape."""
        full = [[salience()] * (5 - len(c)) + list(c) for c in courses]
        full = np.stack(full + full[:1] * (6 - len(full)))
        levels = np.broadcast_to(np.asarray(dopamine, float), (len(courses),))
        levels = np.pad(levels, (0, 6 - len(courses)))
        gpi, thalamus = run(jnp.asarray(full), jnp.asarray(levels), jnp.full(6, between))
        return np.asarray(gpi)[: len(courses)], np.asarray(thalamus)[: len(courses)]

    return cases


def selected(inhibition):
    return [set(np.flatnonzero(one < OPEN)) for one in inhibition]


def authors(a, xs, dopamine, w, k, ganglia, dt):
    """The authors' script (ModelDB 83562), written again: order cortex, VL, TRN, then ganglia."""

    def ramp(a, e):
        return np.clip(a - e, 0, 1)

    def slopes(a, c):
        cortex, vl, trn = (ramp(a[i], 0) for i in range(3))
        d1, d2, stn, gpe, gpi = (
            ramp(a[3 + i], e) for i, e in enumerate((0.2, 0.2, -0.25, -0.2, -0.2))
        )
        elsewhere = np.array([sum(trn[j] for j in range(len(c)) if j != i) for i in range(len(c))])
        given = c * w["sal"] + cortex * w["ctx"]
        u = [
            c * w["sal_ctx"] + vl * w["vl_ctx"],
            cortex * w["ctx_vl"] + gpi * w["gpi_vl"] + trn * w["within"] + elsewhere * w["between"],
            cortex * w["ctx_trn"] + vl * w["vl_trn"],
            given * (1 + dopamine),
            given * (1 - dopamine),
            given - gpe,
            stn.sum() * ganglia[0] - d2,
            stn.sum() * ganglia[1] - d1 + gpe * ganglia[2],
        ]
        return k * (np.stack(u) - a)

    for x in xs:
        one = slopes(a, x)
        two = slopes(a + dt / 2 * one, x)
        three = slopes(a + dt / 2 * two, x)
        a = a + dt / 6 * (one + 2 * two + 2 * three + slopes(a + dt * three, x))
    return a


def test_the_equations_are_the_authors():
    rng = np.random.default_rng(0)
    names = ("sal_ctx", "sal", "ctx", "ctx_vl", "vl_ctx", "gpi_vl", "ctx_trn", "vl_trn")
    names += ("within", "between")
    values = rng.uniform(0.4, 0.9, 10) * np.sign(Thalamocortical())
    cell = selection(dt=0.008, tau=0.05, dopamine=0.3, loop=Thalamocortical(*map(float, values)))
    a, xs = rng.uniform(0, 0.5, (8, 4)), rng.uniform(0.2, 0.8, (6, 4))
    rows = [jnp.asarray(row) for row in a]
    state = Selection(*rows[:3], BasalGanglia(*rows[3:], jnp.asarray(0.3)))
    last, y = jax.jit(lambda s, x: scan(cell, (), s, x))(state, jnp.asarray(xs))
    w = dict(zip(names, values, strict=True))
    wanted = authors(a, xs, 0.3, w, 1 / 0.05, (0.8, 0.8, -0.4), 0.008)
    ours = np.stack([*last[:3], *last.ganglia[:5]])
    np.testing.assert_allclose(ours, wanted, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(y[-1], np.clip(wanted[1], 0, 1), atol=1e-13)
    for name in names:  # control: each weight counts
        other = authors(a, xs, 0.3, {**w, name: 1.1 * w[name]}, 20, (0.8, 0.8, -0.4), 0.008)
        assert np.abs(other - wanted).max() > 1e-4, name


def test_it_rests_without_input():
    cell = selection()
    start = cell.carry((), jnp.zeros(CHANNELS))
    after, y = cell.step((), start, jnp.zeros(CHANNELS))
    for a, b in zip(jax.tree.leaves(start), jax.tree.leaves(after), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)
    np.testing.assert_array_equal(y, 0)
    assert nuclei_rates(start.ganglia).gpi[0] > 2 * OPEN


def test_the_most_salient_channel_wins_and_a_stronger_one_takes_over(play):
    """The authors' script: 0.4 on the first channel, then 0.6 on the second."""
    gpi, thalamus = play([[salience(0.4), salience(0.4, 0.6)], [salience(0.4), salience(0.4)]])
    assert selected(gpi[0]) == [set(), set(), set(), {0}, {1}]
    assert [np.argmax(y) for y in thalamus[0][3:]] == [0, 1]
    np.testing.assert_allclose(thalamus[0][3:, 2:], 0, atol=1e-12)
    assert selected(gpi[1])[-1] == {0}  # control
    others = [salience(0, 0, 0.5, 0.3), salience(0.1, 0.2, 0.3, 0.7)]
    assert [s[-1] for s in map(selected, play([[x] for x in others])[0])] == [{2}, {3}]


def test_low_saliences_are_selected_but_not_the_lowest(play):
    """Result one of the paper: "low salience actions could be selected", by the loop."""
    gpi, thalamus = play([[salience(0.2)] * 2, [salience(0.05)] * 2])
    assert selected(gpi[0])[-1] == {0} and thalamus[0, -1, 0] > 0.5
    assert selected(gpi[1])[-1] == set() and thalamus[1, -1].max() < 0.01
    alone, x = (
        basal_ganglia(pathways=Pathways(stn_gpe=0.8, stn_gpi=0.8, gpe_gpi=-0.4)),
        salience(0.2),
    )
    _, y = scan(alone, (), alone.carry((), x), jnp.tile(jnp.asarray(x), (2 * SECOND, 1)))
    assert y[-1].min() > OPEN  # control: not by the basal ganglia alone


def test_the_reticular_nucleus_widens_the_contrast(play):
    """Results two and three: clean switching, by the competition in the reticular nucleus."""
    course = [[salience(0.4), salience(0.4, 0.6)], [salience(0.5), salience(0.5, 0.7)]]
    whole, without = play(course)[0][:, -1], play(course, between=0.0)[0][:, -1]
    contrast = [gpi[:, 0] - gpi[:, 1] for gpi in (whole, without)]
    assert np.all(contrast[0] > 3 * contrast[1] - 0.02) and np.all(contrast[0] > 0.15)
    thalamus = play(course)[1][:, -1], play(course, between=0.0)[1][:, -1]
    assert np.all(thalamus[0][:, 0] == 0) and np.all(thalamus[1][:, 0] > 0.8)


def test_a_transient_does_not_interrupt_unless_it_is_strong(play):
    """Result four: what was selected stays through a weak transient, not through a strong one."""
    rest, ongoing = salience(0.4), salience(0.4, 0.6)
    weak = [rest, ongoing, salience(0.6, 0.6), ongoing]
    strong = [rest, ongoing, salience(0.95, 0.6), ongoing]
    gpi, _ = play([weak, strong])
    assert selected(gpi[0])[2:] == [{1}, {1}, {1}]
    assert selected(gpi[1])[2:] == [{1}, {0}, selected(gpi[1])[4]]
    without, _ = play([weak], between=0.0)
    assert selected(without[0])[3] != {1}  # control: the reticular nucleus does it


def test_the_ongoing_action_outlasts_a_close_rival(play):
    """Result five, hysteresis: under the same saliences, the one that came first."""
    close = salience(0.5, 0.55)
    first = [salience(0.5), close, close]
    second = [salience(0, 0.55), close, close]
    strong = [salience(0.5), salience(0.5, 0.7), salience(0.5, 0.7)]
    gpi, thalamus = play([first, second, strong])
    assert [s[-1] for s in map(selected, gpi)] == [{0}, {1}, {1}]
    assert [np.argmax(y[-1]) for y in thalamus] == [0, 1, 1]
    without, _ = play([first, second], between=0.0)
    np.testing.assert_allclose(without[0, -1], without[1, -1], atol=1e-3)  # control: no memory


def test_little_dopamine_selects_nothing_and_much_selects_several(play):
    lone, pair = [salience(0.2)] * 2, [salience(0.4, 0.4)] * 2
    gpi, thalamus = play([lone, lone, pair, pair], dopamine=[0.0, 0.2, 0.2, 0.6])
    assert [s[-1] for s in map(selected, gpi)] == [set(), {0}, set(), {0, 1}]
    assert thalamus[0, -1].max() < 0.05 and thalamus[1, -1, 0] > 0.5


@pytest.mark.slow
def test_less_dopamine_is_later():
    """The time until the channel opens falls with dopamine, and has a gradient."""
    cell, x = selection(), jnp.asarray(salience(0.4))

    @jax.jit
    @jax.vmap
    @jax.value_and_grad
    def opened(dopamine):
        carry = cell.carry((), x)
        carry = carry._replace(ganglia=carry.ganglia._replace(dopamine=dopamine))

        def one(carry, _):
            carry, _ = cell.step((), carry, x)
            return carry, gate(nuclei_rates(carry.ganglia).gpi, threshold=0.1)[0]

        return jnp.sum(jax.lax.scan(one, carry, None, SECOND)[1]) / SECOND

    h = 1e-6
    levels = np.array([0.0, 0.15, 0.2, 0.3, 0.15 + h, 0.15 - h])
    value, slope = opened(jnp.asarray(levels))
    assert value[0] == 0 and np.all(np.diff(value[:4]) > 0.02)
    numeric = float(value[4] - value[5]) / (2 * h)
    assert float(slope[1]) == pytest.approx(numeric, rel=1e-4) and numeric > 0.1


def test_single_precision_refusals_and_names():
    cell, x = selection(), jnp.zeros(3, jnp.float32)
    carry, y = cell.step((), cell.carry((), x), x)
    assert {leaf.dtype.name for leaf in jax.tree.leaves((carry, y))} == {"float32"}
    assert cell == selection() and cell != selection(dopamine=0.1)
    assert repr(selection(dopamine=0.1)) == "motor.selection(dopamine=0.1)"
    with pytest.raises(ValueError, match="selection: dopamine must be from 0 to 1"):
        selection(dopamine=-0.1)
    with pytest.raises(ValueError, match="dt must be at most tau"):
        selection(dt=0.1)
    with pytest.raises(ValueError, match=r"must have the shape \[channels\]"):
        cell.carry((), jnp.zeros((2, 3)))
    with pytest.raises(ValueError, match="3 channels of the carry"):
        cell.step((), carry, jnp.zeros(4))
