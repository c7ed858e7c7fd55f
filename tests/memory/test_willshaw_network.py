"""The Willshaw memory against its equation in NumPy, and the laws of its load and errors."""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import willshaw, willshaw_capacity, willshaw_load
from tests.contract import equal

MEMORY = willshaw()
N, K = 512, 9  # log2 n active units: the paper's best


def sparse(seed, count, n=N, active=K):
    """Patterns of the same number of active units each."""
    ranks = np.random.default_rng(seed).random((count, n)).argsort(1).argsort(1)
    return (ranks < active).astype("float32")


@pytest.fixture(scope="module")
def full():
    """A memory at capacity: patterns, params, and the recall of every whole cue."""
    count = int(willshaw_capacity(K / N, K / N))
    a, b = sparse(0, count), sparse(1, count)
    params = MEMORY.store((a, b))
    return a, b, params, jax.jit(jax.vmap(MEMORY.recall, in_axes=(None, 0)))


@pytest.mark.parametrize("theta", [1.0, 0.7, 0.6])
def test_store_and_recall_are_the_equation(theta):
    memory = willshaw(threshold=theta)
    a, b = sparse(2, 12, 30, 5), sparse(3, 12, 20, 3)
    params = memory.store((a, b))
    synapses = np.zeros((30, 20), bool)
    for x, y in zip(a, b, strict=True):
        for i in np.flatnonzero(x):
            for j in np.flatnonzero(y):
                synapses[i, j] = True
    np.testing.assert_array_equal(params["synapses"], synapses)
    assert params["synapses"].dtype == bool
    for cue in sparse(4, 10, 30, 5):
        sums = [sum(synapses[i, j] for i in np.flatnonzero(cue)) for j in range(20)]
        need = math.ceil(round(theta * 5, 9))
        want = [float(s >= need) for s in sums]
        state, info = memory.recall(params, cue)
        assert state.tolist() == want and state.dtype == cue.dtype
        assert bool(info.converged) and info.steps == 1 and info.energy is None


def test_a_fraction_of_the_cue_is_a_whole_number_of_units():
    """0.6 of 25 is 15, though the product of the floats lies above."""
    for theta, active in [(0.7, 10), (0.6, 25), (0.3, 50), (0.15, 100)]:
        need = round(theta * active)
        synapses = jnp.arange(active)[:, None] < jnp.array([[need, need - 1]])
        state, _ = willshaw(threshold=theta).recall({"synapses": synapses}, jnp.ones(active))
        assert state.tolist() == [1, 0]


def test_load_is_the_law(full):
    """1 - (1 - f^2)^M within 1 %; with twice the patterns it is another."""
    a, _, params, _ = full
    load = float(jnp.mean(params["synapses"]))
    assert load == pytest.approx(float(willshaw_load(len(a), K / N, K / N)), rel=0.01)
    assert load == pytest.approx(0.5, rel=0.01)
    assert load != pytest.approx(float(willshaw_load(2 * len(a), K / N, K / N)), rel=0.2)


def spurious(count, active):
    """The probability of a wrong active unit, exactly for patterns of K units each.

    A unit in r of the M - 1 other pairs has r random sets of K inputs, which must cover the cue:
    by inclusion and exclusion, r binomial. Knoblauch (2008), doi:10.1137/070700012.
    """
    total = 0.0
    for j in range(active + 1):
        clear = math.comb(N - j, K) / math.comb(N, K)
        term = math.comb(active, j) * (1 - K / N * (1 - clear)) ** (count - 1)
        total += (-1) ** j * term
    return total


@pytest.mark.parametrize("active", [4, 6, K])
def test_errors_are_the_law(full, active):
    """All stored units, and about load^k others, exactly: `spurious`; whole and partial cues."""
    a, b, params, recall = full
    seen = a * (np.cumsum(a, axis=1) <= active)
    state = np.asarray(recall(params, jnp.array(seen))[0])
    assert (state[b == 1] == 1).all()
    mistakes = state[b == 0].mean()
    assert mistakes == pytest.approx(spurious(len(a), active), rel=0.06)
    assert 1 <= mistakes / float(jnp.mean(params["synapses"])) ** active < 1.6
    assert mistakes != pytest.approx(spurious(len(a), active - 1), rel=0.3)


