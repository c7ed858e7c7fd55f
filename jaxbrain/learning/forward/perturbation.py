"""Rules that try random changes and keep what helped: the gradient along a random direction.

One rule takes the exact slope along the direction, forward with the computation; two measure it, as
a synapse or a neuron could: by how much the loss changes when weights or neurons are disturbed.
All estimate the gradient without bias; they differ in variance, which grows with the number of
directions there are.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    require_count,
    require_key,
    require_positive,
    require_wide,
)
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss

Noise = Callable[[jax.Array, Any, Any], jax.Array]

_WHY = "its gradient is random"
_NOISE = 0xF0  # separates this noise from the network's own


@configured
def forward_gradient(
    net: Network, loss: Loss, *, samples: int = 1, noise: Noise = jax.random.normal
) -> LearningRule:
    """The slope of the loss along random directions, in a forward pass (dual numbers).

    g = 1/n sum_i (dL/dW . v_i) v_i,   E[v v^T] = 1,   E[g] = dL/dW

    With P weights E|g|^2 = (1 + (P + 1)/n) |dL/dW|^2 for Gaussian directions, and
    (1 + (P - 1)/n) |dL/dW|^2 for signs: one sample is nearly at right angles to the gradient (its
    cosine is about 1/sqrt(P)). With few samples this is a slow rule: on the digits of
    scikit-learn it stays below a network whose hidden layers are frozen (.81 with 1 sample and .93
    with 10 on 64-128-64-10 after 40 epochs; frozen .93, back-propagation .97).

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      samples: directions a step (n), all along one forward pass; each costs about one more.
      noise: ``(key, shape, dtype) -> v`` with mean 0 and variance 1, independent: normal by
        default; ``jax.random.rademacher`` gives signs.

    Returns:
      A LearningRule without state, whose gradient needs a key.

    Raises:
      ValueError: if net is not a flat chain or samples is not a positive integer; at trace time,
        without a key.

    Source: Baydin et al. 2022, arXiv 2202.08587.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = jb.learning.forward_gradient(net, jb.losses.softmax_cross_entropy, samples=10)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> value, grads, _ = jax.jit(rule.grads)(params, (), x, y, key=jax.random.key(1))
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    chain.require_chain(net, "forward_gradient")
    require_count("forward_gradient", "samples", samples)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        require_key("forward_gradient", key, _WHY)
        directions = _draw(noise, key, params, samples)

        def along(direction: Params) -> tuple[jax.Array, jax.Array]:
            return jax.jvp(lambda p: _mean_loss(net, loss, p, x, y, key), (params,), (direction,))

        # the loss itself does not depend on the direction: it is computed once for all
        value, slopes = jax.vmap(along, out_axes=(None, 0))(directions)
        return value, _average(slopes, directions), state

    return LearningRule(chain.no_state, grads, net)


