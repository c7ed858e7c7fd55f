"""The bidirectional memory against Kosko's equations in NumPy, his theorem and its capacity."""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import bidirectional_associative_memory
from tests.contract import equal

pytestmark = pytest.mark.x64

MEMORY = bidirectional_associative_memory()
MANY = jax.jit(jax.vmap(MEMORY.recall))


def signs(seed, *shape):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def align(field, state):
    return np.where(field > 0, 1.0, np.where(field < 0, -1.0, state))


def kosko(weights, back, a):
    """The states of a recall until it converges, at most fifty; `back` is W^T in the memory."""
    b = align(a @ weights, np.ones(weights.shape[1]))
    path = [(a, b)]
    for _ in range(50):
        a = align(b @ back, a)
        b = align(a @ weights, b)
        path.append((a, b))
        if all((new == old).all() for new, old in zip(path[-1], path[-2], strict=True)):
            break
    return path


def energies(weights, path):
    return np.array([-np.einsum("i,ij,j", a, weights, b) for a, b in path])


def some_weights(ties):
    rng = np.random.default_rng(3)
    if ties:  # even numbers of pairs over few units: inputs of zero are common
        return np.stack([signs(i, 4, 12).T @ signs(i + 99, 4, 9) for i in range(200)])
    return rng.normal(size=(200, 12, 9))


def test_store_is_the_example_of_kosko():
    a = 2 * np.array([[1, 0, 1, 0, 1, 0], [1, 1, 1, 0, 0, 0]]) - 1
    b = 2 * np.array([[1, 1, 0, 0], [1, 0, 1, 0]]) - 1
    params = MEMORY.store((a, b))
    np.testing.assert_array_equal(
        params["weights"],
        [[2, 0, 0, -2], [0, -2, 2, 0], [2, 0, 0, -2], [-2, 0, 0, 2], [0, 2, -2, 0], [-2, 0, 0, 2]],
    )
    for k in range(2):
        state, info = MEMORY.recall(params, a[k])
        np.testing.assert_array_equal(state[0], a[k])
        np.testing.assert_array_equal(state[1], b[k])
        assert info.energy == -24


@pytest.mark.parametrize("ties", [False, True], ids=["generic", "ties"])
def test_recall_is_the_equation_and_its_energy_falls(ties):
    weights, cues = some_weights(ties), signs(1, 200, 12)
    (a, b), info = MANY({"weights": jnp.array(weights)}, jnp.array(cues))
    zeros = 0
    for i in range(200):
        path = kosko(weights[i], weights[i].T, cues[i])
        energy = energies(weights[i], path)
        np.testing.assert_array_equal(a[i], path[-1][0])
        np.testing.assert_array_equal(b[i], path[-1][1])
        assert info.steps[i] == len(path) - 1
        assert info.energy[i] == pytest.approx(energy[-1], rel=1e-12)
        assert (np.diff(energy) <= 1e-12).all()
        zeros += np.sum(weights[i] @ path[0][1] == 0)
    assert (zeros > 0) == ties
    assert bool(info.converged.all())


def test_energy_rises_if_the_way_back_is_not_the_transpose():
    """Negative control of the test above."""
    weights, cues = some_weights(False), signs(1, 200, 12)
    rises = [
        np.diff(energies(weights[i], kosko(weights[i], weights[i - 1].T, cues[i]))).max(initial=0)
        for i in range(200)
    ]
    assert np.mean(np.array(rises) > 0) > 0.3


def test_energy_of_the_memory_falls_step_by_step():
    one = bidirectional_associative_memory(max_steps=1)

    def path(weights, cue):
        params = {"weights": weights}
        follow = lambda a, _: (lambda r: (r[0][0], r[1].energy))(one.recall(params, a))  # noqa: E731
        return jax.lax.scan(follow, cue, length=8)[1]

    weights, cues = jnp.array(some_weights(False)), jnp.array(signs(1, 200, 12))
    energy = np.asarray(jax.jit(jax.vmap(path))(weights, cues))
    assert (np.diff(energy, axis=1) <= 1e-12).all() and (np.diff(energy, axis=1) < -1e-3).any()


