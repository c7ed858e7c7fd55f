"""Settings of all tests, the doctests of the package included."""

import contextlib
import ctypes
import gc
import os
import sys
from importlib import metadata

# Compiling is most of the time of this suite, and what is compiled runs once. Set before jax is
# imported; results differ from optimized code in the last digits only.
# jaxlib 0.10 can still make its older code for loops, in half the time for a small program.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + (" --xla_cpu_use_fusion_emitters=false" if metadata.version("jaxlib") < "0.11" else ""),
)
os.environ.setdefault("MPLBACKEND", "agg")

import jax
import pytest

# read by pyright in tests/test_types.py, not to be run
collect_ignore_glob = ["tests/typing/*"]

# Tracing makes many short-lived objects among many that stay: to look through them less often
# saves time.
gc.set_threshold(50_000, 20, 50)


# What was compiled stays until JAX is told to forget it, some 1.5 MB a program. A worker that holds
# more than this forgets, so that the tests fit a laptop: after the module, or, where one module
# alone compiles as much, after a test. It costs time: the modules that follow compile again the
# small programs that all share.
_MODULE_BYTES, _TEST_BYTES = 1.3 * 2**30, 1.7 * 2**30


@pytest.fixture(autouse=True, scope="session")
def strict_jax():
    """No silent broadcasting, no silent change of dtype, no key used twice."""
    with (
        jax.numpy_rank_promotion("raise"),
        jax.numpy_dtype_promotion("strict"),
        jax.debug_key_reuse(True),
    ):
        yield


@pytest.fixture(autouse=True, scope="module")
def module_in_x64(request):
    """A module with ``pytestmark = pytest.mark.x64`` computes in 64 bits, its fixtures too."""
    with _x64(request):
        yield


@pytest.fixture(autouse=True)
def test_in_x64(request):
    """A test with the marker x64 computes in 64 bits."""
    with _x64(request):
        yield


@pytest.fixture(autouse=True, scope="module")
def nothing_left():
    """No figure and not too many compiled programs outlive their module."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    forget(_MODULE_BYTES)


@pytest.fixture(autouse=True)
def forgotten():
    """No test adds compiled programs to too many others."""
    yield
    forget(_TEST_BYTES)


def forget(most: float) -> None:
    """Free the compiled programs of a process that holds more bytes than this."""
    if memory() > most:
        jax.clear_caches()
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # glibc alone keeps what was freed
            ctypes.CDLL(None).malloc_trim(0)


def _x64(request):
    wanted = request.node.get_closest_marker("x64") is not None
    return jax.enable_x64(True) if wanted else contextlib.nullcontext()


def memory() -> float:
    """Bytes that this process holds; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0
