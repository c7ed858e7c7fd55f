"""Synaptic intelligence against its equations and the reduction of the loss."""

import functools
from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.memory import (
    end_task,
    synaptic_intelligence,
)
from tests.theory import CE, distance, mlp, problem

pytestmark = pytest.mark.x64


NET = mlp(jnp.tanh)


new_key = partial(jax.random.key, 2)


@functools.cache
def generic():
    return problem(NET, CE)


def descend(optimizer, steps):
    params, x, y = generic()
    rule = jb.backprop(NET, CE)
    state = jb.init_state(rule, optimizer, x[0], key=new_key(), params=params)
    run = jax.jit(lambda s: jb.run(rule, optimizer, (x, y), key=new_key(), epochs=steps,
                                   batch_size=None, state=s))  # fmt: skip
    state, history = run(state)
    last = jb.evaluate(NET, state.params, (x, y), {"loss": CE})["loss"]
    total = sum(float(jnp.sum(w)) for w in jax.tree.leaves(state.opt_state.path))
    return total, float(history.loss[0] - last), state


@pytest.mark.parametrize("inner", [optax.sgd, optax.adam], ids=["sgd", "adam"])
@pytest.mark.slow
def test_the_paths_sum_to_the_reduction_of_the_loss(inner):
    """Over one stretch of time, in more and smaller steps: the error falls with the step."""
    size = 0.4 if inner is optax.sgd else 0.02
    errors = []
    for refine in (1, 4, 16):
        total, drop, _ = descend(synaptic_intelligence(inner(size / refine)), 20 * refine)
        assert drop > 0.1
        errors.append(abs(total / drop - 1))
    assert errors[2] < 0.01 if inner is optax.sgd else errors[2] < 0.05
    rates = np.divide(errors[:-1], errors[1:])
    if inner is optax.sgd:  # adam's own time constants are in steps
        assert np.all((rates > 3.2) & (rates < 5)), rates
    total, drop, _ = descend(
        synaptic_intelligence(optax.sgd(12.0)), 2
    )  # steps too large for an integral
    assert abs(total / drop - 1) > 0.2


def test_synaptic_intelligence_is_its_equations():
    rng, rate, c, xi = np.random.default_rng(0), 0.1, 0.3, 0.05
    optimizer = synaptic_intelligence(optax.sgd(rate, momentum=0.9), strength=c)
    theta = rng.normal(size=20)
    state, params = optimizer.init(jnp.asarray(theta)), jnp.asarray(theta)
    importance, anchor, velocity = np.zeros(20), theta.copy(), np.zeros(20)
    update = jax.jit(optimizer.update)
    for _task in range(3):
        path = np.zeros(20)
        for _step in range(5):
            g = rng.normal(size=20)
            velocity = 0.9 * velocity + g + 2 * c * importance * (theta - anchor)
            path -= g * (-rate * velocity)
            theta = theta - rate * velocity
            updates, state = update(jnp.asarray(g), state, params)
            params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params, theta, rtol=1e-12)
        np.testing.assert_allclose(state.path, path, rtol=1e-12)
        importance = np.maximum(0, importance + path / ((theta - anchor) ** 2 + xi))
        anchor = theta.copy()
        state = end_task(state, params, damping=xi)
        np.testing.assert_allclose(state.importance, importance, rtol=1e-12)
        np.testing.assert_array_equal(state.path, 0)
    assert np.all(importance > 0)
    worse = state._replace(path=jnp.full(20, -1e3))  # importance is never negative
    np.testing.assert_array_equal(end_task(worse, params).importance, 0)


@pytest.mark.slow
def test_synaptic_intelligence_trains_over_tasks_and_strengths():
    """A vmap over the strength; more of it moves the important weights less, none is sgd."""
    params, x, y = generic()
    rule = jb.backprop(NET, CE)

    def two_tasks(strength):
        optimizer = synaptic_intelligence(optax.sgd(0.3), strength=strength)
        state = jb.init_state(rule, optimizer, x[0], key=new_key(), params=params)
        options = {"key": new_key(), "epochs": 10, "batch_size": None}
        state, _ = jb.run(rule, optimizer, (x, y), state=state, **options)
        first = state.params
        state = state._replace(opt_state=end_task(state.opt_state, state.params))
        importance = state.opt_state.importance
        state, _ = jb.run(rule, optimizer, (-x, (y + 1) % 3), state=state, **options)
        moved = jax.tree.map(lambda f, a, b: jnp.sum(f * (a - b) ** 2), importance,
                             state.params, first)  # fmt: skip
        return sum(jax.tree.leaves(moved)), state.params

    moved, ends = jax.jit(jax.vmap(two_tasks))(jnp.array([0.0, 0.03, 0.1]))
    assert moved[0] > 1.05 * moved[1] > 1.1 * moved[2]
    plain = jb.init_state(rule, optax.sgd(0.3), x[0], key=new_key(), params=params)
    for data in ((x, y), (-x, (y + 1) % 3)):
        plain, _ = jax.jit(lambda s, d: jb.run(rule, optax.sgd(0.3), d, key=new_key(), epochs=10,
                                               batch_size=None, state=s))(plain, data)  # fmt: skip
    assert distance(jax.tree.map(lambda a: a[0], ends), plain.params) < 1e-12


def test_wrong_arguments_are_refused():
    params = {"w": jnp.ones(3)}
    optimizer = synaptic_intelligence(optax.sgd(0.1))
    with pytest.raises(ValueError, match="needs the weights"):
        optimizer.update(params, optimizer.init(params))
    with pytest.raises(TypeError, match="state must be a SynapticState, got a tuple"):
        end_task((), params)
    with pytest.raises(ValueError, match="damping must be positive, got 0"):
        end_task(optimizer.init(params), params, damping=0)
