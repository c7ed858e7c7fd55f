"""Lengths of muscles along straight paths between points on the bones."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_number
from jaxbrain.motor.body.links import Arm

OfAngles = Callable[[jax.Array], jax.Array]
# The points that a muscle passes, each (link, along, across).
Path = Sequence[tuple[int, float, float]]


@configured
def path_length(arm: Arm, paths: Sequence[Path]) -> OfAngles:
    """Length of muscles that pass points on the bones in straight lines.

    L = sum_i |x_{i+1}(q) - x_i(q)|, with the points x in the plane

    Velocities and moment arms are derivatives of this length: give it to `muscled_arm`.

    Args:
      arm: constants of the skeleton; only the length of the upper arm is used.
      paths: for each muscle its points ``(link, along, across)``, from origin to insertion: link 0
        is the trunk, with coordinates in m from the shoulder; 1 the upper arm and 2 the forearm,
        along the bone from its upper joint and across it, to the left.

    Returns:
      ``(angles [2]) -> [muscles]``, in m.

    Examples:
      >>> import jax.numpy as jnp
      >>> from jaxbrain.motor import NIJHOF_KOUWENHOVEN, path_length
      >>> brachialis = [(1, 0.15, 0.02), (2, 0.04, 0.01)]
      >>> length = path_length(NIJHOF_KOUWENHOVEN, [brachialis])
      >>> bent, stretched = length(jnp.array([0.0, 1.5])), length(jnp.array([0.0, 0.1]))
      >>> bool(bent[0] < stretched[0])
      True
    """
    _require_paths(paths)
    points = np.array([point for path in paths for point in path], float)
    links = points[:, 0].astype(int)
    ends = np.cumsum([len(path) for path in paths])
    first = np.array([i for i in range(len(points) - 1) if i + 1 not in ends])
    of_muscle = np.searchsorted(ends, first, side="right")
    sums = (of_muscle[None, :] == np.arange(len(paths))[:, None]).astype(float)

    def length(angles: jax.Array) -> jax.Array:
        along, across = jnp.asarray(points[:, 1:].T, angles.dtype)
        turned = jnp.stack([jnp.zeros_like(angles[0]), angles[0], angles[0] + angles[1]])
        cos, sin = jnp.cos(turned), jnp.sin(turned)
        upper = jnp.asarray(arm.lengths).astype(angles.dtype)[0]
        beyond = jnp.asarray(links == 2, angles.dtype) * upper
        x = beyond * cos[1] + along * cos[links] - across * sin[links]
        y = beyond * sin[1] + along * sin[links] + across * cos[links]
        gap = (x[first + 1] - x[first]) ** 2 + (y[first + 1] - y[first]) ** 2
        # Where two points coincide the length has no derivative: it counts as zero.
        apart = gap > 0
        straight = jnp.where(apart, jnp.sqrt(jnp.where(apart, gap, jnp.ones_like(gap))), gap)
        return jnp.asarray(sums, angles.dtype) @ straight

    return length


def _require_paths(paths: Sequence[Path]) -> None:
    for number, path in enumerate(paths):
        if len(path) < 2:
            raise ValueError(
                "path_length: paths must have two points or more each, got "
                f"{len(path)} in path {number}"
            )
        for point in path:
            if len(point) != 3 or point[0] not in (0, 1, 2):
                raise ValueError(
                    "path_length: paths must be of points (link, along, across) with link 0 "
                    f"(trunk), 1 (upper arm) or 2 (forearm), got {point!r} in path {number}"
                )
            for place, at in zip(("along", "across"), point[1:], strict=True):
                require_number("path_length", f"{place} of a point of path {number}", at)
