"""Layerwise credit assignment: the pullback of a layer, and the checks of a chain of layers.

``pull_params(layer, params, x, signal)`` is the gradient of a layer's weights for a signal at its
output; ``pull_input`` is the pullback of that signal to the layer's input. The signal defines the
rule: with the error from the same weights it is back-propagation, from other weights feedback
alignment, projected from the output direct feedback alignment; with the layer's own output it is
Hebb's rule.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import (
    affine,
    batch,
    constructor,
    examples_of,
    residual,
    serial,
    with_precision,
)
from jaxbrain.core.config import made_by
from jaxbrain.core.types import Loss, Network, Params
from jaxbrain.learning.outputs import require_matching_loss
from jaxbrain.losses import Weighted, as_target
from jaxbrain.networks.layers import embed
from jaxbrain.networks.repetition import repeated

_WRAPPERS = (affine, batch, repeated, residual, with_precision)


def require_chain(net: Network, rule: str, loss: Loss | None = None) -> None:
    """Refuse a network that is not a `serial` chain, and a loss that does not fit it.

    Any network may be a layer of the chain.
    """
    if not made_by(net, serial):
        raise ValueError(
            f"{rule} teaches a chain of layers of one example, got {net}; build it with "
            "jb.serial(layer, layer, ...), in which any network may be a layer, and wrap single "
            "layers, not the chain: "
            "jb.serial(*(jb.with_precision(layer, dtype) for layer in net.layers))"
        )
    require_matching_loss(rule, net, loss)


def single_layers(net: Network) -> list[Network]:
    """The layers that a network is composed of, however deeply.

    Examples:
      >>> import jaxbrain as jb
      >>> single_layers(jb.residual(jb.serial(jb.dense(3), jb.flatten())))
      [dense(3), flatten()]
    """
    parts = net.layers
    if any(made_by(net, make) for make in _WRAPPERS):
        parts = (net.config.parameters["net"],)  # pyright: ignore[reportOptionalMemberAccess]
    return [layer for part in parts for layer in single_layers(part)] if parts else [net]


def has_weights(layer: Network) -> bool:
    """True for a layer with parameters, and for one made by hand."""
    makers = map(constructor, single_layers(layer))
    return not all(getattr(make, "without_weights", False) for make in makers)


def require_hidden(net: Network, rule: str, why: str) -> None:
    """Refuse a chain with fewer than two layers with weights."""
    require_chain(net, rule)
    require_two(sum(map(has_weights, net.layers)), net, rule, why)


def require_two(n: int, net: Network, rule: str, why: str) -> None:
    """Refuse a chain of n blocks, fewer than two."""
    if n < 2:
        raise ValueError(
            f"{rule} needs a hidden layer, {why}, and {net} has none; put one before the last: "
            "jb.serial(jb.dense(64), jb.elementwise(jax.nn.relu), jb.dense(10)), or use jb.backprop"
        )


def refuse_tokens(net: Network, rule: str, why: str) -> None:
    """Refuse a chain whose inputs are tokens."""
    if any(constructor(layer) is embed for layer in single_layers(net)):
        raise ValueError(
            f"{rule} needs inputs that are numbers, {why}, and {net} takes tokens; begin with "
            "jb.dense or jb.conv on embedded inputs, or use jb.backprop"
        )


def forward(net: Network, params: Params, x: Any, *, key: jax.Array | None = None) -> list[Any]:
    """The input of every layer for a batch, and the output: one entry more than layers."""
    activities = [x]
    for layer, p, k in zip(net.layers, params, layer_keys(net, x, key), strict=True):
        activities.append(on_batch(layer, p, activities[-1], k))
    return activities


def layer_keys(net: Network, x: Any, key: jax.Array | None) -> Any:
    """The keys of all examples for each layer, or None: the noise is that of ``batch(net)``."""
    n = len(net.layers)
    if key is None:
        return [None] * n
    # cloned here and below: the backward pass needs the noise of the forward pass
    examples = jax.random.split(jax.random.clone(key), examples_of(x))
    keys = jax.vmap(lambda k: jax.random.split(k, n))(examples)
    return [jax.random.clone(keys)[:, i] for i in range(n)]


def on_batch(layer: Network, params: Params, x: Any, keys: Any) -> Any:
    """The output of a layer for ``[batch, ...]``, with a key for each example or None."""
    if keys is None:
        y = batch(layer).apply(params, x)
    else:
        y = jax.vmap(lambda a, k: layer.apply(params, a, key=jax.random.clone(k)))(x, keys)
    if not jax.tree_util.all_leaves([y]):
        raise ValueError(
            f"a layer of a chain must return one array, so that an error can meet it, but {layer} "
            f"returns {jax.tree.map(jnp.shape, y)}; join its outputs within the layer, or use "
            "jb.backprop"
        )
    return y


def pull_params(
    layer: Network, params: Params, x: Any, signal: Any, *, key: jax.Array | None = None
) -> Params:
    """The gradient of a layer's weights for a signal at its output, summed over the batch.

    For a dense layer: x^T signal.
    """
    if not jax.tree.leaves(params):
        return params
    _, pull = jax.vjp(lambda p: on_batch(layer, p, x, key), params)
    return pull(signal)[0]


def pull_input(
    layer: Network, params: Params, x: Any, signal: Any, *, key: jax.Array | None = None
) -> Any:
    """The pullback of a signal at a layer's output to its input, through the given weights.

    For a dense layer: signal W^T.
    """
    _, pull = jax.vjp(lambda a: on_batch(layer, params, a, key), x)
    return pull(signal)[0]


def block_gradients(
    net: Network, params: Params, activities: list[Any], errors: Any, keys: Any
) -> Params:
    """The gradients of all weights for an error at the output of each block, summed over the batch.

    No error crosses the border of a block.

    Args:
      net: a `serial` chain.
      params: of net.
      activities: of `forward`.
      errors: of each block, first to last: ``[batch, ...]``, flat or in the shape of its output.
      keys: of `layer_keys`.
    """
    changes = list(params)
    # a chain without weights has an error at its output and no block
    for (start, stop), signal in zip(blocks(params), errors, strict=False):
        signal = signal.reshape(activities[stop].shape)
        for i in reversed(range(start + 1, stop)):
            signal = pull_input(net.layers[i], params[i], activities[i], signal, key=keys[i])
        layer, p = net.layers[start], params[start]
        changes[start] = pull_params(layer, p, activities[start], signal, key=keys[start])
    return tuple(changes)


def no_state(key: jax.Array, params: Params, x: Any) -> tuple:
    """The ``init`` of a rule without state."""
    return ()


def blocks(params: Params) -> list[tuple[int, int]]:
    """``(start, stop)`` of each block: a layer with weights and the layers without after it.

    A composed layer (`residual`, `parallel`, a nested `serial`, a network made by hand) is one
    layer: within it derivatives are those of its pullback. Layers without weights before the first
    block belong to none.

    Examples:
      >>> blocks(((), {"kernel": 1.0}, (), {"kernel": 2.0}))
      [(1, 3), (3, 4)]
    """
    starts = [i for i, p in enumerate(params) if jax.tree.leaves(p)]
    return list(zip(starts, [*starts[1:], len(params)][: len(starts)], strict=True))


def layer_shapes(net: Network, params: Params, x: Any) -> list[jax.ShapeDtypeStruct]:
    """The shapes of `forward` for one example x."""
    shapes = [x]
    for layer, p in zip(net.layers, params, strict=True):
        shapes.append(jax.eval_shape(layer.apply, p, shapes[-1]))
    return shapes


def block_shapes(net: Network, params: Params, x: Any) -> list[jax.ShapeDtypeStruct]:
    """The shape of each block's output for one example x."""
    shapes = layer_shapes(net, params, x)
    return [shapes[stop] for _, stop in blocks(params)]


