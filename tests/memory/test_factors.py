"""Weights as factors against the same weights as a matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory import asynchronous, heat_bath, hopfield, local_fields, synchronous

pytestmark = pytest.mark.x64

UNITS, CUES = 70, 40  # not a multiple of the units of a block
RULES = {
    "outer_product": (jb.memory.outer_product, jb.memory.outer_product_factors),
    "pseudo_inverse": (jb.memory.pseudo_inverse, jb.memory.pseudo_inverse_factors),
}
UPDATES = {"asynchronous": asynchronous, "synchronous": synchronous, "heat_bath": heat_bath(0.3)}
rules = pytest.mark.parametrize("rule", RULES)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def cues_of(patterns):
    """Noisy copies, some with unknown bits."""
    cues = patterns[np.arange(CUES) % len(patterns)] * np.where(
        np.random.default_rng(1).random((CUES, patterns.shape[1])) < 0.15, -1, 1
    )
    cues[::4, :20] = 0
    return cues


@rules
def test_factors_are_the_matrix(rule):
    """The fields of all units alone are the matrix, with any part of the diagonal."""
    store, factored = RULES[rule]
    x, s = draw(5, 12), draw(12, seed=1)
    made = factored(x)
    np.testing.assert_allclose(
        jax.vmap(local_fields, (None, 0))(made, np.eye(12)), store(x), atol=1e-14
    )
    assert made.shape == (12, 12) and made.dtype == store(x).dtype
    assert np.abs(local_fields(made, s) - s @ jb.memory.storkey(x)).max() > 0.01
    for part in (0.0, 0.3, 1.0):
        energy = hopfield(self_coupling=part).energy
        np.testing.assert_allclose(energy(made, s), energy(store(x), s), rtol=1e-12)
    graded = jb.memory.graded_hopfield().energy
    np.testing.assert_allclose(graded(made, s / 2), graded(store(x), s / 2), rtol=1e-12)


@rules
def test_adding_to_factors_is_adding_to_the_matrix(rule):
    matrix, factors = (hopfield(storage=storage) for storage in RULES[rule])
    x, s = draw(6, 60), draw(60, seed=1)
    params, made = matrix.store(x[:4]), factors.store(x[:4])
    for pattern in x[4:]:
        params, made = matrix.add(params, pattern), factors.add(made, pattern)
    assert made.rows.shape == (6, 60)
    np.testing.assert_allclose(local_fields(made, s), s @ params, atol=1e-12)
    np.testing.assert_allclose(factors.energy(made, s), matrix.energy(params, s), rtol=1e-12)
    assert np.abs(local_fields(made, s) - s @ matrix.store(x[:5])).max() > 0.01
    np.testing.assert_allclose(made.squares, jnp.sum(made.rows**2, axis=0), atol=1e-12)
    again = factors.add(made, -x[1])
    np.testing.assert_allclose(local_fields(again, s), s @ matrix.add(params, -x[1]), atol=1e-12)


@pytest.mark.parametrize("update", UPDATES)
def test_recall_by_factors_is_recall_by_the_matrix(update):
    """States, sweeps, convergence and energy; also overloaded, where many units change."""
    change, moved = UPDATES[update], 0
    recall = jax.jit(jax.vmap(change, (None, 0, None, None)), static_argnums=3)
    for rule, (store, factored) in RULES.items():
        x = draw(16, UNITS, seed=len(rule))
        cues = cues_of(x)
        want, found, other = (
            recall(weights, cues, jax.random.key(3), 6)
            for weights in (store(x), factored(x), factored(x[::-1] * draw(UNITS)))
        )
        np.testing.assert_array_equal(found.state, want.state)
        np.testing.assert_array_equal(found.steps, want.steps)
        np.testing.assert_array_equal(found.converged, want.converged)
        np.testing.assert_allclose(found.field, want.field, atol=1e-12)
        moved += np.sum(found.state != cues)
        assert np.mean(other.state == want.state) < 0.9
    assert moved > 500


def test_ties_and_limits_are_those_of_the_matrix_in_single_precision():
    """Fields of zero keep the state; a recall may end before it is at rest."""
    with jax.enable_x64(False):
        x = draw(4, 30).astype(np.float32)
        cues = draw(200, 30, seed=2).astype(np.float32)
        memories = [hopfield(storage=s, max_steps=2) for s in RULES["outer_product"]]
        want, found = (jax.jit(jax.vmap(m.recall, (None, 0)))(m.store(x), cues) for m in memories)
        np.testing.assert_array_equal(found[0], want[0])
        np.testing.assert_array_equal(found[1].steps, want[1].steps)
        np.testing.assert_array_equal(found[1].converged, want[1].converged)
        np.testing.assert_allclose(found[1].energy, want[1].energy, rtol=1e-5)
        fields = jax.vmap(local_fields, (None, 0))(memories[1].store(x), found[0])
        assert found[0].dtype == jnp.float32 and np.any(np.array(fields) == 0)
        assert not np.all(found[1].converged) and np.any(found[1].converged)
        assert np.any(np.sign(fields) != found[0])  # without ties the states would differ


def test_overload_is_said_and_dependent_patterns_are_refused():
    with pytest.warns(UserWarning, match="outer_product_factors stores about 3 random patterns"):
        hopfield(storage=jb.memory.outer_product_factors).store(draw(6, 20))
    with pytest.raises(ValueError, match="linearly independent"):
        jb.memory.pseudo_inverse_factors(np.ones((2, 6)))
    with pytest.raises(ValueError, match=r"pattern must have the shape \(6,\)"):
        jb.memory.add_outer_product_factors(
            jb.memory.outer_product_factors(np.ones((1, 6))), np.ones(5)
        )
