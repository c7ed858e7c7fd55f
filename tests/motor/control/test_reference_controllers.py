"""Reference controllers: minimum jerk in closed form, the regulator against least squares."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import (
    TaskInput,
    closed_loop,
    linear_reach,
    lqr,
    minimum_jerk,
    point_mass,
    reach_cost,
)

pytestmark = pytest.mark.x64
STEPS = 8
START, TARGET = np.array([0.0, 0.4]), np.array([0.06, 0.48])


@functools.cache
def system():
    """Matrices with nothing special: x_{t+1} = A x + B u."""
    draw = np.random.default_rng(0).normal
    a, b = 0.5 * draw(size=(4, 4)), draw(size=(4, 2))
    q, r, final = (m @ m.T for m in (draw(size=(4, 4)), draw(size=(2, 2)), draw(size=(4, 4))))
    return a, b, q, r + np.eye(2), final, draw(size=4)


def cost_by_hand(commands, a, b, q, r, final, x):
    total = 0.0
    for u in commands:
        total += x @ q @ x + u @ r @ u
        x = a @ x + b @ u
    return total + x @ final @ x


def best_by_hand(a, b, q, r, final, first, steps=STEPS):
    """All commands at once: the least squares of the unrolled quadratic problem."""
    n, m = b.shape
    powers = [np.linalg.matrix_power(a, t) for t in range(steps + 1)]
    free = np.concatenate(powers) @ first
    moved = np.zeros(((steps + 1) * n, steps * m))
    for t in range(1, steps + 1):
        for s in range(t):
            moved[t * n : (t + 1) * n, s * m : (s + 1) * m] = powers[t - 1 - s] @ b
    roots = [np.linalg.cholesky(c).T for c in (q, final, r)]
    of_states = np.kron(np.eye(steps + 1), roots[0])
    of_states[-n:, -n:] = roots[1]
    stacked = np.concatenate([of_states @ moved, np.kron(np.eye(steps), roots[2])])
    wanted = np.concatenate([-of_states @ free, np.zeros(steps * m)])
    return np.linalg.lstsq(stacked, wanted, rcond=None)[0].reshape(steps, m)


def test_the_regulator_is_the_least_squares_of_the_whole_problem():
    a, b, q, r, final, first = system()
    found = lqr(a, b, q, r, steps=STEPS, final=final)
    assert found.gains.shape == (STEPS, 2, 4) and found.costs.shape == (STEPS + 1, 4, 4)
    x, commands = first, []
    for gain in np.asarray(found.gains):
        commands.append(-gain @ x)
        x = a @ x + b @ commands[-1]
    np.testing.assert_allclose(commands, best_by_hand(*system()), atol=1e-10)
    cost = cost_by_hand(commands, *system())
    np.testing.assert_allclose(first @ found.costs[0] @ first, cost, rtol=1e-12)
    np.testing.assert_allclose(found.costs[-1], final)
    # the costs in between are those of the rest of the way
    rest = cost_by_hand(commands[1:], a, b, q, r, final, a @ first + b @ commands[0])
    second = a @ first + b @ commands[0]
    np.testing.assert_allclose(second @ found.costs[1] @ second, rest, rtol=1e-12)
    for seed in range(3):
        off = 1e-3 * np.random.default_rng(seed).normal(size=(STEPS, 2))
        assert cost_by_hand(commands + off, *system()) > cost * (1 + 1e-9)


@pytest.mark.slow
def test_the_regulator_is_differentiable():
    a, b, q, r, final, first = system()

    def cost(scale):
        return first @ lqr(a, b, q, scale * r, steps=STEPS, final=final).costs[0] @ first

    slope = (cost(1 + 1e-5) - cost(1 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.grad(cost))(1.0), slope, rtol=1e-7)
    # by the envelope theorem it is what the commands cost
    commands = best_by_hand(*system())
    np.testing.assert_allclose(slope, sum(u @ r @ u for u in commands), rtol=1e-6)


class Memory(NamedTuple):
    """What the regulator of the loop keeps: the time, and the command on the wire."""

    time: jax.Array
    command: jax.Array


def regulator_cell(goal, tell):
    """A controller ``u_{t+1} = -K_t (body - goal, u_t)`` whose params are the gains."""

    def carry(params, x):
        return Memory(jnp.zeros((), int), jnp.zeros(2))

    def step(params, carry, x, *, key=None):
        state = jnp.concatenate([tell(x) - goal, carry.command])
        command = -params[carry.time] @ state
        return Memory(carry.time + 1, command), command

    return jb.Cell(lambda key, x: None, carry, step)


def test_the_loop_with_the_regulator_pays_the_least_cost_and_no_other_does():
    steps, effort = 30, 1e-7
    plant = point_mass(mass=1.5, friction=2.0)
    final = np.diag([1.0, 1.0, 0.02, 0.02])
    best = linear_reach(plant, START, TARGET, steps=steps, effort_weight=effort, final=final)
    goal = plant.place((), jnp.asarray(TARGET))
    raveled = jnp.concatenate(jax.tree.leaves(goal))
    # position (last, in dm) and velocity out of what is sensed without a delay
    sense = jax.jacfwd(lambda v: plant.sensory_feedback((), goal._replace(velocity=v)))(
        jnp.zeros(2)
    )
    speed = np.linalg.pinv(sense)

    def tell(x):
        own = x[1:-2] - plant.sensory_feedback((), goal._replace(position=x[-2:] / 10))
        return jnp.concatenate([x[-2:] / 10, speed @ own])

    loop = closed_loop(regulator_cell(raveled, tell), plant, delay_steps=0)
    zero = TaskInput(jnp.zeros(1), jnp.asarray(START), jnp.zeros(2), jnp.zeros((2, 2)))
    inputs = jax.tree.map(lambda a: jnp.stack([a] * steps), zero)

    @jax.jit
    @jax.vmap
    def cost(scale):
        # the command of the last step comes too late to be seen
        gains = jnp.concatenate([scale * best.regulator.gains, jnp.zeros((1, 2, 6))])
        signals = jb.cells.unroll(loop).apply(gains, inputs)
        paid = reach_cost(signals.command, signals.body, goal, effort_weight=effort, final=final)
        return paid, signals.hand.position[-1]

    (paid, weaker, stronger, none), ends = cost(jnp.array([1.0, 0.97, 1.03, 0.0]))
    np.testing.assert_allclose(paid, best.cost, rtol=1e-12)
    assert min(weaker, stronger) > paid * (1 + 1e-6)
    np.testing.assert_allclose(none, np.sum((TARGET - START) ** 2), rtol=1e-12)  # stays there
    assert paid < 0.05 * none and np.linalg.norm(ends[0] - TARGET) < 0.01
    slow = linear_reach(plant, START, TARGET, steps=2 * steps, effort_weight=effort, final=final)
    assert slow.cost < best.cost


def test_minimum_jerk_is_that_of_the_closed_form():
    duration, way = 0.5, np.linalg.norm(TARGET - START)
    reach = minimum_jerk(START, TARGET, movement_time=duration, dt=0.0005)
    assert len(reach.position) == 1001
    speed, push = (np.linalg.norm(a, axis=1) for a in (reach.velocity, reach.acceleration))
    np.testing.assert_allclose(speed.max(), 1.875 * way / duration, rtol=1e-12)
    assert speed.argmax() == 500
    np.testing.assert_allclose(push.max(), 5.7735 * way / duration**2, rtol=1e-4)
    ends = [a[i] for a in reach for i in (0, -1)]
    np.testing.assert_allclose(ends, [START, TARGET, *[[0, 0]] * 4], atol=1e-12)
    across = np.array([[0, -1], [1, 0]]) @ (TARGET - START)
    assert np.abs((np.asarray(reach.position) - START) @ across).max() < 1e-15
    for slower, faster in ((reach.position, reach.velocity), (reach.velocity, reach.acceleration)):
        slope = (slower[2:] - slower[:-2]) / 0.001
        np.testing.assert_allclose(slope, faster[1:-1], atol=1e-4)


def test_minimum_jerk_has_less_jerk_than_other_paths():
    """The least of the sum of squared third differences, with six ends fixed, by least squares."""
    n = 61
    reach = minimum_jerk(np.zeros(2), np.array([1.0, 0.0]), movement_time=1.0, dt=1 / (n - 1))
    path = np.asarray(reach.position[:, 0])
    third = np.diff(np.eye(n), n=3, axis=0)
    inner = slice(3, n - 3)
    fixed = path.copy()
    fixed[inner] = 0
    best = np.linalg.lstsq(third[:, inner], -third @ fixed, rcond=None)[0]
    np.testing.assert_allclose(path[inner], best, atol=1e-4)
    straight = np.linspace(0, 1, n)
    assert np.abs(straight[inner] - best).max() > 0.1


@pytest.mark.slow
def test_single_precision_stays():
    start, target = (jnp.asarray(a, jnp.float32) for a in (START, TARGET))
    assert minimum_jerk(start, target, movement_time=0.5).velocity.dtype == jnp.float32

    @jax.jit
    def cost(start, target):
        return linear_reach(point_mass(), start, target, steps=40).cost

    best, exact = cost(start, target), cost(START, TARGET)
    assert best.dtype == jnp.float32
    np.testing.assert_allclose(best, exact, rtol=1e-3)
    whole = minimum_jerk(jnp.array([0, 0]), jnp.array([1, 0]), movement_time=1.0)
    assert whole.position.dtype == jnp.float64 and whole.position[50, 0] == 0.5


EYE = np.eye(2)
BAD = {
    "point": (lambda: minimum_jerk(0.0, TARGET, movement_time=1.0), "start must be of shape"),
    "time": (lambda: minimum_jerk(START, TARGET, movement_time=0.0), "_time must be positive"),
    "dt": (lambda: minimum_jerk(START, TARGET, movement_time=0.1, dt=0.2), "at most movement_time"),
    "A": (lambda: lqr(np.ones((2, 3)), EYE, EYE, EYE, steps=2, final=EYE), "A must be square"),
    "B": (lambda: lqr(EYE, np.ones((3, 1)), EYE, EYE, steps=2, final=EYE), r"B must be \[2,"),
    "R": (lambda: lqr(EYE, EYE, EYE, np.eye(3), steps=2, final=EYE), r"R must be .*\(2, 2\)"),
    "steps": (lambda: lqr(EYE, EYE, EYE, EYE, steps=0, final=EYE), "steps must be a positive"),
    "trial": (lambda: linear_reach(point_mass(), START, TARGET, steps=1), "of at least 2"),
    "effort": (
        lambda: linear_reach(point_mass(), START, TARGET, steps=9, effort_weight=0.0),
        "effort_weight must be positive",
    ),
    "final": (
        lambda: linear_reach(point_mass(), START, TARGET, steps=9, final=EYE), r"final.*\(4, 4\)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refusals_say_what_is_wrong(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
