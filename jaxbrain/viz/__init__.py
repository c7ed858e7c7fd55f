"""Pictures of networks, learning, memories, dynamics and movements with matplotlib (extra `viz`).

A function draws into the `ax` it is given or into a new figure, and returns the Axes; a function
that draws a whole page returns a new Figure. None of them shows or saves a picture or changes
matplotlib's settings. Arrays may be of JAX or NumPy: traced ones raise a TypeError, wrong shapes a
ValueError. matplotlib is imported at the first call; without it a call raises an ImportError.
"""

from jaxbrain.viz.animation import arm_animation
from jaxbrain.viz.boundary import confusion, decision_boundary
from jaxbrain.viz.capacity_curves import capacity
from jaxbrain.viz.cortex import connectivity, laminar_activity
from jaxbrain.viz.energy_landscape import energy, landscape
from jaxbrain.viz.learning import alignment, rule_scores
from jaxbrain.viz.movement import adaptation_curve, hand_paths, velocity_profiles
from jaxbrain.viz.network_diagram import network
from jaxbrain.viz.paired_differences import rule_differences
from jaxbrain.viz.phase import phase_portrait
from jaxbrain.viz.reaching import motor_dashboard
from jaxbrain.viz.recalled_patterns import recall
from jaxbrain.viz.rotation_planes import rotations, surrogate_histogram
from jaxbrain.viz.rule_tables import rule_table
from jaxbrain.viz.spectrum import eigenvalues
from jaxbrain.viz.spike_raster import raster
from jaxbrain.viz.state_trajectories import fixed_points, trajectories
from jaxbrain.viz.training_curves import curves
from jaxbrain.viz.training_dashboard import dashboard
from jaxbrain.viz.tuning import preferred_directions, tuning_curves
from jaxbrain.viz.weight_images import activations, receptive_fields, weights

__all__ = [
    "activations",
    "adaptation_curve",
    "alignment",
    "arm_animation",
    "capacity",
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
    "rule_differences",
    "rule_scores",
    "rule_table",
    "surrogate_histogram",
    "trajectories",
    "tuning_curves",
    "velocity_profiles",
    "weights",
]


def __dir__() -> list[str]:
    return __all__
