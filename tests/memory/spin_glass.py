"""Random couplings and states that tests of Hopfield networks share."""

import numpy as np


def symmetric(seed, n):
    """Random couplings of both signs, without a diagonal: a spin glass."""
    w = np.random.default_rng(seed).normal(size=(n, n))
    w = (w + w.T) / np.sqrt(2 * n)
    np.fill_diagonal(w, 0)
    return w


def draw(shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def energy(w, s):
    return -0.5 * s @ w @ s
