"""Elastic penalties against their equations and the joint solution of all tasks."""

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
    fisher,
    full_elastic_penalty,
    full_fisher,
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
    importances[0][0]["kernel"] = jnp.zeros_like(importances[0][0]["kernel"])  # of no importance
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


def test_one_anchor_is_the_sum_of_two_penalties():
    """By hand, with a weight that matters for one task and one that matters for none."""
    centers = np.array([[1.0, -2.0, 0.5], [3.0, 1.0, -1.0]])
    importances = np.array([[2.0, 0.0, 0.0], [1.0, 4.0, 0.0]])
    at, anchor = np.array([0.3, 0.7, 5.0]), empty_anchor(jnp.zeros(3))
    for center, importance in zip(centers, importances, strict=True):
        anchor = consolidate(anchor, jnp.asarray(center), jnp.asarray(importance))
    want = 0.7 * 0.5 * np.sum(importances * (at - centers) ** 2)
    assert float(elastic_penalty(anchor, strength=0.7)(jnp.asarray(at))) == pytest.approx(want)
    np.testing.assert_allclose(anchor.importance, [3, 4, 0])
    np.testing.assert_allclose(anchor.params[:2], [5 / 3, 1])
    assert float(anchor.offset) == pytest.approx(0.5 * (2 * (5 / 3 - 1) ** 2 + (5 / 3 - 3) ** 2))


def test_the_online_anchor_is_the_newest_and_old_importance_fades():
    params = generic()[0]
    centers, importances = trees(params, 3, 1), trees(params, 3, 2, positive=True)
    anchor = empty_anchor(params)
    for center, importance in zip(centers, importances, strict=True):
        anchor = consolidate_online(anchor, center, importance, retention=0.6)
    faded = jax.tree.map(lambda a, b, c: 0.36 * a + 0.6 * b + c, *importances)
    at = trees(params, 1, 3)[0]
    np.testing.assert_allclose(
        elastic_penalty(anchor)(at), spring(at, centers[-1], faded), rtol=1e-12
    )
    assert distance(anchor.importance, jax.tree.map(lambda *f: sum(f), *importances)) > 0.1


@pytest.mark.parametrize("make", [jb.backprop, jb.feedback_alignment])
def test_with_penalty_adds_value_and_gradient(make):
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


@pytest.mark.slow
def test_full_fisher_elastic_weights_are_the_joint_solution():
    """Linear network, Gaussian output: sequential tasks end at the solution of all tasks."""
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


CALLS = []


def counted(x):
    """tanh; Python calls it only while tracing."""
    CALLS.append(1)
    return jnp.tanh(x)


def fit_from(params, penalty):
    """Everything new but equal; number of calls of `counted`, and the params at the end."""
    CALLS.clear()
    rule = with_penalty(jb.backprop(mlp(counted), CE), penalty)
    _, x, y = generic()
    state = jb.init_state(rule, optax.sgd(0.1), x[0], key=new_key(), params=params)
    options = {"key": new_key(), "epochs": 2, "batch_size": None}
    state, _ = jb.fit(rule, optax.sgd(0.1), (x, y), state=state, **options)
    return len(CALLS), jax.flatten_util.ravel_pytree(state.params)[0]


def diagonal_penalties(params):
    empty, centers = empty_anchor(params), trees(params, 2, 1)
    importances = trees(params, 2, 2, positive=True)
    first, second = map(partial(consolidate, empty), centers, importances)
    return elastic_penalty(first), elastic_penalty(second), elastic_penalty(first, strength=0.3)


def full_penalties(params):
    n = jax.flatten_util.ravel_pytree(params)[0].size
    draws, centers = np.random.default_rng(0).normal(size=(2, n, n)) / n, trees(params, 2, 1)
    first, second = zip(centers, draws @ draws.mT, strict=True)
    weaker = full_elastic_penalty(*first, strength=0.3)
    return full_elastic_penalty(*first), full_elastic_penalty(*second), weaker


@pytest.mark.parametrize("penalties", [diagonal_penalties, full_penalties])
def test_another_anchor_or_strength_traces_nothing_and_is_not_the_cached_one(penalties):
    params = generic()[0]
    first, *others = penalties(params)
    calls, end = fit_from(params, first)
    assert calls > 0
    np.testing.assert_array_equal(fit_from(params, first)[1], end)
    for other in others:
        calls, moved = fit_from(params, other)
        assert calls == 0
        assert jnp.max(jnp.abs(moved - end)) > 1e-3


def test_wrong_arguments_are_refused():
    params = {"w": jnp.ones(3)}
    anchor = empty_anchor(params)
    with pytest.raises(ValueError, match="consolidate: importance must have the structure"):
        consolidate(anchor, params, {"w": jnp.ones(2)})
    with pytest.raises(ValueError, match="consolidate_online: params must have the structure"):
        consolidate_online(anchor, {"v": jnp.ones(3)}, params)
    with pytest.raises(ValueError, match="retention must be from 0 to 1, got 2"):
        consolidate_online(anchor, params, params, retention=2)
    with pytest.raises(ValueError, match="strength must not be negative, got -1"):
        elastic_penalty(anchor, strength=-1)
    with pytest.raises(ValueError, match=r"importance must be \(3, 3\), for 3 parameters"):
        full_elastic_penalty(params, jnp.eye(2))
    with pytest.raises(TypeError, match=r"rule must be a LearningRule .*, got .*; choose"):
        with_penalty(NET, elastic_penalty(anchor))
