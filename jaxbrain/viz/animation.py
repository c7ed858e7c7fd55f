"""Animation of a reaching arm."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.viz.directions import colors_of
from jaxbrain.viz.style import floats, hosts, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CM = 100.0  # of a meter
_ARM, _DPI, _SIDE = "#5b6470", 75, 4.2
_PALE = "#c9ced6"


class _Reach(NamedTuple):
    """One reach as drawn, in cm."""

    elbow: np.ndarray  # [time, 2]
    hand: np.ndarray  # [time, 2]
    target: np.ndarray | None  # [2]
    color: Any


class _Panel(NamedTuple):
    """Moving artists of one Axes."""

    arm: Any
    trail: Any
    before: Any
    target: Any
    clock: Any


@checked
def arm_animation(
    angles: Any,
    path: str | Path,
    *,
    lengths: tuple[float, float] = (0.309, 0.333),
    targets: Any = None,
    dt: float = 0.01,
    columns: int = 1,
    speed: float = 0.5,
) -> Path:
    """Animation of a two-link arm that reaches, as a GIF: arm, targets and trail of the hand.

    elbow = l1 (cos q1, sin q1),  hand = elbow + l2 (cos(q1 + q2), sin(q1 + q2))

    Args:
      angles: q of shoulder and elbow in radians, `[time, 2]` or `[reaches, time, 2]`.
      path: of the file, which ends in .gif; an older file is replaced.
      lengths: l1 of the upper arm and l2 of the forearm, in m.
      targets: of the hand in m, `[2]` or `[reaches, 2]`.
      dt: time of a step, in s.
      columns: number of panels side by side; each shows its share of the reaches, one after
        another.
      speed: of the animation relative to real time.

    Returns:
      The path of the file.

    Examples:
      >>> import tempfile, numpy as np
      >>> import jaxbrain.viz as viz
      >>> q = np.linspace([0.6, 1.6], [0.9, 1.3], 20)
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     file = viz.arm_animation(q, folder + "/reach.gif", targets=[0.0, 0.5])
      ...     file.name, file.read_bytes()[:6]
      ('reach.gif', b'GIF89a')
    """
    for name, value in (("dt", dt), ("speed", speed), *(("lengths", one) for one in lengths)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    path = Path(path)
    if path.suffix.lower() != ".gif" or not path.parent.is_dir():
        raise ValueError(f"path must be a .gif in a folder that exists, got {path}")
    parts = hosts("angles", [angles] if targets is None else [angles, targets])
    moves = floats("angles", parts[0], ndim=(2, 3))
    moves = moves.reshape(-1, *moves.shape[-2:])
    goals = None if targets is None else np.atleast_2d(floats("targets", parts[1], ndim=(1, 2)))
    if moves.shape[-1] != 2 or not np.isfinite(moves).all():
        raise ValueError(
            f"angles must be [reaches, time, 2], of shoulder and elbow, and finite, got shape "
            f"{list(moves.shape)}"
        )
    if goals is not None and goals.shape != (len(moves), 2):
        raise ValueError(
            f"targets must be [{len(moves)}, 2], one for each reach, got {list(goals.shape)}"
        )
    if not 1 <= columns <= len(moves):
        raise ValueError(f"columns must be from 1 to the {len(moves)} reaches, got {columns}")
    fps = 20  # a GIF counts hundredths of a second, and many viewers slow down above 20
    pyplot()
    _write(path, _reaches(moves, lengths, goals), columns, dt, speed, fps)
    return path


def _reaches(
    moves: np.ndarray, lengths: tuple[float, float], goals: np.ndarray | None
) -> list[_Reach]:
    """Elbow and hand of each reach, with its target and color."""
    first, both = moves[..., 0], moves.sum(axis=-1)
    elbow = _CM * lengths[0] * np.stack([np.cos(first), np.sin(first)], axis=-1)
    hand = elbow + _CM * lengths[1] * np.stack([np.cos(both), np.sin(both)], axis=-1)
    ends = hand[:, -1] if goals is None else _CM * goals
    way = ends - hand[:, 0]
    colors = colors_of(np.arctan2(way[:, 1], way[:, 0]))
    places = [None] * len(moves) if goals is None else list(_CM * goals)
    return [_Reach(*one) for one in zip(elbow, hand, places, colors, strict=True)]


def _write(
    path: Path, reaches: list[_Reach], columns: int, dt: float, speed: float, fps: int
) -> None:
    """Draw and write frame after frame."""
    from matplotlib.animation import PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not through pyplot: no window opens and no figure stays behind.
    figure = Figure(figsize=(_SIDE * columns**0.8, _SIDE), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = _panels(figure, reaches, columns)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    steps = len(reaches[0].hand)
    stride = speed / (fps * dt)
    shown = np.minimum(np.arange(0, steps - 1 + stride, stride).round().astype(int), steps - 1)
    shown = np.concatenate([shown, np.full(fps // 3, steps - 1)])  # a rest at the end
    writer = PillowWriter(fps=fps)
    with writer.saving(figure, str(path), _DPI):
        for round_ in range(-(-len(reaches) // columns)):
            for step in shown:
                for column, panel in enumerate(panels):
                    mine = reaches[column::columns][: round_ + 1]
                    _show(panel, mine, step if len(mine) > round_ else steps - 1, dt)
                writer.grab_frame()


def _panels(figure: "Figure", reaches: list[_Reach], columns: int) -> list[_Panel]:
    """One Axes for each column, all of the same scale."""
    every = np.concatenate([np.zeros((1, 2)), *(np.concatenate(one[:2]) for one in reaches)])
    goals = [one.target[None] for one in reaches if one.target is not None]
    every = np.concatenate([every, *goals])
    low, high = every.min(axis=0) - 4, every.max(axis=0) + 4
    axes = np.atleast_1d(figure.subplots(1, columns, sharex=True, sharey=True))
    for ax in axes:
        ax.set_aspect("equal")
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(low[1], high[1])
        ax.set_xlabel("x (cm)")
        ax.label_outer()
    axes[0].set_ylabel("y (cm)")
    return [_panel(ax, reaches[column::columns]) for column, ax in enumerate(axes)]


def _panel(ax: "Axes", reaches: list[_Reach]) -> _Panel:
    """The still parts of a panel, and the artists that move."""
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Circle

    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for place in [one.target for one in reaches if one.target is not None]:
        ax.add_patch(Circle(tuple(place), 1.2, facecolor="none", edgecolor=_PALE, linewidth=1.2))
    ax.plot(0, 0, "o", color=_ARM, markersize=13, zorder=3)
    (arm,) = ax.plot([], [], "-o", color=_ARM, linewidth=7, markersize=7, markerfacecolor="white",
                     markeredgewidth=1.5, solid_capstyle="round", alpha=0.9, zorder=4)  # fmt: skip
    (trail,) = ax.plot([], [], linewidth=2.2, zorder=5)
    target = ax.add_patch(Circle((0, 0), 1.2, visible=False, linewidth=2.0, zorder=2))
    clock = ax.text(0.02, 0.98, "", transform=ax.transAxes, va="top", fontsize=9)
    before = ax.add_collection(LineCollection([], linewidths=1.2, alpha=0.45, zorder=2.5))
    return _Panel(arm, trail, before, target, clock)


def _show(panel: _Panel, reaches: list[_Reach], step: int, dt: float) -> None:
    """One step of the last of the reaches, over the trails of the reaches before it."""
    *before, reach = reaches
    panel.before.set_segments([one.hand for one in before])
    panel.before.set_color([one.color for one in before])
    panel.arm.set_data(*np.stack([np.zeros(2), reach.elbow[step], reach.hand[step]]).T)
    panel.trail.set_data(*reach.hand[: step + 1].T)
    panel.trail.set_color(reach.color)
    if reach.target is not None:
        panel.target.set(center=tuple(reach.target), visible=True, edgecolor=reach.color,
                         facecolor=(*reach.color, 0.2))  # fmt: skip
    panel.clock.set_text(f"{dt * step:.2f} s")
