"""Looking at what was learned: how rules compare with back-propagation."""

from jaxbrain.analysis.similarity import angles, angles_to

__all__ = ["angles", "angles_to"]
