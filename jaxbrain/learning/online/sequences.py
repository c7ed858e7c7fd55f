"""Online rules over whole sequences, as learning rules for `jaxbrain.fit`."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.cells.unrolling import first, require_time, unroll
from jaxbrain.core.composition import examples_of
from jaxbrain.core.config import configured, made_by
from jaxbrain.core.types import Cell, LearningRule, Network, Params
from jaxbrain.learning.online.latent_equilibrium import generalized_latent_equilibrium
from jaxbrain.learning.online.linearization import same_noise
from jaxbrain.learning.online.readout_feedback import symmetric_feedback
from jaxbrain.learning.online.rule import online_model


@configured
def over_time(rule: Cell, *, network: Network | None = None) -> LearningRule:
    """An online rule for whole sequences: the mean of its gradients over time and over the batch.

    g = 1/T sum_t g_t, all at the same weights

    Args:
      rule: an online rule, a Cell from ``(x, y)`` of a step to ``(loss, grads)``.
      network: the network from ``[time, ...]`` to predictions with the params of the rule; None:
        cell and readout of the rule, which all rules of jaxbrain know.

    Returns:
      A LearningRule without state for x and y ``[batch, time, ...]``, whose loss is the mean of the
      losses of the steps. A rule with random feedback holds the feedback weights in its params.

    Raises:
      TypeError: if rule is not a Cell.
      ValueError: if network is None and rule was not made from a cell and a readout; at trace time,
        if x and y differ in length.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> xs = jax.random.normal(jax.random.key(0), (8, 5, 1))
      >>> rule = over_time(jb.learning.snap(jb.cells.gru(4), jb.dense(1), jb.losses.mse))
      >>> state, losses = jb.run(rule, optax.adam(0.01), (xs, xs), key=jax.random.key(1), epochs=2)
      >>> rule.network.apply(state.params, xs[0]).shape
      (5, 1)
    """
    net = _trained_network(rule) if network is None else network

    def init(key: jax.Array, params: Params, x: Any) -> tuple:
        return ()

    def sequence(params: Params, xs: Any, ys: Any, key: jax.Array | None) -> Any:
        length = require_time("over_time", (xs, ys))

        def add(state: Any, now: Any) -> tuple[Any, None]:
            (carry, total), (now, t) = state, now
            k = None if key is None else jax.random.fold_in(key, t)  # the noise of `unroll`
            carry, found = rule.step(params, carry, now, key=k)
            return (carry, jax.tree.map(jnp.add, total, found)), None

        carry = rule.carry(params, first((xs, ys)))
        found = jax.eval_shape(rule.step, params, carry, first((xs, ys)), key=same_noise(key))[1]
        nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), found)
        (_, total), _ = jax.lax.scan(add, (carry, nothing), ((xs, ys), jnp.arange(length)))
        return jax.tree.map(lambda a: a / length, total)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        n = examples_of(x)
        keys = None if key is None else jax.random.split(key, n)
        each = jax.vmap(sequence, in_axes=(None, 0, 0, None if keys is None else 0))
        value, changes = jax.tree.map(lambda a: jnp.mean(a, axis=0), each(params, x, y, keys))
        return value, changes, state

    return LearningRule(init, grads, net)


def _trained_network(rule: Cell) -> Network:
    """The network that a rule trains: of a cell, a readout and a feedback, or of a cell alone."""
    known = rule.config.parameters if rule.config is not None else {}
    if made_by(rule, generalized_latent_equilibrium):
        return unroll(known["cell"])
    if not {"cell", "readout"} <= set(known):
        raise ValueError(
            f"over_time: the network that {rule} trains is not known, because the rule was not "
            "made from a cell and a readout; give it: network=jb.cells.unroll(cell)"
        )
    feedback = known.get("feedback") or symmetric_feedback()
    return unroll(online_model(known["cell"], known["readout"], feedback))
