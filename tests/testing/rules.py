"""Faulty rules that tests of checks share."""

import jax
import jax.numpy as jnp

import jaxbrain as jb
from tests.theory import CE

NET = jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(3))


RIGHT = jb.backprop(NET, CE)


def faulty(change, rule=RIGHT):
    """A rule with something done to what `grads` returns."""

    def grads(params, state, x, y, *, key=None):
        noise = None if key is None else jax.random.fold_in(key, 1)
        return change(*rule.grads(params, state, x, y, key=key), x=x, key=noise)

    return rule._replace(grads=grads)


def noisy(spread, scale=1.0, shift=0.0):
    def change(value, grads, state, x, key):
        leaves, tree = jax.tree.flatten(grads)
        keys = jax.random.split(key, len(leaves))
        leaves = [
            scale * g + shift + spread * jax.random.normal(k, g.shape, g.dtype)
            for g, k in zip(leaves, keys, strict=True)
        ]
        return value, jax.tree.unflatten(tree, leaves), state

    return faulty(change)
