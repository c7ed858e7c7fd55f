"""The modern Hopfield network against its formulas in NumPy, attention, and its theory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxbrain.memory import modern_hopfield

pytestmark = pytest.mark.x64


def normal(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def paper_energy(x, s, beta):
    """Ramsauer et al. 2021, equation 2: each term as it is written."""
    lse = np.log(np.sum(np.exp(beta * (x @ s)))) / beta
    largest = np.max(np.linalg.norm(x, axis=1))
    return -lse + s @ s / 2 + np.log(len(x)) / beta + largest**2 / 2


def test_energy_is_the_formula():
    x, s, beta = normal((7, 5)), normal(5, 1), 1.7
    memory = modern_hopfield(beta=beta)
    energy = memory.energy(memory.store(x), s)
    np.testing.assert_allclose(energy, paper_energy(x, s, beta), rtol=1e-13)
    half = energy - s @ s / 4
    for wrong in (half, memory.energy({"patterns": x[:, ::-1]}, s)):
        assert abs(wrong - paper_energy(x, s, beta)) > 0.1


def test_energy_keeps_the_largest_similarity():
    """The maximum that makes logsumexp stable must be added back."""
    x, beta = 3 * normal((6, 8)), 1.0
    s = x[2] + 0.1 * normal(8, 1)
    h = beta * (x @ s)
    wrong = -np.log(np.sum(np.exp(h - h.max()))) / beta + s @ s / 2
    wrong += np.log(6) / beta + np.max(np.sum(x**2, axis=1)) / 2
    energy = modern_hopfield(beta=beta).energy({"patterns": x}, s)
    np.testing.assert_allclose(wrong - energy, h.max() / beta, rtol=1e-10)
    assert wrong - energy > 20


@pytest.mark.slow
def test_energy_lies_between_its_bounds():
    """0 <= E <= 2 max |x|^2 for states among the patterns: the paper's lemma."""
    x = jnp.asarray(normal((40, 9, 6)))
    mix = jax.nn.softmax(jnp.asarray(normal((40, 9), 1)), axis=-1)
    states = jnp.einsum("tk,tkd->td", mix, x)
    energy = modern_hopfield(beta=2.3).energy
    energies = jax.vmap(lambda x, s: energy({"patterns": x}, s))(x, states)
    assert np.all(energies >= 0)
    assert np.all(energies <= 2 * np.max(np.sum(x**2, -1), -1))


@pytest.mark.parametrize("beta", [None, 0.9])
@pytest.mark.slow
def test_one_step_is_attention(beta):
    """jax.nn.dot_product_attention with queries = cues, keys = values = patterns."""
    x, cues = normal((7, 6)), normal((4, 6), 1)
    scale = 6**-0.5 if beta is None else beta
    memory = modern_hopfield(beta=scale)
    states, info = jax.vmap(memory.recall, in_axes=(None, 0))(memory.store(x), cues)
    q, k = (jnp.asarray(a, "float32")[:, None] for a in (cues, x))  # it refuses float64
    want = jax.nn.dot_product_attention(q, k, k, scale=beta)[:, 0]
    np.testing.assert_allclose(states, want, rtol=1e-5, atol=1e-6)
    w = np.exp(scale * cues @ x.T)
    np.testing.assert_allclose(states, w / w.sum(1, keepdims=True) @ x, rtol=1e-12)
    other = modern_hopfield(beta=1.1 * scale).recall({"patterns": x}, cues[0])[0]
    assert np.abs(other - states[0]).max() > 1e-3
    assert np.all(info.steps == 1)


def test_one_step_error_falls_exponentially_with_beta():
    """10,000 patterns of length 8 in 64 dimensions, cues at a distance of 2.2."""
    x = normal((10_000, 64))
    x = jnp.asarray(8 * x / np.linalg.norm(x, axis=1, keepdims=True))
    away = normal((50, 64), 1)
    cues = x[:50] + 2.2 * away / np.linalg.norm(away, axis=1, keepdims=True)

    @jax.jit
    def error(x, cues, beta):
        memory = modern_hopfield(beta=beta)
        states, _ = jax.vmap(memory.recall, in_axes=(None, 0))({"patterns": x}, cues)
        return jnp.linalg.norm(states - x[:50], axis=1)

    quarter, half, one = (np.asarray(error(x, cues, beta)) for beta in (0.25, 0.5, 1.0))
    assert np.max(half) < 1e-4 and np.median(half) < 1e-5
    assert np.median(one) < 1e-12
    assert 1e-3 < np.median(quarter) < 1  # not at a smaller beta
    slope = np.log(quarter / half) / 0.25
    assert np.all(slope > 10)


@pytest.mark.slow
def test_the_energy_never_rises_until_a_fixed_point():
    """Over random memories, temperatures and cues; a step 2.5 times as long does raise it."""
    x, cues = jnp.asarray(normal((60, 8, 5))), jnp.asarray(2 * normal((60, 5), 1))
    betas = jnp.asarray(np.random.default_rng(2).uniform(0.1, 6, 60))

    @jax.jit
    @jax.vmap
    def path(x, cue, beta):
        memory = modern_hopfield(beta=beta)
        params = {"patterns": x}

        def step(s, _):
            new = memory.recall(params, s)[0]
            far = memory.energy(params, s + 2.5 * (new - s))
            return new, (memory.energy(params, s), far)

        return jax.lax.scan(step, cue, None, 20)[1]

    energies, far = path(x, cues, betas)
    assert np.max(np.diff(energies, axis=1)) < 1e-12
    assert np.min(np.diff(energies, axis=1)) < -1
    assert np.max(far - energies) > 0.01

    @jax.jit
    @jax.vmap
    def relax(x, cue, beta):
        memory = modern_hopfield(beta=beta, max_steps=5000, tolerance=1e-10)
        state, info = memory.recall({"patterns": x}, cue)
        return state, info, modern_hopfield(beta=beta).recall({"patterns": x}, state)[0]

    state, info, again = relax(x, cues, betas)
    assert np.all(info.converged) and np.max(info.steps) < 5000
    np.testing.assert_allclose(again, state, atol=1e-9)
    assert np.all(info.energy <= energies[:, -1] + 1e-9)


def test_too_low_a_beta_recalls_the_mean():
    x = normal((6, 20))
    memory = modern_hopfield(beta=1e-4, max_steps=100, tolerance=1e-9)
    state, info = memory.recall(memory.store(x), x[1])
    np.testing.assert_allclose(state, x.mean(0), atol=1e-2)
    assert info.converged


def test_steps_are_counted_and_bounded():
    x = normal((6, 5))
    cue = x[:2].mean(0)
    steps = []
    for most in (1, 3, 1000):
        memory = modern_hopfield(beta=1.2, max_steps=most, tolerance=1e-8)
        _, info = memory.recall(memory.store(x), cue)
        steps.append((int(info.steps), bool(info.converged)))
    assert steps[:2] == [(1, False), (3, False)]
    assert steps[2][1] and 3 < steps[2][0] < 1000


def test_large_numbers_do_not_overflow():
    """In single precision, at overlaps of a million and more."""
    x = (1000 * normal((5, 30))).astype("float32")
    memory = modern_hopfield(beta=10.0, max_steps=5)
    state, info = memory.recall(memory.store(x), 0.7 * x[3])
    np.testing.assert_array_equal(state, x[3])
    assert info.energy.dtype == "float32" and np.isfinite(info.energy)
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(10 * x[3] @ x[3]))  # the naive form overflows


@pytest.mark.slow
def test_one_step_is_differentiable_and_many_in_the_forward_direction():
    x, cue = jnp.asarray(normal((4, 3))), jnp.asarray(normal(3, 1))
    check_grads(
        jax.jit(lambda x, cue, beta: modern_hopfield(beta=beta).recall({"patterns": x}, cue)[0]),
        (x, cue, jnp.asarray(0.8)), order=1, atol=1e-6, rtol=1e-6,
    )  # fmt: skip
    memory = modern_hopfield(beta=0.8, max_steps=50, tolerance=1e-6)
    check_grads(
        jax.jit(lambda cue: memory.recall({"patterns": x}, cue)[0]),
        (cue,), order=1, modes="fwd", atol=1e-4, rtol=1e-4,
    )  # fmt: skip


def test_the_gradient_of_the_energy_is_the_state_less_its_update():
    """dE/ds = s - X^T softmax(beta X s): the fixed points are the stationary points."""
    x, s = normal((6, 4)), jnp.asarray(normal(4, 1))
    memory = modern_hopfield(beta=1.3)
    slope = jax.grad(memory.energy, argnums=1)({"patterns": jnp.asarray(x)}, s)
    np.testing.assert_allclose(slope, s - memory.recall({"patterns": x}, s)[0], rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: modern_hopfield(beta=0.0), "beta must be positive, got 0.0"),
        (lambda: modern_hopfield(beta=np.ones(2)), "beta must be one number"),
        (lambda: modern_hopfield(beta=1.0, max_steps=2.0), "max_steps must be an integer, got 2.0"),
        (lambda: modern_hopfield(beta=1.0, tolerance=-1.0), "tolerance must not be negative"),
        (lambda: modern_hopfield(beta=1.0).store(np.ones(3)), r"\[patterns, units\].*\(3,\)"),
        (lambda: modern_hopfield(beta=1.0).store(np.ones((0, 3))), r"got \(0, 3\)"),
        (
            lambda: modern_hopfield(beta=1.0).add({"patterns": jnp.ones((2, 3))}, np.ones(2)),
            r"pattern must have the shape \(3,\)",
        ),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
