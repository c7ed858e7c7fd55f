"""Mechanics of an arm of two links: textbook equations, energy, stops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import LI_TODOROV, MOTORNET, NIJHOF_KOUWENHOVEN, Action, ArmState
from jaxbrain.motor.body import arm as mechanics
from jaxbrain.motor.body.links import load_torque
from tests.motor.body.bodies import each, each_arm, euler, rolled, states

pytestmark = pytest.mark.x64
FREE = ((-1e3, 1e3), (-1e3, 1e3))  # limits that are never reached


def by_hand(arm, q, w, torque, force=(0.0, 0.0)):
    """The textbook's equations in NumPy, the matrix inverted by NumPy."""
    (l1, l2), (m1, m2), (g1, g2), (i1, i2) = arm[:4]
    c, s = np.cos(q[1]), np.sin(q[1])
    off = m2 * g2**2 + i2 + m2 * l1 * g2 * c
    first = m1 * g1**2 + i1 + m2 * (g2**2 + l1**2) + i2 + 2 * m2 * l1 * g2 * c
    mass = np.array([[first, off], [off, m2 * g2**2 + i2]])
    h = m2 * l1 * g2 * s
    turning = np.array([-h * (2 * w[0] + w[1]) * w[1], h * w[0] ** 2])
    a, b = q[0], q[0] + q[1]
    jacobian = np.array(
        [[-l1 * np.sin(a) - l2 * np.sin(b), -l2 * np.sin(b)],
         [l1 * np.cos(a) + l2 * np.cos(b), l2 * np.cos(b)]]
    )  # fmt: skip
    load = np.asarray(torque) + jacobian.T @ np.asarray(force) - np.array(arm.friction) @ w
    return np.linalg.solve(mass, load - turning)


@each_arm
def test_mass_matrix_is_the_energy_of_the_moving_links(arm):
    def moving(angles, velocities):
        """Kinetic energy link by link, from where the centers of mass go."""
        (l1, _), masses, (g1, g2), inertias = (jnp.asarray(part) for part in arm[:4])

        def centers(q):
            ends = jnp.array([jnp.cos(q[0]), jnp.sin(q[0])]), q[0] + q[1]
            far = jnp.array([jnp.cos(ends[1]), jnp.sin(ends[1])])
            return jnp.stack([g1 * ends[0], l1 * ends[0] + g2 * far])

        _, speed = jax.jvp(centers, (angles,), (velocities,))
        spin = jnp.cumsum(velocities)
        return jnp.sum(masses * jnp.sum(speed**2, 1) + inertias * spin**2) / 2

    at = states()
    energy = each(lambda s: mechanics.kinetic_energy(arm, s), at)
    form = each(lambda s: s.velocities @ mechanics.mass_matrix(arm, s.angles) @ s.velocities, at)
    truth = each(moving, *at)
    np.testing.assert_allclose(energy, truth, rtol=1e-12)
    np.testing.assert_allclose(form / 2, truth, rtol=1e-12)
    heavier = each(lambda s: mechanics.kinetic_energy(arm._replace(masses=(2.0, 1.5)), s), at)
    assert not np.allclose(heavier, truth, rtol=1e-3)


@each_arm
def test_coriolis_follows_from_the_mass_matrix(arm):
    def from_mass(state):
        def form(q):
            return state.velocities @ mechanics.mass_matrix(arm, q) @ state.velocities

        _, change = jax.jvp(
            lambda q: mechanics.mass_matrix(arm, q), (state.angles,), (state.velocities,)
        )
        return change @ state.velocities - jax.grad(form)(state.angles) / 2

    at = states()
    found, truth = each(lambda s: (mechanics.coriolis(arm, s), from_mass(s)), at)
    np.testing.assert_allclose(found, truth, atol=1e-12, rtol=1e-12)
    assert np.abs(truth).max() > 0.1


