"""Parts that cells share: initial weights, the first carry, checks of the input."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer

from jaxbrain.core import closures
from jaxbrain.core.requirements import as_number, require_array
from jaxbrain.core.types import Params
from jaxbrain.networks.parts import as_real, float_like


def weights(
    units: int,
    gates: int,
    kernel_init: Initializer,
    recurrent_init: Initializer | None,
    bias_init: Initializer,
) -> Callable[[jax.Array, Any], Params]:
    """The ``init`` of a cell: kernel, recurrent weights and bias, the gates side by side.

    Each gate is initialized by itself, so that an orthogonal initializer makes each orthogonal.
    Without a recurrent_init there are no recurrent weights.
    """

    def init(key: jax.Array, x: Any) -> Params:
        inputs = require_step(x)
        dtype = float_like(x)
        # orthogonal matrices come from a QR decomposition, which half precision does not have
        wide = dtype if jnp.finfo(dtype).bits >= 32 else jnp.float32
        k, r, b = jax.random.split(key, 3)

        def side_by_side(init: Initializer, key: jax.Array, rows: int) -> jax.Array:
            blocks = _blocks(init, jax.random.split(key, gates), (rows, units), wide)
            return blocks.reshape(rows, gates * units).astype(dtype)

        recurrent = {}
        if recurrent_init is not None:
            recurrent = {"recurrent": side_by_side(recurrent_init, r, units)}
        kernel = side_by_side(kernel_init, k, inputs)
        return {"kernel": kernel, **recurrent, "bias": bias_init(b, (gates * units,), dtype)}

    return init


def _blocks(init: Initializer, keys: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """A matrix for each key, ``[rows, keys, columns]``; those of a JAX initializer at once."""
    if isinstance(init, FunctionType) and closures.library(init) == "jax":
        return jax.vmap(lambda key: init(key, shape, dtype), out_axes=1)(keys)
    return jnp.stack([init(key, shape, dtype) for key in keys], axis=1)


def zero_carry(units: int) -> Callable[[Params, Any], jax.Array]:
    """The ``carry`` of a cell that starts at zero, in the dtype of its kernel."""

    def carry(params: Params, x: Any) -> jax.Array:
        return jnp.zeros((units,), params["kernel"].dtype)

    return carry


def summed_input(name: str, params: Params, x: Any, z: jax.Array) -> jax.Array:
    """x W + z R + b: the input of a step and the recurrent input, of all gates side by side."""
    x = fit_input(name, params, x)
    return x @ params["kernel"] + z @ params["recurrent"] + params["bias"]


def retention(tau: Any, dt: Any, like: jax.Array) -> jax.Array:
    """The part of a state that is left after a step: exp(-dt / tau)."""
    return jnp.exp(-as_number(dt, like) / as_number(tau, like))


def leak(tau: Any, dt: Any, like: jax.Array) -> jax.Array:
    """The part of a state that is lost in a step of Euler's method: dt / tau."""
    return as_number(dt, like) / as_number(tau, like)


def require_step(x: Any) -> int:
    """The number of inputs; refuse anything but the input ``[inputs]`` of one step."""
    require_array("a cell", x)
    if len(x.shape) != 1:
        raise ValueError(
            f"x of one step must have the shape [inputs], got {tuple(x.shape)}; a sequence is "
            "[time, inputs] and takes jb.cells.unroll(cell)"
        )
    return x.shape[0]


def fit_input(name: str, params: Params, x: Any) -> jax.Array:
    """The input of a step in the dtype of the weights; refuse one of another shape."""
    require_array(name, x)
    _require_inputs(name, params, x.shape)
    return as_real(name, x, params["kernel"].dtype)


def fit_sequence(name: str, params: Params, xs: Any) -> jax.Array:
    """The inputs ``[time, inputs]`` of all steps, as `fit_input` takes those of one."""
    _require_inputs(name, params, xs.shape[1:])
    return as_real(name, xs, params["kernel"].dtype)


def _require_inputs(name: str, params: Params, shape: tuple[int, ...]) -> None:
    features = params["kernel"].shape[0]
    if shape != (features,):
        raise ValueError(
            f"{name} was made for {features} input features, got an input of shape {shape} at one "
            f"step; one sequence is [time, {features}], time first, and jb.batch takes a batch of "
            f"them [examples, time, {features}]"
        )
