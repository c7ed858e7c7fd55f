"""Pictures of networks and of how they learn, with matplotlib (the extra `viz`).

Every function takes jax or numpy arrays, draws into the `ax` it is given or into a new figure,
and returns the Axes; it never shows, saves or changes matplotlib's settings. matplotlib is
imported when a function is called, not before.
"""

from jaxbrain.viz.animation import arm_animation
from jaxbrain.viz.boundary import confusion, decision_boundary
from jaxbrain.viz.capacity import capacity
from jaxbrain.viz.comparison import comparison
from jaxbrain.viz.cortex import connectivity, laminar_activity
from jaxbrain.viz.curves import curves
from jaxbrain.viz.dashboard import dashboard
from jaxbrain.viz.energy import energy, landscape
from jaxbrain.viz.learning import alignment, compare
from jaxbrain.viz.movement import adaptation_curve, hand_paths, velocity_profiles
from jaxbrain.viz.network import network
from jaxbrain.viz.phase import phase_portrait
from jaxbrain.viz.raster import raster
from jaxbrain.viz.reaching import motor_dashboard
from jaxbrain.viz.recall import recall
from jaxbrain.viz.rotations import rotations, surrogate_histogram
from jaxbrain.viz.spectrum import eigenvalues
from jaxbrain.viz.trajectories import fixed_points, trajectories
from jaxbrain.viz.tuning import preferred_directions, tuning_curves
from jaxbrain.viz.weights import activations, receptive_fields, weights

__all__ = [
    "activations",
    "adaptation_curve",
    "alignment",
    "arm_animation",
    "capacity",
    "compare",
    "comparison",
    "confusion",
    "connectivity",
    "curves",
    "dashboard",
    "decision_boundary",
    "eigenvalues",
    "energy",
    "fixed_points",
    "hand_paths",
    "laminar_activity",
    "landscape",
    "motor_dashboard",
    "network",
    "phase_portrait",
    "preferred_directions",
    "raster",
    "recall",
    "receptive_fields",
    "rotations",
    "surrogate_histogram",
    "trajectories",
    "tuning_curves",
    "velocity_profiles",
    "weights",
]
