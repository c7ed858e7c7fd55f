"""Gradients along random directions: forward gradient, weight perturbation, node perturbation.

The forward gradient is the exact slope of the loss along a direction, computed with the forward
pass. The other two measure it by the change of the loss when weights or neurons are perturbed. All
are unbiased (perturbation up to scale^2); their variance grows with the number of directions. Their
gradients need a key.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.composition import batch
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    require_count,
    require_key,
    require_positive,
    require_wide,
)
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.outputs import require_matching_loss

Sampler = Callable[[jax.Array, Any, Any], jax.Array]

_WHY = "its gradient is random"
_DIRECTIONS = 0xF0  # separates the draw of directions from the network's own noise


@configured
def forward_gradient(
    net: Network, loss: Loss, *, samples: int = 1, sampler: Sampler = jax.random.normal
) -> LearningRule:
    """Forward gradient: the slope of the loss along random directions, in a forward pass.

    g = 1/n sum_i (dL/dW . v_i) v_i,   E[v v^T] = 1,   E[g] = dL/dW

    With P weights E|g|^2 = (1 + (P + 1)/n) |dL/dW|^2 for normal directions and
    (1 + (P - 1)/n) |dL/dW|^2 for signs; the cosine of one sample to the gradient has the mean
    sqrt(2 / (pi P)) and the root mean square 1/sqrt(P). So learning is slow: on digits
    (64-128-64-10, 40 epochs) the accuracy is .81 with 1 sample and .93 with 10; frozen hidden
    layers reach .93, back-propagation .97.

    Args:
      net: any network of one example, a chain or not.
      samples: n, directions in each step, all along one forward pass; each costs about one more.
      sampler: ``(key, shape, dtype) -> v``, independent with mean 0 and variance 1: normal;
        ``jax.random.rademacher`` gives signs.

    Source: Baydin et al. 2022, arXiv 2202.08587.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(1, bias_init=None))  # one weight, and v = 1 or -1: v v = 1
      >>> signs = jax.random.rademacher
      >>> rule = jb.learning.forward_gradient(net, jb.losses.half_mse, sampler=signs)
      >>> params, x = ({"kernel": jax.numpy.ones((1, 1))},), jax.numpy.ones((1, 1))
      >>> value, grads, _ = rule.grads(params, (), x, 3 * x, key=jax.random.key(1))
      >>> float(value), grads[0]["kernel"].tolist()
      (2.0, [[-2.0]])
    """
    require_matching_loss("forward_gradient", net, loss)
    require_count("forward_gradient", "samples", samples)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        require_key("forward_gradient", key, _WHY)
        directions = _draw(key, sampler, params, samples)

        def along(direction: Params) -> tuple[jax.Array, jax.Array]:
            return jax.jvp(lambda p: _mean_loss(net, loss, p, x, y, key), (params,), (direction,))

        # the loss does not depend on the direction: out_axes=None computes it once
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
    sampler: Sampler = jax.random.normal,
) -> LearningRule:
    """Weight perturbation: all weights are perturbed at once and change with the loss.

    g = 1/n sum_i (L(W + scale v_i) - L(W)) / scale v_i,   E[v v^T] = 1

    For a small scale its mean is the gradient, with an error of order scale^2: the curvature
    along v has mean 0, since v is symmetric. The limit, and so the variance and the accuracy, is
    `forward_gradient`: take many samples. The loss must have 32 bits or more.

    Args:
      net: any network of one example, a chain or not.
      samples: n, perturbations in each step; each costs a forward pass, and one is unperturbed.
      scale: size of a perturbation; positive. A small scale is lost to rounding.
      sampler: ``(key, shape, dtype) -> v``, independent and symmetric with variance 1.

    Source: Werfel, Xie and Seung 2005, doi 10.1162/089976605774320539.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, ones = jb.serial(jb.dense(1, bias_init=None)), lambda key, *of: jax.numpy.ones(*of)
      >>> rule = jb.learning.weight_perturbation(net, jb.losses.half_mse, scale=0.5, sampler=ones)
      >>> params, x = ({"kernel": jax.numpy.ones((1, 1))},), jax.numpy.ones((1, 1))
      >>> grads = rule.grads(params, (), x, 3 * x, key=jax.random.key(1))[1]
      >>> grads[0]["kernel"].tolist()  # (L(1.5) - L(1)) / 0.5, L(w) = (w - 3)^2 / 2
      [[-1.75]]
    """
    require_matching_loss("weight_perturbation", net, loss)
    require_count("weight_perturbation", "samples", samples)
    require_positive("weight_perturbation", "scale", scale)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        require_key("weight_perturbation", key, _WHY)
        directions = _draw(key, sampler, params, samples)
        value = _mean_loss(net, loss, params, x, y, key)
        require_wide("weight_perturbation", value)

        def perturbed(direction: Params) -> jax.Array:
            moved = jax.tree.map(lambda p, v: p + as_number(scale, v) * v, params, direction)
            return _mean_loss(net, loss, moved, x, y, key)

        slopes = (jax.vmap(perturbed)(directions) - value) / jnp.asarray(scale, value.dtype)
        return value, _average(slopes, directions), state

    return LearningRule(chain.no_state, grads, net)


@configured
def node_perturbation(
    net: Network,
    loss: Loss,
    *,
    samples: int = 1,
    scale: float | jax.Array = 1e-3,
    sampler: Sampler = jax.random.normal,
) -> LearningRule:
    """Node perturbation: all neurons are perturbed and correlate their noise with the loss.

    delta_l = 1/n sum_i (L(z + scale v_i) - L(z)) / scale v_il,   g_l = a_{l-1}^T delta_l

    z_l are the outputs of the layers with weights, before their activations, all perturbed in the
    same pass, each example by its own noise. For a small scale the mean of delta_l is dL/dz_l.
    Neurons are fewer than weights and every example is a trial of its own, so the variance is far
    below that of `weight_perturbation` (digits, as in `forward_gradient`: .94 with 1 sample, .97
    with 10). The loss must have 32 bits or more.

    Args:
      samples: n, perturbations in each step; each costs a forward pass without the first layer.
      scale: size of a perturbation; positive. A small scale is lost to rounding.
      sampler: ``(key, shape, dtype) -> v``, independent and symmetric with variance 1.

    Source: Werfel, Xie and Seung 2005, doi 10.1162/089976605774320539; Lillicrap et al. 2020,
    doi 10.1038/s41583-020-0277-3.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, ones = jb.serial(jb.dense(1, bias_init=None)), lambda key, *of: jax.numpy.ones(*of)
      >>> rule = jb.learning.node_perturbation(net, jb.losses.half_mse, scale=0.5, sampler=ones)
      >>> params, x = ({"kernel": jax.numpy.ones((1, 1))},), 2 * jax.numpy.ones((1, 1))
      >>> grads = rule.grads(params, (), x, 2 * x, key=jax.random.key(1))[1]
      >>> grads[0]["kernel"].tolist()  # x (L(2.5) - L(2)) / 0.5, L(z) = (z - 4)^2 / 2
      [[-3.5]]
    """
    chain.require_chain(net, "node_perturbation", loss)
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
        noise = _draw(key, sampler, nodes, samples)
        before = jax.vmap(loss)(activities[-1], y)

        def perturbed(noise: dict[int, jax.Array]) -> jax.Array:
            return jax.vmap(loss)(_perturbed_output(net, params, nodes, noise, scale, x, key), y)

        change = jax.vmap(perturbed)(noise) - before[None]
        # change.size: the mean over samples and over the batch
        slopes = change / (jnp.asarray(scale, change.dtype) * change.size)
        signals = jax.tree.map(lambda v: _weighted_sum(slopes, v), noise)
        keys = chain.layer_keys(net, x, key)
        changes = list(params)
        for i in starts:
            changes[i] = chain.pull_params(
                net.layers[i], params[i], activities[i], signals[i], key=keys[i]
            )
        return value, tuple(changes), state

    return LearningRule(chain.no_state, grads, net)


def _mean_loss(net: Network, loss: Loss, params: Params, x: Any, y: Any, key: Any) -> jax.Array:
    own = None if key is None else jax.random.clone(key)
    return chain.batch_loss(loss, batch(net).apply(params, x, key=own), y)


def _draw(key: Any, sampler: Sampler, like: Any, samples: int) -> Any:
    """Directions in the shape of each array, ``[samples, ...]``."""
    leaves, treedef = jax.tree.flatten(like)
    keys = jax.random.split(jax.random.fold_in(key, _DIRECTIONS), max(len(leaves), 1))
    drawn = [
        sampler(k, (samples, *leaf.shape), leaf.dtype)
        for k, leaf in zip(keys, leaves, strict=False)
    ]
    return jax.tree.unflatten(treedef, drawn)


def _average(slopes: jax.Array, directions: Params) -> Params:
    """1/n sum_i slope_i v_i."""
    return jax.tree.map(
        lambda v: jnp.tensordot((slopes / len(slopes)).astype(v.dtype), v, axes=1), directions
    )


def _weighted_sum(slopes: jax.Array, v: jax.Array) -> jax.Array:
    """sum_i slope_ib v_ib for each example b: ``[samples, batch], [samples, batch, ...]``."""
    return jnp.einsum("sb,sb...->b...", slopes.astype(v.dtype), v)


def _perturbed_output(
    net: Network,
    params: Params,
    nodes: dict[int, jax.Array],
    noise: dict[int, jax.Array],
    scale: float | jax.Array,
    x: Any,
    key: Any,
) -> jax.Array:
    """The output with noise at every node; the pass starts at the first one."""
    keys = chain.layer_keys(net, x, key)
    first = min(nodes, default=0)
    a = nodes[first] + as_number(scale, noise[first]) * noise[first] if nodes else x
    for i in range(first + 1 if nodes else 0, len(net.layers)):
        a = chain.on_batch(net.layers[i], params[i], a, keys[i])
        if i in nodes:
            a = a + as_number(scale, noise[i]) * noise[i]
    return a
