"""Paths of muscles over the bones: geometry in NumPy, velocities by differences."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import MOTORNET, NIJHOF_KOUWENHOVEN, ArmState, path_length
from jaxbrain.motor.body.muscles import muscle_pull
from tests.motor.body.bodies import close

pytestmark = pytest.mark.x64


# ---- paths

PATHS = (
    [(0, -0.05, 0.02), (1, 0.12, 0.02)],  # trunk to upper arm
    [(1, 0.15, 0.02), (2, 0.05, 0.015)],  # upper arm to forearm
    [(0, -0.02, 0.03), (1, 0.2, 0.03), (2, 0.04, -0.01), (2, 0.1, 0.0)],  # over both joints
)


def by_hand(arm, q):
    def point(link, along, across):
        turn = (0.0, q[0], q[0] + q[1])[link]
        start = arm.lengths[0] * np.array([np.cos(q[0]), np.sin(q[0])]) if link == 2 else 0.0
        bone = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return start + bone @ np.array([along, across])

    def path(points):
        places = [point(*p) for p in points]
        return sum(np.linalg.norm(b - a) for a, b in pairwise(places))

    return np.array([path(points) for points in PATHS])


@pytest.mark.parametrize("arm", [MOTORNET, NIJHOF_KOUWENHOVEN], ids=["motornet", "nijhof"])
def test_paths_are_straight_and_their_velocity_is_that_of_their_length(arm):
    length = path_length(arm, PATHS)
    q, w = np.array([0.7, 1.3]), np.array([1.7, -2.2])
    close(length(jnp.asarray(q)), by_hand(arm, q))
    pulled = muscle_pull(length, jax.jacfwd(length), ArmState(jnp.asarray(q), jnp.asarray(w)))
    h = 1e-6
    difference = (by_hand(arm, q + h * w) - by_hand(arm, q - h * w)) / (2 * h)
    close(pulled.velocities, difference, 1e-8)
    # MotorNet counts the velocity of the shoulder twice where a point is on the forearm.
    twice = difference + pulled.moment_arms @ np.array([w[0], 0.0])
    assert np.abs(twice - difference)[[0, 2]].min() > 1e-3


def test_a_path_without_length_has_a_finite_derivative():
    length = path_length(MOTORNET, [[(1, 0.309, 0.0), (2, 0.0, 0.0)]])
    q = jnp.array([0.3, 1.0])
    close(length(q), 0)
    assert np.all(np.isfinite(jax.jacrev(length)(q)))


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([[(1, 0.1, 0.0)]], "two points or more each, got 1 in path 0"),
        ([[(1, 0.1, 0.0), (3, 0.1, 0.0)]], r"link 0 .*got \(3, 0.1, 0.0\) in path 0"),
    ],
    ids=["one-point", "link-3"],
)
def test_wrong_paths_are_refused(paths, message):
    with pytest.raises(ValueError, match=message):
        path_length(MOTORNET, paths)
