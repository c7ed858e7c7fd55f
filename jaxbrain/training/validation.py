"""Validation of the results of a training: finite losses, parameters and metrics.

Nothing here runs inside the compiled loop, except one look at the parameters after each chunk.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class NonFiniteError(FloatingPointError):
    """Error: the loss or a parameter became infinite or nan.

    Attributes:
      step: the first step whose loss is not finite.
      state: the TrainState before the chunk in which it happened: all finite.
      history: up to that state.
    """

    def __init__(self, message: str, step: int, state: Any, history: Any):
        super().__init__(message)
        self.step: int = step
        self.state: Any = state
        self.history: Any = history


def check_finite(info: Any, state: Any, piece: Any, params_finite: bool) -> None:
    """Stop a training whose chunk produced a number that is not finite.

    Args:
      info: the ChunkInfo before the chunk.
      state: the TrainState after it.
      piece: the History of the chunk.
      params_finite: whether all parameters after it are finite.

    Raises:
      NonFiniteError: naming the step, and the parameter where there is one.
    """
    losses = np.ravel(piece.step_loss)
    bad = np.flatnonzero(~np.isfinite(losses))
    if params_finite and not bad.size:
        return
    first = int(info.state.step) + (int(bad[0]) if bad.size else losses.size - 1)
    value = f"the loss is {losses[bad[0]]}" if bad.size else "a parameter is not finite"
    leaves = jax.tree_util.tree_leaves_with_path(state.params)
    names = [f"params{jax.tree_util.keystr(path)}" for path, leaf in leaves if not all_finite(leaf)]
    where = f"; not finite by now: {', '.join(names[:3])}" if names else ""
    raise NonFiniteError(
        f"at step {first} (epoch {info.epoch + first_epoch(bad, piece)}) {value}{where}. "
        f"The state of epoch {info.epoch} is kept in this error's `state`. Try a smaller learning "
        "rate, or look for a target out of the loss's range",
        first,
        info.state,
        info.history,
    )


def warn_of_metrics(info: Any, piece: Any) -> None:
    """Warn once when a metric is nan: the fault is in the validation data, not in the training."""
    for name, values in piece.metrics.items():
        lost = np.flatnonzero(np.isnan(values))
        if lost.size and not np.any(np.isnan(info.history.metrics.get(name, 0.0))):
            warnings.warn(
                f"the metric {name!r} is nan on the validation data after epoch "
                f"{info.epoch + int(lost[0]) + 1}; look for a target out of its range",
                UserWarning,
                stacklevel=2,
            )


def first_epoch(bad: np.ndarray, piece: Any) -> int:
    """The epoch within the chunk that holds the first bad step, or the last epoch."""
    return int(bad[0]) // piece.step_loss.shape[1] if bad.size else len(piece.loss) - 1


def all_finite(tree: Any) -> jax.Array:
    """True if every floating number of a pytree is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in leaves], bool))
