"""Modules of flax.nnx as networks: values, weights, noise, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.libraries import is_constant

nnx = pytest.importorskip("flax.nnx")
X = jnp.array([0.3, -1.2, 0.7, 2.0])
IMAGE = jnp.sin(jnp.arange(36.0)).reshape(6, 6, 1)
new_key = partial(jax.random.key, 0)


class Tied(nnx.Module):
    """A module of a user, whose two linear parts may be one."""

    def __init__(self, tied, rngs):
        self.first = nnx.Linear(4, 4, rngs=rngs)
        self.second = self.first if tied else nnx.clone(self.first)
        self.gains = nnx.List([nnx.Param(jnp.full(4, 0.5 + i)) for i in range(12)])

    def __call__(self, x):
        x = self.second(jnp.tanh(self.first(x)))
        for gain in self.gains:
            x = jnp.sin(gain[...] * x)
        return x


def mlp(seed=0):
    rngs = nnx.Rngs(seed)
    return nnx.Sequential(nnx.Linear(4, 5, rngs=rngs), jnp.tanh, nnx.Linear(5, 3, rngs=rngs))


def images():
    rngs = nnx.Rngs(1)
    inner = nnx.Sequential(nnx.Linear(72, 4, rngs=rngs), nnx.relu)
    return nnx.Sequential(nnx.Conv(1, 2, (3, 3), rngs=rngs), jnp.ravel, inner)


CASES = {
    "mlp": (mlp, X),
    "linear": (lambda: nnx.Linear(4, 3, use_bias=False, rngs=nnx.Rngs(2)), X),
    "images": (images, IMAGE),
    "tied": (lambda: Tied(True, nnx.Rngs(0)), X),
    "not tied": (lambda: Tied(False, nnx.Rngs(0)), X),
}


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in CASES if name not in ("mlp", "tied")]


@pytest.mark.parametrize("name", ["mlp", "tied", *SLOW])
def test_a_network_computes_what_its_module_computes(name):
    make, x = CASES[name]
    model, net = make(), jb.from_nnx(make())
    params = jb.nnx_params(model)
    drawn = net.init(new_key(), x)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, drawn)
    assert any(map(np.any, jax.tree.leaves(jax.tree.map(jnp.not_equal, params, drawn))))
    np.testing.assert_allclose(net.apply(params, x), model(x), rtol=1e-6)
    changed = jax.tree.map(lambda leaf: 0.9 * leaf + 0.1, params)
    again = jb.to_nnx(model, changed)
    assert type(again) is type(model)
    np.testing.assert_allclose(again(x), net.apply(changed, x), rtol=1e-6)
    np.testing.assert_allclose(net.apply(params, x), model(x), rtol=1e-6)  # it stays as it is
    assert net == jb.from_nnx(make()) and is_constant(net)


def test_equal_content_is_equal_and_later_changes_are_not_seen():
    model = mlp()
    net = jb.from_nnx(model)
    assert net == jb.from_nnx(mlp()) != jb.from_nnx(mlp(1))
    tied, free = (jb.from_nnx(Tied(kind, nnx.Rngs(0))) for kind in (True, False))
    assert tied != free and len(jb.nnx_params(Tied(False, nnx.Rngs(0)))) == 12 + 4
    before = jax.tree.map(np.array, net.init(new_key(), X))
    model.layers[0].kernel[...] = jnp.zeros((4, 5))
    jax.tree.map(np.testing.assert_array_equal, net.init(new_key(), X), before)
    assert net != jb.from_nnx(model)
    model.eval()
    assert jb.from_nnx(mlp()) == net


def test_a_key_means_noise_and_each_stream_has_its_own():
    rngs = nnx.Rngs(0)
    model = nnx.Sequential(nnx.Dropout(0.5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs))
    net, x = jb.from_nnx(model), jnp.ones(64)
    params = net.init(new_key(), x)
    assert params == ({}, ()) or params == ({}, {})
    np.testing.assert_array_equal(net.apply(params, x), x)
    outputs = jax.vmap(lambda key: net.apply(params, x, key=key))(jax.random.split(new_key(), 4))
    kept = (outputs == 4).mean()
    assert set(np.unique(outputs)) == {0, 4} and 0.15 < kept < 0.35  # two masks, not one twice
    assert len(np.unique(outputs, axis=0)) == 4


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"from_nnx: the module has a state .* BatchStat"):
        jb.from_nnx(nnx.BatchNorm(3, rngs=nnx.Rngs(0)))
    with pytest.raises(
        TypeError, match=r"model must be a module such as .* got the class Linear; c"
    ):
        jb.from_nnx(nnx.Linear)
    with pytest.raises(
        ValueError, match=r"to_nnx: params must be a tuple of 3 entries.* got a dict"
    ):
        jb.to_nnx(mlp(), {})
    with pytest.raises(ValueError, match=r"params must be a dict of \['bias', 'kernel'\]"):
        jb.to_nnx(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), {"kernel": jnp.ones((4, 3))})
