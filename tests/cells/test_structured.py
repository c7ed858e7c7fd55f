"""Cells of low rank, under Dale's law, with masks and delays."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.cells import (
    conduction_delays,
    connected,
    dale,
    delayed,
    excitatory_inhibitory,
    gru,
    low_rank,
    modular,
    scan,
    signed_weights,
    unroll,
)  # fmt: skip
from tests.cells import reference

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)
RUN = jax.jit(lambda net, params, xs: net.apply(params, xs))
INPUTS, UNITS, STEPS = 3, 10, 8
LEAK = {"dt": 0.03, "tau": 0.11}
A = 0.03 / 0.11


def generic(cell, inputs=INPUTS):
    """Params with nothing at zero, of both signs."""
    params = jax.jit(cell.init)(new_key(), jnp.ones(inputs))
    keys = iter(jax.random.split(jax.random.key(1), 6))
    return {n: a + 0.3 * jax.random.normal(next(keys), a.shape) for n, a in params.items()}


def sequence(steps=STEPS, inputs=INPUTS):
    return jax.random.normal(jax.random.key(2), (steps, inputs))


def states(cell, params, xs, key=None):
    """The carry after each step."""
    carry, found = cell.carry(params, xs[0]), []
    keys = [None] * len(xs) if key is None else jax.random.split(key, len(xs))
    for x, k in zip(xs, keys, strict=True):
        carry, _ = cell.step(params, carry, x, key=k)
        found.append(carry)
    return jnp.stack(found)


def arrays(params):
    return {name: np.asarray(value) for name, value in params.items()}


def test_low_rank_is_its_equation():
    cell = low_rank(UNITS, 2, **LEAK)
    params, xs = generic(cell), sequence()
    p, x, expected = arrays(params), np.zeros(UNITS), []
    for u in np.asarray(xs):
        x = x + A * (-x + p["m"] @ (p["n"].T @ np.tanh(x)) / UNITS + p["kernel"].T @ u)
        expected.append(np.tanh(x))
    ys = RUN(unroll(cell), params, xs)
    np.testing.assert_allclose(ys, expected, rtol=1e-12, atol=1e-12)
    other = RUN(unroll(low_rank(UNITS, 2, dt=0.03, tau=0.12)), params, xs)
    assert np.abs(other - np.asarray(expected)).max() > 1e-3


@pytest.mark.slow
def test_low_rank_stays_in_the_span_of_m_and_the_inputs():
    def spread(rank):
        cell = low_rank(40, rank, **LEAK)
        params = cell.init(new_key(), jnp.ones(INPUTS))
        found = states(cell, params, sequence(30))
        span = np.linalg.qr(np.concatenate([params["m"], params["kernel"].T], axis=1))[0]
        outside = found - found @ span @ span.T
        singular = np.linalg.svd(found, compute_uv=False)
        return singular / singular[0], np.abs(outside).max()

    singular, outside = spread(2)
    assert singular[5] < 1e-12 < 1e-4 < singular[4]
    assert outside < 1e-12
    assert spread(3)[0][5] > 1e-5


def relu(x):
    return np.maximum(x, 0)


def by_hand(params, xs, signs, mask, delays=None, f=relu):
    """[steps, excitatory] by loops over units."""
    p, units = arrays(params), len(signs)
    past, x, found = [f(np.zeros(units))] * 9, np.zeros(units), []
    for u in np.asarray(xs):
        own = np.zeros(units)
        for i in range(units):
            for j in range(units):
                rate = past[-1 if delays is None else -delays[i][j]][i]
                own[j] += signs[i] * mask[i][j] * abs(p["recurrent"][i, j]) * rate
        x = x + A * (-x + own + u @ p["kernel"] + p["bias"])
        past.append(f(x))
        found.append(past[-1][signs > 0])
    return np.array(found)


def test_excitatory_inhibitory_is_its_equation():
    cell = excitatory_inhibitory(UNITS, **LEAK)
    params, xs = generic(cell), sequence()
    usual = dale(UNITS)
    expected = by_hand(params, xs, usual.signs, usual.mask)
    ys = RUN(unroll(cell), params, xs)
    assert ys.shape == (STEPS, 8)
    np.testing.assert_allclose(ys, expected, rtol=1e-12, atol=1e-12)
    for signs, mask in ((-usual.signs[::-1], usual.mask), (usual.signs, np.ones((10, 10)))):
        other = by_hand(params, xs, signs, mask)
        assert other.shape != expected.shape or np.abs(other - expected).max() > 1e-3


def test_delays_inside_a_network():
    rng = np.random.default_rng(0)
    delays, area = rng.integers(1, 6, (UNITS, UNITS)), dale(UNITS)
    cell = excitatory_inhibitory(UNITS, delays=delays, **LEAK)
    params, xs = generic(cell), sequence(12)
    ys = RUN(unroll(cell), params, xs)
    expected = by_hand(params, xs, area.signs, area.mask, delays)
    np.testing.assert_allclose(ys, expected, rtol=1e-12, atol=1e-12)
    plain = RUN(unroll(excitatory_inhibitory(UNITS, **LEAK)), params, xs)
    one = excitatory_inhibitory(UNITS, delays=np.ones((UNITS, UNITS)), **LEAK)
    np.testing.assert_allclose(RUN(unroll(one), params, xs), plain, rtol=1e-12)
    assert np.abs(ys - plain).max() > 1e-3


def test_a_delayed_network_starts_at_rest():
    """Before the first step the delayed rates are f(0) too, not zero."""
    delays, area = np.full((4, 4), 3), dale(4)
    cell = excitatory_inhibitory(4, delays=delays, activation=jax.nn.softplus, **LEAK)
    params, xs = generic(cell), sequence(5)
    softplus = by_hand(params, xs, area.signs, area.mask, delays, lambda x: np.log1p(np.exp(x)))
    np.testing.assert_allclose(RUN(unroll(cell), params, xs), softplus, rtol=1e-12)


@pytest.mark.slow
def test_no_update_breaks_dales_law():
    cell = excitatory_inhibitory(UNITS)
    area = dale(UNITS)
    net = jb.serial(unroll(cell), jb.cells.last(), jb.dense(1))
    xs = jax.random.normal(new_key(), (16, 5, INPUTS))
    rule = jb.backprop(net, jb.losses.mse)
    state, _ = jb.run(
        rule, optax.sgd(3.0), (xs, xs[:, 0, :1]), key=new_key(), epochs=2, batch_size=4
    )
    free = state.params[0]["recurrent"] + jax.random.normal(new_key(), (UNITS, UNITS))
    assert np.any(free < 0) and np.any(free > 0)  # no law holds for what is learned
    weights = np.asarray(signed_weights(free, area.mask, area.signs))
    assert np.all(weights * area.signs[:, None] >= 0)
    assert not np.any(np.diag(weights))
    assert (weights != 0).sum() == UNITS * (UNITS - 1)


def test_it_begins_balanced():
    units, area = 200, dale(200)
    cell = excitatory_inhibitory(units)
    drawn = cell.init(new_key(), jnp.ones(2))["recurrent"]
    weights = np.asarray(signed_weights(drawn, area.mask, area.signs))
    np.testing.assert_allclose(weights.sum(axis=0), 0, atol=1e-12)
    ratio = -weights[160:].sum() / 40 / (weights[:160].sum() / 160)
    assert ratio == pytest.approx(4, rel=1e-12)
    unbalanced = signed_weights(
        jnp.abs(jax.random.normal(new_key(), drawn.shape)), area.mask, area.signs
    )
    assert np.abs(unbalanced.sum(axis=0)).min() > 1


def test_only_excitatory_units_project():
    """A loss on the output depends on inhibitory units through excitatory ones only."""
    signs = np.array([1, -1, 1, -1])
    cell = excitatory_inhibitory(4, signs=signs, mask=np.zeros((4, 4)))
    params, xs = generic(cell), jnp.abs(sequence())
    grads = jax.jit(jax.grad(lambda p: jnp.sum(unroll(cell).apply(p, xs))))(params)
    assert RUN(unroll(cell), params, xs).shape == (STEPS, 2)
    assert not np.any(grads["bias"][signs < 0]) and np.any(grads["bias"][signs > 0])
    assert not np.any(grads["recurrent"])


@pytest.mark.parametrize(
    "make", [lambda **o: low_rank(300, 1, **o), lambda **o: excitatory_inhibitory(300, **o)]
)
def test_noise_is_an_ornstein_uhlenbeck_process(make):
    """Variance s^2 / (1 - a / 2) without weights, for any dt."""
    start = make().init(new_key(), jnp.ones(1))
    params = jax.tree.map(jnp.zeros_like, start)

    @jax.jit
    def spread(key, dt):  # what is swept may be traced
        cell = make(dt=dt, tau=0.1, noise=0.7)

        def one(carry, k):
            carry, _ = cell.step(params, carry, jnp.ones(1), key=k)
            return carry, carry

        found = jax.lax.scan(one, cell.carry(params, jnp.ones(1)), jax.random.split(key, 400))
        return jnp.var(found[1][150:])

    for dt in (0.01, 0.06):
        assert spread(new_key(), dt) == pytest.approx(0.49 / (1 - dt / 0.1 / 2), rel=0.03)
    assert not np.any(states(make(noise=0.7), params, jnp.ones((3, 1))))


def test_a_modular_network_with_conduction_delays():
    """The input of one area reaches the other after the delay, not before."""
    area = modular(new_key(), {"in": 6, "out": 4}, between=[[0, 1.0], [0, 0]], excitatory=0.5)
    for steps in (1, 4):
        cell = excitatory_inhibitory(
            10,
            signs=area.signs,
            mask=area.mask,
            delays=conduction_delays(area.slices, between=steps),
            kernel_init=lambda key, shape, dtype: jnp.zeros(shape, dtype).at[:, :6].set(1.0),
        )
        xs = jnp.ones((8, 1))
        ys = RUN(unroll(cell), cell.init(new_key(), xs[0]), xs)
        heard = np.flatnonzero(np.abs(np.asarray(ys[:, 3:])).max(axis=1) > 0)
        assert ys.shape == (8, 5) and np.any(ys[0, :3] > 0)
        assert heard[0] == steps


def test_connected_cuts_every_gate():
    mask = np.array([[0.0, 1, 1], [1, 0, 0], [0, 1, 0]])
    cell, plain, xs = connected(gru(3), mask), gru(3), sequence(4)
    params = reference.generic(jax.eval_shape(cell.init, new_key(), xs[0]))
    everywhere = np.tile(mask, (1, 3))
    assert np.array_equal(jax.jit(cell.init)(new_key(), xs[0])["recurrent"] != 0, everywhere)
    cut = {**params, "recurrent": params["recurrent"] * everywhere}
    expected, other = RUN(unroll(plain), cut, xs), RUN(unroll(plain), params, xs)
    np.testing.assert_array_equal(RUN(unroll(cell), params, xs), expected)
    assert np.abs(other - expected).max() > 1e-3
    grads = jax.jit(jax.grad(lambda p: jnp.sum(unroll(cell).apply(p, xs))))(params)["recurrent"]
    np.testing.assert_array_equal(grads != 0, everywhere == 1)


@pytest.mark.parametrize("steps", [1, 3, STEPS + 2])
def test_a_delay_line_shifts(steps):
    cell, xs = gru(4), sequence()
    params = cell.init(new_key(), xs[0])
    ys = np.asarray(RUN(unroll(cell), params, xs))
    late = np.concatenate([np.zeros((steps, 4)), ys])[:STEPS]
    line = delayed(cell, steps)
    np.testing.assert_array_equal(RUN(unroll(line), params, xs), late)
    (carry, rest), _ = scan(line, params, line.carry(params, xs[0]), xs)
    np.testing.assert_array_equal(rest, np.concatenate([np.zeros((steps, 4)), ys])[STEPS:])
    np.testing.assert_array_equal(carry, ys[-1])


def test_cells_of_equal_structure_are_equal():
    def make(seed=0):
        area = modular(jax.random.key(seed), {"a": 3, "b": 3})
        lag = conduction_delays(area.slices, between=3)
        return excitatory_inhibitory(6, signs=area.signs, mask=area.mask, delays=lag)

    assert make() == make() and hash(make()) == hash(make())
    assert make() != make(1)


REFUSED = [
    (lambda: low_rank(3, 4), "rank must be at most units=3, got 4"),
    (lambda: low_rank(3, 0), "rank must be a positive integer"),
    (lambda: low_rank(3, 1, tau=-0.1), "tau must be positive, got -0.1"),
    (lambda: low_rank(3, 1, dt=0.0), "dt must be positive, got 0.0"),
    (lambda: low_rank(3, 1, dt=0.2), "dt must be at most tau, got dt=0.2 and tau=0.1"),
    (lambda: low_rank(3, 1, tau=np.ones(2)), r"one number or of shape \(3,\), got \(2,\)"),
    (lambda: excitatory_inhibitory(3, noise=-1.0), "noise must not be negative"),
    (lambda: excitatory_inhibitory(3, mask=np.ones((3, 4))), r"mask must be \(3, 3\).*\(3, 4\)"),
    (lambda: excitatory_inhibitory(3, mask=np.ones((4, 4))), r"mask must be \(3, 3\)"),
    (lambda: excitatory_inhibitory(3, mask=np.full((3, 3), 0.5)), r"mask must be of 0 and 1"),
    (lambda: excitatory_inhibitory(3, signs=[1, 0, -1]), r"signs must be \(3,\) of \+1 and -1"),
    (lambda: excitatory_inhibitory(3, signs=[-1, -1, -1]), "only excitatory units have outputs"),
    (lambda: excitatory_inhibitory(3, delays=np.ones((3, 2))), r"delays must be \(3, 3\)"),
    (lambda: excitatory_inhibitory(3, delays=np.zeros((3, 3))), "delays must be positive integers"),
    (lambda: connected(gru(3), np.ones((3, 4))), "mask must be square, from units to units"),
    (lambda: connected(low_rank(3, 1), np.eye(4)).init(new_key(), jnp.ones(2)), "4 units.*none"),
    (lambda: delayed(gru(3), 0), "steps must be a positive integer, got 0"),
    (lambda: signed_weights(jnp.ones((2, 3)), np.ones((2, 3)), [1, 1]), "must be square"),
    (lambda: signed_weights(jnp.ones((2, 2)), np.ones((2, 2)), [1]), r"signs must be \(2,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refusals_of_types():
    with pytest.raises(TypeError, match="must be a Cell, got dense"):
        delayed(jb.dense(3), 1)
    with pytest.raises(TypeError, match="mask is traced"):
        jax.jit(lambda m: connected(gru(3), m).init(new_key(), jnp.ones(2)))(jnp.eye(3))
