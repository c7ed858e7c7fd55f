"""How alike two gradients are, layer by layer: direction, length, signs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Params
from jaxbrain.training.loop import TrainState


class Similarity(NamedTuple):
    """How alike two gradients are in each layer that has weights.

    Attributes:
      angle: ``[layers]`` in degrees, of `angles`.
      norm_ratio: ``[layers]``, of `norm_ratios`.
      sign_agreement: ``[layers]``, of `sign_agreement`.
    """

    angle: jax.Array
    norm_ratio: jax.Array
    sign_agreement: jax.Array


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
    return jnp.stack([_angle(u, v) for u, v in layer_pairs(a, b)])


def norm_ratios(a: Params, b: Params) -> jax.Array:
    """The length of one gradient over that of another in each layer that has weights.

    |a_l| / |b_l|

    Args:
      a: as in `angles`.
      b: of the same structure.

    Returns:
      ``[layers with weights]``; 1 where both are zero, infinite where only b is.

    Raises:
      ValueError: if the structures differ.

    Examples:
      >>> import jax.numpy as jnp
      >>> norm_ratios((jnp.array([3.0, 4.0]), ()), (jnp.array([0.0, 2.0]), ())).tolist()
      [2.5]
    """
    return jnp.stack([_ratio(u, v) for u, v in layer_pairs(a, b)])


def sign_agreement(a: Params, b: Params) -> jax.Array:
    """The share of a layer's weights that two gradients push the same way.

    mean over i of (1 + sign(a_i) sign(b_i)) / 2

    1 is the same signs, 1/2 no better than chance. Weights that neither gradient moves, as those
    of pixels that are always black, are left out; those that only one moves count one half.

    Args:
      a: as in `angles`.
      b: of the same structure.

    Returns:
      ``[layers with weights]``; 1/2 where a gradient is zero.

    Raises:
      ValueError: if the structures differ.

    Examples:
      >>> import jax.numpy as jnp
      >>> a, b = jnp.array([1.0, -2.0, 3.0, 4.0, 0.0]), jnp.array([5.0, -0.1, 0.2, -0.3, 0.0])
      >>> sign_agreement((a,), (b,)).tolist()
      [0.75]
    """
    return jnp.stack([_agreement(u, v) for u, v in layer_pairs(a, b)])


def similarity(a: Params, b: Params) -> Similarity:
    """Angle, ratio of the lengths and agreement of the signs of two gradients.

    Args:
      a: as in `angles`.
      b: of the same structure.

    Returns:
      A Similarity.

    Raises:
      ValueError: if the structures differ.

    Examples:
      >>> import jax.numpy as jnp
      >>> found = similarity((jnp.array([1.0, 0.0]),), (jnp.array([0.0, 2.0]),))
      >>> found.angle.tolist(), found.norm_ratio.tolist(), found.sign_agreement.tolist()
      ([90.0], [0.5], [0.5])
    """
    return Similarity(angles(a, b), norm_ratios(a, b), sign_agreement(a, b))


@configured
def compared_to(
    rule: LearningRule,
    reference: LearningRule,
    data: tuple[Any, Any],
    *,
    measure: Callable[[Params, Params], Any] = similarity,
) -> Callable[[TrainState], Any]:
    """A record for `jaxbrain.fit`: how a rule's gradient compares with another's on probe data.

    Both gradients are taken at the weights of the state, under the same key: the same dropout.

    Args:
      rule: what trains.
      reference: what to compare with, ``jb.backprop`` as a rule; its network has the params of
        the rule's, whatever either predicts with.
      data: ``(x [examples, ...], y [examples, ...])``.
      measure: ``(gradient, reference gradient) -> pytree``.

    Returns:
      ``(state) -> Similarity``, or what `measure` returns.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net, (x, y) = jb.dense(1), jb.datasets.xor()
      >>> rule = jb.backprop(net, jb.losses.half_mse)
      >>> state = jb.init_state(rule, optax.sgd(0.1), x[0], key=jax.random.key(0))
      >>> compared_to(rule, rule, (x, y))(state).norm_ratio.tolist()
      [1.0]
    """

    def record(state: TrainState) -> Any:
        key = jax.random.fold_in(state.key, state.step)
        _, ours, _ = rule.grads(state.params, state.rule_state, *data, key=key)
        start = reference.init(key, state.params, jax.tree.map(lambda a: a[0], data[0]))
        _, theirs, _ = reference.grads(state.params, start, *data, key=key)
        return measure(ours, theirs)

    return record


@configured
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
    return compared_to(rule, reference, data, measure=angles)


def layer_pairs(a: Params, b: Params) -> list[tuple[jax.Array, jax.Array]]:
    """The layers of two gradients side by side, each as one vector."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        raise ValueError(
            f"a and b must have one structure, got {jax.tree.structure(a)} and "
            f"{jax.tree.structure(b)}"
        )
    return list(zip(layer_vectors(a), layer_vectors(b), strict=True))


def layer_vectors(tree: Params) -> list[jax.Array]:
    """Each layer that has weights as one vector, kernel and bias together."""
    single = isinstance(tree, dict) and all(isinstance(v, jax.Array) for v in tree.values())
    parts = [tree] if single else jax.tree.leaves(tree, is_leaf=lambda node: node is not tree)
    return [ravel_pytree(part)[0] for part in parts if jax.tree.leaves(part)]


def _scaled(w: jax.Array) -> tuple[jax.Array, jax.Array]:
    """w over its largest magnitude, and that: the squares of extreme values leave the range."""
    largest = jnp.max(jnp.abs(w))
    return w / jnp.where(largest > 0, largest, 1), largest


def _ratio(u: jax.Array, v: jax.Array) -> jax.Array:
    (u, above), (v, below) = _scaled(u), _scaled(v)
    known = below != 0  # nan too: what came of it must stay nan
    shape = jnp.linalg.norm(u) / jnp.where(known, jnp.linalg.norm(v), 1)
    ratio = shape * (above / jnp.where(known, below, 1))
    return jnp.where(known, ratio, jnp.where(above != 0, jnp.inf, 1))


def _agreement(u: jax.Array, v: jax.Array) -> jax.Array:
    moved = (u != 0) | (v != 0)
    count = jnp.sum(moved)
    products = jnp.sum(jnp.sign(u) * jnp.sign(v))
    return (1 + products / jnp.maximum(count, 1).astype(u.dtype)) / 2


def _angle(u: jax.Array, v: jax.Array) -> jax.Array:
    def unit(w: jax.Array) -> jax.Array:
        w, _ = _scaled(w)
        norm = jnp.linalg.norm(w)
        return w / jnp.where(norm > 0, norm, 1)

    u, v = unit(u), unit(v)
    # with a zero gradient both distances are 1 (or 0): no direction, so 90 degrees
    apart, together = jnp.linalg.norm(u - v), jnp.linalg.norm(u + v)
    angle = jnp.degrees(2 * jnp.arctan2(apart, together))
    return jnp.where(jnp.all(u == 0) | jnp.all(v == 0), 90.0, angle)
