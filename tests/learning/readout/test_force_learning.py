"""FORCE and full FORCE by hand, and networks that go on alone."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import scan
from jaxbrain.learning.readout.force_learning import (
    GeneratorState,
    force,
    full_force,
    generator,
    learned_params,
)
from tests.learning.readout.least_squares import closed_form

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
RULES = {"force": force, "full_force": full_force}


def test_a_step_of_the_generator_is_its_equation():
    cell, x = generator(6, 2, gain=1.3, leak=0.2, feedback_scale=0.7), jnp.array([0.4])
    params = cell.init(new_key(), x) | {"readout": jax.random.normal(new_key(), (6, 2))}
    p = {name: np.asarray(value) for name, value in params.items()}
    state, z = np.linspace(-1, 1, 6), np.array([0.3, -0.5])
    carry, output = cell.step(
        params, GeneratorState(*map(jnp.asarray, (state, np.tanh(state), z))), x
    )
    drive = np.tanh(state) @ p["recurrent"] + z @ p["feedback"] + 0.4 * p["kernel"][0]
    after = 0.8 * state + 0.2 * drive
    np.testing.assert_allclose(carry.state, after, rtol=1e-12)
    np.testing.assert_allclose(carry.rates, np.tanh(after), rtol=1e-12)
    np.testing.assert_allclose(output, np.tanh(after) @ p["readout"], rtol=1e-12)
    assert np.array_equal(output, carry.output) and np.abs(p["feedback"]).max() <= 0.7


@pytest.mark.parametrize("connectivity", [1.0, 0.3])
def test_the_gain_is_the_radius_of_the_spectrum(connectivity):
    """Girko's circle: at any connectivity, within what 300 units scatter."""
    cell = generator(300, 1, gain=1.7, connectivity=connectivity)
    own = np.asarray(cell.init(new_key(), jnp.zeros(0))["recurrent"])
    assert abs(np.abs(np.linalg.eigvals(own)).max() - 1.7) < 0.15
    assert abs((own != 0).mean() - connectivity) < 0.01


def problem(steps=7, outputs=2):
    cell, xs = generator(5, outputs, leak=0.3), jnp.ones((steps, 1))
    ys = jax.random.normal(jax.random.key(4), (steps, outputs))
    return cell, cell.init(new_key(), xs[0]), xs, ys


@pytest.mark.parametrize("every", [1, 2])
def test_force_by_hand(every):
    """The network feeds on its own output; the readout is the ridge regression of what it met."""
    cell, params, xs, ys = problem()
    learner = force(cell, penalty=0.5, every=every)
    carry, outputs = scan(learner, params, learner.carry(params, (xs[0], ys[0])), (xs, ys))
    p = {name: np.asarray(value) for name, value in params.items()}
    state, z, readout, met = p["state"], np.zeros(2), p["readout"], []
    for t in range(len(xs)):
        drive = np.tanh(state) @ p["recurrent"] + z @ p["feedback"] + p["kernel"][0]
        state = 0.7 * state + 0.3 * drive
        z = np.tanh(state) @ readout
        np.testing.assert_allclose(outputs[t], z, atol=1e-9)
        if t % every == 0:
            met.append((np.tanh(state), np.asarray(ys)[t]))
            r, y = map(np.stack, zip(*met, strict=True))
            readout = closed_form(r, y, p["readout"], 0.5)
    taught = learned_params(params, carry)
    np.testing.assert_allclose(taught["readout"], readout, atol=1e-9)
    assert all(taught[name] is params[name] for name in params if name != "readout")


