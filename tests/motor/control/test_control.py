"""The closed loop and its perturbations: NumPy reference, delays, fields, lesions and doses."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.motor import TaskInput, closed_loop, point_mass, with_gain
from jaxbrain.motor.control import perturbations as perturb
from jaxbrain.motor.control.loop import Signals

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
TIME, UNITS, DELAY, MASS, DT = 14, 5, 3, 2.0, 0.01
START = np.array([0.02, 0.4])
CURL = np.array([[0.3, 7.0], [-5.0, 0.2]])


@pytest.fixture(autouse=True, scope="module")
def known_problem():
    problem()  # not under a trace


def controller():
    return jb.cells.stack(with_gain(jb.cells.elman(UNITS)), jb.lift(jb.dense(2)))


@functools.cache
def problem():
    """TaskInputs with everything in them, and params that push."""
    cue = jax.random.normal(jax.random.key(1), (TIME, 2))
    force = jax.random.normal(jax.random.key(2), (TIME, 2))
    start, field = (jnp.broadcast_to(a, (TIME, *a.shape)) for a in (START, CURL))
    scenes = TaskInput(cue, start, force, field)
    params = loop().init(new_key(), jax.tree.map(lambda a: a[0], scenes))
    params[1]["bias"] = jnp.array([3.0, -2.0])
    return scenes, params


def loop(perturbation=None, delay=DELAY, **options):
    return closed_loop(
        controller(),
        point_mass(mass=MASS, dt=DT),
        delay=delay,
        perturbation=perturbation,
        **options,
    )


def run(perturbation=None, params=None, key=None, **options):
    scenes, usual = problem()
    net = jb.cells.unroll(loop(perturbation, **options))
    return net.apply(usual if params is None else params, scenes, key=key)


plain = functools.cache(jax.jit(run))


def close(a, b, atol=1e-12):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-11, atol=atol), a, b)


def differ(a, b):
    return max(
        float(jnp.abs(p - q).max()) for p, q in zip(*map(jax.tree.leaves, (a, b)), strict=True)
    )


def by_hand(delay):
    """The loop in NumPy, from the equations."""
    scenes, params = jax.tree.map(np.asarray, problem())
    inner, outer = params
    p, v, h, u = START, np.zeros(2), np.zeros(UNITS), np.zeros(2)
    sensed, out = [], []
    for t in range(TIME):
        sensed.append(np.concatenate([10 * p, v, 10 * p]))
        late = sensed[max(t - delay, 0)]
        force = scenes.force[t] + CURL @ v
        out.append((late, h, u, p, v, force))
        x = np.concatenate([scenes.cue[t], late])
        h = np.tanh(x @ inner["kernel"] + h @ inner["recurrent"] + inner["bias"])
        a = (u + force) / MASS
        p, v = p + DT * v + DT**2 * a / 2, v + DT * a
        u = h @ outer["kernel"] + outer["bias"]
    return [np.stack(wire) for wire in zip(*out, strict=True)]


@pytest.mark.parametrize("delay", [0, DELAY])
def test_the_loop_is_the_one_of_the_equations(delay):
    found = jax.jit(lambda: run(delay=delay))()
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

        return run(perturbation, delay=delay).command

    moved = jax.jit(jax.jacfwd(commands))(0.0)  # the hand is elsewhere from step `at` on
    first = int(np.flatnonzero(np.abs(moved).max(axis=1))[0])
    assert first == at + delay + 1


def test_the_first_command_is_nothing_and_the_line_is_full_of_rest():
    found = plain()
    np.testing.assert_array_equal(found.command[0], 0)
    rest = np.concatenate([10 * START, [0, 0], 10 * START])
    close(found.sensory[: DELAY + 1], np.stack([rest] * (DELAY + 1)))
    assert np.abs(found.sensory[DELAY + 1] - rest).max() > 1e-5


def test_noise_needs_a_key_and_has_the_size_that_was_asked_for():
    close(run(sensory_noise=0.3, motor_noise=0.2), plain())
    scenes, params = problem()
    scene = jax.tree.map(lambda a: a[0], scenes)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None))
    def once(key, noises):
        cell = loop(delay=0, sensory_noise=noises[0], motor_noise=noises[1])
        return cell.step(params, cell.carry(params, scene), scene, key=key)

    keys = jax.random.split(new_key(), 4000)
    without = once(keys[:1], (0.0, 0.0))
    senses = once(keys, (0.3, 0.0))[1].sensory - without[1].sensory
    np.testing.assert_allclose(senses.std(axis=0), 0.3, rtol=0.05)
    command = without[0].command
    noise = once(keys, (0.0, 0.2))[0].command / command - 1
    np.testing.assert_allclose(noise.std(axis=0), 0.2, rtol=0.05)  # whatever the command is
    assert abs(float(jnp.corrcoef(noise.T)[0, 1])) < 0.06, "every motor has its own"


def test_no_edit_is_the_identity():
    close(run(lambda t, signals: signals), plain(), atol=0)
    close(run(perturb.together()), plain(), atol=0)
    close(run(perturb.set_gain(1.0, part=(0,))), plain(), atol=0)
    assert differ(run(perturb.constant_force([0.1, 0.0])).hand, plain().hand) > 1e-5


def test_fields_and_loads_are_what_they_say():
    found = run(perturb.together(perturb.curl_field(4.0), perturb.constant_force([1.0, -2.0])))
    scenes, _ = problem()
    vx, vy = found.hand.velocity.T
    expected = jnp.stack([4 * vy + 1, -4 * vx - 2], axis=1) + scenes.force
    close(found.force, expected + found.hand.velocity @ CURL.T)
    curl = run(perturb.curl_field(4.0))
    other = scenes.force + curl.hand.velocity @ CURL.T
    power = jnp.sum((curl.force - other) * curl.hand.velocity, axis=1)
    assert np.abs(power).max() < 1e-14
    drag = run(perturb.viscous_field(-4.0 * np.eye(2)))
    other = scenes.force + drag.hand.velocity @ CURL.T
    assert jnp.sum((drag.force - other) * drag.hand.velocity, axis=1)[1:].max() < 0
    # away from the body it pushes to the right, and the scene's field is the same field
    assert (perturb.curl(4.0) @ jnp.array([0.0, 1.0])).tolist() == [4.0, 0.0]


def test_a_pulse_lasts_as_long_as_it_says():
    pulse = perturb.during(perturb.constant_force([1.0, 0.0]), 4, 6)
    added = run(pulse).force[:, 0] - plain().force[:, 0]
    moved = (run(pulse).hand.velocity - plain().hand.velocity) @ CURL.T
    close(added - moved[:, 0], np.isin(np.arange(TIME), (4, 5)).astype(float))


def test_a_channel_keeps_the_hand_on_the_line_and_is_not_felt_along_it():
    target = START + np.array([0.0, 0.1])
    scenes, params = problem()
    pushed = jnp.tile(jnp.array([3.0, 2.0]), (TIME, 1))
    still = scenes._replace(field=0 * scenes.field, force=pushed)
    long = jax.tree.map(lambda a: jnp.concatenate([a, a, a]), still)
    params = jax.tree.map(jnp.zeros_like, params)

    def path(perturbation):
        return jb.cells.unroll(loop(perturbation)).apply(params, long)

    free, clamped = path(None), path(perturb.force_channel(START, target))
    close(clamped.hand.position[:, 1], free.hand.position[:, 1])
    off = np.abs(clamped.hand.position[:, 0] - START[0])
    assert off.max() < 2 * 3 / 4000 and np.abs(free.hand.position[-1, 0] - START[0]) > 0.1
    np.testing.assert_allclose(off[-1], 3 / 4000, rtol=0.01)  # 3 N on a spring of 4000 N/m
    np.testing.assert_allclose(clamped.force[-1], [0, 2], atol=0.05)


def test_a_lesion_is_exact():
    params = problem()[1]
    out = np.array([0, 3])

    @jax.jit
    def lesioned(params, gain):
        return run(perturb.silence(out, gain=gain, part=(0,)), params=params)

    cut = jax.tree.map(jnp.array, params)
    cut[0]["recurrent"] = cut[0]["recurrent"].at[out].set(0.0)  # rows are presynaptic
    cut[1]["kernel"] = cut[1]["kernel"].at[out].set(0.0)
    found, other = lesioned(params, 0.0), lesioned(cut, 1.0)
    close((found.hand, found.command), (other.hand, other.command), atol=0)
    assert differ(found.hand, plain().hand) > 1e-5

    def outcome(params):
        return jnp.sum(lesioned(params, 0.0).command ** 2)

    of = jax.jit(jax.grad(outcome))(params)
    rest = np.setdiff1d(np.arange(UNITS), out)
    unheard = of[0]["recurrent"][out], of[1]["kernel"][out], of[0]["kernel"][:, out]
    heard = of[0]["recurrent"][np.ix_(rest, rest)], of[1]["kernel"][rest], of[0]["kernel"][:, rest]
    assert not any(np.any(a) for a in unheard) and all(np.abs(a).min() > 0 for a in heard)
    assert differ(lesioned(params, 0.5).command, found.command) > 1e-6


def test_a_lesion_can_be_undone_and_a_pulse_of_current_too():
    cooled = run(
        perturb.during(perturb.silence(1, part=(0,)), 4, 7, after=perturb.set_gain(1.0, part=(0,)))
    )
    np.testing.assert_array_equal(
        cooled.controller[0].gain[:, 1] == 0, np.isin(np.arange(TIME), (4, 5, 6))
    )
    lasting = run(perturb.during(perturb.silence(1, part=(0,)), 4, 7))
    assert not lasting.controller[0].gain[4:, 1].any()
    pushed = run(perturb.during(perturb.stimulate(np.array([2]), 0.3, part=(0,)), 4, 5))
    state, usual = pushed.controller[0].state, plain().controller[0].state
    close(state[4] - usual[4], 0.3 * np.eye(UNITS)[2])
    close(pushed.command[:5], plain().command[:5])
    assert differ(pushed.command[5], plain().command[5]) > 1e-4


def test_senses_can_be_perturbed_and_any_part_of_a_carry_changed():
    offset = np.array([0.0, 0.0, 0.0, 0.0, 0.5, 0.0])
    found = run(perturb.during(perturb.perturb_sensory_feedback(offset), 0, 1))
    close(found.sensory[0], plain().sensory[0] + offset)
    assert (
        differ(found.command[0], plain().command[0])
        == 0
        < differ(found.command[1], plain().command[1])
    )
    carry = {"a": (jnp.ones(2), TaskInput(*[jnp.zeros(2)] * 4))}
    signals = plain()._replace(controller=carry)
    after = perturb.on_controller(lambda c: c + 7.0, part=("a", 1, "force"))(0, signals).controller
    assert after["a"][1].force.tolist() == [7.0, 7.0] and not after["a"][1].cue.any()
    by_number = perturb.on_controller(lambda c: c + 7.0, part=("a", 1, 2))(0, signals).controller
    close(by_number, after)


def test_a_sweep_of_doses_is_one_by_one_and_its_slope_that_of_differences():
    def outcome(dose):
        both = perturb.together(
            perturb.curl_field(dose), perturb.silence(1, gain=jnp.cos(dose), part=(0,))
        )
        return jnp.sum(run(both).hand.position[-1] ** 2)

    doses = jnp.array([-1.0, 0.5, 2.0])
    together = jax.jit(jax.vmap(outcome))(doses)
    one = jax.jit(outcome)
    close(together, jnp.stack([one(dose) for dose in doses]), atol=1e-14)
    step = 1e-5
    slope = (one(0.5 + step) - one(0.5 - step)) / (2 * step)
    np.testing.assert_allclose(jax.jit(jax.grad(outcome))(0.5), slope, rtol=1e-6)
    assert abs(slope) > 1e-8


def test_backprop_trains_it_and_blocks_change_nothing():
    scenes, params = problem()
    batch = jax.tree.map(lambda a: jnp.stack([a, a]), scenes)
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
    scenes, params = problem()
    wanted = jnp.broadcast_to(START + np.array([0.05, 0.0]), (TIME, 2))
    hand = jb.Network(lambda key, x: (), lambda params, x, *, key=None: x.hand.position)
    rule = jb.learning.online.over_time(jb.learning.rtrl(loop(), hand, jb.losses.mse))

    def loss(params):
        path = run(params=params).hand.position
        return jnp.mean(jax.vmap(jb.losses.mse)(path, wanted))

    batch = jax.tree.map(lambda a: a[None], (scenes, wanted))
    value, grads, _ = jax.jit(rule.grads)((params, ()), (), *batch)
    truth, expected = jax.jit(jax.value_and_grad(loss))(params)
    close((value, grads[0]), (truth, expected), atol=1e-14)
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(expected)) > 1e-7


def test_it_runs_in_single_precision_and_takes_integers():
    scenes, params = jax.tree.map(lambda a: a.astype(jnp.float32), problem())
    scenes = scenes._replace(cue=jnp.ones((TIME, 2), jnp.int32))
    net = jb.cells.unroll(loop(perturb.curl_field(3.0), sensory_noise=0.1, motor_noise=0.1))
    found = jax.jit(net.apply)(params, scenes, key=new_key())
    assert {a.dtype.name for a in jax.tree.leaves(found)} == {"float32"}
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), scenes)
    assert jax.tree.map(jnp.shape, net.init(new_key(), shapes)) == jax.tree.map(jnp.shape, params)
    assert loop() == loop() and hash(loop()) == hash(loop()) and loop() != loop(delay=0)
    assert repr(loop(delay=0)).endswith("delay=0)")


def apply(cell, scene):
    params = cell.init(new_key(), scene)
    return cell.step(params, cell.carry(params, scene), scene)


BAD = {
    "network": (lambda s: closed_loop(jb.dense(2), point_mass()), TypeError, r"jb\.lift\(net\)"),
    "plant": (lambda s: closed_loop(controller(), controller()), TypeError, "must be a Plant"),
    "delay": (lambda s: loop(delay=-1), ValueError, "0 or more, got -1"),
    "part of a step": (lambda s: loop(delay=0.05), ValueError, "round"),
    "noise": (lambda s: loop(motor_noise=-0.1), ValueError, "motor_noise must not be negative"),
    "no perturbation": (lambda s: loop(perturbation=3.0), TypeError, "perturbation must be a function"),
    "command": (
        lambda s: apply(closed_loop(jb.cells.elman(3), point_mass()), s),
        ValueError,
        r"2 commands of point_mass.*got \[\(3,\)\].*dense\(2\)",
    ),
    "scene": (lambda s: apply(loop(), s.cue), TypeError, "must be a TaskInput"),
    "start": (lambda s: apply(loop(), s._replace(start=s.cue[:1])), ValueError, r"start.*\(2,\)"),
    "field": (lambda s: apply(loop(), s._replace(field=s.force)), ValueError, r"field.*\(2, 2\)"),
    "cue": (lambda s: apply(loop(), s._replace(cue=s.cue[0])), ValueError, "cue"),
    "other wires": (lambda s: apply(loop(lambda t, x: x.force), s), TypeError, "return Signals"),
    "other shapes": (
        lambda s: apply(loop(lambda t, x: x._replace(force=x.force[0])), s),
        ValueError,
        r"what force is: float64\[2\] became float64\[\]",
    ),
    "other types": (
        lambda s: apply(loop(lambda t, x: x._replace(force=x.force.astype(jnp.float32))), s),
        ValueError,
        "became float32",
    ),
    "force": (lambda s: perturb.constant_force([1.0]), ValueError, r"\(2,\), got \(1,\)"),
    "strength": (lambda s: perturb.curl_field([1.0]), ValueError, r"strength"),
    "one point": (lambda s: perturb.force_channel(START, START), ValueError, "two points"),
    "window": (lambda s: perturb.during(perturb.set_gain(1.0), 3, 3), ValueError, "before stop"),
    "offset": (lambda s: apply(loop(perturb.perturb_sensory_feedback(1.0)), s), ValueError, r"\(6,\), got"),
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
    scene = jax.tree.map(lambda a: a[0], problem()[0])
    with pytest.raises(kind, match=message):
        act(scene)


def test_a_delay_is_shorter_than_the_trial():
    scenes, params = problem()
    steps = len(scenes.start)
    assert jb.cells.unroll(loop(delay=steps - 1)).apply(params, scenes).force.shape == (steps, 2)
    with pytest.raises(ValueError, match=rf"shorter than the trial, got {steps} steps of {steps}"):
        jb.cells.unroll(loop(delay=steps)).apply(params, scenes)
