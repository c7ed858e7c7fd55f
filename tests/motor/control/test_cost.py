"""The cost of a reach: the equation in NumPy, the hold period, gradients, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import reach_loss
from jaxbrain.motor.body.plant import Hand
from jaxbrain.motor.control.loop import Signals

pytestmark = pytest.mark.x64


def movement(seed=0, time=9):
    rng = np.random.default_rng(seed)
    position, velocity, wanted = rng.normal(size=(3, time, 2)) / [[[10.0]], [[1.0]], [[10.0]]]
    command = rng.uniform(size=(time, 3))
    return position, velocity, command, wanted


def signals(position, velocity, command):
    hand = Hand(jnp.asarray(position), jnp.asarray(velocity))
    return Signals(None, None, None, jnp.asarray(command), None, hand, None)


def cost(moved, mask, loss):
    return jax.jit(loss)(signals(*moved[:3]), (jnp.asarray(moved[3]), jnp.asarray(mask)))


WEIGHTS = {
    "speed_weight": 0.7, "effort_weight": 0.3, "change_weight": 4e-4, "hold_weight": 2.5, "dt": 0.02
}  # fmt: skip
MASKS = {
    "a reach": ([1, 1, 1, 0, 0, 0, 1, 1, 1], [2.5, 2.5, 2.5, 0, 0, 0, 1, 1, 1]),
    "two of them": ([1, 1, 0, 1, 1, 1, 0, 1, 1], [2.5, 2.5, 0, 1, 1, 1, 0, 1, 1]),
    "from the start": ([0, 0, 1, 1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 1, 1]),
    "weighted": ([0.5, 1, 1, 0, 0, 0, 2, 1, 1], [1.25, 2.5, 2.5, 0, 0, 0, 2, 1, 1]),
    "all": ([1] * 9, [1] * 9),  # no movement: nothing is before it
    "none": ([0] * 9, [0] * 9),
}


@pytest.mark.parametrize("case", MASKS)
def test_the_cost_is_the_one_of_the_equation(case):
    mask, weight = MASKS[case]
    position, velocity, command, wanted = movement()
    total = 0.0
    for t in range(9):
        off = 10 * (position[t] - wanted[t])
        away, fast = np.sqrt(off @ off + 1e-4), np.sqrt(velocity[t] @ velocity[t] + 1e-4)
        total += weight[t] * (away + 0.7 * fast)
    total = total / sum(weight) if any(weight) else 0.0
    total += 0.3 * np.mean(command**2) + 4e-4 * np.mean((np.diff(command, axis=0) / 0.02) ** 2)
    found = cost(movement(), np.array(mask, float), reach_loss(**WEIGHTS))
    assert float(found) == pytest.approx(total, rel=1e-12)
    for name in (
        "speed_weight",
        "effort_weight",
        "change_weight",
        "dt",
    ):  # control: each of them counts
        other = cost(movement(), np.array(mask, float), reach_loss(**{**WEIGHTS, name: 0.9}))
        assert (abs(float(other) - total) > 1e-4) == (name != "speed_weight" or any(weight))


def test_the_hold_period_is_weighted_before_the_movement_only():
    mask = np.array(MASKS["a reach"][0], float)
    _, velocity, command, wanted = movement()
    early, late = np.zeros((2, 9, 1))
    early[:3], late[6:] = 0.1, 0.1  # off by as much, for as long

    @jax.jit
    def costs(hold):
        loss = reach_loss(hold_weight=hold)
        paths = (wanted, wanted + early, wanted + late)
        moved = [signals(path, velocity, command) for path in paths]
        return jnp.stack([loss(each, (jnp.asarray(wanted), mask)) for each in moved])

    for hold in (1.0, 5.0):
        there, drifted, missed = costs(hold)
        assert float((drifted - there) / (missed - there)) == pytest.approx(hold)
    assert np.isfinite(cost(movement(), np.ones(9), reach_loss(hold_weight=0.0)))


def test_at_the_target_and_at_rest_the_gradient_is_zero_and_finite():
    wanted, mask = jnp.full((9, 2), 0.3), jnp.ones(9)

    def of(position, velocity):
        return reach_loss()(signals(position, velocity, np.zeros((9, 3))), (wanted, mask))

    for slope in jax.jit(jax.grad(of, argnums=(0, 1)))(wanted, jnp.zeros((9, 2))):
        assert np.all(np.array(slope) == 0)
    there = jax.jit(jax.grad(of))(wanted + jnp.array([[0.05, 0.0]]), jnp.zeros((9, 2)))
    slope = 10 * 0.5 / np.sqrt(0.25 + 1e-4) / 9  # of 1 per dm
    np.testing.assert_allclose(there[:, 0], slope, rtol=1e-12)


def pair(steps=9, mask=9):
    return jnp.zeros((steps, 2)), jnp.ones(mask)


COSTS = {
    "speed": (lambda s: reach_loss(speed_weight=-1.0), ValueError, "speed_weight must not be neg"),
    "hold": (lambda s: reach_loss(hold_weight=-0.1), ValueError, "hold_weight must not be neg"),
    "dt": (lambda s: reach_loss(dt=0.0), ValueError, "reach_loss: dt must be positive"),
    "steps": (lambda s: reach_loss()(s, pair(8)), ValueError, r"\(8, 2\) and \(9,\) for.*\(9, 2\)"),
    "mask": (lambda s: reach_loss()(s, pair(9, 8)), ValueError, r"mask \[time\] of the steps"),
    "pair": (lambda s: reach_loss()(s, pair()[0]), TypeError, r"pair \(wanted, mask\)"),
    "signals": (lambda s: reach_loss()(s.hand, pair()), TypeError, "Signals, got Hand; make it of"),
}  # fmt: skip


@pytest.mark.parametrize("case", COSTS)
def test_refusals_say_what_is_wrong(case):
    act, kind, message = COSTS[case]
    with pytest.raises(kind, match=message):
        act(signals(*movement()[:3]))
