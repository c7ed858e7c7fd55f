"""Models of equinox as networks: values, weights, noise, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.libraries import is_constant

eqx = pytest.importorskip("equinox")
X = jnp.array([0.3, -1.2, 0.7, 2.0])
new_key = partial(jax.random.key, 0)


class Gated(eqx.Module):
    """A module of a user: not linear, with a key that it must be given."""

    linear: eqx.nn.Linear
    gain: jax.Array
    function: object = eqx.field(static=True)

    def __call__(self, x, key):
        x = self.linear(x) * self.gain
        return self.function(x if key is None else x + jax.random.normal(key, x.shape))


class Doubled(eqx.nn.Sequential):
    def __call__(self, x, *, key=None):
        return 2 * super().__call__(x, key=key)


def mlp(seed=0, **options):
    return eqx.nn.MLP(4, 3, 5, 2, activation=jnp.tanh, key=jax.random.key(seed), **options)


def gated():
    return Gated(eqx.nn.Linear(4, 3, key=new_key()), jnp.full(3, 0.5), jnp.sin)


def layers():
    keys = jax.random.split(jax.random.key(1), 3)
    return eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(1, 2, 3, stride=2, key=keys[0]),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.Sequential([eqx.nn.MaxPool2d(2), eqx.nn.Lambda(jnp.ravel)]),
            eqx.nn.Identity(),
            eqx.nn.Linear(8, 3, use_bias=False, key=keys[1]),
        ]
    )


CASES = {
    "mlp": (mlp, X),
    "final activation": (lambda: mlp(final_activation=jax.nn.sigmoid), X),
    "one layer": (lambda: eqx.nn.MLP(4, 3, 5, 0, key=new_key()), X),
    "scalar": (lambda: eqx.nn.MLP(4, "scalar", 5, 1, key=new_key()), X),
    "linear": (lambda: eqx.nn.Linear(4, 3, key=new_key()), X),
    "norm": (lambda: eqx.nn.LayerNorm(4), X),
    "images": (layers, jnp.sin(jnp.arange(49.0)).reshape(1, 7, 7)),
    "of a subclass": (lambda: Doubled(mlp().layers[:1]), X),
}


SLOW = [
    pytest.param(name, marks=pytest.mark.slow) for name in CASES if name not in ("mlp", "images")
]


@pytest.mark.parametrize("name", ["mlp", "images", *SLOW])
def test_a_network_computes_what_its_model_computes(name):
    make, x = CASES[name]
    model, net = make(), jb.from_equinox(make())
    params = jb.equinox_params(model)
    shapes = jax.eval_shape(net.init, jax.random.key(1), x)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, shapes)
    np.testing.assert_allclose(net.apply(params, x), model(x), rtol=1e-6, atol=1e-7)
    doubled = jb.to_equinox(model, jax.tree.map(lambda leaf: 2 * leaf, params))
    assert type(doubled) is type(model)
    for new, old in zip(weights(doubled), weights(model), strict=True):
        np.testing.assert_array_equal(new, 2 * old)
    assert net == jb.from_equinox(make()) and is_constant(net)


def weights(model):
    return jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))


def test_the_weights_have_the_layout_of_dense_and_conv():
    net, x = jb.from_equinox(mlp()), jnp.sin(jnp.arange(49.0)).reshape(7, 7, 1)
    native = jb.serial(*[jb.dense(5), jb.elementwise(jnp.tanh)] * 2, jb.dense(3))
    params = jb.equinox_params(mlp())
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, native.init(new_key(), X))
    np.testing.assert_allclose(native.apply(params, X), net.apply(params, X), rtol=1e-6)
    conv = jb.from_equinox(layers().layers[0])
    own = jb.equinox_params(layers().layers[0])
    theirs = jb.conv(2, (3, 3), stride=2, padding="VALID").apply(own, x)
    np.testing.assert_allclose(theirs, conv.apply(own, x.transpose(2, 0, 1)).transpose(1, 2, 0))


def test_equal_content_is_equal():
    assert jb.from_equinox(mlp(0)) != jb.from_equinox(mlp(1))
    assert jb.from_equinox(mlp()) != jb.from_equinox(mlp(use_final_bias=False))


def test_init_draws_new_weights_like_those_of_the_model():
    model = eqx.nn.Sequential([eqx.nn.Linear(200, 100, key=new_key()), eqx.nn.LayerNorm(100)])
    net, own = jb.from_equinox(model), jb.equinox_params(model)
    first, other = (net.init(jax.random.key(seed), jnp.ones(200)) for seed in (0, 1))
    for drawn in (first, other):
        np.testing.assert_allclose(drawn[0]["kernel"].std(), own[0]["kernel"].std(), rtol=0.03)
        pair = drawn[0]["kernel"].ravel(), own[0]["kernel"].ravel()
        assert abs(np.corrcoef(*pair)[0, 1]) < 0.03
        assert np.all(drawn[1]["weight"] == 1) and np.all(drawn[1]["bias"] == 0)
    assert not np.array_equal(first[0]["kernel"], other[0]["kernel"])


def test_a_module_of_a_user_is_one_layer():
    model, net = gated(), jb.from_equinox(gated())
    params = jb.equinox_params(model)
    assert sorted(params) == ["gain", "linear.bias", "linear.weight"]
    np.testing.assert_allclose(net.apply(params, X), model(X, None), rtol=1e-6)
    noisy = net.apply(params, X, key=jax.random.key(2))
    np.testing.assert_allclose(noisy, model(X, jax.random.key(2)), rtol=1e-6)
    assert jb.to_equinox(model, params | {"gain": jnp.zeros(3)})(X, None).tolist() == [0, 0, 0]


def test_a_key_means_noise():
    model = eqx.nn.Sequential([eqx.nn.Dropout(0.5), eqx.nn.Linear(4, 3, key=new_key())])
    net = jb.from_equinox(model)
    params = jb.equinox_params(model)
    assert params[0] == {}
    np.testing.assert_allclose(net.apply(params, X), model.layers[1](X), rtol=1e-6)
    outputs = jax.vmap(lambda key: net.apply(params, X, key=key))(jax.random.split(new_key(), 4))
    assert len(np.unique(outputs, axis=0)) > 1


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: eqx.nn.BatchNorm(3, "batch", mode="batch"), ValueError, "has a state"),
        (
            lambda: eqx.nn.Sequential([mlp(), eqx.nn.BatchNorm(3, "b", mode="batch")]),
            ValueError,
            "st",
        ),
        (lambda: eqx.nn.Linear, TypeError, "model must be a module .* got the class Linear; call"),
        (lambda: jnp.tanh, TypeError, "model must be a module such as eqx.nn.MLP"),
        (
            lambda: eqx.nn.MLP(4, 3, 5, 1, activation=eqx.nn.PReLU(), key=new_key()),
            ValueError,
            "weights",
        ),
        (lambda: eqx.nn.MLP(4, 3, 5, 3, scan=True, key=new_key()), ValueError, "scan=True"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=f"from_equinox: .*{message}"):
        jb.from_equinox(make())


def test_wrong_params_are_named():
    model = mlp()
    params = jb.equinox_params(model)
    with pytest.raises(
        ValueError, match=r"to_equinox: params must be a tuple of 5 entries.* got 2"
    ):
        jb.to_equinox(model, params[:2])
    with pytest.raises(
        ValueError, match=r"kernel of shape \(4, 5\), and params hold one of \(5, 5"
    ):
        jb.from_equinox(model).apply((params[2], *params[1:]), X)


@pytest.mark.slow
def test_a_training_gives_the_model_back(tmp_path):
    x = jax.random.normal(jax.random.key(1), (32, 4))
    data, net = (x, jnp.tanh(x[:, :3])), jb.from_equinox(mlp())
    rule = jb.feedback_alignment(net, jb.losses.mse)

    def fit(epochs):
        key = jax.random.key(2)
        return jb.fit(rule, optax.adam(0.01), data, key=key, epochs=epochs, checkpoint=tmp_path)

    (half, _), (state, history) = fit(10), fit(20)
    assert len(history.loss) == 20 and history.loss[-1] < 0.9 * history.loss[0]
    trained = jb.to_equinox(mlp(), state.params)
    np.testing.assert_allclose(jax.vmap(trained)(x), jb.predict(net, state.params, x), rtol=1e-5)
    assert not np.array_equal(half.params[0]["kernel"], state.params[0]["kernel"])
    with pytest.raises(TypeError, match=r"(?s)net\.0\.net\.model is Linear.*jb\.to_equinox"):
        jb.save_model(tmp_path / "model", net, state.params)
