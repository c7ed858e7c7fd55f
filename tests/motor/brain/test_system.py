"""The motor system: its equations in NumPy, connections of its parts, doses, refusals."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import SENSORY, Cortex, MotorSystem, cortical_layers, motor_system
from jaxbrain.motor.brain.nuclei import BasalGanglia

pytestmark = pytest.mark.x64
LAYERS = cortical_layers(jax.random.key(0), 44)
UNITS, INPUTS, CHANNELS, COMMANDS = 44, 3, 4, 2
STRIATAL, THALAMIC, SPINAL = (LAYERS.slices[n] for n in ("L5Ae", "L6e", "L5Be"))
OPTIONS = {"dt": 0.008, "tau": 0.03, "inhibition": 1.7, "dopamine": 0.35}
CELL = motor_system(LAYERS, COMMANDS, channels=CHANNELS, **OPTIONS)


@pytest.fixture(autouse=True, scope="module")
def known_problem():
    problem()  # not under a trace


@functools.cache
def problem():
    """Params, a carry and ten inputs, all of them generic."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(10, INPUTS))
    params = jax.jit(CELL.init)(jax.random.key(1), x[0])
    params = jax.tree.map(lambda a: jnp.asarray(a + 0.1 * rng.normal(size=a.shape)), params)
    cortex = Cortex(rng.normal(size=UNITS), rng.uniform(0.3, 1, UNITS))
    ganglia = BasalGanglia(*rng.uniform(0, 0.6, (5, CHANNELS)), np.array(0.35))
    carry = MotorSystem(cortex, ganglia, rng.normal(size=CHANNELS))
    return params, jax.tree.map(jnp.asarray, carry), jnp.asarray(x)


start = jax.jit(CELL.carry)


@functools.partial(jax.jit, static_argnums=0)
def run(cell, params, carry, x):
    return jb.cells.scan(cell, params, carry, x)


@functools.cache
def plain():
    return run(CELL, *problem())


def close(a, b, tolerance=1e-12):
    jax.tree.map(
        lambda p, q: np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance), a, b
    )


def relu(a):
    return np.maximum(a, 0)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def rate(a, theta):
    return np.clip(a - theta, 0, 1)


def nuclei_flow(a, s, dopamine):
    d1, d2, stn, gpe = a[:4]
    y1, y2, ystn, ygpe = rate(d1, 0.2), rate(d2, 0.2), rate(stn, -0.25), rate(gpe, -0.2)
    excited = 0.9 * ystn.sum()
    drive = [(1 + dopamine) * s, (1 - dopamine) * s, s - ygpe, excited - y2]
    return (np.stack([*drive, excited - y1 - 0.3 * ygpe]) - a) / 0.04


def by_hand(steps, old_inhibition=False):
    """The equations, a unit of time after the other."""
    params, carry, inputs = jax.tree.map(np.asarray, problem())
    cortex, striatum, thalamus, spine = (
        params[n] for n in ("cortex", "striatum", "thalamus", "spine")
    )
    x, g, h, a = carry.cortex.state, carry.cortex.gain, carry.thalamus, np.stack(carry.ganglia[:5])
    recurrent = LAYERS.signs[:, None] * LAYERS.mask * np.abs(cortex["recurrent"])
    kernel, dt, share = cortex["kernel"] * LAYERS.inputs, OPTIONS["dt"], 0.008 / 0.03
    for u in inputs[:steps]:
        r = g * relu(x)
        s = sigmoid(r[STRIATAL] @ striatum["cortical"] + u @ striatum["kernel"] + striatum["bias"])
        k1 = nuclei_flow(a, s, 0.35)
        k2 = nuclei_flow(a + dt / 2 * k1, s, 0.35)
        k3 = nuclei_flow(a + dt / 2 * k2, s, 0.35)
        k4 = nuclei_flow(a + dt * k3, s, 0.35)
        before, a = a, a + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        held = rate((before if old_inhibition else a)[4], -0.2)
        drive = r[THALAMIC] @ thalamus["cortical"] + u @ thalamus["kernel"] + thalamus["bias"]
        z = relu(h)
        h = h + share * (-h + drive - 1.7 * held)
        x = x + share * (-x + r @ recurrent + np.concatenate([u, z]) @ kernel + cortex["bias"])
        command = sigmoid((g * relu(x))[SPINAL] @ spine["kernel"] + spine["bias"])
    return x, a, h, command


