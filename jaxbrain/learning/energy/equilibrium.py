"""Equilibrium propagation: the same units settle with and without a nudge towards the target, and
each weight learns from the difference of what it meets at its two ends."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key
from jaxbrain.core.types import LearningRule, Network
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.symmetric import Output, System, require_numbers, symmetric_system
from jaxbrain.learning.energy.two_phases import OutputOf, Phases, contrast_rule, nudged

_SIGN = 0x7369676E  # far from the numbers of the examples, whose keys come from the same one


@configured
def equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.1,
    feedback: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
) -> LearningRule:
    """Equilibrium propagation, one-sided: nudged minus free, over the nudge.

    g_l = - [dPhi/dW_l(s^beta) - dPhi/dW_l(s^0)] / beta, Phi = sum_l g^(l-L) <s_l, C_l(s_{l-1})>

    s_l = f_l(C_l(s_{l-1}) + g C_{l+1}^T(s_{l+1}) - beta dL/ds_l), the nudge at the output only

    The chain becomes a symmetric network: its layers from one activation to the next are the
    couplings C_l, used in both directions, and what it predicts is its free equilibrium. As beta
    goes to 0 at the fixed point, g_l is the gradient of the loss at that equilibrium, with an error
    of the order of beta, for every feedback. Both phases go on from one free state for the same
    number of sweeps, so that what has not settled yet cancels.

    Args:
      net: a flat `serial` chain of dense, conv, pooling, flatten, dropout and elementwise
        activations (functions of each unit alone), or the network of such a rule. Prefer
        `avg_pool`: under `max_pool` units that tie may take turns without settling.
      loss: ``(prediction, target) -> scalar`` of one example.
      nudge: the weight of the loss (beta); positive. The bias is of the order of beta, the
        error of rounding of its inverse.
      feedback: g, the gain of the way down; positive. 1 is the network of the paper. Below 1 it
        settles in fewer steps and stays stable where f is not bounded (relu), but states of the
        layer n below the output differ by g^n: with many layers in float32, raise it.
      steps: sweeps of the free phase; each sweep updates every group of units once.
      nudged_steps: sweeps of the phases that are compared.

    Returns:
      A LearningRule whose network settles before it answers, and whose state is the `Residuals` of
      the last batch. The loss it reports is that of the free equilibrium.

    Raises:
      ValueError: if net is not a flat chain with a hidden layer, a layer is no symmetric coupling
        (layer_norm, embed, one of your own), or a number is not positive.
      TypeError: at trace time, if the network answers in half precision, in which the nudge drowns.

    Source: Scellier and Bengio 2017, doi 10.3389/fncom.2017.00024; the nudge within the
    nonlinearity, Ernoult et al. 2019, arXiv 1905.13633.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = equilibrium_propagation(net, jb.losses.softmax_cross_entropy)
      >>> rule.network
      equilibrium(serial(dense(8), tanh, dense(3)))
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> bool(state.free < 1e-3)
      True
    """

    name = "equilibrium_propagation"

    def points(key: jax.Array | None, dtype: Any) -> tuple[jax.Array, jax.Array]:
        beta = jnp.asarray(nudge).astype(dtype)
        return _one_sided(beta)

    system = _system(name, net, nudge, feedback, steps, nudged_steps)
    return contrast_rule(name, system, loss, Phases(points, _nudged(loss)), steps, nudged_steps)


@configured
def random_sign_equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.1,
    feedback: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
) -> LearningRule:
    """Equilibrium propagation whose nudge is towards the target or away from it, by chance.

    g_l = - [dPhi/dW_l(s^b) - dPhi/dW_l(s^0)] / b, b = +beta or -beta, drawn for each batch

    The mean over the sign is `centered_equilibrium_propagation`: the error of the order of beta
    becomes noise.

    Args:
      net: a chain as in `equilibrium_propagation`.
      loss: ``(prediction, target) -> scalar`` of one example.
      nudge: the size of the weight of the loss (beta); positive.
      feedback: the gain of the way down; positive.
      steps: sweeps of the free phase.
      nudged_steps: sweeps of the phases that are compared.

    Returns:
      A LearningRule as `equilibrium_propagation`. It needs a key.

    Raises:
      ValueError: as `equilibrium_propagation`, and at trace time without a key.
      TypeError: at trace time, if the network answers in half precision.

    Source: Scellier and Bengio 2017, doi 10.3389/fncom.2017.00024; Laborieux et al. 2021,
    doi 10.3389/fnins.2021.633674.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = random_sign_equilibrium_propagation(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y, key=jax.random.key(2))
      >>> grads[0]["kernel"].shape
      (4, 8)
    """
    name = "random_sign_equilibrium_propagation"

    def points(key: jax.Array | None, dtype: Any) -> tuple[jax.Array, jax.Array]:
        key = require_key(name, key, "it draws the sign of the nudge")
        sign = jax.random.rademacher(jax.random.fold_in(key, _SIGN), (), dtype)
        return _one_sided(sign * jnp.asarray(nudge).astype(dtype))

    system = _system(name, net, nudge, feedback, steps, nudged_steps)
    return contrast_rule(name, system, loss, Phases(points, _nudged(loss)), steps, nudged_steps)


@configured
def centered_equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.5,
    feedback: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
) -> LearningRule:
    """Equilibrium propagation from two nudges, towards the target and away from it.

    g_l = - [dPhi/dW_l(s^beta) - dPhi/dW_l(s^-beta)] / (2 beta)

    Its error against the gradient at the fixed point is of the order of beta^2, so that beta may be
    large, and what has not settled cancels.

    Args:
      net: a chain as in `equilibrium_propagation`.
      loss: ``(prediction, target) -> scalar`` of one example.
      nudge: the weight of the loss (beta); positive. Output units settle if it is smaller than the
        inverse of the curvature of the loss: below 1 for `half_mse`.
      feedback: the gain of the way down; positive.
      steps: sweeps of the free phase.
      nudged_steps: sweeps of each nudged phase.

    Returns:
      A LearningRule as `equilibrium_propagation`.

    Raises:
      ValueError: as `equilibrium_propagation`.
      TypeError: at trace time, if the network answers in half precision.

    Source: Laborieux et al. 2021, doi 10.3389/fnins.2021.633674.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = centered_equilibrium_propagation(net, jb.losses.half_mse, nudge=0.3)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros((5, 3))
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> bool(state.nudged < 1e-2)
      True
    """
    name = "centered_equilibrium_propagation"

    def points(key: jax.Array | None, dtype: Any) -> tuple[jax.Array, jax.Array]:
        beta = jnp.asarray(nudge).astype(dtype)
        weight = 1 / (2 * beta)
        return jnp.stack([beta, -beta]), jnp.stack([weight, -weight])

    system = _system(name, net, nudge, feedback, steps, nudged_steps)
    return contrast_rule(name, system, loss, Phases(points, _nudged(loss)), steps, nudged_steps)


def _system(
    name: str, net: Network, nudge: Any, feedback: Any, steps: Any, nudged_steps: Any
) -> System:
    """The settling network, once the numbers make sense."""
    require_numbers(
        name,
        {"nudge": nudge, "feedback": feedback},
        {"steps": steps, "nudged_steps": nudged_steps},
    )
    return symmetric_system(net, name, feedback)


def _one_sided(beta: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One nudge against none."""
    return jnp.stack([beta, jnp.zeros_like(beta)]), jnp.stack([1 / beta, -1 / beta])


def _nudged(loss: Loss) -> OutputOf:
    def output(system: System, beta: jax.Array, start: jax.Array, y: Any) -> Output:
        return nudged(system, beta, lambda s: jax.grad(loss)(s, y))

    return output
