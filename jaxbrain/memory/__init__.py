"""Memories: store, recall, forget and consolidate.

An associative memory is a `jaxbrain.Memory`: ``store(patterns) -> params``,
``recall(params, cue) -> (state, Info)``, ``energy(params, state)``.
"""

from jaxbrain.memory.patterns import Info, cover, flip, overlap

__all__ = ["Info", "cover", "flip", "overlap"]
