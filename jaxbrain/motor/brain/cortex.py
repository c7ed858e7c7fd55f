"""The motor cortex as a recurrent cell: excitatory and inhibitory units in layers; times in s."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, lecun_normal, uniform, zeros

from jaxbrain.cells.areas import Packed, pack, require_mask, require_signs, unpack
from jaxbrain.cells.continuous import leaky_step
from jaxbrain.cells.parts import fit_input, leak, weights
from jaxbrain.cells.structured import signed_weights
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_positive, require_times
from jaxbrain.core.types import Cell, Params
from jaxbrain.motor.brain.layers import Layers

Activation = Callable[[jax.Array], jax.Array]


class Cortex(NamedTuple):
    """The carry of `laminar_cortex`.

    Attributes:
      state: x, the currents ``[units]``.
      gain: g, factor of the rates: 1 is intact, 0 a lesion ``[units]``.
    """

    state: jax.Array
    gain: jax.Array


@configured
def laminar_cortex(
    layers: Layers,
    *,
    dt: float | jax.Array = 0.01,
    tau: float | jax.Array | np.ndarray = 0.05,
    noise: float | jax.Array = 0.0,
    excitation: float | jax.Array = 1.0,
    activation: Activation = jax.nn.relu,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = uniform(1.0),
    bias_init: Initializer = zeros,
) -> Cell:
    """A rate network of cortical layers with anatomical inputs, connections and output.

    x_t = x_{t-1} + a (-x_{t-1} + r_{t-1} R + u_t W + b) + sqrt(2 a) noise xi_t,  r_t = g f(x_t)
    R_ij = signs_i mask_ij |A_ij|,  W_ij = inputs_j K_ij,  a = dt / tau,  y_t = r_t of the output

    Dale's law and the wiring hold for any params. Initially the excitatory weights onto a unit sum
    to `excitation`, on average over units, and the inhibitory ones onto each unit cancel them. The
    gain g is part of the carry, not a parameter: ``carry._replace(gain=...)`` with zeros is an
    exact lesion.

    Args:
      layers: the units and their wiring, from `cortical_layers`.
      dt: the time step, not longer than tau.
      tau: the time constant: one, or one per unit ``[units]``.
      noise: standard deviation of x under noise alone; drawn where there is a key.
      excitation: the initial sum of the excitatory weights onto a unit.
      activation: f, not negative.
      recurrent_init: of A ``[units, units]``, before it is balanced.

    Returns:
      A Cell ``[inputs] -> [units of layers.output]`` with params ``{"kernel", "recurrent",
      "bias"}`` whose carry is a `Cortex`; `cortex_rates` of it are the rates of all units.

    Source: Weiler et al. 2008, doi 10.1038/nn2049, for the wiring; Song, Yang and Wang 2016, doi
      10.1371/journal.pcbi.1004792, for the units.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> layers = jb.motor.cortical_layers(jax.random.key(0), 100)
      >>> cell, x = laminar_cortex(layers), jax.numpy.ones(3)
      >>> params = cell.init(jax.random.key(1), x)
      >>> carry, y = cell.step(params, cell.carry(params, x), x)
      >>> y.shape, jb.motor.cortex_rates(carry)[layers.slices["L6e"]].shape
      ((29,), (24,))
    """
    units, mask, signs, inputs, (start, stop) = _packed(layers)
    require_times("laminar_cortex", units, {"tau": tau}, dt)
    require_positive("laminar_cortex", "noise", noise, zero=True)
    require_positive("laminar_cortex", "excitation", excitation)
    name = f"laminar_cortex({units} units)"
    shared = weights(units, 1, kernel_init, recurrent_init, bias_init)

    def init(key: jax.Array, x: Any) -> Params:
        drawn = shared(key, x)
        recurrent = _balanced(drawn["recurrent"], mask, signs, excitation)
        return {**drawn, "kernel": _entering(drawn["kernel"], inputs), "recurrent": recurrent}

    def carry(params: Params, x: Any) -> Cortex:
        state = jnp.zeros((units,), params["recurrent"].dtype)
        return Cortex(state, jnp.ones_like(state))

    def step(params: Params, carry: Cortex, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        own = cortex_rates(carry, activation=activation) @ signed_weights(
            params["recurrent"], unpack(mask), unpack(signs)
        )
        given = own + x @ _entering(params["kernel"], inputs) + params["bias"]
        a = leak(tau, dt, carry.state)
        state = leaky_step(carry.state, given, a, noise, key)
        carry = Cortex(state, carry.gain)
        return carry, cortex_rates(carry, activation=activation)[start:stop]

    return Cell(init, carry, step)


@checked
def cortex_rates(carry: Cortex, *, activation: Activation = jax.nn.relu) -> jax.Array:
    """Rates of all units of a `laminar_cortex`: r = g f(x).

    Args:
      carry: of the cell; also one of a sequence ``[time, units]``.
      activation: f of the cell.

    Examples:
      >>> import jax.numpy as jnp
      >>> cortex_rates(Cortex(jnp.array([-1.0, 2.0, 3.0]), jnp.array([1.0, 1.0, 0.0]))).tolist()
      [0.0, 2.0, 0.0]
    """
    return carry.gain * activation(carry.state)


def _packed(layers: Layers) -> tuple[int, Packed, Packed, Packed, tuple[int, int]]:
    """The arrays of layers as hashable values; refuse those that do not fit together."""
    units = len(layers.signs)
    mask = require_mask("laminar_cortex", units, layers.mask)
    signs = require_signs("laminar_cortex", units, layers.signs)
    inputs = pack(layers.inputs)
    entering = unpack(inputs)
    if entering.shape != (units,) or not np.all((entering == 0) | (entering == 1)):
        raise ValueError(
            f"laminar_cortex: layers.inputs must be ({units},) of 0 and 1, got {entering.shape}"
        )
    if layers.output not in layers.slices:
        raise ValueError(
            f"laminar_cortex: layers.output must be one of {list(layers.slices)}, "
            f"got {layers.output!r}"
        )
    where = layers.slices[layers.output]
    return units, mask, signs, inputs, (where.start, where.stop)


def _entering(kernel: jax.Array, inputs: Packed) -> jax.Array:
    """The weights of the inputs, zero onto units without input."""
    return kernel * jnp.asarray(unpack(inputs)).astype(kernel.dtype)[None]


def _balanced(drawn: jax.Array, mask: Packed, signs: Packed, excitation: Any) -> jax.Array:
    """Magnitudes with a given mean excitation and equal inhibition of each unit that has both."""
    magnitudes = jnp.abs(drawn) * jnp.asarray(unpack(mask)).astype(drawn.dtype)
    excites = jnp.asarray(unpack(signs) > 0)[:, None]
    given = jnp.where(excites, magnitudes, 0).sum(axis=0)
    taken = jnp.where(excites, 0, magnitudes).sum(axis=0)
    scale = as_number(excitation, drawn) / jnp.maximum(given.mean(), jnp.finfo(drawn.dtype).tiny)
    both = (given > 0) & (taken > 0)
    ratio = jnp.where(both, given / jnp.where(both, taken, 1), 1)
    return scale * magnitudes * jnp.where(excites, 1, ratio[None])
