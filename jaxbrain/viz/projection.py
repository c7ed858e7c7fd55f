"""Projection of states onto two or three axes."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxbrain.viz.style import axes, bare, floats, hosts, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Projection(NamedTuple):
    """Affine projection of states: state @ matrix + offset."""

    matrix: np.ndarray  # [units, dims]
    offset: np.ndarray  # [dims]
    names: tuple[str, ...]  # of the axes

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """[..., dims] of states [..., units]."""
        return states @ self.matrix + self.offset


def project_onto(
    onto: Any, states: np.ndarray, *, ax: "Axes | None", dims: int | None
) -> Projection:
    """The projection asked for, or onto the principal components of states `[n, units]`.

    Raises:
      ValueError: if the dimensions are neither 2 nor 3, or do not fit ax, onto and units.
    """
    matrix, offset = (None, None) if onto is None else _readout(onto, states.shape[1])
    asked = {"dims": dims, "onto": None if matrix is None else matrix.shape[1]}
    asked = {name: value for name, value in asked.items() if value is not None}
    wanted = next(iter(asked.values()), 3 if is_solid(ax) else 2)
    if wanted not in (2, 3) or any(value != wanted for value in asked.values()):
        raise ValueError(f"2 or 3 dimensions can be drawn, got {_told(asked)}")
    if ax is not None and wanted != (3 if is_solid(ax) else 2):
        way_out = (
            'make it with plt.subplots(subplot_kw={"projection": "3d"})'
            if wanted == 3
            else "pass a plain Axes, or onto and dims of 3"
        )
        raise ValueError(f"ax does not have the {wanted} dimensions of {_told(asked)}; {way_out}")
    if matrix is not None and offset is not None:
        return Projection(matrix, offset, tuple(f"$y_{i + 1}$" for i in range(wanted)))
    if states.shape[1] < wanted:
        raise ValueError(
            f"states of {states.shape[1]} units cannot be drawn in {wanted} dimensions; see "
            "viz.curves for lines over time"
        )
    return _principal(states, wanted)


def _told(asked: dict[str, int]) -> str:
    return ", ".join(f"{name} of {value}" for name, value in asked.items()) or "the picture"


def _readout(onto: Any, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and offset, from a matrix or from a pair of both."""
    pair = isinstance(onto, tuple | list) and len(onto) == 2 and np.ndim(onto[0]) == 2
    parts = list(onto) if pair else [onto]
    matrix = floats("onto", parts[0], ndim=(2,))
    offset = floats("onto[1]", parts[1], ndim=(1,)) if pair else np.zeros(matrix.shape[1])
    if matrix.shape[0] != units or len(offset) != matrix.shape[1]:
        raise ValueError(
            f"onto must be a matrix [{units}, dims], of a readout its kernel, or (matrix, offset "
            f"[dims]), got shapes {[list(np.shape(part)) for part in parts]}"
        )
    return matrix, offset


def _principal(states: np.ndarray, dims: int) -> Projection:
    """The principal components, with the fraction of the variance in their names."""
    units = states.shape[1]
    if units == dims:
        return Projection(
            np.eye(units), np.zeros(units), tuple(f"$h_{i + 1}$" for i in range(units))
        )
    middle = states.mean(axis=0)
    _, singular, directions = np.linalg.svd(states - middle, full_matrices=False)
    directions = np.concatenate([directions, np.zeros((max(dims - len(directions), 0), units))])
    matrix = directions[:dims].T
    # The sign of a component is free: its largest part is made positive.
    matrix = matrix * np.where(matrix[np.abs(matrix).argmax(axis=0), np.arange(dims)] < 0, -1, 1)
    share = np.zeros(dims)
    share[: len(singular)] = (singular**2 / max((singular**2).sum(), 1e-300))[:dims]
    names = tuple(f"PC {i + 1} ({100 * part:.0f} %)" for i, part in enumerate(share))
    return Projection(matrix, -middle @ matrix, names)


def is_solid(ax: Any) -> bool:
    """True if an Axes has three dimensions."""
    return hasattr(ax, "zaxis")


def state_axes(ax: "Axes | None", projection: Projection) -> "Axes":
    """`ax`, or new Axes of as many dimensions, labeled with the names of the projection."""
    solid = len(projection.names) == 3
    if ax is None and solid:
        ax = pyplot().figure(figsize=(6.8, 6.0), layout="constrained").add_subplot(projection="3d")
    ax = axes(ax)
    ax.set_xlabel(projection.names[0])
    ax.set_ylabel(projection.names[1])
    if not solid:
        bare(ax)
        return ax
    ax.set_zlabel(projection.names[2])  # pyright: ignore[reportAttributeAccessIssue]
    sides: Any = [ax.xaxis, ax.yaxis, ax.zaxis]  # pyright: ignore[reportAttributeAccessIssue]
    for axis in sides:
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
        axis.line.set_color("#999999")
    # Smaller than the default, which lets the label of the third axis run out of the picture.
    ax.set_box_aspect(None, zoom=0.88)  # pyright: ignore[reportCallIssue]
    ax.grid(False)
    ax.locator_params(nbins=5)
    return ax


def runs_of(name: str, states: Any) -> list[np.ndarray]:
    """Trajectories `[time, units]`: one, an array `[..., time, units]`, or a sequence of them."""
    if isinstance(states, list | tuple) and states and all(np.ndim(one) == 2 for one in states):
        each = [floats(f"{name}[{i}]", one) for i, one in enumerate(hosts(name, states))]
    else:
        array = floats(name, states)
        if array.ndim < 2:
            raise ValueError(f"{name} must be [..., time, units], got shape {list(array.shape)}")
        each = list(array.reshape(-1, *array.shape[-2:]))
    if len({one.shape[1] for one in each}) != 1:
        raise ValueError(
            f"{name} must all have the same units, got shapes {[list(one.shape) for one in each]}"
        )
    return each
