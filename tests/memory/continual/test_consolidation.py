"""Elastic weights and synaptic intelligence: their equations, and the identities that tie them."""

import functools
import itertools
from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.memory import (
    consolidate,
    consolidate_online,
    elastic_penalty,
    empty_anchor,
    end_task,
    fisher,
    full_elastic_penalty,
    full_fisher,
    synaptic_intelligence,
    with_penalty,
)
from tests.theory import CE, HALF, distance, mlp, problem

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)
new_key = partial(jax.random.key, 2)


@functools.cache
def generic():
    return problem(NET, CE)


def trees(like, n, seed=0, *, positive=False):
    """Generic trees in the structure of another."""
    rng, leaves = np.random.default_rng(seed), jax.tree.leaves(like)
    draws = [[rng.normal(size=leaf.shape) for leaf in leaves] for _ in range(n)]
    made = [[jnp.asarray(a**2 if positive else a) for a in draw] for draw in draws]
    return [jax.tree.unflatten(jax.tree.structure(like), draw) for draw in made]


def spring(params, center, importance):
    pairs = zip(*map(jax.tree.leaves, (params, center, importance)), strict=True)
    return sum(0.5 * np.sum(np.asarray(f) * (np.asarray(p) - m) ** 2) for p, m, f in pairs)


@pytest.mark.slow
def test_one_anchor_is_the_sum_of_the_penalties_of_all_tasks():
    params = generic()[0]
    centers, importances = trees(params, 3, 1), trees(params, 3, 2, positive=True)
    importances[0][0]["kernel"] = jnp.zeros_like(importances[0][0]["kernel"])  # did not matter
    importances[1][0]["kernel"] = importances[1][0]["kernel"].at[0].set(0)
    anchor = empty_anchor(params)
    assert float(elastic_penalty(anchor)(centers[0])) == 0
    for center, importance in zip(centers, importances, strict=True):
        anchor = consolidate(anchor, center, importance)
    penalty = elastic_penalty(anchor, strength=0.7)
    for at in trees(params, 3, 3):
        want = 0.7 * sum(spring(at, *pair) for pair in zip(centers, importances, strict=True))
        np.testing.assert_allclose(penalty(at), want, rtol=1e-12)
        assert abs(want - 0.7 * spring(at, centers[-1], importances[-1])) > 0.1 * want


def test_the_online_anchor_is_the_newest_and_old_importance_fades():
    params = generic()[0]
    centers, importances = trees(params, 3, 1), trees(params, 3, 2, positive=True)
    anchor = empty_anchor(params)
    for center, importance in zip(centers, importances, strict=True):
        anchor = consolidate_online(anchor, center, importance, decay=0.6)
    faded = jax.tree.map(lambda a, b, c: 0.36 * a + 0.6 * b + c, *importances)
    at = trees(params, 1, 3)[0]
    np.testing.assert_allclose(
        elastic_penalty(anchor)(at), spring(at, centers[-1], faded), rtol=1e-12
    )
    assert distance(anchor.importance, jax.tree.map(lambda *f: sum(f), *importances)) > 0.1


@pytest.mark.parametrize("make", [jb.backprop, jb.feedback_alignment])
def test_a_penalised_rule_adds_value_and_gradient(make):
    params, x, y = generic()
    center, importance = trees(params, 1, 1)[0], trees(params, 1, 2, positive=True)[0]
    anchor, rule = consolidate(empty_anchor(params), center, importance), make(NET, CE)
    both = with_penalty(rule, elastic_penalty(anchor, strength=3.0))
    state = rule.init(new_key(), params, x[0])
    loss, grads, after = jax.jit(rule.grads)(params, state, x, y)
    found = jax.jit(both.grads)(params, both.init(new_key(), params, x[0]), x, y)
    np.testing.assert_allclose(found[0], loss + 3 * spring(params, center, importance), rtol=1e-12)
    want = jax.tree.map(lambda g, f, p, m: g + 3.0 * f * (p - m), grads, importance, params, center)
    assert distance(found[1], want) < 1e-12
    assert distance(found[1], grads) > 0.5
    assert jax.tree.structure(found[2]) == jax.tree.structure(after)
    assert repr(both) == f"with_penalty({make.__name__})"


