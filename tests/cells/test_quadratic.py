"""Izhikevich neurons: the published program and its firing patterns."""

from functools import partial

import jax
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import izhikevich
from tests.cells.reference import carries, driven, positive_sequence, spiking_params

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)
UNITS = 5


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
    params, xs = spiking_params(cell, scale=3.0), positive_sequence(200) * 3
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


def test_refusal_of_a_type():
    with pytest.raises(TypeError, match=r"kind must be an Izhikevich such as .*, got 'RS'"):
        izhikevich(2, kind="RS")


REFUSED = [
    (lambda: izhikevich(2, dt=2.0), "dt must be at most 1 ms"),
    (lambda: izhikevich(2, dt=0.0), "dt must be positive"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
