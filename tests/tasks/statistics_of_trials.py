"""Many trials of a task, and means within their standard error."""

import math

import jax
import numpy as np


def many(task, n=4000, seed=1):
    return jax.jit(jax.vmap(task.sample))(jax.random.split(jax.random.key(seed), n))


def within(values, expected, errors=3.0):
    """The mean is as expected, within so many standard errors."""
    values = np.asarray(values, float)
    return abs(values.mean() - expected) < errors * values.std() / math.sqrt(len(values))
