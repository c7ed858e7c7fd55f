"""Modules of flax.linen as networks: values, variables, noise, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.libraries import is_constant

nn = pytest.importorskip("flax.linen")
X = jnp.array([0.3, -1.2, 0.7, 2.0])
IMAGE = jnp.sin(jnp.arange(36.0)).reshape(6, 6, 1)
new_key = partial(jax.random.key, 0)


class Normed(nn.Module):
    """A module of a user with noise."""

    @nn.compact
    def __call__(self, x, train: bool = False):
        return nn.Dropout(0.5, deterministic=not train)(nn.LayerNorm()(nn.Dense(3)(x)))


class Noisy(nn.Module):
    """A module whose noise nothing turns off."""

    @nn.compact
    def __call__(self, x):
        return nn.Dropout(0.5, deterministic=False)(nn.Dense(3)(x))


def mlp():
    return nn.Sequential([nn.Dense(5), jnp.tanh, nn.Dense(3)])


def images():
    inner = nn.Sequential([nn.Dense(4), nn.relu])
    return nn.Sequential(
        [
            nn.Conv(2, (3, 3)),
            partial(nn.max_pool, window_shape=(2, 2)),
            jnp.ravel,
            inner,
            nn.Dense(3),
        ]
    )


CASES = {
    "mlp": (mlp, X),
    "dense": (lambda: nn.Dense(3, use_bias=False), X),
    "images": (images, IMAGE),
    "of a user": (Normed, X),
}


SLOW = [
    pytest.param(name, marks=pytest.mark.slow) for name in CASES if name not in ("mlp", "of a user")
]


@pytest.mark.parametrize("name", ["mlp", "of a user", *SLOW])
def test_a_network_computes_what_its_module_computes(name):
    make, x = CASES[name]
    model, net = make(), jb.from_linen(make())
    params = net.init(new_key(), jax.ShapeDtypeStruct(x.shape, x.dtype))
    variables = jb.to_linen(model, params)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, model.init(new_key(), x))
    np.testing.assert_allclose(net.apply(params, x), model.apply(variables, x), rtol=1e-6)
    again = jb.linen_params(model, variables)
    jax.tree.map(np.testing.assert_array_equal, again, params)
    assert net == jb.from_linen(make()) and is_constant(net)


def test_init_draws_by_the_initializers_of_the_module():
    net = jb.from_linen(nn.Dense(300, bias_init=nn.initializers.constant(0.5)))
    first, other = (net.init(jax.random.key(seed), jnp.ones(200)) for seed in (0, 1))
    assert np.all(first["bias"] == 0.5) and not np.array_equal(first["kernel"], other["kernel"])
    np.testing.assert_allclose(first["kernel"].std(), 200**-0.5, rtol=0.02)


@pytest.mark.parametrize("make", [lambda: nn.Sequential([nn.Dropout(0.5), nn.Dense(3)]), Normed])
def test_a_key_means_noise(make):
    net = jb.from_linen(make())
    params = net.init(new_key(), X)
    assert np.array_equal(net.apply(params, X), net.apply(params, X))
    outputs = jax.vmap(lambda key: net.apply(params, X, key=key))(jax.random.split(new_key(), 4))
    assert len(np.unique(outputs, axis=0)) > 1


@pytest.mark.parametrize("flag", [True, False])
def test_the_key_decides_and_not_the_flag_of_the_module(flag):
    net = jb.from_linen(nn.Dropout(0.5, deterministic=flag))
    assert np.array_equal(net.apply({}, X), X)
    assert not np.array_equal(net.apply({}, X, key=new_key()), X)


def test_what_is_refused():
    for state in (nn.BatchNorm(use_running_average=False), nn.SpectralNorm(nn.Dense(3))):
        net = jb.from_linen(nn.Sequential([nn.Dense(3), state]))
        with pytest.raises(
            (ValueError, TypeError), match=r"from_linen: the module has a state|missing"
        ):
            net.init(new_key(), X)
    with pytest.raises(ValueError, match="state that it changes, batch_stats"):
        jb.linen_params(nn.Dense(3), {"params": {}, "batch_stats": {}})
    with pytest.raises(
        TypeError, match=r"model must be a module such as .* got the class Dense; cal"
    ):
        jb.from_linen(nn.Dense)
    with pytest.raises(ValueError, match=r"params must be a tuple of 3 entries.* got 2"):
        jb.to_linen(mlp(), ({}, ()))
    net = jb.from_linen(Noisy())
    params = net.init(new_key(), X)
    assert net.apply(params, X, key=new_key()).shape == (3,)
    with pytest.raises(ValueError, match="from_linen: Noisy draws random numbers other than by"):
        net.apply(params, X)
