"""The check of a body: right bodies pass, faults of published bodies are found and named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import LI_TODOROV, Action, ArmState
from jaxbrain.motor.body.plant import Hand, Physics
from jaxbrain.testing import check_plant

ARMS = np.array([[-0.03, 0.0], [0.0, -0.016], [0.03, 0.025]])
BENDS = np.array([[0.0], [0.004], [-0.004]])


def lengths_of(angles):
    """A muscle of the shoulder, one of the forearm, one of both; moment arms change."""
    return 0.3 + jnp.sum(ARMS * angles[None] + BENDS * angles[None] ** 2, axis=1)


def moment_arms(angles):
    return ARMS + 2 * BENDS * angles[None]


def muscled(*, twice_added=False, sign=1.0, times=1.0, loads=1.0, owned=1.0):
    """An arm of three muscles with activations; the options are faults of published bodies."""
    bones = jb.motor.two_link_arm()
    skeleton = lambda state: ArmState(*state[:2])  # noqa: E731

    def speeds(state):
        true = moment_arms(state[0]) @ state[1]
        shoulder = moment_arms(state[0])[:, 0] * state[1][0]
        extra = shoulder * jnp.array([0.0, 1.0, 1.0]) if twice_added else 0.0 * shoulder
        return sign * (true + extra)

    def tensions(state):
        true = moment_arms(state[0]) @ state[1]
        return state[2] * (100 + 200 * true)

    def flow(state, action):
        pull = -moment_arms(state[0]).T @ tensions(state)
        load = loads * action.force
        moved = bones.physics.flow(skeleton(state), Action(times * pull, load))
        return (*moved, (action.command - state[2]) / 0.05)

    def power(state, action):
        true = moment_arms(state[0]) @ state[1]
        hand = bones.hand((), skeleton(state))
        pushed = loads * jnp.sum(action.force * hand.velocity)
        return pushed - owned * jnp.sum(tensions(state) * true)

    def advance(state, action, dt):
        return jb.motor.runge_kutta(lambda s: flow(s, action), state, dt)

    def hand(params, state):
        return bones.hand(params, skeleton(state))

    def step(params, state, action, *, key=None):
        state = advance(state, action, 0.01)
        return state, hand(params, state)

    def place(params, position):
        return (*bones.place(params, position), jnp.full(3, 0.1, position.dtype))

    energy = lambda state: bones.physics.energy(skeleton(state))  # noqa: E731
    physics = Physics(
        flow, advance, energy, power, lambda state: lengths_of(state[0]), speeds, tensions
    )
    return bones._replace(step=step, hand=hand, place=place, commands=3, physics=physics)


@pytest.mark.parametrize("name", ["arm", "mass", "muscled"])
def test_right_bodies_pass(name):
    plant = {
        "arm": lambda: jb.motor.two_link_arm(arm=LI_TODOROV),
        "mass": lambda: jb.motor.point_mass(),
        "muscled": muscled,
    }[name]()
    found = check_plant(plant)
    assert max(found[:-1]) < 1e-12
    assert 15 < found.halving < 18 or (name == "mass" and found.halving == np.inf)


FAULTS = {
    "torque twice, velocity of the shoulder twice": (
        {"times": 2.0, "twice_added": True},
        ["d energy/dt", "power of a change of tension", "velocities of muscles"],
    ),
    "torque and load twice, with their power, and opposite velocities": (
        {"times": 2.0, "owned": 2.0, "loads": 2.0, "sign": -1.0},
        ["d power/d force", "power of a change of tension", "velocities of muscles"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_published_bodies_are_found(name):
    knobs, laws = FAULTS[name]
    with pytest.raises(AssertionError, match=r"^check_plant: Plant breaks a law") as found:
        check_plant(muscled(**knobs))
    rows = str(found.value).splitlines()[3:]
    assert len(rows) == len(laws), rows
    for row, law in zip(rows, laws, strict=True):
        assert row.startswith(law)
    assert rows[1].endswith("1.0e+00")  # twice is wrong by once
    if "sign" in knobs:
        assert rows[-1].endswith("2.0e+00")


def euler(plant):
    """The same body with Euler's method in place of its integrator."""

    def advance(state, action, dt):
        move = lambda s, k: s + jnp.asarray(dt).astype(s.dtype) * k  # noqa: E731
        return jax.tree.map(move, state, plant.physics.flow(state, action))

    def step(params, state, action, *, key=None):
        state = advance(state, action, plant.dt)
        return state, plant.hand(params, state)

    return plant._replace(step=step, physics=plant.physics._replace(advance=advance))


@pytest.mark.slow
def test_other_faults_are_found():
    plant = jb.motor.point_mass(friction=1.0)
    with pytest.raises(
        AssertionError, match=r"divides its error by 2, order 1\.00; order 4 divides"
    ):
        check_plant(euler(plant))
    wrong = plant._replace(place=lambda params, p: jb.motor.PointState(p + 1e-6, 0 * p))
    with pytest.raises(AssertionError, match="hand after place"):
        check_plant(wrong)
    half = plant._replace(physics=plant.physics._replace(lengths=lambda state: state.position))
    with pytest.raises(ValueError, match="must have all of lengths, velocities and tensions"):
        check_plant(half)
    wrong = plant._replace(hand=lambda params, state: Hand(state.position, -state.velocity))
    with pytest.raises(AssertionError, match="velocity of the hand"):
        check_plant(wrong)
