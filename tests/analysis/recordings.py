"""Recordings of known dependence that tests of decoders share."""

import numpy as np


def recording(time=120, units=6, outputs=2, seed=0):
    """Movement from the present and the last bin, with noise; units of different scales."""
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(time, units)) * np.arange(1, units + 1) + 5
    weights = rng.normal(size=(2 * units, outputs)) / np.tile(np.arange(1, units + 1), 2)[:, None]
    past = np.concatenate([activity[:1], activity[:-1]])
    movement = np.concatenate([activity, past], axis=1) @ weights
    return activity, movement + 3 * rng.normal(size=movement.shape)
