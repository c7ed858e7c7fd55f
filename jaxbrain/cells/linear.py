"""The linear recurrent unit: a diagonal recurrence of complex numbers, step by step or at once.

A recurrence without a nonlinearity is associative: a whole sequence takes log2(time) parallel
rounds instead of time steps.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.cells.parts import fit_input, fit_sequence, require_step
from jaxbrain.cells.unrolling import first, require_time
from jaxbrain.core.config import configured
from jaxbrain.core.inits import plain_init
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.networks.parts import float_like

_FULL_TURN = 2 * math.pi


class Complex(NamedTuple):
    """Complex numbers as two real arrays, which keep their precision and need no complex dtype.

    Attributes:
      real: the real parts.
      imaginary: the imaginary parts.
    """

    real: jax.Array
    imaginary: jax.Array


@configured
def linear_recurrent(
    units: int,
    *,
    features: int | None = None,
    min_radius: float = 0.0,
    max_radius: float = 0.99,
    max_phase: float = _FULL_TURN,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """The linear recurrent unit (LRU): complex eigenvalues inside the unit circle.

    h_t = lambda h_{t-1} + exp(gain) (x_t B),  y_t = Re(h_t C) + x_t D
    lambda = exp(-exp(decay) + i exp(phase))

    |lambda| < 1 for all values of the params. At initialization gain = log sqrt(1 - |lambda|^2), so
    that h has the variance of x B for white x. A nonlinear layer should follow.

    Args:
      features: size of y; None: units.
      min_radius: smallest initial |lambda|.
      max_radius: largest initial |lambda|, below 1; |lambda|^2 is uniform between them.
      max_phase: largest initial angle of lambda in rad; angles are uniform from 0.

    Returns:
      A Cell ``[inputs] -> [features]`` with params ``{"decay" [units], "phase" [units], "gain"
      [units], "kernel" [inputs, 2 units], "readout" [2 units, features], "skip" [inputs,
      features]}``: the kernel is Re B, Im B, the readout Re C, -Im C, and kernel_init draws each of
      these matrices and D. Its carry is h, a Complex.

    Raises:
      ValueError: if the radii are not 0 <= min_radius < max_radius < 1, or max_phase is not
        positive.

    Source: Orvieto et al. 2023, arXiv 2303.06349.

    Examples:
      >>> import jax
      >>> cell, x = linear_recurrent(4, features=3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> h, y = cell.step(params, cell.carry(params, x), x)
      >>> h.real.shape, y.shape
      ((4,), (3,))
    """
    units = require_count("linear_recurrent", "units", units)
    width = units if features is None else require_count("linear_recurrent", "features", features)
    require_positive("linear_recurrent", "max_phase", max_phase)
    if not 0 <= min_radius < max_radius < 1:
        raise ValueError(
            "linear_recurrent: radii must be 0 <= min_radius < max_radius < 1, got min_radius="
            f"{min_radius!r} and max_radius={max_radius!r}; at 1 nothing is ever forgotten"
        )
    name = f"linear_recurrent({units})"

    def init(key: jax.Array, x: Any) -> Params:
        inputs, dtype = require_step(x), float_like(x)
        *eigenvalue_keys, b1, b2, c1, c2, d = jax.random.split(key, 7)
        # 1 - uniform is in (0, 1]: neither logarithm meets a zero
        squared, turn = (1 - jax.random.uniform(k, (units,), dtype) for k in eigenvalue_keys)
        squared = min_radius**2 + (max_radius**2 - min_radius**2) * squared

        def matrix(key: jax.Array, rows: int, columns: int) -> jax.Array:
            return kernel_init(key, (rows, columns), dtype)

        half = math.sqrt(0.5)  # half of a complex number's variance is that of the real part
        kernel = jnp.concatenate([matrix(k, inputs, units) for k in (b1, b2)], axis=1)
        readout = jnp.concatenate([matrix(k, units, width) for k in (c1, c2)])
        return {
            "decay": jnp.log(-jnp.log(squared) / 2),
            "phase": jnp.log(max_phase * turn),
            "gain": jnp.log1p(-squared) / 2,
            "kernel": half * kernel,
            "readout": readout * half,
            "skip": matrix(d, inputs, width),
        }

    def carry(params: Params, x: Any) -> Complex:
        zero = jnp.zeros((units,), params["decay"].dtype)
        return Complex(zero, zero)

    def step(params: Params, carry: Complex, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        h = _plus(_times(eigenvalues(params), carry), _entering(params, x))
        return h, _read(params, h, x)

    return Cell(init, carry, step)


@configured
def parallel_linear_recurrent(
    units: int,
    *,
    features: int | None = None,
    min_radius: float = 0.0,
    max_radius: float = 0.99,
    max_phase: float = _FULL_TURN,
    kernel_init: Initializer = lecun_normal(),
) -> Network:
    """`linear_recurrent` over a whole sequence by an associative scan.

    (a_2, b_2) after (a_1, b_1) is (a_2 a_1, a_2 b_1 + b_2), over all (lambda, exp(gain) (x_t B))

    For accelerators; on a processor ``unroll(linear_recurrent(...))``, which has the same params
    and results, is several times faster.

    Args:
      features, min_radius, max_radius, max_phase: as in `linear_recurrent`.

    Returns:
      A network ``[time, inputs] -> [time, features]``.

    Raises:
      ValueError: as `linear_recurrent`.

    Source: Orvieto et al. 2023, arXiv 2303.06349; Martin and Cundy 2018, arXiv 1709.04057.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, xs = parallel_linear_recurrent(4), jax.numpy.ones((5, 2))
      >>> params, steps = net.init(jax.random.key(0), xs), jb.cells.unroll(linear_recurrent(4))
      >>> bool(abs(net.apply(params, xs) - steps.apply(params, xs)).max() < 1e-5)
      True
    """
    cell = linear_recurrent(
        units,
        features=features,
        min_radius=min_radius,
        max_radius=max_radius,
        max_phase=max_phase,
        kernel_init=kernel_init,
    )
    name = f"parallel_linear_recurrent({units})"

    def init(key: jax.Array, x: Any) -> Params:
        require_time(name, x)
        return plain_init(cell)(key, first(x))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        require_time(name, x)
        x = fit_sequence(name, params, x)
        every_step = (len(x), units)
        turn = jax.tree.map(lambda part: jnp.broadcast_to(part, every_step), eigenvalues(params))
        _, h = jax.lax.associative_scan(_after, (turn, _entering(params, x)))
        return _read(params, h, x)

    return Network(init, apply)


def eigenvalues(params: Params) -> Complex:
    """The eigenvalues ``[units]`` of a linear recurrent unit: exp(-exp(decay) + i exp(phase))."""
    radius, angle = jnp.exp(-jnp.exp(params["decay"])), jnp.exp(params["phase"])
    return Complex(radius * jnp.cos(angle), radius * jnp.sin(angle))


def _after(early: tuple[Complex, Complex], late: tuple[Complex, Complex]) -> Any:
    """The composition of two affine maps h -> a h + b."""
    (a1, b1), (a2, b2) = early, late
    return _times(a2, a1), _plus(_times(a2, b1), b2)


def _plus(a: Complex, b: Complex) -> Complex:
    return Complex(a.real + b.real, a.imaginary + b.imaginary)


def _times(a: Complex, b: Complex) -> Complex:
    return Complex(
        a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real
    )


def _entering(params: Params, x: jax.Array) -> Complex:
    """exp(gain) (x B), of one step or of all."""
    gain = jnp.exp(params["gain"])
    scale = jnp.concatenate([gain, gain])
    return Complex(*jnp.split(x @ (params["kernel"] * scale[None]), 2, axis=-1))


def _read(params: Params, h: Complex, x: jax.Array) -> jax.Array:
    """Re(h C) + x D, of one step or of all."""
    return jnp.concatenate(h, axis=-1) @ params["readout"] + x @ params["skip"]
