"""Arms with muscles of one's own: forces, geometry, symmetry."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import (
    ARM26_MUSCLES,
    ARM26_SKELETON,
    ArmState,
    MuscledArm,
    Muscles,
    muscled_arm,
    path_length,
)
from jaxbrain.motor.body import arm26_length, arm26_moment_arms
from jaxbrain.motor.body.muscles import Pull, muscle_forces
from jaxbrain.testing import check_plant
from tests.motor.body.bodies import close, each_hill, run

pytestmark = pytest.mark.x64


@each_hill
def test_velocity_is_normalized_by_the_optimal_length_too(hill):
    muscles = Muscles((800.0, 400.0), (0.2, 0.1), (0.1, 0.14))
    optimal = np.array(muscles.optimal)
    lengths = np.array(muscles.tendon) + optimal

    def force(velocity):
        pulled = Pull(jnp.asarray(lengths), jnp.asarray(velocity), jnp.zeros((2, 2)))
        return muscle_forces(muscles, hill, jnp.ones(2), pulled)

    passive = np.array(muscles.force) * hill.passive(jnp.ones(2))
    close(force(np.zeros(2)), np.array(muscles.force) + passive, 1e-9)
    close(force(-hill.vmax * optimal), passive, 1e-9)
    # What a velocity over vmax alone would give: force left at the greatest speed.
    forgotten = hill.velocity(-jnp.asarray(optimal), jnp.ones(2), jnp.ones(2))
    assert forgotten.min() > 0.3


# ---- muscles of one's own


def test_mirrored_muscles_mirror_the_movement():
    free = ARM26_SKELETON._replace(limits=((-2.0, 2.0), (-2.0, 2.0)))
    one = [[(0, -0.05, 0.03), (1, 0.12, 0.02)], [(1, 0.15, 0.02), (2, 0.05, 0.02)]]
    other = [[(link, along, -across) for link, along, across in path] for path in one]
    body = muscled_arm(
        free, Muscles((700.0,) * 4, (0.06,) * 4, (0.1,) * 4), path_length(free, one + other)
    )
    start = MuscledArm(ArmState(jnp.zeros(2), jnp.zeros(2)), jnp.zeros(4))
    commands = jnp.tile(jnp.array([0.6, 0.1, 0.2, 0.5]), (30, 1))
    moved = run(body, start, commands)[0].arm.angles
    mirrored = run(body, start, commands[:, jnp.array([2, 3, 0, 1])])[0].arm.angles
    close(moved, -mirrored)
    assert np.abs(moved[-1]).max() > 0.05
    close(run(body, start, jnp.full((30, 4), 0.7))[0].arm.angles, 0)


def test_a_wrong_moment_arm_is_caught():
    wrong = muscled_arm(
        ARM26_SKELETON, ARM26_MUSCLES, arm26_length, moment_arms=lambda q: -arm26_moment_arms(q)
    )
    with pytest.raises(AssertionError, match="velocities of muscles"):
        check_plant(wrong)
