"""A problem for online rules that compiles fast: one sequence of four steps, a few units."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain.learning import over_time

STEPS, INPUTS, OUTPUTS = 4, 2, 2
READOUT, LOSS = jb.dense(OUTPUTS), jb.losses.mse
new_key = partial(jax.random.key, 0)


def sequence():
    rng = np.random.default_rng(0)
    return rng.normal(size=(STEPS, INPUTS)), rng.normal(size=(STEPS, OUTPUTS))


def params_of(net, scale=0.5):
    """Params of a network at generic values."""
    flat, unravel = ravel_pytree(net.init(new_key(), jnp.zeros((STEPS, INPUTS))))
    return unravel(flat + scale * np.random.default_rng(1).normal(size=flat.shape))


def gradients(*rules, params):
    """The gradient of each rule as one vector, and that of back-propagation; one program."""
    rules = [over_time(rule) for rule in rules]
    rules.append(jb.backprop(rules[0].network, LOSS))
    data = tuple(jnp.asarray(a)[None] for a in sequence())

    @jax.jit
    def all_of_them(params):
        return [ravel_pytree(rule.grads(params, (), *data)[1])[0] for rule in rules]

    return all_of_them(params)


def error(a, b):
    return float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b))


def numpy_of(params):
    return jax.tree.map(np.asarray, params)
