"""Validation of the results of a training: finite losses, parameters and metrics.

Nothing here runs inside the compiled loop, except one look at the parameters after each chunk.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import as_array
from jaxbrain.core.notice import warn
from jaxbrain.core.requirements import is_traced
from jaxbrain.training.notices import notices_of, warn_of_notices
from jaxbrain.training.states import require_train_state


class NonFiniteError(FloatingPointError):
    """Error: the loss or a parameter became infinite or nan.

    Attributes:
      step: the first step whose loss is not finite.
      state: the TrainState before the chunk in which it happened: all finite. From `check`, the one
        that was given.
      history: up to that state.
      members: from `check`, the members of a population that are lost, ``[lost, axes]``; else None.
    """

    def __init__(
        self,
        message: str,
        step: int,
        state: Any,
        history: Any,
        members: np.ndarray | None = None,
    ):
        super().__init__(message)
        self.step: int = step
        self.state: Any = state
        self.history: Any = history
        self.members: np.ndarray | None = members


class Signs(NamedTuple):
    """Faults after a chunk. As long as there is none, only `quiet` is read.

    Attributes:
      quiet: True if there is none.
      finite: True if all parameters are finite.
      notices: of the rule, sentence to flag.
    """

    quiet: jax.Array
    finite: jax.Array
    notices: dict[str, jax.Array]


def signs_of(state: Any) -> Signs:
    """The faults of a TrainState."""
    finite, notices = all_finite(state.params), notices_of(state.rule_state)
    told = jnp.array([jnp.any(flag) for flag in notices.values()], bool)
    return Signs(finite & ~jnp.any(told), finite, notices)


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
    if params_finite and np.isfinite(piece.step_loss).all():
        return
    losses = np.ravel(piece.step_loss)
    bad = np.flatnonzero(~np.isfinite(losses))
    first = int(info.state.step) + (int(bad[0]) if bad.size else losses.size - 1)
    value = f"the loss is {losses[bad[0]]}" if bad.size else "a parameter is not finite"
    leaves = jax.tree_util.tree_leaves_with_path(state.params)
    names = [f"params{jax.tree_util.keystr(path)}" for path, leaf in leaves if not all_finite(leaf)]
    where = f"; not finite by now: {', '.join(names[:3])}" if names else ""
    raise NonFiniteError(
        f"at step {first} (epoch {info.epoch + first_epoch(bad, piece)}) {value}{where}. "
        f"The state of epoch {info.epoch} is kept in this error's `state`. "
        + likely_cause(state.params, before_learning=first == 0 and bad.size > 0),
        first,
        info.state,
        info.history,
    )


def likely_cause(params: Any, *, before_learning: bool) -> str:
    """A sentence on the likely causes of a loss or a parameter that is not finite."""
    kinds = {jnp.dtype(leaf.dtype) for leaf in jax.tree.leaves(params)}
    half = [k for k in kinds if jnp.issubdtype(k, jnp.floating) and k.itemsize < 4]
    if before_learning:  # a smaller learning rate would change nothing
        cause = (
            "The loss was lost before the first update: look for a label, target or token out of "
            "its range, and for a division or logarithm of zero in the loss"
        )
    else:
        cause = "Try a smaller learning rate, or look for a target out of the loss's range"
    if half:
        digits = f"the parameters are {half[0]}, in which small numbers are 0"
        eps = " (the eps of optax.adam too)" if half[0] == jnp.float16 else ""
        cause += (
            f"; {digits}{eps}: give x in float32, and jb.with_precision computes in half precision"
        )
    return cause


@checked
def check(state: Any, losses: Any) -> None:
    """Check of a training of one's own: losses and parameters must be finite, as in `jaxbrain.fit`.

    It warns of what the diagnostics of the rule report about the last batch, as `fit` does.
    For loops of `jaxbrain.step`, and for `jaxbrain.run` under ``jax.vmap``, which check nothing.

    Args:
      state: the TrainState reached; of a population ``[members, ...]``.
      losses: those of its steps, ``[steps]`` or ``[epochs, steps]``, or the History; of a
        population with the leading axes of state.

    Raises:
      NonFiniteError: naming the first loss or parameter that is not finite; its ``members`` are
        those of the population that are lost.
      TypeError: for traced values, which cannot be looked at.
      ValueError: if losses and state are not of one population.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> rule, xor = jb.backprop(jb.dense(1), jb.losses.mse), jb.datasets.xor()
      >>> def train(key, rate):
      ...     return jb.run(rule, optax.sgd(rate), xor, key=key, epochs=40, batch_size=None)
      >>> keys, rates = jax.random.split(jax.random.key(0), 3), jax.numpy.array([0.1, 1e3, 0.01])
      >>> check(*jax.jit(jax.vmap(train))(keys, rates))
      Traceback (most recent call last):
      ...
      jaxbrain.training.validation.NonFiniteError: 1 of 3 trainings is lost (1): ...
    """
    losses = getattr(losses, "step_loss", losses)
    losses = losses if isinstance(losses, jax.Array) else as_array("check", "losses", losses)
    if is_traced((state, losses)):
        raise TypeError("check: values cannot be looked at under a trace; call it outside of jit")
    require_train_state("check", state)
    members = np.shape(state.step)
    if losses.shape[: len(members)] != members:
        raise ValueError(
            f"check: losses must have the leading axes {members} of state.step, got the shape "
            f"{losses.shape}"
        )
    losses = np.asarray(losses).reshape(*members, -1)
    names, finite = _finite_members(state.params, members)
    lost = ~(finite & np.isfinite(losses).all(axis=-1))
    if not lost.any():
        warn_of_notices(notices_of(state.rule_state), "at the end", members=members)
        return
    bad, which = np.argwhere(~np.isfinite(losses)), np.argwhere(lost)
    value = "a parameter is not finite"
    if len(bad):
        value = f"the loss {list(map(int, bad[0]))} is {losses[tuple(bad[0])]}"
    where = f"; not finite by now: {', '.join(names[:3])}" if names else ""
    raise NonFiniteError(
        f"{_lost(which, lost.size) if members else ''}{value}{where}. "
        + likely_cause(state.params, before_learning=False),
        int(bad[0][-1]) if len(bad) else losses.shape[-1] - 1,
        state,
        losses,
        which if members else None,
    )


def _lost(which: np.ndarray, count: int) -> str:
    some = [tuple(map(int, row)) if len(row) > 1 else int(row[0]) for row in which[:9]]
    more = ", ..." if len(which) > 9 else ""
    verb = "is" if len(which) == 1 else "are"
    return f"{len(which)} of {count} trainings {verb} lost ({', '.join(map(str, some))}{more}): "


def _finite_members(params: Any, members: tuple[int, ...]) -> tuple[list[str], np.ndarray]:
    """The parameters that are not finite anywhere, and the members in which all are finite."""
    names, finite = [], np.ones(members, bool)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            good = np.asarray(jnp.isfinite(leaf)).reshape(*members, -1).all(axis=-1)
            finite &= good
            if not good.all():
                names.append(f"params{jax.tree_util.keystr(path)}")
    return names, finite


def warn_of_metrics(info: Any, piece: Any) -> None:
    """Warn once when a metric is nan: the fault is in the validation data, not in the training."""
    for name, values in piece.metrics.items():
        lost = np.flatnonzero(np.isnan(values).reshape(len(values), -1).any(axis=1))
        if lost.size and not np.any(np.isnan(info.history.metrics.get(name, 0.0))):
            warn(
                f"the metric {name!r} is nan on its data after epoch "
                f"{info.epoch + int(lost[0]) + 1}; look for a target out of its range, "
                "or for a class without examples"
            )


def first_epoch(bad: np.ndarray, piece: Any) -> int:
    """The epoch within the chunk that holds the first bad step, or the last epoch."""
    return int(bad[0]) // piece.step_loss.shape[1] if bad.size else len(piece.loss) - 1


def all_finite(tree: Any) -> jax.Array:
    """True if every floating number of a pytree is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in leaves], bool))
