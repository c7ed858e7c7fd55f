"""Activity without rotations: smooth in time and nothing else."""

import numpy as np

CONDITIONS, TIMES, UNITS = 9, 20, 12


def smooth(seed=0, width=2.5, units=UNITS):
    """Each unit, each condition for itself: nothing but smoothness in time."""
    rng = np.random.default_rng(seed)
    t = np.arange(TIMES)
    kernel = np.exp(-((t[:, None] - t) ** 2) / (2 * width**2))
    return np.einsum("ts,csn->ctn", kernel, rng.normal(size=(CONDITIONS, TIMES, units)))
