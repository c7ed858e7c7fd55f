"""Capacity curves: recall of random patterns as a function of the number of stored patterns."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.compiled import compiled
from jaxbrain.core.requirements import require_count, require_fraction
from jaxbrain.core.types import Memory
from jaxbrain.memory.patterns import corrupt


class CapacityCurve(NamedTuple):
    """Recall of random patterns by load; NumPy arrays.

    Attributes:
      loads: patterns per unit ``[loads]``, after rounding to whole patterns.
      patterns: stored ``[loads]``.
      overlap: of recalled and stored pattern ``[loads, trials]``, averaged over the probes.
      bit_error: fraction of bits with the wrong sign ``[loads, trials]``.
      exact: fraction of probes without a wrong bit ``[loads, trials]``.
    """

    loads: np.ndarray
    patterns: np.ndarray
    overlap: np.ndarray
    bit_error: np.ndarray
    exact: np.ndarray


@checked
def capacity_curve(
    key: Key,
    memory: Memory,
    n: int,
    loads: Sequence[float] | np.ndarray,
    *,
    trials: int = 5,
    probes: int = 50,
    flips: float = 0.0,
) -> CapacityCurve:
    """Capacity curve of a memory: random patterns of +1 and -1, stored and recalled at each load.

    All trials and probes of a load run as one program.

    Args:
      key: of the patterns, the corruption and the recall.
      memory: of patterns of +1 and -1; its recall gets a key.
      n: units.
      loads: patterns per unit, positive.
      trials: independent sets of patterns per load.
      probes: recalls per trial, of the first stored patterns in turn.
      flips: fraction of the bits of a cue that are flipped.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> curve = capacity_curve(jax.random.key(0), jb.memory.hopfield(), 100, [0.05, 0.5])
      >>> curve.patterns.tolist(), curve.overlap.shape
      ([5, 50], (2, 5))
      >>> curve.overlap.mean(axis=1).round(1).tolist()[0]
      1.0
    """
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
        with warnings.catch_warnings():  # overload is the subject of the curve
            warnings.simplefilter("ignore", UserWarning)
            params, targets = _store(memory, keys, (count, n), probes)
        results.append(_recall(memory, params, targets, keys, float(flips)))
    overlap, wrong, exact = np.stack(jax.device_get(results), axis=1)
    return CapacityCurve(counts / n, counts, overlap, wrong, exact)


# Two programs: the weights of a Hopfield network have one shape for all loads, so that recall, the
# longer program, compiles once.


@compiled(static_argnums=(2, 3))
def _store(
    memory: Memory, keys: jax.Array, shape: tuple[int, int], probes: int
) -> tuple[Any, jax.Array]:
    """Params of each trial, and the patterns to be recalled ``[trials, probes, n]``."""

    def trial(key: jax.Array) -> tuple[Any, jax.Array]:
        patterns = jax.random.rademacher(key, shape, dtype=jnp.result_type(float))
        return memory.store(patterns), patterns[jnp.arange(probes) % shape[0]]

    return jax.vmap(trial)(keys)


@compiled(static_argnums=4)
def _recall(
    memory: Memory, params: Any, targets: jax.Array, keys: jax.Array, flips: float
) -> jax.Array:
    """Overlap, fraction of wrong bits and fraction of exact recalls ``[3, trials]``."""

    def trial(params: Any, targets: jax.Array, key: jax.Array) -> jax.Array:
        of_cues, of_recall = jax.random.split(jax.random.fold_in(key, 1))
        cue_keys = jax.random.split(of_cues, len(targets))
        cues = jax.vmap(lambda k, x: corrupt(k, x, flips))(cue_keys, targets) if flips else targets
        # one key for all probes of a trial: they share the order of the units
        states = jax.vmap(lambda cue: memory.recall(params, cue, key=of_recall)[0])(cues)
        wrong = (states > 0) != (targets > 0)
        return jnp.stack([
            jnp.mean(states * targets), jnp.mean(wrong), jnp.mean(~jnp.any(wrong, axis=1))
        ])  # fmt: skip

    return jax.vmap(trial)(params, targets, keys).T
