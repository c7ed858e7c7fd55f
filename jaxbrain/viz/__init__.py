"""Pictures of networks and of how they learn, with matplotlib (the extra `viz`).

Every function takes jax or numpy arrays, draws into the `ax` it is given or into a new figure,
and returns the Axes; it never shows, saves or changes matplotlib's settings. matplotlib is
imported when a function is called, not before.
"""

from jaxbrain.viz.boundary import confusion, decision_boundary
from jaxbrain.viz.capacity import capacity
from jaxbrain.viz.comparison import comparison
from jaxbrain.viz.curves import curves
from jaxbrain.viz.dashboard import dashboard
from jaxbrain.viz.energy import energy, landscape
from jaxbrain.viz.learning import alignment, compare
from jaxbrain.viz.network import network
from jaxbrain.viz.phase import phase_portrait
from jaxbrain.viz.raster import raster
from jaxbrain.viz.recall import recall
from jaxbrain.viz.spectrum import eigenvalues
from jaxbrain.viz.trajectories import fixed_points, trajectories
from jaxbrain.viz.weights import activations, receptive_fields, weights

__all__ = [
    "activations",
    "alignment",
    "capacity",
    "compare",
    "comparison",
    "confusion",
    "curves",
    "dashboard",
    "decision_boundary",
    "eigenvalues",
    "energy",
    "fixed_points",
    "landscape",
    "network",
    "phase_portrait",
    "raster",
    "recall",
    "receptive_fields",
    "trajectories",
    "weights",
]
