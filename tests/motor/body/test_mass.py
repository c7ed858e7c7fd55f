"""The point mass: its exact solution."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import Action
from tests.motor.body.bodies import rolled

pytestmark = pytest.mark.x64


def test_a_mass_moves_as_the_exact_solution():
    mass, friction, pull, time = 2.0, 3.0, jnp.array([1.0, -2.0]), 0.5
    plant = jb.motor.point_mass(mass=mass, friction=friction)
    state = rolled(plant, plant.place((), jnp.zeros(2)), Action(pull, pull), 50)
    rate = friction / mass
    np.testing.assert_allclose(
        state.velocity, 2 * pull / friction * (1 - np.exp(-rate * time)), rtol=1e-9
    )
    gone = 2 * pull / friction * (time - (1 - np.exp(-rate * time)) / rate)
    np.testing.assert_allclose(state.position, gone, rtol=1e-9)
