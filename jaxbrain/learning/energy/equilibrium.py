"""Equilibrium propagation: a free phase, and phases nudged towards the target or away from it."""

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Network
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.two_phases import Relaxation, nudged_rule

_SIGN = 0x7369676E  # no index of an example: their keys come from the same one


@configured
def equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.1,
    feedback_gain: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
) -> LearningRule:
    """Equilibrium propagation, one-sided: the nudged minus the free phase, over the nudge.

    g_l = - [dPhi/dW_l(s^beta) - dPhi/dW_l(s^0)] / beta, Phi = sum_l g^(l-L) <s_l, C_l(s_{l-1})>

    s_l = f_l(C_l(s_{l-1}) + g C_{l+1}^T(s_{l+1}) - beta dL/ds_l), the nudge at the output only

    The chain becomes an `equilibrium_network`: its layers from one activation to the next are the
    couplings C_l, used in both directions. As beta goes to 0 at the fixed point, g_l is the
    gradient of the loss at the free equilibrium, with an error of the order of beta, for every
    feedback gain. Both phases start from one free state and take the same number of sweeps, so
    that a remaining change cancels. The state holds the `Residuals` of the last batch.

    Args:
      net: a `serial` chain of dense, conv, pooling, flatten, dropout and elementwise
        activations (functions of each unit alone), or the network of such a rule. Prefer
        `avg_pool`: under `max_pool` units that tie may alternate without end.
      nudge: the weight of the loss (beta); positive. The bias is of the order of beta, the
        rounding error of the order of its inverse.
      feedback_gain: g; positive. 1 is the network of the paper. Below 1 fewer steps are needed, and
        an unbounded f (relu) stays stable, but the states n layers below the output differ by the
        order of beta g^n; what a precision does not resolve is refused.
      steps: sweeps of the free phase; each updates every group of units once.
      nudged_steps: sweeps of the phases that are compared.

    Source: Scellier and Bengio 2017, doi 10.3389/fncom.2017.00024; the nudge within the
    nonlinearity, Ernoult et al. 2019, arXiv 1905.13633.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> net, params = jb.serial(layer, layer), ({"kernel": one}, {"kernel": one})
      >>> options = {"feedback_gain": 0.5, "steps": 50, "nudged_steps": 50}
      >>> rule = equilibrium_propagation(net, jb.losses.half_mse, **options)
      >>> value, grads, residuals = rule.grads(params, None, one, 4 * one)
      >>> [round(float(g["kernel"][0, 0]), 2) for g in grads]  # -4 and -12 as the nudge goes to 0
      [-3.33, -10.56]
    """
    require_positive("equilibrium_propagation", "nudge", nudge)
    relaxation = Relaxation(feedback_gain, steps, nudged_steps)
    return nudged_rule("equilibrium_propagation", net, loss, _one_sided, nudge, relaxation)


@configured
def random_sign_equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.1,
    feedback_gain: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
) -> LearningRule:
    """Equilibrium propagation with a nudge of random sign, towards the target or away from it.

    g_l = - [dPhi/dW_l(s^b) - dPhi/dW_l(s^0)] / b, b = +beta or -beta, drawn for each batch

    The mean over the sign is `centered_equilibrium_propagation`: the error of the order of beta
    becomes noise. The gradient needs a key.

    Args:
      nudge: the size of the nudge (beta); positive.
      feedback_gain, steps, nudged_steps: as in `equilibrium_propagation`.

    Source: Scellier and Bengio 2017, doi 10.3389/fncom.2017.00024; Laborieux et al. 2021,
    doi 10.3389/fnins.2021.633674.

    Examples:
      >>> import jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jnp.tanh), jb.dense(3))
      >>> rule = random_sign_equilibrium_propagation(net, jb.losses.half_mse)
      >>> x, y = jnp.ones((5, 4)), jnp.ones((5, 3))
      >>> params = net.init(jax.random.key(0), x[0])
      >>> draw = jax.jit(lambda k: rule.grads(params, None, x, y, key=k)[1][0]["kernel"])
      >>> len({float(draw(jax.random.key(seed))[0, 0]) for seed in range(8)})  # the two signs
      2
    """
    require_positive("random_sign_equilibrium_propagation", "nudge", nudge)
    relaxation = Relaxation(feedback_gain, steps, nudged_steps)
    return nudged_rule(
        "random_sign_equilibrium_propagation", net, loss, _random_sign, nudge, relaxation
    )


@configured
def centered_equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    nudge: float | jax.Array = 0.5,
    feedback_gain: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
) -> LearningRule:
    """Equilibrium propagation with two nudges, towards the target and away from it.

    g_l = - [dPhi/dW_l(s^beta) - dPhi/dW_l(s^-beta)] / (2 beta)

    Its error against the gradient at the fixed point is of the order of beta^2, so that beta may be
    large. A remaining change of the free phase cancels.

    Args:
      nudge: the weight of the loss (beta); positive. Output units have an equilibrium if it is
        smaller than the inverse of the curvature of the loss: below 1 for `half_mse`.
      feedback_gain, steps, nudged_steps: as in `equilibrium_propagation`.

    Source: Laborieux et al. 2021, doi 10.3389/fnins.2021.633674.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> net, params = jb.serial(layer, layer), ({"kernel": one}, {"kernel": one})
      >>> options = {"nudge": 0.1, "feedback_gain": 0.5, "steps": 50, "nudged_steps": 50}
      >>> rule = centered_equilibrium_propagation(net, jb.losses.half_mse, **options)
      >>> grads = rule.grads(params, None, one, 4 * one)[1]
      >>> [round(float(g["kernel"][0, 0]), 2) for g in grads]  # -4 and -12 as the nudge goes to 0
      [-4.17, -12.15]
    """
    require_positive("centered_equilibrium_propagation", "nudge", nudge)
    relaxation = Relaxation(feedback_gain, steps, nudged_steps)
    return nudged_rule("centered_equilibrium_propagation", net, loss, _centered, nudge, relaxation)


def _one_sided(beta: jax.Array, key: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """One nudge against none."""
    return jnp.stack([beta, jnp.zeros_like(beta)]), jnp.stack([1 / beta, -1 / beta])


def _random_sign(beta: jax.Array, key: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    why = "it draws the sign of the nudge"
    key = jax.random.fold_in(require_key("random_sign_equilibrium_propagation", key, why), _SIGN)
    return _one_sided(jax.random.rademacher(key, (), beta.dtype) * beta, None)


def _centered(beta: jax.Array, key: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    weight = 1 / (2 * beta)
    return jnp.stack([beta, -beta]), jnp.stack([weight, -weight])
