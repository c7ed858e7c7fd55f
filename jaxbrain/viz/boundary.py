"""Decision boundaries and confusion matrices of classifiers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.style import (
    DIVERGING,
    FILL_COLORS,
    LINE_COLORS,
    MAGNITUDE,
    MARKERS,
    NEGATIVE,
    POSITIVE,
    as_floats,
    axes,
    color_bar,
    fitted,
    hosts,
    labels_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_POINTS = 2000
_UNDECIDED = 0.02  # an invisible difference in probability
_ROUNDING = 0.02  # of sums of probabilities in half precision


def _grid(points: np.ndarray, n: int, pad: float) -> tuple[np.ndarray, tuple[float, ...]]:
    """Points of an n x n grid `[n * n, 2]` around the data, and its (left, right, bottom, top)."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = pad * np.where(high > low, high - low, 1.0)
    (left, bottom), (right, top) = low - margin, high + margin
    across, up = np.meshgrid(np.linspace(left, right, n), np.linspace(bottom, top, n))
    extent = (float(left), float(right), float(bottom), float(top))
    return np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32), extent


def _ask(predict: Callable, grid: np.ndarray) -> np.ndarray:
    """Outputs of predict on the grid: `[points, classes]`, or `[points, 1]` if it is binary."""
    try:
        answer = jax.jit(predict)(grid)
    except jax.errors.JAXTypeError:
        # The classifier of another library computes in NumPy and cannot be traced.
        answer = predict(grid)
    answer = as_floats("predict(points)", hosts("predict(points)", [answer])[0])
    if answer.ndim not in (1, 2) or answer.shape[0] != len(grid):
        raise ValueError(
            f"predict must map points [{len(grid)}, 2] to outputs [{len(grid)}] or "
            f"[{len(grid)}, classes], got {list(answer.shape)}; for a network pass "
            "partial(jaxbrain.batch(net).apply, params)"
        )
    return answer.reshape(len(grid), -1)


