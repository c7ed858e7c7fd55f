"""Functions of JAX in Node, compared with JAX."""

import jax
import numpy as np
import pytest

from benchmarks.node import NODE, Job, run, words

needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
# the programs run once: compile them quickly
FAST: dict[str, str | bool] = {"xla_backend_optimization_level": "0"}


def in_node(function, *arguments):
    """The results of one call."""
    return run([Job(function, arguments)])[0].results


def assert_equal(expected, found, tolerance=1e-6):
    """Floats within the tolerance, all others equal, in the same shapes and dtypes."""
    leaves = jax.tree.leaves_with_path(expected)
    for (path, a), b in zip(leaves, jax.tree.leaves(found), strict=True):
        a = words(a)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), path
        if a.dtype.kind in "fc":
            np.testing.assert_allclose(b, a, tolerance, tolerance, err_msg=str(path))
        else:
            np.testing.assert_array_equal(b, a, err_msg=str(path))


def assert_same(function, *arguments, tolerance=1e-6):
    """Node computes what JAX computes."""
    compiled = jax.jit(function).lower(*arguments).compile(compiler_options=FAST)
    assert_equal(compiled(*arguments), in_node(function, *arguments), tolerance)
