"""Capacity curves against the loop that they replace, and against theory."""

import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory import (
    capacity_curve,
    dense_bit_error,
    dense_capacity,
    hopfield,
    hopfield_bit_error,
    hopfield_overlap,
    outer_product,
    pseudo_inverse,
    synchronous,
)

new_key = partial(jax.random.key, 4)


def draw(count, n, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], (count, n)).astype(np.float32)


@pytest.mark.parametrize("load", [0.138, 0.185, 0.37, 0.61])
def test_bit_errors_of_one_step_are_those_of_theory(load):
    """Against one synchronous step, and against that step by hand."""
    n = 1000
    step = hopfield(update=synchronous, max_steps=1)
    curve = capacity_curve(new_key(), step, n, [load], trials=3, probes=200)
    want = float(hopfield_bit_error(curve.loads[0], n=n))
    np.testing.assert_allclose(curve.bit_error.mean(), want, rtol=0.1)
    x = draw(curve.patterns[0], n)
    wrong = np.mean((x @ np.array(outer_product(x))) * x <= 0)
    np.testing.assert_allclose(wrong, want, rtol=0.15)
    assert abs(curve.bit_error.mean() / float(hopfield_bit_error(1.3 * load)) - 1) > 0.1


@pytest.mark.slow
def test_overlap_falls_beyond_the_critical_load():
    curve = capacity_curve(new_key(), hopfield(), 2000, [0.11, 0.18], trials=1, probes=10)
    below, above = curve.overlap.mean(axis=1)
    assert below > 0.97 and above < 0.6
    np.testing.assert_allclose(below, float(hopfield_overlap(0.11)), atol=0.01)


@pytest.mark.slow
def test_pseudo_inverse_recalls_from_a_distance_up_to_half():
    loads = [0.5, 0.75, 0.95]
    curve = capacity_curve(
        new_key(), hopfield(storage=pseudo_inverse), 200, loads, trials=2, probes=12, flips=0.05
    )
    np.testing.assert_allclose(curve.exact.mean(axis=1), [1.0, 0.1, 0.0], atol=0.15)
    still = capacity_curve(
        new_key(), hopfield(storage=pseudo_inverse), 200, [0.95], trials=1, probes=12
    )
    assert still.exact.min() == 1
    coupled = hopfield(storage=pseudo_inverse, self_coupling=1.0)
    assert (
        capacity_curve(new_key(), coupled, 200, [0.5], trials=1, probes=12, flips=0.05).exact.max()
        < 0.1
    )


def test_a_curve_is_the_recall_of_its_patterns():
    """One load, two trials; the first stored patterns are probed in turn."""
    n, count, probes = 12, 5, 7
    step = hopfield(update=synchronous, max_steps=1)
    curve = capacity_curve(new_key(), step, n, [5.4 / 12], trials=2, probes=probes)
    assert curve.patterns.tolist() == [count] and curve.loads.tolist() == [count / n]
    for t, key in enumerate(jax.random.split(jax.random.fold_in(new_key(), 0), 2)):
        x = np.array(jax.random.rademacher(key, (count, n), dtype=jnp.float32))
        w = (x.T @ x - count * np.eye(n)) / n
        sought = x[np.arange(probes) % count]
        field = sought @ w
        wrong = np.where(np.abs(field) < 1e-5, sought, np.sign(field)) != sought
        assert wrong.any() and not wrong.all(axis=1).any()
        np.testing.assert_allclose(curve.bit_error[0, t], wrong.mean(), atol=1e-6)
        np.testing.assert_allclose(curve.overlap[0, t], 1 - 2 * wrong.mean(), atol=1e-6)
        np.testing.assert_allclose(curve.exact[0, t], 1 - wrong.any(1).mean(), atol=1e-6)


@pytest.mark.slow
def test_a_curve_is_the_loop_it_replaces():
    """Also from corrupted cues, and with another key."""
    n, memory = 50, hopfield(update=synchronous)
    curve = capacity_curve(new_key(), memory, n, [0.11, 0.5], trials=3, probes=7, flips=0.1)
    assert curve.patterns.tolist() == [6, 25] and curve.loads.tolist() == [0.12, 0.5]
    assert all(isinstance(part, np.ndarray) for part in curve)
    for i, count in enumerate([6, 25]):
        for t, key in enumerate(jax.random.split(jax.random.fold_in(new_key(), i), 3)):
            x = jax.random.rademacher(key, (count, n), dtype=jnp.float32)
            flip_key, _ = jax.random.split(jax.random.fold_in(key, 1))
            params, sought = outer_product(x), [x[i % count] for i in range(7)]
            flipped = [
                jax.random.permutation(k, jnp.arange(n) < 5) for k in jax.random.split(flip_key, 7)
            ]
            cues = [jnp.where(f, -one, one) for f, one in zip(flipped, sought, strict=True)]
            ends = np.array([memory.recall(params, cue)[0] for cue in cues])
            wrong = ends != np.array(sought)
            np.testing.assert_allclose(curve.bit_error[i, t], wrong.mean(), atol=1e-6)
            np.testing.assert_allclose(curve.overlap[i, t], 1 - 2 * wrong.mean(), atol=1e-6)
            np.testing.assert_allclose(curve.exact[i, t], 1 - wrong.any(1).mean(), atol=1e-6)
    other = capacity_curve(jax.random.key(9), memory, n, [0.5], trials=3, probes=7, flips=0.1)
    assert np.any(other.overlap != curve.overlap[1:])


def test_a_curve_does_not_warn_of_overload():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        capacity_curve(
            new_key(), hopfield(update=synchronous), 50, [0.5], trials=3, probes=7, flips=0.1
        )


OTHERS = {
    "dense": lambda: jb.memory.dense_associative_memory(),
    "modern": lambda: jb.memory.modern_hopfield(beta=1.0),
    "graded": lambda: jb.memory.graded_hopfield(),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_any_memory_of_signs_has_a_curve(make):
    memory = make()
    curve = capacity_curve(new_key(), memory, 60, [0.05], trials=2, probes=3, flips=0.1)
    assert curve.exact.min() == 1 and curve.overlap.min() > 0.95


def test_wrong_arguments_are_refused():
    memory = hopfield()
    with pytest.raises(TypeError, match=r"memory must be a Memory"):
        capacity_curve(new_key(), hopfield, 10, [0.1])
    for wrong in ([], [0.0], [-1]):
        with pytest.raises(ValueError, match="loads must be a list of positive numbers"):
            capacity_curve(new_key(), memory, 10, wrong)
    for wrong in ("n", "trials", "probes"):
        options = {"n": 10, "trials": 1, "probes": 1, wrong: 0}
        n = options.pop("n")
        with pytest.raises(ValueError, match=f"{wrong} must be a positive integer"):
            capacity_curve(new_key(), memory, n, [0.1], **options)
    with pytest.raises(ValueError, match="flips must be from 0 to 1"):
        capacity_curve(new_key(), memory, 10, [0.1], flips=1.5)
    for f, arguments in ((dense_bit_error, (10, 1, 5)), (dense_capacity, (10, 1))):
        with pytest.raises(ValueError, match="degree must be at least 2"):
            f(*arguments)
    with pytest.raises(ValueError, match="n must be a positive integer"):
        hopfield_bit_error(0.1, n=0)
