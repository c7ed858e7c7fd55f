"""Cells of cells: stacked, with a shortcut, in both directions, over padding."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import (
    bidirectional,
    elman,
    gru,
    learned_carry,
    lstm,
    masked,
    residual,
    stack,
    unroll,
)  # fmt: skip
from tests.cells.reference import generic

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
RUN = jax.jit(lambda net, params, xs: net.apply(params, xs))
TIME, INPUTS = 7, 3


@pytest.fixture(scope="module")
def xs():
    return jnp.asarray(np.random.default_rng(1).normal(size=(TIME, INPUTS)))


def equal(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_stack_is_one_network_after_another(xs):
    low, high = lstm(4), gru(2)
    stacked, chain = unroll(stack(low, high)), jb.serial(unroll(low), unroll(high))
    shapes = jax.eval_shape(stacked.init, new_key(), xs)
    assert shapes == jax.eval_shape(chain.init, new_key(), xs)
    params = generic(shapes)
    expected = RUN(chain, params, xs)
    equal(RUN(stacked, params, xs), expected)
    assert np.abs(RUN(chain, params, xs[::-1]) - expected).max() > 1e-2


@pytest.mark.slow
def test_a_stack_of_cells_that_look_at_the_carry(xs):
    """A learned carry, and a cell whose projection the stack takes over, blocks as without."""
    cell = stack(jb.memory.linear_attention(4, 2), learned_carry(gru(3)))
    params = cell.init(new_key(), xs[0])
    assert cell.project is not None
    plain = stack(jb.memory.linear_attention(4, 2)._replace(project=None), learned_carry(gru(3)))
    equal(unroll(cell, block=3).apply(params, xs), unroll(plain).apply(params, xs))
    moved = (params[0], {**params[1], "carry": params[1]["carry"] + 0.5})
    assert np.abs(unroll(cell).apply(moved, xs) - unroll(cell).apply(params, xs)).max() > 0.1


def test_each_cell_of_a_stack_has_noise_of_its_own():
    noisy = jb.lift(jb.dropout(0.5))
    ones = jnp.ones((6, 50))
    once, twice = (
        unroll(stack(*[noisy] * n)).apply(((),) * n, ones, key=new_key()) for n in (1, 2)
    )
    assert 0.4 < np.mean(once > 0) < 0.6 and 0.15 < np.mean(twice > 0) < 0.35
    equal(unroll(stack(noisy, noisy)).apply(((), ()), ones), ones)


def test_a_shortcut(xs):
    cell = gru(INPUTS)
    params = cell.init(new_key(), xs[0])
    equal(unroll(residual(cell)).apply(params, xs), xs + unroll(cell).apply(params, xs))
    deep = unroll(stack(residual(gru(INPUTS)), residual(gru(INPUTS))))
    both = deep.init(new_key(), xs)
    step = xs + unroll(cell).apply(both[0], xs)
    equal(deep.apply(both, xs), step + unroll(cell).apply(both[1], step))
    attention = residual(jb.memory.linear_attention(2, INPUTS))
    weights = attention.init(new_key(), xs[0])
    inner = unroll(jb.memory.linear_attention(2, INPUTS))
    equal(unroll(attention).apply(weights, xs), xs + inner.apply(weights, xs))


def test_both_directions(xs):
    net = bidirectional(gru(4), lstm(2))
    params = generic(jax.eval_shape(net.init, new_key(), xs))
    ys = RUN(net, params, xs)
    equal(ys[:, :4], RUN(unroll(gru(4)), params[0], xs))
    equal(ys[:, 4:], RUN(unroll(lstm(2)), params[1], xs[::-1])[::-1])
    late = RUN(net, params, xs.at[-1].add(1.0))
    assert np.all(late[:-1, :4] == ys[:-1, :4]) and np.all(np.abs(late - ys)[:, 4:].max(1) > 1e-6)


@pytest.mark.slow
def test_both_directions_in_blocks(xs):
    net, blocks = (bidirectional(gru(4), lstm(2), block=block) for block in (None, 3))
    params = generic(jax.eval_shape(net.init, new_key(), xs))
    equal(RUN(blocks, params, xs), RUN(net, params, xs))


def test_both_directions_over_padding(xs):
    """The backward cell starts in the padding and must come out of it as it went in."""
    net, length = bidirectional(masked(gru(4)), masked(gru(4))), 4
    valid = jnp.arange(TIME) < length
    params = net.init(new_key(), (xs, valid))
    short = bidirectional(gru(4), gru(4)).apply(params, xs[:length])
    for filler in (0.0, 1e3):
        filled = jnp.where(valid[:, None], xs, filler)
        equal(net.apply(params, (filled, valid))[:length], short)
    seen = bidirectional(gru(4), gru(4)).apply(params, xs)[:length]
    assert np.abs(seen - short).max() > 1e-2


@pytest.mark.slow
def test_a_deep_network_in_both_directions_learns_by_any_rule(xs):
    net = jb.serial(bidirectional(stack(gru(3), elman(2)), gru(2)), jb.cells.last(), jb.dense(1))
    rule = jb.backprop(net, jb.losses.mse)
    x, y = jnp.stack([xs, xs[::-1]]), jnp.ones((2, 1))
    params = net.init(new_key(), xs)
    loss, grads, _ = rule.grads(params, rule.init(new_key(), params, xs), x, y, key=new_key())
    expected = jax.grad(lambda p: jnp.mean((jb.batch(net).apply(p, x) - y) ** 2))(params)
    jax.tree.map(equal, grads, expected)
    # what the last step of the backward cell sees is one step: no path through its recurrence
    idle = grads[0][1]["recurrent"]
    assert loss > 0 and not np.any(idle) and np.any(grads[0][0][0]["recurrent"])


def test_refusals(xs):
    with pytest.raises(TypeError, match=r"stack\(\) needs at least one cell, got none"):
        stack()
    with pytest.raises(TypeError, match=r"stack: cells\[1\] must be a Cell, got dense\(3\); make"):
        stack(gru(2), jb.dense(3))
    with pytest.raises(TypeError, match="residual: cell must be a Cell"):
        residual(unroll(gru(2)))
    with pytest.raises(TypeError, match="bidirectional: backward must be a Cell"):
        bidirectional(gru(2), unroll(gru(2)))
    with pytest.raises(ValueError, match="block must be a positive integer"):
        bidirectional(gru(2), gru(2), block=0)
    cell = residual(gru(4))
    with pytest.raises(ValueError, match=r"must have the shape of the input, \(3,\), but it is"):
        unroll(cell).apply(cell.init(new_key(), xs[0]), xs)
    with pytest.raises(ValueError, match="one step at least, got an empty sequence"):
        bidirectional(gru(2), gru(2)).init(new_key(), xs[:0])
    with pytest.raises(ValueError, match=r"a sequence is \[time, inputs\]"):
        unroll(stack(gru(2), gru(2))).init(new_key(), jnp.ones((2, TIME, INPUTS)))
