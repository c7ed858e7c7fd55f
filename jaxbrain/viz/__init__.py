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
from jaxbrain.viz.recall import recall
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
    "energy",
    "landscape",
    "network",
    "recall",
    "receptive_fields",
    "weights",
]
