"""Weights, receptive fields and activations as images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count
from jaxbrain.viz.style import (
    as_floats,
    axes,
    color_bar,
    fitted,
    floats,
    hosts,
    integer_ticks,
    scale,
    symmetric,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_SAMPLES = 1000
_MAX_UNITS = 512
_SHARP = 400


@checked
def weights(w: Any, *, vmax: float | None = None, ax: "Axes | None" = None) -> "Axes":
    """Weight matrix as an image: orange negative, white zero, purple positive.

    Args:
      w: `[in, out]`, a dense kernel or a recurrent matrix.
      vmax: weight of the darkest color; default: the largest |w|.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.weights(np.array([[0.5, -2.0], [1.0, 0.0]]))
      >>> ax.images[0].get_clim()
      (-2.0, 2.0)
    """
    matrix = floats("w", w)
    if matrix.ndim != 2:
        raise ValueError(
            f"w must be a matrix [in, out], got shape {list(matrix.shape)}; "
            "draw convolution kernels with receptive_fields"
        )
    rows, across = matrix.shape
    square = 1 / 3 <= rows / across <= 3
    ax = fitted(ax, across / rows, sides=1.7, above=0.7) if square else axes(ax)
    cmap, norm = symmetric(matrix, vmax)
    # Few weights are blocks with sharp edges; of many the renderer shows a local mean.
    image = ax.imshow(
        matrix,
        cmap=cmap,
        norm=norm,
        aspect="equal" if square else "auto",
        interpolation="nearest" if max(rows, across) <= _SHARP else "auto",
    )
    color_bar(ax, image, "weight")
    ax.set_xlabel("to unit")
    ax.set_ylabel("from unit")
    integer_ticks(ax.xaxis)
    integer_ticks(ax.yaxis)
    return ax


def _fields(w: np.ndarray, shape: tuple[int, int] | None) -> np.ndarray:
    """`[units, height, width]` of a dense `[in, units]` or convolution `[h, w, in, out]` kernel."""
    if w.ndim == 4:
        if shape not in (None, w.shape[:2]):
            raise ValueError(f"shape {shape} is not that of the kernel, {w.shape[:2]}")
        return w.transpose(3, 2, 0, 1).reshape(-1, *w.shape[:2])
    if w.ndim != 2:
        raise ValueError(
            "w must be a dense kernel [in, units] or a convolution kernel "
            f"[height, width, in, out], got shape {list(w.shape)}"
        )
    if shape is None:
        side = round(w.shape[0] ** 0.5)
        shape = (side, side)
    if shape[0] * shape[1] != w.shape[0]:
        raise ValueError(
            f"w has {w.shape[0]} inputs, which is no image of {shape[0]} x {shape[1]}; "
            "give the image's size, as in shape=(height, width)"
        )
    return w.T.reshape(-1, *shape)


def _mosaic(fields: np.ndarray, ncols: int) -> np.ndarray:
    """One image of all fields, with a line of nan between them."""
    units, height, width = fields.shape
    nrows = -(-units // ncols)
    canvas = np.full((nrows * (height + 1) - 1, ncols * (width + 1) - 1), np.nan)
    for unit, field in enumerate(fields):
        top, left = unit // ncols * (height + 1), unit % ncols * (width + 1)
        canvas[top : top + height, left : left + width] = field
    return canvas


@checked
def receptive_fields(
    w: Any,
    shape: tuple[int, int] | None = None,
    *,
    ncols: int | None = None,
    limit: int = 64,
    ax: "Axes | None" = None,
) -> "Axes":
    """Receptive fields: the incoming weights of each unit as a small image, all in one Axes.

    Every image is divided by its own largest |weight|, so that weak units are visible too.

    Args:
      w: a dense kernel `[in, units]`, or a convolution kernel `[height, width, in, out]`, with one
        image for every pair of channels.
      shape: (height, width) of the input image; default: square.
      ncols: images in a row; default: about as many as there are rows.
      limit: number of units drawn, the first ones; the title gives the number of all.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.receptive_fields(np.ones((64, 100)), limit=16)
      >>> ax.get_title()
      '16 of 100 units'
    """
    require_count("receptive_fields", "limit", limit)
    if ncols is not None:
        require_count("receptive_fields", "ncols", ncols)
    fields = _fields(floats("w", w), shape)
    units, shown = len(fields), fields[:limit]
    top = np.nanmax(np.abs(shown), axis=(1, 2), keepdims=True)
    shown = shown / np.where(top > 0, top, 1.0)
    across = ncols or int(np.ceil(np.sqrt(len(shown) * shown.shape[1] / shown.shape[2])))
    canvas = _mosaic(shown, min(across, len(shown)))
    ax = fitted(ax, canvas.shape[1] / canvas.shape[0], sides=1.3, above=0.8)
    cmap, norm = symmetric(shown, 1.0)
    # Gray gaps: white is a weight of zero.
    image = ax.imshow(
        canvas,
        cmap=cmap.with_extremes(bad="#c4c4c4"),
        norm=norm,
        interpolation="nearest" if max(canvas.shape) <= _SHARP else "auto",
    )
    color_bar(ax, image, "weight / largest |weight| of its unit")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(f"{len(shown)} of {units} units" if len(shown) < units else f"{units} units")
    return ax


def _by_label(ax: "Axes", labels: np.ndarray) -> None:
    """Mark the runs of equal labels along the x axis."""
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    for start in first[1:]:
        ax.axvline(start - 0.5, color="white", linewidth=1.2)
    ax.set_xticks(first + counts / 2 - 0.5, [str(name) for name in names])
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel("samples by label")


@checked
def activations(acts: Any, *, labels: Any = None, ax: "Axes | None" = None) -> "Axes":
    """Activations of a layer as an image: one row per unit, one column per sample.

    The colors are cividis if no activation is negative, else PuOr about zero. Of more than 1,000
    samples or 512 units some are drawn, and the title says so.

    Args:
      acts: `[samples, units]`.
      labels: one label for each sample `[samples]`; sorts the samples and marks the groups.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.activations(np.ones((5, 3)), labels=np.array([0, 1, 0, 1, 1]))
      >>> ax.images[0].get_array().shape
      (3, 5)
    """
    given: Sequence[Any] = [acts] if labels is None else [acts, labels]
    values, *rest = hosts("acts", given)
    values = as_floats("acts", values, ndim=(2,))
    samples, units = values.shape
    if rest and rest[0].shape != (samples,):
        raise ValueError(f"labels must have shape [{samples}], got {list(rest[0].shape)}")
    chosen = np.unique(np.linspace(0, samples - 1, min(samples, _MAX_SAMPLES)).round().astype(int))
    if rest:
        chosen = chosen[np.argsort(rest[0][chosen], kind="stable")]
    shown = values[chosen, :_MAX_UNITS].T
    ax = axes(ax)
    cmap, norm = scale(shown)
    image = ax.imshow(shown, cmap=cmap, norm=norm, aspect="auto", interpolation="nearest")
    color_bar(ax, image, "activation")
    integer_ticks(ax.xaxis)
    integer_ticks(ax.yaxis)
    ax.set_ylabel("unit")
    ax.set_xlabel("sample")
    if rest:
        _by_label(ax, rest[0][chosen])
    notes = [
        f"{n:,} of {m:,} {what}"
        for n, m, what in ((len(chosen), samples, "samples"), (len(shown), units, "units"))
        if n < m
    ]
    ax.set_title("; ".join(notes))
    return ax