def test_at_capacity_about_one_unit_is_wrong(full):
    """n 2^-log2(n) = 1 of n units by the paper; little more by the exact law."""
    a, b, params, recall = full
    state = np.asarray(recall(params, jnp.array(a))[0])
    assert 0.9 < (state - b).sum(1).mean() < 1.7
    more = np.concatenate([a, sparse(8, len(a))]), np.concatenate([b, sparse(9, len(a))])
    with pytest.warns(UserWarning, match="more than it can hold"):
        crowded = MEMORY.store(more)
    assert (np.asarray(recall(crowded, jnp.array(a))[0]) - b).sum(1).mean() > 20


def test_a_lower_threshold_tolerates_wrong_units_in_the_cue():
    a, b = sparse(5, 100), sparse(6, 100)
    params = MEMORY.store((a, b))
    cue = jnp.array(a[0]).at[jnp.flatnonzero(a[0] == 0)[:2]].set(1.0)
    assert float(MEMORY.recall(params, cue)[0] @ b[0]) < K
    np.testing.assert_array_equal(willshaw(threshold=0.8).recall(params, cue)[0], b[0])


def test_one_array_of_patterns_recalls_itself():
    a = sparse(7, 40)
    params = MEMORY.store(a)
    equal(params, MEMORY.store((a, a)))
    part = a[3] * (np.cumsum(a[3]) <= 5)
    np.testing.assert_array_equal(MEMORY.recall(params, part)[0], a[3])
    equal(MEMORY.add(MEMORY.store(a[:-1]), a[-1]), params)
    equal(MEMORY.add(params, a[-1]), params)


def test_bits_and_booleans_and_an_empty_cue():
    a = sparse(7, 10)
    params = MEMORY.store(a)
    for dtype in (bool, "int32"):
        equal(MEMORY.store(a.astype(dtype)), params)
        equal(MEMORY.recall(params, a[0].astype(dtype))[0], jnp.array(a[0]))
    assert float(MEMORY.recall(params, jnp.zeros(N))[0].sum()) == 0


def test_theory_is_stable_where_patterns_are_sparse():
    with jax.enable_x64(False):
        assert float(willshaw_load(10**6, 1e-5, 1e-4)) == pytest.approx(9.995e-4, rel=1e-4)
        assert float(willshaw_capacity(1e-5, 1e-4)) == pytest.approx(math.log(2) * 1e9, rel=1e-4)
    loads = willshaw_load(willshaw_capacity(0.03, jnp.array([0.01, 0.2])), 0.03, jnp.array(0.01))
    assert float(loads[0]) == pytest.approx(0.5, rel=1e-5) and loads.shape == (2,)


def test_overload_warns_with_the_capacity():
    a = sparse(0, 40, 20, 4)
    with pytest.warns(UserWarning, match="40 patterns are .* 0.2 and 0.2 .* after 17") as seen:
        MEMORY.store(a)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MEMORY.store(a[:16])


def test_wrong_arguments_are_refused():
    a = sparse(0, 3, 20, 4)
    params = MEMORY.store(a)
    wrong = {
        "patterns must hold only 0 and 1, got -1; of signs make": (MEMORY.store, 2 * a - 1),
        r"patterns must have the shape \[patterns, units\], got \(20,\)": (MEMORY.store, a[0]),
        "patterns must have as many rows on both sides, got 2 and 3": (MEMORY.store, (a[:2], a)),
        "cue must hold only 0 and 1, got 0.5": (lambda c: MEMORY.recall(params, c), a[0] / 2),
        r"cue must have the shape \(20,\)": (lambda c: MEMORY.recall(params, c), a[0, :5]),
        r"pattern must have the shape \(20,\)": (lambda p: MEMORY.add(params, p), a[0, :5]),
    }
    for message, (function, argument) in wrong.items():
        with pytest.raises(ValueError, match=message):
            function(argument)
    for theta in (0.0, -0.5, 1.5):
        with pytest.raises(ValueError, match="willshaw: threshold must be"):
            willshaw(threshold=theta)
