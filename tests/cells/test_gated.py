"""Gated cells against NumPy, and limits in which two cells are one."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.cells import (
    gru,
    lstm,
    lstm_peephole,
    min_gru,
    minimal_gated,
    parallel_min_gru,
    scan,
    ugrnn,
    unroll,
)
from tests.cells.reference import (
    INPUTS,
    TIME,
    UNITS,
    affine,
    arrays,
    check_equation,
    generic,
    numpy_loop,
    sequence,
    sigmoid,
)

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)


def numpy_lstm(p, carry, x):
    h, c = carry
    i, f, g, o = np.split(affine(p, x, h), 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (h, c), h


def numpy_peephole(p, carry, x):
    h, c = carry
    i, f, g, o = np.split(affine(p, x, h), 4)
    see_i, see_f, see_o = p["peephole"]
    new = sigmoid(f + see_f * c) * c + sigmoid(i + see_i * c) * np.tanh(g)
    h = sigmoid(o + see_o * new) * np.tanh(new)
    return (h, new), h


def numpy_minimal(p, h, x):
    w, r, b = (np.split(p[part], 2, -1) for part in ("kernel", "recurrent", "bias"))
    f = sigmoid(x @ w[0] + h @ r[0] + b[0])
    n = np.tanh(x @ w[1] + (f * h) @ r[1] + b[1])
    h = (1 - f) * h + f * n
    return h, h


def numpy_ugrnn(p, h, x):
    g, n = np.split(affine(p, x, h), 2)
    h = sigmoid(g) * h + (1 - sigmoid(g)) * np.tanh(n)
    return h, h


def numpy_min_gru(p, h, x):
    z, n = np.split(x @ p["kernel"] + p["bias"], 2)
    h = (1 - sigmoid(z)) * h + sigmoid(z) * n
    return h, h


CELLS = {
    "lstm": (lstm, numpy_lstm),
    "lstm_peephole": (lstm_peephole, numpy_peephole),
    "minimal_gated": (minimal_gated, numpy_minimal),
    "ugrnn": (ugrnn, numpy_ugrnn),
    "min_gru": (min_gru, numpy_min_gru),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_equations(name):
    make, step = CELLS[name]
    check_equation(make(UNITS), step, sequence())


@pytest.mark.parametrize("name", ["lstm_peephole", "ugrnn"])
def test_gradients_are_slopes(name):
    """Central differences of the NumPy form in a random direction, reverse and forward."""
    make, step = CELLS[name]
    cell = make(UNITS)
    xs = sequence()
    params = generic(cell.init(new_key(), xs[0]))
    along, carry = generic(params, 3), generic(cell.carry(params, xs[0]), 2)
    weight = np.random.default_rng(4).normal(size=(TIME, UNITS))

    def loss(params):
        return jnp.sum(weight * scan(cell, params, carry, xs)[1])

    def moved(by):
        there = jax.tree.map(lambda p, d: np.asarray(p + by * d), params, along)
        return np.sum(weight * numpy_loop(step, there, arrays(carry), np.asarray(xs))[1])

    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    grads = jax.grad(loss)(params)
    backward = sum(
        jnp.sum(g * d)
        for g, d in zip(jax.tree.leaves(grads), jax.tree.leaves(along), strict=True)
    )  # fmt: skip
    forward = jax.jvp(loss, (params,), (along,))[1]
    np.testing.assert_allclose([backward, forward], slope, rtol=1e-8)
    curved = (moved(1e-3) - 2 * moved(0) + moved(-1e-3)) / 1e-6
    twice = jax.jvp(lambda p: jax.jvp(loss, (p,), (along,))[1], (params,), (along,))[1]
    np.testing.assert_allclose(twice, curved, rtol=1e-4)


def test_the_forget_gate_begins_open():
    for make, gate in ((lstm, 1), (lstm_peephole, 1), (ugrnn, 0)):
        bias = make(UNITS, forget_bias=2.5).init(new_key(), jnp.ones(INPUTS))["bias"]
        expected = np.zeros((len(bias) // UNITS, UNITS))
        expected[gate] = 2.5
        np.testing.assert_array_equal(bias, expected.ravel())


def test_limits_in_which_two_cells_are_one():
    """Without peepholes an LSTM; a GRU whose reset gate is open a UGRNN."""
    xs = sequence()
    params = generic(lstm(UNITS).init(new_key(), xs[0]))
    seeing = {**params, "peephole": jnp.zeros((3, UNITS))}
    plain = unroll(lstm(UNITS)).apply(params, xs)
    np.testing.assert_array_equal(unroll(lstm_peephole(UNITS)).apply(seeing, xs), plain)
    opened = {**params, "peephole": jnp.full((3, UNITS), 0.3)}
    assert np.abs(unroll(lstm_peephole(UNITS)).apply(opened, xs) - plain).max() > 1e-3

    small = generic(ugrnn(UNITS).init(new_key(), xs[0]))

    def with_reset(bias):
        wide = {part: jnp.pad(a, [(0, 0)] * (a.ndim - 1) + [(UNITS, 0)])
                for part, a in small.items()}  # fmt: skip
        wide["bias"] = wide["bias"].at[:UNITS].set(bias)
        return unroll(gru(UNITS)).apply({**wide, "candidate_bias": jnp.zeros(UNITS)}, xs)

    update = unroll(ugrnn(UNITS)).apply(small, xs)
    np.testing.assert_allclose(with_reset(50.0), update, rtol=1e-13)
    assert np.abs(with_reset(0.0) - update).max() > 1e-2


def test_min_gru_in_parallel():
    xs = sequence(13)
    net, parallel = unroll(min_gru(UNITS)), parallel_min_gru(UNITS)
    params = generic(net.init(new_key(), xs))
    assert jax.tree.all(
        jax.tree.map(np.array_equal, net.init(new_key(), xs), parallel.init(new_key(), xs))
    )

    def loss(net):
        return jax.jit(jax.value_and_grad(lambda p: jnp.sum(jnp.sin(3 * net.apply(p, xs)))))(params)

    for a, b in zip(jax.tree.leaves(loss(net)), jax.tree.leaves(loss(parallel)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
    reverse = parallel.apply(params, xs[::-1])
    assert np.abs(reverse - net.apply(params, xs)).max() > 0.1


@pytest.mark.parametrize("name", CELLS)
def test_refusals(name):
    make = CELLS[name][0]
    with pytest.raises(ValueError, match=f"{name}: units must be a positive integer, got 0"):
        make(0)
    cell = make(UNITS)
    params = cell.init(new_key(), jnp.ones(INPUTS))
    with pytest.raises(ValueError, match="made for 3 input features"):
        cell.step(params, cell.carry(params, jnp.ones(INPUTS)), jnp.ones(5))


def test_refusals_of_the_parallel_form():
    with pytest.raises(ValueError, match="one step at least"):
        parallel_min_gru(2).init(new_key(), jnp.ones((0, 3)))
    net = parallel_min_gru(2)
    with pytest.raises(ValueError, match="made for 3 input features"):
        net.apply(net.init(new_key(), jnp.ones((4, 3))), jnp.ones((3, 4)))
