"""Feature maps against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory.episodic.feature_maps import dpfp, elu_plus_one, unit

pytestmark = pytest.mark.x64


def test_feature_maps():
    x = jnp.array([1.3, -0.7, 2.1])
    r = np.maximum(np.r_[x, -x], 0)
    products = [r[i] * r[(i - j) % 6] for j in (1, 2, 3) for i in range(6)]
    np.testing.assert_allclose(dpfp(x, nu=3), products, atol=1e-15)
    np.testing.assert_allclose(elu_plus_one(x), jax.nn.elu(x) + 1, atol=1e-15)
    assert elu_plus_one(jnp.array(-50.0)) > 0 and jnp.isfinite(jax.grad(elu_plus_one)(1e4))
    np.testing.assert_allclose(unit(x), x / np.linalg.norm(x), atol=1e-15)
    assert np.all(np.isfinite(jax.jacobian(unit)(jnp.zeros(3))))
    for nu in (0, 6):
        with pytest.raises(ValueError, match=r"dpfp: nu must be from 1 to 5"):
            dpfp(x, nu=nu)
