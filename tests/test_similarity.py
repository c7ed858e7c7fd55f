"""Angles between gradients, against arccos in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.analysis import angles, angles_to

KEY = jax.random.key(0)


def tree(seed):
    k = jax.random.split(jax.random.key(seed), 3)
    return (
        {"kernel": jax.random.normal(k[0], (4, 3)), "bias": jax.random.normal(k[1], (3,))},
        (),
        {"kernel": jax.random.normal(k[2], (3, 2))},
    )


def by_arccos(a, b):
    out = []
    for p, q in zip(a, b, strict=True):
        if p:
            u = np.concatenate([np.asarray(p[k], "float64").ravel() for k in p])
            v = np.concatenate([np.asarray(q[k], "float64").ravel() for k in q])
            out.append(np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))))
    return out


def test_angles_at_generic_values():
    for seed in range(3):
        a, b = tree(seed), tree(seed + 10)
        np.testing.assert_allclose(angles(a, b), by_arccos(a, b), rtol=1e-5)
        np.testing.assert_allclose(angles(b, a), angles(a, b), rtol=1e-6)


def test_angles_at_the_ends():
    a = tree(0)
    assert angles(a, a).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(angles(a, jax.tree.map(jnp.negative, a)), 180)
    u, v = (jnp.array([1.0, 0.0]),), (jnp.array([1.0, 1e-4]),)  # arccos would say 0
    np.testing.assert_allclose(angles(u, v), np.degrees(1e-4), rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e-21, 1e-5, 1e19, 1e30])
def test_the_length_of_a_gradient_does_not_matter(scale):
    """Gradients that vanished or explode still have a direction."""
    a, b = tree(0), tree(1)
    scaled = jax.tree.map(lambda g: g * scale, a)
    np.testing.assert_allclose(angles(scaled, b), angles(a, b), rtol=1e-4)
    np.testing.assert_allclose(angles(b, scaled), angles(a, b), rtol=1e-4)


def test_a_zero_gradient_has_no_direction():
    a, zero = tree(0), jax.tree.map(jnp.zeros_like, tree(0))
    assert angles(a, zero).tolist() == angles(zero, zero).tolist() == [90.0, 90.0]


def test_structures_must_agree():
    with pytest.raises(ValueError, match="a and b must have one structure"):
        angles(tree(0), tree(0)[:2])


NET = jb.serial(jb.dense(6), jb.elementwise(jnp.tanh), jb.dropout(0.4), jb.dense(3))
X = jax.random.normal(KEY, (9, 4))
Y = jnp.arange(9) % 3


def test_a_rule_compared_with_itself_and_with_backprop():
    loss = jb.losses.softmax_cross_entropy
    fa, bp = jb.feedback_alignment(NET, loss), jb.backprop(NET, loss)
    state = jb.init_state(fa, optax.sgd(0.1), X[0], key=KEY)
    np.testing.assert_allclose(jax.jit(angles_to(fa, fa, (X, Y)))(state)[1], 0, atol=1e-3)
    compare = jax.jit(angles_to(fa, bp, (X, Y)))
    away = compare(state)
    # both under the same noise: the output layer learns the same, the hidden one does not
    assert away[0] > 10
    np.testing.assert_allclose(away[1], 0, atol=0.1)
    aligned = state._replace(rule_state=state.params)
    np.testing.assert_allclose(compare(aligned), 0, atol=0.1)
