"""The linear recurrent unit: a diagonal recurrence of complex numbers, step by step or at once.

A recurrence without nonlinearity is associative, so that a whole sequence takes log2(time)
parallel steps instead of time. On a CPU, where nothing is gained by that, the scan is faster.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.cells.recurrent import fit_input, fit_sequence
from jaxbrain.cells.unrolling import require_time
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.networks.layers import float_like, positive

_TURN = 2 * math.pi


class Complex(NamedTuple):
    """Complex numbers as two real arrays, which keep their precision and need no complex type.

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
    max_phase: float = _TURN,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """The linear recurrent unit (LRU): a diagonal of complex numbers inside the unit circle.

    h_t = lambda h_{t-1} + exp(gain) (x_t B),  y_t = Re(h_t C) + x_t D
    lambda = exp(-exp(decay) + i exp(phase))

    |lambda| < 1 whatever the parameters are. gain begins at log sqrt(1 - |lambda|^2), so that h is
    as large as x B where x is white. A nonlinear layer belongs after it.

    Args:
      units: complex numbers of h.
      features: of y; None is as many as units.
      min_radius: the least |lambda| at first.
      max_radius: the largest |lambda| at first, below 1; |lambda|^2 is uniform between them.
      max_phase: the largest angle of lambda at first, in rad; uniform from 0 on.
      kernel_init: initialiser of the real matrices: real and imaginary part of B and of C, and D.

    Returns:
      A Cell ``[inputs] -> [features]`` with params ``{"decay" [units], "phase" [units], "gain"
      [units], "kernel" [inputs, 2 units], "readout" [2 units, features], "skip" [inputs,
      features]}``, real parts first; of the readout the second half is minus the imaginary part
      of C. Its carry is h, a Complex.

    Raises:
      ValueError: if units or features is not positive, or the radii are not 0 <= min < max < 1;
        at trace time, if the inputs do not fit the kernel.

    Source: Orvieto et al. 2023, arXiv 2303.06349.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = linear_recurrent(4, features=3), jax.numpy.ones(2)
      >>> params = cell.init(jax.random.key(0), x)
      >>> h, y = cell.step(params, cell.carry(params, x), x)
      >>> h.real.shape, y.shape
      ((4,), (3,))
    """
    args = _arguments("linear_recurrent", units, features, min_radius, max_radius, max_phase)
    name, init = args.name, _init(args, kernel_init)

    def carry(params: Params, x: Any) -> Complex:
        still = jnp.zeros((args.units,), params["decay"].dtype)
        return Complex(still, still)

    def step(params: Params, carry: Complex, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params, x)
        turned, drive = _times(eigenvalues(params), carry), _drive(params, x)
        h = Complex(turned.real + drive.real, turned.imaginary + drive.imaginary)
        return h, _read(params, h, x)

    return Cell(init, carry, step)


@configured
def parallel_linear_recurrent(
    units: int,
    *,
    features: int | None = None,
    min_radius: float = 0.0,
    max_radius: float = 0.99,
    max_phase: float = _TURN,
    kernel_init: Initializer = lecun_normal(),
) -> Network:
    """`linear_recurrent` over a whole sequence at once, by an associative scan.

    (a_2, b_2) o (a_1, b_1) = (a_2 a_1, a_2 b_1 + b_2), over all (lambda, exp(gain) (x_t B))

    The same params and the same results as ``unroll(linear_recurrent(...))``, for accelerators;
    on a CPU the scan is several times faster.

    Args:
      units: complex numbers of h.
      features: of y; None is as many as units.
      min_radius: the least |lambda| at first.
      max_radius: the largest |lambda| at first, below 1.
      max_phase: the largest angle of lambda at first, in rad.
      kernel_init: initialiser of the real matrices.

    Returns:
      A network ``[time, inputs] -> [time, features]``.

    Raises:
      ValueError: as `linear_recurrent` does, or if there is no step.

    Source: Orvieto et al. 2023, arXiv 2303.06349; Martin and Cundy 2018, arXiv 1709.04057.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, xs = parallel_linear_recurrent(4), jax.numpy.ones((5, 2))
      >>> params = net.init(jax.random.key(0), xs)
      >>> bool(abs(net.apply(params, xs) - jb.cells.unroll(linear_recurrent(4)).apply(
      ...     params, xs)).max() < 1e-5)
      True
    """
    args = _arguments(
        "parallel_linear_recurrent", units, features, min_radius, max_radius, max_phase
    )
    name, of_step = args.name, _init(args, kernel_init)

    def init(key: jax.Array, x: Any) -> Params:
        require_time(name, x)
        return of_step(key, jax.ShapeDtypeStruct(x.shape[1:], x.dtype))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        require_time(name, x)
        x = fit_sequence(name, params, x)
        drive = _drive(params, x)
        turn = jax.tree.map(
            lambda part: jnp.broadcast_to(part, (len(x), args.units)), eigenvalues(params)
        )
        _, h = jax.lax.associative_scan(_compose, (turn, drive))
        return _read(params, h, x)

    return Network(init, apply, ())


