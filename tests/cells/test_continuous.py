"""Cells with time constants: their equations, the spread of their noise, learned constants."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import ctrnn, elman, leaky_rnn, scan, unroll
from jaxbrain.core.program import Program

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
TIME, INPUTS, UNITS = 7, 3, 4
TAUS = (0.05, 0.1, 0.3, 2.0)
both = pytest.mark.parametrize("make", [ctrnn, leaky_rnn])


def generic(tree, seed=0, scale=0.7):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(scale * rng.normal(size=a.shape), a.dtype), tree)


@pytest.fixture(scope="module")
def xs():
    return jnp.asarray(np.random.default_rng(1).normal(size=(TIME, INPUTS)))


def numpy_current(p, v, xs, a):
    ys = []
    for x in xs:
        v = v + a * (-v + np.tanh(v) @ p["recurrent"] + x @ p["kernel"] + p["bias"])
        ys.append(np.tanh(v))
    return v, np.stack(ys)


def numpy_rate(p, r, xs, a):
    ys = []
    for x in xs:
        r = r + a * (-r + np.tanh(r @ p["recurrent"] + x @ p["kernel"] + p["bias"]))
        ys.append(r)
    return r, np.stack(ys)


FORMS = {ctrnn: numpy_current, leaky_rnn: numpy_rate}


@both
@pytest.mark.parametrize("tau", [0.3, TAUS])
def test_the_equations(make, tau, xs):
    cell = make(UNITS, dt=0.04, tau=tau)
    params = generic(cell.init(new_key(), xs[0]))
    carry = generic(cell.carry(params, xs[0]), 2)
    plain = jax.tree.map(np.asarray, (params, carry, xs))
    ours, expected = scan(cell, params, carry, xs), FORMS[make](*plain, 0.04 / np.array(tau))
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    other = FORMS[leaky_rnn if make is ctrnn else ctrnn](*plain, 0.04 / np.array(tau))
    assert np.abs(other[1] - ours[1]).max() > 1e-2
    slower = FORMS[make](*plain, 0.03 / np.array(tau))
    assert np.abs(slower[1] - ours[1]).max() > 1e-3


def test_a_tau_of_one_step_is_the_simple_network(xs):
    params = generic(elman(UNITS).init(new_key(), xs[0]))
    simple = unroll(elman(UNITS)).apply(params, xs)
    whole = unroll(leaky_rnn(UNITS, dt=0.02, tau=0.02)).apply(params, xs)
    np.testing.assert_allclose(whole, simple, rtol=1e-12, atol=1e-14)
    half = unroll(leaky_rnn(UNITS, dt=0.02, tau=0.04)).apply(params, xs)
    assert np.abs(half - simple).max() > 0.05


@both
def test_halving_the_step_converges_with_the_first_order(make):
    """Under constant input, at a fixed time: Euler's error halves with the step."""
    x = jnp.asarray([0.5, -1.0, 2.0])

    def at_the_end(steps):
        cell = make(UNITS, dt=0.2 / steps, tau=0.1)
        params = generic(cell.init(new_key(), x))
        return scan(cell, params, cell.carry(params, x), jnp.tile(x, (steps, 1)))[0]

    exact = at_the_end(2000)
    error = [np.abs(at_the_end(steps) - exact).max() for steps in (20, 40)]
    assert 1.8 < error[0] / error[1] < 2.2