@pytest.mark.parametrize("every", [1, 3])
def test_full_force_by_hand(every):
    cell, params, xs, ys = problem()
    learner = full_force(cell, penalty=0.5, every=every)
    carry, outputs = scan(learner, params, learner.carry(params, (xs[0], ys[0])), (xs, ys))
    p = {name: np.asarray(value) for name, value in params.items()}
    state, guide, heard, met = p["state"], p["state"], np.zeros(2), []
    own, readout = np.zeros((5, 5)), np.zeros((5, 2))
    for t, y in enumerate(np.asarray(ys)):
        state = 0.7 * state + 0.3 * (np.tanh(state) @ own + p["kernel"][0])
        drive = np.tanh(guide) @ p["recurrent"] + heard @ p["feedback"] + p["kernel"][0]
        guide, heard = 0.7 * guide + 0.3 * drive, y
        np.testing.assert_allclose(outputs[t], np.tanh(state) @ readout, atol=1e-9)
        if t % every == 0:
            within = np.tanh(guide) @ p["recurrent"] + y @ p["feedback"]
            met.append((np.tanh(state), within, y))
            r, inner, outer = map(np.stack, zip(*met, strict=True))
            own = closed_form(r, inner, np.zeros((5, 5)), 0.5)
            readout = closed_form(r, outer, np.zeros((5, 2)), 0.5)
    taught = learned_params(params, carry)
    np.testing.assert_allclose(taught["recurrent"], own, atol=1e-9)
    np.testing.assert_allclose(taught["readout"], readout, atol=1e-9)
    assert not np.any(taught["feedback"]) and taught["kernel"] is params["kernel"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.slow
def test_a_network_goes_on_alone(rule):
    """Two sines, in 32 bits; free it keeps to them, untaught, or without what it learned, not."""
    period, periods = 150, 25
    phase = 2 * np.pi * np.arange(period * (periods + 2)) / period
    ys = jnp.asarray(np.sin(phase) + 0.5 * np.sin(2 * phase), jnp.float32)[:, None]
    xs, learning = jnp.zeros((len(ys), 0), jnp.float32), period * periods
    cell = generator(200, 1)
    learner = RULES[rule](cell)

    @jax.jit
    def train(key, xs, ys):
        params = cell.init(key, xs[0])
        start = learner.carry(params, (xs[0], ys[0]))
        carry, met = scan(learner, params, start, (xs[:learning], ys[:learning]))

        def free(params):
            return scan(cell, params, carry.cell, xs[learning:])[1]

        taught = learned_params(params, carry)
        silent = taught | {"recurrent": 0.9 * taught["recurrent"]}
        return met, free(taught), free(params), free(silent)

    def error(outputs):
        return float(jnp.sqrt(jnp.mean((outputs - ys[learning:]) ** 2) / ys.var()))

    met, taught, untaught, changed = train(new_key(), xs, ys)
    assert taught.dtype == jnp.float32
    assert np.abs(met[period : 2 * period] - ys[period : 2 * period]).max() < 0.5, "held from early"
    assert error(taught) < 0.05
    assert abs(error(untaught) - 1) < 0.01 and error(changed) > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_500_units_replay_twenty_outputs_of_a_chaotic_network(rule):
    xs, other = jnp.zeros((300, 0), jnp.float32), generator(500, 20, gain=1.8, feedback_scale=0.0)
    params = other.init(jax.random.key(1), xs[0])
    params["readout"] = jnp.eye(500, 20, dtype=jnp.float32)
    ys = scan(other, params, other.carry(params, xs[0]), xs)[1]
    cell = generator(500, 20, gain=1.8)
    learner, params = RULES[rule](cell), cell.init(new_key(), xs[0])
    carry = start = learner.carry(params, (xs[0], ys[0]))
    one_pass = jax.jit(lambda carry: scan(learner, params, carry, (xs, ys))[0])
    for _ in range(15):
        carry = one_pass(carry._replace(cell=start.cell, guide=start.guide))
    free = scan(cell, learned_params(params, carry), start.cell, xs)[1]
    assert jnp.sqrt(jnp.mean((free - ys) ** 2) / ys.var()) < 0.05


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: generator(0, 1), ValueError, "units must be a positive integer"),
        (lambda: generator(5, 1, gain=-1.0), ValueError, "gain must not be negative"),
        (lambda: generator(5, 1, leak=1.5), ValueError, "leak must be from 0 to 1"),
        (lambda: generator(5, 1, connectivity=0.0), ValueError, "connectivity must be positive"),
        (lambda: generator(5, 1).init(new_key(), jnp.ones((3, 1))), ValueError, "one step"),
        (lambda: force(jb.dense(1)), TypeError, "cell must be a Cell, got dense"),
        (lambda: force(generator(5, 1), penalty=0.0), ValueError, "penalty must be positive"),
        (lambda: full_force(generator(5, 1), every=0), ValueError, "every must be a positive"),
        (lambda: force(jb.cells.elman(3)).carry({}, (jnp.ones(1),) * 2), ValueError, "generator"),
    ],
)
def test_bad_input_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_target_of_another_size_is_refused():
    cell, params, xs, ys = problem()
    learner = force(cell)
    with pytest.raises(ValueError, match=r"target of a step must have shape \(2,\), got \(1,\)"):
        learner.step(params, learner.carry(params, (xs[0], ys[0])), (xs[0], ys[0, :1]))
