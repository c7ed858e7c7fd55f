"""FORCE: a network learns to generate patterns while it already generates them.

Errors are kept small from the first steps on, by recursive least squares at every step, so that
what the network feeds back to itself in learning is what it will feed back on its own.

    cell = generator(500, 1, gain=1.5)
    params = cell.init(key, x)                                   # x [0]: a network without inputs
    learner = force(cell)                                        # or full_force(cell)
    carry, outputs = jb.cells.scan(learner, params, learner.carry(params, (x, y)), (xs, ys))
    params = learned(params, carry)
    carry, ys = jb.cells.scan(cell, params, carry.cell, xs)      # on its own
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.cells.parts import fit_input
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_fraction, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.learning.readout.recursive_least_squares import (
    Squares,
    least_squares,
    least_squares_step,
)
from jaxbrain.networks.parts import float_like


class Activity(NamedTuple):
    """The carry of a `generator`.

    Attributes:
      state: x ``[units]``.
      rates: r = tanh(x) ``[units]``.
      output: z ``[outputs]``.
    """

    state: jax.Array
    rates: jax.Array
    output: jax.Array


class Learner(NamedTuple):
    """The carry of `force` and `full_force`.

    Attributes:
      cell: `Activity` of the network that learns.
      squares: `Squares` of what it learns.
      guide: `full_force`: `Activity` of the network that shows how, its output the target.
      step: ``[]``, the steps done.
    """

    cell: Activity
    squares: Squares
    guide: Activity | None
    step: jax.Array


@configured
def generator(
    units: int,
    outputs: int,
    *,
    gain: float | jax.Array = 1.5,
    rate: float | jax.Array = 0.1,
    feedback_scale: float | jax.Array = 1.0,
    input_scale: float | jax.Array = 1.0,
    connectivity: float | jax.Array = 1.0,
) -> Cell:
    """A random network, chaotic when its gain is above 1, that hears its own output.

    x_t = (1 - rate) x_{t-1} + rate (r_{t-1} J + z_{t-1} F + u_t W),  r = tanh(x),  z = r V

    J is normal with variance gain^2 / (connectivity units), F and W are uniform from -scale to
    scale, V begins at zero. It begins in a random state, the same each time, for from zero no
    network without input ever leaves.

    Args:
      units: of the network.
      outputs: K.
      gain: g; below 1 all activity dies out, well above 2 chaos is hard to tame.
      rate: dt / tau, from 0 to 1.
      feedback_scale: of F ``[outputs, units]``; for `full_force` the weights by which the targets
        drive the guide.
      input_scale: of W ``[inputs, units]``.
      connectivity: the fraction of entries of J that are not zero, in expectation.

    Returns:
      A Cell ``[inputs] -> [outputs]`` with params ``{"kernel" W, "recurrent" J, "feedback" F,
      "readout" V, "state" x_0}``, whose carry is an `Activity`. Inputs may be ``[0]``: none.

    Raises:
      ValueError: if a count is not positive, a scale is negative, or a fraction is not from 0 to 1.

    Source: Sussillo and Abbott 2009, doi 10.1016/j.neuron.2009.07.018; the chaos: Sompolinsky,
    Crisanti and Sommers 1988, doi 10.1103/PhysRevLett.61.259.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, x = generator(50, 2), jnp.zeros(0)
      >>> params = cell.init(jax.random.key(0), x)
      >>> carry, z = cell.step(params, cell.carry(params, x), x)
      >>> carry.rates.shape, z.tolist()
      ((50,), [0.0, 0.0])
    """
    require_count("generator", "units", units)
    require_count("generator", "outputs", outputs)
    scales = {"gain": gain, "feedback_scale": feedback_scale, "input_scale": input_scale}
    for option, value in scales.items():
        require_positive("generator", option, value, zero=True)
    require_fraction("generator", "rate", rate)
    require_fraction("generator", "connectivity", connectivity)
    require_positive("generator", "connectivity", connectivity)
    name = f"generator({units}, {outputs})"

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(
                f"{name} needs the input [inputs] of one step, got shape {x.shape}; without "
                "inputs: jnp.zeros(0)"
            )
        dtype = float_like(x)
        k_own, k_mask, k_back, k_in, k_state = jax.random.split(key, 5)
        own = jax.random.normal(k_own, (units, units), dtype)
        there = jax.random.bernoulli(k_mask, connectivity, own.shape)
        size = as_number(gain, own) / jnp.sqrt(as_number(connectivity, own) * units)
        back = jax.random.uniform(k_back, (outputs, units), dtype, -1.0, 1.0)
        kernel = jax.random.uniform(k_in, (x.shape[0], units), dtype, -1.0, 1.0)
        return {
            "kernel": as_number(input_scale, kernel) * kernel,
            "recurrent": jnp.where(there, size * own, jnp.zeros_like(own)),
            "feedback": as_number(feedback_scale, back) * back,
            "readout": jnp.zeros((units, outputs), dtype),
            "state": 0.5 * jax.random.normal(k_state, (units,), dtype),
        }

    def carry(params: Params, x: Any) -> Activity:
        rates = jnp.tanh(params["state"])
        return Activity(params["state"], rates, rates @ params["readout"])

    def step(
        params: Params, carry: Activity, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Activity, jax.Array]:
        x = fit_input(name, params, x)
        drive = carry.rates @ params["recurrent"] + carry.output @ params["feedback"]
        a = as_number(rate, carry.state)
        state = (1 - a) * carry.state + a * (drive + x @ params["kernel"])
        rates = jnp.tanh(state)
        output = rates @ params["readout"]
        return Activity(state, rates, output), output

    return Cell(init, carry, step)


@configured
def force(cell: Cell, *, penalty: float | jax.Array = 1.0, every: int = 1) -> Cell:
    """First-order reduced and controlled error: the readout of a `generator` learns as it runs.

    At each step the network moves on, fed with its own output; then recursive least squares moves
    the readout so that the output of this step would have been near the target.

    Args:
      cell: of `generator`.
      penalty: alpha, where the inverse correlation begins; 1 to 100, the smaller the faster.
      every: learn at each step, or at each second, ...

    Returns:
      A Cell from ``(x [inputs], target [outputs])`` to the output before learning ``[outputs]``;
      its params are those of cell, its carry is a `Learner`, of which `learned` makes params.

    Raises:
      TypeError: if cell is not a Cell.
      ValueError: if the penalty or every is not positive; at trace time, if cell is no generator.

    Source: Sussillo and Abbott 2009, doi 10.1016/j.neuron.2009.07.018.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell, t = generator(80, 1), jnp.arange(800.0)
      >>> xs, ys = jnp.zeros((800, 0)), jnp.sin(t / 15)[:, None]
      >>> params, learner = cell.init(jax.random.key(0), xs[0]), force(cell)
      >>> start = learner.carry(params, (xs[0], ys[0]))
      >>> carry, _ = jb.cells.scan(learner, params, start, (xs, ys))
      >>> taught = learned(params, carry)
      >>> _, zs = jb.cells.scan(cell, taught, carry.cell, xs[:50])  # goes on without the targets
      >>> bool(abs(zs[:, 0] - jnp.sin((t[:50] + 800) / 15)).max() < 0.1)
      True
    """

    def now(params: Params, weights: jax.Array) -> Params:
        return {**params, "readout": weights}

    def target(params: Params, guide: None, x: Any, y: jax.Array) -> tuple[None, jax.Array]:
        return None, y

    def begin(params: Params, start: Activity) -> tuple[None, jax.Array]:
        return None, params["readout"]

    return _learner(Taught("force", cell, begin, target, now), penalty, every)


@configured
def full_force(cell: Cell, *, penalty: float | jax.Array = 1.0, every: int = 1) -> Cell:
    """Full FORCE: all recurrent weights learn from a guide that the targets drive.

    The guide, the `generator` as it was drawn, hears the target instead of its output:

    g_t = (1 - rate) g_{t-1} + rate (tanh(g_{t-1}) J + y_{t-1} F + u_t W)

    The network that learns begins without recurrent weights and has no feedback. Recursive least
    squares gives its weights what the guide hears from within, r J' = tanh(g) J + y F, and its
    output the target, at once: the inputs are the same, so one inverse serves both. Hints, signals
    that make the dynamics easier to find, are targets beside the ones that matter.

    Args:
      cell: of `generator`.
      penalty: alpha, where the inverse correlation begins.
      every: learn at each step, or at each second, ...

    Returns:
      A Cell from ``(x [inputs], target [outputs])`` to the output before learning ``[outputs]``;
      its params are those of cell, its carry is a `Learner`, of which `learned` makes params.

    Raises:
      TypeError: if cell is not a Cell.
      ValueError: if the penalty or every is not positive; at trace time, if cell is no generator.

    Source: DePasquale et al. 2018, doi 10.1371/journal.pone.0191527.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> cell, t = generator(80, 1), jnp.arange(800.0)
      >>> xs, ys = jnp.zeros((800, 0)), jnp.sin(t / 15)[:, None]
      >>> params, learner = cell.init(jax.random.key(0), xs[0]), full_force(cell)
      >>> start = learner.carry(params, (xs[0], ys[0]))
      >>> carry, _ = jb.cells.scan(learner, params, start, (xs, ys))
      >>> taught = learned(params, carry)
      >>> _, zs = jb.cells.scan(cell, taught, carry.cell, xs[:50])  # goes on without the targets
      >>> bool(abs(zs[:, 0] - jnp.sin((t[:50] + 800) / 15)).max() < 0.1)
      True
    """

    def target(params: Params, guide: Activity, x: Any, y: jax.Array) -> tuple[Activity, jax.Array]:
        guide, _ = cell.step(params, guide, x)
        guide = guide._replace(output=y.astype(guide.output.dtype))
        within = guide.rates @ params["recurrent"] + guide.output @ params["feedback"]
        return guide, jnp.concatenate([within, guide.output])

    def begin(params: Params, start: Activity) -> tuple[Activity, jax.Array]:
        units, outputs = params["readout"].shape
        weights = jnp.zeros((units, units + outputs), start.rates.dtype)
        return start, weights

    return _learner(Taught("full_force", cell, begin, target, _by_itself), penalty, every)


def learned(params: Params, carry: Learner) -> Params:
    """The params of the `generator` with what was learned in them.

    Args:
      params: with which it learned.
      carry: of `force` or `full_force`, after learning.

    Returns:
      Params of the same structure; after `full_force` without feedback.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, now = generator(10, 1), (jnp.zeros(0), jnp.ones(1))
      >>> params, learner = cell.init(jax.random.key(0), now[0]), full_force(cell)
      >>> carry, _ = learner.step(params, learner.carry(params, now), now)
      >>> taught = learned(params, carry)
      >>> bool((taught["feedback"] == 0).all()), bool((taught["readout"] == 0).any())
      (True, False)
    """
    if carry.guide is None:
        return {**params, "readout": carry.squares.weights}
    return _by_itself(params, carry.squares.weights)


def _by_itself(params: Params, weights: jax.Array) -> Params:
    """The network of full FORCE: recurrent weights and readout side by side, no feedback."""
    own, readout = jnp.split(weights, [len(weights)], axis=1)
    silent = jnp.zeros_like(params["feedback"])
    return {**params, "recurrent": own, "feedback": silent, "readout": readout}


class Taught(NamedTuple):
    """What sets one form of FORCE apart: where it begins, what it learns, the weights it uses."""

    name: str
    cell: Cell
    begin: Callable[[Params, Activity], tuple[Any, jax.Array]]
    target: Callable[[Params, Any, Any, jax.Array], tuple[Any, jax.Array]]
    now: Callable[[Params, jax.Array], Params]


def _learner(taught: Taught, penalty: Any, every: int) -> Cell:
    cell = taught.cell
    if not isinstance(cell, Cell):
        raise TypeError(
            f"{taught.name}: cell must be a Cell of generator(), got {type(cell).__name__}"
        )
    require_positive(taught.name, "penalty", penalty)
    require_count(taught.name, "every", every)
    name = f"{taught.name}({cell})"

    def init(key: jax.Array, x: tuple[Any, Any]) -> Params:
        return cell.init(key, x[0])

    def carry(params: Params, x: tuple[Any, Any]) -> Learner:
        if not isinstance(params, dict) or not {"readout", "feedback", "recurrent"} <= set(params):
            raise ValueError(f"{name}: cell must be of generator(), whose params it needs")
        start = cell.carry(params, x[0])
        guide, weights = taught.begin(params, start)
        return Learner(start, least_squares(weights, penalty=penalty), guide, jnp.int32(0))

    def step(
        params: Params, carry: Learner, x: tuple[Any, Any], *, key: jax.Array | None = None
    ) -> tuple[Learner, jax.Array]:
        x, y = x
        if jnp.shape(y) != carry.cell.output.shape:
            raise ValueError(
                f"{name}: the target of a step must have shape {carry.cell.output.shape}, got "
                f"{jnp.shape(y)}"
            )
        activity, output = cell.step(taught.now(params, carry.squares.weights), carry.cell, x)
        guide, wanted = taught.target(params, carry.guide, x, y)

        def learn(squares: Squares) -> Squares:
            return least_squares_step(squares, activity.rates, wanted)[0]

        if every == 1:
            squares = learn(carry.squares)
        else:
            due = carry.step % every == 0
            squares = jax.lax.cond(due, learn, lambda squares: squares, carry.squares)
        return Learner(activity, squares, guide, carry.step + 1), output

    return Cell(init, carry, step)
