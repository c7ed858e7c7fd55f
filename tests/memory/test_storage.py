"""Storage rules against their formulas in NumPy and their capacities."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory import Storage, outer_product, pseudo_inverse, storkey

pytestmark = pytest.mark.x64

RULES = {"outer_product": outer_product, "storkey": storkey, "pseudo_inverse": pseudo_inverse}
rules = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def draw(count, n, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], (count, n))


def storkey_by_hand(patterns, counts_own=False):
    """The three sums of the paper as loops; `counts_own` keeps the terms that it leaves out."""
    n = patterns.shape[1]
    w = np.zeros((n, n))
    for x in patterns:
        h = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                h[i, j] = sum(w[i, k] * x[k] for k in range(n) if counts_own or k not in (i, j))
        for i in range(n):
            for j in range(n):
                # all h are those of the weights before this pattern
                w[i, j] += (x[i] * x[j] - x[i] * h[j, i] - h[i, j] * x[j]) / n
    return w


def fixed_points(weights, patterns, diagonal):
    """The share of patterns that no unit would leave."""
    weights = np.array(weights)
    if not diagonal:
        np.fill_diagonal(weights, 0)
    return np.mean(np.all((patterns @ weights) * patterns > 0, axis=1))


def held(rule, load, *, diagonal=False, n=200, trials=8):
    store = jax.jit(rule)
    shares = []
    for seed in range(trials):
        patterns = draw(round(load * n), n, seed)
        shares.append(fixed_points(store(patterns), patterns, diagonal))
    return np.mean(shares)


def test_outer_product_is_its_sum():
    x = draw(5, 9)
    want = sum(np.outer(p, p) for p in x) / 9
    np.testing.assert_allclose(outer_product(x), want - np.diag(np.diag(want)), atol=1e-15)


def test_storkey_is_the_papers_equation():
    x = draw(6, 9)
    np.testing.assert_allclose(storkey(x), storkey_by_hand(x), atol=1e-14)
    assert np.abs(storkey(x) - storkey_by_hand(x, counts_own=True)).max() > 0.01
    assert np.abs(storkey(x) - storkey(x[::-1])).max() > 0.01, "the order should matter"


@pytest.mark.parametrize("load", [0.25, 0.75, 0.995])
def test_pseudo_inverse_projects(load):
    x = draw(round(200 * load), 200)
    w = np.array(pseudo_inverse(x))
    np.testing.assert_allclose(x @ w, x, atol=1e-6)
    np.testing.assert_allclose(w, np.linalg.pinv(x) @ x, atol=1e-8)
    np.testing.assert_allclose(np.trace(w), len(x), rtol=1e-9)
    assert fixed_points(w, x, diagonal=False) == 1
    assert np.abs(x @ np.array(outer_product(x)) - x).max() > 0.1


def test_pseudo_inverse_in_single_precision():
    with jax.enable_x64(False):
        x = draw(190, 200).astype(np.float32)
        w = pseudo_inverse(x)
        assert w.dtype == jnp.float32
        np.testing.assert_allclose(x @ np.array(w), x, atol=1e-4)


@rules
def test_adding_one_by_one_is_storing(rule):
    memory, x = jb.memory.hopfield(storage=rule), draw(6, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = memory.store(x[:1])
    for pattern in x[1:]:
        weights = memory.add(weights, pattern)
    np.testing.assert_allclose(weights, rule(x), atol=1e-12)
    assert np.abs(weights - rule(x[:5])).max() > 1e-3


def test_adding_a_stored_pattern_to_the_projection_changes_nothing():
    x = draw(20, 60)
    weights = pseudo_inverse(x)
    again = jb.memory.add_pseudo_inverse(weights, -x[3])
    np.testing.assert_allclose(again, weights, atol=1e-12)
    with jax.enable_x64(False):
        weights = pseudo_inverse(x.astype(np.float32))
        again = jb.memory.add_pseudo_inverse(weights, x[3].astype(np.float32))
        np.testing.assert_allclose(again, weights, atol=1e-5)


def test_outer_product_has_the_capacity_of_mceliece():
    """n / (2 ln n) = 19 of 200: below it nearly all patterns are fixed points, above it few."""
    assert abs(held(outer_product, 0.1) - 0.895) < 0.05
    assert abs(held(outer_product, 0.2) - 0.16) < 0.07


@pytest.mark.slow
def test_storkey_holds_more_than_outer_product():
    assert held(storkey, 0.2) > 0.995 and held(outer_product, 0.2) < 0.25
    assert held(storkey, 0.25) >= 0.99
    assert held(storkey, 0.4, diagonal=True) > 0.98
    assert abs(held(storkey, 0.4) - 0.83) < 0.05


@rules
def test_integers_and_halves_are_stored(rule):
    x = draw(3, 10)
    np.testing.assert_allclose(rule(x.astype(int)), rule(x), atol=1e-12)


@rules
def test_other_values_are_refused(rule):
    with pytest.raises(ValueError, match=r"patterns must hold only \+1 and -1, got 0"):
        rule(np.eye(4))
    with pytest.raises(ValueError, match="patterns must have the shape"):
        rule(np.ones(4))
    memory = jb.memory.hopfield(storage=rule)
    with pytest.raises(ValueError, match=r"pattern must have the shape \(4,\)"):
        memory.add(jnp.zeros((4, 4)), np.ones(5))
    with pytest.raises(ValueError, match="pattern must hold"):
        memory.add(jnp.zeros((4, 4)), np.zeros(4))


def test_dependent_patterns_are_refused():
    x = draw(6, 40)
    for row in (x[1], -x[2]):
        with pytest.raises(ValueError, match=r"patterns\[6\] is a combination of those before it"):
            pseudo_inverse(np.vstack([x, row]))
        with jax.enable_x64(False), pytest.raises(ValueError, match=r"patterns\[6\]"):
            pseudo_inverse(np.vstack([x, row]).astype(np.float32))
    with pytest.raises(ValueError, match="got 41 of 40 units; store at most 40"):
        jax.jit(pseudo_inverse)(draw(41, 40))
    assert np.all(np.isfinite(jax.jit(pseudo_inverse)(np.vstack([x, x[:1]]))))


@pytest.mark.parametrize(
    "rule, limit", [(outer_product, 28), (storkey, 61)], ids=["outer_product", "storkey"]
)
def test_overload_warns_with_the_capacity(rule, limit):
    memory = jb.memory.hopfield(storage=rule)
    with pytest.warns(UserWarning, match=f"about {limit} random patterns in 200 units") as w:
        memory.store(draw(limit + 1, 200))
    assert w[0].filename == __file__
    with pytest.warns(UserWarning, match="graded_hopfield"):
        jb.memory.graded_hopfield(storage=rule).store(draw(limit + 1, 200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory.store(draw(limit - 1, 200))


def test_a_rule_of_your_own():
    x = draw(4, 20)
    memory = jb.memory.hopfield(storage=lambda patterns: outer_product(patterns))
    assert memory.add is None
    np.testing.assert_allclose(memory.store(x), outer_product(x))
    mine = Storage(outer_product, lambda weights, pattern: 2 * weights, lambda n: 3)
    memory = jb.memory.hopfield(storage=mine)
    assert float(memory.add(jnp.ones((1, 1)), jnp.ones(1))[0, 0]) == 2
    with pytest.warns(UserWarning, match="outer_product stores about 3 random patterns"):
        memory.store(x)
    with pytest.raises(TypeError, match="storage must be a function"):
        jb.memory.hopfield(storage="outer_product")
