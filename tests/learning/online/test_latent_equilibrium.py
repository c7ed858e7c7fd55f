"""Generalized latent equilibrium: its equations, back-propagation where it is exact, phases."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain.cells import prospective_neurons, stack
from jaxbrain.learning.online import generalized_latent_equilibrium, over_time

pytestmark = pytest.mark.x64

RNG = np.random.default_rng(1)
W, B = [RNG.normal(size=(2, 3)), RNG.normal(size=(3, 2))], [RNG.normal(size=3), RNG.normal(size=2)]
XS, YS = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))
TAUS, AHEAD, DT, NUDGE = ((0.02, 0.03, 0.05), 0.04), (0.01, (0.02, 0.06)), 0.004, 0.3


def scanned(rule, params, xs, ys):
    """Carry after the last step, and loss and gradients of every step."""
    now = (jnp.asarray(xs), jnp.asarray(ys))
    return jb.cells.scan(rule, params, rule.carry(params, jax.tree.map(lambda a: a[0], now)), now)


def test_it_is_its_equations():
    layers = [
        prospective_neurons(jb.dense(n), tau=tau, tau_r=ahead, dt=DT, activation=f)
        for n, tau, ahead, f in zip((3, 2), TAUS, AHEAD, (jnp.tanh, None), strict=True)
    ]
    rule = generalized_latent_equilibrium(stack(*layers), jb.losses.half_mse, nudge=NUDGE)
    assert over_time(rule).network == jb.cells.unroll(stack(*layers))
    params = tuple({"kernel": jnp.array(W[k]), "bias": jnp.array(B[k])} for k in (0, 1))
    (us, traces), (losses, grads) = scanned(rule, params, XS, YS)
    u, v, e = ([np.zeros(3), np.zeros(2)] for _ in range(3))
    tau, ahead = ([np.array(t) for t in times] for times in (TAUS, AHEAD))
    for t, (x, y) in enumerate(zip(XS, YS, strict=True)):
        below, slopes = [x], []
        for k in (0, 1):
            s = (-u[k] + below[k] @ W[k] + B[k] - NUDGE * e[k]) / tau[k]
            z, u[k] = u[k] + ahead[k] * s, u[k] + DT * s
            below.append(np.tanh(z) if k == 0 else z)
            slopes.append(1 - np.tanh(z) ** 2 if k == 0 else np.ones(2))
        given = below[2] - y
        np.testing.assert_allclose(losses[t], 0.5 * sum(given**2), rtol=1e-12)
        for k in (1, 0):
            s = (-v[k] + slopes[k] * given) / ahead[k]
            e[k], v[k] = v[k] + tau[k] * s, v[k] + DT * s
            given = W[k] @ e[k]
            np.testing.assert_allclose(grads[k]["kernel"][t], np.outer(below[k], e[k]), rtol=1e-11)
            np.testing.assert_allclose(grads[k]["bias"][t], e[k], rtol=1e-11)
    for found, want in zip((us, *zip(*traces, strict=True)), (u, v, e), strict=True):
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11)
    free = generalized_latent_equilibrium(stack(*layers), jb.losses.half_mse)
    assert np.abs(scanned(free, params, XS, YS)[1][0] - losses)[1:].min() > 1e-3


def deep(tau, tau_r, dt=1e-3):
    """A dense layer, a residual block and a readout, as prospective neurons and as a network."""
    block = jb.residual(jb.serial(jb.dense(4), jb.elementwise(jnp.tanh)))
    nets, f = (jb.dense(4), block, jb.dense(2)), (jnp.tanh, jax.nn.softplus, None)
    layers = [prospective_neurons(n, tau=tau, tau_r=tau_r, dt=dt, activation=g)
              for n, g in zip(nets, f, strict=True)]  # fmt: skip

    def feedforward(params, x):
        for net, g, p in zip(nets, f, params, strict=True):
            x = net.apply(p, x)
            x = x if g is None else g(x)
        return x

    return generalized_latent_equilibrium(stack(*layers), jb.losses.mse), feedforward


@partial(jax.jit, static_argnums=(2,))
def distance(tau, tau_r, dt, xs, ys):
    """The part of the gradients of all steps, after the first third, that is not backprop's."""
    rule, net = deep(tau, tau_r, dt)
    params = rule.init(jax.random.key(0), (xs[0], ys[0]))
    _, (_, found) = scanned(rule, params, xs, ys)
    exact = jax.vmap(
        lambda x, y: jax.grad(lambda p: jb.losses.mse(net(p, x), y))(params)
    )(xs, ys)  # fmt: skip
    found, exact = (
        jnp.concatenate([leaf[len(xs) // 3 :].ravel() for leaf in jax.tree.leaves(g)])
        for g in (found, exact)
    )
    return jnp.linalg.norm(found - exact) / jnp.linalg.norm(exact)


def test_equal_times_give_backprop_at_every_step_of_any_input():
    """Through a residual block too; errors or rates that lag give another gradient."""
    xs, ys = (jnp.array(RNG.normal(size=(3000, 2))) for _ in range(2))
    assert distance(0.02, 0.02, 1e-3, xs, ys) < 1e-12
    assert distance(0.02, 0.015, 1e-3, xs, ys) > 0.1
    assert distance(0.02, 0.001, 1e-3, xs, ys) > 1


def test_slow_inputs_give_backprop_and_the_rest_is_of_first_order_in_their_speed():
    """The slower, the nearer; without prospective coding the same input is far off."""
    times, found = 1e-3 * np.arange(3000), []
    for period in (1.0, 2.0):
        angles = 2 * np.pi * times[:, None] / period
        xs, ys = (jnp.array(f(angles + np.array([[0.0, 1.0]]))) for f in (np.sin, np.cos))
        found.append([distance(0.02, tau_r, 1e-3, xs, ys) for tau_r in (0.019, 0.015, 0.001)])
    assert found[1][0] < 0.01
    np.testing.assert_allclose(np.divide(*found)[:2], 2, atol=0.3)
    assert found[1][2] > 10 * found[1][0]
    assert found[0][0] < found[0][1] < found[0][2]


def test_the_error_has_the_phase_of_the_adjoint():
    """The response to dL/dr = cos(w t): 1 / H of the neuron, so the phase of its conjugate."""
    tau, tau_r, dt, omega = 0.02, 0.05, 1e-4, 30.0
    layer = prospective_neurons(jb.dense(1, bias_init=None), tau=tau, tau_r=tau_r, dt=dt)
    rule = generalized_latent_equilibrium(layer, lambda r, y: jnp.sum(r * y))
    angles = omega * dt * np.arange(8000)[:, None]
    params = {"kernel": jnp.ones((1, 1))}
    _, (_, grads) = scanned(rule, params, np.ones((8000, 1)), np.cos(angles))
    late = slice(4000, None)
    waves = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)[late]
    real, imaginary = np.linalg.lstsq(waves, grads["kernel"][late, 0, 0], rcond=None)[0]
    neuron = (1 + 1j * omega * tau_r) / (1 + 1j * omega * tau)
    error = real + 1j * imaginary
    assert abs(error - 1 / neuron) < 3e-3
    assert abs(np.angle(error) - np.angle(np.conj(neuron))) < 3e-3 < np.angle(neuron)


@pytest.mark.slow
def test_a_key_is_for_the_noise_of_the_layers():
    nets = (jb.serial(jb.dense(n), jb.dropout(0.5)) for n in (4, 2))
    cell = stack(*(prospective_neurons(net, dt=0.01) for net in nets))
    rule, now = generalized_latent_equilibrium(cell, jb.losses.mse), (jnp.ones(3), jnp.ones(2))

    def loss(params, key):
        _, prediction = cell.step(params, cell.carry(params, now[0]), now[0], key=key)
        return jb.losses.mse(prediction, now[1])

    @jax.jit
    def both(params, key):
        found = rule.step(params, rule.carry(params, now), now, key=jax.random.clone(key))[1]
        return found, jax.value_and_grad(loss)(params, key), loss(params, None)

    found, want, quiet = both(rule.init(jax.random.key(0), now), jax.random.key(5))
    np.testing.assert_allclose(ravel_pytree(found)[0], ravel_pytree(want)[0], rtol=1e-12)
    assert abs(found[0] - quiet) > 1e-3


@pytest.mark.slow
def test_sequences_train_the_cell():
    """A student learns the output of a teacher with the same times, at every step."""
    hidden = prospective_neurons(jb.dense(6), activation=jnp.tanh, tau_r=0.02)
    cell = stack(hidden, prospective_neurons(jb.dense(1)))
    rule = over_time(generalized_latent_equilibrium(cell, jb.losses.mse, nudge=0.01))
    xs = jax.random.normal(jax.random.key(0), (8, 20, 2), "float64")
    teacher = jax.tree.map(lambda p: 2 * p, rule.network.init(jax.random.key(1), xs[0]))
    ys = jb.batch(rule.network).apply(teacher, xs)
    _, history = jb.run(rule, optax.adam(0.03), (xs, ys), key=jax.random.key(2), epochs=60)
    assert history.loss[-1] < 0.1 * history.loss[0]


LAYER = prospective_neurons(jb.dense(2), activation=jax.nn.sigmoid)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: generalized_latent_equilibrium(jb.cells.gru(3), jb.losses.mse),
         r"teaches layers of prospective neurons, got .*gru\(3\); make each layer"),
        (lambda: generalized_latent_equilibrium(stack(LAYER, jb.lift(jb.dense(2))), jb.losses.mse),
         r"teaches layers of prospective neurons, got lift\(dense\(2\)\)"),
        (lambda: generalized_latent_equilibrium(LAYER, jb.losses.softmax_cross_entropy),
         r"softmax_cross_entropy takes logits"),
        (lambda: generalized_latent_equilibrium(LAYER, jb.losses.mse, nudge=-0.1),
         r"nudge must not be negative, got -0.1"),
    ],
)  # fmt: skip
def test_what_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
