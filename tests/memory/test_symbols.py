"""Vector symbols against their algebra and their statistics."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import (
    clean_up,
    fourier_holographic_reduced,
    holographic_reduced,
    multiply_add_permute,
    unitary,
)
from tests.memory.symbol_families import FAMILIES, families, near

pytestmark = pytest.mark.x64


new_key = partial(jax.random.key, 4)


@pytest.mark.parametrize("n", [12, 13])
def test_reduced_binding_is_circular_convolution(n):
    symbols = holographic_reduced(n)
    x, y = np.asarray(symbols.draw(new_key(), 2))
    convolved = [sum(x[k] * y[(j - k) % n] for k in range(n)) for j in range(n)]
    correlated = [sum(y[k] * x[(k + j) % n] for k in range(n)) for j in range(n)]
    near(symbols.bind(x, y), convolved)
    near(symbols.unbind(x, y), correlated)


def test_fourier_binding_adds_phases():
    symbols = fourier_holographic_reduced(9)
    x, y = symbols.draw(new_key(), 2)
    assert x.dtype == "complex128"
    x, y = np.asarray(x), np.asarray(y)
    near(symbols.bind(x, y), np.exp(1j * (np.angle(x) + np.angle(y))))
    near(symbols.unbind(x, y), np.exp(1j * (np.angle(x) - np.angle(y))))


@families
def test_symbols_are_of_their_family(name):
    """Variance 1/n, phases over the whole circle, signs of both kinds; all nearly orthogonal."""
    symbols = FAMILIES[name](2000)
    x = np.asarray(symbols.draw(new_key(), 40))
    assert x.shape == (40, 2000)
    assert abs(x.mean()) < 5 * np.abs(x).std() / math.sqrt(x.size) + 5 / math.sqrt(x.size)
    if name == "hrr":
        near(np.linalg.norm(x, axis=1).mean(), 1, 0.01)
    else:
        near(np.abs(x), 1, 1e-12)
    if name == "map":
        assert set(np.unique(x)) == {-1, 1}
    similar = jax.vmap(jax.vmap(symbols.similarity, (None, 0)), (0, None))(x, x)
    near(jnp.diag(similar), np.ones(40))
    real = 2 if name == "fhrr" else 1
    apart = np.asarray(similar)[~np.eye(40, dtype=bool)]
    assert apart.std() == pytest.approx(1 / math.sqrt(2000 * real), rel=0.1)


@families
@pytest.mark.parametrize("n", [64, 65])
def test_binding_commutes_associates_and_distributes(name, n):
    symbols = FAMILIES[name](n)
    x, y, z = symbols.draw(new_key(), 3)
    bind = symbols.bind
    near(bind(x, y), bind(y, x))
    near(bind(bind(x, y), z), bind(x, bind(y, z)))
    near(bind(x, y + z), bind(x, y) + bind(x, z))
    assert abs(float(symbols.similarity(bind(x, y), x))) < 0.5
    assert abs(float(symbols.similarity(bind(x, y), z))) < 0.5


@pytest.mark.parametrize("n", [64, 65])
@pytest.mark.slow
def test_unbinding_is_exact_where_theory_says(n):
    for name in ("fhrr", "map"):
        symbols = FAMILIES[name](n)
        x, y = symbols.draw(new_key(), 2)
        near(symbols.unbind(symbols.bind(x, y), y), x)
    symbols = holographic_reduced(n)
    x, y = symbols.draw(new_key(), 2)
    turn = unitary(y)
    near(symbols.unbind(symbols.bind(x, turn), turn), x)
    near(jnp.linalg.norm(turn), 1)
    near(unitary(turn), turn)
    assert float(symbols.similarity(turn, y)) > 0.8
    assert float(jnp.max(jnp.abs(symbols.unbind(symbols.bind(x, y), y) - x))) > 0.1


def test_unitary_of_a_vector_with_silent_frequencies():
    constant = unitary(jnp.ones(8))
    near(jnp.abs(jnp.fft.rfft(constant)), np.ones(5))
    assert bool(jnp.all(jnp.isfinite(unitary(jnp.zeros(8)))))


@families
@pytest.mark.parametrize("pairs", [1, 3, 8])
def test_similarity_of_what_is_unbound(name, pairs):
    """1/sqrt(k + 1) for HRR, whose key stretches: E|K|^4 = 2 (E|K|^2)^2; else 1/sqrt(k); +-0.01."""
    symbols = FAMILIES[name](2048)

    def cosine(key):
        keys, values = symbols.draw(key, 2 * pairs).reshape(2, pairs, -1)
        trace = jnp.sum(jax.vmap(symbols.bind)(keys, values), axis=0)
        return symbols.similarity(symbols.unbind(trace, keys[0]), values[0])

    measured = float(jnp.mean(jax.jit(jax.vmap(cosine))(jax.random.split(new_key(), 20))))
    theory = 1 / math.sqrt(pairs + (name == "hrr"))
    assert measured == pytest.approx(theory, abs=0.01)
    assert measured != pytest.approx(1 / math.sqrt(pairs + (name != "hrr")), abs=0.01)


@pytest.mark.parametrize("k", [3, 5, 9, 21])
def test_bundle_of_signs_is_the_binomial(k):
    """C(k-1, (k-1)/2) / 2^(k-1), +-0.005; the law of k + 2 is not."""
    symbols = multiply_add_permute(40_000)
    x = symbols.draw(new_key(), k)
    measured = float(jnp.mean(jax.vmap(symbols.similarity, (0, None))(x, symbols.bundle(x))))
    law = lambda k: math.comb(k - 1, (k - 1) // 2) / 2 ** (k - 1)  # noqa: E731
    assert measured == pytest.approx(law(k), abs=0.005)
    assert measured != pytest.approx(law(k + 2), abs=0.005)


@pytest.mark.slow
def test_bundles_are_of_their_family():
    """Of HRR 1/sqrt(k); of two phasors E cos(d/2) = 2/pi; two signs that differ leave 0."""
    reduced, fourier = holographic_reduced(20_000), fourier_holographic_reduced(20_000)
    x = reduced.draw(new_key(), 4)
    near(jnp.linalg.norm(reduced.bundle(x)), 1)
    assert float(reduced.similarity(reduced.bundle(x), x[0])) == pytest.approx(0.5, abs=0.02)
    x = fourier.draw(new_key(), 2)
    near(jnp.abs(fourier.bundle(x)), np.ones(20_000))
    found = float(fourier.similarity(fourier.bundle(x), x[0]))
    assert found == pytest.approx(2 / math.pi, abs=0.01)
    signs = multiply_add_permute(2).bundle(jnp.array([[1.0, 1.0], [1.0, -1.0]]))
    assert signs.tolist() == [1, 0]


def test_clean_up_takes_the_most_similar_and_not_the_longest():
    symbols = holographic_reduced(3)
    codebook = jnp.array([[10.0, 9.0, 0.0], [1.0, 0.1, 0.0], [0.0, 0.0, 0.0]])
    assert int(clean_up(symbols, codebook, jnp.array([1.0, 0.0, 0.0]))) == 1
    assert float(symbols.similarity(codebook[2], codebook[0])) == 0
    slope = jax.grad(symbols.similarity)(codebook[2], codebook[0])
    assert bool(jnp.all(jnp.isfinite(slope)))
