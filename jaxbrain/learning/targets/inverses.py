"""Learned inverses of blocks, which propagate targets downward.

    g_l(u) = s_{l-1}(V_l^T u + c_l), trained on |g_l(f_l(h)) - h|^2 / 2

V_l^T is the pullback of block l without its activations (the transpose of a convolution, the
switches of max pooling, the reshaping of flatten, the pullback of a composed layer at its input)
with weights V_l of its own. s_{l-1} are the activations of the block below, so that the inverse has
their range.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.composition import constructor
from jaxbrain.core.types import Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.auxiliary import optimize
from jaxbrain.networks.layers import elementwise
from jaxbrain.networks.parts import align


class Inverses(NamedTuple):
    """Learned inverses and the state of their optimizer.

    Attributes:
      params: ``{"layer": V, "bias": c}`` of each hidden block but the first: V in the structure of
        the block's own weights, c over the last axis of its input. In local difference
        reconstruction V alone.
      opt_state: of the optimizer that trains them.
      reconstruction: the loss of each inverse on the last batch, ``[hidden blocks - 1]``.
    """

    params: tuple[Params, ...]
    opt_state: Any
    reconstruction: jax.Array


def draw(
    key: jax.Array, net: Network, optimizer: optax.GradientTransformation, params: Params, x: Any
) -> Inverses:
    """Initial inverses: weights drawn like the network's own, biases 0; x is one example."""
    drawn, shapes = net.init(key, x), chain.block_shapes(net, params, x)
    inverses = tuple(
        {"layer": drawn[start], "bias": jnp.zeros(below.shape[-1:], below.dtype)}
        for (start, _), below in zip(chain.blocks(params)[1:-1], shapes, strict=False)
    )
    dtype = jax.eval_shape(net.apply, params, x).dtype
    return Inverses(inverses, optimizer.init(inverses), jnp.zeros(len(inverses), dtype))


def decoder(
    net: Network, parts: list[tuple[int, int]], inverse: Params, inputs: list[Any], keys: Any
) -> Callable[[Any], Any]:
    """The inverse of the second of two adjacent blocks, linearized at the inputs of its layers."""
    (below, start), (_, stop) = parts

    def decode(u: Any) -> Any:
        for i in reversed(range(start + 1, stop)):
            if not is_elementwise(net.layers[i]):
                u = chain.pull_input(net.layers[i], (), inputs[i - start], u, key=keys[i])
        u = chain.pull_input(net.layers[start], inverse["layer"], inputs[0], u, key=keys[start])
        u = u + align(inverse["bias"], u)
        for layer in filter(is_elementwise, net.layers[below + 1 : start]):
            u = chain.on_batch(layer, (), u, None)
        return u

    return decode


def reconstruct(
    net: Network,
    optimizer: optax.GradientTransformation,
    params: Params,
    state: Inverses,
    hidden: list[jax.Array],
    keys: Any,
) -> Inverses:
    """One step of every inverse down the gradient of its reconstruction loss.

    The loss is |g(f(h)) - h|^2 / 2, its mean over the batch.

    Args:
      net: a `serial` chain.
      optimizer: an optax transformation.
      params: of net.
      state: the inverses.
      hidden: the noisy input h of each block with an inverse, ``[batch, ...]`` each.
      keys: of the layers, `chain.layer_keys`.
    """
    if not hidden:
        return state
    parts = chain.blocks(params)

    def objective(inverse: Params, j: int) -> jax.Array:
        start, stop = parts[j + 1]
        inputs = [hidden[j]]
        for i in range(start, stop):
            inputs.append(chain.on_batch(net.layers[i], params[i], inputs[-1], keys[i]))
        decode = decoder(net, parts[j : j + 2], inverse, inputs[:-1], keys)
        return jnp.sum(jnp.square(decode(inputs[-1]) - hidden[j])) / (2 * hidden[j].shape[0])

    pairs = [jax.value_and_grad(objective)(v, j) for j, v in enumerate(state.params)]
    values, slopes = zip(*pairs, strict=True)
    losses = jnp.stack(values)
    learned = optimize(optimizer, slopes, state.opt_state, state.params, jnp.sum(losses))
    return Inverses(*learned, losses.astype(state.reconstruction.dtype))


def is_elementwise(layer: Network) -> bool:
    """True for a layer made by `elementwise`."""
    return constructor(layer) is elementwise
