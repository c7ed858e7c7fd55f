"""Influence of n steps: Menick's equations in NumPy, for matrices kept whole and by columns."""

import jax
import numpy as np
import pytest

from jaxbrain import learning
from jaxbrain.cells import connected, elman
from jaxbrain.learning import over_time
from jaxbrain.learning.online.jacobian_sparsity import sparsity_pattern
from tests.learning.online.problem import (
    INPUTS,
    LOSS,
    READOUT,
    error,
    gradients,
    numpy_of,
    params_of,
    sequence,
)

pytestmark = pytest.mark.x64

UNITS = 5
RING = np.eye(UNITS) + np.roll(np.eye(UNITS), 1, axis=1)  # to itself and to the next unit
CELL = connected(elman(UNITS), RING > 0)


def by_hand(params, n):
    """S_t = mask (I_t + D_t S_{t-1}) and g_t = dL_t/dh_t S_t, summed over bias, kernel, recurrent.

    S is ``[unit, input or unit or one, unit that the weight enters]``.
    """
    cell, readout = params
    recurrent = cell["recurrent"] * RING
    distance = (np.arange(UNITS)[:, None] - np.arange(UNITS)[None]) % UNITS
    mask = (distance < n)[:, None, :]  # n - 1 steps along the ring from the unit that is entered
    h, total = np.zeros(UNITS), 0.0
    influence = np.zeros((UNITS, 1 + INPUTS + UNITS, UNITS))
    for x, y in zip(*sequence(), strict=True):
        entering = np.concatenate([[1.0], x, h])
        h = np.tanh(x @ cell["kernel"] + h @ recurrent + cell["bias"])
        slope = 1 - h**2
        carried = slope[:, None] * recurrent.T
        immediate = np.eye(UNITS)[:, None, :] * (slope[:, None, None] * entering[None, :, None])
        influence = mask * (
            immediate + np.tensordot(carried, influence * np.ones_like(immediate), 1)
        )
        error = h @ readout["kernel"] + readout["bias"] - y  # of the mean over two outputs
        total = total + np.tensordot(readout["kernel"] @ error, influence, 1)
    bias, kernel, weights = np.split(total / len(sequence()[0]), [1, 1 + INPUTS])
    return np.concatenate([bias[0], kernel.ravel(), (weights * RING).ravel()])


def test_snap_by_hand():
    """On a ring: n = 1 and 2 by columns, n = 3 the whole matrix, n = 5 all there is."""
    ns = (1, 2, 3, UNITS)
    rules = [learning.snap(CELL, READOUT, LOSS, n=n) for n in ns]
    params = params_of(over_time(rules[0]).network, scale=0.8, seed=8)
    *found, exact = gradients(*rules, params=params)
    for n, whole in zip(ns, found, strict=True):
        cut = whole[: sum(leaf.size for leaf in jax.tree.leaves(params[0]))]
        np.testing.assert_allclose(cut, by_hand(numpy_of(params), n), rtol=1e-9, atol=1e-13)
    assert error(found[-1], exact) < 1e-12
    assert all(error(cut, exact) > 0.01 for cut in found[:-1])
    x = jax.ShapeDtypeStruct((INPUTS,), "float64")
    patterns = [sparsity_pattern(CELL, x, n) for n in ns]
    assert [pattern.dense for pattern in patterns] == [False, False, True, True]
    assert [pattern.width for pattern in patterns] == list(ns)
    assert [pattern.closed for pattern in patterns] == [False, False, False, True]
