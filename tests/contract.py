"""What the tests of the contract compare: values, signatures, compilations."""

import inspect

import jax
import numpy as np


def close(a, b, rtol=2e-5, atol=2e-6):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert u.shape == v.shape and u.dtype == v.dtype
        np.testing.assert_allclose(np.float64(u), np.float64(v), rtol=rtol, atol=atol)


def equal(a, b):
    close(a, b, 0, 0)


def signature(function):
    return [
        (p.name, p.kind.name, None if p.default is p.empty else repr(p.default))
        for p in inspect.signature(function).parameters.values()
    ]


BY_PLACE, BY_NAME = "POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY"


def places(*names):
    return [(name, BY_PLACE, None) for name in names]


KEYWORD = [("key", BY_NAME, "None")]


def counter(f):
    def counted(*args):
        counted.traces += 1
        return f(*args)

    counted.traces = 0
    return counted
