"""FORCE learning: a chaotic network learns to generate patterns while it generates them.

Recursive least squares at every step keeps the errors small from the first steps on, so that the
feedback during learning is nearly the feedback of the network on its own. Times are in steps.

    cell = generator(500, 1, gain=1.5)
    params = cell.init(key, x)                                   # x [0]: a network without inputs
    learner = force(cell)                                        # or full_force(cell)
    carry, outputs = jb.cells.scan(learner, params, learner.carry(params, (x, y)), (xs, ys))
    params = learned_params(params, carry)
    carry, ys = jb.cells.scan(cell, params, carry.cell, xs)      # on its own
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.cells.parts import fit_input
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.eager import loops
from jaxbrain.core.requirements import as_number, require_count, require_fraction, require_positive
from jaxbrain.core.types import Cell, Params
from jaxbrain.learning.readout.recursive_least_squares import (
    Squares,
    least_squares,
    least_squares_step,
)
from jaxbrain.networks.parts import float_dtype


class GeneratorState(NamedTuple):
    """The carry of a `generator`.

    Attributes:
      state: x ``[units]``.
      rates: r = tanh(x) ``[units]``.
      output: z ``[outputs]``.
    """

    state: jax.Array
    rates: jax.Array
    output: jax.Array


class ForceState(NamedTuple):
    """The carry of `force` and `full_force`.

    Attributes:
      cell: `GeneratorState` of the network that learns.
      squares: `Squares` of the weights that are learned.
      guide: `GeneratorState` of the guide of `full_force`, its output the target; None in `force`.
      step: the number of steps done, ``[]``.
    """

    cell: GeneratorState
    squares: Squares
    guide: GeneratorState | None
    step: jax.Array


@configured
def generator(
    units: int,
    outputs: int,
    *,
    gain: float | jax.Array = 1.5,
    leak: float | jax.Array = 0.1,
    feedback_scale: float | jax.Array = 1.0,
    input_scale: float | jax.Array = 1.0,
    connectivity: float | jax.Array = 1.0,
) -> Cell:
    """A random network with feedback of its output, chaotic if its gain is above 1.

    x_t = (1 - leak) x_{t-1} + leak (r_{t-1} J + z_{t-1} F + u_t W),  r = tanh(x),  z = r V

    J is normal with variance gain^2 / (connectivity units), F and W are uniform from -scale to
    scale, V is zero at first. The first state x_0 is random and one of the params, because zero is
    a fixed point without input.

    Args:
      outputs: K.
      gain: g; below 1 all activity dies out, well above 2 learning does not control the chaos.
      leak: dt / tau, from 0 to 1.
      feedback_scale: of F ``[outputs, units]``; in `full_force` the weights from the targets to the
        guide.
      input_scale: of W ``[inputs, units]``.
      connectivity: the fraction of entries of J that are not zero, in expectation.

    Returns:
      A Cell ``[inputs] -> [outputs]`` with params ``{"kernel" W, "recurrent" J, "feedback" F,
      "readout" V, "state" x_0}``, whose carry is a `GeneratorState`. Without inputs x is ``[0]``.

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
    require_fraction("generator", "leak", leak)
    require_fraction("generator", "connectivity", connectivity)
    require_positive("generator", "connectivity", connectivity)
    name = f"generator({units}, {outputs})"

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(
                f"{name} needs the input [inputs] of one step, got shape {x.shape}; without "
                "inputs: jnp.zeros(0)"
            )
        dtype = float_dtype(x)
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

    def carry(params: Params, x: Any) -> GeneratorState:
        rates = jnp.tanh(params["state"])
        return GeneratorState(params["state"], rates, rates @ params["readout"])

    def step(
        params: Params, carry: GeneratorState, x: Any, *, key: jax.Array | None = None
    ) -> tuple[GeneratorState, jax.Array]:
        x = fit_input(name, params, x)
        drive = carry.rates @ params["recurrent"] + carry.output @ params["feedback"]
        a = as_number(leak, carry.state)
        state = (1 - a) * carry.state + a * (drive + x @ params["kernel"])
        rates = jnp.tanh(state)
        output = rates @ params["readout"]
        return GeneratorState(state, rates, output), output

    return Cell(init, carry, step)


@configured
def force(cell: Cell, *, penalty: float | jax.Array = 1.0, every: int = 1) -> Cell:
    """First-order reduced and controlled error learning: the readout of a `generator` learns.

    V_t = V_{t-1} - P_t r_t (z_t - y_t)^T, z_t the output with V_{t-1}, P by `least_squares_step`

    After each step recursive least squares moves the readout so that the output of this step would
    have been near the target.

    Args:
      cell: a `generator`.
      penalty: alpha, the first inverse correlation is P_0 = I / alpha; 1 to 100, fast if small.
      every: steps from one change of the weights to the next.

    Returns:
      A Cell from ``(x [inputs], target [outputs])`` to the output before learning ``[outputs]``.
      Its params are those of cell and stay as they are; its carry is a `ForceState`, from which
      `learned_params` makes the new params.

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
      >>> taught = learned_params(params, carry)
      >>> _, zs = jb.cells.scan(cell, taught, carry.cell, xs[:50])  # goes on without the targets
      >>> bool(abs(zs[:, 0] - jnp.sin((t[:50] + 800) / 15)).max() < 0.1)
      True
    """

    def use(params: Params, weights: jax.Array) -> Params:
        return {**params, "readout": weights}

    def target(params: Params, guide: None, x: Any, y: jax.Array) -> tuple[None, jax.Array]:
        return None, y

    def start(params: Params, state: GeneratorState) -> tuple[None, jax.Array]:
        return None, params["readout"]

    return _learner(_Form("force", cell, start, target, use), penalty, every)


