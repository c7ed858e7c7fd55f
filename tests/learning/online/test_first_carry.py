"""Online rules of cells whose first carry depends on the params: what is credited to it."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import (
    alif,
    connected,
    delayed,
    elman,
    gru,
    leaky_rnn,
    learned_carry,
    linear_recurrent,
    lstm,
    min_gru,
    residual,
    stack,
)
from jaxbrain.learning import over_time
from jaxbrain.learning.online.first_carry import pull_first_carry
from jaxbrain.learning.online.jacobian_sparsity import sparsity_pattern
from jaxbrain.learning.online.readout_feedback import symmetric_feedback
from jaxbrain.learning.readout import generator
from tests.learning.online.problem import (
    INPUTS,
    LOSS,
    OUTPUTS,
    READOUT,
    STEPS,
    error,
    gradients,
    new_key,
    numpy_of,
    over_all_signs,
    params_of,
    sequence,
)
from tests.tables import CELLS

pytestmark = pytest.mark.x64

BATCH = 3


def from_its_weights(units=3):
    """A cell by hand: its bias sets the first carry too, together with the first input."""
    inner = elman(units)

    def carry(params, x):
        return jnp.tanh(params["bias"] * jnp.sum(x) + params["kernel"][0] ** 2)

    return jb.Cell(inner.init, carry, inner.step)


def counting():
    """A cell without weights whose carry begins with a counter."""
    return jb.Cell(
        lambda key, x: {},
        lambda params, x: (jnp.array(0), jnp.zeros(x.shape)),
        lambda params, carry, x, key=None: ((carry[0] + 1, 0.5 * carry[1] + x), carry[1] + x),
    )


def batched_gradients(*rules, params):
    """The gradient of each rule over a batch, and that of back-propagation; one program."""
    rules = [over_time(rule) for rule in rules]
    rules.append(jb.backprop(rules[0].network, LOSS))
    rng = np.random.default_rng(4)
    data = tuple(jnp.asarray(rng.normal(size=(BATCH, STEPS, n))) for n in (INPUTS, OUTPUTS))

    @jax.jit
    def all_of_them(params):
        return [rule.grads(params, (), *data)[1] for rule in rules]

    return all_of_them(params)


def far_apart(a, b):
    return error(ravel_pytree(a)[0], ravel_pytree(b)[0])


LEARNED = {
    "elman": lambda: learned_carry(elman(3)),
    "by hand": from_its_weights,
}
MORE = {
    "gru": lambda: learned_carry(gru(3)),
    "lstm": lambda: learned_carry(lstm(3)),
    "leaky_rnn": lambda: learned_carry(leaky_rnn(3, dt=0.3, tau=1.0)),
    "linear_recurrent": lambda: learned_carry(linear_recurrent(3)),
    "generator": lambda: generator(4, 2),
    "twice": lambda: learned_carry(learned_carry(elman(3))),
    "in a stack": lambda: stack(gru(2), counting(), learned_carry(residual(elman(2)))),
    "of a stack": lambda: learned_carry(stack(lstm(2), elman(3))),
    "delayed": lambda: delayed(learned_carry(elman(3)), 2),
    "of a delay": lambda: learned_carry(delayed(elman(3), 2)),
    "masked weights": lambda: learned_carry(connected(gru(3), np.eye(3) > 0)),
}


@pytest.mark.parametrize(
    "name", [*LEARNED, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]
)
def test_rtrl_is_back_propagation(name):
    cell = (LEARNED | MORE)[name]()
    rules = [make(cell, READOUT, LOSS) for make in (learning.rtrl, learning.one_step_backprop)]
    params = params_of(over_time(rules[0]).network)
    exact, cut, bptt = batched_gradients(*rules, params=params)
    assert far_apart(exact, bptt) < 1e-12 and far_apart(cut, bptt) > 0.01
    if name == "elman":
        assert float(jnp.linalg.norm(bptt[0]["carry"])) > 0.01
        np.testing.assert_array_equal(cut[0]["carry"], np.zeros(3))


@pytest.mark.parametrize(
    ("cell", "width"),
    [pytest.param(min_gru(3), 1, marks=pytest.mark.slow), (linear_recurrent(3), 2)],
    ids=["real", "complex"],
)
def test_units_that_do_not_mix(cell, width):
    rule = learning.rtrl_diagonal(learned_carry(cell), READOUT, LOSS)
    params = params_of(over_time(rule).network)
    exact, bptt = gradients(rule, params=params)
    assert error(exact, bptt) < 1e-12
    now = (jnp.ones(INPUTS), jnp.ones(OUTPUTS))
    first = rule.carry(params, now)[1]
    shapes = jax.tree.map(lambda p: (width, *p.shape), params[0])
    assert jax.tree.map(jnp.shape, first) == shapes
    ones = sum(float(jnp.abs(entries).sum()) for entries in jax.tree.leaves(first))
    assert ones == ravel_pytree(params[0]["carry"])[0].size


UNITS = 5
RING = np.eye(UNITS) + np.roll(np.eye(UNITS), 1, axis=1)  # to itself and to the next unit


def snap_by_hand(params, n):
    """S_0 = 1, S_t = mask D_t S_{t-1}, g_t = dL_t/dh_t D_t S_{t-1}; of the first carry alone."""
    cell, readout = params
    inner, h = cell["cell"], cell["carry"]
    distance = (np.arange(UNITS)[:, None] - np.arange(UNITS)[None]) % UNITS
    recurrent, influence, total = inner["recurrent"] * RING, np.eye(UNITS), 0.0
    for x, y in zip(*sequence(), strict=True):
        h = np.tanh(x @ inner["kernel"] + h @ recurrent + inner["bias"])
        influence = ((1 - h**2)[:, None] * recurrent.T) @ influence
        total = (
            total + readout["kernel"] @ (h @ readout["kernel"] + readout["bias"] - y) @ influence
        )
        influence = influence * (distance < n)
    return total / STEPS


def test_snap_by_hand():
    """n = 1 and 2 by columns, n = 3 the whole matrix, n = 5 all there is."""
    cell, ns = learned_carry(connected(elman(UNITS), RING > 0)), (1, 2, 3, UNITS)
    rules = [learning.snap(cell, READOUT, LOSS, n=n) for n in ns]
    params = params_of(over_time(rules[0]).network)
    *found, bptt = gradients(*rules, params=params)
    plain = [learning.snap(cell.config.arguments[0], READOUT, LOSS, n=n) for n in ns]
    for n, rule, whole in zip(ns, plain, found, strict=True):
        expected = snap_by_hand(numpy_of(params), n)
        np.testing.assert_allclose(whole[:UNITS], expected, rtol=1e-9, atol=1e-13)
        assert (error(whole[:UNITS], bptt[:UNITS]) < 1e-12) == (n == UNITS)
        x = jax.ShapeDtypeStruct((INPUTS,), "float64")
        learned, without = (sparsity_pattern(c, x, n) for c in (cell, rule.config.arguments[0]))
        assert (learned.dense, learned.width) == (without.dense, without.width)
        np.testing.assert_array_equal(learned.starting, np.arange(len(params_flat(params))) < UNITS)
    assert error(found[-1], bptt) < 1e-12


def params_flat(params):
    return ravel_pytree(params[0])[0]


@pytest.mark.parametrize(
    "make", [learning.rflo, pytest.param(learning.eprop, marks=pytest.mark.slow)]
)
def test_eligibility_of_the_first_carry_by_hand(make):
    """Within a leaky unit s_0 is left by (1 - a)^t: g = 1/T sum_t (1 - a)^t e_t B^T."""
    rule = make(learned_carry(leaky_rnn(3, dt=0.3, tau=1.0)), READOUT, LOSS)
    params = params_of(over_time(rule).network)
    data = tuple(jnp.asarray(a)[None] for a in sequence())
    found = jax.jit(lambda p: over_time(rule).grads(p, (), *data)[1])(params)
    own, out, *held = numpy_of(params)
    back, h, total = (held[0] if held else out), own["carry"], 0.0
    for t, (x, y) in enumerate(zip(*sequence(), strict=True)):
        u = x @ own["cell"]["kernel"] + h @ own["cell"]["recurrent"] + own["cell"]["bias"]
        h = 0.7 * h + 0.3 * np.tanh(u)
        e = h @ out["kernel"] + out["bias"] - y
        total = total + 0.7 ** (t + 1) * back["kernel"] @ e
    np.testing.assert_allclose(found[0]["carry"], total / STEPS, rtol=1e-11, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alif", "gru", "elman", "linear"])
def test_eprop_is_autodiff_with_recurrent_input_held(name):
    inner = {
        "alif": alif(3, tau=8.0, threshold=0.4),
        "gru": gru(3),
        "elman": elman(3),
        "linear": leaky_rnn(3, dt=0.3, tau=1.0),
    }[name]
    cell = learned_carry(inner)
    rules = [learning.eprop(cell, READOUT, LOSS)]
    if name != "alif":
        rules.append(learning.rflo(cell, READOUT, LOSS, feedback=symmetric_feedback()))
    drive, respond = inner.step.drive, inner.step.respond
    held = jb.cells.TwoStageStep(
        lambda params, carry, x: drive(params, jax.lax.stop_gradient(carry), x), respond
    )
    reference = learned_carry(jb.Cell(inner.init, inner.carry, held))
    params = params_of(over_time(rules[0]).network)
    *found, want = gradients(*rules, params=params)
    bptt = gradients(learning.rtrl(reference, READOUT, LOSS), params=params)[-1]
    assert all(error(grads, bptt) < 1e-12 for grads in found) and error(want, bptt) > 0.01


def drawn_by_uoro(signs):
    """Signs in the order of their draws, from those of the start and of the first two steps."""
    start, *own = (*signs, jnp.ones(2))  # the last ones make traces that nothing reads
    # each step draws the start for its gradient, again for its update, and then its own signs
    return itertools.chain.from_iterable((start, start, now) for now in own)


@pytest.mark.parametrize(
    "cell",
    [from_its_weights(2), pytest.param(learned_carry(elman(2)), marks=pytest.mark.slow)],
    ids=["by hand", "learned"],
)
def test_the_mean_of_uoro_over_all_signs_is_the_gradient(cell, monkeypatch):
    rule, steps = learning.uoro(cell, READOUT, LOSS), 3
    params = params_of(over_time(rule).network, scale=0.8)
    patterns = np.array(list(itertools.product([-1.0, 1.0], repeat=2 * steps)))
    signs = patterns.reshape(-1, steps, 2)
    found, bptt = over_all_signs(rule, params, monkeypatch, signs, drawn_by_uoro)
    assert error(found.mean(0), bptt) < 1e-12 and error(found[0], bptt) > 0.01
    one_start = found[: len(found) // 4]  # one pattern of signs of the start, all of the steps
    assert error(one_start.mean(0), bptt) > 0.01


@pytest.mark.slow
def test_uoro_draws_the_start_without_bias():
    rule = over_time(learning.uoro(learned_carry(elman(4)), READOUT, LOSS))
    params, bptt = params_of(rule.network, 0.3), jb.backprop(rule.network, LOSS)
    data = tuple(jax.random.normal(jax.random.key(n), (1, 6, 2)) for n in (1, 2))
    settings = {"samples": 4000, "z": 4.0}
    jb.testing.check_unbiased(jax.random.key(101), rule, params, data, reference=bptt, **settings)


def test_cells_that_start_at_rest_have_no_pullback():
    learned = []
    for name, (make, shape) in CELLS.items():
        cell, x = make(), jax.ShapeDtypeStruct(shape, jnp.float64)
        params = jax.eval_shape(cell.init, new_key(), x)

        def look(params, name=name, cell=cell, x=x):
            learned.extend([name] if pull_first_carry(cell, params, x) else [])

        jax.eval_shape(look, params)
    assert set(learned) == {"learned_carry", "generator"}


def test_refusals():
    now = (jnp.ones(INPUTS), jnp.ones(OUTPUTS))
    learned = learning.kf_rtrl(learned_carry(elman(3)), READOUT, LOSS)
    with pytest.raises(ValueError, match=r"are \['carry', 'cell'\]; use jb.learning.uoro"):
        learned.carry(learned.init(new_key(), now), now)
    by_hand = learning.kf_rtrl(from_its_weights(), READOUT, LOSS)
    with pytest.raises(ValueError, match="first carry does not depend on its params"):
        by_hand.carry(by_hand.init(new_key(), now), now)
    rule = learning.uoro(learned_carry(elman(3)), READOUT, LOSS)
    params = rule.init(new_key(), now)
    with pytest.raises(ValueError, match="needs a key: its influence is random"):
        rule.step(params, rule.carry(params, now), now)
