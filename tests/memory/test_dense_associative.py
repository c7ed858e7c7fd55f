"""Dense associative memory against its definition, its theory, and the Hopfield network."""

import math
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import (
    Interaction,
    dense_associative_memory,
    dense_asynchronous,
    dense_synchronous,
    exponential,
    polynomial,
    rectified_polynomial,
)
from jaxbrain.memory.theory import dense_bit_error

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 4)
DEFINITIONS = {
    "cubic": (polynomial(3), lambda h, n: n * (h / n) ** 3),
    "quartic": (polynomial(4), lambda h, n: n * (h / n) ** 4),
    "rectified": (rectified_polynomial(3), lambda h, n: n * np.maximum(h / n, 0) ** 3),
    "exponential": (exponential(), lambda h, n: np.exp(h)),
}
by_definition = pytest.mark.parametrize(("interaction", "f"), DEFINITIONS.values(), ids=DEFINITIONS)


def bipolar(shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def flipped(patterns, fraction, seed=0):
    """Rows with a fraction of their bits flipped."""
    n = patterns.shape[-1]
    flips = np.where(np.arange(n) < round(fraction * n), -1, 1).astype(patterns.dtype)
    flips = np.broadcast_to(flips, patterns.shape)
    return patterns * np.random.default_rng(seed).permuted(flips, axis=-1)


def best_value(f, x, state, i):
    """The value of unit i that has the lower energy; the present one where they are equal."""
    up, down = state.copy(), state.copy()
    up[i], down[i] = 1, -1
    high, low = f(x @ up, x.shape[1]).sum(), f(x @ down, x.shape[1]).sum()
    return state[i] if np.isclose(high, low, rtol=1e-13, atol=0) else np.sign(high - low)


@by_definition
def test_one_sweep_is_the_definition(interaction, f):
    """In the order of the index, in a random one, and from a cue with unknown bits."""
    x = bipolar((60, 17))
    order = np.asarray(jax.random.permutation(new_key(), 17))
    update = jax.jit(lambda x, s, key=None: dense_asynchronous(interaction, x, s, key))
    for seed in range(5):
        cue = bipolar(17, seed + 10)
        cue[:seed] = 0
        for key, units in ((None, range(17)), (new_key(), order)):
            want = cue.copy()
            for i in units:
                want[i] = best_value(f, x, want, i)
            np.testing.assert_array_equal(update(x, cue, key), want)
        together = [best_value(f, x, cue, i) for i in range(17)]
        assert not np.array_equal(together, want)  # a sweep is not a synchronous step


@by_definition
def test_a_synchronous_step_is_the_definition(interaction, f):
    x = bipolar((60, 17))
    for seed in range(5):
        cue = bipolar(17, seed + 10)
        cue[:seed] = 0
        want = [best_value(f, x, cue, i) for i in range(17)]
        np.testing.assert_array_equal(dense_synchronous(interaction, x, cue, None), want)


@by_definition
def test_energy_is_the_definition(interaction, f):
    x, state = bipolar((30, 17)), bipolar(17, 3)
    want = -f(x @ state, 17).sum()
    if f is DEFINITIONS["exponential"][1]:
        want = -math.log(-want)
    memory = dense_associative_memory(interaction=interaction)
    np.testing.assert_allclose(memory.energy({"patterns": x}, state), want, rtol=1e-12)


def hopfield_sweep(weights, state):
    state = state.copy()
    for i in range(len(state)):
        field = weights[i] @ state
        state[i] = state[i] if field == 0 else np.sign(field)
    return state


def test_degree_two_is_the_hopfield_network():
    """With weights of outer products; their diagonal adds the number of patterns to the energy."""
    n, x = 24, bipolar((5, 24))
    weights = (x.T @ x - 5 * np.eye(n)) / n
    memory = dense_associative_memory(interaction=polynomial(2), max_steps=1)
    with pytest.warns(UserWarning, match=r"polynomial\(2\) recalls 3.776 of 24 units"):
        params = memory.store(x)
    sweep = jax.jit(lambda cue: memory.recall(params, cue)[0])
    differ = 0
    for seed in range(40):
        cue = bipolar(n, seed + 1)
        np.testing.assert_array_equal(sweep(cue), hopfield_sweep(weights, cue))
        differ += not np.array_equal(sweep(cue), hopfield_sweep(x.T @ x / n, cue))
        np.testing.assert_allclose(memory.energy(params, cue), -(cue @ weights @ cue) - 5)
    assert differ > 5  # the diagonal matters


@partial(jax.jit, static_argnums=(0, 1, 2))
def share_of_wrong_bits(interaction, count, units):
    """After one step of all units from 200 of the patterns stored."""
    x = jax.random.rademacher(jax.random.key(count), (count, units), "float32")
    after = jax.vmap(lambda s: dense_synchronous(interaction, x, s, None))(x[:200])
    return jnp.mean(after != x[:200])


@pytest.mark.parametrize(
    ("degree", "units", "count", "measured"),
    [(3, 100, 600, 0.0105), (3, 100, 1000, 0.0350), (3, 100, 1500, 0.0643),
     (4, 50, 1500, 0.0092), (4, 50, 3000, 0.0470)],
)  # fmt: skip
def test_bit_error_is_that_of_the_theory(degree, units, count, measured):
    law = 0.5 * math.erfc(
        math.sqrt(units ** (degree - 1) / (2 * math.prod(range(1, 2 * degree - 2, 2)) * count))
    )
    error = share_of_wrong_bits(polynomial(degree), count, units)
    assert error == pytest.approx(law, rel=0.2) and error == pytest.approx(measured, rel=0.2)
    np.testing.assert_allclose(dense_bit_error(units, degree, count), law, rtol=1e-6)
    assert share_of_wrong_bits(polynomial(degree - 1), count, units) > 2 * law


def test_rectified_patterns_make_half_the_noise():
    error = share_of_wrong_bits(rectified_polynomial(3), 2000, 100)
    assert error == pytest.approx(0.5 * math.erfc(math.sqrt(100**2 / (3 * 2000))), rel=0.2)


@by_definition
def test_the_energy_never_rises_in_a_sweep(interaction, f):
    """Over random memories far beyond capacity; in synchronous steps it does rise."""
    memory = dense_associative_memory(interaction=interaction)
    x = jnp.asarray(bipolar((20, 90, 16)))
    cues, key = jnp.asarray(bipolar((20, 16), 1)), new_key()

    @jax.jit
    def path(update):
        def one(x, state):
            def step(state, sweep):
                order = jax.random.fold_in(key, sweep)
                return update(interaction, x, state, order), memory.energy({"patterns": x}, state)

            return jax.lax.scan(step, state, jnp.arange(6))[1]

        return jax.vmap(one)(x, cues)

    rise = np.diff(path(jax.tree_util.Partial(dense_asynchronous)), axis=1)
    assert np.max(rise) <= 1e-12 and np.min(rise) < -0.1
    assert np.max(np.diff(path(jax.tree_util.Partial(dense_synchronous)), axis=1)) > 0.01


def test_recall_converges_to_states_that_no_unit_would_change():
    x = bipolar((60, 20))
    memory = dense_associative_memory(interaction=exponential())
    recall = jax.jit(jax.vmap(memory.recall, in_axes=(None, 0)))
    states, info = recall(memory.store(x), bipolar((30, 20), 1))
    assert np.all(info.converged) and np.max(info.steps) < 10 and np.min(info.steps) == 2
    f = DEFINITIONS["exponential"][1]
    for state in np.asarray(states[:5]):
        assert [best_value(f, x, state, i) for i in range(20)] == state.tolist()


def test_the_steeper_the_more_is_recalled():
    """2,000 patterns of 50 units from a tenth of the bits flipped: Hopfield recalls none."""
    x = jnp.asarray(bipolar((2000, 50)))
    cues = flipped(np.asarray(x[:50]), 0.1)
    shares = []
    for interaction in (polynomial(2), polynomial(4), exponential()):
        memory = dense_associative_memory(interaction=interaction, max_steps=5)
        states, _ = jax.jit(jax.vmap(memory.recall, in_axes=(None, 0)))({"patterns": x}, cues)
        shares.append(float(jnp.mean(jnp.all(states == x[:50], axis=1))))
    assert shares[0] == 0 and shares[0] < shares[1] < shares[2] and shares[2] > 0.95


@pytest.mark.parametrize("interaction", [exponential(), polynomial(60), rectified_polynomial(60)])
@pytest.mark.parametrize("update", [dense_asynchronous, dense_synchronous])
def test_large_overlaps_do_not_overflow(interaction, update):
    """In single precision, also from far away, where every term is tiny compared to the largest."""
    x = bipolar((5, 1500)).astype("float32")
    memory = dense_associative_memory(interaction=interaction, update=update, max_steps=3)
    cue = flipped(x[2], 0.4)
    state, info = jax.jit(memory.recall)(memory.store(x), cue)
    np.testing.assert_array_equal(state, x[2])
    assert info.energy.dtype == "float32" and info.energy == pytest.approx(-1500, rel=1e-5)
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(x[2] @ x[2]))  # the naive form overflows


