"""What pictures are drawn from: parameters and histories of no training."""

import itertools

import numpy as np

from jaxbrain.analysis import FixedPoints, Result
from jaxbrain.training import History


def params_of(*sizes, convert=np.asarray):
    rng = np.random.default_rng(1)
    return tuple(
        {
            "kernel": convert(rng.normal(size=(m, n)).astype("float32")),
            "bias": convert(rng.normal(size=n).astype("float32")),
        }
        for m, n in itertools.pairwise(sizes)
    )


def history_of(convert=np.asarray, seeds=(), epochs=6):
    loss = convert(np.geomspace(2.0, 0.1, epochs) * np.ones((*seeds, 1)))
    accuracy = convert(np.linspace(0.3, 0.9, epochs) * np.ones((*seeds, 1)))
    return History(loss, convert(np.ones((epochs, 4)) * 0.5), {"accuracy": accuracy}, None)


def points_of(convert=np.asarray):
    """Two stable points and the saddle between them, of two units."""
    jacobian = np.array([np.diag([0.5, 0.2]), np.diag([0.5, 0.2]), np.diag([1.5, 0.2])])
    values = np.diagonal(jacobian, axis1=1, axis2=2).astype(complex)
    states = convert(np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]], "float32"))
    kinds = np.array(["stable node", "stable node", "saddle"])
    counts = np.ones(3, int)
    return FixedPoints(states, states, np.zeros(3), jacobian, values, kinds, counts, 0)


def result(values, seconds=1.0, angles=None):
    every = np.tile(np.asarray(values, float)[:, None], (1, 2))
    loss = np.ones_like(every)
    return Result(None, None, History(loss, loss[..., None], {"score": every}, angles), seconds)
