"""Many trials of every reaching task, in NumPy."""

import functools
from functools import partial

import jax
import numpy as np

from jaxbrain.motor.tasks import (
    center_out,
    curl_field_task,
    delayed_reach,
    perturbed_reach,
    random_target,
)

new_key = partial(jax.random.key, 0)
PERIODS = {"hold_steps": 4, "movement_steps": 7, "rest_steps": 5}
CENTER, DISTANCE, DELAY = (0.05, 0.42), 0.08, (2, 6)
ANGLES = (0.3, 1.9, -2.2)
CIRCLE = {"angles": ANGLES, "distance": DISTANCE, "center": CENTER, **PERIODS}
TASKS = {
    "center_out": center_out(**CIRCLE),
    "delayed_reach": delayed_reach(**CIRCLE, delay_steps=DELAY),
    "random_target": random_target(center=CENTER, radius=DISTANCE, **PERIODS),
    "curl_field_task": curl_field_task(**CIRCLE, strength=3.5, catch=0.25),
    "perturbed_reach": perturbed_reach(**CIRCLE, force=2.5, onset_steps=(1, 5), duration_steps=3),
}


@functools.cache
def drawn(name):
    """Many trials, in NumPy."""
    sample = jax.jit(jax.vmap(TASKS[name].sample))
    return jax.tree.map(np.array, sample(jax.random.split(new_key(), 2000)))


def close(found, wanted, tolerance=2e-6):
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
