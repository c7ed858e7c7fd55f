"""Recalled patterns of a memory: patterns, cues and results as images."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import require_count
from jaxbrain.viz.style import as_floats, axes, bare, hosts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TILE = 0.95  # inches of the height of an image in a figure of its own
_APART, _BELOW = 0.12, 0.3  # gaps between and under images, in heights of an image
_WRONG = (213, 94, 0)  # vermillion, the second line color, as 0..255
_COLUMNS = 8


class _Column(NamedTuple):
    """One column of images."""

    name: str
    states: np.ndarray  # [recalls, units]


@checked
def recall(
    patterns: Any,
    cues: Any,
    states: Any,
    *,
    shape: tuple[int, int] | None = None,
    rows: Sequence[str] | None = None,
    limit: int = 8,
    ax: "Axes | None" = None,
) -> "Axes":
    """Recalls as rows of images: the pattern, its cue, the steps or memories, the result.

    White is the lowest value of the patterns, black the highest. A unit is orange if its value and
    that of the pattern lie on different sides of the middle; the middle itself, such as the 0 of an
    unknown bit, is gray. The number below an image is its overlap with the pattern: mean s x for
    patterns of +1 and -1, else the cosine.

    Args:
      patterns: `[recalls, units]`, `[recalls, height, width]`, or one pattern `[units]`.
      cues: states from which the recalls start, of the same shape.
      states: results of the shape of `patterns`; or with the steps as second axis, the last one the
        result, `[recalls, steps, units]`; or a mapping from names, such as those of memories, to
        results.
      shape: (height, width) of an image; default: square, or that of the patterns.
      rows: a name for each recall.
      limit: number of recalls drawn, the first ones; the title gives the number of all.

    Examples:
      >>> import numpy as np
      >>> import jaxbrain.viz as viz
      >>> pattern = np.array([[1.0, -1.0, 1.0, 1.0]])
      >>> ax = viz.recall(pattern, -pattern, {"Hebb": pattern, "Storkey": pattern})
      >>> [text.get_text() for text in ax.texts[:4]]
      ['pattern', 'cue', 'Hebb', 'Storkey']
    """
    require_count("recall", "limit", limit)
    names, given = _named(states)
    fetched = hosts("patterns, cues and states", [patterns, cues, *given])
    shape = _shape(np.asarray(fetched[0]), shape)
    target = _flat("patterns", fetched[0], shape)
    columns = [_Column("pattern", target), _Column("cue", _flat("cues", fetched[1], shape))]
    columns += _results(names, fetched[2:], target, shape)
    for name, values in columns:
        if values.shape != target.shape:
            raise ValueError(
                f"{name} must have the shape of the patterns, {list(target.shape)} (recalls, "
                f"units), got {list(values.shape)}"
            )
    if rows is not None and len(rows) != len(target):
        raise ValueError(f"rows names {len(rows)} recalls, the patterns are {len(target)}")
    return _draw(columns, shape, list(rows or [])[:limit], min(limit, len(target)), ax)


def _named(states: Any) -> tuple[list[str] | None, list[Any]]:
    if not isinstance(states, Mapping):
        return None, [states]
    if not states:
        raise ValueError("states is empty: expected results, or names with results")
    return [str(name) for name in states], list(states.values())


def _shape(patterns: np.ndarray, shape: tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) of an image."""
    if shape is None and patterns.ndim == 3:
        return patterns.shape[1], patterns.shape[2]
    units = int(np.prod(patterns.shape[1:])) if patterns.ndim > 1 else patterns.size
    if shape is None:
        shape = (round(units**0.5), round(units**0.5))
    if shape[0] * shape[1] != units:
        raise ValueError(
            f"patterns have {units} units, which is no image of {shape[0]} x {shape[1]}; "
            "give the image's size, as in shape=(height, width)"
        )
    return shape


