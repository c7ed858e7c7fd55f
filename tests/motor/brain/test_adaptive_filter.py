"""The adaptive filter: its equations, the Wiener solution, prediction of delayed feedback."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.cells import scan
from jaxbrain.core.program import Program
from jaxbrain.motor import Cerebellum, CerebellumInput, ForwardModelInput, cerebellum, forward_model

pytestmark = pytest.mark.x64
DT, TAUS, STEPS, INPUTS, OUTPUTS = 0.01, (0.01, 0.1), 6000, 2, 2


def fibers(mossy, taus=TAUS, dt=DT):
    """Leaky filters of each input, in NumPy: exact for an input that is held for a step."""
    keep = np.exp(-dt / np.array(taus))[:, None]
    p, all_ = np.zeros((len(taus), mossy.shape[1])), []
    for m in mossy:
        p = keep * p + (1 - keep) * m
        all_.append(p)
    return np.stack(all_)


@pytest.fixture(scope="module")
def plant():
    """Commands, and what a linear plant makes of them: in the span of the basis, and beyond it."""
    rng = np.random.default_rng(0)
    mossy = np.repeat(rng.normal(size=(STEPS // 3, INPUTS)), 3, axis=0)
    basis = fibers(mossy)
    truth = rng.normal(size=(len(TAUS), INPUTS, OUTPUTS))
    within = np.einsum("sti,tio->so", basis, truth)
    beyond = within + fibers(mossy, (0.02,))[:, 0, :OUTPUTS] + 0.1 * rng.normal(size=within.shape)
    return mossy, basis, truth, within, beyond


@pytest.fixture(scope="module")
def learn():
    """(mossy, wanted, rate) -> the last weights, the weights of all steps, predictions."""

    def run(mossy, wanted, rate):
        cell = cerebellum(dt=DT, taus=TAUS, learning_rate=rate)
        first = CerebellumInput(mossy[0], wanted[0])
        nothing = jnp.zeros(OUTPUTS)

        def one(state, now):
            carry, error = state
            carry, y = cell.step((), carry, CerebellumInput(now[0], error))
            return (carry, now[1] - y), (carry.weights, y)

        (carry, _), (weights, ys) = jax.lax.scan(
            one, (cell.carry((), first), nothing), (mossy, wanted)
        )
        return carry.weights, weights, ys

    return jax.jit(run)


def test_the_equations_at_generic_values():
    """Weights by the error times the fibers of `delay` steps ago; then the prediction."""
    rng, rate, delay = np.random.default_rng(1), 0.3, 3
    mossy, error = rng.normal(size=(9, INPUTS)), rng.normal(size=(9, OUTPUTS))
    cell = cerebellum(dt=DT, taus=TAUS, learning_rate=rate, delay_steps=delay)
    start = cell.carry((), CerebellumInput(mossy[0], error[0]))
    w = rng.normal(size=start.weights.shape)
    xs = CerebellumInput(jnp.asarray(mossy), jnp.asarray(error))
    run = jax.jit(lambda carry: scan(cell, (), carry, xs))
    carry, ys = run(start._replace(weights=jnp.asarray(w)))

    def numpy(lag):
        p, weights, out = fibers(mossy), w.copy(), []
        for t in range(len(mossy)):
            if t >= lag:
                weights += rate * np.einsum("ti,o->tio", p[t - lag], error[t])
            out.append(np.einsum("ti,tio->o", p[t], weights))
        return weights, np.stack(out)

    weights, wanted = numpy(delay)
    np.testing.assert_allclose(carry.weights, weights, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ys, wanted, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(carry.eligible, fibers(mossy)[-delay:], atol=1e-14)
    for lag in (delay - 1, delay + 1):  # control: the delay counts
        assert np.abs(numpy(lag)[0] - weights).max() > 1e-2


def test_a_plant_within_the_basis_is_learned_exactly(plant, learn):
    mossy, _, truth, within, _ = plant
    last, _, ys = map(np.asarray, learn(mossy, within, 0.1))
    np.testing.assert_allclose(last, truth, atol=1e-6)
    error = np.square(within - ys).mean(1)
    assert error[:200].mean() > 1e-2 and error[-200:].mean() < 1e-14
    still, _, silent = map(np.asarray, learn(mossy, within, 0.0))  # control: no learning
    np.testing.assert_array_equal(still, 0)
    unchanged = np.square(within - silent).mean(1)
    assert unchanged[-200:].mean() > 0.5 * unchanged[:200].mean() > 1e-2


def test_the_weights_go_to_the_wiener_solution(plant, learn):
    """The plant is not in the span and there is noise: least squares, solved by NumPy."""
    mossy, basis, truth, _, beyond = plant
    design = basis.reshape(STEPS, -1)
    wiener = np.linalg.lstsq(design, beyond, rcond=None)[0].reshape(truth.shape)
    _, weights, ys = map(np.asarray, learn(mossy, beyond, 0.03))
    late = weights[STEPS // 2 :].mean(0)
    assert np.linalg.norm(late - wiener) < 0.05 * np.linalg.norm(wiener)
    assert np.linalg.norm(truth - wiener) > 0.2 * np.linalg.norm(wiener)  # control
    residual = (beyond - np.einsum("sti,tio->so", basis, late))[STEPS // 2 :]
    correlation = design[STEPS // 2 :].T @ residual / len(residual)
    before = design.T @ beyond / STEPS
    assert np.abs(correlation).max() < 0.02 * np.abs(before).max()  # decorrelated
    least = np.square(beyond - design @ wiener.reshape(-1, OUTPUTS)).mean()
    assert np.square(beyond - ys)[STEPS // 2 :].mean() < 1.1 * least


def test_delayed_errors_teach_the_prediction_that_they_belong_to(plant):
    mossy, _, _, within, _ = plant
    late = 8

    @jax.jit
    @jax.vmap
    def run(rate):
        cell = cerebellum(dt=DT, taus=TAUS, learning_rate=rate, delay_steps=late)
        carry = cell.carry((), CerebellumInput(mossy[0], within[0]))

        def one(state, now):
            carry, errors = state
            carry, y = cell.step((), carry, CerebellumInput(now[0], errors[0]))
            return (carry, jnp.concatenate([errors[1:], (now[1] - y)[None]])), y

        start = (carry, jnp.zeros((late, OUTPUTS)))
        return jax.lax.scan(one, start, (jnp.asarray(mossy), jnp.asarray(within)))[1]

    on, off = np.square(within - np.asarray(run(jnp.array([0.02, 0.0])))).mean(2)
    assert on[-200:].mean() < 1e-4 * on[:200].mean()
    assert off[-200:].mean() > 0.5 * off[:200].mean()


@pytest.fixture(scope="module")
def body():
    """A damped oscillator under smooth commands: commands and states."""
    rng, steps = np.random.default_rng(2), 12000
    command = fibers(2 * rng.normal(size=(steps, 1)), (0.1,))[:, 0]
    state, states = np.zeros(2), []
    for u in command[:, 0]:
        states.append(state)
        state = state + 0.02 * np.array([5 * state[1], -5 * state[0] - 6 * state[1] + 8 * u])
    return command, np.stack(states)


def test_a_forward_model_predicts_the_delayed_feedback(body):
    command, states = body
    delay, tail = 6, slice(-2000, None)
    late = np.concatenate([np.zeros((delay, 2)), states[:-delay]])
    xs = ForwardModelInput(jnp.asarray(command), jnp.asarray(late))

    @jax.jit
    @jax.vmap
    def run(rate):
        cell = forward_model(
            dt=0.02, taus=(0.02, 0.06, 0.2, 0.6), learning_rate=rate, delay_steps=delay
        )
        first = jax.tree.map(lambda a: a[0], xs)
        return scan(cell, (), cell.carry((), first), xs)

    carry, ys = jax.tree.map(np.asarray, run(jnp.array([0.02, 0.0])))
    size = np.square(states[tail]).mean()
    learned, silent = np.square(ys - states)[:, tail].mean((1, 2)) / size
    stale = np.square(late - states)[tail].mean() / size
    assert learned < 0.01 and learned < 0.02 * stale
    np.testing.assert_allclose(silent, 1)  # control: it says nothing
    begins = np.square(ys[0] - states)[:500].mean() / np.square(states[:500]).mean()
    assert learned < 0.05 * begins
    np.testing.assert_allclose(carry.predicted[0], ys[0, -delay:], atol=0)


@pytest.mark.parametrize("delay", [1, 2, 4])
def test_the_bound_of_the_rate(delay):
    """w_t = w_{t-1} - k w_{t-delay} shrinks for k below 2 sin(pi / (4 delay - 2)), no further."""
    bound = 2 * np.sin(np.pi / (4 * delay - 2))
    x = CerebellumInput(jnp.ones(1), jnp.zeros(1))

    @jax.jit
    @jax.vmap
    def last(rate):
        cell = cerebellum(
            taus=(1e-6,), learning_rate=rate, delay_steps=delay
        )  # the fiber is the input

        def one(state, _):
            carry, errors = state
            carry, y = cell.step((), carry, x._replace(error=errors[0]))
            return (carry, jnp.concatenate([errors[1:], (1 - y)[None]])), y

        start = (cell.carry((), x), jnp.zeros((delay, 1)))
        return jax.lax.scan(one, start, None, 2000)[1][-10:]

    below, above = np.abs(1 - np.asarray(last(jnp.array([0.98, 1.02]) * bound))).max((1, 2))
    assert below < 1e-2 and above > 100


def test_the_rate_has_a_gradient(plant, learn):
    mossy, _, _, within, _ = plant
    few = slice(0, 60)

    @jax.jit
    def loss(rate):
        return jnp.mean(jnp.square(within[few] - learn(mossy[few], within[few], rate)[2]))

    h, slope = 1e-5, jax.jit(jax.grad(loss))(0.1)
    numeric = float(loss(0.1 + h) - loss(0.1 - h)) / (2 * h)
    assert float(slope) == pytest.approx(numeric, rel=1e-5) and numeric < 0


def test_types_names_and_refusals():
    x = CerebellumInput(jnp.ones(3, jnp.float32), jnp.ones(2, jnp.float32))
    cell = cerebellum(taus=(0.1,), delay_steps=2)
    assert repr(cell) == "motor.cerebellum(taus=(0.1,), delay_steps=2)" and cell != cerebellum()
    assert repr(forward_model()) == "motor.forward_model()" and cell == cerebellum(
        taus=(0.1,), delay_steps=2
    )
    assert cell.init(jax.random.key(0), x) == ()
    carry, y = cell.step((), cell.carry((), x), x)
    assert isinstance(carry, Cerebellum) and carry.weights.shape == (1, 3, 2)
    assert {leaf.dtype.name for leaf in jax.tree.leaves((carry, y))} == {"float32"}
    for make in (cerebellum, forward_model):
        for options, match in (
            ({"dt": 0.0}, "dt must be positive"),
            ({"taus": (0.1, -1.0)}, "taus must be positive"),
            ({"taus": 0.1}, "taus must be a sequence of numbers, got 0.1"),
            ({"learning_rate": -1.0}, "learning_rate must not be negative"),
            ({"delay_steps": 0}, "delay_steps must be a positive integer"),
        ):
            with pytest.raises((TypeError, ValueError), match=f"{make.__name__}: {match}"):
                make(**options)
        with pytest.raises(ValueError, match="the input of one step must be a"):
            make().carry((), jnp.ones(3))
    with pytest.raises(ValueError, match="made for 3 inputs and 2 outputs, got 2 and 2"):
        cell.step((), carry, x._replace(mossy=jnp.ones(2)))
    with pytest.raises(ValueError, match=r"with parts of shapes \(\(4, 3\), \(2,\)\)"):
        cell.step((), carry, x._replace(mossy=jnp.ones((4, 3))))


def test_other_time_constants_compile_nothing_and_make_another_filter():
    traces, x = [], CerebellumInput(jnp.ones(1), jnp.ones(1))

    @jax.jit
    def run(cell):
        traces.append(1)
        carry = cell.value.carry((), x)
        return cell.value.step((), cell.value.step((), carry, x)[0], x)[1]

    one, other = (run(Program(cerebellum(taus=taus))) for taus in ((0.01, 0.1), (0.02, 0.3)))
    assert len(traces) == 1 and float(one[0]) > float(other[0]) > 0
