"""Learned inverses of blocks: what carries a target down."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.composition import constructor
from jaxbrain.core.types import Network, Params
from jaxbrain.learning import chain
from jaxbrain.networks.layers import elementwise
from jaxbrain.networks.parts import align


class Inverses(NamedTuple):
    """What the rules of target propagation carry from batch to batch.

    Attributes:
      params: one entry for each hidden block but the first, ``{"layer": V, "bias": c}``: weights
        in the treedef of the block's own, used transposed, and a bias over the last axis of what
        the block takes.
      opt_state: of the optimiser that trains them.
      reconstruction: the loss of each inverse on the last batch, ``[hidden blocks - 1]``.
    """

    params: tuple[Params, ...]
    opt_state: Any
    reconstruction: jax.Array


def draw(
    net: Network, optimizer: optax.GradientTransformation, key: jax.Array, params: Params, x: Any
) -> Inverses:
    """Inverses before they learn: weights like the network's own, biases 0; x is one example."""
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
    """g of the second of two neighbouring blocks, linearised at the inputs of its layers."""
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
    """One step of every inverse g towards undoing its block f.

    down d/dg |g(f(h)) - h|^2 / 2, the mean over the batch

    Args:
      net: a flat `serial` chain.
      optimizer: an optax transformation.
      params: of net.
      state: the inverses.
      hidden: what each block with an inverse takes, with noise, ``[batch, ...]`` each.
      keys: of the layers, `chain.layer_keys`.

    Returns:
      The inverses after the step, and how well they did before it.
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
    losses, slopes = zip(*pairs, strict=True)
    learned, opt_state = learn(optimizer, slopes, state.opt_state, state.params)
    return Inverses(learned, opt_state, jnp.stack(losses).astype(state.reconstruction.dtype))


def learn(
    optimizer: optax.GradientTransformation, grads: Params, opt_state: Any, params: Params
) -> tuple[Params, Any]:
    """One step of an optax transformation: the new params and the new state."""
    with jax.numpy_dtype_promotion("standard"):  # optax's adam mixes integers and floats
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state


def is_elementwise(layer: Network) -> bool:
    """Whether a layer is one of `elementwise`."""
    return constructor(layer) is elementwise