@both
@pytest.mark.parametrize("a", [0.1, 1.0])
def test_the_noise_is_an_ornstein_uhlenbeck_process(make, a):
    """Variance s^2 / (1 - a / 2), whatever the step; noise that is not scaled would go as a."""
    units, steps = 400, 200

    @jax.jit
    def spread(noise):
        """The variance of the state under noise alone, long after the start."""
        cell = make(units, dt=0.1 * a, tau=0.1, noise=noise, activation=lambda v: v)
        params = jax.tree.map(jnp.zeros_like, jax.eval_shape(cell.init, new_key(), jnp.ones(1)))
        states = unroll(cell).apply(params, jnp.zeros((steps, 1)), key=jax.random.key(3))
        return jnp.var(states[steps // 2 :])

    expected = 0.25 / (1 - a / 2)
    # neighbours in time are (1 - a)^k correlated: the relative standard error of a variance
    error = np.sqrt(2 * (2 / a - 1) / (units * steps / 2))
    assert abs(spread(0.5) / expected - 1) < 4 * error
    assert abs(spread(0.6) / expected - 1) > 0.3


@both
def test_noise_needs_a_key_and_a_size(make, xs):
    loud, quiet = make(UNITS, noise=0.3), make(UNITS)
    params = loud.init(new_key(), xs[0])
    still = unroll(quiet).apply(params, xs)
    np.testing.assert_array_equal(unroll(loud).apply(params, xs), still)
    np.testing.assert_array_equal(unroll(quiet).apply(params, xs, key=new_key()), still)
    noisy = unroll(loud).apply(params, xs, key=new_key())
    assert np.abs(noisy - still).min(axis=1).max() > 1e-4
    np.testing.assert_array_equal(unroll(loud).apply(params, xs, key=new_key()), noisy)


@both
@pytest.mark.slow
def test_what_a_user_sweeps_may_be_traced(make, xs):
    params = generic(make(UNITS).init(new_key(), xs[0]))

    def run(dt, tau, noise):
        net = unroll(make(UNITS, dt=dt, tau=tau, noise=noise))
        return net.apply(params, xs, key=new_key())

    taus = jnp.asarray(TAUS)
    swept = jax.jit(jax.vmap(run, (None, 0, None)))(0.02, taus, 0.1)
    for tau, ys in zip(TAUS, swept, strict=True):
        np.testing.assert_allclose(ys, run(0.02, tau, 0.1), rtol=1e-12)
    slope = jax.grad(lambda tau: jnp.sum(run(0.02, tau, 0.0)))(0.1)
    differences = jnp.sum(run(0.02, 0.1 + 1e-6, 0.0) - run(0.02, 0.1 - 1e-6, 0.0)) / 2e-6
    np.testing.assert_allclose(slope, differences, rtol=1e-7)


@both
def test_another_tau_compiles_nothing_and_is_another_network(make, xs):
    traces = []

    @jax.jit
    def run(net, params):
        traces.append(1)
        return net.value.apply(params, xs)

    params = make(UNITS).init(new_key(), xs[0])
    found = [
        run(Program(unroll(make(UNITS, tau=tau))), params)
        for tau in (0.1, 0.5, TAUS, TAUS[::-1], list(TAUS))
    ]
    assert len(traces) == 3  # one number, a tuple, a list
    for tau, ys in zip((0.1, 0.5, TAUS, TAUS[::-1], TAUS), found, strict=True):
        np.testing.assert_allclose(ys, unroll(make(UNITS, tau=tau)).apply(params, xs), rtol=1e-12)
    assert jnp.abs(found[0] - found[1]).max() > 1e-3 < jnp.abs(found[2] - found[3]).max()


@both
def test_the_gradient_of_tau_is_the_slope(make, xs):
    params = make(UNITS).init(new_key(), xs[0])

    @jax.jit
    def total(tau):
        return jnp.sum(unroll(make(UNITS, tau=tau)).apply(params, xs))

    slope = (total(0.1 + 1e-6) - total(0.1 - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.grad(total)(0.1), slope, rtol=1e-7)
    assert abs(slope) > 1e-2


@both
def test_a_learned_tau(make, xs):
    """It starts at the given tau, its gradient is the slope, and learning finds other taus."""
    start = make(UNITS, dt=0.02, tau=jax.nn.initializers.constant(0.1))
    drawn = start.init(new_key(), xs[0])
    fixed = generic({part: drawn[part] for part in ("kernel", "recurrent", "bias")})
    params = {**drawn, **fixed}
    taus = (0.05, 0.08, 0.2, 0.3)
    target = unroll(make(UNITS, dt=0.02, tau=taus)).apply(fixed, xs)
    np.testing.assert_allclose(
        unroll(start).apply(params, xs), unroll(make(UNITS, dt=0.02, tau=0.1)).apply(fixed, xs),
        rtol=1e-12, atol=1e-15,
    )  # fmt: skip

    def loss(leak):
        return jnp.mean((unroll(start).apply({**params, "leak": leak}, xs) - target) ** 2)

    leak, step = params["leak"], jax.jit(jax.value_and_grad(loss))
    numeric = [
        (loss(leak.at[i].add(1e-6)) - loss(leak.at[i].add(-1e-6))) / 2e-6 for i in range(UNITS)
    ]
    np.testing.assert_allclose(step(leak)[1], numeric, rtol=1e-5)
    velocity = jnp.zeros_like(leak)
    for _ in range(300):
        velocity = 0.9 * velocity - 100.0 * step(leak)[1]
        leak = leak + velocity
    np.testing.assert_allclose(0.02 / jax.nn.sigmoid(leak), taus, rtol=0.05)


@both
def test_refusals(make, xs):
    name = make.__name__
    for wrong in (0, -0.1):
        with pytest.raises(ValueError, match=f"{name}: dt must be positive, got {wrong}"):
            make(UNITS, dt=wrong)
        with pytest.raises(ValueError, match=f"{name}: tau must be positive, got {wrong}"):
            make(UNITS, tau=wrong)
    with pytest.raises(ValueError, match=f"{name}: tau must be positive"):
        make(UNITS, tau=(0.1, 0.1, -0.1, 0.1))
    with pytest.raises(ValueError, match="dt must be at most tau"):
        make(UNITS, dt=0.2, tau=0.1)
    with pytest.raises(ValueError, match="dt must be at most tau"):
        make(UNITS, dt=0.2, tau=(1.0, 1.0, 1.0, 0.1))
    with pytest.raises(ValueError, match=r"one number or of shape \(4,\), got \(3,\)"):
        make(UNITS, tau=(0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match="noise must not be negative"):
        make(UNITS, noise=-1.0)
    with pytest.raises(ValueError, match=r"a learned tau must start longer than dt, 0\.1"):
        make(UNITS, dt=0.1, tau=jax.nn.initializers.constant(0.1)).init(new_key(), xs[0])
    cell = make(UNITS)
    with pytest.raises(ValueError, match="made for 3 input features"):
        cell.step(cell.init(new_key(), xs[0]), jnp.zeros(UNITS), jnp.ones(5))


@pytest.mark.slow
def test_half_precision_keeps_its_type():
    cell = ctrnn(3, tau=(0.1, 0.2, 0.3), noise=jnp.asarray(0.1, "float32"))
    x = jnp.ones(2, jnp.bfloat16)
    params = cell.init(new_key(), x)
    v, y = cell.step(params, cell.carry(params, x), x, key=new_key())
    assert v.dtype == y.dtype == jnp.bfloat16
    assert jb.cells.unroll(cell).apply(params, jnp.ones((4, 2), jnp.bfloat16)).shape == (4, 3)
