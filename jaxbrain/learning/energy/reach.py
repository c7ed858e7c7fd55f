"""Depth against steps and rounding: a signal that cannot reach the first block is refused."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.requirements import is_traced
from jaxbrain.core.types import Network
from jaxbrain.learning import chain

# In units of the rounding of the activities. Below, most of a difference of them is noise.
LEAST = 10
# The same for two equilibria, whose rounding errors add up over sweeps.
LEAST_OF_EQUILIBRIA = 100

_MOST_STEPS = 1 << 20
_CURE = "or use jb.learning.error_predictive_coding, whose errors are variables of their own"


class Push(NamedTuple):
    """A push at the output that relaxing activities carry down, one block a step.

    Attributes:
      steps: of the activities.
      step_size: of the activities.
      nudge: its size, relative to the error of the output.
      held: blocks at the output that it need not cross.
      idle: steps after which no weight learns.
    """

    steps: int
    step_size: float | jax.Array
    nudge: float | jax.Array
    held: int = 0
    idle: int = 0


def require_push(rule: str, net: Network, push: Push) -> None:
    """`require_arrival` for a network of known layers, in the floats that JAX computes with.

    It is checked before a training, in which the numbers are traced.
    """
    if all(layer.config is not None for layer in chain.single_layers(net)):
        blocks = sum(map(chain.has_weights, net.layers))
        require_arrival(rule, push, blocks, jax.dtypes.canonicalize_dtype(float))


def require_arrival(rule: str, push: Push, blocks: int, dtype: Any) -> None:
    """Refuse a push that cannot reach the first block, or reaches it below the rounding of dtype.

    A block is taken to pass on an error as large as it gets it. Traced numbers are not checked.
    """
    steps, size, nudge, held, idle = push
    n = blocks - held
    require_steps(rule, steps, blocks, n + idle)
    if n < 1 or is_traced((size, nudge)):
        return
    size, nudge, dtype = min(float(size), 1.0), float(nudge), jnp.dtype(dtype)
    least = LEAST * float(jnp.finfo(dtype).eps)
    arrives = nudge * arriving(n, steps - idle, size)
    if arrives >= least:
        return
    more = steps
    while more < _MOST_STEPS and nudge * arriving(n, more - idle, size) < least:
        more *= 2
    cure = f"take steps={more}" if more < _MOST_STEPS else "take a larger nudge or step size"
    raise ValueError(
        f"{rule}: steps={steps} of {size:g} with a nudge of {nudge:g} carry at most {arrives:.1g} "
        f"of the error of the output down through {blocks} blocks with weights, and {dtype.name} "
        f"resolves {least:.1g}: the first would learn noise; {cure}, {_CURE}"
    )


def require_steps(rule: str, steps: int, blocks: int, least: int) -> None:
    """Refuse fewer steps than an error needs to the first block."""
    if steps < least:
        raise ValueError(
            f"{rule}: steps={steps} is too few for {blocks} blocks with weights, because an error "
            f"moves down one block a step and the first would learn nothing; take steps={least} or "
            f"more, {_CURE}"
        )


def arriving(blocks: int, steps: int, step_size: float) -> float:
    """The part of a push that crosses some blocks in some steps, if no block changes its size.

    P(at least `blocks` of `steps` trials succeed), each with probability step_size

    Examples:
      >>> round(arriving(2, 3, 0.1), 4), arriving(3, 2, 0.1)  # 3 0.1^2 0.9 + 0.1^3
      (0.028, 0)
    """
    if step_size >= 1 or steps < blocks:
        return int(steps >= blocks)
    yes, no = math.log(step_size), math.log1p(-step_size)
    draws = math.lgamma(steps + 1)
    return math.fsum(
        math.exp(
            draws - math.lgamma(k + 1) - math.lgamma(steps - k + 1) + k * yes + (steps - k) * no
        )
        for k in range(blocks, steps + 1)
    )


def require_feedback(
    rule: str, groups: int, gain: float | jax.Array, nudge: float | jax.Array, dtype: Any
) -> None:
    """Refuse a feedback below the rounding of dtype at the first units: g^(L-1) nudge.

    Traced numbers are not checked.
    """
    if is_traced((gain, nudge)):
        return
    gain, nudge, dtype = float(gain), float(nudge), jnp.dtype(dtype)
    least = LEAST_OF_EQUILIBRIA * float(jnp.finfo(dtype).eps)
    arrives = gain ** (groups - 1) * nudge
    if arrives >= least:
        return
    enough = math.ceil(100 * (least / nudge) ** (1 / (groups - 1))) / 100
    raise ValueError(
        f"{rule}: with feedback_gain={gain:g} and a nudge of {nudge:g} only {arrives:.1g} of the "
        f"error of the output reaches the first of {groups} groups of units, and {dtype.name} "
        f"resolves {least:.1g}: it would learn noise; take feedback_gain={enough:g} or more with "
        "more steps, or jb.learning.asymmetric_equilibrium_propagation"
    )
