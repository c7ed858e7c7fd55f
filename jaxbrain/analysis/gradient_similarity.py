"""Similarity of two gradients in each layer: angle, ratio of norms, agreement of signs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxbrain.analysis.values import scaled
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import example
from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Params
from jaxbrain.training.states import TrainState, noise_key


class Similarity(NamedTuple):
    """Similarity of two gradients in each layer that has weights.

    Attributes:
      angle: ``[layers]`` in degrees, of `angles`.
      norm_ratio: ``[layers]``, of `norm_ratios`.
      sign_agreement: ``[layers]``, of `sign_agreement`.
    """

    angle: jax.Array
    norm_ratio: jax.Array
    sign_agreement: jax.Array


@checked
def angles(a: Params, b: Params) -> jax.Array:
    """Angle between two gradients in each layer that has weights, in degrees.

    angle_l = 2 atan2(|u - v|, |u + v|), u = a_l / |a_l|, v = b_l / |b_l|

    0 is the same direction, 90 is chance level. Unlike arccos(u . v) this is exact near 0. A zero
    gradient is at 90 degrees to any other.

    Args:
      a: a pytree whose children are layers, such as the gradients of a `serial`; or one layer.
      b: of the same structure.

    Source: Kahan 2006, "How futile are mindless assessments of roundoff", section 12.

    Examples:
      >>> import jax.numpy as jnp
      >>> angles((jnp.array([1.0, 0.0]), ()), (jnp.array([0.0, 2.0]), ())).tolist()
      [90.0]
    """
    return jnp.stack([_angle(u, v) for u, v in layer_pairs("angles", a, b)])


@checked
def norm_ratios(a: Params, b: Params) -> jax.Array:
    """Ratio |a_l| / |b_l| of the norms of two gradients in each layer that has weights.

    It is 1 where both are zero and infinite where only b is.

    Args:
      a: as in `angles`.
      b: of the same structure.

    Examples:
      >>> import jax.numpy as jnp
      >>> norm_ratios((jnp.array([3.0, 4.0]), ()), (jnp.array([0.0, 2.0]), ())).tolist()
      [2.5]
    """
    return jnp.stack([_ratio(u, v) for u, v in layer_pairs("norm_ratios", a, b)])


@checked
def sign_agreement(a: Params, b: Params) -> jax.Array:
    """Fraction of the weights in each layer that two gradients move in the same direction.

    mean over i of (1 + sign(a_i) sign(b_i)) / 2

    1 is full agreement, 1/2 is chance level. A weight with one zero gradient counts one half; a
    weight with two, such as that of a pixel that is always black, is left out.

    Args:
      a: as in `angles`.
      b: of the same structure.

    Examples:
      >>> import jax.numpy as jnp
      >>> a, b = jnp.array([1.0, -2.0, 3.0, 4.0, 0.0]), jnp.array([5.0, -0.1, 0.2, -0.3, 0.0])
      >>> sign_agreement((a,), (b,)).tolist()
      [0.75]
    """
    return jnp.stack([_agreement(u, v) for u, v in layer_pairs("sign_agreement", a, b)])


@checked
def similarity(a: Params, b: Params) -> Similarity:
    """Angle, ratio of norms and agreement of signs of two gradients, layer by layer.

    Args:
      a: as in `angles`.
      b: of the same structure.

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
    """Record for `jaxbrain.fit`: similarity of a rule's gradient to a reference gradient.

    Both gradients are taken on probe data, at the weights of the state and under the same noise.

    Args:
      rule: the rule that trains.
      reference: a rule for the same params, such as ``jb.backprop``.
      data: ``(x [examples, ...], y [examples, ...])``.
      measure: ``(gradient, reference gradient) -> pytree``.

    Returns:
      ``(state) -> Similarity``, or the pytree of `measure`.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net, (x, y) = jb.dense(1), jb.datasets.xor()
      >>> rule = jb.backprop(net, jb.losses.half_mse)
      >>> state = jb.init_state(rule, optax.sgd(0.1), x[0], key=jax.random.key(0))
      >>> compared_to(rule, rule, (x, y))(state).norm_ratio.tolist()
      [1.0]
    """

    def record(state: TrainState) -> Any:
        key = jax.random.fold_in(noise_key(state), state.step)
        # One key for both: under dropout they differentiate the same network.
        same, start = jax.random.clone(key), jax.random.clone(key)
        _, ours, _ = rule.grads(state.params, state.rule_state, *data, key=key)
        reference_state = reference.init(start, state.params, example(data[0]))
        _, theirs, _ = reference.grads(state.params, reference_state, *data, key=same)
        return measure(ours, theirs)

    return record


