"""Derivatives in float64 against finite differences, forward and reverse."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxbrain as jb
from jaxbrain.learning.energy.inference import energies, forward_pass
from jaxbrain.learning.energy.predictive import nudged

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 6)


def generic(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def check(f, *args):
    # differences at steps of e err by e^2 / 6 times the third derivative, which reaches some 1000
    options = {"modes": ("fwd", "rev"), "atol": 1e-7, "rtol": 1e-7, "eps": 1e-5}
    check_grads(jax.jit(f), args, order=1, **options)


LOSSES = {
    "half_mse": (jb.losses.half_mse, lambda: generic(4, seed=1)),
    "mse": (jb.losses.mse, lambda: generic(4, seed=1)),
    "binary_cross_entropy": (jb.losses.binary_cross_entropy, lambda: jnp.array([0.2, 1, 0, 0.7])),
    "labels": (jb.losses.softmax_cross_entropy, lambda: jnp.array(2)),
    "distribution": (jb.losses.softmax_cross_entropy, lambda: jnp.array([0.1, 0.2, 0.3, 0.4])),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("at", ["generic", "zero", "large"])
def test_losses(name, at):
    loss, target = LOSSES[name]
    z = {"generic": generic(4), "zero": jnp.zeros(4), "large": 15 * generic(4)}[at]
    check(lambda z: loss(z, target()), z)


LAYERS = {
    "dense": (jb.dense(3), (4,)),
    "conv": (jb.conv(2, 3, stride=2), (5, 5, 2)),
    "conv 1-D": (jb.conv(2, (3,), padding="VALID"), (5, 2)),
    "max_pool": (jb.max_pool(2), (4, 4, 2)),
    "avg_pool": (jb.avg_pool(3, stride=2, padding="SAME"), (5, 5, 2)),
    "flatten": (jb.flatten(), (2, 3)),
    "layer_norm": (jb.layer_norm(), (2, 5)),
    "elementwise": (jb.elementwise(jnp.tanh), (5,)),
    "residual": (jb.residual(jb.serial(jb.dense(4), jb.elementwise(jax.nn.silu))), (4,)),
    "parallel": (jb.parallel(jb.dense(2), jb.dense(3)), (4,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    layer, shape = LAYERS[name]
    x = generic(*shape)
    params = jax.tree.map(lambda p: p + 0.1, layer.init(new_key(), x))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} <= {jnp.dtype("float64")}
    check(layer.apply, params, x)


def test_embed():
    layer, tokens = jb.embed(5, 3), jnp.array([4, 0, 4])
    table = {"table": generic(5, 3)}
    check(lambda p: jnp.sum(jnp.sin(layer.apply(p, tokens))), table)


@pytest.mark.slow
def test_dropout_under_a_key():
    check(lambda x: jb.dropout(0.3).apply((), x, key=new_key()), generic(20))


@pytest.mark.parametrize("loss", [jb.losses.half_mse, jb.losses.softmax_cross_entropy])
@pytest.mark.slow
def test_energy_of_predictive_coding(loss):
    net = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(3))
    x = generic(5, 2)
    params = net.init(new_key(), x[0])
    y = generic(5, 3, seed=2) if loss is jb.losses.half_mse else jnp.arange(5) % 3
    latents = [generic(5, 4, seed=3), generic(5, 3, seed=4)]

    def energy(params, latents):
        model = nudged(forward_pass(net, params, x), loss, y, 0.3)
        return jnp.sum(energies(model, params, latents))

    check(energy, params, latents)


def test_the_check_sees_a_wrong_gradient():
    @jax.custom_vjp
    def wrong(x):
        return jnp.sum(x**2)

    wrong.defvjp(lambda x: (wrong(x), x), lambda x, g: (2.001 * x * g,))
    with pytest.raises(AssertionError):
        check_grads(wrong, (generic(4),), order=1, modes=("rev",), atol=1e-6, rtol=1e-6)
