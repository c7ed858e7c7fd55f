"""Gated cells beside the GRU: long short-term memory, and units with fewer gates.

Weights lead from rows to columns, as in `jaxbrain.dense`: ``x @ kernel``.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, orthogonal, zeros

from jaxbrain.cells.recurrent import fit_input, fit_sequence, pointwise, weights, zero_carry
from jaxbrain.cells.unrolling import first, require_time
from jaxbrain.core.config import configured
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.networks.layers import positive

sigmoid = jax.nn.sigmoid


@configured
def lstm(
    units: int,
    *,
    forget_bias: float = 1.0,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """Long short-term memory, as PyTorch and cuDNN compute it.

    i = sigmoid(x W_i + h R_i + b_i),  f = sigmoid(x W_f + h R_f + b_f)
    g = tanh(x W_g + h R_g + b_g),  o = sigmoid(x W_o + h R_o + b_o)
    c_t = f c_{t-1} + i g,  h_t = o tanh(c_t),  y_t = h_t

    Args:
      units: of the hidden vector and of the memory.
      forget_bias: added to b_f at the start, so that the memory is kept before anything is learned.
      kernel_init: initialiser of each of the four W ``[inputs, units]``.
      recurrent_init: initialiser of each of the four R ``[units, units]``.
      bias_init: initialiser of b.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel" [inputs, 4 units], "recurrent"
      [units, 4 units], "bias" [4 units]}``, gates in the order i, f, g, o; its carry is (h, c).

    Raises:
      ValueError: if units is not positive; at trace time, if the inputs do not fit the kernel.

    Source: Hochreiter and Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735; the forget gate, Gers
    et al. 2000, doi 10.1162/089976600300015015; its bias, Jozefowicz et al. 2015.

    Examples:
      >>> import jax
      >>> cell, x = lstm(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> (h, c), y = cell.step(params, cell.carry(params, x), x)
      >>> params["kernel"].shape, y.shape, bool((y == h).all())
      ((2, 12), (3,), True)
    """
    units = positive("lstm", "units", units)
    name = f"lstm({units})"
    init = _biased(weights(units, 4, kernel_init, recurrent_init, bias_init), 1, forget_bias)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(_drive(name, params, h, x), 4)
        c = _memory(i, f, g, c)
        h = _output(o, c)
        return (h, c), h

    return Cell(init, _two(units), step)


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
    """Long short-term memory whose gates see the memory: it counts and keeps time more precisely.

    i = sigmoid(x W_i + h R_i + c_{t-1} p_i + b_i)
    f = sigmoid(x W_f + h R_f + c_{t-1} p_f + b_f)
    g = tanh(x W_g + h R_g + b_g),  c_t = f c_{t-1} + i g
    o = sigmoid(x W_o + h R_o + c_t p_o + b_o),  h_t = o tanh(c_t),  y_t = h_t

    Args:
      units: of the hidden vector and of the memory.
      forget_bias: added to b_f at the start.
      kernel_init: initialiser of each of the four W ``[inputs, units]``.
      recurrent_init: initialiser of each of the four R ``[units, units]``.
      bias_init: initialiser of b.
      peephole_init: initialiser of p ``[3, units]``; from zero the cell begins as an `lstm`.

    Returns:
      A Cell ``[inputs] -> [units]`` with the params of `lstm` and ``"peephole" [3, units]``, in
      the order i, f, o; its carry is (h, c).

    Raises:
      ValueError: if units is not positive; at trace time, if the inputs do not fit the kernel.

    Source: Gers, Schraudolph and Schmidhuber 2002, doi 10.1162/153244303768966139; written as in
    Graves 2013, arXiv 1308.0850.

    Examples:
      >>> import jax
      >>> cell, x = lstm_peephole(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> params["peephole"].shape, cell.step(params, cell.carry(params, x), x)[1].shape
      ((3, 3), (3,))
    """
    units = positive("lstm_peephole", "units", units)
    name = f"lstm_peephole({units})"
    plain = _biased(weights(units, 4, kernel_init, recurrent_init, bias_init), 1, forget_bias)

    def init(key: jax.Array, x: Any) -> Params:
        params = plain(key, x)
        peephole = peephole_init(jax.random.fold_in(key, 1), (3, units), params["bias"].dtype)
        return {**params, "peephole": peephole}

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(_drive(name, params, h, x), 4)
        p = params["peephole"]
        c = _memory(i + p[0] * c, f + p[1] * c, g, c)
        h = _output(o + p[2] * c, c)
        return (h, c), h

    return Cell(init, _two(units), step)


@configured
def minimal_gated(
    units: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """The minimal gated unit: a GRU whose one gate both resets and updates.

    f = sigmoid(x W_f + h R_f + b_f),  n = tanh(x W_n + (f h) R_n + b_n)
    h_t = (1 - f) h_{t-1} + f n,  y_t = h_t

    Args:
      units: of the hidden vector.
      kernel_init: initialiser of each of W_f, W_n ``[inputs, units]``.
      recurrent_init: initialiser of each of R_f, R_n ``[units, units]``.
      bias_init: initialiser of b.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel" [inputs, 2 units], "recurrent"
      [units, 2 units], "bias" [2 units]}``, in the order f, n; its carry is h.

    Raises:
      ValueError: if units is not positive; at trace time, if the inputs do not fit the kernel.

    Source: Zhou et al. 2016, arXiv 1603.09420.

    Examples:
      >>> import jax
      >>> cell, x = minimal_gated(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> params["kernel"].shape, cell.step(params, cell.carry(params, x), x)[1].shape
      ((2, 6), (3,))
    """
    units = positive("minimal_gated", "units", units)
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
    """The update gate recurrent network: the simple one with a gate that keeps what was.

    g = sigmoid(x W_g + h R_g + b_g),  n = tanh(x W_n + h R_n + b_n)
    h_t = g h_{t-1} + (1 - g) n,  y_t = h_t

    Args:
      units: of the hidden vector.
      forget_bias: added to b_g at the start, so that what was is kept.
      kernel_init: initialiser of each of W_g, W_n ``[inputs, units]``.
      recurrent_init: initialiser of each of R_g, R_n ``[units, units]``.
      bias_init: initialiser of b.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel" [inputs, 2 units], "recurrent"
      [units, 2 units], "bias" [2 units]}``, in the order g, n; its carry is h.

    Raises:
      ValueError: if units is not positive; at trace time, if the inputs do not fit the kernel.

    Source: Collins, Sohl-Dickstein and Sussillo 2017, arXiv 1611.09913.

    Examples:
      >>> import jax
      >>> cell, x = ugrnn(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> params["bias"].tolist(), cell.step(params, cell.carry(params, x), x)[1].shape
      ([1.0, 1.0, 1.0, 0.0, 0.0, 0.0], (3,))
    """
    units = positive("ugrnn", "units", units)
    name = f"ugrnn({units})"
    init = _biased(weights(units, 2, kernel_init, recurrent_init, bias_init), 0, forget_bias)

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        h = _ugrnn_gates(*jnp.split(_drive(name, params, carry, x), 2), carry)
        return h, h

    return Cell(init, zero_carry(units), step)


@configured
def min_gru(
    units: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer = zeros,
) -> Cell:
    """A GRU whose gate and candidate see the input alone: linear in h, so `parallel_min_gru` is it.

    z = sigmoid(x W_z + b_z),  n = x W_n + b_n,  h_t = (1 - z) h_{t-1} + z n,  y_t = h_t

    Args:
      units: of the hidden vector.
      kernel_init: initialiser of each of W_z, W_n ``[inputs, units]``.
      bias_init: initialiser of b.

    Returns:
      A Cell ``[inputs] -> [units]`` with params ``{"kernel" [inputs, 2 units], "bias"
      [2 units]}``, in the order z, n; its carry is h.

    Raises:
      ValueError: if units is not positive; at trace time, if the inputs do not fit the kernel.

    Source: Feng et al. 2024, arXiv 2410.01201, algorithm 1.

    Examples:
      >>> import jax
      >>> cell, x = min_gru(3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> sorted(params), cell.step(params, cell.carry(params, x), x)[1].shape
      (['bias', 'kernel'], (3,))
    """
    units = positive("min_gru", "units", units)
    name = f"min_gru({units})"
    init = _inputs_only(units, kernel_init, bias_init)

    def carry(params: Params, x: Any) -> jax.Array:
        return jnp.zeros((units,), params["kernel"].dtype)

    def step(params: Params, carry: jax.Array, x: Any, *, key: jax.Array | None = None) -> Any:
        keep, new = _kept_and_new(params, fit_input(name, params, x))
        h = keep * carry + new
        return h, h

    return Cell(init, carry, step)


@configured
def parallel_min_gru(
    units: int,
    *,
    kernel_init: Initializer = lecun_normal(),
    bias_init: Initializer = zeros,
) -> Network:
    """`min_gru` over a sequence in a number of rounds that is the logarithm of its length.

    (a_2, b_2) after (a_1, b_1) is (a_2 a_1, a_2 b_1 + b_2), with a = 1 - z, b = z n

    For accelerators; on a processor ``unroll(min_gru(units))`` is faster.

    Args:
      units: of the hidden vector.
      kernel_init: initialiser of each of W_z, W_n ``[inputs, units]``.
      bias_init: initialiser of b.

    Returns:
      A network ``[time, inputs] -> [time, units]`` with the params of `min_gru`, from h_0 = 0.

    Raises:
      ValueError: if units is not positive; at trace time, if the inputs do not fit the kernel.

    Source: Feng et al. 2024, arXiv 2410.01201; Blelloch 1990.

    Examples:
      >>> import jax
      >>> net, xs = parallel_min_gru(3), jax.numpy.ones((5, 2))
      >>> net.apply(net.init(jax.random.key(0), xs), xs).shape
      (5, 3)
    """
    units = positive("parallel_min_gru", "units", units)
    name = f"parallel_min_gru({units})"
    of_a_step = _inputs_only(units, kernel_init, bias_init)

    def init(key: jax.Array, x: Any) -> Params:
        require_time(name, x)
        return of_a_step(key, first(x))

    def after(early: tuple, late: tuple) -> tuple[jax.Array, jax.Array]:
        return late[0] * early[0], late[0] * early[1] + late[1]

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        require_time(name, x)
        return jax.lax.associative_scan(
            after, _kept_and_new(params, fit_sequence(name, params, x))
        )[1]

    return Network(init, apply, ())


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


def _drive(name: str, params: Params, h: jax.Array, x: Any) -> jax.Array:
    x = fit_input(name, params, x)
    return x @ params["kernel"] + h @ params["recurrent"] + params["bias"]


def _two(units: int) -> Callable[[Params, Any], tuple[jax.Array, jax.Array]]:
    zero = zero_carry(units)
    return lambda params, x: (zero(params, x), zero(params, x))


def _biased(
    init: Callable[[jax.Array, Any], Params], gate: int, value: float
) -> Callable[[jax.Array, Any], Params]:
    """An init with a number added to the bias of one gate."""

    def biased(key: jax.Array, x: Any) -> Params:
        params = init(key, x)
        units = params["recurrent"].shape[0]
        return {**params, "bias": params["bias"].at[gate * units : (gate + 1) * units].add(value)}

    return biased


def _inputs_only(units: int, kernel_init: Initializer, bias_init: Initializer) -> Callable:
    full = weights(units, 2, kernel_init, zeros, bias_init)

    def init(key: jax.Array, x: Any) -> Params:
        params = full(key, x)
        return {"kernel": params["kernel"], "bias": params["bias"]}

    return init


def _kept_and_new(params: Params, x: Any) -> tuple[jax.Array, jax.Array]:
    """1 - z and z n of `min_gru`, for one step ``[inputs]`` or for all ``[time, inputs]``."""
    made = x @ params["kernel"]
    bias = params["bias"].reshape((1,) * (made.ndim - 1) + params["bias"].shape)
    z, n = jnp.split(made + bias, 2, axis=-1)
    return sigmoid(-z), sigmoid(z) * n
