"""jaxbrain: the brain's principles and the network's side by side, computed in JAX.

Networks, learning rules and memories are named tuples of pure functions over parameter pytrees;
``jax.grad``, ``jax.jit``, ``jax.vmap``, ``jax.lax.scan`` and optax do the rest.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what editors read
    from jaxbrain import analysis as analysis
    from jaxbrain import datasets as datasets
    from jaxbrain import memory as memory
    from jaxbrain import motor as motor
    from jaxbrain import tasks as tasks
    from jaxbrain import testing as testing
    from jaxbrain import viz as viz
    from jaxbrain.public import *  # noqa: F403

__version__ = "0.1.0"

_MODULES = (
    *("analysis", "cells", "datasets", "learning", "losses"),
    *("memory", "motor", "tasks", "testing", "viz"),
)


def __getattr__(name: str) -> Any:
    """Load a name when it is first used: ``python -m jaxbrain --help`` does not wait for JAX."""
    if name in _MODULES:  # without the names of the root, which are made of these modules
        return importlib.import_module(f"{__name__}.{name}")
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    public = importlib.import_module("jaxbrain.public")
    if name == "__all__":
        return sorted({*_MODULES, *public.__all__})
    if name not in public.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(public, name)
    return value


def __dir__() -> list[str]:
    return __getattr__("__all__")
