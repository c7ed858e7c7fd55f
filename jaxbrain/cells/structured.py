"""Recurrent cells with structured connectivity: low rank, Dale's law, masks, delays. Times in s.

Weights lead from rows (presynaptic) to columns. Leak, time constants and noise are those of
`ctrnn`; `dale`, `modular` and `conduction_delays` make masks, signs and delays.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, lecun_normal, normal, zeros
from jax.typing import ArrayLike

from jaxbrain.cells.areas import Packed, dale, require_delays, require_mask, require_signs, unpack
from jaxbrain.cells.continuous import leaky_step
from jaxbrain.cells.parts import fit_input, leak, weights, zero_carry
from jaxbrain.cells.stages import with_params
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive, require_times
from jaxbrain.core.types import Cell, Params
from jaxbrain.networks.parts import float_like


@configured
def low_rank(
    units: int,
    rank: int,
    *,
    activation: Callable[[jax.Array], jax.Array] = jnp.tanh,
    dt: float | jax.Array = 0.02,
    tau: float | jax.Array | np.ndarray = 0.1,
    noise: float | jax.Array = 0.0,
    kernel_init: Initializer = normal(1.0),
    factor_init: Initializer = normal(1.0),
) -> Cell:
    """The low-rank recurrent network: its weights are a product of few vectors.

    x_t = x_{t-1} + a (-x_{t-1} + f(x_{t-1}) n m^T / units + u_t W) + sqrt(2 a) noise xi_t
    a = dt / tau,  y_t = f(x_t)

    Without noise x stays in the span of the columns of m and the rows of W. There is no bias, which
    would add a direction.

    Args:
      rank: number of columns of m and of n.
      activation: f.
      dt: time step, at most tau.
      tau: time constant, one or ``[units]``.
      noise: standard deviation of x under noise alone; drawn where a step gets a key.
      factor_init: initializer of m and of n ``[units, rank]``.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel", "m", "n"}`` whose carry is x.

    Raises:
      ValueError: if a number is not positive, rank is above units, or dt is above tau.

    Source: Mastrogiuseppe and Ostojic 2018, doi 10.1016/j.neuron.2018.07.003; Dubreuil et al. 2022,
    doi 10.1038/s41593-022-01088-4.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, xs = jb.cells.unroll(low_rank(20, 2)), jax.numpy.ones((5, 3))
      >>> net.apply(net.init(jax.random.key(0), xs), xs).shape
      (5, 20)
    """
    units, rank = require_count("low_rank", "units", units), require_count("low_rank", "rank", rank)
    if rank > units:
        raise ValueError(f"low_rank: rank must be at most units={units}, got {rank}")
    name = f"low_rank({units}, {rank})"
    _require_numbers("low_rank", units, tau, dt, noise)

    def init(key: jax.Array, x: Any) -> Params:
        given = weights(units, 1, kernel_init, zeros, zeros)(key, x)
        keys = jax.random.split(jax.random.fold_in(key, 1))
        m, n = (factor_init(k, (units, rank), float_like(x)) for k in keys)
        return {"kernel": given["kernel"], "m": m, "n": n}

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        own = (activation(carry) @ params["n"]) @ params["m"].T / units
        given = own + x @ params["kernel"]
        state = leaky_step(carry, given, leak(tau, dt, carry), noise, key)
        return state, activation(state)

    return Cell(init, zero_carry(units), step)


@configured
def excitatory_inhibitory(
    units: int,
    *,
    signs: Any = None,
    mask: Any = None,
    delays: Any = None,
    activation: Callable[[jax.Array], jax.Array] = jax.nn.relu,
    dt: float | jax.Array = 0.02,
    tau: float | jax.Array | np.ndarray = 0.1,
    noise: float | jax.Array = 0.0,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = lecun_normal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """A rate network under Dale's law: each unit is either excitatory or inhibitory.

    x_t = x_{t-1} + a (-x_{t-1} + r_{t-1} R + u_t W + b) + sqrt(2 a) noise xi_t,  r_t = f(x_t)
    R_ij = signs_i mask_ij |A_ij|,  a = dt / tau,  y_t = r_t of the excitatory units

    The law holds for every A. The initial A is balanced: the excitatory and the inhibitory weights
    to a unit have the same sum. With delays, unit j receives r_i of delays_ij steps before.

    Args:
      signs: +1 or -1 for each unit; None: the first four fifths are excitatory.
      mask: 1 where a synapse is allowed ``[units, units]``; None: all but of a unit to itself.
      delays: in steps ``[units, units]``, positive; None: 1 everywhere.
      activation: f, not negative.
      dt: time step, at most tau.
      tau: time constant, one or ``[units]``.
      noise: standard deviation of x under noise alone; drawn where a step gets a key.

    Returns:
      A Cell ``[inputs] -> [excitatory units]`` with params ``{"kernel", "recurrent", "bias"}``
      whose carry is x; with delays (x, earlier rates ``[longest delay - 1, units]``).

    Raises:
      ValueError: if mask or delays are not ``[units, units]``, signs are not +1 and -1 with one +1
        at least, a number is not positive, or dt is above tau.

    Source: Song, Yang and Wang 2016, doi 10.1371/journal.pcbi.1004792.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = excitatory_inhibitory(10), jax.numpy.ones(3)
      >>> params = cell.init(jax.random.key(0), x)
      >>> cell.step(params, cell.carry(params, x), x)[1].shape
      (8,)
    """
    units = require_count("excitatory_inhibitory", "units", units)
    name = f"excitatory_inhibitory({units})"
    _require_numbers("excitatory_inhibitory", units, tau, dt, noise)
    usual = dale(units)
    sign = require_signs(name, units, usual.signs if signs is None else signs)
    allowed = require_mask(name, units, usual.mask if mask is None else mask)
    lag = None if delays is None else require_delays(name, units, delays)
    longest = 1 if lag is None else int(unpack(lag).max())
    shared = weights(units, 1, kernel_init, recurrent_init, bias_init)

    def init(key: jax.Array, x: Any) -> Params:
        params = shared(key, x)
        return {**params, "recurrent": _balanced(params["recurrent"], allowed, sign)}

    def carry(params: Params, x: Any) -> Any:
        state = jnp.zeros((units,), params["recurrent"].dtype)
        earlier = jnp.broadcast_to(activation(state)[None], (longest - 1, units))
        return state if lag is None else (state, earlier)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        state, earlier = (carry, jnp.zeros((0, units), x.dtype)) if lag is None else carry
        rates = activation(state)
        recurrent = signed_weights(params["recurrent"], unpack(allowed), unpack(sign))
        past = jnp.concatenate([rates[None], earlier])  # row i is i + 1 steps old
        own = rates @ recurrent if lag is None else _delayed_product(past, recurrent, unpack(lag))
        given = own + x @ params["kernel"] + params["bias"]
        state = leaky_step(state, given, leak(tau, dt, state), noise, key)
        y = activation(state)[np.flatnonzero(unpack(sign) > 0)]
        return (state if lag is None else (state, past[:-1])), y

    return Cell(init, carry, step)


@checked
def signed_weights(magnitudes: jax.Array, mask: ArrayLike, signs: ArrayLike) -> jax.Array:
    """Weights that obey Dale's law, from free parameters: signs_i mask_ij |A_ij|.

    Args:
      magnitudes: A ``[units, units]``.
      mask: 1 where a synapse is allowed ``[units, units]``.
      signs: of the presynaptic units ``[units]``.

    Raises:
      ValueError: if the shapes do not fit.

    Examples:
      >>> import jax.numpy as jnp
      >>> area = dale(2, excitatory=0.5)
      >>> signed_weights(jnp.array([[1.0, -2.0], [3.0, -4.0]]), area.mask, area.signs).tolist()
      [[0.0, 2.0], [-3.0, -0.0]]
    """
    units = len(magnitudes)
    if magnitudes.shape != (units, units) or np.shape(mask) != (units, units):
        raise ValueError(
            "signed_weights: magnitudes and mask must be square and of one size, got "
            f"{magnitudes.shape} and {np.shape(mask)}"
        )
    if np.shape(signs) != (units,):
        raise ValueError(f"signed_weights: signs must be ({units},), got {np.shape(signs)}")
    dtype = magnitudes.dtype
    pattern = jnp.asarray(mask).astype(dtype) * jnp.asarray(signs).astype(dtype)[:, None]
    return jnp.abs(magnitudes) * pattern


@configured
def connected(cell: Cell, mask: Any) -> Cell:
    """A cell with masked recurrent weights: R mask in the place of R, for each gate.

    Args:
      cell: one with params ``"recurrent"`` ``[units, gates units]``, such as `elman` or `gru`.
      mask: 1 where a synapse is allowed ``[units, units]``.

    Returns:
      A Cell with the params of cell, whose gradients are zero where mask is zero.

    Raises:
      TypeError: if cell is not a Cell.
      ValueError: if mask is not square; at trace time, if it does not fit the cell.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell = connected(jb.cells.gru(3), jax.numpy.eye(3))
      >>> params = cell.init(jax.random.key(0), jax.numpy.ones(2))
      >>> int((params["recurrent"] != 0).sum())
      9
    """
    name = f"connected({cell})"
    fixed = require_mask(name, None, mask)
    units = len(unpack(fixed))

    def cut(params: Params) -> Params:
        recurrent = params.get("recurrent") if isinstance(params, dict) else None
        if recurrent is None or len(recurrent) != units or recurrent.shape[1] % units:
            got = "none" if recurrent is None else f"{recurrent.shape}"
            raise ValueError(
                f'{name}: the cell must have params "recurrent" [units, gates units] of the '
                f"{units} units of the mask, got {got}"
            )
        gates = recurrent.shape[1] // units
        kept = jnp.tile(jnp.asarray(unpack(fixed)).astype(recurrent.dtype), (1, gates))
        return {**params, "recurrent": recurrent * kept}

    def init(key: jax.Array, x: Any) -> Params:
        return cut(cell.init(key, x))

    def carry(params: Params, x: Any) -> Any:
        return cell.carry(params, x)

    return Cell(init, carry, with_params(cell.step, cut), cell.project)


@configured
def delayed(cell: Cell, steps: int) -> Cell:
    """A cell with a delay line at its output: y_t is that of step t - steps, zero before.

    Args:
      cell: any cell.
      steps: length of the delay.

    Returns:
      A Cell with the params of cell, whose carry is (carry of cell, line ``[steps, ...]``).

    Raises:
      TypeError: if cell is not a Cell.
      ValueError: if steps is not a positive integer.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> echo = jb.cells.unroll(delayed(jb.lift(jb.elementwise(jax.numpy.tanh)), 2))
      >>> print(echo.apply((), jax.numpy.array([1.0, 2.0, 3.0, 4.0])).round(2))
      [0.   0.   0.76 0.96]
    """
    steps = require_count("delayed", "steps", steps)

    def carry(params: Params, x: Any) -> Any:
        inner = cell.carry(params, x)
        y = jax.eval_shape(cell.step, params, inner, x)[1]
        return inner, jax.tree.map(lambda a: jnp.zeros((steps, *a.shape), a.dtype), y)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        inner, line = carry
        inner, y = cell.step(params, inner, x, key=key)
        after = jax.tree.map(lambda old, new: jnp.concatenate([old[1:], new[None]]), line, y)
        return (inner, after), jax.tree.map(lambda old: old[0], line)

    return Cell(cell.init, carry, step, cell.project)


def _require_numbers(cell: str, units: int, tau: Any, dt: Any, noise: Any) -> None:
    """Refuse times that do not fit, and negative noise."""
    require_times(cell, units, {"tau": tau}, dt)
    require_positive(cell, "noise", noise, zero=True)


def _balanced(drawn: jax.Array, mask: Packed, signs: Packed) -> jax.Array:
    """Magnitudes with as much inhibition as excitation to each unit that receives both."""
    weights = signed_weights(drawn, unpack(mask), unpack(signs))
    excitation, inhibition = (jnp.maximum(s * weights, 0).sum(axis=0) for s in (1, -1))
    both = (excitation > 0) & (inhibition > 0)
    scale = jnp.where(both, excitation / jnp.where(both, inhibition, 1), 1)
    inhibitory = jnp.asarray(unpack(signs) < 0)[:, None]
    return jnp.where(inhibitory, scale[None], 1) * jnp.abs(drawn)


def _delayed_product(past: jax.Array, recurrent: jax.Array, delays: np.ndarray) -> jax.Array:
    """sum_i past[delays_ij - 1, i] R_ij, one product for each delay that occurs."""
    parts = [
        past[d - 1] @ (recurrent * jnp.asarray(delays == d).astype(recurrent.dtype))
        for d in np.unique(delays)
    ]
    return sum(parts[1:], parts[0])
