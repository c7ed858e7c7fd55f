"""The gradient of the loss at the free equilibrium, which contrastive rules tend to."""

import functools

import jax
import numpy as np

import jaxbrain as jb
from jaxbrain.learning import chain
from jaxbrain.learning.energy import equilibrium_network
from tests.learning.energy.equations import LONG, mild
from tests.theory import distance


@functools.cache
def at_the_fixed_point(net, loss, gain, shape=(4,), noise=None):
    """A problem, and the gradient of its loss at the free equilibrium, through the iteration."""
    params, x, y = mild(net, loss, shape=shape, seed=3)
    key = None if noise is None else jax.random.key(noise)
    network = jb.batch(equilibrium_network(net, feedback_gain=gain, steps=100))
    gradient = jax.grad(lambda p, key: chain.batch_loss(loss, network.apply(p, x, key=key), y))
    return params, x, y, jax.jit(gradient)(params, key)


def gaps(make, net, loss, sizes, option="nudge"):
    """The distance to the gradient at the fixed point, for each size of the nudge."""
    params, x, y, exact = at_the_fixed_point(net, loss, 1.0)

    @jax.jit
    def grads(size):
        rule = make(net, loss, **{option: size}, feedback_gain=1.0, **LONG)
        return rule.grads(params, None, x, y)[1]

    return np.array([distance(grads(size), exact) for size in sizes])
