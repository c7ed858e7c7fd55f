"""Recurrent cells of one hidden vector: the Elman network and the gated recurrent unit."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, orthogonal, zeros

from jaxbrain.cells.parts import fit_input, summed_input, weights, zero_carry
from jaxbrain.cells.pointwise import pointwise
from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Cell, Params
from jaxbrain.networks.parts import float_like


@configured
def elman(
    units: int,
    *,
    activation: Callable[[jax.Array], jax.Array] = jnp.tanh,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """The simple recurrent network.

    h_t = f(x_t W + h_{t-1} R + b),  y_t = h_t

    Args:
      activation: f.

    Returns:
      A Cell ``[inputs] -> [units]`` whose carry is h.

    Source: Elman 1990, doi 10.1207/s15516709cog1402_1.

    Examples:
      >>> import jax
      >>> cell, x = elman(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> h, y = cell.step(params, cell.carry(params, x), x)
      >>> h.shape, bool((y == jax.numpy.tanh(x @ params["kernel"])).all())
      ((3,), True)
    """
    units = require_count("elman", "units", units)
    name = f"elman({units})"
    f = _tanh if activation is jnp.tanh else activation  # the same function; it stores less
    init = weights(units, 1, kernel_init, recurrent_init, bias_init)

    def drive(params: Params, carry: jax.Array, x: Any) -> jax.Array:
        return summed_input(name, params, x, carry)

    def respond(params: Params, carry: jax.Array, u: Any, *, key: jax.Array | None = None) -> Any:
        h = f(u)
        return h, h

    return Cell(init, zero_carry(units), TwoStageStep(drive, respond))


@configured
def gru(
    units: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """The gated recurrent unit, with the reset gate after the product, as in PyTorch and cuDNN.

    r = sigmoid(x W_r + h R_r + b_r),  z = sigmoid(x W_z + h R_z + b_z)
    n = tanh(x W_n + b_n + r (h R_n + c)),  h_t = (1 - z) n + z h_{t-1},  y_t = h_t

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel" [inputs, 3 units], "recurrent"
      [units, 3 units], "bias" [3 units], "candidate_bias" [units]}``, gates in the order r, z, n;
      its carry is h.

    Source: Cho et al. 2014, arXiv 1406.1078, v3.

    Examples:
      >>> import jax
      >>> cell, x = gru(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> params["kernel"].shape, cell.step(params, cell.carry(params, x), x)[1].shape
      ((2, 9), (3,))
    """
    units = require_count("gru", "units", units)
    name = f"gru({units})"
    shared = weights(units, 3, kernel_init, recurrent_init, bias_init)

    def init(key: jax.Array, x: Any) -> Params:
        bias = bias_init(jax.random.fold_in(key, 1), (units,), float_like(x))
        return {**shared(key, x), "candidate_bias": bias}

    def drive(params: Params, carry: jax.Array, x: Any) -> tuple[jax.Array, ...]:
        x = fit_input(name, params, x)
        given = jnp.split(x @ params["kernel"] + params["bias"], 3)
        own = jnp.split(carry @ params["recurrent"], 3)
        return given[0] + own[0], given[1] + own[1], given[2], own[2] + params["candidate_bias"]

    def respond(params: Params, carry: jax.Array, u: Any, *, key: jax.Array | None = None) -> Any:
        h = _gru_gates(*u, carry)
        return h, h

    return Cell(init, zero_carry(units), TwoStageStep(drive, respond))


_tanh = pointwise(jnp.tanh)


@pointwise
def _gru_gates(r: jax.Array, z: jax.Array, n: jax.Array, own: jax.Array, h: jax.Array) -> jax.Array:
    z = jax.nn.sigmoid(z)
    return (1 - z) * jnp.tanh(n + jax.nn.sigmoid(r) * own) + z * h
