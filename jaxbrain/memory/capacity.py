"""How much a memory holds: random patterns stored and recalled, at one load after the other."""

import functools
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.requirements import require_count, require_fraction
from jaxbrain.core.types import Memory
from jaxbrain.memory.patterns import flip


class CapacityCurve(NamedTuple):
    """What came back of random patterns, by load; arrays of NumPy.

    Attributes:
      loads: patterns per unit ``[loads]``, after rounding to whole patterns.
      patterns: stored ``[loads]``.
      overlap: of the state recalled with the pattern ``[loads, trials]``, averaged over the probes.
      bit_error: share of bits with the wrong sign ``[loads, trials]``.
      exact: share of the probes without a wrong bit ``[loads, trials]``.
    """

    loads: np.ndarray
    patterns: np.ndarray
    overlap: np.ndarray
    bit_error: np.ndarray
    exact: np.ndarray


def capacity_curve(
    memory: Memory,
    n: int,
    loads: Sequence[float] | np.ndarray,
    key: jax.Array,
    *,
    trials: int = 5,
    probes: int = 50,
    flips: float = 0.0,
) -> CapacityCurve:
    """Store random patterns of +1 and -1, recall some of them, and say how like they came back.

    The patterns of a load are drawn anew in each trial; all trials and probes run as one program.

    Args:
      memory: of patterns of +1 and -1; its recall gets a key of the trial.
      n: units.
      loads: patterns per unit, each above zero.
      key: of the patterns, the flips and the recall.
      trials: sets of patterns.
      probes: recalls in a trial, of the first patterns stored; of fewer patterns again and again.
      flips: share of a cue's bits that are turned over.

    Returns:
      A CapacityCurve.

    Raises:
      TypeError: if memory is no Memory.
      ValueError: if loads is no list of positive numbers, if flips is not from 0 to 1, or if n,
        trials or probes is no positive integer.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> curve = capacity_curve(jb.memory.hopfield(), 100, [0.05, 0.5], jax.random.key(0))
      >>> curve.patterns.tolist(), curve.overlap.shape
      ([5, 50], (2, 5))
      >>> curve.overlap.mean(axis=1).round(1).tolist()[0]
      1.0
    """
    if not isinstance(memory, Memory):
        raise TypeError(f"capacity_curve: memory must be a jaxbrain.Memory, got {memory!r}")
    for name, value in (("n", n), ("trials", trials), ("probes", probes)):
        require_count("capacity_curve", name, value)
    require_fraction("capacity_curve", "flips", flips)
    wanted = np.asarray(loads, float)
    if wanted.ndim != 1 or wanted.size == 0 or not np.all(wanted > 0):
        raise ValueError(f"capacity_curve: loads must be a list of positive numbers, got {loads!r}")

    counts = np.maximum(1, np.round(wanted * n)).astype(int)
    results = []
    for i, count in enumerate(counts.tolist()):
        keys = jax.random.split(jax.random.fold_in(key, i), trials)
        with warnings.catch_warnings():  # that there are too many is what is looked for
            warnings.simplefilter("ignore", UserWarning)
            params, targets = _store(memory, keys, (count, n), probes)
        results.append(_recall(memory, params, targets, keys, float(flips)))
    overlap, wrong, exact = np.stack(jax.device_get(results), axis=1)
    return CapacityCurve(counts / n, counts, overlap, wrong, exact)


# In two programs: the weights of a Hopfield network have one shape whatever they hold, so that its
# recall, the longer program, compiles once for all loads.


@functools.partial(jax.jit, static_argnames=("shape", "probes"))
def _store(
    memory: Memory, keys: jax.Array, shape: tuple[int, int], probes: int
) -> tuple[Any, jax.Array]:
    """What each trial stored, and the patterns that it will look for ``[trials, probes, n]``."""

    def trial(key: jax.Array) -> tuple[Any, jax.Array]:
        patterns = jax.random.rademacher(key, shape, dtype=jnp.result_type(float))
        return memory.store(patterns), patterns[jnp.arange(probes) % shape[0]]

    return jax.vmap(trial)(keys)


@functools.partial(jax.jit, static_argnames=("flips",))
def _recall(
    memory: Memory, params: Any, targets: jax.Array, keys: jax.Array, flips: float
) -> jax.Array:
    """The overlap, the share of wrong bits and the share of exact recalls ``[3, trials]``."""

    def trial(params: Any, targets: jax.Array, key: jax.Array) -> jax.Array:
        spoil, search = jax.random.split(jax.random.fold_in(key, 1))
        spoilers = jax.random.split(spoil, len(targets))
        cues = jax.vmap(lambda k, x: flip(k, x, flips))(spoilers, targets) if flips else targets
        # one key for all probes of a trial: an order of the units that all of them share
        states = jax.vmap(lambda cue: memory.recall(params, cue, key=search)[0])(cues)
        wrong = (states > 0) != (targets > 0)
        return jnp.stack([
            jnp.mean(states * targets), jnp.mean(wrong), jnp.mean(~jnp.any(wrong, axis=1))
        ])  # fmt: skip

    return jax.vmap(trial)(params, targets, keys).T