@pytest.mark.parametrize("steps", [1, 10])
def test_the_system_is_the_one_of_the_equations(steps):
    params, carry, inputs = problem()
    last, commands = run(CELL, params, carry, inputs[:steps])
    found = last.cortex.state, jnp.stack(last.ganglia[:5]), last.thalamus, commands[-1]
    close(found, by_hand(steps))
    other = by_hand(steps, old_inhibition=True)
    assert np.abs(other[2] - found[2]).max() > 1e-4, "the ganglia's output is that of this step"
    close(last.cortex.gain, carry.cortex.gain)
    assert last.ganglia.dopamine == 0.35


@functools.cache
def slopes():
    """Of the carry and the command after a step, where cortex is not wired within."""
    params, carry, inputs = problem()
    cortex = {**params["cortex"], "recurrent": jnp.zeros((UNITS, UNITS))}
    carry = carry._replace(cortex=Cortex(jnp.abs(carry.cortex.state) + 0.1, carry.cortex.gain))

    def after(carry, x, inhibition):
        cell = motor_system(
            LAYERS, COMMANDS, channels=CHANNELS, **{**OPTIONS, "inhibition": inhibition}
        )
        inner, command = cell.step({**params, "cortex": cortex}, carry, x)
        return inner._replace(ganglia=jnp.stack(inner.ganglia[:5])), command

    return jax.jit(jax.jacfwd(after, argnums=(0, 1)))(carry, inputs[0], 0.0)


def heard(jacobian):
    """Which of the last axis anything depends on."""
    return np.any(np.abs(np.reshape(jacobian, (-1, jacobian.shape[-1]))) > 1e-12, axis=0)


def only(where):
    return np.isin(np.arange(UNITS), np.arange(UNITS)[where])


@pytest.mark.parametrize("wire", ["state", "gain"])
def test_each_part_receives_one_population_of_cortex(wire):
    inner, command = slopes()
    of = lambda slope: heard(getattr(slope[0].cortex, wire))  # noqa: E731
    np.testing.assert_array_equal(of(inner.ganglia), only(STRIATAL))
    np.testing.assert_array_equal(of(inner.thalamus), only(THALAMIC))  # without the ganglia
    np.testing.assert_array_equal(of(command), only(SPINAL))


def test_input_reaches_all_but_the_spine_and_the_thalamus_the_upper_layers():
    inner, command = slopes()
    of_thalamus, of_input = inner.cortex.state[0].thalamus, inner.cortex.state[1]
    for slope in (of_thalamus, of_input):
        np.testing.assert_array_equal(heard(np.swapaxes(slope, 0, 1)), LAYERS.inputs > 0)
    assert heard(inner.ganglia[1]).all() and heard(inner.thalamus[1]).all()
    assert not heard(command[1]).any() and not heard(command[0].thalamus).any()
    assert not heard(inner.ganglia[0].thalamus).any()
    own = np.abs(inner.thalamus[0].thalamus) > 1e-12
    np.testing.assert_array_equal(own, np.eye(CHANNELS) > 0)  # a channel is for itself


def test_no_value_of_the_params_breaks_the_law_of_dale():
    params, carry, inputs = problem()

    @jax.jit
    @jax.jacfwd
    def wires(state):
        inner = carry._replace(cortex=Cortex(state, carry.cortex.gain))
        return CELL.step(params, inner, inputs[0])[0].cortex.state

    assert (params["cortex"]["recurrent"] < 0).any(), "the params do not try"
    sent = np.array(wires(jnp.full(UNITS, 0.5))).T - (1 - 0.008 / 0.03) * np.eye(UNITS)
    assert np.all(sent[LAYERS.signs > 0] >= -1e-12) and np.all(sent[LAYERS.signs < 0] <= 1e-12)
    np.testing.assert_array_equal(np.abs(sent) > 1e-12, LAYERS.mask > 0)