def loss_and_error(loss: Loss, output: jax.Array, y: Any) -> tuple[jax.Array, jax.Array]:
    """The mean loss of a batch, and its derivative in the output ``[batch, ...]``."""
    return jax.value_and_grad(lambda o: batch_loss(loss, o, y))(output)


def target_vectors(rule: str, y: Any, output: jax.Array) -> jax.Array:
    """Targets in the shape of the output: integer labels become one-hot."""
    refuse_weights(rule, y)
    if jnp.shape(y) == output.shape:
        return as_target(y, output)
    if jnp.shape(y) == output.shape[:-1] and jnp.issubdtype(jnp.result_type(y), jnp.integer):
        return jax.nn.one_hot(y, output.shape[-1], dtype=output.dtype)
    raise ValueError(
        f"{rule} needs targets in the shape of the output, {output.shape}, or integer labels "
        f"{output.shape[:-1]}, got {jnp.result_type(y)} {jnp.shape(y)}"
    )


def refuse_weights(rule: str, y: Any) -> None:
    """Refuse weighted targets for a rule that learns from more than the loss."""
    if isinstance(y, Weighted):
        raise ValueError(
            f"{rule} does not learn from the loss alone, so that weights of the loss, such as "
            "sample_weights and class_weights, do not reach all of it; use a rule that does, such "
            "as jb.backprop"
        )


def batch_loss(loss: Loss, output: jax.Array, y: jax.Array) -> jax.Array:
    """The mean of a per-example loss over the batch."""
    require_targets(output.shape[0], y)
    return mean_loss(jax.vmap(loss)(output, y))


def require_targets(examples: int, y: Any) -> None:
    """Refuse targets whose number is not that of the examples."""
    rows = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(y)}
    if rows != {(examples,)}:
        raise ValueError(
            f"y must have one target for each of the {examples} examples of x, got shape "
            f"{jax.tree.map(jnp.shape, y)}"
        )


def mean_loss(losses: jax.Array) -> jax.Array:
    """The mean over the batch; refuse a loss of one example that is not a scalar."""
    form = "loss must map one example to a scalar, (prediction, target) -> []"
    if not isinstance(losses, jax.Array):
        raise TypeError(f"{form}, got a {type(losses).__name__}")
    if losses.ndim != 1:
        raise ValueError(f"{form}, got shape {losses.shape[1:]}")
    if not jnp.issubdtype(losses.dtype, jnp.inexact):
        raise TypeError(f"{form}, got {losses.dtype}, in which it has no gradient")
    return jnp.mean(losses)
