"""Decoding of movement from neural activity, bin by bin.

    decoder = ridge_decoder(lags=(0, 1, 2))          # or recurrent_decoder(jb.cells.gru(32))
    found = decode(decoder, rates, velocity, held_out=0.2)
    found.r_squared                                   # of each output, on the last fifth

Bins stay in their order. The test data are a block of consecutive bins: neighboring bins are so
alike that a test on shuffled bins would be easy.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.analysis.values import as_floats, scaled
from jaxbrain.core.annotations import Key, Keys, OnHost
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import as_array
from jaxbrain.core.config import Config, static
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.types import Params


class FitDecoder(Protocol):
    """``(activity [time, units], movement [time, outputs], *, key=None) -> params``."""

    def __call__(self, activity: Any, movement: Any, /, *, key: Key | None = None) -> Params: ...


@static
class Decoder(NamedTuple):
    """Decoder of movement from activity.

    Attributes:
      fit: ``(activity [time, units], movement [time, outputs], *, key=None) -> params``.
      predict: ``(params, activity [time, units]) -> movement [time, outputs]``; the first bins,
        which have no past, use their first bin as their past.
      config: what it was made from; None for one made by hand.
    """

    fit: FitDecoder
    predict: Callable[[Params, Any], jax.Array]
    config: Config | None = None


class Decoded(NamedTuple):
    """Movement decoded from held-out activity; with several keys, seeds lead.

    Attributes:
      predicted: ``[time, outputs]``, of the held-out block.
      r_squared: ``[outputs]``.
      params: of the decoder.
    """

    predicted: jax.Array
    r_squared: jax.Array
    params: Params


@checked
def decode(
    decoder: Decoder,
    activity: OnHost,
    movement: OnHost,
    *,
    held_out: float = 0.2,
    key: Keys | None = None,
) -> Decoded:
    """Decoding of a recording: fit to its first part, test on the rest.

    The parts are separate: the first held-out bins are decoded without the activity before them.

    Args:
      decoder: of `ridge_decoder` or `recurrent_decoder`, or your own.
      activity: ``[time, units]``, consecutive bins.
      movement: ``[time, outputs]`` in the same bins: velocity, position, force.
      held_out: the fraction at the end that is used for the test only.
      key: for a decoder that draws; ``[seeds]`` keys fit as many decoders at once.

    Raises:
      ValueError: if lengths differ, a number is not finite, or held_out leaves too few bins.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> activity = jax.random.normal(jax.random.key(0), (100, 3))
      >>> movement = activity[:, :2] + activity[:, 2:]
      >>> found = decode(jb.analysis.ridge_decoder(), activity, movement)
      >>> [round(float(r2), 3) for r2 in found.r_squared]
      [1.0, 1.0]
    """
    x, y = recording("decode", activity, movement)
    if not 0 < held_out < 1:
        raise ValueError(f"decode: held_out must be between 0 and 1, got {held_out!r}")
    border = len(x) - round(held_out * len(x))
    if min(border, len(x) - border) < 2:
        raise ValueError(
            f"decode: held_out={held_out:g} of {len(x)} bins leaves {border} to fit and "
            f"{len(x) - border} to test; both parts need at least two"
        )
    if key is None or jnp.ndim(key) == 0:
        params = decoder.fit(x[:border], y[:border], key=key)
        predicted = decoder.predict(params, x[border:])
        return Decoded(predicted, r_squared(y[border:], predicted), params)
    return _of_seeds(decoder, (x[:border], y[:border]), (x[border:], y[border:]), key)


@compiled_once("decoder")
def _of_seeds(decoder: Decoder, known: Any, held_out: Any, keys: jax.Array) -> Decoded:
    params = jax.vmap(lambda k: decoder.fit(*known, key=k))(keys)
    predicted = jax.vmap(decoder.predict, in_axes=(0, None))(params, held_out[0])
    scores = jax.vmap(r_squared, in_axes=(None, 0))(held_out[1], predicted)
    return Decoded(predicted, scores, params)


@checked
def lagged(activity: OnHost, lags: Sequence[int]) -> Any:
    """Features of each bin: the activity at several lags, side by side.

    row t = [activity[t - lags[0]], activity[t - lags[1]], ...]

    Where a lag leads out of the recording, its first (last) bin is repeated. Split a recording
    before this, so that no row contains activity of the other part.

    Args:
      activity: ``[time, units]``, of NumPy or JAX.
      lags: in bins; 0 the present, 1 the bin before, -1 the bin after.

    Returns:
      ``[time, lags * units]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> lagged(jnp.array([[1.0], [2.0], [3.0]]), (0, 1)).tolist()
      [[1.0, 1.0], [2.0, 1.0], [3.0, 2.0]]
    """
    bins = windows(_table("lagged", "activity", activity), require_lags("lagged", lags))
    return bins.reshape(len(bins), -1)


@checked
def r_squared(movement: OnHost, predicted: OnHost) -> jax.Array:
    """Coefficient of determination: the fraction of the variance that a prediction explains.

    R2 = 1 - sum_t (y_t - p_t)^2 / sum_t (y_t - mean y)^2

    1 is perfect, 0 is as good as the mean; there is no lower limit.

    Args:
      movement: y ``[time, outputs]``.
      predicted: p, of the same shape.

    Returns:
      ``[outputs]``; nan where an output does not vary.

    Examples:
      >>> import jax.numpy as jnp
      >>> movement = jnp.array([[0.0], [1.0], [2.0]])
      >>> float(r_squared(movement, movement + 0.5)[0])
      0.625
    """
    y = _table("r_squared", "movement", movement)
    p = _table("r_squared", "predicted", predicted)
    if y.shape != p.shape:
        raise ValueError(
            "r_squared: movement and predicted must have one shape [time, outputs], got "
            f"{list(y.shape)} and {list(p.shape)}"
        )
    y, p = as_floats("r_squared", "movement", y), as_floats("r_squared", "predicted", p)
    varied, scale = scaled(y - y.mean(axis=0, keepdims=True), axis=0)
    total = jnp.sum(varied**2, axis=0)
    error = jnp.sum(((y - p.astype(y.dtype)) / scale) ** 2, axis=0)
    return jnp.where(total > 0, 1 - error / jnp.where(total > 0, total, 1), jnp.nan)


def windows(activity: Any, lags: tuple[int, ...]) -> Any:
    """The bins at the lags, ``[time, lags, units]``."""
    at = np.arange(len(activity))[:, None] - np.asarray(lags)[None]
    return activity[np.clip(at, 0, len(activity) - 1)]


def require_lags(function: str, lags: Sequence[int]) -> tuple[int, ...]:
    """The lags as a tuple of different integers, at least one."""
    lags = tuple(lags)
    whole = all(isinstance(lag, int | np.integer) and not isinstance(lag, bool) for lag in lags)
    if not lags or not whole or len(set(lags)) < len(lags):
        raise ValueError(
            f"{function}: lags must be different integers, such as (0, 1, 2), got {lags}"
        )
    return tuple(int(lag) for lag in lags)


def _table(function: str, argument: str, values: Any) -> Any:
    """An array [time, columns] of floats, of NumPy or JAX, with the float dtype that it has."""
    array = as_array(function, argument, values)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"{function}: {argument} must be [time, columns] and not empty, got {list(array.shape)}"
        )
    if isinstance(array, np.ndarray) and array.dtype.kind in "biuf":
        whole = array.dtype.kind in "biu"
        return array.astype(float if whole else np.promote_types(array.dtype, np.float32))
    return as_floats(function, argument, array)


def recording(function: str, activity: Any, movement: Any) -> tuple[Any, Any]:
    """Activity and movement of the same bins, all finite."""
    given = {"activity": activity, "movement": movement}
    pair = {name: _table(function, name, values) for name, values in given.items()}
    x, y = pair.values()
    if len(x) != len(y):
        raise ValueError(
            f"{function}: activity and movement must be of the same bins, got {len(x)} and {len(y)}"
        )
    for name, values in pair.items():
        if not isinstance(values, jax.core.Tracer) and not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(np.asarray(values)).all(axis=1))[0])
            raise ValueError(
                f"{function}: {name} must be finite, got nan or inf in bin {bad}; cut the "
                "recording there"
            )
    return x, y
