"""Motor cortex and what it moves: layers, loops through the basal ganglia, bodies, and control."""

from jaxbrain.motor.plant import Drive, Hand, Physics, Plant, runge_kutta

__all__ = ["Drive", "Hand", "Physics", "Plant", "runge_kutta"]
