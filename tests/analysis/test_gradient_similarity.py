"""How alike gradients are: angles, lengths and signs against NumPy in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.analysis import (
    angles,
    angles_to,
    compared_to,
    norm_ratios,
    sign_agreement,
    similarity,
)

new_key = partial(jax.random.key, 0)


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
    for measure in (angles, norm_ratios, sign_agreement, similarity):
        with pytest.raises(ValueError, match="a and b must have one structure"):
            measure(tree(0), tree(0)[:2])


def test_lengths_and_signs_at_generic_values():
    a, b = tree(0), tree(10)
    flat = lambda t: [  # noqa: E731
        np.concatenate([np.asarray(v, "float64").ravel() for v in p.values()]) for p in t if p
    ]
    pairs = list(zip(flat(a), flat(b), strict=True))
    ratios = [np.linalg.norm(u) / np.linalg.norm(v) for u, v in pairs]
    np.testing.assert_allclose(norm_ratios(a, b), ratios, rtol=1e-6)
    signs = [np.mean(np.sign(u) == np.sign(v)) for u, v in pairs]
    np.testing.assert_allclose(sign_agreement(a, b), signs, rtol=1e-6)
    found = similarity(a, b)
    np.testing.assert_array_equal(found.angle, angles(a, b))
    np.testing.assert_array_equal(found.norm_ratio, norm_ratios(a, b))
    np.testing.assert_array_equal(found.sign_agreement, sign_agreement(a, b))
    negative = similarity(a, jax.tree.map(jnp.negative, a))
    assert negative.sign_agreement.tolist() == [0, 0] and negative.norm_ratio.tolist() == [1, 1]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_lengths_of_extreme_gradients(scale):
    a, b = tree(0), tree(1)
    scaled = jax.tree.map(lambda g: g * scale, a)
    np.testing.assert_allclose(norm_ratios(scaled, b) / scale, norm_ratios(a, b), rtol=1e-4)
    np.testing.assert_allclose(norm_ratios(b, scaled) * scale, norm_ratios(b, a), rtol=1e-4)


def test_zeros_and_nans_are_said_as_they_are():
    a, zero = tree(0), jax.tree.map(jnp.zeros_like, tree(0))
    assert norm_ratios(zero, a).tolist() == [0, 0]
    assert norm_ratios(a, zero).tolist() == [np.inf, np.inf]
    assert norm_ratios(zero, zero).tolist() == [1, 1]
    assert sign_agreement(zero, a).tolist() == sign_agreement(zero, zero).tolist() == [0.5, 0.5]
    # weights that neither moves are not counted as agreement, those that one moves count half
    u, v = jnp.array([1.0, -1.0, 0.0, 0.0, 2.0]), jnp.array([1.0, -2.0, 0.0, 0.0, 0.0])
    assert sign_agreement((u,), (v,)).tolist() == [pytest.approx(2.5 / 3)]
    nan = jax.tree.map(lambda g: g * jnp.nan, a)
    for found in (similarity(nan, a), similarity(a, nan)):
        assert all(np.isnan(field).all() for field in found)


NET = jb.serial(jb.dense(6), jb.elementwise(jnp.tanh), jb.dropout(0.4), jb.dense(3))
X = jax.random.normal(new_key(), (9, 4))
Y = jnp.arange(9) % 3


@pytest.mark.slow
def test_a_rule_compared_with_itself_and_with_backprop():
    loss = jb.losses.softmax_cross_entropy
    fa, bp = jb.feedback_alignment(NET, loss), jb.backprop(NET, loss)
    state = jb.init_state(fa, optax.sgd(0.1), X[0], key=new_key())
    np.testing.assert_allclose(jax.jit(angles_to(fa, fa, (X, Y)))(state)[1], 0, atol=1e-3)
    compare = jax.jit(angles_to(fa, bp, (X, Y)))
    away = compare(state)
    # both under the same noise: the output layer learns the same, the hidden one does not
    assert away[0] > 10
    np.testing.assert_allclose(away[1], 0, atol=0.1)
    aligned = state._replace(rule_state=state.params)
    np.testing.assert_allclose(compare(aligned), 0, atol=0.1)


@pytest.mark.slow
def test_a_record_of_more_than_the_angle():
    loss = jb.losses.softmax_cross_entropy
    fa, bp = jb.feedback_alignment(NET, loss), jb.backprop(NET, loss)
    state = jb.init_state(fa, optax.sgd(0.1), X[0], key=new_key())
    found = jax.jit(compared_to(fa, bp, (X, Y)))(state)
    np.testing.assert_allclose(found.angle, jax.jit(angles_to(fa, bp, (X, Y)))(state), atol=1e-2)
    np.testing.assert_allclose(found.norm_ratio[1], 1, rtol=1e-5)
    assert found.sign_agreement[1] > 0.99 and found.sign_agreement[0] < 0.9
    # a rule of twice the gradient: the same angle, twice the length
    twice = bp._replace(
        grads=lambda p, s, x, y, *, key=None: jax.tree.map(
            lambda a: 2 * a, bp.grads(p, s, x, y, key=key)
        )
    )
    plain = jb.init_state(bp, optax.sgd(0.1), X[0], key=new_key())
    doubled = jax.jit(compared_to(twice, bp, (X, Y)))(plain)
    np.testing.assert_allclose(doubled.norm_ratio, 2, rtol=1e-5)
    np.testing.assert_allclose(doubled.angle, 0, atol=1e-2)