def _flat(name: str, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`[recalls, units]` of one pattern or several, flat or as images."""
    values = as_floats(name, values, ndim=(1, 2, 3))
    if values.shape[-2:] == shape and values.shape[-1] != shape[0] * shape[1]:
        return values.reshape(-1, shape[0] * shape[1])
    return values.reshape(-1, values.shape[-1])


def _results(
    names: list[str] | None, given: list[np.ndarray], target: np.ndarray, shape: tuple[int, int]
) -> list[_Column]:
    """The columns after the cue."""
    if names is not None:
        return [
            _Column(name, _flat(f"states[{name!r}]", values, shape))
            for name, values in zip(names, given, strict=True)
        ]
    values = as_floats("states", given[0])
    recalls, units = target.shape
    if values.size == target.size:
        return [_Column("result", values.reshape(target.shape))]
    if values.size % target.size or values.shape[0] not in (recalls, values.size // units):
        raise ValueError(
            f"states must be results {list(target.shape)} or steps [{recalls}, steps, {units}], "
            f"got {list(values.shape)}"
        )
    steps = values.reshape(recalls, -1, units)
    count = steps.shape[1]
    # Evenly spaced steps, with the last one.
    chosen = np.unique(np.linspace(0, count - 1, min(count, _COLUMNS)).round().astype(int))
    return [
        _Column("result" if step == count - 1 else f"step {step + 1}", steps[:, step])
        for step in chosen
    ]


def overlaps(states: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """[recalls]: mean s x of patterns of +1 and -1, else the cosine; nan of a state of zeros."""
    products = (states * patterns).sum(axis=1)
    if (np.abs(patterns) == 1).all():
        return products / patterns.shape[1]
    size = np.linalg.norm(states, axis=1) * np.linalg.norm(patterns, axis=1)
    return np.divide(products, size, out=np.full(len(size), np.nan), where=size > 0)


def _colored(states: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """`[recalls, units, 3]` of 0..255: white to black, toward orange where a unit is wrong."""
    low, high = float(patterns.min()), float(patterns.max())
    high = high if high > low else low + 1.0
    ink = np.clip((np.nan_to_num(states, nan=low) - low) / (high - low), 0.0, 1.0)[..., None]
    colors = np.broadcast_to(255 * (1 - 0.92 * ink), (*ink.shape[:2], 3))
    middle = (low + high) / 2
    # The middle itself is unknown, not wrong.
    wrong = ((states - middle) * (patterns - middle) < 0)[..., None]
    orange = np.array(_WRONG) * (0.55 + 0.45 * ink) + 255 * 0.45 * (1 - ink)
    return np.where(wrong, orange, colors).astype(np.uint8)


def _draw(
    columns: list[_Column],
    shape: tuple[int, int],
    names: list[str],
    shown: int,
    ax: "Axes | None",
) -> "Axes":
    wide = shape[1] / shape[0]  # an image is 1 high
    width, height = wide + _APART, 1.0 + _BELOW
    across, down = len(columns) * width - _APART, shown * height
    heads = [textwrap.fill(column.name, max(10, round(11 * wide))) for column in columns]
    head = 0.1 + 0.2 * (1 + max(text.count("\n") for text in heads))
    margin = 0.35 + 0.11 * max(map(len, names), default=0)  # of the names, in inches
    ax = axes(ax, width=_TILE * across + margin, height=_TILE * (down + head) + 0.25)
    target = columns[0].states
    size = _font(ax, across, down + head)
    for i, text in enumerate(heads):
        _write(ax, i * width + wide / 2, -0.07, text, va="bottom", size=1.1 * size)
    for i, (_, states) in enumerate(columns):
        left = i * width
        likeness = overlaps(states, target)
        pixels = _colored(states, target).reshape(-1, *shape, 3)
        for row in range(shown):
            top = row * height
            place = (left, left + wide, top + 1.0, top)
            ax.imshow(pixels[row], extent=place, interpolation="nearest")
            ax.plot(*_frame(place), color="#888888", linewidth=0.6, solid_joinstyle="miter")
            if i:
                text = f"{likeness[row]:.2f}".replace("-", "\N{MINUS SIGN}")
                _write(ax, left + wide / 2, top + 1.04, text, va="top", size=size)
    ax.set_xlim(-0.02, across + 0.02)
    ax.set_ylim(down, -head)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([row * height + 0.5 for row in range(len(names))], names)
    ax.tick_params(length=0, labelsize=1.1 * size)
    bare(ax, keep=())
    if shown < len(target):
        ax.set_title(f"{shown} of {len(target)} recalls", fontsize=10)
    _write(ax, wide / 2, 1.04, "overlap:", va="top", size=size)
    return ax


def _frame(place: tuple[float, ...]) -> tuple[list[float], list[float]]:
    left, right, bottom, top = place
    return [left, right, right, left, left], [top, top, bottom, bottom, top]


def _write(ax: "Axes", x: float, y: float, text: str, *, va: str, size: float) -> None:
    ax.text(x, y, text, ha="center", va=va, fontsize=size, color="#222222")


def _font(ax: "Axes", across: float, down: float) -> float:
    """Font size in points that fits into the gap under an image."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    width, height = box.width / dpi, box.height / dpi
    return float(np.clip(72 * 0.19 * min(width / across, height / down), 4.0, 10.0))
