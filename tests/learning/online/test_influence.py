"""RTRL, exact and cut down, against back-propagation through time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import elman, gru, leaky_rnn, linear_recurrent, lstm, min_gru
from jaxbrain.learning import over_time
from jaxbrain.learning.online import readout_feedback
from tests.learning.online.problem import error, new_key
from tests.learning.online.problem import gradients as small_gradients
from tests.learning.online.problem import params_of as small_params
from tests.learning.online.problem import sequence as small_sequence

pytestmark = pytest.mark.x64

BATCH, TIME, INPUTS, UNITS = 3, 12, 2, 6
READOUT, LOSS = jb.dense(2), jb.losses.mse


@pytest.mark.parametrize("cell", [elman(3), gru(3)], ids=["elman", "gru"])
def test_rtrl_is_back_propagation_in_four_steps(cell):
    rtrl, one_step = learning.rtrl, learning.one_step_backprop
    rules = [make(cell, READOUT, LOSS) for make in (rtrl, one_step)]
    params = small_params(over_time(rules[0]).network)
    exact, cut, bptt = small_gradients(*rules, params=params)
    assert error(exact, bptt) < 1e-12 and error(cut, bptt) > 0.01


def test_one_step_backprop_is_the_gradient_at_fixed_carries():
    cell = elman(3)
    rule = learning.one_step_backprop(cell, READOUT, LOSS)
    params = small_params(over_time(rule).network)
    (found, bptt), (xs, ys) = small_gradients(rule, params=params), small_sequence()

    @jax.jit
    def total(params):
        carry, losses = cell.carry(params[0], xs[0]), []
        for x, y in zip(xs, ys, strict=True):
            carry, out = cell.step(params[0], jax.lax.stop_gradient(carry), x)
            losses.append(LOSS(READOUT.apply(params[1], out), y))
        return sum(losses) / len(losses)

    want = ravel_pytree(jax.grad(total)(params))[0]
    assert error(found, want) < 1e-12 and error(bptt, want) > 0.01


@pytest.mark.parametrize(
    ("cell", "width"), [(min_gru(3), 1), (linear_recurrent(3), 2)], ids=["real", "complex"]
)
def test_units_that_do_not_mix_need_one_column(cell, width):
    """A step reaches the real or the imaginary part: snap keeps less than the rotation."""
    rule = learning.rtrl_diagonal(cell, READOUT, LOSS)
    params = small_params(over_time(rule).network)
    exact, snap, bptt = small_gradients(rule, learning.snap(cell, READOUT, LOSS), params=params)
    assert error(exact, bptt) < 1e-12
    assert error(snap, bptt) < 1e-12 if width == 1 else error(snap, bptt) > 1e-3
    now = (jnp.ones(INPUTS), jnp.ones(2))
    traces = rule.carry(params, now)[1]
    shapes = jax.tree.map(lambda p: (width, *p.shape), params[0])
    assert jax.tree.map(jnp.shape, traces) == shapes


def data():
    x = jax.random.normal(jax.random.key(1), (BATCH, TIME, INPUTS))
    return x, jax.random.normal(jax.random.key(2), (BATCH, TIME, 2))


def params_of(rule, gain=None):
    """Params at generic values; recurrent weights of a spectral radius."""
    flat, unravel = ravel_pytree(rule.network.init(new_key(), data()[0][0]))
    params = unravel(flat + 0.1 * jax.random.normal(jax.random.key(3), flat.shape))
    if gain is not None:
        r = params[0]["recurrent"]
        square = np.asarray(r[:, : r.shape[0]])
        params[0]["recurrent"] = r * (gain / np.abs(np.linalg.eigvals(square)).max())
    return params


def gradients(rule, *points, key=None):
    """Of a rule and of back-propagation, compiled once for all points."""
    bptt = jb.backprop(rule.network, LOSS)
    grads = [jax.jit(lambda p, r=r: r.grads(p, (), *data(), key=key)[1]) for r in (rule, bptt)]
    return [[ravel_pytree(g(p))[0] for g in grads] for p in points]


@pytest.mark.parametrize("cell", [elman(UNITS), gru(UNITS)], ids=["elman", "gru"])
@pytest.mark.slow
def test_rtrl_is_back_propagation_through_time(cell):
    rule = over_time(learning.rtrl(cell, READOUT, LOSS))
    one_step = over_time(learning.one_step_backprop(cell, READOUT, LOSS))
    points = [params_of(rule, gain) for gain in (0.5, 1.0, 1.5)]
    assert max(error(*pair) for pair in gradients(rule, *points)) < 1e-12
    assert min(error(*pair) for pair in gradients(one_step, *points)) > 0.05


@pytest.mark.slow
def test_rtrl_of_a_stack_of_cells():
    """Layers, a carry of several arrays, and one with a counter in it."""

    def step(params, carry, x, *, key=None):
        return (carry[0] + 1, 0.5 * carry[1] + x), 0.5 * carry[1] + x

    counting = jb.Cell(
        lambda key, x: {}, lambda params, x: (jnp.array(0), jnp.zeros(x.shape)), step
    )
    cell = jb.cells.stack(lstm(3), counting, elman(4))
    rule = over_time(learning.rtrl(cell, READOUT, LOSS))
    assert error(*gradients(rule, params_of(rule))[0]) < 1e-12


@pytest.mark.slow
def test_the_order_of_the_approximations():
    cell = leaky_rnn(UNITS, dt=0.5, tau=1.0)
    symmetric = readout_feedback.symmetric_feedback()
    rules = [
        over_time(rule)
        for rule in (
            learning.rtrl(cell, READOUT, LOSS),
            learning.snap(cell, READOUT, LOSS),
            learning.rflo(cell, READOUT, LOSS, feedback=symmetric),
            learning.one_step_backprop(cell, READOUT, LOSS),
        )
    ]

    @jax.jit
    @jax.vmap
    def cosines(key, gain):
        params, readout = rules[0].network.init(key, data()[0][0])
        weights = jax.random.normal(jax.random.fold_in(key, 1), (UNITS, UNITS)) / jnp.sqrt(UNITS)
        params = {**params, "recurrent": gain * weights}, readout
        reference = jb.backprop(rules[0].network, LOSS).grads(params, (), *data())[1][0]
        found = [rule.grads(params, (), *data())[1][0] for rule in rules]
        pairs = [(ravel_pytree(g)[0], ravel_pytree(reference)[0]) for g in found]
        return jnp.stack([a @ b / jnp.linalg.norm(a) / jnp.linalg.norm(b) for a, b in pairs])

    gains = jnp.repeat(jnp.array([0.5, 1.0, 1.5]), 16)
    found = cosines(jax.random.split(new_key(), len(gains)), gains).reshape(3, 16, 4).mean(1)
    np.testing.assert_allclose(found[:, 0], 1, rtol=1e-12)
    assert np.all(found[:, 1:3] > 0.5) and np.all(found[:, 1:3] < 0.999)
    assert np.all(np.abs(found[:, 1] - found[:, 2]) < 0.06)  # snap and rflo are about the same
    assert np.all(found[:, 2] > found[:, 3] + 0.02)
    assert np.all(np.diff(found[:, 1:3], axis=0) < 0)  # the stronger the recurrence the worse


@pytest.mark.slow
def test_arrays_that_a_cell_was_built_from():
    """Under fit they are traced, and so is what is swept: the wiring is found all the same."""
    tau = jnp.linspace(1.0, 3.0, UNITS)

    def first(tau):
        cell = leaky_rnn(UNITS, dt=0.5, tau=tau)
        rule = over_time(learning.snap(cell, READOUT, LOSS))
        return ravel_pytree(rule.grads(params, (), *data())[1])[0]

    params = params_of(over_time(learning.snap(leaky_rnn(UNITS), READOUT, LOSS)))
    np.testing.assert_allclose(jax.jit(first)(tau), first(tau), rtol=1e-10)


def test_refusals():
    rule = learning.rtrl_diagonal(gru(3), READOUT, LOSS)
    now = (jnp.ones(INPUTS), jnp.ones(2))
    with pytest.raises(ValueError, match=r"gru\(3\) a weight moves 3 of the 3 numbers"):
        rule.carry(rule.init(new_key(), now), now)
    with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
        learning.snap(gru(UNITS), READOUT, LOSS, n=0)
    snap = learning.snap(jb.lift(jb.embed(5, 3)), READOUT, LOSS)
    word = (jnp.array(1), jnp.ones(2))
    with pytest.raises(TypeError, match="only found for floating inputs"):
        snap.carry(snap.init(new_key(), word), word)
    complex_cell = jb.Cell(
        lambda key, x: {}, lambda params, x: jnp.zeros(2, complex), lambda p, c, x, key=None: (c, x)
    )
    rule = learning.rtrl(complex_cell, READOUT, LOSS)
    with pytest.raises(TypeError, match="need a real carry"):
        rule.carry(rule.init(new_key(), now), now)
