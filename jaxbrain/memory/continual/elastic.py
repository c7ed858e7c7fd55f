"""Elastic weight consolidation: a quadratic penalty holds the weights that matter for old tasks.

After each task its weights become an anchor; each weight is held in proportion to its importance
(`jaxbrain.memory.fisher`). The penalty works with any learning rule.

Scale of strength: rules take the mean loss over the new examples, `fisher` the mean over the old
ones. So the value of Bayes (Laplace) is strength = old examples / new examples, 1 for tasks of
equal size. A diagonal importance neglects that weights depend on each other and holds too loosely:
on real networks 10 to 1000 times this value is used.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured, traceable
from jaxbrain.core.requirements import as_number, require_fraction, require_positive
from jaxbrain.core.types import LearningRule, Params

Penalty = Callable[[Params], jax.Array]


class Anchor(NamedTuple):
    """Center and stiffness of the elastic penalty, all tasks so far in one.

    Attributes:
      params: the minimum of the penalty.
      importance: stiffness of each weight, in the structure of params.
      offset: ``[]``, the sum of the penalties of all tasks at that minimum.
    """

    params: Params
    importance: Params
    offset: jax.Array


@checked
def empty_anchor(params: Params) -> Anchor:
    """The anchor before the first task, without importance.

    Args:
      params: of the network, for their structure.

    Examples:
      >>> import jax.numpy as jnp
      >>> empty_anchor({"w": jnp.ones(2)}).importance["w"].tolist()
      [0.0, 0.0]
    """
    leaves = jax.tree.leaves(params)
    dtype = jnp.result_type(*leaves) if leaves else jnp.float32
    return Anchor(params, jax.tree.map(jnp.zeros_like, params), jnp.zeros((), dtype))


@checked
def consolidate(anchor: Anchor, params: Params, importance: Params) -> Anchor:
    """The anchor with one task more, each task around its own weights.

    sum_t 1/2 F_t (theta - theta_t)^2 = 1/2 F (theta - m)^2 + offset

    with F = sum_t F_t and m the mean of the theta_t weighted by F_t: one anchor is exactly the sum
    of the penalties of all tasks. The memory does not grow.

    Args:
      anchor: of the tasks before; `empty_anchor` at first.
      params: weights at the end of this task.
      importance: of each weight for this task, such as `fisher` at params.

    Source: Kirkpatrick et al. 2017, arXiv 1612.00796.

    Examples:
      >>> import jax.numpy as jnp
      >>> anchor = empty_anchor(jnp.zeros(1))
      >>> anchor = consolidate(anchor, jnp.array([1.0]), jnp.array([3.0]))
      >>> anchor = consolidate(anchor, jnp.array([5.0]), jnp.array([1.0]))
      >>> float(anchor.params[0]), float(anchor.importance[0])  # (3 * 1 + 1 * 5) / 4
      (2.0, 4.0)
    """
    _require_alike("consolidate", anchor, params, importance)

    def share(old: jax.Array, new: jax.Array) -> jax.Array:
        both = old + new
        return jnp.where(both > 0, new / jnp.where(both > 0, both, 1), 1)

    shares = jax.tree.map(share, anchor.importance, importance)
    means = jax.tree.map(lambda m, p, s: m + s * (p - m), anchor.params, params, shares)
    left = jax.tree.map(
        lambda m, p, f, s: 0.5 * jnp.sum(f * s * jnp.square(p - m)),
        anchor.params, params, anchor.importance, shares,
    )  # fmt: skip
    return Anchor(
        means,
        jax.tree.map(jnp.add, anchor.importance, importance),
        anchor.offset + sum(jax.tree.leaves(left)),
    )


@checked
def consolidate_online(
    anchor: Anchor, params: Params, importance: Params, *, retention: float | jax.Array = 1.0
) -> Anchor:
    """The anchor of online EWC: it moves to the newest weights, and old importance fades.

    F <- retention F + F_new, theta* <- theta_new

    With retention 1 this is Laplace's approximation, task after task: the old penalties have
    already pulled the newest weights.

    Args:
      anchor: of the tasks before; `empty_anchor` at first.
      params: weights at the end of this task.
      importance: of each weight for this task, such as `fisher` at params.
      retention: fraction of the old importance that is kept, 0 to 1.

    Source: Schwarz et al. 2018, arXiv 1805.06370; Huszar 2018, arXiv 1712.03847.

    Examples:
      >>> import jax.numpy as jnp
      >>> anchor = empty_anchor(jnp.zeros(1))
      >>> anchor = consolidate_online(anchor, jnp.array([1.0]), jnp.array([3.0]))
      >>> anchor = consolidate_online(anchor, jnp.array([5.0]), jnp.array([1.0]), retention=0.5)
      >>> float(anchor.params[0]), float(anchor.importance[0])
      (5.0, 2.5)
    """
    require_fraction("consolidate_online", "retention", retention)
    _require_alike("consolidate_online", anchor, params, importance)
    faded = jax.tree.map(
        lambda old, new: as_number(retention, old) * old + new, anchor.importance, importance
    )
    return Anchor(params, faded, jnp.zeros_like(anchor.offset))


@traceable("anchor", "strength")
@configured
def elastic_penalty(anchor: Anchor, *, strength: float | jax.Array = 1.0) -> Penalty:
    """The elastic penalty: a spring on each weight, as stiff as the weight is important.

    strength (1/2 sum_i F_i (theta_i - theta*_i)^2 + offset)

    Another anchor or strength compiles nothing in `jaxbrain.fit`.

    Args:
      anchor: of `consolidate` or `consolidate_online`.
      strength: lambda, not negative; 1 is the value of Bayes for tasks of equal size.

    Returns:
      ``(params) -> scalar``, for `with_penalty`.

    Source: Kirkpatrick et al. 2017, arXiv 1612.00796.

    Examples:
      >>> import jax.numpy as jnp
      >>> anchor = consolidate(empty_anchor(jnp.zeros(2)), jnp.zeros(2), jnp.array([1.0, 100.0]))
      >>> penalty = elastic_penalty(anchor)
      >>> float(penalty(jnp.array([1.0, 0.0]))), float(penalty(jnp.array([0.0, 1.0])))
      (0.5, 50.0)
    """
    require_positive("elastic_penalty", "strength", strength, zero=True)

    def penalty(params: Params) -> jax.Array:
        terms = jax.tree.map(
            lambda f, p, m: jnp.sum(f * jnp.square(p - m)), anchor.importance, params, anchor.params
        )
        total = 0.5 * sum(jax.tree.leaves(terms)) + anchor.offset
        return as_number(strength, total) * total

    return penalty


@traceable("params", "importance", "strength")
@configured
def full_elastic_penalty(
    params: Params, importance: jax.Array, *, strength: float | jax.Array = 1.0
) -> Penalty:
    """The elastic penalty with the full matrix: exact for linear networks with Gaussian outputs.

    strength 1/2 (theta - theta*)^T F (theta - theta*)

    Penalties of several tasks add up: ``lambda p: first(p) + second(p)``.

    Args:
      params: theta*, weights at the end of the old task.
      importance: F ``[n, n]``, of `full_fisher`.
      strength: lambda, on the scale of `elastic_penalty`.

    Returns:
      ``(params) -> scalar``, for `with_penalty`.

    Source: MacKay 1992, doi 10.1162/neco.1992.4.3.448.

    Examples:
      >>> import jax.numpy as jnp
      >>> penalty = full_elastic_penalty(jnp.zeros(2), jnp.array([[1.0, 1.0], [1.0, 1.0]]))
      >>> float(penalty(jnp.array([1.0, 1.0]))), float(penalty(jnp.array([1.0, -1.0])))
      (2.0, 0.0)
    """
    require_positive("full_elastic_penalty", "strength", strength, zero=True)
    center, _ = jax.flatten_util.ravel_pytree(params)
    if jnp.shape(importance) != (center.size, center.size):
        raise ValueError(
            f"importance must be {(center.size, center.size)}, for {center.size} parameters, got "
            f"{jnp.shape(importance)}; make it with full_fisher"
        )

    def penalty(params: Params) -> jax.Array:
        away = jax.flatten_util.ravel_pytree(params)[0] - center
        total = 0.5 * away @ importance @ away
        return as_number(strength, total) * total

    return penalty


@configured
def with_penalty(rule: LearningRule, penalty: Penalty) -> LearningRule:
    """Any learning rule with a penalty on the weights added to its loss.

    loss + penalty(theta), gradient of the rule + d penalty / d theta

    A penalty of your own is compiled for each new function.

    Args:
      rule: of the task; its state stays.
      penalty: ``(params) -> scalar``, such as an `elastic_penalty`.

    Raises:
      TypeError: if rule is no LearningRule.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> rule = jb.backprop(jb.dense(1, bias_init=None), jb.losses.half_mse)
      >>> params, x, y = {"kernel": jnp.ones((1, 1))}, jnp.ones((1, 1)), jnp.ones((1, 1))
      >>> rule = with_penalty(rule, lambda p: 3 * jnp.sum(p["kernel"]))
      >>> loss, grads, state = jax.jit(rule.grads)(params, (), x, y)
      >>> float(loss), float(grads["kernel"][0, 0])
      (3.0, 3.0)
    """

    def grads(
        params: Params, state: Any, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Any]:
        loss, gradient, state = rule.grads(params, state, x, y, key=key)
        cost, pull = jax.value_and_grad(penalty)(params)
        total = loss + as_number(cost, loss)
        return total, jax.tree.map(jnp.add, gradient, pull), state

    return LearningRule(rule.init, grads, rule.network)


def _require_alike(where: str, anchor: Anchor, params: Params, importance: Params) -> None:
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (anchor.params, params, importance)]
    for name, shape in zip(("params", "importance"), shapes[1:], strict=True):
        if shape != shapes[0]:
            raise ValueError(
                f"{where}: {name} must have the structure and shapes of the params of the anchor, "
                f"got {shape} for {shapes[0]}"
            )
