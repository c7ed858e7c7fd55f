"""Cells over time: in blocks, reversed, masked, with a learned carry, in windows of a stream."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.cells import elman, gru, last, learned_carry, masked, scan, unroll, valid_steps

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
TIME, INPUTS, UNITS = 11, 3, 4


@pytest.fixture(scope="module")
def problem():
    cell = gru(UNITS)
    xs = jax.random.normal(jax.random.key(1), (TIME, INPUTS))
    return cell, cell.init(new_key(), xs[0]), xs


def by_hand(cell, params, xs, carry=None):
    carry = cell.carry(params, xs[0]) if carry is None else carry
    ys = []
    for x in xs:
        carry, y = cell.step(params, carry, x)
        ys.append(y)
    return carry, jnp.stack(ys)


def close(a, b, atol=1e-13):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-12, atol=atol), a, b)


def test_a_scan_is_a_loop_and_hands_its_carry_on(problem):
    cell, params, xs = problem
    whole = scan(cell, params, cell.carry(params, xs[0]), xs)
    close(whole, by_hand(cell, params, xs))
    carry, early = scan(cell, params, cell.carry(params, xs[0]), xs[:4])
    after, late = scan(cell, params, carry, xs[4:])
    close((after, jnp.concatenate([early, late])), whole)
    again = scan(cell, params, cell.carry(params, xs[0]), xs[4:])
    assert np.abs(again[1] - late).max() > 1e-3


@pytest.mark.parametrize(("block", "reverse"), [(1, False), (4, False), (50, False), (4, True)])
def test_blocks_change_nothing(problem, block, reverse):
    cell, params, xs = problem

    def loss(params, net):
        return jnp.sum(jnp.sin(net.apply(params, xs) * jnp.arange(TIME, dtype=float)[:, None]))

    plain = jax.value_and_grad(loss)(params, unroll(cell, reverse=reverse))
    close(jax.value_and_grad(loss)(params, unroll(cell, block=block, reverse=reverse)), plain)
    if reverse:
        close(
            unroll(cell, reverse=True).apply(params, xs), by_hand(cell, params, xs[::-1])[1][::-1]
        )


def test_blocks_keep_less_for_the_backward_pass(problem):
    """Of 256 steps in blocks of 16 the backward pass keeps 16 carries and one block."""
    cell = elman(64)
    xs = jnp.zeros((256, 8))
    params = cell.init(new_key(), xs[0])

    def kept(net):
        grad = jax.jit(jax.grad(lambda p: jnp.sum(net.apply(p, xs)[-1])))
        return grad.lower(params).compile().memory_analysis().temp_size_in_bytes

    assert kept(unroll(cell, block=16)) < 0.6 * kept(unroll(cell))


def test_padding_is_harmless(problem):
    cell, params, xs = problem
    padded = masked(cell)
    valid = jnp.arange(TIME) < 6

    def end(params, xs, valid):
        return jnp.sum(jnp.sin(last().apply((), unroll(padded).apply(params, (xs, valid)))))

    def short(params, xs):
        return jnp.sum(jnp.sin(unroll(cell).apply(params, xs)[-1]))

    for filler in (0.0, 1e3, jnp.nan):
        filled = jnp.where(valid[:, None], xs, filler)
        close(jax.value_and_grad(end)(params, filled, valid),
              jax.value_and_grad(short)(params, xs[:6]))  # fmt: skip
    assert abs(end(params, xs, jnp.arange(TIME) < 7) - short(params, xs[:6])) > 1e-4
    nothing = unroll(padded).apply(params, (xs, jnp.zeros(TIME, bool)))
    assert not np.any(nothing)


def test_the_carry_stays_in_the_padding(problem):
    """Padding at the start and at the end: the carry is that of the steps between them."""
    cell, params, xs = problem
    padded, valid = masked(cell), (jnp.arange(TIME) >= 3) & (jnp.arange(TIME) < 8)
    (carry, _), ys = scan(padded, params, padded.carry(params, (xs[0], valid[0])), (xs, valid))
    expected = scan(cell, params, cell.carry(params, xs[0]), xs[3:8])
    close((carry, ys[3:8]), expected)
    assert not np.any(ys[:3]) and np.all(ys[8:] == ys[7:8])


def test_a_batch_of_lengths_compiles_once(problem):
    cell, params, xs = problem
    net = jb.batch(unroll(masked(cell)))
    lengths = jnp.array([1, 6, TIME])
    valid = jnp.arange(TIME)[None] < lengths[:, None]
    ys = jax.jit(net.apply)(params, (jnp.stack([xs] * 3), valid))
    for y, length in zip(ys, lengths, strict=True):
        close(y[length - 1], unroll(cell).apply(params, xs[:length])[-1])


def test_a_learned_carry(problem):
    cell, _, xs = problem
    net = unroll(learned_carry(cell))
    params = net.init(new_key(), xs)
    assert not np.any(params["carry"])
    moved = {**params, "carry": params["carry"] + 0.3}
    close(net.apply(moved, xs), by_hand(cell, params["cell"], xs, jnp.full(UNITS, 0.3))[1])
    grads = jax.grad(lambda p: jnp.sum(net.apply(p, xs)[0]))(moved)
    assert np.all(grads["carry"] != 0)


def test_each_step_has_a_key_of_its_own():
    cell = jb.lift(jb.dropout(0.5))
    ys = unroll(cell).apply((), jnp.ones((20, 8)), key=new_key())
    assert len({tuple(y) for y in np.asarray(ys)}) > 15
    assert np.all(unroll(cell).apply((), jnp.ones((20, 8))) == 1)


def test_last_is_the_last_step_of_each_array():
    xs = {"a": np.arange(6.0).reshape(3, 2), "b": np.array([4, 5, 6])}
    found = last().apply((), xs)
    np.testing.assert_array_equal(found["a"], [4.0, 5.0])
    assert found["b"] == 6


def test_fit_trains_a_sequence():
    """The last of the inputs, remembered over the pause."""
    xs = jnp.zeros((64, 6, 1)).at[:, 0, 0].set(jnp.linspace(-1, 1, 64)).astype("float32")
    ys = xs[:, 0]
    net = jb.serial(unroll(elman(8)), last(), jb.dense(1))
    rule = jb.backprop(net, jb.losses.mse)
    _, history = jb.fit(
        rule, optax.adam(1e-2), (xs, ys), key=new_key(), epochs=60, batch_size=16, progress=False
    )
    assert history.loss[-1] < 0.01 * history.loss[0]


def test_refusals(problem):
    cell, params, xs = problem
    with pytest.raises(ValueError, match="one step at least, got an empty sequence"):
        unroll(cell).apply(params, xs[:0])
    with pytest.raises(ValueError, match="made for 3 input features"):
        unroll(cell).apply(params, xs.T)
    with pytest.raises(ValueError, match=r"a sequence is \[time, inputs\]"):
        unroll(cell).init(new_key(), jnp.ones((2, TIME, INPUTS)))
    with pytest.raises(ValueError, match=r"\[time, 3\], time first, and jb.batch takes a batch"):
        unroll(cell).apply(params, jnp.ones((2, TIME, INPUTS)))
    with pytest.raises(ValueError, match=r"from 1 to the 5 steps of the padded .* got \[6, 0\]"):
        valid_steps(jnp.array([2, 6, 0]), 5)
    with pytest.raises(TypeError, match="length must be of integers"):
        valid_steps(2.0, 5)
    with pytest.raises(ValueError, match="same number of steps"):
        unroll(masked(cell)).apply(params, (xs, jnp.ones(3, bool)))
    with pytest.raises(ValueError, match="one bool a step"):
        unroll(masked(cell)).apply(params, (xs, jnp.ones((TIME, 1), bool)))
    with pytest.raises(ValueError, match="one bool a step"):
        unroll(masked(cell)).apply(params, (xs, jnp.ones(TIME)))
    with pytest.raises(ValueError, match="block must be a positive integer"):
        unroll(cell, block=0)
    with pytest.raises(TypeError, match=r"must be a Cell, got .*: jb.lift"):
        unroll(jb.dense(3))


def test_valid_steps_are_those_before_the_padding():
    lengths = np.array([1, 3, 5])
    by_hand = np.array([[t < n for t in range(5)] for n in lengths])
    np.testing.assert_array_equal(valid_steps(lengths, 5), by_hand)
    np.testing.assert_array_equal(jax.jit(lambda n: valid_steps(n, 5))(lengths), by_hand)
