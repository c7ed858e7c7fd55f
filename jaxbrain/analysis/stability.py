"""What a discrete map does near the points where it stands still."""

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain.analysis.columns import columns

_SLACK = 1e-6  # how near to 1 the modulus of an eigenvalue is neither stable nor unstable


class FixedPoints(NamedTuple):
    """Points where the step of a cell changes nothing, or next to nothing; all on the host.

    In the order of their unstable directions, fewest first, then of their states, unit by unit;
    slow points last, by their unstable directions and their speed.
    ``print`` shows the table.

    Attributes:
      states: ``[points, units]`` float64, the carries as vectors.
      carries: the same as carries: their pytree, each array ``[points, ...]``.
      speed: ``[points]``, q = |step(h) - h|^2 / 2.
      jacobian: ``[points, units, units]``, d step(h)_i / d h_j.
      eigenvalues: ``[points, units]`` complex, of the Jacobian, the largest modulus first.
      kinds: ``[points]``, as `classify` says; "slow" where q is above the tolerance.
      counts: ``[points]``, how many of the starts led to the point.
      lost: how many of the starts led to none.
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
        """``[points]``: how many directions grow, those of eigenvalues outside the unit circle."""
        return growing(self.eigenvalues)

    @property
    def stable(self) -> np.ndarray:
        """``[points]``: whether all that begins near the point comes to it."""
        return np.char.startswith(self.kinds, "stable")

    def time_constants(self, dt: float = 1.0) -> np.ndarray:
        """``[points, units]``: -dt / ln|eigenvalue|; negative for growth, inf at the circle."""
        with np.errstate(divide="ignore"):
            return -dt / np.log(np.abs(self.eigenvalues))

    def frequencies(self, dt: float = 1.0) -> np.ndarray:
        """``[points, units]``: |arg eigenvalue| / (2 pi dt), cycles in the time of dt."""
        return np.abs(np.angle(self.eigenvalues)) / (2 * np.pi * dt)

    def select(self, which: Any) -> "FixedPoints":
        """The points of a mask ``[points]`` or of indices, such as ``found.select(found.stable)``.

        The starts of those left out count as lost.
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
    """``[points]``: the eigenvalues ``[points, units]`` outside the unit circle."""
    return (np.abs(eigenvalues) > 1 + _SLACK).sum(axis=-1)


def classify(eigenvalues: Any) -> str:
    """The kind of a fixed point of a discrete map.

    stable: all |lambda| < 1; unstable: all |lambda| > 1; saddle: some of each

    A stable or unstable point is a focus where its leading eigenvalue, that of the direction which
    is left last (or along which all leave), is complex or negative so that the way turns about the
    point or jumps across it; else a node.

    Args:
      eigenvalues: ``[units]``, complex or real.

    Returns:
      "stable node", "stable focus", "saddle", "unstable node", "unstable focus", or "marginal"
      where a modulus is 1 to within 1e-6 and none is above: a line of points, a bifurcation.

    Examples:
      >>> classify([0.5, 0.2]), classify([0.5 + 0.2j, 0.5 - 0.2j]), classify([1.5, 0.2])
      ('stable node', 'stable focus', 'saddle')
    """
    values = np.asarray(eigenvalues)
    moduli = np.abs(values)
    up, down = moduli > 1 + _SLACK, moduli < 1 - _SLACK
    if up.any() and not up.all():
        return "saddle"
    if not up.any() and not down.all():
        return "marginal"
    leading = values[np.argmax(moduli)]
    turns = abs(leading.imag) > _SLACK * abs(leading) or leading.real < 0
    return f"{'unstable' if up.any() else 'stable'} {'focus' if turns else 'node'}"