@configured
def weight_perturbation(
    net: Network,
    loss: Loss,
    *,
    samples: int = 1,
    scale: float | jax.Array = 1e-3,
    noise: Noise = jax.random.normal,
) -> LearningRule:
    """Disturb all weights at once; what lowered the loss is what they learn.

    g = 1/n sum_i (L(W + scale v_i) - L(W)) / scale v_i,   E[v v^T] = 1

    For small noise its mean is the gradient, with an error of the order of scale^2: the curvature
    along v falls out of the mean, since v is symmetric. Its variance is that of
    `forward_gradient`, which is the limit, and so is the accuracy: take many samples.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      samples: disturbances a step (n); each costs a forward pass, beside the undisturbed one.
      scale: the size of the disturbance; positive. Too small, and it drowns in rounding.
      noise: ``(key, shape, dtype) -> v`` with mean 0 and variance 1, independent and symmetric.

    Returns:
      A LearningRule without state, whose gradient needs a key.

    Raises:
      ValueError: if net is not a flat chain, samples is not a positive integer or scale is not
        positive; at trace time, without a key.
      TypeError: at trace time, if the network answers in half precision.

    Source: Werfel, Xie and Seung 2005, doi 10.1162/089976605774320539.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = jb.learning.weight_perturbation(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> value, grads, _ = jax.jit(rule.grads)(params, (), x, y, key=jax.random.key(1))
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    chain.require_chain(net, "weight_perturbation")
    require_count("weight_perturbation", "samples", samples)
    require_positive("weight_perturbation", "scale", scale)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        require_key("weight_perturbation", key, _WHY)
        directions = _draw(noise, key, params, samples)
        value = _mean_loss(net, loss, params, x, y, key)
        require_wide("weight_perturbation", value)

        def disturbed(direction: Params) -> jax.Array:
            moved = jax.tree.map(lambda p, v: p + as_number(scale, v) * v, params, direction)
            return _mean_loss(net, loss, moved, x, y, key)

        slopes = (jax.vmap(disturbed)(directions) - value) / jnp.asarray(scale, value.dtype)
        return value, _average(slopes, directions), state

    return LearningRule(chain.no_state, grads, net)


@configured
def node_perturbation(
    net: Network,
    loss: Loss,
    *,
    samples: int = 1,
    scale: float | jax.Array = 1e-3,
    noise: Noise = jax.random.normal,
) -> LearningRule:
    """Disturb every neuron; each learns from how its own noise went with the loss.

    delta_l = 1/n sum_i (L(z + scale v_i) - L(z)) / scale v_il,   g_l = a_{l-1}^T delta_l

    z_l are the outputs of the layers with weights, before their activations, all disturbed in the
    same pass, each example by its own noise. For small noise the mean of delta_l is dL/dz_l. There
    are fewer neurons than weights, and every example is a trial of its own, so the variance is far
    below that of `weight_perturbation` (digits, as there: .94 with 1 sample, .97 with 10).

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      samples: disturbances a step (n); each costs a forward pass (less the first layer's product),
        beside the undisturbed one. The weights' own product is done once.
      scale: the size of the disturbance; positive. Too small, and it drowns in rounding.
      noise: ``(key, shape, dtype) -> v`` with mean 0 and variance 1, independent and symmetric.

    Returns:
      A LearningRule without state, whose gradient needs a key.

    Raises:
      ValueError: if net is not a flat chain, samples is not a positive integer or scale is not
        positive; at trace time, without a key.
      TypeError: at trace time, if the network answers in half precision.

    Source: Werfel, Xie and Seung 2005, doi 10.1162/089976605774320539; Lillicrap et al. 2020,
    doi 10.1038/s41583-020-0277-3.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = jb.learning.node_perturbation(net, jb.losses.softmax_cross_entropy, samples=10)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> value, grads, _ = jax.jit(rule.grads)(params, (), x, y, key=jax.random.key(1))
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    chain.require_chain(net, "node_perturbation")
    require_count("node_perturbation", "samples", samples)
    require_positive("node_perturbation", "scale", scale)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        require_key("node_perturbation", key, _WHY)
        activities = chain.forward(net, params, x, key=key)
        value = chain.batch_loss(loss, activities[-1], y)
        require_wide("node_perturbation", value)
        starts = [start for start, _ in chain.blocks(params)]
        nodes = {start: activities[start + 1] for start in starts}
        noises = _draw(noise, key, nodes, samples)
        before = jax.vmap(loss)(activities[-1], y)

        def disturbed(noise: dict[int, jax.Array]) -> jax.Array:
            return jax.vmap(loss)(_run_on(net, params, nodes, noise, scale, x, key), y)

        change = jax.vmap(disturbed)(noises) - before[None]
        slopes = change / (jnp.asarray(scale, change.dtype) * change.size)  # mean over both
        signals = jax.tree.map(lambda v: _weigh(slopes, v), noises)
        keys = chain.layer_keys(net, x, key)
        changes = list(params)
        for i in starts:
            changes[i] = chain.pull_params(
                net.layers[i], params[i], activities[i], signals[i], key=keys[i]
            )
        return value, tuple(changes), state

    return LearningRule(chain.no_state, grads, net)


def _mean_loss(net: Network, loss: Loss, params: Params, x: Any, y: Any, key: Any) -> jax.Array:
    return chain.batch_loss(loss, chain.forward(net, params, x, key=key)[-1], y)


def _draw(noise: Noise, key: Any, like: Any, samples: int) -> Any:
    """Noise in the shape of each array, `samples` times: ``[samples, ...]``."""
    leaves, treedef = jax.tree.flatten(like)
    keys = jax.random.split(jax.random.fold_in(key, _NOISE), max(len(leaves), 1))
    drawn = [
        noise(k, (samples, *leaf.shape), leaf.dtype) for k, leaf in zip(keys, leaves, strict=False)
    ]
    return jax.tree.unflatten(treedef, drawn)


def _average(slopes: jax.Array, directions: Params) -> Params:
    """1/n sum_i slope_i v_i."""
    return jax.tree.map(
        lambda v: jnp.tensordot((slopes / len(slopes)).astype(v.dtype), v, axes=1), directions
    )


def _weigh(slopes: jax.Array, v: jax.Array) -> jax.Array:
    """sum_i slope_ib v_ib for each example b: ``[samples, batch], [samples, batch, ...]``."""
    return jnp.einsum("sb,sb...->b...", slopes.astype(v.dtype), v)


def _run_on(
    net: Network,
    params: Params,
    nodes: dict[int, jax.Array],
    noise: dict[int, jax.Array],
    scale: float | jax.Array,
    x: Any,
    key: Any,
) -> jax.Array:
    """The output with noise at every node. Up to the first one nothing changes."""
    keys = chain.layer_keys(net, x, key)
    first = min(nodes, default=0)
    a = nodes[first] + as_number(scale, noise[first]) * noise[first] if nodes else x
    for i in range(first + 1 if nodes else 0, len(net.layers)):
        a = chain.on_batch(net.layers[i], params[i], a, keys[i])
        if i in nodes:
            a = a + as_number(scale, noise[i]) * noise[i]
    return a