def test_recall_always_converges_to_a_resonance():
    """Kosko's theorem: every real matrix is bidirectionally stable; one round is not enough."""
    weights, cues = jnp.array(some_weights(False)), jnp.array(signs(2, 200, 12))
    (a, b), info = MANY({"weights": weights}, cues)
    assert bool(info.converged.all()) and int(info.steps.max()) < 20
    np.testing.assert_array_equal(a, jnp.sign(jnp.einsum("kij,kj->ki", weights, b)))
    np.testing.assert_array_equal(b, jnp.sign(jnp.einsum("kij,ki->kj", weights, a)))
    early = jax.vmap(bidirectional_associative_memory(max_steps=1).recall)(
        {"weights": weights}, cues
    )[1]
    assert not bool(early.converged.all()) and set(early.steps.tolist()) == {1}


def test_the_other_side_recalls_too():
    a, b = signs(5, 3, 40), signs(6, 3, 30)
    params = MEMORY.store((a, b))
    other = {"weights": params["weights"].T}
    equal(other, MEMORY.store((b, a)))
    (back, front), _ = MEMORY.recall(other, b[1])
    np.testing.assert_array_equal(back, b[1])
    np.testing.assert_array_equal(front, a[1])


@pytest.mark.slow
def test_error_of_a_bit_is_the_law_of_signal_and_noise():
    """Q(sqrt(p / (M-1))), within 10 %; the long side b keeps a right, which reads b."""
    p, q, pairs = 300, 2000, 60
    once = bidirectional_associative_memory(max_steps=1)

    def wrong(a, b):
        found, _ = jax.vmap(once.recall, in_axes=(None, 0))(once.store((a, b)), a)
        return jnp.mean(found[0] != a), jnp.mean(found[1] != b)

    errors = [wrong(signs(7 + k, pairs, p), signs(70 + k, pairs, q)) for k in range(3)]
    short, long = np.mean(errors, axis=0)
    law = [math.erfc(math.sqrt(p / (m - 1) / 2)) / 2 for m in (pairs, pairs // 2)]
    assert short == 0
    assert long == pytest.approx(law[0], rel=0.1) and long > 5 * law[1]


def test_adding_is_storing_more():
    a, b = signs(1, 4, 9), signs(2, 4, 7)
    fewer = MEMORY.store((a[:3], b[:3]))
    equal(MEMORY.add(fewer, (a[3], b[3])), MEMORY.store((a, b)))
    assert bool(jnp.any(fewer["weights"] != MEMORY.store((a, b))["weights"]))


def test_overload_warns_with_the_capacity():
    with pytest.warns(UserWarning, match=r"7 pairs are more .* min\(p, q\) = 7 \(Kosko") as seen:
        MEMORY.store((signs(0, 7, 9), signs(1, 7, 7)))
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MEMORY.store((signs(0, 6, 9), signs(1, 6, 7)))


def test_wrong_arguments_are_refused():
    a, b = signs(0, 3, 9), signs(1, 3, 7)
    params = MEMORY.store((a, b))
    wrong = {
        "patterns must be a pair of arrays for bidirectional.*, got ndarray": (MEMORY.store, a),
        r"patterns\[1\] must hold only \+1 and -1, got 0.5": (MEMORY.store, (a, b / 2 * b)),
        r"patterns\[0\] must have the shape \[patterns, units\], got \(9,\)": (
            MEMORY.store, (a[0], b)),
        "patterns must have as many rows on both sides, got 2 and 3": (MEMORY.store, (a[:2], b)),
        r"cue must have the shape \(9,\)": (lambda cue: MEMORY.recall(params, cue), b[0]),
        "cue must hold": (lambda cue: MEMORY.recall(params, cue), 0 * a[0]),
        r"pattern\[1\] must have the shape \(7,\)": (lambda p: MEMORY.add(params, p), (a[0], a[0])),
        "pattern must be a pair": (lambda p: MEMORY.add(params, p), a[0]),
    }  # fmt: skip
    for message, (function, argument) in wrong.items():
        with pytest.raises(ValueError, match=message):
            function(argument)
    with pytest.raises(ValueError, match="max_steps must be a positive integer, got 0"):
        bidirectional_associative_memory(max_steps=0)