@configured
def full_force(cell: Cell, *, penalty: float | jax.Array = 1.0, every: int = 1) -> Cell:
    """Full FORCE: all recurrent weights learn from a guide that the targets drive.

    g_t = (1 - leak) g_{t-1} + leak (tanh(g_{t-1}) J + y_{t-1} F + u_t W)

    The guide g is the `generator` as it was drawn, with the target in place of its output. The
    network that learns starts without recurrent weights and has no feedback. Recursive least
    squares fits its recurrent input to that of the guide, r J' = tanh(g) J + y F, and its output to
    the target, with one inverse for both. Hints, signals that make the dynamics easier to find, are
    additional targets.

    Args:
      cell, penalty, every: as in `force`.

    Returns:
      A Cell as that of `force`.

    Raises:
      TypeError, ValueError: as `force`.

    Source: DePasquale et al. 2018, doi 10.1371/journal.pone.0191527.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, now = generator(10, 1), (jnp.zeros(0), jnp.ones(1))
      >>> params, learner = cell.init(jax.random.key(0), now[0]), full_force(cell)
      >>> carry = learner.carry(params, now)
      >>> carry.squares.weights.shape, carry.guide.rates.shape  # recurrent weights and readout
      ((10, 11), (10,))
    """

    def target(
        params: Params, guide: GeneratorState, x: Any, y: jax.Array
    ) -> tuple[GeneratorState, jax.Array]:
        guide, _ = cell.step(params, guide, x)
        guide = guide._replace(output=y.astype(guide.output.dtype))
        within = guide.rates @ params["recurrent"] + guide.output @ params["feedback"]
        return guide, jnp.concatenate([within, guide.output])

    def start(params: Params, state: GeneratorState) -> tuple[GeneratorState, jax.Array]:
        units, outputs = params["readout"].shape
        return state, jnp.zeros((units, units + outputs), state.rates.dtype)

    return _learner(_Form("full_force", cell, start, target, _without_feedback), penalty, every)


@checked
def learned_params(params: Params, carry: ForceState) -> Params:
    """The params of the `generator` after learning.

    Args:
      params: before learning.
      carry: of `force` or `full_force`, after learning.

    Returns:
      Params of the same structure; after `full_force` with a feedback of zero.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> cell, now = generator(10, 1), (jnp.zeros(0), jnp.ones(1))
      >>> params, learner = cell.init(jax.random.key(0), now[0]), full_force(cell)
      >>> carry, _ = learner.step(params, learner.carry(params, now), now)
      >>> taught = learned_params(params, carry)
      >>> bool((taught["feedback"] == 0).all()), bool((taught["readout"] == 0).any())
      (True, False)
    """
    if carry.guide is None:
        return {**params, "readout": carry.squares.weights}
    return _without_feedback(params, carry.squares.weights)


def _without_feedback(params: Params, weights: jax.Array) -> Params:
    """The network of full FORCE: recurrent weights and readout side by side, no feedback."""
    own, readout = jnp.split(weights, [len(weights)], axis=1)
    silent = jnp.zeros_like(params["feedback"])
    return {**params, "recurrent": own, "feedback": silent, "readout": readout}


class _Form(NamedTuple):
    """One form of FORCE: the weights that are learned, and their target at each step.

    Attributes:
      name: of the rule, for messages.
      cell: the generator.
      start: ``(params, state) -> (guide, weights)`` before learning.
      target: ``(params, guide, x, y) -> (guide, target)`` of the linear map from the rates.
      use: ``(params, weights) -> params`` of the network that learns.
    """

    name: str
    cell: Cell
    start: Callable[[Params, GeneratorState], tuple[Any, jax.Array]]
    target: Callable[[Params, Any, Any, jax.Array], tuple[Any, jax.Array]]
    use: Callable[[Params, jax.Array], Params]


def _learner(form: _Form, penalty: Any, every: int) -> Cell:
    cell = form.cell
    require_positive(form.name, "penalty", penalty)
    require_count(form.name, "every", every)
    name = f"{form.name}({cell})"

    def init(key: jax.Array, x: tuple[Any, Any]) -> Params:
        return cell.init(key, x[0])

    def carry(params: Params, x: tuple[Any, Any]) -> ForceState:
        if not isinstance(params, dict) or not {"readout", "feedback", "recurrent"} <= set(params):
            raise ValueError(f"{name}: cell must be of generator(), whose params it needs")
        start = cell.carry(params, x[0])
        guide, weights = form.start(params, start)
        return ForceState(start, least_squares(weights, penalty=penalty), guide, jnp.int32(0))

    @loops()
    def step(
        params: Params, carry: ForceState, x: tuple[Any, Any], *, key: jax.Array | None = None
    ) -> tuple[ForceState, jax.Array]:
        x, y = x
        if jnp.shape(y) != carry.cell.output.shape:
            raise ValueError(
                f"{name}: the target of a step must have shape {carry.cell.output.shape}, got "
                f"{jnp.shape(y)}"
            )
        state, output = cell.step(form.use(params, carry.squares.weights), carry.cell, x)
        guide, target = form.target(params, carry.guide, x, y)

        def learn(squares: Squares) -> Squares:
            return least_squares_step(squares, state.rates, target)[0]

        if every == 1:
            squares = learn(carry.squares)
        else:
            due = carry.step % every == 0
            squares = jax.lax.cond(due, learn, lambda squares: squares, carry.squares)
        return ForceState(state, squares, guide, carry.step + 1), output

    return Cell(init, carry, step)
