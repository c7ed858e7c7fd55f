"""The implementations, each written as the documentation of its library recommends."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.workloads import Weights, Workload

LIMIT = "hand_scan"

# name: (module, builder, label); a module imports its library, so loading it may fail
PEERS = {
    "hand_scan": ("hand_jax", "one_scan", "hand-written JAX, one scan (limit)"),
    "hand_step": ("hand_jax", "jitted_step", "hand-written JAX, jitted step in a loop"),
    "run": ("jaxbrain_peer", "pure_run", "jaxbrain run, jitted"),
    "fit": ("jaxbrain_peer", "host_fit", "jaxbrain fit"),
    "step": ("jaxbrain_peer", "jitted_step", "jaxbrain step, jitted, in a loop"),
    "keras": ("keras_peer", "model_fit", "Keras on JAX, model.fit"),
    "keras16": ("keras_peer", "model_fit_16", "Keras on JAX, steps_per_execution=16"),
    "torch": ("torch_peer", "eager_loop", "PyTorch, eager loop"),
    "torch_fused": ("torch_peer", "eager_loop_fused", "PyTorch, eager loop, fused Adam"),
    "equinox": ("equinox_peer", "filter_jit_step", "Equinox, filter_jit step"),
    "flax": ("flax_peer", "nnx_jit_step", "Flax NNX, nnx.jit step"),
    "flax_cached": ("flax_peer", "cached_partial_step", "Flax NNX, cached_partial"),
}


class Trainer(NamedTuple):
    """Training of one workload by one implementation.

    Attributes:
        prepare: () -> untrained state with the common initial weights; not timed.
        fit: (state) -> trained state: every epoch, shuffling included, finished when it returns.
        weights: (trained state) -> [(kernel [in, out], bias [out])] in NumPy.
        from_key: () -> trained state from random weights, all in one program, for the start-up;
            None if building the network has drawn them already.
    """

    prepare: Callable[[], Any]
    fit: Callable[[Any], Any]
    weights: Callable[[Any], Weights]
    from_key: Callable[[], Any] | None = None


def load(name: str) -> Callable[[Workload], Trainer]:
    """The builder of a peer's trainer.

    Raises:
        ImportError: The peer's library is not installed.
    """
    module, builder, _ = PEERS[name]
    return getattr(importlib.import_module(f"benchmarks.peers.{module}"), builder)


def label(name: str) -> str:
    """Name of the peer in the tables."""
    return PEERS[name][2]
