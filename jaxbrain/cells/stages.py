"""Steps with a structure: in two stages, or with a form of their own for whole sequences."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from jaxbrain.core.types import Params, Step


@dataclass(frozen=True)
class TwoStageStep:
    """The step of a cell whose units affect each other through their drive alone.

    u = drive(params, carry, x),  (carry, y) = respond(params, carry, u)

    Rules that credit each unit for itself, such as `jaxbrain.learning.eprop`, take the derivative
    of the response and leave out that of the drive in the carry. It is called like any other step.

    Attributes:
      drive: ``(params, carry, x) -> u``, what enters the units in one step; here the units mix.
      respond: ``(params, carry, u, *, key=None) -> (carry, y)``, each unit for itself.

    Examples:
      >>> import jaxbrain as jb
      >>> step = TwoStageStep(lambda params, h, x: h @ params + x, lambda params, h, u: (u, u))
      >>> step.drive(2.0 * jax.numpy.eye(2), jax.numpy.ones(2), jax.numpy.ones(2)).tolist()
      [3.0, 3.0]
    """

    drive: Callable[[Params, Any, Any], Any]
    respond: Step

    def __call__(
        self, params: Params, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, Any]:
        return self.respond(params, carry, self.drive(params, carry, x), key=key)


@dataclass(frozen=True)
class SequenceStep:
    """The step of a cell that has a faster form of a whole sequence, without noise.

    `jaxbrain.cells.scan` and `jaxbrain.cells.unroll` take that form for sequences of this length
    and longer. It is called like any other step.

    Attributes:
      step: one step.
      sequence: ``(params, carry, xs) -> (carry, ys)``, of the projection of xs ``[time, ...]``.
      least: number of steps from which it is faster.

    Examples:
      >>> import jax.numpy as jnp
      >>> def step(params, total, x, *, key=None):
      ...     return total + x, total + x
      >>> def sums(params, total, xs):
      ...     return total + xs.sum(), total + jnp.cumsum(xs)
      >>> SequenceStep(step, sums)((), 0.0, 2.0)
      (2.0, 2.0)
    """

    step: Step
    sequence: Callable[[Params, Any, Any], tuple[Any, Any]]
    least: int = 1

    def __call__(
        self, params: Params, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, Any]:
        return self.step(params, carry, x, key=key)


def with_params(step: Step, change: Callable[[Params], Params]) -> Step:
    """A step on changed params; its structure stays."""
    if isinstance(step, SequenceStep):
        sequence = step.sequence
        return SequenceStep(
            with_params(step.step, change),
            lambda params, carry, xs: sequence(change(params), carry, xs),
            step.least,
        )
    if isinstance(step, TwoStageStep):

        def drive(params: Params, carry: Any, x: Any) -> Any:
            return step.drive(change(params), carry, x)

        return TwoStageStep(drive, with_params(step.respond, change))

    def changed(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        return step(change(params), carry, x, key=key)

    return changed