def _checked(p: np.ndarray) -> np.ndarray:
    """Probabilities `[points, classes]`; one p becomes the classes 0 and 1."""
    if p.shape[1] == 1:
        p = np.concatenate([1 - p, p], axis=1)
    if not (p.min() > -_ROUNDING and np.abs(p.sum(axis=1) - 1).max() < _ROUNDING):
        raise ValueError(
            "probabilities must return p in 0..1 of class 1, or [points, classes] with rows that "
            f"sum to 1, got {p.min():.3g}..{p.max():.3g} and sums {p.sum(axis=1).min():.3g}.."
            f"{p.sum(axis=1).max():.3g}; leave it out if predict returns logits"
        )
    return p


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities `[points, classes]`; one logit becomes the classes 0 and 1."""
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    # Relative to the largest logit nothing overflows.
    weight = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


def _fill_two(ax: "Axes", p: np.ndarray, extent: Any) -> None:
    image = ax.imshow(
        p[..., 1],
        extent=extent,
        origin="lower",
        aspect="auto",
        cmap=DIVERGING,
        vmin=0.0,
        vmax=1.0,
        alpha=0.45,
        interpolation="bilinear",
    )
    color_bar(ax, image, "probability of class 1")


def _fill_many(ax: "Axes", p: np.ndarray, extent: Any) -> None:
    from matplotlib.colors import to_rgb

    classes = p.shape[-1]
    colors = np.array([to_rgb(FILL_COLORS[k % len(FILL_COLORS)]) for k in range(classes)])
    best = p.argmax(axis=-1)
    sure = 0.45 * (p.max(axis=-1, keepdims=True) - 1 / classes) / (1 - 1 / classes)
    ax.imshow(
        1 - sure * (1 - colors[best]),
        extent=extent,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )


def _lines(ax: "Axes", p: np.ndarray, extent: tuple[float, ...]) -> None:
    """Lines on which the most probable class changes."""
    left, right, bottom, top = extent
    n = p.shape[0]
    across, up = np.linspace(left, right, n), np.linspace(bottom, top, n)
    for k in range(1 if p.shape[-1] == 2 else 0, p.shape[-1]):
        lead = p[..., k] - np.delete(p, k, axis=-1).max(axis=-1)
        # Where a network cannot tell the classes apart, a line would only follow rounding errors.
        if lead.min() < 0 < lead.max() and np.ptp(lead) > _UNDECIDED:
            ax.contour(across, up, lead, levels=[0.0], colors="#222222", linewidths=1.4)


def _points(ax: "Axes", x: np.ndarray, y: np.ndarray | None, classes: int) -> None:
    if y is None:
        ax.scatter(x[:, 0], x[:, 1], s=22, c="#222222", edgecolors="white", linewidths=0.6)
        return
    if classes == 2:
        # Labels -1 and 1 serve as well as 0 and 1.
        y, colors = (y > 0).astype(int), (NEGATIVE, POSITIVE)
    else:
        colors = LINE_COLORS if classes <= len(LINE_COLORS) else FILL_COLORS
    for k in np.unique(y):
        here = x[y == k]
        ax.scatter(
            here[:, 0],
            here[:, 1],
            s=26,
            c=colors[k % len(colors)],
            marker=MARKERS[k % len(MARKERS)],
            edgecolors="white",
            linewidths=0.7,
            label=f"class {k}",
            zorder=3,
        )
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=min(len(np.unique(y)), 5),
        frameon=False,
        handletextpad=0.1,
        columnspacing=1.2,
    )


@checked
def decision_boundary(
    predict: Callable[[Any], Any],
    x: Any,
    y: Any = None,
    *,
    n: int = 150,
    pad: float = 0.15,
    probabilities: Callable[[Any], Any] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Decision boundary of a classifier of the plane: confidence as color, boundary as a line.

    Of more than 2,000 samples every n-th is drawn, and the title says so.

    Args:
      predict: from points `[m, 2]` to logits: `[m]` or `[m, 1]` of a binary classifier, or
        `[m, classes]`. It is compiled once, for the n x n points of the picture.
      x: the data `[samples, 2]`; a sample that is not finite is not drawn.
      y: labels `[samples]` or one-hot `[samples, classes]`; two classes may be 0 and 1 or -1 and 1.
        Each class has its own marker.
      n: points of the grid along each side.
      pad: margin around the data, as a fraction of its extent.
      probabilities: from the output of predict to probabilities, `[m]` or `[m, 1]` of class 1 or
        `[m, classes]`; for a network that ends in a sigmoid or softmax pass `lambda p: p`. None:
        sigmoid or softmax of logits.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
      >>> ax = viz.decision_boundary(lambda x: x[:, 0] - 0.5, corners, np.array([0, 0, 1, 1]))
      >>> [text.get_text() for text in ax.get_legend().get_texts()]
      ['class 0', 'class 1']
    """
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    points, *rest = hosts("x and y", [x] if y is None else [x, y])
    points = as_floats("x", points, ndim=(2,))
    if points.shape[1] != 2:
        raise ValueError(f"x must have shape [samples, 2], got {list(points.shape)}")
    labels = labels_of("y", rest[0]) if rest else None
    if labels is not None and len(labels) != len(points):
        raise ValueError(f"y must have {len(points)} labels, one per sample, got {len(labels)}")
    shown = np.isfinite(points).all(axis=1)
    if not shown.any():
        raise ValueError("x has no finite sample, so that there is no plane to draw")
    points, labels = points[shown], None if labels is None else labels[shown]
    grid, extent = _grid(points, n, pad)
    if probabilities is None:
        p = _softmax(_ask(predict, grid))
    else:
        p = _checked(_ask(lambda points: probabilities(predict(points)), grid))
    p = p.reshape(n, n, -1)
    classes = p.shape[-1]
    if labels is not None:
        _require_classes(labels, classes)
    ax = axes(ax, width=6.2, height=5.0)
    (_fill_two if classes == 2 else _fill_many)(ax, p, extent)
    _lines(ax, p, extent)
    stride = -(-len(points) // _MAX_POINTS)
    _points(ax, points[::stride], None if labels is None else labels[::stride], classes)
    ax.set_xlim(*extent[:2])
    ax.set_ylim(*extent[2:])
    ax.set_xlabel("$x_1$")
    ax.set_ylabel("$x_2$")
    if stride > 1:
        ax.set_title(f"{len(points[::stride]):,} of {len(points):,} samples")
    return ax


def _require_classes(labels: np.ndarray, classes: int) -> None:
    found = set(labels.tolist())
    if not (found <= set(range(classes)) or (classes == 2 and found <= {-1, 1})):
        other = " or be -1 and 1" if classes == 2 else ""
        raise ValueError(
            f"y must lie in 0..{classes - 1}{other}, got {min(found)}..{max(found)}; predict "
            f"returns {classes} classes"
        )


def _write_cells(ax: "Axes", table: np.ndarray, colors: np.ndarray, normalize: bool) -> None:
    bright = colors[..., :3] @ np.array([0.299, 0.587, 0.114])
    for (row, column), value in np.ndenumerate(table):
        text = f"{value:.2f}".lstrip("0") if normalize and value < 1 else f"{value:g}"
        ax.text(
            column,
            row,
            "0" if value == 0 else text,
            ha="center",
            va="center",
            fontsize=10 if len(table) <= 10 else 7,
            color="black" if bright[row, column] > 0.5 else "white",
        )


@checked
def confusion(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Sequence[str] | None = None,
    normalize: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Confusion matrix of a classifier, true classes in rows; the title gives the accuracy.

    Args:
      y_true: labels `[samples]` from 0, or one-hot `[samples, classes]`.
      y_pred: predicted labels `[samples]`, or logits `[samples, classes]`.
      labels: names of the classes.
      normalize: True makes each row (true class) sum to 1; False shows counts.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> ax = viz.confusion(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
      >>> ax.get_title()
      'accuracy 0.750 (3 of 4)'
    """
    fetched = hosts("y_true and y_pred", [y_true, y_pred])
    wide = [array.shape[1] for array in fetched if array.ndim == 2]
    true, guess = labels_of("y_true", fetched[0]), labels_of("y_pred", fetched[1])
    if len(true) != len(guess):
        raise ValueError(f"y_true has {len(true)} samples and y_pred {len(guess)}")
    if min(true.min(), guess.min()) < 0:
        raise ValueError("labels must not be negative; count the classes from 0")
    classes = max(true.max() + 1, guess.max() + 1, len(labels or ()), *wide, 0)
    if labels is not None and len(labels) < classes:
        raise ValueError(f"labels names {len(labels)} classes, the data have {classes}")
    table = np.zeros((classes, classes))
    np.add.at(table, (true, guess), 1.0)
    right = int(np.trace(table))
    if normalize:
        table /= np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    ax = fitted(ax, 1.0, sides=1.9, above=1.2)
    top = 1.0 if normalize else max(table.max(), 1.0)
    image = ax.imshow(table, cmap=MAGNITUDE, vmin=0.0, vmax=top)
    color_bar(ax, image, "fraction of the true class" if normalize else "samples")
    if classes <= 20:
        _write_cells(ax, table, image.to_rgba(table), normalize)
        names = [str(k) for k in range(classes)] if labels is None else [str(k) for k in labels]
        slant = max(map(len, names)) > 3
        ax.set_xticks(
            range(classes),
            names,
            rotation=45 if slant else 0,
            ha="right" if slant else "center",
            rotation_mode="anchor",
        )
        ax.set_yticks(range(classes), names)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    ax.set_title(f"accuracy {right / len(true):.3f} ({right:,} of {len(true):,})")
    return ax
