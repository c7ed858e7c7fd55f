"""Fixed points of discrete maps: linear stability, kinds, time constants."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain.analysis.columns import columns
from jaxbrain.core.annotations import OnHost
from jaxbrain.core.arguments import checked

_SLACK = 1e-6  # a modulus this near to 1 is neither stable nor unstable


class FixedPoints(NamedTuple):
    """Fixed points and slow points of a cell, on the host; ``print`` shows the table.

    Ordered by the number of unstable directions, fewest first, then by state, unit by unit. Slow
    points come last, by the number of their unstable directions and their speed.

    Attributes:
      states: ``[points, units]`` float64, the carries as vectors.
      carries: the same as a pytree, each array ``[points, ...]``.
      speed: ``[points]``, q = |step(h) - h|^2 / 2.
      jacobian: ``[points, units, units]``, d step(h)_i / d h_j.
      eigenvalues: ``[points, units]`` complex, of the Jacobian, the largest modulus first.
      kinds: ``[points]``, of `classify`; "slow" where q is above the tolerance.
      counts: ``[points]``, number of starts that led to the point.
      lost: number of starts that led to none.
    """

    states: np.ndarray
    carries: Any
    speed: np.ndarray
    jacobian: np.ndarray
    eigenvalues: np.ndarray
    kinds: np.ndarray
    counts: np.ndarray
    lost: int

    def __str__(self) -> str:
        return self.table()

    @property
    def unstable(self) -> np.ndarray:
        """``[points]``: number of directions that grow, of eigenvalues above 1 in modulus."""
        return growing(self.eigenvalues)

    @property
    def stable(self) -> np.ndarray:
        """``[points]``: True where all states nearby converge to the point."""
        return np.char.startswith(self.kinds, "stable")

    def time_constants(self, dt: float = 1.0) -> np.ndarray:
        """``[points, units]``: -dt / ln|eigenvalue|; negative for growth, inf at the circle."""
        with np.errstate(divide="ignore"):
            return -dt / np.log(np.abs(self.eigenvalues))

    def frequencies(self, dt: float = 1.0) -> np.ndarray:
        """``[points, units]``: |arg eigenvalue| / (2 pi dt), cycles per unit of time."""
        return np.abs(np.angle(self.eigenvalues)) / (2 * np.pi * dt)

    def select(self, which: Any) -> "FixedPoints":
        """The points of a mask ``[points]`` or of indices, such as ``found.select(found.stable)``.

        The starts of the other points count as lost.
        """
        fields = jax.tree.map(lambda a: a[which], tuple(self[:-1]))
        kept = FixedPoints(*fields, lost=self.lost)
        return kept._replace(lost=self.lost + int(self.counts.sum() - kept.counts.sum()))

    def table(self) -> str:
        """The points line by line."""
        headings = ["kind", "unstable", "largest |eigenvalue|", "time constant", "speed", "starts"]
        largest = np.abs(self.eigenvalues).max(axis=1, initial=0)
        slowest = self.time_constants()[:, :1].sum(axis=1)
        each = (self.kinds, self.unstable, largest, slowest, self.speed, self.counts)
        rows = [
            [str(kind), str(index), f"{modulus:.4f}", f"{tau:.3g}", f"{q:.0e}", str(count)]
            for kind, index, modulus, tau, q, count in zip(*each, strict=True)
        ]
        return columns(headings, rows)


def growing(eigenvalues: np.ndarray) -> np.ndarray:
    """``[points]``: number of eigenvalues ``[points, units]`` outside the unit circle."""
    return (np.abs(eigenvalues) > 1 + _SLACK).sum(axis=-1)


@checked
def classify(eigenvalues: OnHost) -> str:
    """Kind of a fixed point of a discrete map.

    stable: all |lambda| < 1; unstable: all |lambda| > 1; saddle: some of each

    A stable or unstable point is a focus where its leading eigenvalue (of the slowest decay or the
    fastest growth) is complex or negative, so that states circle the point or jump across it; else
    a node. It is marginal where a modulus is 1 to within 1e-6 and none is above: on a line of fixed
    points, at a bifurcation.

    Args:
      eigenvalues: ``[units]``, complex or real.

    Returns:
      "stable node", "stable focus", "saddle", "unstable node", "unstable focus" or "marginal".

    Examples:
      >>> classify([0.5, 0.2]), classify([0.5 + 0.2j, 0.5 - 0.2j]), classify([1.5, 0.2])
      ('stable node', 'stable focus', 'saddle')
    """
    values = np.asarray(eigenvalues)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"classify: eigenvalues must be [units], got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"classify: eigenvalues must be finite, got {values.tolist()}")
    moduli = np.abs(values)
    up, down = moduli > 1 + _SLACK, moduli < 1 - _SLACK
    if up.any() and not up.all():
        return "saddle"
    if not up.any() and not down.all():
        return "marginal"
    leading = values[np.argmax(moduli)]
    turns = abs(leading.imag) > _SLACK * abs(leading) or leading.real < 0
    return f"{'unstable' if up.any() else 'stable'} {'focus' if turns else 'node'}"
