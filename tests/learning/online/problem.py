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


def params_of(net, scale=0.5, seed=1):
    """Params of a network at generic values."""
    flat, unravel = ravel_pytree(net.init(new_key(), jnp.zeros((STEPS, INPUTS))))
    return unravel(flat + scale * np.random.default_rng(seed).normal(size=flat.shape))


def gradients(*rules, params):
    """The gradient of each rule as one vector, and that of back-propagation; one program."""
    rules = [over_time(rule) for rule in rules]
    rules.append(jb.backprop(rules[0].network, LOSS))
    data = tuple(jnp.asarray(a)[None] for a in sequence())

    @jax.jit
    def all_of_them(params):
        return [ravel_pytree(rule.grads(params, (), *data)[1])[0] for rule in rules]

    return all_of_them(params)


def over_all_signs(rule, params, monkeypatch, signs, in_order=iter):
    """The gradient for each pattern of signs ``[patterns, n]``, and that of back-propagation.

    Args:
      signs: of the steps ``[patterns, steps, 2]``.
      in_order: from those of one pattern to what the rule draws, one after the other.
    """
    steps = signs.shape[1]
    xs, ys = (jnp.asarray(a[:steps]) for a in sequence())

    def one(params, signs):
        drawn = in_order(signs)
        monkeypatch.setattr(jax.random, "rademacher", lambda key, shape, dtype: next(drawn))
        carry, total = rule.carry(params, (xs[0], ys[0])), 0.0
        for now in zip(xs, ys, strict=True):
            carry, (_, grads) = rule.step(params, carry, now, key=new_key())
            total = total + ravel_pytree(grads)[0] / steps
        return total

    @jax.jit
    def both(params):
        found = jax.vmap(one, in_axes=(None, 0))(params, jnp.asarray(signs))
        bptt = jb.backprop(over_time(rule).network, LOSS)
        return found, ravel_pytree(bptt.grads(params, (), xs[None], ys[None])[1])[0]

    return both(params)


def error(a, b):
    return float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b))


def numpy_of(params):
    return jax.tree.map(np.asarray, params)
