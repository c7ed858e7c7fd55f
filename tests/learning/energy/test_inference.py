"""Inference of predictive coding: blocks of a chain, the shortcut of the first step, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning.energy.descent import fixed_step
from jaxbrain.learning.energy.inference import Steps, energies, forward_pass, relax
from jaxbrain.learning.energy.predictive import nudged
from jaxbrain.learning.energy.predictive_clamped import clamped
from tests.learning.energy.equations import learn
from tests.theory import CE, HALF, distance, mlp, problem

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)


def test_a_forward_pass_has_no_prediction_errors():
    """A block is a layer with weights, its activations, and what is before the first weights."""
    net = jb.serial(jb.flatten(), *NET.layers)
    params, x, y = problem(net, HALF, shape=(2, 2))
    forward = forward_pass(net, params, x)
    assert [a.shape for a in forward.outputs] == [(7, 6), (7, 5), (7, 3)]
    np.testing.assert_allclose(forward.outputs[-1], jb.batch(net).apply(params, x), rtol=1e-12)
    middle = forward.blocks[1](params, forward.outputs[0])
    np.testing.assert_allclose(middle, forward.outputs[1], rtol=1e-12)
    model = nudged(forward, HALF, y, 0.3)
    top = 0.3 * jax.vmap(HALF)(forward.outputs[-1], y)
    np.testing.assert_allclose(energies(model, params, model.start), top, rtol=1e-12)


def test_layers_before_the_first_weights_change_nothing():
    net = jb.serial(jb.flatten(), *NET.layers)
    params, x, y = problem(net, HALF, shape=(2, 2))
    rule = jb.learning.clamped_predictive_coding
    grads = learn(rule(net, HALF, steps=4), params, x, y)[0]
    flat = learn(rule(NET, HALF, steps=4), params[1:], x.reshape(7, 4), y)[0]
    assert grads[0] == () and distance(grads[1:], flat) == 0


@pytest.mark.parametrize("make", [nudged, clamped])
def test_the_first_step_moves_the_last_activities_only(make):
    """The forces are carried: those of the end are the gradient of the energy there."""
    params, x, y = problem(NET, CE)
    options = {"nudge": 0.4} if make is nudged else {}

    def run(count):
        model = make(forward_pass(NET, params, x), CE, y, **options)
        z, force = relax(model, params, Steps(count, 0.2, fixed_step))
        return z, force, jax.grad(lambda z: jnp.sum(energies(model, params, z)))(z)

    _, force, expected = jax.jit(run)(3)
    assert distance(force, expected) < 1e-13 < distance(force[0], 0 * force[0])
    moved, force, expected = jax.jit(run)(1)
    assert distance(force, expected) < 1e-13
    start = forward_pass(NET, params, x).outputs[: len(moved)]
    assert distance(moved[:-1], start[:-1]) < 1e-14 < 0.01 < distance(moved[-1], start[-1])
