"""The layer pullback: the one mechanism behind every local rule on a chain of layers.

``pull_params(layer, params, x, signal)`` is the gradient of a layer's weights for a signal at its
output; ``pull_input`` carries a signal back to its input. The signal makes the rule: the error
carried through the same weights is back-propagation, through other weights feedback alignment,
projected from the output direct feedback alignment; the layer's own output is Hebb's rule.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import batch, constructor, serial
from jaxbrain.core.config import made_by
from jaxbrain.core.types import Network, Params

Loss = Callable[[Any, Any], jax.Array]


def require_chain(net: Network, rule: str) -> None:
    """Refuse what is not one flat `serial` of layers, naming the fix."""
    if not isinstance(net, Network):
        raise TypeError(f"{rule}: net must be a Network, got {type(net).__name__}")
    if not made_by(net, serial):
        raise ValueError(
            f"{rule} teaches a chain, layer by layer, and {net} is none; build it as "
            "jb.serial(layer, layer, ...), of one example, and wrap single layers if need be: "
            "jb.serial(*(jb.with_precision(layer, dtype) for layer in net.layers))"
        )
    for i, layer in enumerate(net.layers):
        if layer.layers:
            raise ValueError(
                f"{rule} needs a flat chain, but layer {i} is itself composed: {layer}; unpack a "
                "nested serial with jb.serial(*inner.layers, ...), or use jb.backprop"
            )


def has_weights(layer: Network) -> bool:
    """Whether a layer learns; one made by hand counts as such."""
    if layer.layers:
        return any(map(has_weights, layer.layers))
    return not getattr(constructor(layer), "without_weights", False)


def require_hidden(net: Network, rule: str, why: str) -> None:
    """Refuse a chain with fewer than two layers of weights."""
    require_chain(net, rule)
    if sum(map(has_weights, net.layers)) < 2:
        raise ValueError(
            f"{rule} needs a hidden layer, {why}, and {net} has none; put one before the last: "
            "jb.serial(jb.dense(64), jb.elementwise(jax.nn.relu), jb.dense(10)), or use jb.backprop"
        )


def forward(net: Network, params: Params, x: Any, *, key: jax.Array | None = None) -> list[Any]:
    """The input of every layer for a batch, then the output: one entry more than layers."""
    activities = [x]
    for layer, p, k in zip(net.layers, params, layer_keys(net, x, key), strict=True):
        activities.append(on_batch(layer, p, activities[-1], k))
    return activities


def layer_keys(net: Network, x: Any, key: jax.Array | None) -> Any:
    """For each layer the keys of all examples, or None: those of ``batch(net)``, so that every rule
    meets the same noise."""
    n = len(net.layers)
    if key is None:
        return [None] * n
    # cloned here and below: the way back meets the noise of the way forward, on purpose
    examples = jax.random.split(jax.random.clone(key), jax.tree.leaves(x)[0].shape[0])
    keys = jax.vmap(lambda k: jax.random.split(k, n))(examples)
    return [jax.random.clone(keys)[:, i] for i in range(n)]


def on_batch(layer: Network, params: Params, x: Any, keys: Any) -> Any:
    """The layer on ``[batch, ...]``, with a key for each example or None."""
    if keys is None:
        return batch(layer).apply(params, x)
    return jax.vmap(lambda a, k: layer.apply(params, a, key=jax.random.clone(k)))(x, keys)


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
    """A signal at a layer's output, carried back to its input through the given weights.

    For a dense layer: signal W^T.
    """
    _, pull = jax.vjp(lambda a: on_batch(layer, params, a, key), x)
    return pull(signal)[0]


def block_gradients(
    net: Network, params: Params, activities: list[Any], errors: Any, keys: Any
) -> Params:
    """The gradients of all weights for an error at the output of each block, none crossing one.

    Args:
      net: a flat `serial` chain.
      params: of net.
      activities: of `forward`.
      errors: ``[batch, ...]`` in the shape of each block's output, or flat, from the first to the
        last.
      keys: of `layer_keys`.

    Returns:
      A tree like params, summed over the batch.
    """
    changes = list(params)
    # without weights there is an error at the output, and no block to take it
    for (start, stop), signal in zip(blocks(params), errors, strict=False):
        signal = signal.reshape(activities[stop].shape)
        for i in reversed(range(start + 1, stop)):
            signal = pull_input(net.layers[i], params[i], activities[i], signal, key=keys[i])
        layer, p = net.layers[start], params[start]
        changes[start] = pull_params(layer, p, activities[start], signal, key=keys[start])
    return tuple(changes)


def no_state(key: jax.Array, params: Params, x: Any) -> tuple:
    """The init of a rule without state."""
    return ()


def blocks(params: Params) -> list[tuple[int, int]]:
    """``(start, stop)`` of each layer that has weights together with the activations after it.

    Layers without weights before the first one belong to no block.

    Examples:
      >>> blocks(((), {"kernel": 1.0}, (), {"kernel": 2.0}))
      [(1, 3), (3, 4)]
    """
    starts = [i for i, p in enumerate(params) if jax.tree.leaves(p)]
    return list(zip(starts, [*starts[1:], len(params)][: len(starts)], strict=True))


def block_shapes(net: Network, params: Params, x: Any) -> list[jax.ShapeDtypeStruct]:
    """The output of each block for one example x."""
    shapes = []
    for layer, p in zip(net.layers, params, strict=True):
        x = jax.eval_shape(layer.apply, p, x)
        shapes.append(x)
    return [shapes[stop - 1] for _, stop in blocks(params)]


def loss_and_error(loss: Loss, output: jax.Array, y: Any) -> tuple[jax.Array, jax.Array]:
    """The mean loss of a batch, and its derivative at the output ``[batch, ...]``."""
    return jax.value_and_grad(lambda o: batch_loss(loss, o, y))(output)


def target_vectors(rule: str, y: Any, output: jax.Array) -> jax.Array:
    """Targets as vectors in the shape of the output: integer labels become one-hot.

    Raises:
      ValueError: if y has neither the shape of the output nor that of its labels.
    """
    if jnp.shape(y) == output.shape:
        return jnp.asarray(y).astype(output.dtype)
    if jnp.shape(y) == output.shape[:-1] and jnp.issubdtype(jnp.result_type(y), jnp.integer):
        return jax.nn.one_hot(y, output.shape[-1], dtype=output.dtype)
    raise ValueError(
        f"{rule} needs targets in the shape of the output, {output.shape}, or integer labels "
        f"{output.shape[:-1]}, got {jnp.result_type(y)} {jnp.shape(y)}"
    )


def batch_loss(loss: Loss, output: jax.Array, y: jax.Array) -> jax.Array:
    """The mean of a per-example loss over the batch.

    Raises:
      ValueError: if output and y differ in length, or the loss of one example is no scalar.
    """
    require_targets(output.shape[0], y)
    return mean_loss(jax.vmap(loss)(output, y))


def require_targets(examples: int, y: Any) -> None:
    """Refuse targets that are not one for each example."""
    rows = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(y)}
    if rows != {(examples,)}:
        raise ValueError(
            f"y must have one target for each of the {examples} examples of x, got shape "
            f"{jax.tree.map(jnp.shape, y)}"
        )


def mean_loss(losses: jax.Array) -> jax.Array:
    """The mean over the batch; refuse a loss of one example that is no scalar."""
    if losses.ndim != 1:
        raise ValueError(
            "loss must map one example to a scalar, (prediction, target) -> [], got shape "
            f"{losses.shape[1:]}"
        )
    return jnp.mean(losses)
