"""Eligibility traces: the published equations in NumPy, and autodiff with recurrent input held."""

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
    ctrnn,
    elman,
    gru,
    izhikevich,
    leaky_rnn,
    lif,
    lstm,
    lstm_peephole,
    minimal_gated,
    stack,
    ugrnn,
)
from jaxbrain.cells.surrogate import triangle
from jaxbrain.learning import over_time
from jaxbrain.learning.online import readout_feedback
from tests.learning.online import problem
from tests.learning.online.problem import new_key

pytestmark = pytest.mark.x64

BATCH, TIME, INPUTS, UNITS = 3, 12, 2, 5
READOUT, LOSS = jb.dense(2), jb.losses.mse
RATE = leaky_rnn(UNITS, dt=0.3, tau=1.0)
SYMMETRIC = readout_feedback.symmetric_feedback()


def stacked(cell):
    """Bias, kernel and recurrent weights one below the other ``[1 + inputs + units, units]``."""
    return np.concatenate([np.asarray(cell["bias"])[None], cell["kernel"], cell["recurrent"]])


def into(w, x, z):
    """The inputs of a step ``[1 + inputs + units]``, and their weighted sum."""
    inputs = np.concatenate([[1.0], x, z])
    return inputs, inputs @ stacked(w)


def grads_and_params(make, cell, **options):
    rule = make(cell, READOUT, LOSS, **options)
    params = problem.params_of(over_time(rule).network)
    xs, ys = map(jnp.asarray, problem.sequence())
    grads = jax.jit(lambda p: over_time(rule).grads(p, (), xs[None], ys[None])[1])(params)
    return grads, problem.numpy_of(params)


@pytest.mark.parametrize("make", [learning.rflo, learning.eprop])
def test_rate_units_by_hand(make):
    """Murray's equations; the error returns by the feedback weights, in e-prop by the readout's."""
    grads, (w, out, *held) = grads_and_params(make, leaky_rnn(3, dt=0.3, tau=1.0))
    back = held[0] if held else out
    h, trace, total = np.zeros(3), 0.0, 0.0
    for x, y in zip(*problem.sequence(), strict=True):
        inputs, u = into(w, x, h)
        f = np.tanh(u)
        trace = 0.7 * trace + 0.3 * inputs[:, None] * (1 - f**2)
        h = 0.7 * h + 0.3 * f
        total = total + trace * (back["kernel"] @ (h @ out["kernel"] + out["bias"] - y))
    expected = total / problem.STEPS
    np.testing.assert_allclose(stacked(grads[0]), expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("held", [True, False], ids=["reset held", "reset credited"])
def test_adaptive_spiking_units_by_hand(held):
    """Bellec's eligibility vectors of membrane and threshold, psi the slope of a spike."""
    tau, slow, beta, top = 8.0, 30.0, 0.3, 0.3
    options = {"reset": held_reset} if held else {}
    cell = alif(3, tau=tau, tau_adaptation=slow, beta=beta, threshold=top, **options)
    grads, (w, out) = grads_and_params(learning.eprop, cell)
    alpha, rho = np.exp(-1 / tau), np.exp(-1 / slow)
    v, a, z, fired = np.zeros(3), np.zeros(3), np.zeros(3), 0
    of_v, of_a, of_z, total = 0.0, 0.0, 0.0, 0.0
    for x, y in zip(*problem.sequence(), strict=True):
        inputs, u = into(w, x, z)
        of_v = alpha * of_v + inputs[:, None] - (0 if held else top) * of_z
        of_a = rho * of_a + of_z
        v, a = alpha * v - top * z + u, rho * a + z
        distance = (v - top - beta * a) / top
        z = (distance >= 0) * 1.0
        psi = 0.3 * np.maximum(0, 1 - np.abs(distance)) / top
        of_z = psi * (of_v - beta * of_a)
        total = total + of_z * (out["kernel"] @ (z @ out["kernel"] + out["bias"] - y))
        fired += z.sum()
    assert 0 < fired < 3 * problem.STEPS and np.all(np.abs(total).max(0) > 0)
    expected = total / problem.STEPS
    np.testing.assert_allclose(stacked(grads[0]), expected, rtol=1e-11, atol=1e-14)


def test_a_mask_on_the_recurrent_weights():
    mask = np.roll(np.eye(3), 1, axis=1)
    cell = leaky_rnn(3, dt=0.3, tau=1.0)
    (own, *_), params = grads_and_params(learning.eprop, connected(cell, mask > 0))
    masked = {**params[0], "recurrent": params[0]["recurrent"] * mask}, params[1]
    rule = over_time(learning.eprop(cell, READOUT, LOSS))
    data = tuple(jnp.asarray(a)[None] for a in problem.sequence())
    whole = jax.jit(lambda p: rule.grads(p, (), *data)[1][0])(masked)
    np.testing.assert_allclose(own["recurrent"], whole["recurrent"] * mask, rtol=1e-12)
    np.testing.assert_allclose(own["kernel"], whole["kernel"], rtol=1e-12)


def test_a_mixing_response_is_refused():
    """The drive is the only place where units may mix: gates and resets do not."""
    cell = elman(3)
    mixing = jb.cells.TwoStageStep(
        cell.step.drive, lambda params, h, u, key=None: (jnp.tanh(u) + h.sum(), jnp.tanh(u))
    )
    now = (jnp.ones(INPUTS), jnp.ones(2))
    rule = learning.eprop(jb.Cell(cell.init, cell.carry, mixing), READOUT, LOSS)
    with pytest.raises(ValueError, match="a weight moves 3 of the 3 numbers of the carry"):
        rule.carry(rule.init(new_key(), now), now)
    gated = learning.eprop(lstm_peephole(3), READOUT, LOSS)
    gated.carry(gated.init(new_key(), now), now)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [ctrnn(3), lif(3), gru(3), lstm(3), ugrnn(3), izhikevich(3), jb.learning.readout.echo_state(3)],
    ids=jb.core.config.label,
)
def test_no_response_mixes_units(cell):
    now = (jnp.ones(INPUTS), jnp.ones(2))
    rule = learning.eprop(cell, READOUT, LOSS)
    rule.carry(rule.init(new_key(), now), now)


