"""Values that compute the same at any time, and others."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.config import configured
from jaxbrain.core.libraries import is_constant


class Scale:
    """An object with an attribute that may be set."""

    factor = 2.0

    def __call__(self, x):
        return self.factor * x


def double(x):
    return 2 * x


@configured
def own(units: int):
    return jb.Network(lambda key, x: (), lambda params, x, *, key=None: x * units)


def hand_made():
    return jb.Network(lambda key, x: (), lambda params, x, *, key=None: x)


CONSTANT = {
    "numbers": (1, 2.0, "a", None, X := np.ones(2)),
    "functions of libraries": (jnp.tanh, jax.nn.relu, np.tanh, len, jb.losses.mse),
    "class and module": (Scale, jnp),
    "closure": jax.nn.initializers.normal(0.1),
    "optimizer": optax.chain(optax.clip(1.0), optax.adam(1e-3)),
    "jitted function": jax.jit(double),
    "partial": functools.partial(jax.nn.leaky_relu, negative_slope=0.2),
    "network": jb.serial(jb.dense(3), jb.elementwise(jax.nn.relu)),
    "rule": jb.backprop(jb.serial(jb.dense(3)), jb.losses.mse),
    "cell": jb.cells.gru(3),
    "constructor of the user, by its contract": own(3),
}
CHANGING = {
    "function": double,
    "vectorized function": jax.vmap(double),
    "vectorized by NumPy": np.vectorize(double),
    "function with a derivative": jax.custom_jvp(double),
    "partial": functools.partial(double),
    "object": Scale(),
    "method": Scale().__call__,
    "layer": jb.serial(jb.dense(3), jb.elementwise(double)),
    "loss of a rule": jb.backprop(jb.serial(jb.dense(3)), lambda y, target: jnp.sum(y - target)),
    "made by hand": hand_made(),
    "in a chain": jb.serial(jb.dense(3), hand_made()),
    "in a schedule": optax.sgd(lambda step: 0.1),
    "generator": np.random.default_rng(0),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_constant_values(name):
    assert is_constant(CONSTANT[name])


@pytest.mark.parametrize("name", CHANGING)
def test_values_that_may_change(name):
    assert not is_constant(CHANGING[name])


def test_a_traced_value_is_not_kept():
    def gain(value):
        assert not is_constant(jb.learning.predictive_coding(NET, jb.losses.mse, step_size=value))
        return value

    jax.make_jaxpr(gain)(0.1)


NET = jb.serial(jb.dense(3))