def eigenvalues(params: Params) -> Complex:
    """The diagonal of a linear recurrent unit: exp(-exp(decay) + i exp(phase)).

    Args:
      params: of `linear_recurrent`.

    Returns:
      Real and imaginary parts ``[units]``; the modulus is below 1.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell = linear_recurrent(100, min_radius=0.9)
      >>> real, imaginary = eigenvalues(cell.init(jax.random.key(0), jax.numpy.ones(1)))
      >>> bool((real**2 + imaginary**2 >= 0.81 - 1e-6).all())
      True
    """
    radius, angle = jnp.exp(-jnp.exp(params["decay"])), jnp.exp(params["phase"])
    return Complex(radius * jnp.cos(angle), radius * jnp.sin(angle))


def _times(a: Complex, b: Complex) -> Complex:
    return Complex(
        a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real
    )


def _compose(before: tuple[Complex, Complex], after: tuple[Complex, Complex]) -> Any:
    """One affine map after another."""
    (a1, b1), (a2, b2) = before, after
    moved = _times(a2, b1)
    return _times(a2, a1), Complex(moved.real + b2.real, moved.imaginary + b2.imaginary)


def _drive(params: Params, x: jax.Array) -> Complex:
    """exp(gain) (x B), of one step or of all."""
    gain = jnp.exp(params["gain"])
    scale = jnp.concatenate([gain, gain])
    return Complex(*jnp.split(x @ (params["kernel"] * scale[None]), 2, axis=-1))


def _read(params: Params, h: Complex, x: jax.Array) -> jax.Array:
    """Re(h C) + x D, of one step or of all."""
    return jnp.concatenate(h, axis=-1) @ params["readout"] + x @ params["skip"]


class _Arguments(NamedTuple):
    name: str
    units: int
    features: int
    min_radius: float
    max_radius: float
    max_phase: float


def _arguments(
    made: str,
    units: int,
    features: int | None,
    min_radius: float,
    max_radius: float,
    max_phase: float,
) -> _Arguments:
    """The checked arguments of both forms, with their name."""
    units = positive(made, "units", units)
    width = units if features is None else positive(made, "features", features)
    if not 0 <= min_radius < max_radius < 1:
        raise ValueError(
            f"{made}: radii must be 0 <= min_radius < max_radius < 1, got min_radius="
            f"{min_radius!r} and max_radius={max_radius!r}; at 1 nothing is ever forgotten"
        )
    require_positive(made, "max_phase", max_phase)
    return _Arguments(f"{made}({units})", units, width, min_radius, max_radius, max_phase)


def _init(args: _Arguments, kernel_init: Initializer) -> Callable[[jax.Array, Any], Params]:
    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(
                f"x of one step must have the shape [inputs], got {tuple(x.shape)}; a sequence is "
                "[time, inputs] and takes jb.cells.unroll(cell)"
            )
        dtype, inputs = float_like(x), x.shape[0]
        keys = jax.random.split(key, 7)
        low, high = args.min_radius**2, args.max_radius**2
        # 1 - uniform is in (0, 1]: neither logarithm meets a zero
        square = low + (high - low) * (1 - jax.random.uniform(keys[0], (args.units,), dtype))
        angle = args.max_phase * (1 - jax.random.uniform(keys[1], (args.units,), dtype))

        def matrix(key: jax.Array, rows: int, columns: int) -> jax.Array:
            return kernel_init(key, (rows, columns), dtype)

        half = math.sqrt(0.5)  # of a complex number's variance, half is the real part's
        return {
            "decay": jnp.log(-jnp.log(square) / 2),
            "phase": jnp.log(angle),
            "gain": jnp.log1p(-square) / 2,
            "kernel": half * jnp.concatenate([matrix(k, inputs, args.units) for k in keys[2:4]], 1),
            "readout": jnp.concatenate([matrix(k, args.units, args.features) for k in keys[4:6]])
            * half,
            "skip": matrix(keys[6], inputs, args.features),
        }

    return init
