"""Values that the tables share."""

import jax

import jaxbrain as jb


def bipolar(key, shape=(3, 40)):
    return jax.random.rademacher(key, shape, "float32")


def answers(key, shape):
    """Yes or no."""
    return jax.random.bernoulli(key, 0.5, shape).astype("float32")


def random_rows(key, shape=(3, 40)):
    return jax.random.normal(key, shape)


def column():
    return jb.motor.cortical_layers(jax.random.key(0), 24)


def first(patterns):
    return patterns[0]
