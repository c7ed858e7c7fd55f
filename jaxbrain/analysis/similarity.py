"""How alike two gradients are, layer by layer."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxbrain.network import LearningRule, Params
from jaxbrain.training import TrainState


def angles(a: Params, b: Params) -> jax.Array:
    """The angle between two gradients in each layer that has weights, in degrees.

    angle_l = 2 atan2(|u - v|, |u + v|), u = a_l / |a_l|, v = b_l / |b_l|

    0 is the same direction, 90 no better than chance. This form is exact near 0, where
    arccos(u . v) is not.

    Args:
      a: a pytree whose children are layers, such as the gradients of a `serial`; or one layer.
      b: of the same structure.

    Returns:
      ``[layers with weights]``; a gradient of zero is at 90 degrees to anything.

    Raises:
      ValueError: if the structures differ.

    Source: Kahan 2006, "How futile are mindless assessments of roundoff", section 12.

    Examples:
      >>> import jax.numpy as jnp
      >>> angles((jnp.array([1.0, 0.0]), ()), (jnp.array([0.0, 2.0]), ())).tolist()
      [90.0]
    """
    if jax.tree.structure(a) != jax.tree.structure(b):
        raise ValueError(
            f"a and b must have one structure, got {jax.tree.structure(a)} and "
            f"{jax.tree.structure(b)}"
        )
    pairs = zip(_layers(a), _layers(b), strict=True)
    return jnp.stack([_angle(u, v) for u, v in pairs])


def angles_to(
    rule: LearningRule, reference: LearningRule, data: tuple[Any, Any]
) -> Callable[[TrainState], jax.Array]:
    """A record for `jaxbrain.fit`: the angles of a rule's gradient to another's on probe data.

    Args:
      rule: what trains.
      reference: what to compare with, ``jb.backprop`` as a rule.
      data: ``(x [examples, ...], y [examples, ...])``.

    Returns:
      ``(state) -> [layers with weights]``, in degrees.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net, (x, y) = jb.dense(1), jb.datasets.xor()
      >>> rule = jb.backprop(net, jb.losses.half_mse)
      >>> state = jb.init_state(rule, optax.sgd(0.1), x[0], key=jax.random.key(0))
      >>> angles_to(rule, rule, (x, y))(state).round(3).tolist()
      [0.0]
    """

    def record(state: TrainState) -> jax.Array:
        key = jax.random.fold_in(state.key, state.step)
        _, ours, _ = rule.grads(state.params, state.rule_state, *data, key=key)
        start = reference.init(key, state.params, jax.tree.map(lambda a: a[0], data[0]))
        _, theirs, _ = reference.grads(state.params, start, *data, key=key)
        return angles(ours, theirs)

    return record


def _layers(tree: Any) -> list[jax.Array]:
    single = isinstance(tree, dict) and all(isinstance(v, jax.Array) for v in tree.values())
    parts = [tree] if single else jax.tree.leaves(tree, is_leaf=lambda node: node is not tree)
    return [ravel_pytree(part)[0] for part in parts if jax.tree.leaves(part)]


def _angle(u: jax.Array, v: jax.Array) -> jax.Array:
    def unit(w: jax.Array) -> jax.Array:
        largest = jnp.max(jnp.abs(w))  # the squares of very small and large ones leave the range
        w = w / jnp.where(largest > 0, largest, 1)
        norm = jnp.linalg.norm(w)
        return w / jnp.where(norm > 0, norm, 1)

    u, v = unit(u), unit(v)
    # with a zero gradient both distances are 1 (or 0): no direction, so 90 degrees
    apart, together = jnp.linalg.norm(u - v), jnp.linalg.norm(u + v)
    angle = jnp.degrees(2 * jnp.arctan2(apart, together))
    return jnp.where(jnp.all(u == 0) | jnp.all(v == 0), 90.0, angle)
