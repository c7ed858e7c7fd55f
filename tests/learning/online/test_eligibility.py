"""Eligibility traces against the gradient of a network in which recurrent input counts as given."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import alif, elman, gru, leaky_rnn, minimal_gated, stack
from jaxbrain.cells.surrogate import triangle
from jaxbrain.learning import over_time
from jaxbrain.learning.online import readout_feedback

pytestmark = pytest.mark.x64

BATCH, TIME, INPUTS, UNITS = 3, 12, 2, 5
new_key = partial(jax.random.key, 0)
READOUT, LOSS = jb.dense(2), jb.losses.mse
RATE = leaky_rnn(UNITS, dt=0.3, tau=1.0)
SYMMETRIC = readout_feedback.symmetric_feedback()


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


def held_reset(v, spikes, threshold):
    return v - threshold * jax.lax.stop_gradient(spikes)


@pytest.mark.slow
def test_spiking_eprop_is_autodiff_with_recurrent_spikes_held():
    """Adaptive neurons, their equations written out anew."""
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


@pytest.mark.slow
def test_rflo_by_hand():
    """Murray's equations in NumPy, the error brought back by the feedback weights."""
    rule = over_time(learning.rflo(RATE, READOUT, LOSS))
    params = params_of(rule)
    xs, ys = (np.asarray(a[0]) for a in data())
    w, out, b = jax.tree.map(np.asarray, params)
    h, trace, total = np.zeros(UNITS), 0.0, 0.0
    for x, y in zip(xs, ys, strict=True):
        into = np.concatenate([[1.0], x, h])
        f = np.tanh(into @ np.concatenate([w["bias"][None], w["kernel"], w["recurrent"]]))
        trace = 0.7 * trace + 0.3 * into[:, None] * (1 - f**2)
        h = 0.7 * h + 0.3 * f
        total = total + trace * (b["kernel"] @ (h @ out["kernel"] + out["bias"] - y))
    found, _, still = rule.grads(params, (), xs[None], ys[None])[1]
    parts = np.concatenate([found["bias"][None], found["kernel"], found["recurrent"]])
    np.testing.assert_allclose(parts, total / TIME, rtol=1e-11, atol=1e-14)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(still))


def test_adaptive_feedback_becomes_symmetric():
    """W - B shrinks by 1 - rate decay a step; at B = W the rule is that of symmetric feedback."""
    adaptive = readout_feedback.adaptive_feedback(decay=0.5)
    rule = over_time(learning.eprop(RATE, READOUT, LOSS, feedback=adaptive))
    cell, readout, b = params_of(rule)
    step = gradient(rule, (cell, readout, b))
    for w, v, g, change in zip(*map(jax.tree.leaves, (readout, b, step[1], step[2])), strict=True):
        np.testing.assert_allclose((w - 0.1 * g) - (v - 0.1 * change), 0.95 * (w - v), rtol=1e-9)
    same = over_time(learning.eprop(RATE, READOUT, LOSS))
    exact = gradient(same, (cell, readout))[0]
    assert error(gradient(rule, (cell, readout, readout))[0], exact) < 1e-12
    assert error(step[0], exact) > 0.1
    apart = jax.tree.map(lambda a: a.shape, rule.network.init(new_key(), data()[0][0]))
    assert apart[1] == apart[2]


@pytest.mark.slow
def test_refusals():
    now = (jnp.ones(INPUTS), jnp.ones(2))

    def start(rule):
        return rule.carry(rule.init(new_key(), now), now)

    with pytest.raises(ValueError, match="need a cell whose params have an entry 'recurrent'"):
        start(learning.eprop(stack(elman(3), elman(3)), READOUT, LOSS))
    with pytest.raises(TypeError, match=r"minimal_gated\(3\) uses recurrent in another way"):
        start(learning.eprop(minimal_gated(3), READOUT, LOSS))
    with pytest.raises(ValueError, match="rflo is for rate units, one number each"):
        start(learning.rflo(alif(3), READOUT, LOSS))
    with pytest.raises(ValueError, match="decay must not be negative"):
        readout_feedback.adaptive_feedback(decay=-1.0)
    with pytest.raises(TypeError, match="feedback must be one such as"):
        learning.eprop(gru(3), READOUT, LOSS, feedback="random")