def held_reset(v, spikes, threshold):
    return v - threshold * jax.lax.stop_gradient(spikes)


def data():
    x = jax.random.normal(jax.random.key(1), (BATCH, TIME, INPUTS))
    return x, jax.random.normal(jax.random.key(2), (BATCH, TIME, 2))


def params_of(rule, scale=0.3):
    flat, unravel = ravel_pytree(rule.network.init(new_key(), data()[0][0]))
    return unravel(flat + scale * jax.random.normal(jax.random.key(3), flat.shape))


def gradient(rule, params, **options):
    return jax.jit(lambda p: rule.grads(p, (), *data(), **options)[1])(params)


def error(a, b):
    a, b = ravel_pytree(a)[0], ravel_pytree(b)[0]
    return float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b))


@pytest.mark.slow
def test_spiking_eprop_is_autodiff_with_recurrent_spikes_held():
    """Adaptive neurons, their equations written out."""
    tau, slow, beta = 8.0, 30.0, 0.3
    cell = alif(UNITS, tau=tau, tau_adaptation=slow, beta=beta, threshold=0.6, reset=held_reset)
    rule = over_time(learning.eprop(cell, READOUT, LOSS))
    params = params_of(rule)
    hold, spike = jax.lax.stop_gradient, triangle()

    def loss(params, stop):
        cell, readout = params

        def step(carry, now):
            (v, a, z), (x, y) = carry, now
            drive = x @ cell["kernel"] + stop(z) @ cell["recurrent"] + cell["bias"]
            v = jnp.exp(-1 / tau) * v - 0.6 * hold(z) + drive
            a = jnp.exp(-1 / slow) * a + z
            z = spike((v - 0.6 - beta * a) / 0.6)
            out = z @ readout["kernel"] + readout["bias"]
            return (v, a, z), (jnp.mean((out - y) ** 2), z)

        start = (jnp.zeros(UNITS),) * 3
        values, spikes = jax.vmap(lambda *s: jax.lax.scan(step, start, s)[1])(*data())
        return jnp.mean(values), jnp.mean(spikes)

    found = gradient(rule, params)
    held, rate = jax.jit(jax.grad(lambda p: loss(p, hold), has_aux=True))(params)
    full, _ = jax.jit(jax.grad(lambda p: loss(p, lambda z: z), has_aux=True))(params)
    assert 0.05 < rate < 0.7 and error(found, held) < 1e-12
    assert error(found, full) > 0.01
    a, b = ravel_pytree(found[0])[0], ravel_pytree(full[0])[0]
    assert a @ b > 0.5 * jnp.linalg.norm(a) * jnp.linalg.norm(b)


@pytest.mark.slow
def test_without_recurrent_weights_nothing_is_lost():
    rules = [
        over_time(make(RATE, READOUT, LOSS, feedback=SYMMETRIC))
        for make in (learning.eprop, learning.rflo)
    ]
    bptt = jb.backprop(rules[0].network, LOSS)
    cell, readout = params_of(rules[0])
    for recurrent, same in ((jnp.zeros((UNITS, UNITS)), True), (cell["recurrent"], False)):
        params = {**cell, "recurrent": recurrent}, readout
        exact = gradient(bptt, params)
        for rule in rules:
            found = error(gradient(rule, params)[0], exact[0])
            assert found < 1e-12 if same else found > 0.05


@pytest.mark.slow
def test_without_self_connections_snap_is_rflo():
    snap = over_time(learning.snap(RATE, READOUT, LOSS))
    rflo = over_time(learning.rflo(RATE, READOUT, LOSS, feedback=SYMMETRIC))
    cell, readout = params_of(snap)
    others = cell["recurrent"] * (1 - jnp.eye(UNITS))
    params = {**cell, "recurrent": others}, readout
    assert error(gradient(snap, params), gradient(rflo, params)) < 1e-12
    assert error(gradient(snap, (cell, readout)), gradient(rflo, (cell, readout))) > 1e-3


def test_refusals():
    now = (jnp.ones(INPUTS), jnp.ones(2))
    for make in (learning.eprop, learning.rflo):
        for cell in (stack(elman(3), elman(3)), minimal_gated(3)):
            with pytest.raises(TypeError, match=r"not a jb.cells.TwoStageStep\(drive, respond\)"):
                make(cell, READOUT, LOSS)
    with pytest.raises(TypeError, match="eprop: cell must be a Cell, got dense"):
        learning.eprop(jb.dense(2), READOUT, LOSS)
    rule = learning.rflo(alif(3), READOUT, LOSS)
    with pytest.raises(ValueError, match="rflo is for rate units, one number each"):
        rule.carry(rule.init(new_key(), now), now)