def thalamus_after(dopamine, steps, cell=CELL):
    """Under a salience of the first channel alone, whatever cortex says."""
    params, carry, inputs = problem()
    nothing = jax.tree.map(jnp.zeros_like, params["striatum"])
    striatum = {**nothing, "bias": jnp.array([0.5, -4.0, -4.0, -4.0])}
    rest = cell.carry(params, inputs[0])
    rest = rest._replace(cortex=carry.cortex, ganglia=rest.ganglia._replace(dopamine=dopamine))
    still = jnp.broadcast_to(inputs[0], (steps, INPUTS))
    last, commands = jb.cells.scan(cell, {**params, "striatum": striatum}, rest, still)
    return last.thalamus, commands[-1]


def test_dopamine_lets_the_selected_channel_go():
    step = 1e-5
    levels = jnp.array([0.3, 0.3 + step, 0.3 - step])

    @jax.jit
    @jax.vmap
    def outcome(level):
        return jax.jvp(lambda level: thalamus_after(level, 12), (level,), (jnp.ones_like(level),))

    found, slopes = outcome(levels)
    slope, of_command = jax.tree.map(lambda a: a[0], slopes)
    up, down = (tuple(a[i] for a in found) for i in (1, 2))
    close((slope, of_command), jax.tree.map(lambda a, b: (a - b) / (2 * step), up, down), 1e-7)
    assert slope[0] > 0.1 and np.abs(slope[1:]).max() < 0.5 * slope[0]
    assert np.abs(of_command).max() > 1e-6, "dopamine must reach the muscles"


def test_the_inhibition_of_the_ganglia_reaches_the_thalamus():
    free = motor_system(LAYERS, COMMANDS, channels=CHANNELS, **{**OPTIONS, "inhibition": 0.0})
    with_it, without = jax.jit(
        lambda: (thalamus_after(0.35, 12)[0], thalamus_after(0.35, 12, free)[0])
    )()
    held = np.array(without - with_it)
    assert np.all(held[1:] > 0.1) and held[0] < 0.5 * held[1:].min()


def test_without_layer_5b_the_command_is_constant():
    params, carry, inputs = problem()
    gain = carry.cortex.gain.at[SPINAL].set(0.0)
    cut = carry._replace(cortex=carry.cortex._replace(gain=gain))
    constant = np.broadcast_to(sigmoid(np.array(params["spine"]["bias"])), (10, COMMANDS))
    close(run(CELL, params, cut, inputs)[1], constant, 1e-15)
    assert np.abs(plain()[1] - constant).max() > 1e-2


def test_it_begins_at_rest():
    params, _, inputs = problem()
    carry = start(params, inputs[0])
    assert not carry.cortex.state.any() and not carry.thalamus.any()
    assert (carry.cortex.gain == 1).all() and carry.ganglia.dopamine == 0.35
    ganglia = jb.motor.basal_ganglia(dopamine=0.35)
    silent = jnp.zeros(CHANNELS)
    close(carry.ganglia, jax.jit(ganglia.step)((), carry.ganglia, silent)[0])
    fresh = jax.jit(CELL.init)(jax.random.key(1), inputs[0])
    _, command = run(CELL, fresh, carry, 0 * inputs)
    close(command[0], np.full(COMMANDS, sigmoid(-3.0)))  # motor neurons nearly silent