def test_half_precision_patterns_are_widened():
    """In bfloat16 an overlap of 300 units would not be a whole number."""
    x = jnp.asarray(bipolar((4, 300)), jnp.bfloat16)
    memory = dense_associative_memory()
    params = memory.store(x)
    state, _ = memory.recall(params, x[1])
    assert params["patterns"].dtype == state.dtype == "float32"
    np.testing.assert_array_equal(state, x[1].astype("float32"))


def test_overload_warns_with_the_capacity():
    memory = dense_associative_memory()
    with pytest.warns(
        UserWarning, match=r"362 patterns are more .*polynomial\(3\) recalls 361.9 of 100 units"
    ):
        params = memory.store(bipolar((362, 100)))
    with pytest.warns(UserWarning, match="363 patterns") as caught:
        memory.add(params, bipolar(100))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        memory.store(bipolar((361, 100)))
        dense_associative_memory(interaction=exponential()).store(bipolar((1024, 20)))
        exponential().capacity(10**6)


def test_an_interaction_of_your_own():
    """Any F: here the fifth power, as in the definition."""

    def value(h, overlaps):
        return h**5

    def energy(overlaps, units):
        return -jnp.sum(overlaps**5)

    mine = Interaction(value, energy, lambda units: math.inf)
    x, cue = jnp.asarray(bipolar((40, 15))), jnp.asarray(bipolar(15, 2))
    for update in (dense_asynchronous, dense_synchronous):
        np.testing.assert_array_equal(
            update(mine, x, cue, None), update(polynomial(5), x, cue, None)
        )
    assert dense_associative_memory(interaction=mine).recall({"patterns": x}, cue)[1].converged


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (ValueError, lambda: polynomial(1), "degree must be"),
        (ValueError, lambda: rectified_polynomial(2.5), "degree must be an integer, got 2.5"),
        (TypeError, lambda: dense_associative_memory(interaction=polynomial), "Interaction such"),
        (TypeError, lambda: dense_associative_memory(update=3), "update must be a function"),
        (ValueError, lambda: dense_associative_memory(max_steps=0), "max_steps must be a positive"),
        (ValueError, lambda: dense_associative_memory().store([[1, 0]]), r"only \+1 and -1"),
        (ValueError, lambda: dense_associative_memory().store([1, -1]), r"\[patterns, units\]"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(error, make, message):
    with pytest.raises(error, match=message):
        make()


def test_wrong_patterns_and_cues_are_refused():
    memory = dense_associative_memory()
    params = memory.store(bipolar((3, 20)))
    with pytest.raises(ValueError, match=r"cue must hold \+1, -1"):
        memory.recall(params, np.full(20, 0.5))
    with pytest.raises(ValueError, match=r"pattern must hold only \+1 and -1"):
        memory.add(params, np.zeros(20))
    with pytest.raises(ValueError, match=r"pattern must have the shape \(20,\)"):
        memory.add(params, np.ones(19))
    with pytest.raises(ValueError, match=r"state must have the shape \(20,\)"):
        memory.energy(params, np.ones(19))
