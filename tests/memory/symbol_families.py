"""The families of vector symbols, by name."""

import numpy as np
import pytest

from jaxbrain.memory import (
    fourier_holographic_reduced,
    holographic_reduced,
    multiply_add_permute,
)

FAMILIES = {
    "hrr": holographic_reduced,
    "fhrr": fourier_holographic_reduced,
    "map": multiply_add_permute,
}


families = pytest.mark.parametrize("name", FAMILIES)


def near(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=tolerance)
