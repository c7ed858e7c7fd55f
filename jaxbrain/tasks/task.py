"""Tasks, their trials, batches of them, and scores of the steps that are graded."""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import require_count, require_positive


class Trial(NamedTuple):
    """One trial of a task, in steps of time.

    Attributes:
      inputs: ``[time, inputs]``, or a pytree of such arrays.
      targets: ``[time, outputs]``; zero at steps that are not graded.
      mask: ``[time]``, 1 at the steps that are graded, else 0.
      condition: dict of arrays that tell this trial from others.
    """

    inputs: Any
    targets: jax.Array
    mask: jax.Array
    condition: dict[str, jax.Array]


class Sample(Protocol):
    """``(key) -> Trial``, pure and of fixed shapes: jit it, and vmap it for a batch."""

    def __call__(self, key: Key, /) -> Trial: ...


class Score(Protocol):
    """``(prediction, target) -> score``, a scalar: a loss or a metric of one step or one trial."""

    def __call__(self, prediction: Any, target: Any, /) -> jax.Array: ...


class Draw(Protocol):
    """``(key) -> (x, (targets, mask))``: a batch, each array ``[size, time, ...]``."""

    def __call__(self, key: jax.Array, /) -> tuple[Any, tuple[jax.Array, jax.Array]]: ...


@static
class Task(NamedTuple):
    """An experiment.

    Attributes:
      sample: ``(key) -> Trial``, pure and of fixed shapes.
      config: what it was made from; None for one made by hand.
    """

    sample: Sample
    config: Config | None = None


@checked
def batches(task: Task, size: int) -> Draw:
    """Random batches of a task, drawn inside the loop of `jaxbrain.step`.

    Args:
      task: the task.
      size: trials per batch.

    Returns:
      ``(key) -> (x, (targets, mask))``, each ``[size, time, ...]``, for a rule whose loss is
      `graded`.

    Raises:
      TypeError: if task is not a Task.
      ValueError: if size is not positive.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> task = jb.tasks.flip_flop(bits=2, steps=20)
      >>> net = jb.serial(jb.cells.unroll(jb.cells.gru(8)), jb.dense(2))
      >>> rule, adam = jb.backprop(net, jb.tasks.graded(jb.losses.mse)), optax.adam(1e-2)
      >>> draw, update = batches(task, 16), jb.step(rule, adam)
      >>> x = task.sample(jax.random.key(0)).inputs
      >>> state = jb.init_state(rule, adam, x, key=jax.random.key(1))
      >>> train = jax.jit(lambda state, keys: jax.lax.scan(
      ...     lambda state, key: update(state, draw(key)), state, keys))
      >>> state, losses = train(state, jax.random.split(jax.random.key(2), 50))
      >>> losses.shape, bool(losses[-1] < losses[0])
      ((50,), True)
    """
    require_count("batches", "size", size)

    return lambda key: _draw(task, size, key)


