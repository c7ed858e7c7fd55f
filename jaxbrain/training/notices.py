"""Notices of learning rules: failures that only the state of the rule shows.

A state, or a part of it, with a method ``notices() -> {sentence: flag}`` reports them; a flag
``[blocks]`` tells in which blocks the sentence is true. They are computed after a chunk, by its
program, and cost no look at the device of their own.
"""

from collections.abc import Collection
from typing import Any

import jax
import numpy as np

from jaxbrain.core.notice import warn


def notices_of(rule_state: Any) -> dict[str, jax.Array]:
    """The notices of all parts of a rule's state, each a sentence and its flag.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> force, signal = jnp.float32(3), jnp.array([1e5, 1e6])
      >>> info = jb.learning.energy.InferenceDiagnostics(force, force, signal, force > 1)
      >>> [bool(flag.any()) for flag in notices_of((info, ())).values()]
      [False, True]
    """
    found = {}
    for path, part in jax.tree_util.tree_leaves_with_path(rule_state, is_leaf=_reports):
        if _reports(part):
            where = f" (rule_state{jax.tree_util.keystr(path)})" if path else ""
            found |= {f"{sentence}{where}": flag for sentence, flag in part.notices().items()}
    return found


def warn_of_notices(
    notices: dict[str, Any], where: str, told: Collection[str] = (), members: tuple[int, ...] = ()
) -> set[str]:
    """Warn of every notice that is true and was not told; return all that are told now.

    Args:
      notices: of `notices_of`; of a population with the leading axes ``members``.
      where: the beginning of the sentence, such as "after epoch 3".
      told: sentences of which there was a warning before.
      members: the axes of a population.
    """
    true = {text: np.asarray(flag) for text, flag in notices.items() if np.any(flag)}
    for text in sorted(true.keys() - set(told)):
        each = true[text].reshape(-1, *true[text].shape[len(members) :])
        some = np.any(each.reshape(len(each), -1), axis=1)
        of = f" in {np.sum(some)} of {len(each)} trainings" if members else ""
        place = f"{where}{of}{_blocks(np.asarray(np.any(each, axis=0)))}"
        warn(f"{place} {text}")
    return {*told, *true}


def _reports(part: Any) -> bool:
    return callable(getattr(part, "notices", None))


def _blocks(flags: np.ndarray) -> str:
    """The blocks in which a flag is true, counted from 0, as words."""
    if not flags.ndim:
        return ""
    which = list(map(int, np.flatnonzero(flags)))
    if len(which) == 1:
        return f" in block {which[0]}"
    if which == list(range(which[0], which[-1] + 1)):
        return f" in blocks {which[0]} to {which[-1]}"
    return f" in blocks {', '.join(map(str, which[:9]))}{', ...' if len(which) > 9 else ''}"
