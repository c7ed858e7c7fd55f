"""Functions of the user as networks, with a key and without."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from tests.tables.values import first_scale, scaled_by

X = jnp.array([1.0, -2.0, 0.5])


def noisy(params, x, *, key=None):
    return x if key is None else x + params["scale"] * jax.random.normal(key, x.shape)


def test_functions_with_and_without_a_key():
    plain, with_noise = (jb.from_functions(first_scale, f) for f in (scaled_by, noisy))
    params = plain.init(jax.random.key(0), X)
    np.testing.assert_array_equal(plain.apply(params, X), params["scale"] * X)
    np.testing.assert_array_equal(
        plain.apply(params, X, key=jax.random.key(1)), params["scale"] * X
    )
    np.testing.assert_array_equal(with_noise.apply(params, X), X)
    noise = jax.random.normal(jax.random.key(7), X.shape)
    moved = with_noise.apply(params, X, key=jax.random.key(7))
    np.testing.assert_allclose(moved, X + params["scale"] * noise, rtol=1e-6)
    assert plain == jb.from_functions(first_scale, scaled_by) != with_noise


@pytest.mark.parametrize("function", [scaled_by, noisy, lambda p, x, **options: p["scale"] * x])
def test_it_is_a_layer_of_a_chain_that_is_taught(function):
    net = jb.serial(jb.from_functions(first_scale, function), jb.dense(2))
    params = net.init(jax.random.key(0), X)
    rule = jb.feedback_alignment(net, jb.losses.mse)
    state = rule.init(jax.random.key(1), params, X)
    _, grads, _ = rule.grads(params, state, X[None], jnp.ones((1, 2)), key=jax.random.key(2))
    assert jax.tree.structure(grads) == jax.tree.structure(params)
    assert jnp.abs(grads[1]["kernel"]).min() > 0


def test_a_network_by_hand_without_a_key_is_refused_where_it_is_taken():
    by_hand = jb.Network(first_scale, scaled_by)
    for make in (jb.serial, jb.batch, jb.residual, lambda net: jb.backprop(net, jb.losses.mse)):
        with pytest.raises(TypeError, match=r"takes \(params, x\) and no key.*from_functions"):
            make(by_hand)
    jb.serial(jb.Network(first_scale, noisy))
    jb.serial(jb.Network(first_scale, jax.jit(noisy)))
    with pytest.raises(TypeError, match=r"from_functions: apply must be a function, got 'tanh'"):
        jb.from_functions(first_scale, "tanh")