@pytest.mark.slow
def test_full_fisher_elastic_weights_are_the_joint_solution():
    """Linear network, Gaussian output: tasks one after another end where all at once do."""
    rng = np.random.default_rng(0)
    net = jb.serial(jb.dense(2))
    sizes, like = (9, 14, 11), [{"kernel": jnp.zeros((3, 2)), "bias": jnp.zeros(2)}]
    tasks = [(rng.normal(size=(n, 3)), rng.normal(size=(n, 2))) for n in sizes]
    tasks = [(jnp.asarray(x * (i + 1)), jnp.asarray(y + i)) for i, (x, y) in enumerate(tasks)]
    flat, unravel = jax.flatten_util.ravel_pytree(tuple(like))
    rule = jb.backprop(net, HALF)

    def solve(rule, x, y):
        """The minimum of a quadratic: one step of Newton, from anywhere."""
        loss = lambda f: rule.grads(unravel(f), (), x, y)[0]  # noqa: E731
        return unravel(flat - jnp.linalg.solve(jax.hessian(loss)(flat), jax.grad(loss)(flat)))

    def joint(upto):
        x, y = (np.concatenate(part) for part in zip(*tasks[:upto], strict=True))
        found = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)[0]
        return ({"bias": found[3], "kernel": found[:3]},)

    def one_after_another(matrix, bayes=1.0):
        params, information, seen = solve(rule, *tasks[0]), 0, 0
        for old, (x, y) in itertools.pairwise(tasks):
            information = information + len(old[0]) * matrix(params, old[0])
            penalty = full_elastic_penalty(params, information, strength=bayes / len(x))
            params, seen = solve(with_penalty(rule, penalty), x, y), seen + 1
        assert seen == 2
        return params

    exact = one_after_another(lambda p, x: full_fisher(net, HALF, p, x))
    assert distance(exact, joint(3)) < 1e-12

    def diagonal(p, x):
        return jnp.diag(jax.flatten_util.ravel_pytree(fisher(net, HALF, p, x))[0])

    assert distance(one_after_another(diagonal), joint(3)) > 1e-2
    other_scale = one_after_another(lambda p, x: full_fisher(net, HALF, p, x), bayes=2.0)
    assert distance(other_scale, joint(3)) > 1e-2


def test_bayes_strength_is_the_ratio_of_the_sizes():
    """With inputs that do not overlap the diagonal is exact: strength = old / new examples."""
    net = jb.dense(1, bias_init=None)
    (xa, _), (xb, yb) = ((2 * np.ones((n, 1)), np.full((n, 1), t)) for n, t in ((30, 1.0), (10, 5)))
    at = {"kernel": jnp.array([[0.5]])}  # the solution of the first task
    anchor = consolidate(empty_anchor(at), at, fisher(net, HALF, at, xa))
    joint = {"kernel": jnp.array([[(30 * 1.0 + 10 * 5.0) / 40 / 2]])}
    for strength, exact in ((30 / 10, True), (1.0, False)):
        rule = with_penalty(jb.backprop(net, HALF), elastic_penalty(anchor, strength=strength))
        slope = float(rule.grads(joint, (), xb, yb)[1]["kernel"][0, 0])
        assert (abs(slope) < 1e-12) == exact


def test_tasks_and_strengths_compile_once():
    params, x, y = generic()
    traced, rule = [], jb.backprop(NET, CE)
    inner = rule.grads

    def grads(params, state, x, y, *, key=None):
        traced.append(None)
        return inner(params, state, x, y, key=key)

    rule, optimizer, anchor, counts = rule._replace(grads=grads), optax.sgd(0.1), None, []
    state = None
    anchor = empty_anchor(params)
    for strength in (1.0, 5.0, 25.0):
        held = with_penalty(rule, elastic_penalty(anchor, strength=strength))
        state, history = jb.fit(
            held, optimizer, (x, y), key=new_key(), epochs=2, batch_size=None, state=state
        )
        anchor = consolidate(anchor, state.params, fisher(NET, CE, state.params, x))
        counts.append(len(traced))
    assert counts[0] == counts[1] == counts[2]
    assert np.all(np.isfinite(history.loss))


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
def test_the_paths_sum_to_the_loss_that_was_lost(inner):
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
    total, drop, _ = descend(synaptic_intelligence(optax.sgd(12.0)), 2)  # it leaps: no path
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
    worse = state._replace(path=jnp.full(20, -1e3))  # what made the loss worse is not pushed away
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


def test_bad_input():
    params = {"w": jnp.ones(3)}
    anchor = empty_anchor(params)
    with pytest.raises(ValueError, match="hold: importance must have the structure"):
        consolidate(anchor, params, {"w": jnp.ones(2)})
    with pytest.raises(ValueError, match="consolidate_online: params must have the structure"):
        consolidate_online(anchor, {"v": jnp.ones(3)}, params)
    with pytest.raises(ValueError, match="decay must be from 0 to 1, got 2"):
        consolidate_online(anchor, params, params, decay=2)
    with pytest.raises(ValueError, match="strength must not be negative, got -1"):
        elastic_penalty(anchor, strength=-1)
    with pytest.raises(ValueError, match=r"importance must be \(3, 3\), for 3 parameters"):
        full_elastic_penalty(params, jnp.eye(2))
    with pytest.raises(TypeError, match="rule must be a LearningRule, got Network"):
        with_penalty(NET, elastic_penalty(anchor))
    optimizer = synaptic_intelligence(optax.sgd(0.1))
    with pytest.raises(ValueError, match="needs the weights"):
        optimizer.update(params, optimizer.init(params))
    with pytest.raises(TypeError, match="state must be a SynapticState, got tuple"):
        end_task((), params)
    with pytest.raises(ValueError, match="damping must be positive, got 0"):
        end_task(optimizer.init(params), params, damping=0)
