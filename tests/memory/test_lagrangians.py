"""Lagrangians and their activations against formulas in NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import (
    lagrangians,
)

pytestmark = pytest.mark.x64


sharp = functools.partial(lagrangians.softmax, beta=2.5)


power = functools.partial(lagrangians.repu, degree=4)


def normalized(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


# the activation and the scalar itself, in NumPy
LAGRANGIANS = {
    "identity": (lagrangians.identity, lambda x: x, lambda x: np.sum(x**2) / 2),
    "relu": (
        lagrangians.relu,
        lambda x: np.maximum(x, 0),
        lambda x: np.sum(np.maximum(x, 0) ** 2) / 2,
    ),
    "repu": (power, lambda x: np.maximum(x, 0) ** 3, lambda x: np.sum(np.maximum(x, 0) ** 4) / 4),
    "sigmoid": (
        lagrangians.sigmoid,
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: np.sum(np.log(1 + np.exp(x))),
    ),
    "tanh": (lagrangians.tanh, np.tanh, lambda x: np.sum(np.log(np.cosh(x)))),
    "softmax": (
        sharp,
        lambda x: np.exp(2.5 * x) / np.exp(2.5 * x).sum(),
        lambda x: np.log(np.exp(2.5 * x).sum()) / 2.5,
    ),
    "spherical": (
        lagrangians.spherical,
        lambda x: x / np.linalg.norm(x),
        lambda x: np.linalg.norm(x),
    ),
    "normalized": (
        lagrangians.normalized,
        normalized,
        lambda x: x.size * np.sqrt(x.var() + 1e-5),
    ),
}


each = pytest.mark.parametrize("name", LAGRANGIANS)


def normal(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


@each
def test_a_lagrangian_is_its_formula_and_its_gradient_the_activation(name):
    lagrangian, activation, formula = LAGRANGIANS[name]
    x = 2 * normal((3, 2))
    value, g = jax.value_and_grad(lagrangian)(x)
    np.testing.assert_allclose(value, formula(np.asarray(x)), rtol=1e-10)
    np.testing.assert_allclose(g, activation(np.asarray(x)), rtol=1e-10)


@each
def test_a_lagrangian_is_convex(name):
    """Its second derivative at 0 is the slope of the activation."""
    hessian = jax.jit(jax.hessian(LAGRANGIANS[name][0]))
    for x in (normal(5), jnp.zeros(5)):
        h = hessian(x)
        np.testing.assert_allclose(h, h.T, atol=1e-12)
        assert np.linalg.eigvalsh(h).min() > -1e-9
    want = {"tanh": np.eye(5), "sigmoid": np.eye(5) / 4, "softmax": 0.5 * (np.eye(5) - 0.2)}
    if name in want:
        np.testing.assert_allclose(h, want[name], atol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax", "spherical", "normalized"])
def test_lagrangians_that_grow_linearly_never_overflow(name):
    """In single precision, where x^2 and exp(x) do."""
    lagrangian, activation, _ = LAGRANGIANS[name]
    x = jnp.asarray([3e30, -1e30, 0.0, 1e3, -2e30], "float32")
    value, g = jax.value_and_grad(lagrangian)(x)
    assert g.dtype == value.dtype == "float32"
    assert np.isfinite(value) and np.all(np.isfinite(g))
    bounded = {"sigmoid": [1, 0, 0.5, 1, 0], "tanh": [1, -1, 0, 1, -1], "softmax": [1, 0, 0, 0, 0]}
    want = bounded[name] if name in bounded else activation(np.float64(x))
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(np.asarray(x))).any() and np.isinf(np.asarray(x) ** 2).any()
    np.testing.assert_allclose(g, want, atol=1e-6)
    assert np.all(np.isfinite(jax.grad(lagrangian)(jnp.zeros(4, "float32"))))
