"""Dual propagation: units of two states, whose mean is the activity and whose difference the error.

    s+ = f(a + alpha u),    s- = f(a - (1 - alpha) u),    a = W m,    u = W_above^T (s+ - s-)_above

m is the mean of the two states of the units below. The output is nudged by the loss.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    require_count,
    require_fraction,
    require_positive,
    require_wide,
)
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.asymmetric import curvature
from jaxbrain.learning.energy.descent import Latents
from jaxbrain.learning.energy.two_phases import Residuals, no_residuals, residual
from jaxbrain.learning.targets.inverses import is_elementwise


class Layer(NamedTuple):
    """A layer of a chain as a function of its input ``[batch, ...]``.

    Attributes:
      apply: the function.
      activation: True if its units are dyads: they have two states.
    """

    apply: Callable[[Any], jax.Array]
    activation: bool


@configured
def dual_propagation(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.1,
    balance: float | jax.Array = 0.5,
    steps: int = 1,
) -> LearningRule:
    """Dual propagation: two states per unit, in closed form, one layer after the other.

    s+_l = f_l(a_l + alpha u_l), s-_l = f_l(a_l - (1 - alpha) u_l), a_l = W_l m_{l-1};
    m_l = (1 - alpha) s+_l + alpha s-_l, u_l = W_{l+1}^T (s+_{l+1} - s-_{l+1}), u_L = -beta dL/dm_L;
    g_l = - m_{l-1}^T (s+_l - s-_l) / beta

    There is one phase: a unit carries its activity and its error at once. As beta goes to 0, g is
    the gradient of the loss. The bias is of the order of beta^2 with symmetric nudges, alpha = 1/2,
    else of beta. The derivative of an activation is a difference of its values; where that is lost
    to rounding, the derivative takes its place, so that no depth rounds off an error. The f_l are
    the `elementwise` layers. Through all others, composed layers too, the difference goes by their
    pullback at m. The state holds the `Residuals` of the last batch; the free one is 0.

    Args:
      nudge: the weight of the loss (beta); positive.
      balance: alpha, the share of the nudge that moves s+; from 0 to 1.
      steps: of the inference, each one up and down through the network; the first goes up as the
        forward pass.

    Source: Høier, Staudt and Zach 2023, arXiv 2302.01228; the mean for any alpha: Høier and Zach
    2024, arXiv 2402.08573. There the loss may act on s+ and s- themselves; here it is linear in m.

    Examples:
      >>> import jaxbrain as jb
      >>> net = jb.serial(jb.dense(1, bias_init=None), jb.elementwise(jnp.square))
      >>> params, one = ({"kernel": jnp.ones((1, 1))}, ()), jnp.ones((1, 1))
      >>> rule = dual_propagation(net, jb.losses.half_mse, nudge=0.5, balance=1.0)
      >>> _, grads, _ = rule.grads(params, None, one, 3 * one)
      >>> float(grads[0]["kernel"][0, 0])  # u = 1: (1 - (1 + u)^2) / nudge; the gradient is -4
      -6.0
    """
    name = "dual_propagation"
    chain.require_chain(net, name, loss)
    require_positive(name, "nudge", nudge)
    require_fraction(name, "balance", balance)
    require_count(name, "steps", steps)

    def grads(
        params: Params, state: Residuals, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Residuals]:
        start, keys = chain.forward(net, params, x, key=key), chain.layer_keys(net, x, key)
        require_wide(name, start[-1])
        value = chain.batch_loss(loss, start[-1], y)
        first = next((bound for bound, _ in chain.blocks(params)), len(params))
        layers = _layers(net, params, start, keys)[first:]

        def push(output: jax.Array) -> jax.Array:
            return -jnp.asarray(nudge, output.dtype) * jax.vmap(jax.grad(loss))(output, y)

        def step(_: Any, carry: tuple[Latents, Latents, Latents]) -> tuple:
            _, means, signals = carry
            return means, *down(layers, up(layers, means[0], signals, balance), push, balance)

        carry = (start[first:], *down(layers, start[first:], push, balance))
        if steps > 1:
            carry = jax.lax.fori_loop(1, steps, step, carry)
        before, means, signals = carry
        changes = list(params)
        for i, (a, u) in enumerate(zip(means, signals, strict=False), first):
            error = -u / (jnp.asarray(nudge, u.dtype) * u.shape[0])
            changes[i] = chain.pull_params(net.layers[i], params[i], a, error, key=keys[i])
        moved = sum(jnp.sum(jnp.square(a - b)) for a, b in zip(means[1:], before[1:], strict=True))
        size = sum(jnp.sum(jnp.square(a)) for a in means[1:])
        left = residual(jnp.asarray(moved), jnp.asarray(size)).astype(value.dtype)
        return value, tuple(changes), Residuals(jnp.zeros_like(left), left)

    return LearningRule(no_residuals(net), grads, net)


def up(layers: list[Layer], x: Any, signals: Latents, balance: float | jax.Array) -> Latents:
    """The mean states from the input up: x and the output of every layer."""
    means = [x]
    for layer, u in zip(layers, signals, strict=True):
        f, a = layer.apply, means[-1]
        means.append(dyads(f, a, u, balance)[0] if layer.activation else f(a))
    return means


def down(
    layers: list[Layer],
    means: Latents,
    push: Callable[[jax.Array], jax.Array],
    balance: float | jax.Array,
) -> tuple[Latents, Latents]:
    """The mean states from the output down, and the signal from above at each layer's output."""
    means, signals, u = list(means), [], push(means[-1])
    for i, layer in reversed(list(enumerate(layers))):
        signals.insert(0, u)
        if layer.activation:
            means[i + 1], u = dyads(layer.apply, means[i], u, balance)
        elif i:  # the input of the first is that of the network
            u = jax.vjp(layer.apply, means[i])[1](u)[0]
    return means, signals


def dyads(
    f: Callable[[Any], jax.Array], a: jax.Array, u: jax.Array, balance: float | jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The mean and the difference of the states f(a + alpha u) and f(a - (1 - alpha) u).

    Examples:
      >>> a, u = jnp.full((1, 1), 1.0), jnp.full((1, 1), 2.0)
      >>> [float(s[0, 0]) for s in dyads(jnp.square, a, u, 0.5)]  # of 4 and 0
      [2.0, 4.0]
    """
    alpha = jnp.asarray(balance, u.dtype)
    plus, minus = curvature(f, a, alpha * u), curvature(f, a, (alpha - 1) * u)
    value, pull = jax.vjp(f, a)
    # the terms of first order cancel in the mean, and are the pullback in the difference
    return value + (1 - alpha) * plus + alpha * minus, pull(u)[0] + plus - minus


def _layers(net: Network, params: Params, activities: Latents, keys: Any) -> list[Layer]:
    """The layers of a chain; an activation keeps the shape and the dtype of its input."""
    layers = []
    for i, layer in enumerate(net.layers):

        def apply(a: Any, i: int = i) -> jax.Array:
            return chain.on_batch(net.layers[i], params[i], a, keys[i])

        before, after = (jax.tree.map(jax.typeof, a) for a in activities[i : i + 2])
        layers.append(Layer(apply, is_elementwise(layer) and before == after))
    return layers