@each_arm
def test_acceleration_and_inverse_dynamics_are_the_textbook_s(arm):
    at, rng = states(), np.random.default_rng(1)
    torque, force = jnp.asarray(rng.normal(size=(2, 8, 2)))

    def both(state, torque, force):
        total = torque + load_torque(arm, state.angles, force)
        found = mechanics.acceleration(arm, state, total)
        return found, mechanics.inverse_dynamics(arm, state, found) - total

    found, rest = each(both, at, torque, force)
    truth = [by_hand(arm, *map(np.asarray, args)) for args in zip(*at, torque, force, strict=True)]
    np.testing.assert_allclose(found, truth, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(rest, 0, atol=1e-12)


def test_an_arm_left_alone_keeps_its_energy_and_euler_does_not():
    arm = NIJHOF_KOUWENHOVEN._replace(limits=FREE)
    plant = jb.motor.two_link_arm(arm=arm, dt=1e-3)
    start = ArmState(jnp.array([0.5, 1.5]), jnp.array([3.0, -4.0]))
    still = Action(jnp.zeros(2), jnp.zeros(2))
    drift = plant.physics.energy(rolled(plant, start, still, 1000)) - plant.physics.energy(start)
    assert abs(drift) < 1e-9
    lost = plant.physics.energy(rolled(euler(plant), start, still, 1000))
    assert abs(lost - plant.physics.energy(start)) > 1e-4


def test_energy_is_accounted_for_at_the_limits():
    """Against friction, loads and both stops: energy gained is the power, integrated."""
    plant = jb.motor.two_link_arm(arm=LI_TODOROV)
    physics = plant.physics
    action = Action(jnp.array([-2.0, 1.5]), jnp.array([3.0, -1.0]))

    def flow(both):
        return physics.flow(both[0], action), physics.power(both[0], action)

    def run(start):
        body = lambda s, _: (jb.motor.runge_kutta(flow, s, 5e-4), s[0].angles)  # noqa: E731
        return jax.lax.scan(body, (start, jnp.zeros(())), length=1000)

    start = ArmState(jnp.array([0.3, 2.0]), jnp.array([-2.0, 3.0]))
    (end, work), angles = jax.jit(run)(start)
    angles = np.asarray(angles)
    low, high = np.asarray(LI_TODOROV.limits).T
    assert (angles < low).any() and (angles > high).any()
    assert abs(physics.energy(end) - physics.energy(start) - work) < 1e-7
    assert abs(physics.energy(end) - physics.energy(start)) > 1e-2


def test_the_arm_moves_as_scipy_says():
    scipy = pytest.importorskip("scipy.integrate")
    arm = LI_TODOROV._replace(limits=FREE)
    start = ArmState(jnp.array([0.6, 1.8]), jnp.array([1.0, -2.0]))
    torque, force = (0.5, -0.3), (2.0, -1.0)

    def slope(t, y):
        return np.concatenate([y[2:], by_hand(arm, y[:2], y[2:], torque, force)])

    truth = scipy.solve_ivp(
        slope, (0, 0.5), np.concatenate(start), method="DOP853", rtol=1e-12, atol=1e-13
    ).y[:, -1]
    action = Action(jnp.array(torque), jnp.array(force))
    plant = jb.motor.two_link_arm(arm=arm, dt=5e-3)
    found = rolled(plant, start, action, 100)
    np.testing.assert_allclose(np.concatenate(found), truth, atol=1e-6)
    coarse = rolled(euler(plant), start, action, 100)
    assert np.abs(np.concatenate(coarse) - truth).max() > 1e-2


def test_a_stop_is_a_spring_with_a_damper_and_nothing_before():
    arm = NIJHOF_KOUWENHOVEN

    def spring(state):
        slope = jax.grad(lambda q: mechanics.stop_energy(arm, q))(state.angles)
        return mechanics.stop_torque(arm, state), -slope

    within, slope = each(spring, states())
    assert not within.any() and not slope.any()
    beyond = jnp.array([[-0.05, 3.0], [2.5, -0.3], [-4.0, 9.0]])
    found, slope = map(np.asarray, each(spring, ArmState(beyond, jnp.zeros_like(beyond))))
    beyond = np.asarray(beyond)
    np.testing.assert_allclose(found, slope, rtol=1e-12)
    low, high = np.asarray(arm.limits).T
    assert (found * np.where(beyond < low, 1, -1) > 0).all()  # back
    assert (np.abs(found) <= 100 * np.maximum(low - beyond, beyond - high)).all()


@pytest.mark.slow
def test_gradients_pass_the_limits():
    plant = jb.motor.two_link_arm()
    at = ArmState(jnp.array([0.0, 2.705260340591211]), jnp.zeros(2))  # on both limits

    def end(torque):
        action = Action(torque, jnp.zeros(2))
        body = lambda s, _: plant.step((), s, action)  # noqa: E731
        return jax.lax.scan(body, at, length=30)[0].angles[1]

    slope = jax.jit(jax.grad(end))(jnp.array([-2.0, 2.0]))  # pressed against them
    assert np.isfinite(slope).all() and np.abs(slope).min() > 1e-4


@each_arm
def test_nothing_explodes_beyond_the_limits(arm):
    """At 10 ms, in float32, thrown far out and pushed on."""
    rng = np.random.default_rng(0)
    with jax.enable_x64(False):
        plant = jb.motor.two_link_arm(arm=arm)
        angles = jnp.asarray(rng.uniform(-1, 3.5, (32, 2)), jnp.float32)
        start = ArmState(angles, jnp.asarray(10 * rng.normal(size=(32, 2)), jnp.float32))
        action = Action(jnp.array([20.0, -20.0]), jnp.zeros(2))
        body = lambda s, _: (plant.step((), s, action)[0], None)  # noqa: E731
        run = jax.jit(jax.vmap(lambda s: jax.lax.scan(body, s, length=300)[0]))
        end = run(start)
    low, high = np.asarray(arm.limits).T
    assert end.angles.dtype == end.velocities.dtype == jnp.float32
    angles = np.asarray(end.angles)
    assert (angles > low - 0.5).all() and (angles < high + 0.5).all()


def test_constants_are_swept_by_building_inside_of_vmap():
    masses = jnp.array([[1.0, 1.0], [2.0, 1.0], [2.0, 3.0]])
    friction = jnp.array([0.0, 1.0, 2.0])
    start = ArmState(jnp.array([0.5, 1.5]), jnp.array([1.0, 1.0]))
    action = Action(jnp.array([0.3, -0.2]), jnp.array([1.0, 0.0]))

    def one(masses):
        arm = NIJHOF_KOUWENHOVEN._replace(masses=masses)
        return jb.motor.two_link_arm(arm=arm).step((), start, action)[1]

    def other(friction):
        plant = jb.motor.point_mass(mass=1 + friction, friction=friction)
        return plant.step((), jb.motor.PointState(*start), action)[1]

    for function, values in ((one, masses), (other, friction)):
        swept = each(function, values)
        alone = [jax.jit(function)(value) for value in values]
        for i, hand in enumerate(alone):
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12),
                jax.tree.map(lambda leaf, i=i: leaf[i], swept),
                hand,
            )
        assert not np.allclose(swept.velocity[0], swept.velocity[1])


def test_refusals():
    with pytest.raises(ValueError, match="two_link_arm: masses must be two positive numbers"):
        jb.motor.two_link_arm(arm=MOTORNET._replace(masses=(1.0, 0.0)))
    with pytest.raises(ValueError, match="two_link_arm: dt must be positive"):
        jb.motor.two_link_arm(dt=0.0)
