"""Kinematics of two links: derivatives, inverses, and positions out of reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import NIJHOF_KOUWENHOVEN
from jaxbrain.motor.body import links
from tests.motor.body.bodies import each, each_arm, states

pytestmark = pytest.mark.x64


@each_arm
def test_kinematics(arm):
    def all_of_it(state):
        position = links.forward_kinematics(arm, state.angles)
        slope = jax.jacfwd(lambda q: links.forward_kinematics(arm, q))(state.angles)
        force = jnp.array([1.0, -2.0])
        return (
            links.inverse_kinematics(arm, position) - state.angles,
            links.jacobian(arm, state.angles) - slope,
            links.load_torque(arm, state.angles, force) - slope.T @ force,
            links.hand(arm, state).velocity - slope @ state.velocities,
        )

    for difference in each(all_of_it, states()):
        np.testing.assert_allclose(difference, 0, atol=1e-12)
    corner = links.forward_kinematics(arm, jnp.array([0.0, jnp.pi / 2]))
    np.testing.assert_allclose(corner, arm.lengths, atol=1e-15)


def test_out_of_reach():
    arm = NIJHOF_KOUWENHOVEN
    with pytest.raises(ValueError, match=r"^position must be from 0.024 to 0.642 m.*\(0, 0.7\) m"):
        links.place(arm, jnp.array([0.0, 0.7]))
    with pytest.raises(ValueError, match=r"^position must be within the limits of the joints"):
        links.place(arm, jnp.array([0.1, -0.5]))
    points = jnp.array([[0.0, 0.7], [0.0, 0.0], [0.01, 0.0], [0.0, 0.642], [0.3, 0.3]])
    angles = each(lambda p: links.place(arm, p).angles, points)
    np.testing.assert_allclose(angles[0], [np.pi / 2, 0], atol=1e-12)  # stretched towards it
    slopes = each(jax.jacrev(lambda p: links.inverse_kinematics(arm, p)), points)
    assert np.isfinite(angles).all() and np.isfinite(slopes).all()
