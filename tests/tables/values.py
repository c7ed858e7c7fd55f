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


def first_scale(key, x):
    """The weights of a layer by hand."""
    return {"scale": jax.random.normal(key, x.shape, x.dtype)}


def scaled_by(params, x):
    """A function of params and an input that takes no key."""
    return params["scale"] * x
