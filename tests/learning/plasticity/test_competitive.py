"""SoftHebb: its equation, the length of its weights, its rest on data of clusters."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning.plasticity import competitive, hebbian
from jaxbrain.learning.plasticity.rule import plastic

pytestmark = pytest.mark.x64

RNG = np.random.default_rng(3)
W, X = RNG.normal(size=(4, 3)), RNG.normal(size=4)


def posterior(x, w, beta):
    y = np.exp(beta * (x @ w))
    return y / y.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(("beta", "gain", "power"), [(1.7, 1.0, 0.0), (0.6, -1.0, 0.5)])
def test_soft_hebb_is_its_equation(beta, gain, power):
    rule = competitive.soft_hebb(inverse_temperature=beta, loser_gain=gain, norm_power=power)
    u, y = X @ W, posterior(X, W, beta)
    want = np.zeros((4, 3))
    for j in range(3):
        sign = 1 if u[j] == max(u) else gain
        rate = abs(1 - np.sqrt(sum(W[:, j] ** 2))) ** power
        for i in range(4):
            want[i, j] = rate * sign * y[j] * (X[i] - u[j] * W[i, j])
    for post in (X[:3], u):  # the activity of the layer has no effect
        carry, change = rule.step(jnp.array(W), (), (jnp.array(X), jnp.array(post), None))
        assert carry == ()
        np.testing.assert_allclose(change, want, rtol=1e-13, atol=1e-15)
    others = competitive.soft_hebb(), hebbian.oja(), competitive.soft_hebb(loser_gain=0.0)
    now = (jnp.array(X), jnp.array(u), None)
    assert all(np.abs(other.step(jnp.array(W), (), now)[1] - want).max() > 0.1 for other in others)


CENTERS = np.linalg.qr(np.random.default_rng(4).normal(size=(6, 6)))[0][:3]
LABELS = np.arange(90) % 3
DATA = CENTERS[LABELS] + 0.15 * np.random.default_rng(5).normal(size=(90, 6))
DATA /= np.linalg.norm(DATA, axis=1, keepdims=True)


@partial(jax.jit, static_argnums=0)
def rested(rule, w, x):
    """The weights after 600 steps over all of the data at once."""
    learner = plastic(jb.dense(3, bias_init=None), rule)

    def step(w, _):
        return w - learner.grads({"kernel": w}, ((),), x, x)[1]["kernel"], None

    return jax.lax.scan(step, w, None, length=600)[0]


def test_at_rest_each_unit_is_the_mean_of_its_cluster_with_length_one():
    """From any first lengths; the posterior and the means are NumPy's."""
    first = jnp.array((CENTERS + 0.3 * RNG.normal(size=(3, 6))).T * [[0.5, 1.0, 1.5]])
    for beta, tolerance in ((4.0, 1.0), (20.0, 0.03)):
        w = np.asarray(rested(competitive.soft_hebb(inverse_temperature=beta), first, DATA))
        means = DATA.T @ posterior(DATA, w, beta)
        np.testing.assert_allclose(np.linalg.norm(w, axis=0), 1, atol=1e-9)
        np.testing.assert_allclose(w, means / np.linalg.norm(means, axis=0), atol=1e-9)
        means = np.stack([DATA[k == LABELS].mean(axis=0) for k in range(3)], axis=1)
        distance = np.linalg.norm(w - means / np.linalg.norm(means, axis=0), axis=0)
        assert distance.max() < tolerance
    alone = np.asarray(rested(hebbian.oja(), first, DATA))  # units that do not compete
    assert np.linalg.norm(alone - means / np.linalg.norm(means, axis=0), axis=0).max() > 0.5


def test_a_unit_that_loses_unlearns():
    """With a gain of -1 its length moves away from 1, that of the winner toward 1."""
    w, x = jnp.array([[2.0, 1.5], [0.0, 1.0]]), jnp.array([1.0, 0.0])
    for gain, moves in ((1.0, [-1, -1]), (-1.0, [-1, 1])):
        change = competitive.soft_hebb(loser_gain=gain).step(w, (), (x, x, None))[1]
        after = jnp.linalg.norm(w + 1e-3 * change, axis=0) - jnp.linalg.norm(w, axis=0)
        np.testing.assert_array_equal(jnp.sign(after), moves)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inverse_temperature": 0.0}, "inverse_temperature must be positive, got 0.0"),
        ({"loser_gain": float("nan")}, "loser_gain must be a finite number, got nan"),
        ({"norm_power": -0.5}, "norm_power must not be negative, got -0.5"),
    ],
)
def test_what_it_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        competitive.soft_hebb(**options)
