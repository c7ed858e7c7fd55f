"""A scan in chunks with a progress line: the same numbers as one scan."""

import io
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.training.progress import scan


def test_a_scan_in_chunks_is_a_scan():
    def body(carry, x):
        return carry * 0.5 + x["a"], {"twice": 2 * carry}

    xs = {"a": jnp.arange(7.0)}
    last, found = jax.lax.scan(body, jnp.float32(1), xs)
    for chunk in (1, 3, 7, 50):
        mine, ys = scan(body, jnp.float32(1), xs, chunk=chunk)
        assert mine == last
        np.testing.assert_array_equal(ys["twice"], found["twice"])


def test_a_scan_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stderr", pipe := io.StringIO())
    scan(lambda c, x: (c, x), 0, jnp.arange(10), chunk=5, desc="count", progress=True)
    assert [line.split("  ")[:2] for line in pipe.getvalue().splitlines()] == [
        ["count", " 50 %"], ["count", "100 %"],
    ]  # fmt: skip
    scan(lambda c, x: (c, x), 0, jnp.arange(10), chunk=5)
    assert pipe.getvalue().count("count") == 2


def test_a_scan_refuses_what_it_cannot_divide():
    for xs in (jnp.zeros(0), (jnp.zeros(2), jnp.zeros(3)), ()):
        with pytest.raises(ValueError, match="one number of steps"):
            scan(lambda c, x: (c, x), 0, xs)
    with pytest.raises(ValueError, match="chunk"):
        scan(lambda c, x: (c, x), 0, jnp.zeros(2), chunk=0)
