"""Movement decoders: ridge regression and recurrent networks."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxbrain.analysis.decoding import Decoder, lagged, recording, require_lags, windows
from jaxbrain.analysis.values import scaled
from jaxbrain.cells.unrolling import last, unroll
from jaxbrain.core.arrays import on_device
from jaxbrain.core.composition import batch, serial
from jaxbrain.core.config import configured
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import is_traced, require_count, require_number
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.learning.backpropagation import backprop
from jaxbrain.learning.readout.reservoir import ridge
from jaxbrain.losses import mse
from jaxbrain.networks.layers import dense, dropout
from jaxbrain.training.loop import run

_BATCH = 32
_PENALTIES = tuple(float(p) for p in np.logspace(0, 6, 25))


class Linear(NamedTuple):
    """Parameters of `ridge_decoder`.

    Attributes:
      kernel: ``[lags * units, outputs]``, for standardized features.
      bias: ``[outputs]``.
      mean: ``[lags * units]``, of the features in training.
      scale: ``[lags * units]``, their standard deviation; 1 where it is 0.
      penalty: the one chosen.
      errors: ``[penalties]``, mean squared errors on the blocks left out.
    """

    kernel: jax.Array
    bias: jax.Array
    mean: jax.Array
    scale: jax.Array
    penalty: float
    errors: np.ndarray


@configured
def ridge_decoder(
    *,
    lags: Sequence[int] = (0, 1, 2),
    penalties: Sequence[float] = _PENALTIES,
    folds: int = 5,
) -> Decoder:
    """Ridge regression on the present and past bins.

    min_W,b  sum_t |z_t W + b - y_t|^2 + penalty |W|^2,  z the features of `lagged`, standardized

    Mean, standard deviation and penalty are those of the training data; the penalty has the least
    error in cross-validation over blocks of consecutive bins. Solved in float64, on the host.

    Args:
      lags: in bins; 0 is the present. A negative one looks into the future.
      penalties: to choose from.
      folds: number of blocks.

    Raises:
      ValueError: if lags, penalties or folds are empty or out of range; in fit, if there are fewer
        bins than two for each fold.
      TypeError: in fit, under a trace.

    Source: Hoerl and Kennard 1970, doi 10.1080/00401706.1970.10488634.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> activity = jax.random.normal(jax.random.key(0), (50, 3))
      >>> decoder = ridge_decoder(lags=(0, 1), penalties=(0.1, 1.0, 10.0))
      >>> params = decoder.fit(activity, jnp.roll(activity, 1, axis=0))
      >>> params.kernel.shape, params.penalty
      ((6, 3), 1.0)
    """
    lags, penalties = require_lags("ridge_decoder", lags), tuple(float(p) for p in penalties)
    if not penalties or not all(0 < p < np.inf for p in penalties):
        raise ValueError(f"ridge_decoder: penalties must be positive numbers, got {penalties}")
    require_count("ridge_decoder", "folds", folds)
    if folds < 2:
        raise ValueError("ridge_decoder: folds must be at least 2, one to fit and one to test")

    def fit(activity: Any, movement: Any, *, key: jax.Array | None = None) -> Linear:
        if is_traced((activity, movement, key)):
            raise TypeError(
                "ridge_decoder is fitted on the host in float64; call fit outside jit, vmap and "
                "grad, and with one key or none"
            )
        activity, movement = recording("ridge_decoder", activity, movement)
        if len(activity) < 2 * folds:
            raise ValueError(f"ridge_decoder: {len(activity)} bins are too few for {folds} folds")
        features = np.asarray(lagged(activity, lags), np.float64)
        movement = np.asarray(movement, np.float64)
        mean, scale = _moments(features)
        z = _standard(features, (mean, scale))
        errors = _blocked_errors(z, movement, penalties, folds)
        penalty = penalties[int(np.argmin(errors))]
        readout = ridge(z, movement, penalty=penalty)
        moments = jnp.asarray(mean), jnp.asarray(scale)
        return Linear(readout["kernel"], readout["bias"], *moments, penalty, errors)

    def predict(params: Linear, activity: Any) -> jax.Array:
        z = lagged(on_device("ridge_decoder", "activity", activity).astype(params.mean.dtype), lags)
        return _standard(z, (params.mean, params.scale)) @ params.kernel + params.bias[None]

    return Decoder(fit, predict)


@configured
def recurrent_decoder(
    cell: Cell,
    *,
    bins: int = 4,
    epochs: int = 60,
    dropout_rate: float = 0.5,
    held_back: float = 0.1,
    optimizer: optax.GradientTransformation | None = None,
) -> Decoder:
    """Recurrent network on the last bins: a cell and a dense readout, trained by back-propagation.

    y_t = readout(last(cell(z_{t-bins+1} .. z_t))),  z standardized activity

    Each bin is decoded from the window that ends with it, from a fresh carry. Recordings are short
    for a network, hence the strong dropout and weight decay. The last part of the training data is
    held back; the epoch with the least error on it is chosen.

    Args:
      cell: any Cell ``[units] -> [...]``.
      bins: in a window, the present one included.
      epochs: passes over the training windows, in batches of 32.
      dropout_rate: of the units, in training.
      held_back: the fraction of the training data that chooses the epoch; 0: the last epoch.
      optimizer: any optax transformation; None: AdamW(1e-2), weight decay 0.3, on a cosine.

    Returns:
      A Decoder that needs a key; its fit is a pure function of the key, to jit and to vmap.

    Raises:
      ValueError: if a number is out of range; in fit, without a key or with too few bins.

    Source: Glaser et al. 2020, doi 10.1523/ENEURO.0506-19.2020.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> activity = jax.random.normal(jax.random.key(0), (40, 3))
      >>> decoder = recurrent_decoder(jb.cells.gru(4), bins=2, epochs=2)
      >>> params = decoder.fit(activity, activity[:, :1], key=jax.random.key(1))
      >>> decoder.predict(params, activity).shape
      (40, 1)
    """
    require_count("recurrent_decoder", "bins", bins)
    require_count("recurrent_decoder", "epochs", epochs)
    require_number("recurrent_decoder", "held_back", held_back, at_least=0, below=1)
    require_number("recurrent_decoder", "dropout_rate", dropout_rate, at_least=0, below=1)
    name = f"recurrent_decoder({cell})"
    encoder = serial(dropout(dropout_rate), unroll(cell), last())
    choices = _Choices(encoder, bins, epochs, held_back, optimizer)

    def fit(activity: Any, movement: Any, *, key: jax.Array | None = None) -> Params:
        if key is None:
            raise ValueError(f"{name} needs a key: pass fit(..., key=jax.random.key(0))")
        x, y = (jnp.asarray(a) for a in recording("recurrent_decoder", activity, movement))
        if len(x) - round(held_back * len(x)) < 2:
            raise ValueError(
                f"{name}: held_back={held_back} of {len(x)} bins leaves too few to fit"
            )
        return _learned(choices, x, y, key)

    def predict(params: Params, activity: Any) -> jax.Array:
        return _predicted(choices, params, on_device("recurrent_decoder", "activity", activity))

    return Decoder(fit, predict)


class _Choices(NamedTuple):
    """The arguments of a `recurrent_decoder`, with the network before the readout."""

    encoder: Network
    bins: int
    epochs: int
    held_back: float
    optimizer: optax.GradientTransformation | None

    def network(self, outputs: int) -> Network:
        return serial(*self.encoder.layers, dense(outputs))

    def windows(self, x: jax.Array) -> jax.Array:
        return windows(x, tuple(range(self.bins - 1, -1, -1)))


@compiled_once("choices")
def _learned(choices: _Choices, x: jax.Array, y: jax.Array, key: jax.Array) -> Params:
    inputs, outputs = _moments(x), _moments(y)
    x, y = choices.windows(_standard(x, inputs)), _standard(y, outputs).astype(x.dtype)
    border = len(x) - round(choices.held_back * len(x))
    data, held = (x[:border], y[:border]), (x[border:], y[border:])
    cosine = optax.cosine_decay_schedule(1e-2, choices.epochs * -(-border // _BATCH))
    chosen = choices.optimizer or optax.adamw(cosine, weight_decay=0.3)
    weights = _trained(choices.network(y.shape[1]), chosen, data, held, choices.epochs, key)
    return {"network": weights, "activity": inputs, "movement": outputs}


@compiled_once("choices")
def _predicted(choices: _Choices, params: Params, activity: jax.Array) -> jax.Array:
    inputs, (mean, scale) = params["activity"], params["movement"]
    x = activity.astype(inputs[0].dtype)
    net = batch(choices.network(len(mean)))
    y = net.apply(params["network"], choices.windows(_standard(x, inputs)))
    return y.astype(mean.dtype) * scale[None] + mean[None]


def _trained(
    net: Network,
    optimizer: optax.GradientTransformation,
    data: tuple[jax.Array, jax.Array],
    held: tuple[jax.Array, jax.Array],
    epochs: int,
    key: jax.Array,
) -> Params:
    """The weights of the epoch with the least error on `held`; of the last one if that is empty."""
    options = {"key": key, "epochs": epochs, "batch_size": _BATCH}
    train = partial(run, backprop(net, mse), optimizer, data, **options)
    if not len(held[0]):
        return train()[0].params
    _, history = train(validation=held, metrics={"error": mse}, record=lambda state: state.params)
    best = jnp.argmin(history.metrics["error"])
    return jax.tree.map(lambda a: a[best], history.record)


def _moments(rows: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of columns; 1 for a column that does not vary."""
    if isinstance(rows, jax.Array):
        part, unit = scaled(rows, axis=0)
        scale = part.std(axis=0) * unit[0]
        return rows.mean(axis=0), jnp.where(scale > 0, scale, 1)
    scale = rows.std(axis=0)
    return rows.mean(axis=0), np.where(scale > 0, scale, 1.0)


def _standard(rows: Any, moments: tuple[Any, Any]) -> Any:
    return (rows - moments[0][None]) / moments[1][None]


def _blocked_errors(
    z: np.ndarray, y: np.ndarray, penalties: tuple[float, ...], folds: int
) -> np.ndarray:
    """Mean squared errors [penalties] of predictions for each block from all other blocks.

    One singular value decomposition for each block serves all penalties.
    """
    errors = []
    for block in np.array_split(np.arange(len(z)), folds):
        kept = np.delete(np.arange(len(z)), block)
        mean_z, mean_y = z[kept].mean(axis=0), y[kept].mean(axis=0)
        u, s, vt = np.linalg.svd(z[kept] - mean_z[None], full_matrices=False)
        scores, target = (z[block] - mean_z[None]) @ vt.T, u.T @ (y[kept] - mean_y[None])
        gains = [s / (s**2 + penalty) for penalty in penalties]
        misses = [scores @ (gain[:, None] * target) + mean_y[None] - y[block] for gain in gains]
        errors.append([np.mean(miss**2) for miss in misses])
    return np.mean(errors, axis=0)
