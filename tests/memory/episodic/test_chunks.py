"""Fast weights in chunks against the same fast weights step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells.stages import SequenceStep
from jaxbrain.memory.episodic import chunks
from jaxbrain.memory.episodic.feature_maps import unit
from tests.contract import close

pytestmark = pytest.mark.x64

TIME = 2 * chunks.CHUNK + 13  # whole chunks and a rest
CELLS = {
    "hebbian_fast_weights": lambda r: jb.memory.hebbian_fast_weights(4, 3, retention=r),
    "linear_attention": lambda r: jb.memory.linear_attention(4, 3),
    "delta_fast_weights": lambda r: jb.memory.delta_fast_weights(4, 3),
}
cells = pytest.mark.parametrize("name", CELLS)


def case(name, dtype="float64"):
    """Params, a carry that is not zero, inputs, and the retention."""
    xs = jax.random.normal(jax.random.key(0), (TIME, 5), dtype)
    cell = CELLS[name](0.9)
    params = cell.init(jax.random.key(1), xs[0])
    carry = jax.tree.map(
        lambda a: jnp.cos(jnp.arange(a.size, dtype=dtype)).reshape(a.shape) + 1,
        cell.carry(params, xs[0]),
    )
    return params, carry, xs, jnp.asarray(0.9, dtype)


def in_steps(cell, params, carry, xs):
    return jax.lax.scan(lambda c, x: cell.step(params, c, x), carry, cell.project(params, xs))


def value_and_gradient(name, scan):
    """Of a loss of the outputs and the last carry, and both of these."""

    def loss(params, carry, xs, retention):
        found = scan(CELLS[name](retention), params, carry, xs)
        return sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves(found)), found

    return jax.jit(jax.value_and_grad(loss, (0, 1, 2, 3), has_aux=True))


@cells
def test_the_derivative_in_chunks_is_that_step_by_step(name):
    """Of outputs and last carry, by params, first carry, inputs and retention."""
    arguments = case(name)
    step_by_step = value_and_gradient(name, in_steps)
    found, want = value_and_gradient(name, jb.cells.scan)(*arguments), step_by_step(*arguments)
    close(found, want, rtol=1e-10, atol=1e-10)
    other = step_by_step(*arguments[:2], arguments[2][::-1], arguments[3])
    assert abs(other[0][0] - want[0][0]) > 1e-2


def test_single_precision_is_right_to_five_digits():
    arguments = case("delta_fast_weights", "float32")
    found, want = (
        value_and_gradient("delta_fast_weights", scan)(*arguments)
        for scan in (jb.cells.scan, in_steps)
    )
    for a, b in zip(*map(jax.tree.leaves, (found, want)), strict=True):
        assert a.dtype == jnp.float32
        np.testing.assert_allclose(a, b, atol=1e-5 * max(1, np.abs(b).max()))


def test_chunks_are_the_recurrence():
    """By NumPy; keys that repeat and rates of 1, where the inverse is worst conditioned."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(TIME, n)) for n in (4, 4, 3))
    k[10:50] = k[9]
    k, rate = np.asarray(unit(k)), np.where(np.arange(TIME) < 60, 1.0, rng.random(TIME))
    start = rng.normal(size=(4, 3))
    delta, summed, read = start, start, {"delta": [], "summed": []}
    for q_t, k_t, v_t, b in zip(q, k, v, rate, strict=True):
        delta = delta + b * np.outer(k_t, v_t - k_t @ delta)
        summed = 0.8 * summed + np.outer(k_t, v_t)
        read["delta"].append(q_t @ delta)
        read["summed"].append(q_t @ summed)
    found = jax.jit(chunks.delta_chunks)(start, q, k, v, rate)
    close(found, (delta, np.array(read["delta"])), rtol=1e-11, atol=1e-12)
    found = jax.jit(chunks.hebbian_chunks)(0.8, start, q, k, v)
    close(found, (summed, np.array(read["summed"])), rtol=1e-11, atol=1e-12)
    assert np.abs(summed - delta).max() > 0.1


@cells
def test_long_sequences_alone_are_derived_in_chunks(name):
    """As the loops of the derivative show, and through a wrapped cell too."""

    def steps(cell, time, **options):
        params, xs = cell.init(jax.random.key(0), jnp.ones(5)), jnp.ones((time, 5))
        net = jb.cells.unroll(cell, **options)
        traced = jax.make_jaxpr(jax.grad(lambda p: jnp.sum(net.apply(p, xs))))(params)
        return f"length={time}" in str(traced)

    cell, longest = CELLS[name](1.0), 2 * chunks.CHUNK
    assert isinstance(cell.step, SequenceStep)
    assert steps(cell, longest - 1) and not steps(cell, longest)
    assert steps(cell, longest, reverse=True)
    assert not steps(jb.cells.learned_carry(cell), longest)
