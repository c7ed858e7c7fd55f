"""Hebbian plasticity of rates: the change of a weight from the activities at its two ends.

Plasticities as in `jaxbrain.learning.plasticity`, with x the presynaptic and y the postsynaptic
activities, W ``[pre, post]`` the weights, so that a linear layer is y = x W. They have no carry and
use no modulator, where nothing else is said.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.cells.parts import retention
from jaxbrain.core.annotations import MayBeInfinite
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_number, require_positive
from jaxbrain.core.types import Cell
from jaxbrain.learning.chain import target_vectors
from jaxbrain.learning.plasticity.synapses import local_rule


def _outer(x: jax.Array, y: jax.Array) -> jax.Array:
    return x[:, None] * y[None]


@configured
def hebb() -> Cell:
    """Hebb's rule: cells that fire together wire together. Nothing bounds the weights.

    dW_ij = x_i y_j

    Source: Hebb 1949, "The Organization of Behavior".

    Examples:
      >>> x, y = jnp.array([1.0, 2.0]), jnp.array([3.0])
      >>> hebb().step(jnp.zeros((2, 1)), (), (x, y, None))[1].tolist()
      [[3.0], [6.0]]
    """
    return local_rule("hebb", lambda w, carry, x, y, _: (carry, _outer(x, y)))


@configured
def oja() -> Cell:
    """Oja's rule: Hebb's rule with a decay that keeps each weight vector at length 1.

    dW_ij = y_j (x_i - y_j W_ij)

    With y = x W each unit finds the first principal component of E[x x^T].

    Source: Oja 1982, doi 10.1007/BF00275687.

    Examples:
      >>> w = jnp.array([[1.0], [0.0]])
      >>> oja().step(w, (), (jnp.array([2.0, 1.0]), jnp.array([2.0]), None))[1].tolist()
      [[0.0], [2.0]]
    """
    return local_rule(
        "oja", lambda w, carry, x, y, _: (carry, _outer(x, y) - w * jnp.square(y)[None])
    )


@configured
def sanger() -> Cell:
    """Sanger's rule, the generalized Hebbian algorithm: the principal components in their order.

    dW_ij = y_j (x_i - sum_{k <= j} y_k W_ik)

    Source: Sanger 1989, doi 10.1016/0893-6080(89)90044-0.

    Examples:
      >>> x = y = jnp.array([1.0, 1.0])
      >>> sanger().step(jnp.eye(2), (), (x, y, None))[1].tolist()
      [[0.0, 0.0], [1.0, 0.0]]
    """

    def change(w: jax.Array, carry: tuple, x: jax.Array, y: jax.Array, _: Any) -> Any:
        return carry, _outer(x, y) - w @ jnp.triu(_outer(y, y))

    return local_rule("sanger", change)


@configured
def oja_subspace() -> Cell:
    """Oja's subspace rule: an orthonormal basis of the principal subspace, by one common decay.

    dW_ij = y_j (x_i - sum_k y_k W_ik)

    Source: Oja 1989, doi 10.1142/S0129065789000475.

    Examples:
      >>> x = y = jnp.array([1.0, 1.0])
      >>> oja_subspace().step(jnp.eye(2), (), (x, y, None))[1].tolist()
      [[0.0, 0.0], [0.0, 0.0]]
    """
    return local_rule("oja_subspace", lambda w, carry, x, y, _: (carry, _outer(x - w @ y, y)))


@configured
def bcm(*, tau: float | jax.Array = 100.0, threshold: float | jax.Array = 1.0) -> Cell:
    """The BCM rule: depression below a sliding threshold, potentiation above it.

    dW_ij = x_i y_j (y_j - theta_j), then theta_j <- theta_j + (1 - exp(-1/tau)) (y_j^2 - theta_j)

    theta follows E[y^2], which must be faster than the weights, or they oscillate: keep the
    learning rate of one presentation * tau * |x|^2 below 1. In the stable states a unit responds to
    one of several linearly independent inputs alone, with y = 1/p for an input of probability p.

    The carry is theta ``[post]``.

    Args:
      tau: time constant of the threshold, in presentations.
      threshold: theta before the first presentation; not negative.

    Source: Bienenstock, Cooper and Munro 1982, doi 10.1523/JNEUROSCI.02-01-00032.1982; E[y^2] from
    Intrator and Cooper 1992, doi 10.1016/S0893-6080(05)80003-6.

    Examples:
      >>> x, y, theta = jnp.ones(1), jnp.array([2.0, 0.5]), jnp.ones(2)
      >>> theta, change = bcm(tau=100.0).step(jnp.zeros((1, 2)), theta, (x, y, None))
      >>> change.tolist(), (theta > 1).tolist()
      ([[2.0, -0.25]], [True, False])
    """
    require_positive("bcm", "tau", tau)
    require_positive("bcm", "threshold", threshold, zero=True)

    def carry(w: jax.Array) -> jax.Array:
        return jnp.full(w.shape[1:], threshold, w.dtype)

    def change(w: jax.Array, theta: jax.Array, x: jax.Array, y: jax.Array, _: Any) -> Any:
        kept = retention(tau, 1.0, w)
        return kept * theta + (1 - kept) * jnp.square(y), _outer(x, y * (y - theta))

    return local_rule("bcm", change, carry)


@configured
def covariance(*, tau: MayBeInfinite = 1000.0) -> Cell:
    """The covariance rule: Hebb's rule on the deviations from the running means.

    dW_ij = (x_i - <x_i>) (y_j - <y_j>'), <.> the mean before and <.>' after this presentation

    The means decay by exp(-1/tau). With tau = inf they are the means of all presentations, and n
    changes add up to n times the sample covariance (Welford). With a finite tau the expectation of
    a change tends to Cov(x, y) 2 exp(-1/tau) / (1 + exp(-1/tau)).

    The carry is the weight of the past and both means.

    Args:
      tau: time constant of the means, in presentations, or ``jnp.inf``.

    Source: Sejnowski 1977, doi 10.1007/BF00275079; the running form from Welford 1962, doi
    10.1080/00401706.1962.10490022.

    Examples:
      >>> w, rule = jnp.zeros((1, 1)), covariance(tau=jnp.inf)
      >>> one, three = jnp.array([1.0]), jnp.array([3.0])
      >>> carry, first = rule.step(w, rule.carry(w, (one, one, None)), (one, one, None))
      >>> carry, second = rule.step(w, carry, (three, three, None))
      >>> (first + second).tolist()  # (1 - 2)^2 + (3 - 2)^2
      [[2.0]]
    """
    require_number("covariance", "tau", tau, above=0, infinite=True)

    def carry(w: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        inputs, outputs = w.shape
        return tuple(jnp.zeros(shape, w.dtype) for shape in ((), inputs, outputs))  # type: ignore

    def change(w: jax.Array, past: tuple, x: jax.Array, y: jax.Array, _: Any) -> Any:
        weight, mean_x, mean_y = past
        weight = retention(tau, 1.0, w) * weight + 1
        after_x, after_y = mean_x + (x - mean_x) / weight, mean_y + (y - mean_y) / weight
        return (weight, after_x, after_y), _outer(x - mean_x, y - after_y)

    return local_rule("covariance", change, carry)


@configured
def delta() -> Cell:
    """The delta rule of Widrow and Hoff: the error at the output times the input.

    dW_ij = x_i (t_j - y_j)

    With y = x W it is minus the gradient of `jb.losses.half_mse`; with y = softmax(x W), or the
    logistic function, minus that of the cross-entropy.

    The modulator is the target t ``[post]``, or an integer label for a one-hot target.

    Source: Widrow and Hoff 1960, "Adaptive switching circuits".

    Examples:
      >>> x, y, t = jnp.array([1.0, 2.0]), jnp.array([0.5]), jnp.array([1.0])
      >>> delta().step(jnp.zeros((2, 1)), (), (x, y, t))[1].tolist()
      [[0.5], [1.0]]
    """

    def change(w: jax.Array, carry: tuple, x: jax.Array, y: jax.Array, target: Any) -> Any:
        return carry, _outer(x, _vector("delta", target, y) - y)

    return local_rule("delta", change)


@configured
def perceptron() -> Cell:
    """The perceptron rule of Rosenblatt: a change at each mistake, and only then.

    dW_ij = t_j x_i where t_j y_j <= 0, else 0

    y may be x W or its sign. If a unit vector separates the examples with margin gamma, the number
    of mistakes in any order is at most (R / gamma)^2, R the largest |x| (Novikoff).

    The modulator is the target t ``[post]`` of -1 and +1, or an integer label, for +1 at its place
    and -1 elsewhere.

    Source: Rosenblatt 1958, doi 10.1037/h0042519; Novikoff 1962.

    Examples:
      >>> x, y, t = jnp.array([1.0, 2.0]), jnp.array([0.5, 0.5]), jnp.array([1.0, -1.0])
      >>> perceptron().step(jnp.zeros((2, 2)), (), (x, y, t))[1].tolist()
      [[0.0, -1.0], [0.0, -2.0]]
    """

    def change(w: jax.Array, carry: tuple, x: jax.Array, y: jax.Array, target: Any) -> Any:
        t = _vector("perceptron", target, y)
        t = 2 * t - 1 if jnp.shape(target) != y.shape else t
        return carry, _outer(x, jnp.where(t * y <= 0, t, 0))

    return local_rule("perceptron", change)


def _vector(rule: str, target: Any, y: jax.Array) -> jax.Array:
    if target is None:
        raise ValueError(f"{rule} learns from a target: pass it as the modulator, under fit as y")
    return target_vectors(rule, target, y)
