"""The closed loop: its equations in NumPy, delays, noise, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.motor import closed_loop, point_mass, with_gain
from jaxbrain.motor import perturbations as perturb
from jaxbrain.motor.control.loop import Signals
from tests.motor.control.loops import (
    CURL,
    DELAY,
    DT,
    MASS,
    START,
    TIME,
    UNITS,
    close,
    controller,
    differ,
    loop,
    new_key,
    plain,
    problem,
    run,
)

pytestmark = pytest.mark.x64


@pytest.fixture(autouse=True, scope="module")
def known_problem():
    problem()  # not under a trace


def by_hand(delay):
    """The loop in NumPy, from the equations."""
    inputs, params = jax.tree.map(np.asarray, problem())
    inner, outer = params
    p, v, h, u = START, np.zeros(2), np.zeros(UNITS), np.zeros(2)
    feedback, out = [], []
    for t in range(TIME):
        feedback.append(np.concatenate([10 * p, v, 10 * p]))
        late = feedback[max(t - delay, 0)]
        force = inputs.force[t] + CURL @ v
        out.append((late, h, u, p, v, force))
        x = np.concatenate([inputs.cue[t], late])
        h = np.tanh(x @ inner["kernel"] + h @ inner["recurrent"] + inner["bias"])
        a = (u + force) / MASS
        p, v = p + DT * v + DT**2 * a / 2, v + DT * a
        u = h @ outer["kernel"] + outer["bias"]
    return [np.stack(wire) for wire in zip(*out, strict=True)]


@pytest.mark.parametrize("delay", [0, DELAY])
def test_the_loop_is_the_one_of_the_equations(delay):
    found = jax.jit(lambda: run(delay_steps=delay))()
    wires = (found.sensory, found.controller[0].state, found.command, *found.hand, found.force)
    close(list(wires), by_hand(delay))
    assert differ(wires[2], by_hand(delay + 1)[2]) > 1e-4, "another delay is another movement"


@pytest.mark.parametrize("delay", [0, 1, DELAY])
def test_a_change_of_the_body_is_in_the_command_after_delay_and_conduction(delay):
    at = 5

    def commands(nudge):
        def perturbation(t, signals):
            moved = signals.body.position + jnp.where(t == at - 1, nudge, 0.0)
            return signals._replace(body=signals.body._replace(position=moved))

        return run(perturbation, delay_steps=delay).command

    moved = jax.jit(jax.jacfwd(commands))(0.0)  # the hand is elsewhere from step `at` on
    first = int(np.flatnonzero(np.abs(moved).max(axis=1))[0])
    assert first == at + delay + 1


def test_the_first_command_is_zero_and_the_delay_line_is_full_of_rest():
    found = plain()
    np.testing.assert_array_equal(found.command[0], 0)
    rest = np.concatenate([10 * START, [0, 0], 10 * START])
    close(found.sensory[: DELAY + 1], np.stack([rest] * (DELAY + 1)))
    assert np.abs(found.sensory[DELAY + 1] - rest).max() > 1e-5


def test_noise_needs_a_key_and_has_the_size_that_was_asked_for():
    close(run(sensory_noise=0.3, motor_noise=0.2), plain())
    inputs, params = problem()
    x = jax.tree.map(lambda a: a[0], inputs)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None))
    def once(key, noises):
        cell = loop(delay_steps=0, sensory_noise=noises[0], motor_noise=noises[1])
        return cell.step(params, cell.carry(params, x), x, key=key)

    def keys(n):
        return jax.random.split(new_key(), n)

    without = once(keys(1), (0.0, 0.0))
    senses = once(keys(4000), (0.3, 0.0))[1].sensory - without[1].sensory
    np.testing.assert_allclose(senses.std(axis=0), 0.3, rtol=0.05)
    command = without[0].command
    noise = once(keys(4000), (0.0, 0.2))[0].command / command - 1
    np.testing.assert_allclose(noise.std(axis=0), 0.2, rtol=0.05)  # whatever the command is
    assert abs(float(jnp.corrcoef(noise.T)[0, 1])) < 0.06, "every motor has its own"


def test_the_noises_of_senses_command_and_controller_are_independent():
    x = jax.tree.map(lambda a: a[0], problem()[0])

    def noisy(params, carry, x, *, key=None):
        noise = jnp.zeros(2) if key is None else jax.random.normal(key, (2,))
        return noise, jnp.ones(2)

    only_noise = jb.Cell(lambda key, x: (), lambda params, x: jnp.zeros(2), noisy)
    cell = closed_loop(only_noise, point_mass(), sensory_noise=1.0, motor_noise=1.0)

    @jax.jit
    @jax.vmap
    def draw(key):
        after, signals = cell.step((), cell.carry((), x), x, key=key)
        return jnp.concatenate([signals.sensory, after.command, after.controller])

    drawn = np.asarray(draw(jax.random.split(new_key(), 2000)))
    np.testing.assert_allclose(drawn.std(axis=0), 1, rtol=0.1)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(10)).max() < 0.1


def test_backprop_trains_it_and_blocks_change_nothing():
    inputs, params = problem()
    batch = jax.tree.map(lambda a: jnp.stack([a, a]), inputs)
    wanted = jnp.broadcast_to(START + np.array([0.05, 0.0]), (2, TIME, 2))

    def loss(signals: Signals, y):
        return jnp.mean((signals.hand.position - y) ** 2)

    rules = [jb.backprop(jb.cells.unroll(loop(), block=block), loss) for block in (None, 4)]
    close(*(jax.jit(rule.grads)(params, (), batch, wanted)[:2] for rule in rules))
    with jax.numpy_dtype_promotion("standard"):
        _, history = jb.run(
            rules[0], optax.adam(0.1), (batch, wanted), key=new_key(), epochs=40, batch_size=2
        )
    assert history.loss[-1] < 0.7 * history.loss[0]


def test_an_online_rule_finds_the_gradient_of_backprop():
    """Real-time recurrent learning is exact: body and delay line are part of the state."""
    inputs, params = problem()
    wanted = jnp.broadcast_to(START + np.array([0.05, 0.0]), (TIME, 2))
    hand = jb.Network(lambda key, x: (), lambda params, x, *, key=None: x.hand.position)
    rule = jb.learning.online.over_time(jb.learning.rtrl(loop(), hand, jb.losses.mse))

    def loss(params):
        path = run(params=params).hand.position
        return jnp.mean(jax.vmap(jb.losses.mse)(path, wanted))

    batch = jax.tree.map(lambda a: a[None], (inputs, wanted))
    value, grads, _ = jax.jit(rule.grads)((params, ()), (), *batch)
    truth, expected = jax.jit(jax.value_and_grad(loss))(params)
    close((value, grads[0]), (truth, expected), atol=1e-14)
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(expected)) > 1e-7


def test_it_runs_in_single_precision_and_takes_integers():
    inputs, params = jax.tree.map(lambda a: a.astype(jnp.float32), problem())
    inputs = inputs._replace(cue=jnp.ones((TIME, 2), jnp.int32))
    net = jb.cells.unroll(loop(perturb.curl_field(3.0), sensory_noise=0.1, motor_noise=0.1))
    found = jax.jit(net.apply)(params, inputs, key=new_key())
    assert {a.dtype.name for a in jax.tree.leaves(found)} == {"float32"}
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), inputs)
    assert jax.tree.map(jnp.shape, net.init(new_key(), shapes)) == jax.tree.map(jnp.shape, params)
    assert loop() == loop() and hash(loop()) == hash(loop()) and loop() != loop(delay_steps=0)
    assert repr(loop(delay_steps=0)).endswith("delay_steps=0)")


def apply(cell, x):
    params = cell.init(new_key(), x)
    return cell.step(params, cell.carry(params, x), x)


BAD = {
    "network": (lambda s: closed_loop(jb.dense(2), point_mass()), TypeError, r"jb\.lift\(net\)"),
    "plant": (lambda s: closed_loop(controller(), controller()), TypeError, "must be a Plant"),
    "delay": (lambda s: loop(delay_steps=-1), ValueError, "not negative, got -1"),
    "part of a step": (lambda s: loop(delay_steps=0.05), ValueError, "an integer, got 0.05"),
    "noise": (lambda s: loop(motor_noise=-0.1), ValueError, "motor_noise must not be negative"),
    "perturbation": (lambda s: loop(perturbation=3.0), TypeError, "must be a function"),
    "command": (
        lambda s: apply(closed_loop(jb.cells.elman(3), point_mass()), s),
        ValueError,
        r"2 commands of motor.point_mass.*got \[\(3,\)\].*dense\(2\)",
    ),
    "input": (lambda s: apply(loop(), s.cue), TypeError, r"must be TaskInput\(cue"),
    "start": (lambda s: apply(loop(), s._replace(start=s.cue[:1])), ValueError, r"start.*\(2,\)"),
    "field": (lambda s: apply(loop(), s._replace(field=s.force)), ValueError, r"field.*\(2, 2\)"),
    "cue": (lambda s: apply(loop(), s._replace(cue=s.cue[0])), ValueError, "cue"),
    "other wires": (lambda s: apply(loop(lambda t, x: x.force), s), TypeError, "return Signals"),
    "other shapes": (
        lambda s: apply(loop(lambda t, x: x._replace(force=x.force[0])), s),
        ValueError,
        r"shape of force: float64\[2\] became float64\[\]",
    ),
    "other types": (
        lambda s: apply(loop(lambda t, x: x._replace(force=x.force.astype(jnp.float32))), s),
        ValueError,
        "became float32",
    ),
    "force": (lambda s: perturb.constant_force([1.0]), ValueError, r"\(2,\), got \(1,\)"),
    "strength": (lambda s: perturb.curl_field([1.0]), TypeError, r"strength"),
    "one point": (lambda s: perturb.force_channel(START, START), ValueError, "two points"),
    "window": (lambda s: perturb.during(perturb.set_gain(1.0), 3, 3), ValueError, "before stop"),
    "offset": (
        lambda s: apply(loop(perturb.perturb_sensory_feedback(1.0)), s), ValueError, r"\(6,\), got"
    ),
    "gain": (lambda s: apply(loop(perturb.set_gain(1.0)), s), TypeError, r"parts \[0, 1\].*part="),
    "no gain": (
        lambda s: apply(loop(perturb.silence(0, part=(0, "state"))), s), TypeError, "with_gain"
    ),
    "units": (
        lambda s: apply(loop(perturb.set_gain(np.ones(3), part=(0,))), s),
        ValueError,
        r"\(5,\), got \(3,\)",
    ),
    "part": (
        lambda s: apply(loop(perturb.set_gain(1.0, part=(2,))), s),
        ValueError,
        r"2 is not in.*\[0, 1\]",
    ),
    "many carries": (lambda s: apply(with_gain(jb.cells.lstm(3)), s.cue), TypeError, "one array"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refusals_say_what_to_do(case):
    act, kind, message = BAD[case]
    x = jax.tree.map(lambda a: a[0], problem()[0])
    with pytest.raises(kind, match=message):
        act(x)


def test_a_delay_is_shorter_than_the_trial():
    inputs, params = problem()
    steps = len(inputs.start)
    assert jb.cells.unroll(loop(delay_steps=steps - 1)).apply(params, inputs).force.shape == (
        steps,
        2,
    )
    with pytest.raises(ValueError, match=rf"the steps of the trial, got {steps} of {steps}"):
        jb.cells.unroll(loop(delay_steps=steps)).apply(params, inputs)