@pytest.mark.slow
def test_it_is_mapped_trained_and_noisy_where_there_is_a_key():
    params, carry, inputs = problem()
    several = jnp.stack([inputs, -inputs])
    together = jax.vmap(functools.partial(run, CELL, params, carry))(several)[1]
    close(together[0], plain()[1])
    close(together[1], run(CELL, params, carry, -inputs)[1])
    noisy = motor_system(LAYERS, COMMANDS, channels=CHANNELS, **OPTIONS, noise=0.2)

    @jax.jit
    def states(keys):
        step = jax.vmap(lambda key: noisy.step(params, carry, inputs[0], key=key)[0])
        return step(keys), noisy.step(params, carry, inputs[0])[0]

    drawn, without = states(jax.random.split(jax.random.key(0), 400))
    spread = np.array(drawn.cortex.state - without.cortex.state[None])
    assert spread.std() == pytest.approx(0.2 * np.sqrt(2 * 0.008 / 0.03), rel=0.03)
    assert np.ptp(drawn.thalamus, axis=0).max() < 1e-12  # noise is of cortex

    def outcome(params):
        return jnp.sum(jb.cells.scan(CELL, params, carry, inputs[:5])[1] ** 2)

    for leaf in jax.tree.leaves(jax.jit(jax.grad(outcome))(params)):
        assert np.isfinite(leaf).all() and np.any(leaf), "a part that cannot learn"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_precision_is_that_of_the_params(dtype):
    params, carry, inputs = jax.tree.map(lambda a: a.astype(dtype), problem())
    for x in (inputs, jnp.ones((10, INPUTS), jnp.int32)):
        shapes = jax.eval_shape(lambda x: run(CELL, params, carry, x), x)
        assert {leaf.dtype.name for leaf in jax.tree.leaves(shapes)} == {dtype}
    if dtype == "float32":
        close(run(CELL, params, carry, inputs)[1], plain()[1], 1e-4)
    made = jax.eval_shape(lambda: CELL.init(jax.random.key(0), inputs[0]))
    assert jax.tree.map(jnp.shape, made) == jax.tree.map(jnp.shape, params)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(made)} == {dtype}


def test_a_cell_is_equal_to_one_made_alike():
    layers = LAYERS._replace(mask=LAYERS.mask.copy(), signs=LAYERS.signs.copy())  # no identity
    again = motor_system(layers, COMMANDS, channels=CHANNELS, **OPTIONS)
    assert again == CELL and hash(again) == hash(CELL) != hash(motor_system(LAYERS, COMMANDS))
    assert repr(motor_system(LAYERS, 6)).endswith("output='L5Be'), 6)")
    options = "channels=4, dt=0.008, tau=0.03, dopamine=0.35, inhibition=1.7)"
    assert repr(CELL).endswith(f"output='L5Be'), 2, {options}")


def wrong_inputs(x):
    params, carry, _ = problem()
    return CELL.step(params, carry, x)


SMALL = cortical_layers(jax.random.key(0), 40, wiring=SENSORY)
REFUSED = {
    "layers": (
        lambda: motor_system(40, 6),
        TypeError,
        "must be a Layers such as jb.motor.cort",
    ),
    "populations": (
        lambda: motor_system(SMALL, 6),
        ValueError,
        r"L5Ae and L6e, \['L5Ae'\] missing.*wiring=jb.motor.MOTOR",
    ),
    "commands": (lambda: motor_system(LAYERS, 0), ValueError, "commands must be a positive integ"),
    "channels": (lambda: motor_system(LAYERS, 6, channels=2.5), ValueError, "channels must be a"),
    "tau": (lambda: motor_system(LAYERS, 6, tau=0.001), ValueError, "dt must be at most tau"),
    "ganglia": (lambda: motor_system(LAYERS, 6, dt=0.045), ValueError, "dt must be at most tau"),
    "inhibition": (lambda: motor_system(LAYERS, 6, inhibition=-1.0), ValueError, "inhibition must"),
    "dopamine": (
        lambda: motor_system(LAYERS, 6, dopamine=2.0),
        ValueError,
        "dopamine must be from 0 to 1",
    ),
    "noise": (lambda: motor_system(LAYERS, 6, noise=-1.0), ValueError, "noise must not be negat"),
    "sequence": (
        lambda: CELL.init(jax.random.key(0), problem()[2]),
        ValueError,
        r"x of one step must have the shape \[inputs\], got \(10, 3\).*jb.cells.unroll",
    ),
    "inputs": (lambda: wrong_inputs(jnp.ones(5)), ValueError, "made for 3 input features, got"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_say_what_to_do(case):
    act, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        act()
