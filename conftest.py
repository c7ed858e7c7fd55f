"""Settings of all tests, the doctests of the package included."""

import gc
import os
import sys
from importlib import metadata

# Compiling is most of the time of this suite, and what is compiled runs once. Set before jax is
# imported; results differ from optimised code in the last digits only.
# jaxlib 0.10 can still make its older code for loops, in half the time for a small program.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + (" --xla_cpu_use_fusion_emitters=false" if metadata.version("jaxlib") < "0.11" else ""),
)
os.environ.setdefault("MPLBACKEND", "agg")

import jax
import pytest

# Tracing makes many short-lived objects beside many that stay: to look through them less often
# saves time.
gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def strict_jax():
    """No silent broadcasting, no silent change of dtype."""
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(autouse=True, scope="module")
def closed_figures():
    """No figure outlives its module: matplotlib warns of the twenty-first."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
