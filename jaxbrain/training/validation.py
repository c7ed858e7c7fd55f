"""Validation of a training: shapes and finite data before it, finite losses after it.

Nothing here runs inside the compiled loop, except one look at the parameters after each chunk.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.composition import example
from jaxbrain.core.types import Network, Params
from jaxbrain.training.metrics import require_pairs


class NonFiniteError(FloatingPointError):
    """Error: the loss or a parameter became infinite or nan.

    Attributes:
      step: the first step whose loss is not finite.
      state: the TrainState before the chunk in which it happened: all finite.
      history: up to that state.
    """

    def __init__(self, message: str, step: int, state: Any, history: Any):
        super().__init__(message)
        self.step: int = step
        self.state: Any = state
        self.history: Any = history


def check_data(name: str, data: Any) -> tuple[Any, Any]:
    """The pair (x, y) in the dtypes that the device will hold, if all of it is finite.

    Raises:
      TypeError: if data is no pair of arrays of numbers.
      ValueError: if x and y differ in length, are empty, or hold what the device cannot.
    """
    require_pairs(name, data)
    x, y = data
    return (
        jax.tree.map(lambda a: _check_array(f"x of {name}", a), x),
        jax.tree.map(lambda a: _check_array(f"y of {name}", a), y),
    )


def check_labels(name: str, net: Network, params: Params, data: tuple[Any, Any]) -> None:
    """Check that labels are in range; labels are integers with one axis less than the output.

    Raises:
      ValueError: naming the first label out of range and where it is.
    """
    x, y = data
    if not isinstance(y, jax.Array) or not jnp.issubdtype(y.dtype, jnp.integer):
        return
    output = jax.eval_shape(_predict, net, params, example(x))
    if not isinstance(output, jax.ShapeDtypeStruct) or not output.shape:
        return
    classes = output.shape[-1]
    if y.shape[1:] != output.shape[:-1] or classes == 1:  # one output has no classes
        return
    labels = np.asarray(y)
    bad = np.argwhere((labels < 0) | (labels >= classes))
    if len(bad):
        index = tuple(map(int, bad[0]))
        raise ValueError(
            f"y of {name}: labels must be in 0..{classes - 1} for a network with {classes} "
            f"outputs, but at index {list(index)} it is {labels[index]} ({len(bad)} such labels); "
            "if they are not labels, give them as floats"
        )


@jax.jit  # for its cache: the second fit of a network traces nothing
def _predict(net: Network, params: Params, x: Any) -> Any:
    return net.apply(params, x)


def check_finite(info: Any, state: Any, piece: Any, params_finite: bool) -> None:
    """Stop a training whose chunk produced a number that is not finite.

    Args:
      info: the ChunkInfo before the chunk.
      state: the TrainState after it.
      piece: the History of the chunk.
      params_finite: whether all parameters after it are finite.

    Raises:
      NonFiniteError: naming the step, and the parameter where there is one.
    """
    losses = np.ravel(piece.step_loss)
    bad = np.flatnonzero(~np.isfinite(losses))
    if params_finite and not bad.size:
        return
    first = int(info.state.step) + (int(bad[0]) if bad.size else losses.size - 1)
    value = f"the loss is {losses[bad[0]]}" if bad.size else "a parameter is not finite"
    leaves = jax.tree_util.tree_leaves_with_path(state.params)
    names = [f"params{jax.tree_util.keystr(path)}" for path, leaf in leaves if not all_finite(leaf)]
    where = f"; not finite by now: {', '.join(names[:3])}" if names else ""
    raise NonFiniteError(
        f"at step {first} (epoch {info.epoch + first_epoch(bad, piece)}) {value}{where}. "
        f"The state of epoch {info.epoch} is kept in this error's `state`. Try a smaller learning "
        "rate, or look for a target out of the loss's range",
        first,
        info.state,
        info.history,
    )


def warn_of_metrics(info: Any, piece: Any) -> None:
    """Warn once when a metric is nan: the fault is in the validation data, not in the training."""
    for name, values in piece.metrics.items():
        lost = np.flatnonzero(np.isnan(values).reshape(len(values), -1).any(axis=1))
        if lost.size and not np.any(np.isnan(info.history.metrics.get(name, 0.0))):
            warnings.warn(
                f"the metric {name!r} is nan on its data after epoch "
                f"{info.epoch + int(lost[0]) + 1}; look for a target out of its range, "
                "or for a class without examples",
                UserWarning,
                stacklevel=2,
            )


def first_epoch(bad: np.ndarray, piece: Any) -> int:
    """The epoch within the chunk that holds the first bad step, or the last epoch."""
    return int(bad[0]) // piece.step_loss.shape[1] if bad.size else len(piece.loss) - 1


def all_finite(tree: Any) -> jax.Array:
    """True if every floating number of a pytree is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in leaves], bool))


def _check_array(name: str, values: Any) -> Any:
    values = values if isinstance(values, jax.Array) else _canonical(name, values)
    if not jnp.issubdtype(values.dtype, jnp.inexact):
        return values
    if isinstance(values, jax.Array) and not values.is_fully_addressable:
        if not bool(jnp.all(jnp.isfinite(values))):
            raise ValueError(f"{name} holds nan or infinity")
        return values
    host = np.asarray(values)
    with np.errstate(over="ignore", invalid="ignore"):
        doubtful = not np.isfinite(np.sum(host))
    if doubtful:  # one fast pass over the data; this slower one only where it found something
        bad = np.argwhere(~np.isfinite(host))
        if len(bad):
            index = tuple(map(int, bad[0]))
            raise ValueError(
                f"{name} must be finite, but at index {list(index)} it is {host[index]} "
                f"({len(bad)} such values); remove or fill them first"
            )
    return values


def _canonical(name: str, values: Any) -> np.ndarray:
    """A NumPy array in the dtype that jax will give it; refuse values that do not fit."""
    host = np.asarray(values)
    if not jnp.issubdtype(host.dtype, jnp.number) and host.dtype != bool:
        raise TypeError(f"{name} must be an array of numbers, got dtype {host.dtype}")
    dtype = jax.dtypes.canonicalize_dtype(host.dtype)
    if host.dtype == dtype:
        return host
    with np.errstate(over="ignore"):
        cast = host.astype(dtype)
    if host.dtype.kind in "iu" and not np.array_equal(cast, host):
        raise ValueError(
            f"{name} is {host.dtype} and does not fit into {dtype}; rescale it, or set "
            "jax.config.update('jax_enable_x64', True)"
        )
    lost = np.isfinite(host) & ~np.isfinite(cast) if host.dtype.kind in "fc" else np.zeros(0)
    if lost.any():
        index = tuple(map(int, np.argwhere(lost)[0]))
        raise ValueError(
            f"{name} is {host.dtype} and does not fit into {dtype}: at index {list(index)} it is "
            f"{host[index]}; rescale it, or set jax.config.update('jax_enable_x64', True)"
        )
    return cast
