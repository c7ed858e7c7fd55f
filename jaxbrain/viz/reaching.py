"""Dashboard of a motor system that reaches."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from jaxbrain.analysis import Rotations, movement_window, tuning
from jaxbrain.core.arguments import checked
from jaxbrain.motor import Hand, Layers
from jaxbrain.viz.cortex import connectivity, laminar_activity
from jaxbrain.viz.movement import hand_paths, velocity_profiles
from jaxbrain.viz.rotation_planes import rotations, surrogate_histogram
from jaxbrain.viz.style import floats, hosts, pyplot
from jaxbrain.viz.tuning import preferred_directions, tuning_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOVEMENT = 0.4  # s from the go cue on, over which rates are averaged
_SHOWN = 1.0  # s of speeds from the go cue on


@checked
def motor_dashboard(
    hand: Hand,
    targets: Any,
    rates: Any,
    layers: Layers,
    weights: Any,
    turns: Rotations,
    *,
    go: int,
    dt: float = 0.01,
    spare: int = 0,
) -> "Figure":
    """Dashboard of a motor system: movements, tuning, laminar activity, rotations and weights.

    Panels: hand paths; speeds with minimum jerk; tuning of the output layer over 0.4 s from the go
    cue, and its preferred directions; laminar activity in the reach that goes most to the left,
    each unit relative to its largest rate; the first plane of jPCA and its surrogates; the weights.

    Args:
      hand: of reaches from one place, positions and velocities ``[reaches, time, 2]``.
      targets: in m ``[reaches, 2]``.
      rates: of all units ``[reaches, time, units]``.
      layers: of these units, from `jaxbrain.motor.cortical_layers`.
      weights: signed, between the units ``[from, to]``.
      turns: rotational dynamics, from `jaxbrain.analysis.jpca` of some of the rates.
      go: step of the go cue.
      dt: time of a step, in s.
      spare: number of empty panels in the last row, up to 3; they are the last of ``figure.axes``.
    """
    if spare not in range(4):
        raise ValueError(f"spare must be from 0 to 3, got {spare}")
    plt = pyplot()
    parts = hosts("hand, targets, rates or weights", [*hand, targets, rates, weights])
    position, velocity, rates = (floats(n, parts[i], ndim=(3,)) for n, i in
                                 (("position", 0), ("velocity", 1), ("rates", 3)))  # fmt: skip
    goals = floats("targets", parts[2], ndim=(2,))
    if not 0 <= go < position.shape[1] or rates.shape[:2] != position.shape[:2]:
        raise ValueError(
            "rates must be of the reaches and steps of the hand, and go one of these steps, got "
            f"{rates.shape[:2]}, {position.shape[:2]} and {go}"
        )
    ways = goals - position[:, 0]
    angles = np.arctan2(ways[:, 1], ways[:, 0])
    last = ["weights", *(f"spare {i}" for i in range(spare)), *["."] * (3 - spare)]
    rows: Any = [["paths", "speeds", "tuning", "preferred"], [*["layers"] * 2, "plane", "chance"]]
    apart = {"wspace": 0.07, "hspace": 0.1}
    size = {"figsize": (21.0, 14.5), "layout": "constrained", "gridspec_kw": apart}
    figure, ax = plt.subplot_mosaic([*rows, last], **size)
    hand_paths(position[:, go:], targets=goals, ax=ax["paths"])
    _speeds(velocity, go, np.hypot(*ways.T).mean(), angles, dt, ax["speeds"])
    moved = rates[:, go : go + round(_MOVEMENT / dt), layers.slices[layers.output]].mean(axis=1)
    found = tuning(angles, moved)
    tuning_curves(angles, moved, ax=ax["tuning"])
    preferred_directions(found.preferred, found.amplitude, ax=ax["preferred"])
    laminar_activity(_relative(rates)[np.argmin(ways[:, 0])], layers.slices, dt=dt,
                     events={"go": go * dt}, unit="of its largest", ax=ax["layers"])  # fmt: skip
    turned = {"frequency": turns.frequencies[0], "r2": turns.fits.r2_skew}
    rotations(turns.projections[0], directions=angles, **turned, ax=ax["plane"])
    surrogate_histogram(
        turns.fits.r2_skew, turns.null.r2_skew, name="R² of a rotation", ax=ax["chance"]
    )
    connectivity(parts[4], layers.slices, vmax=_strong(parts[4]), ax=ax["weights"])
    ax["paths"].set_title(f"{len(goals)} reaches", size=10)
    ax["weights"].set_title("weights between the units", size=10)
    return figure


def _relative(rates: np.ndarray) -> np.ndarray:
    """Rates relative to the largest rate of each unit, so that every unit is visible."""
    largest = rates.max(axis=(0, 1))
    return rates / np.where(largest > 0, largest, 1)


def _strong(weights: Any) -> float | None:
    """The 95 % quantile of |w|: a color scale up to the largest would hide most weights."""
    sizes = np.abs(weights)
    return float(f"{np.quantile(sizes[sizes > 0], 0.95):.1g}") if sizes.any() else None


def _speeds(
    velocity: np.ndarray, go: int, distance: float, angles: Any, dt: float, ax: "Axes"
) -> None:
    """Speeds from the go cue, with minimum jerk of the duration of their mean."""
    speeds = np.linalg.norm(velocity, axis=-1)
    level = 0.05
    mean = jnp.asarray(speeds.mean(axis=0))
    onset, offset = (float(t) for t in movement_window(mean, threshold=level))
    edge = (1 - np.sqrt(1 - np.sqrt(level))) / 2  # where minimum jerk crosses that level
    part = (np.arange(speeds.shape[1]) - onset) / max(offset - onset, 1.0)
    s = np.clip(edge + part * (1 - 2 * edge), 0, 1)
    duration = dt * (offset - onset) / (1 - 2 * edge)
    ideal = 30 * distance / max(duration, dt) * s**2 * (1 - s) ** 2
    shown = slice(go, go + round(_SHOWN / dt))
    velocity_profiles(
        speeds[:, shown], dt=dt, directions=angles, reference={"minimum jerk": ideal[shown]}, ax=ax
    )
    ax.set_xlabel("time from the go cue (s)")