@compiled_once("task", "size")
def _draw(task: Task, size: int, key: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
    trials = jax.vmap(task.sample)(jax.random.split(key, size))
    return trials.inputs, (trials.targets, trials.mask)


@configured
def graded(score: Score) -> Score:
    """A loss or metric of a trial from one of a step: the mean over the graded steps.

    sum_t mask_t score(prediction_t, target_t) / sum_t mask_t

    Args:
      score: ``(prediction, target) -> scalar`` of one step, such as those of `jaxbrain.losses`.

    Returns:
      ``(prediction [time, ...], (targets [time, ...], mask [time])) -> scalar`` of one trial;
      0 where no step is graded.

    Raises:
      TypeError: if score is not a function; at trace time, if the target is not such a pair.
      ValueError: at trace time, if prediction, targets and mask differ in their number of steps.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> targets, mask = jnp.array([[1.0], [5.0]]), jnp.array([1.0, 0.0])
      >>> float(graded(jb.losses.mse)(jnp.zeros((2, 1)), (targets, mask)))
      1.0
    """

    def over_trial(prediction: Any, target: Any) -> jax.Array:
        targets, mask = _pair("graded", target)
        shapes = [jnp.shape(a) for a in (*jax.tree.leaves((prediction, targets)), mask)]
        if jnp.ndim(mask) != 1 or len({shape[:1] for shape in shapes}) != 1:
            raise ValueError(
                "graded: prediction and targets must be [time, ...] and the mask [time] of one "
                f"trial, got shapes {shapes}; make the network give an output at every step"
            )
        scores = jax.vmap(score)(*_graded((prediction, targets), mask))
        mask = jnp.asarray(mask).astype(scores.dtype)
        total = jnp.sum(mask)
        # a product with zero would let nan pass
        kept = jnp.sum(jnp.where(mask == 0, jnp.zeros_like(scores), scores) * mask)
        return kept / jnp.where(total > 0, total, jnp.ones_like(total))

    return over_trial


@configured
def graded_step(score: Score) -> Score:
    """A loss of one step that counts only if the step is graded, for online rules.

    mask_t score(prediction_t, target_t)

    `jaxbrain.learning.online.over_time` takes its mean over all steps. If g of T steps are graded,
    this mean is g / T of `graded`; the gradients have the same direction.

    Args:
      score: ``(prediction, target) -> scalar`` of one step, such as those of `jaxbrain.losses`.

    Returns:
      ``(prediction [...], (target [...], mask [])) -> scalar`` of one step; 0 where it is not
      graded.

    Raises:
      TypeError: if score is not a function; at trace time, if the target is not such a pair.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> score = graded_step(jb.losses.mse)
      >>> [float(score(jnp.zeros(1), (jnp.ones(1), jnp.array(mask)))) for mask in (1.0, 0.0)]
      [1.0, 0.0]
    """

    def of_step(prediction: Any, target: Any) -> jax.Array:
        target, mask = _pair("graded_step", target)
        value = score(*_graded((prediction, target), mask))
        mask = jnp.asarray(mask).astype(value.dtype)
        return jnp.where(mask == 0, jnp.zeros_like(value), value) * mask

    return of_step


def _graded(values: Any, mask: Any) -> Any:
    """Zero for nan and infinity where the mask is zero: their gradient times zero is nan."""

    unused = jnp.asarray(mask) == 0

    def known(a: jax.Array) -> jax.Array:
        axes = (1,) * (a.ndim - unused.ndim)
        return jnp.where(unused.reshape(unused.shape + axes) & ~jnp.isfinite(a), 0, a)

    return jax.tree.map(lambda a: known(jnp.asarray(a)), values)


def _pair(where: str, target: Any) -> tuple[Any, Any]:
    if not isinstance(target, tuple | list) or len(target) != 2:
        raise TypeError(
            f"{where}: target must be a pair (targets, mask), got {type(target).__name__}"
        )
    return target[0], target[1]


def periods(task: str, steps: dict[str, int]) -> tuple[int, dict[str, tuple[int, int]]]:
    """The length of successive periods, and the start and stop of each.

    Only a delay may have no step. Slices are not returned: they have no hash before Python 3.12.
    """
    start, places = 0, {}
    for name, length in steps.items():
        if name != "delay_steps" or length != 0 or isinstance(length, bool):
            require_count(task, name, length)
        places[name] = start, start + length
        start += length
    return start, places


def with_noise(key: jax.Array, signal: jax.Array, noise: Any) -> jax.Array:
    """The signal with Gaussian noise at each step and in each channel."""
    scale = jnp.asarray(noise).astype(signal.dtype)
    return signal + scale * jax.random.normal(key, signal.shape, signal.dtype)


def require_noise(task: str, noise: Any) -> None:
    """Refuse a standard deviation below zero."""
    require_positive(task, "noise", noise, zero=True)


def real() -> Any:
    """The default float type of jax: 32 bits, or 64 if they are enabled."""
    return jnp.result_type(float)
