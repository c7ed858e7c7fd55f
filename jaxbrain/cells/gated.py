"""Gated cells: long short-term memory, and units with one gate."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jax.nn.initializers import Initializer, lecun_normal, orthogonal, zeros

from jaxbrain.cells.parts import fit_input, fit_sequence, summed_input, weights, zero_carry
from jaxbrain.cells.pointwise import pointwise
from jaxbrain.cells.stages import TwoStageStep
from jaxbrain.cells.unrolling import first, require_time
from jaxbrain.core.config import configured
from jaxbrain.core.inits import plain_init
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.networks.parts import align


@configured
def lstm(
    units: int,
    *,
    forget_bias: float = 1.0,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """Long short-term memory, as in PyTorch and cuDNN.

    i = sigmoid(x W_i + h R_i + b_i),  f = sigmoid(x W_f + h R_f + b_f)
    g = tanh(x W_g + h R_g + b_g),  o = sigmoid(x W_o + h R_o + b_o)
    c_t = f c_{t-1} + i g,  h_t = o tanh(c_t),  y_t = h_t

    Args:
      forget_bias: added to b_f at initialization, so that the memory c is kept before learning.

    Returns:
      A Cell ``[inputs] -> [units]``, gates in the order i, f, g, o; its carry is (h, c).

    Source: Hochreiter and Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735; the forget gate, Gers
    et al. 2000, doi 10.1162/089976600300015015; its bias, Jozefowicz et al. 2015.

    Examples:
      >>> import jax
      >>> cell, x = lstm(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> params["kernel"].shape, params["bias"].reshape(4, 3)[:, 0].tolist()
      ((2, 12), [0.0, 1.0, 0.0, 0.0])
    """
    units = require_count("lstm", "units", units)
    name = f"lstm({units})"
    init = _biased(weights(units, 4, kernel_init, recurrent_init, bias_init), 1, forget_bias)

    def drive(params: Params, carry: Any, x: Any) -> jax.Array:
        return summed_input(name, params, x, carry[0])

    def respond(params: Params, carry: Any, u: Any, *, key: jax.Array | None = None) -> Any:
        i, f, g, o = jnp.split(u, 4)
        c = _memory(i, f, g, carry[1])
        h = _output(o, c)
        return (h, c), h

    return Cell(init, _zero_pair(units), TwoStageStep(drive, respond))


@configured
def lstm_peephole(
    units: int,
    *,
    forget_bias: float = 1.0,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    peephole_init: Initializer = zeros,
) -> Cell:
    """Long short-term memory with peepholes: the gates see the memory, for precise timing.

    i = sigmoid(x W_i + h R_i + c_{t-1} p_i + b_i)
    f = sigmoid(x W_f + h R_f + c_{t-1} p_f + b_f)
    g = tanh(x W_g + h R_g + b_g),  c_t = f c_{t-1} + i g
    o = sigmoid(x W_o + h R_o + c_t p_o + b_o),  h_t = o tanh(c_t),  y_t = h_t

    Args:
      forget_bias: added to b_f at initialization.
      peephole_init: initializer of p ``[3, units]``; from zero the cell starts as an `lstm`.

    Returns:
      A Cell ``[inputs] -> [units]`` with the params of `lstm` and ``"peephole" [3, units]``, in
      the order i, f, o; its carry is (h, c).

    Source: Gers, Schraudolph and Schmidhuber 2002, doi 10.1162/153244303768966139; in the form of
    Graves 2013, arXiv 1308.0850.

    Examples:
      >>> import jax
      >>> cell, x = lstm_peephole(3), jax.numpy.ones(2)
      >>> cell.init(jax.random.key(0), x)["peephole"].shape
      (3, 3)
    """
    units = require_count("lstm_peephole", "units", units)
    name = f"lstm_peephole({units})"
    plain = _biased(weights(units, 4, kernel_init, recurrent_init, bias_init), 1, forget_bias)

    def init(key: jax.Array, x: Any) -> Params:
        params = plain(key, x)
        peephole = peephole_init(jax.random.fold_in(key, 1), (3, units), params["bias"].dtype)
        return {**params, "peephole": peephole}

    def drive(params: Params, carry: Any, x: Any) -> jax.Array:
        return summed_input(name, params, x, carry[0])

    def respond(params: Params, carry: Any, u: Any, *, key: jax.Array | None = None) -> Any:
        (_, c), p = carry, params["peephole"]
        i, f, g, o = jnp.split(u, 4)
        c = _memory(i + p[0] * c, f + p[1] * c, g, c)
        h = _output(o + p[2] * c, c)
        return (h, c), h

    return Cell(init, _zero_pair(units), TwoStageStep(drive, respond))


@configured
def minimal_gated(
    units: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """The minimal gated unit: a GRU whose single gate both resets and updates.

    f = sigmoid(x W_f + h R_f + b_f),  n = tanh(x W_n + (f h) R_n + b_n)
    h_t = (1 - f) h_{t-1} + f n,  y_t = h_t

    Returns:
      A Cell ``[inputs] -> [units]``, gates in the order f, n; its carry is h.

    Source: Zhou et al. 2016, arXiv 1603.09420.

    Examples:
      >>> import jax
      >>> cell, x = minimal_gated(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> params["kernel"].shape, cell.step(params, cell.carry(params, x), x)[1].shape
      ((2, 6), (3,))
    """
    units = require_count("minimal_gated", "units", units)
    name = f"minimal_gated({units})"
    init = weights(units, 2, kernel_init, recurrent_init, bias_init)

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        f, n = jnp.split(x @ params["kernel"] + params["bias"], 2)
        for_gate, for_candidate = jnp.split(params["recurrent"], 2, axis=1)
        f = sigmoid(f + carry @ for_gate)
        n = jnp.tanh(n + (f * carry) @ for_candidate)
        h = (1 - f) * carry + f * n
        return h, h

    return Cell(init, zero_carry(units), step)


@configured
def ugrnn(
    units: int,
    *,
    forget_bias: float = 1.0,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """The update gate recurrent network: one gate mixes the old state and the new candidate.

    g = sigmoid(x W_g + h R_g + b_g),  n = tanh(x W_n + h R_n + b_n)
    h_t = g h_{t-1} + (1 - g) n,  y_t = h_t

    Args:
      forget_bias: added to b_g at initialization, so that the state is kept before learning.

    Returns:
      A Cell ``[inputs] -> [units]``, gates in the order g, n; its carry is h.

    Source: Collins, Sohl-Dickstein and Sussillo 2017, arXiv 1611.09913.

    Examples:
      >>> import jax
      >>> ugrnn(3).init(jax.random.key(0), jax.numpy.ones(2))["bias"].tolist()
      [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    """
    units = require_count("ugrnn", "units", units)
    name = f"ugrnn({units})"
    init = _biased(weights(units, 2, kernel_init, recurrent_init, bias_init), 0, forget_bias)

    def drive(params: Params, carry: jax.Array, x: Any) -> jax.Array:
        return summed_input(name, params, x, carry)

    def respond(params: Params, carry: jax.Array, u: Any, *, key: jax.Array | None = None) -> Any:
        h = _ugrnn_gates(*jnp.split(u, 2), carry)
        return h, h

    return Cell(init, zero_carry(units), TwoStageStep(drive, respond))


@configured
def min_gru(
    units: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """A GRU whose gate and candidate see the input alone, which makes it linear in h.

    z = sigmoid(x W_z + b_z),  n = x W_n + b_n,  h_t = (1 - z) h_{t-1} + z n,  y_t = h_t

    `parallel_min_gru` computes a whole sequence at once.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel" [inputs, 2 units], "bias"
      [2 units]}``, gates in the order z, n; its carry is h.

    Source: Feng et al. 2024, arXiv 2410.01201, algorithm 1.

    Examples:
      >>> import jax
      >>> sorted(min_gru(3).init(jax.random.key(0), jax.numpy.ones(2)))
      ['bias', 'kernel']
    """
    units = require_count("min_gru", "units", units)
    name = f"min_gru({units})"
    init = weights(units, 2, kernel_init, None, bias_init)

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        kept, new = _kept_and_new(params, fit_input(name, params, x))
        h = kept * carry + new
        return h, h

    return Cell(init, zero_carry(units), step)


@configured
def parallel_min_gru(
    units: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer = zeros,
) -> Network:
    """`min_gru` over a whole sequence by an associative scan, in log2(time) rounds.

    (a_2, b_2) after (a_1, b_1) is (a_2 a_1, a_2 b_1 + b_2), with a = 1 - z, b = z n

    For accelerators; on a processor ``unroll(min_gru(units))`` is faster.

    Returns:
      A network ``[time, inputs] -> [time, units]`` with the params of `min_gru`, from h_0 = 0.

    Source: Feng et al. 2024, arXiv 2410.01201; Blelloch 1990.

    Examples:
      >>> import jax
      >>> net, xs = parallel_min_gru(3), jax.numpy.ones((5, 2))
      >>> net.apply(net.init(jax.random.key(0), xs), xs).shape
      (5, 3)
    """
    cell, name = (
        min_gru(units, kernel_init=kernel_init, bias_init=bias_init),
        f"parallel_min_gru({units})",
    )

    def init(key: jax.Array, x: Any) -> Params:
        require_time(name, x)
        return plain_init(cell)(key, first(x))

    def after(early: tuple, late: tuple) -> tuple[jax.Array, jax.Array]:
        return late[0] * early[0], late[0] * early[1] + late[1]

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        require_time(name, x)
        steps = _kept_and_new(params, fit_sequence(name, params, x))
        return jax.lax.associative_scan(after, steps)[1]

    return Network(init, apply)


@pointwise
def _memory(i: jax.Array, f: jax.Array, g: jax.Array, c: jax.Array) -> jax.Array:
    return sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)


@pointwise
def _output(o: jax.Array, c: jax.Array) -> jax.Array:
    return sigmoid(o) * jnp.tanh(c)


@pointwise
def _ugrnn_gates(g: jax.Array, n: jax.Array, h: jax.Array) -> jax.Array:
    g = sigmoid(g)
    return g * h + (1 - g) * jnp.tanh(n)


def _zero_pair(units: int) -> Callable[[Params, Any], tuple[jax.Array, jax.Array]]:
    zero = zero_carry(units)
    return lambda params, x: (zero(params, x), zero(params, x))


def _biased(
    init: Callable[[jax.Array, Any], Params], gate: int, value: float
) -> Callable[[jax.Array, Any], Params]:
    """An ``init`` that adds a number to the bias of one gate."""

    def biased(key: jax.Array, x: Any) -> Params:
        params = init(key, x)
        units = params["recurrent"].shape[0]
        return {**params, "bias": params["bias"].at[gate * units : (gate + 1) * units].add(value)}

    return biased


def _kept_and_new(params: Params, x: Any) -> tuple[jax.Array, jax.Array]:
    """1 - z and z n of `min_gru`, for one step ``[inputs]`` or for all ``[time, inputs]``."""
    made = x @ params["kernel"]
    z, n = jnp.split(made + align(params["bias"], made), 2, axis=-1)
    return sigmoid(-z), sigmoid(z) * n
