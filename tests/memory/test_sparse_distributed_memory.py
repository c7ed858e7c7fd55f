"""Sparse distributed memory against Kanerva's numbers, and its reads against NumPy and theory."""

import math
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import activation_probability, sparse_distributed, sparse_distributed_capacity
from tests.contract import equal

new_key = partial(jax.random.key, 0)
N, LOCATIONS, RADIUS = 256, 4000, 112  # of the reference: about 105 locations active


def signs(seed, *shape):
    return np.random.default_rng(seed).choice(np.array([-1, 1], "float32"), shape)


def corrupted(patterns, bits, seed=9):
    ranks = np.random.default_rng(seed).random(patterns.shape).argsort(1).argsort(1)
    return np.where(ranks < bits, -patterns, patterns)


def large(patterns, *, max_steps=20, locations=LOCATIONS, radius=RADIUS):
    memory = sparse_distributed(new_key(), locations=locations, radius=radius, max_steps=max_steps)
    recall = jax.jit(jax.vmap(memory.recall, in_axes=(None, 0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return memory.store(patterns), recall


def test_activation_is_the_binomial_of_kanerva():
    assert f"{activation_probability(1000, 451):.8f}" == "0.00107185"
    assert f"{activation_probability(256, 103):.8f}" == "0.00106685"
    assert activation_probability(256, RADIUS) * LOCATIONS == pytest.approx(105, abs=0.1)
    for n, r in [(7, 3), (12, 1), (40, 16)]:
        exact = sum(math.comb(n, i) for i in range(r + 1)) / 2**n
        assert activation_probability(n, r) == exact
        rest = activation_probability(n, n - r - 1)
        assert exact + rest == pytest.approx(1, abs=1e-15)
    assert activation_probability(8, 8) == activation_probability(8, 20) == 1


def test_locations_are_activated_as_often():
    """A single pattern leaves its bits at the active locations: 4 s.e.; another radius is not."""
    params, _ = large(signs(0, 1, N), locations=20000)
    active = np.abs(np.asarray(params["counters"])).max(1)
    assert set(np.unique(active)) == {0, 1}
    p = activation_probability(N, RADIUS)
    error = math.sqrt(p * (1 - p) / 20000)
    assert abs(active.mean() - p) < 4 * error
    assert abs(active.mean() - activation_probability(N, RADIUS + 4)) > 4 * error


@pytest.mark.parametrize("n", [24, 25])  # ties of bits, and of the distance with the radius
def test_store_and_recall_are_the_equation(n):
    memory = sparse_distributed(new_key(), locations=60, radius=9, max_steps=6)
    patterns, cues = signs(1, 3, n), signs(2, 20, n)
    params = memory.store(patterns)
    addresses = np.asarray(params["addresses"])
    assert set(np.unique(addresses)) == {-1, 1} and addresses.shape == (60, n)

    def near(x):
        return np.array([(row != x).sum() <= 9 for row in addresses])

    counters = np.zeros((60, n))
    for x in patterns:
        counters[near(x)] += x
    np.testing.assert_array_equal(params["counters"], counters)
    states, infos = jax.vmap(memory.recall, in_axes=(None, 0))(params, cues)
    kept = 0
    for cue, state, steps, converged in zip(
        cues, states, infos.steps, infos.converged, strict=True
    ):
        x = cue
        done = 0
        for _ in range(6):
            done += 1
            sums = counters[near(x)].sum(0)
            kept += np.sum(sums == 0)
            before, x = x, np.where(sums > 0, 1, np.where(sums < 0, -1, x))
            if (before == x).all():
                break
        np.testing.assert_array_equal(state, x)
        assert steps == done and converged == (before == x).all()
    assert kept > 0 and infos.energy is None


@pytest.mark.slow
def test_twenty_of_256_flips_are_corrected():
    """50 patterns: all bits, +-0.002, and 0.97 of the patterns to the last bit, +-0.03.

    Not where 100 bits are flipped, nor where far too many patterns are stored.
    """
    right = []
    for seed in range(4):
        patterns = signs(seed, 50, N)
        params, recall = large(patterns)
        states, info = recall(params, corrupted(patterns, 20))
        right.append(np.asarray(states) == patterns)
        assert float(info.converged.mean()) >= 0.98
    assert np.mean(right) >= 0.998
    assert np.all(right, axis=-1).mean() == pytest.approx(0.97, abs=0.03)
    far, _ = recall(params, corrupted(patterns, 100))
    assert (np.asarray(far) == patterns).mean() < 0.9
    crowd = signs(3, 600, N)
    params, recall = large(crowd)
    assert (np.asarray(recall(params, corrupted(crowd, 20)[:50])[0]) == crowd[:50]).mean() < 0.9


def likeness(n, radius):
    """beta: by how much patterns within the radius of an address lean to its bits."""
    ways = [math.comb(n, i) for i in range(radius + 1)]
    return 1 - 2 * sum(i * w for i, w in enumerate(ways)) / sum(ways) / n


def error_of_a_bit(n, count, locations, radius):
    p = activation_probability(n, radius)
    signal = 1 + (count - 1) * p * likeness(n, radius) ** 2
    return math.erfc(signal * crosstalk(count, locations, p) / math.sqrt(2)) / 2


def crosstalk(count, locations, p):
    return math.sqrt(locations / ((count - 1) * (1 + p**2 * locations)))


@pytest.mark.parametrize(("locations", "radius"), [(1000, 469), (1000, 463), (2000, 469)])
def test_error_of_one_read_is_the_crosstalk(locations, radius):
    """Signal p L (1 + (M-1) p beta^2), variance (M-1) (p^2 L + p^4 L^2): within 12 %.

    The controls: without p^4 L^2, the locations that two patterns share on average, and without
    the second half of the patterns.
    """
    n, count = 1000, 200
    wrong = []
    for seed in range(3):
        patterns = signs(seed, count, n)
        params, recall = large(patterns, max_steps=1, locations=locations, radius=radius)
        wrong.append(np.asarray(recall(params, patterns)[0]) != patterns)
    theory = error_of_a_bit(n, count, locations, radius)
    assert np.mean(wrong) == pytest.approx(theory, rel=0.12)
    without = math.erfc(math.sqrt(locations / (count - 1) / 2)) / 2
    assert np.mean(wrong) != pytest.approx(without, rel=0.12)
    assert np.mean(wrong) > 3 * error_of_a_bit(n, count // 2, locations, radius)


def test_at_capacity_half_of_the_patterns_are_read_without_an_error():
    count = round(sparse_distributed_capacity(N, LOCATIONS, RADIUS))
    patterns = signs(5, count, N)
    params, recall = large(patterns, max_steps=1)
    right = (np.asarray(recall(params, patterns)[0]) == patterns).all(1).mean()
    assert right == pytest.approx(0.5, abs=0.15)
    assert sparse_distributed_capacity(1, 100, 1) == math.inf


def test_memories_of_equal_keys_are_equal():
    def make(seed, impl="threefry2x32"):
        return sparse_distributed(jax.random.key(seed, impl=impl), locations=40, radius=9)

    assert make(1) == make(1) and hash(make(1)) == hash(make(1))
    assert make(1) != make(2) and make(1) != make(1, "rbg")
    old = sparse_distributed(jax.random.PRNGKey(1), locations=40, radius=9)
    patterns = signs(6, 2, 24)
    equal(old.store(patterns), make(1).store(patterns))
    assert bool(
        jnp.any(make(2).store(patterns)["addresses"] != make(1).store(patterns)["addresses"])
    )

    def store(key):
        return sparse_distributed(key, locations=40, radius=9).store(patterns)

    mapped = jax.jit(jax.vmap(store))(jnp.stack([jax.random.key(1), jax.random.key(2)]))
    for i, seed in enumerate((1, 2)):
        equal(jax.tree.map(lambda leaf: leaf[i], mapped), make(seed).store(patterns))  # noqa: B023


def test_overload_warns_with_the_capacity():
    memory = sparse_distributed(new_key(), locations=100, radius=9)
    limit = sparse_distributed_capacity(24, 100, 9)
    with pytest.warns(UserWarning, match=f"50 patterns .* of {limit:.0f} it recalls half") as seen:
        memory.store(signs(0, 50, 24))
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory.store(signs(0, int(limit), 24))


def test_wrong_arguments_are_refused():
    memory = sparse_distributed(new_key(), locations=100, radius=9)
    patterns = signs(0, 2, 24)
    params = memory.store(patterns)
    wrong = {
        r"patterns must hold only \+1 and -1, got 0": (memory.store, 0 * patterns),
        "radius must be below the units of a pattern, 9, got 9": (memory.store, patterns[:, :9]),
        r"cue must have the shape \(24,\)": (lambda c: memory.recall(params, c), patterns[0, :9]),
        "cue must hold": (lambda c: memory.recall(params, c), patterns[0] / 2),
        r"pattern must have the shape \(24,\)": (lambda p: memory.add(params, p), patterns[0, :9]),
        "pattern must hold": (lambda p: memory.add(params, p), patterns[0] / 2),
        "key must be one key": (
            lambda keys: sparse_distributed(keys, locations=3, radius=2),
            jax.random.split(new_key()),
        ),
    }  # fmt: skip
    for message, (function, argument) in wrong.items():
        with pytest.raises(ValueError, match=message):
            function(argument)
    good = {"locations": 10, "radius": 3, "max_steps": 5}
    for name in good:
        with pytest.raises(ValueError, match=f"{name} must be a positive integer, got 0"):
            sparse_distributed(new_key(), **{**good, name: 0})
    with pytest.raises(ValueError, match="activation_probability: n must be a positive integer"):
        activation_probability(0, 3)
