"""Rules that compare phases: the place of the nudge, shared noise, the residuals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import centered_equilibrium_propagation as centered
from jaxbrain.learning import equilibrium_propagation as one_sided
from jaxbrain.learning import holomorphic_equilibrium_propagation as holomorphic
from jaxbrain.learning.energy.symmetric import activate, feed_forward, sweep, symmetric_system
from jaxbrain.learning.energy.two_phases import Phases, contrast_rule
from tests.learning.energy.equations import learn, mean_loss, mild
from tests.learning.energy.fixed_point import at_the_fixed_point, gaps
from tests.theory import CE, HALF, distance, mlp, problem

pytestmark = pytest.mark.x64

TANH, DENSE, FLAT = jb.elementwise(jnp.tanh), jb.dense(3), jb.flatten()
SATURATED = jb.serial(jb.dense(6), TANH, jb.dense(5), TANH, jb.dense(3), TANH)


def outside(system, beta, start, y):
    """A wrong nudge, added to the output of the nonlinearity."""
    return lambda h, s: activate(system, 2, h) - beta * (s - y)


def biased(net, loss, *, nudge, feedback_gain, steps, nudged_steps):
    system = symmetric_system(net, "biased", feedback_gain)

    def points(key, dtype):
        return jnp.stack([nudge, -nudge]), jnp.array([0.5, -0.5]) / nudge

    return contrast_rule(
        "biased", system, loss, Phases(points, outside), steps, nudged_steps, nudge=nudge
    )


def test_the_nudge_belongs_within_the_nonlinearity():
    sizes = (1e-2, 1e-3)
    inside, bias = gaps(centered, SATURATED, HALF, sizes), gaps(biased, SATURATED, HALF, sizes)
    np.testing.assert_allclose(inside[0] / inside[1], 100, rtol=0.1)
    np.testing.assert_allclose(bias[0], bias[1], rtol=0.05)  # however small the nudge
    assert bias[1] > 0.01 > 1e-3 > inside[0]


def test_dropout_is_the_same_in_every_phase_and_direction():
    net = jb.serial(jb.dense(6), TANH, jb.dropout(0.3), jb.dense(3))
    params, x, y, exact = at_the_fixed_point(net, CE, 0.5, (4,), noise=5)
    rule = centered(net, CE, nudge=1e-3, feedback_gain=0.5, steps=40, nudged_steps=30)
    run = jax.jit(lambda key: rule.grads(params, None, x, y, key=key)[:2])
    value, grads = run(jax.random.key(5))
    assert distance(grads, exact) < 1e-5 < 0.05 < distance(run(jax.random.key(9))[1], exact)
    output = jax.jit(jb.batch(rule.network).apply)(params, x, key=jax.random.key(5))
    np.testing.assert_allclose(value, mean_loss(CE, output, y), rtol=1e-10)


CONV = {
    "noisy": (centered, {"nudge": 1e-3}, [jb.avg_pool(2), jb.dropout(0.3)]),
    "holomorphic": (holomorphic, {"radius": 0.1, "points": 6}, [jb.avg_pool(2)]),
}


@pytest.mark.parametrize("name", CONV)
@pytest.mark.slow
def test_convolutions_learn_the_gradient_at_the_fixed_point(name):
    make, options, pool = CONV[name]
    net = jb.serial(jb.conv(3, 3, stride=2), TANH, *pool, jb.conv(4, 2), TANH, FLAT, DENSE)
    noise = 5 if name == "noisy" else None

    def new_key():
        return None if noise is None else jax.random.key(noise)

    params, x, y, exact = at_the_fixed_point(net, CE, 0.5, (8, 8, 2), noise)
    rule = make(net, CE, feedback_gain=0.5, **options, steps=40, nudged_steps=30)
    run = jax.jit(lambda key: rule.grads(params, None, x, y, key=key)[1])
    assert distance(run(new_key()), exact) < 1e-5
    backprop = jb.backprop(net, CE).grads(params, (), x, y, key=new_key())[1]
    assert distance(backprop, exact) > 0.05  # the feedback matters


def test_the_residual_is_the_change_in_the_last_sweep():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, HALF)
    system = symmetric_system(net, "rule", 0.4)

    def states(a, steps):
        drive, s = feed_forward(system, params, [None] * 5, a)
        for _ in range(steps):
            s = sweep(system, params, [None] * 5, drive, s, lambda h, _: activate(system, 2, h))
        return jnp.concatenate(s)

    both = jax.vmap(lambda a: (states(a, 2), states(a, 3)))
    before, after = jax.jit(both)(x)
    state = learn(one_sided(net, HALF, feedback_gain=0.4, steps=3), params, x, y)[1]
    norm = jnp.linalg.norm
    np.testing.assert_allclose(state.free, norm(after - before) / norm(after), rtol=1e-10)


def test_the_residual_shows_units_without_equilibrium():
    """Linear units with a gain above 1 grow without bound; a lower feedback gain holds them."""
    net = mlp(jax.nn.relu)
    params, x, y = problem(net, HALF)
    params = jax.tree.map(lambda p: 2 * p, params)
    run = jax.jit(lambda g: centered(net, HALF, feedback_gain=g).grads(params, None, x, y)[2])
    assert run(0.01).free < 1e-3 and not run(1.0).free < 0.5


def test_under_a_maximum_units_that_tie_may_not_relax():
    residuals = []
    for pool in (jb.max_pool(2), jb.avg_pool(2)):
        net = jb.serial(jb.conv(3, 3, stride=2), TANH, pool, jb.conv(4, 2), TANH, FLAT, DENSE)
        params, x, y = mild(net, CE, shape=(8, 8, 2), seed=1)
        rule = centered(net, CE, feedback_gain=0.5, steps=30, nudged_steps=20)
        grads, state = learn(rule, params, x, y)
        residuals.append(float(state.free))
        assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(grads))
    assert residuals[0] > 1e-3 > 1e-6 > residuals[1], residuals


@pytest.mark.slow
def test_layers_in_half_precision():
    layers = jb.serial(DENSE, TANH, DENSE).layers
    half = jb.serial(*(jb.with_precision(layer, jnp.bfloat16) for layer in layers))
    params, x, y = problem(jb.serial(*layers), CE)
    params, x = jax.tree.map(lambda a: a.astype("float32"), (params, x))
    exact, coarse = (
        learn(centered(net, CE, feedback_gain=1.0), params, x, y)[0]
        for net in (jb.serial(*layers), half)
    )
    assert 1e-6 < distance(coarse, exact) < 0.2