@configured
def angles_to(
    rule: LearningRule, reference: LearningRule, data: tuple[Any, Any]
) -> Callable[[TrainState], jax.Array]:
    """Record for `jaxbrain.fit`: angles of a rule's gradient to a reference gradient, in degrees.

    Args:
      rule: the rule that trains.
      reference: a rule for the same params, such as ``jb.backprop``.
      data: probe data ``(x [examples, ...], y [examples, ...])``.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net, (x, y) = jb.dense(1), jb.datasets.xor()
      >>> rule = jb.backprop(net, jb.losses.half_mse)
      >>> state = jb.init_state(rule, optax.sgd(0.1), x[0], key=jax.random.key(0))
      >>> angles_to(rule, rule, (x, y))(state).round(3).tolist()
      [0.0]
    """
    return compared_to(rule, reference, data, measure=angles)


def layer_pairs(function: str, a: Params, b: Params) -> list[tuple[jax.Array, jax.Array]]:
    """The layers of two gradients in pairs, each as one vector."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        raise ValueError(
            f"{function}: a and b must have one structure, got {jax.tree.structure(a)} and "
            f"{jax.tree.structure(b)}"
        )
    pairs = list(zip(layer_vectors(function, a), layer_vectors(function, b), strict=True))
    for n, (u, v) in enumerate(pairs):
        if u.size != v.size or not u.size:
            raise ValueError(
                f"{function}: a and b must have the same weights in each layer, at least one, got "
                f"{u.size} and {v.size} in layer {n}"
            )
    return pairs


def layer_vectors(function: str, tree: Params) -> list[jax.Array]:
    """Each layer that has weights as one vector, kernel and bias together."""
    single = isinstance(tree, dict) and all(hasattr(v, "dtype") for v in tree.values())
    for leaf in jax.tree.leaves(tree):
        if not hasattr(leaf, "dtype") or leaf.dtype.kind in "OSUMb":
            kind = getattr(leaf, "dtype", type(leaf).__name__)
            raise TypeError(
                f"{function}: gradients must be pytrees of arrays of numbers, got {kind}"
            )
    parts = [tree] if single else jax.tree.leaves(tree, is_leaf=lambda node: node is not tree)
    vectors = [ravel_pytree(part)[0] for part in parts if jax.tree.leaves(part)]
    return [v if jnp.issubdtype(v.dtype, jnp.inexact) else v.astype(float) for v in vectors]


def _ratio(u: jax.Array, v: jax.Array) -> jax.Array:
    (u, above), (v, below) = scaled(u), scaled(v)
    known = jnp.any(v != 0)  # True for nan too, which must stay nan
    shape = jnp.linalg.norm(u) / jnp.where(known, jnp.linalg.norm(v), 1)
    ratio = shape * (above / below)[0]
    return jnp.where(known, ratio, jnp.where(jnp.any(u != 0), jnp.inf, 1))


def _agreement(u: jax.Array, v: jax.Array) -> jax.Array:
    if jnp.iscomplexobj(u) or jnp.iscomplexobj(v):
        raise TypeError("sign_agreement: gradients must be real, a complex number has no sign")
    moved = (u != 0) | (v != 0)
    count = jnp.sum(moved)
    products = jnp.sum(jnp.sign(u) * jnp.sign(v))
    return (1 + products / jnp.maximum(count, 1).astype(u.dtype)) / 2


def _angle(u: jax.Array, v: jax.Array) -> jax.Array:
    def unit(w: jax.Array) -> jax.Array:
        w, _ = scaled(w)
        norm = jnp.linalg.norm(w)
        return w / jnp.where(norm > 0, norm, 1)

    u, v = unit(u), unit(v)
    apart, together = jnp.linalg.norm(u - v), jnp.linalg.norm(u + v)
    angle = jnp.degrees(2 * jnp.arctan2(apart, together))
    return jnp.where(jnp.all(u == 0) | jnp.all(v == 0), 90.0, angle)
