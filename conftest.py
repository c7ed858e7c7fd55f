"""Settings of all tests, the doctests of the package included."""

import os

# Compiling is most of the time of this suite, and what is compiled runs once. Set before jax is
# imported; results differ from optimised code in the last digits only.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
os.environ.setdefault("MPLBACKEND", "agg")

import jax
import pytest


@pytest.fixture(autouse=True, scope="session")
def strict_jax():
    """No silent broadcasting, no silent change of dtype."""
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield
