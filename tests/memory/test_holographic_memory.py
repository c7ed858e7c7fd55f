"""The holographic memory against the sum of its pairs and the theory of its errors."""

import math
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import (
    fourier_holographic_reduced,
    holographic,
    holographic_capacity,
    holographic_reduced,
    multiply_add_permute,
    unitary,
)
from tests.memory.symbol_families import FAMILIES, families, near

pytestmark = pytest.mark.x64


new_key = partial(jax.random.key, 4)


def chance_of_the_right_answer(signal, noise, others, rivals):
    """int N(h; signal, noise^2) Phi(h / others)^rivals dh: Frady, Kleyko & Sommer (2018)."""
    h = np.linspace(signal - 8 * noise, signal + 8 * noise, 4001)
    density = np.exp(-(((h - signal) / noise) ** 2) / 2) / (noise * math.sqrt(2 * math.pi))
    below = np.array([math.erfc(-v / others / math.sqrt(2)) / 2 for v in h])
    return float(np.sum(density * below**rivals) * (h[1] - h[0]))


# variances of <found, item>/|item| times n, of the right item and of others; HRR: Plate's 6 for the
# key's echo, less 1.5 for the length of the item
VARIANCES = {
    "hrr": (lambda k: k - 1 + 4.5, lambda k: k + 1),
    "fhrr": (lambda k: (k - 1) / 2, lambda k: k / 2),
    "map": (lambda k: k - 1, lambda k: k),
}


@families
@pytest.mark.parametrize("pairs", [6, 12, 25])
def test_right_answers_are_as_many_as_theory_says(name, pairs):
    """The normal approximation, +-0.03; with half the width it is another."""
    n = 64 if name == "fhrr" else 128
    symbols = FAMILIES[name](n)
    memory = holographic(symbols)

    def share(key):
        keys, values = symbols.draw(key, 2 * pairs).reshape(2, pairs, n)
        found, _ = jax.vmap(memory.recall, (None, 0))(memory.store((keys, values)), keys)
        return jnp.mean(jnp.all(found == values, axis=1))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = jax.jit(jax.vmap(share))(jax.random.split(new_key(), 6000 // pairs))
    hit, other = (math.sqrt(of(pairs)) for of in VARIANCES[name])
    theory, half = (
        chance_of_the_right_answer(1, hit / math.sqrt(m), other / math.sqrt(m), pairs - 1)
        for m in (n, n / 2)
    )
    assert float(jnp.mean(right)) == pytest.approx(theory, abs=0.03)
    assert float(jnp.mean(right)) != pytest.approx(half, abs=0.03)


@families
def test_memory_is_the_sum_of_its_pairs(name):
    symbols = FAMILIES[name](300)
    memory = holographic(symbols)
    keys, values = symbols.draw(new_key(), 8).reshape(2, 4, 300)
    params = jax.jit(memory.store)((keys, values))
    near(params["trace"], sum(symbols.bind(k, v) for k, v in zip(keys, values, strict=True)))
    state, info = jax.jit(jax.vmap(memory.recall, (None, 0)))(params, keys)
    near(state, values, 0)
    assert info.converged.all() and (info.steps == 1).all() and info.energy is None
    fewer = {"trace": params["trace"] - symbols.bind(keys[3], values[3]), "values": values[:3]}
    added = jax.jit(memory.add)(fewer, (keys[3], values[3]))
    near(added["trace"], params["trace"])
    near(added["values"], params["values"], 0)
    assert memory == holographic(FAMILIES[name](300)) != holographic(FAMILIES[name](301))


@pytest.mark.slow
def test_at_capacity_less_than_one_answer_is_wrong():
    symbols = multiply_add_permute(256)
    memory = holographic(symbols)

    @partial(jax.jit, static_argnums=1)
    @partial(jax.vmap, in_axes=(0, None))
    def mistakes(key, pairs):
        keys, values = symbols.draw(key, 2 * pairs).reshape(2, pairs, 256)
        found, _ = jax.vmap(memory.recall, (None, 0))(memory.store((keys, values)), keys)
        return jnp.sum(jnp.any(found != values, axis=1))

    count, keys = holographic_capacity(256), jax.random.split(new_key(), 400)
    hit, other = math.sqrt((count - 1) / 256), math.sqrt(count / 256)
    theory = count * (1 - chance_of_the_right_answer(1, hit, other, count - 1))
    assert float(jnp.mean(mistakes(keys, count))) == pytest.approx(theory, abs=0.12)
    assert 0.4 < theory < 1
    with pytest.warns(UserWarning, match=f"answers {count} without a mistake") as seen:
        assert float(jnp.mean(mistakes(jax.random.split(new_key(), 20), 2 * count))) > 5
    assert seen[0].filename == __file__


def test_wrong_arguments_are_refused():
    symbols = holographic_reduced(8)
    memory = holographic(symbols)
    x = symbols.draw(new_key(), 4)
    phasors = fourier_holographic_reduced(8).draw(new_key(), 2)
    params = holographic(multiply_add_permute(8)).store((x[:1], x[1:2]))
    wrong = {
        r"y must have the shape \(8,\), got \(4, 8\); many": (lambda: symbols.bind(x[0], x)),
        r"vectors must have the shape \[count, 8\], got \(8,\)": (lambda: symbols.bundle(x[0])),
        "unitary: vector must be real": (lambda: unitary(phasors[0])),
        "patterns must be a pair of arrays for holographic": (lambda: memory.store(x)),
        r"patterns\[0\] must have the shape \[pairs, n\]": (lambda: memory.store((x[0], x))),
        r"patterns\[1\] must be real, as the keys": (lambda: memory.store((x[:2], phasors))),
        "as many rows on both sides, got 4 and 3": (lambda: memory.store((x, x[:3]))),
        r"cue must have the shape \(8,\), as the trace": (lambda: memory.recall(params, x[0, :4])),
        "cue must be real, as the trace, got complex128": (
            lambda: memory.recall(params, phasors[0])),
        r"pattern\[1\] must have the shape": (lambda: memory.add(params, (x[0], x))),
    }  # fmt: skip
    for message, call in wrong.items():
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match=r"symbols must be a VectorSymbols such as .* got 8"):
        holographic(8)  # type: ignore[arg-type]
    for make in FAMILIES.values():
        with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
            make(0)
