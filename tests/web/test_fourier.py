"""Fourier transforms against NumPy."""

import jax.numpy as jnp
import numpy as np

from tests.javascript import assert_equal, in_node, needs_node

pytestmark = needs_node
A = np.random.default_rng(7).normal(size=(2, 5)).astype("float32")


def test_fourier_transforms():
    def transforms(xp, a):
        even, odd = xp.fft.rfft(a[:, :4]), xp.fft.rfft(a)
        z = xp.fft.fft(a)
        return z, xp.fft.ifft(z * z), odd, xp.fft.irfft(even), xp.fft.irfft(odd, 5), xp.fft.fft2(a)

    expected = [x.astype("c8" if x.dtype.kind == "c" else "f4") for x in transforms(np, A)]
    assert_equal(expected, in_node(lambda a: transforms(jnp, a), A), tolerance=5e-6)
