"""Perturbations of a closed loop: loads, force fields, force channels, lesions, stimulation.

A perturbation is a function ``(t, signals) -> signals`` for ``closed_loop(..., perturbation=...)``;
t counts steps, forces are in N. Its doses may be traced: build the loop inside of the function that
``jax.vmap`` or ``jax.grad`` takes.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, is_traced, require_positive
from jaxbrain.core.types import Numbers
from jaxbrain.motor.control.lesions import on_controller, set_gain, silence, stimulate
from jaxbrain.motor.control.loop import Perturbation, Signals

__all__ = [
    "constant_force",
    "curl",
    "curl_field",
    "during",
    "force_channel",
    "on_controller",
    "perturb_sensory_feedback",
    "set_gain",
    "silence",
    "stimulate",
    "together",
    "viscous_field",
]


def __dir__() -> list[str]:
    return __all__


@configured
def constant_force(force: Numbers) -> Perturbation:
    """A load on the hand: f <- f + force.

    Args:
      force: in N ``[2]``.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> pulse = during(constant_force(jnp.array([1.0, 0.0])), 20, 30)
      >>> controller, body = jb.lift(jb.dense(2)), jb.motor.point_mass()
      >>> loop = jb.motor.closed_loop(controller, body, perturbation=pulse)
    """
    _require_shape("constant_force", "force", force, (2,))

    def perturbation(t: jax.Array, signals: Signals) -> Signals:
        return signals._replace(force=signals.force + as_number(force, signals.force))

    return perturbation


@configured
def viscous_field(matrix: Numbers) -> Perturbation:
    """A force in proportion to the velocity of the hand: f <- f + matrix @ velocity.

    Args:
      matrix: in N s/m ``[2, 2]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> drag = viscous_field(-3.0 * jnp.eye(2))
    """
    _require_shape("viscous_field", "matrix", matrix, (2, 2))

    def perturbation(t: jax.Array, signals: Signals) -> Signals:
        added = as_number(matrix, signals.force) @ signals.hand.velocity
        return signals._replace(force=signals.force + added)

    return perturbation


@configured
def curl_field(strength: float | jax.Array) -> Perturbation:
    """A force at right angles to the velocity, to the right of the movement; it does no work.

    f <- f + strength (v_y, -v_x)

    Args:
      strength: in N s/m; a negative one pushes to the left.

    Source: Shadmehr and Mussa-Ivaldi 1994, doi 10.1523/JNEUROSCI.14-05-03208.1994.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> def loop(strength):  # in a function that jax.vmap sweeps
      ...     controller, body = jb.lift(jb.dense(2)), jb.motor.point_mass()
      ...     return jb.motor.closed_loop(controller, body, perturbation=curl_field(strength))
    """
    return viscous_field(curl(strength))


@checked
def curl(strength: float | jax.Array) -> jax.Array:
    """The matrix of a curl field ``[2, 2]``, for the ``field`` of a `TaskInput`.

    Args:
      strength: in N s/m.

    Examples:
      >>> curl(3.0).tolist()
      [[0.0, 3.0], [-3.0, 0.0]]
    """
    _require_shape("curl_field", "strength", strength, ())
    zero = jnp.zeros_like(jnp.asarray(strength))
    return jnp.stack([jnp.stack([zero, strength]), jnp.stack([-strength, zero])])


@configured
def force_channel(
    start: Numbers,
    target: Numbers,
    *,
    stiffness: float | jax.Array = 4000.0,
    damping: float | jax.Array = 80.0,
) -> Perturbation:
    """A force channel: stiff walls that keep the hand on a line, free along it.

    f <- f - (stiffness x + damping v) n,  x and v the distance from the line and its derivative

    The lateral force on the walls measures the force that the brain expects. It is constant during
    a step: with damping dt far above the mass at the hand the walls oscillate.

    Args:
      start: a point of the line, in m ``[2]``.
      target: another one, in m ``[2]``.
      stiffness: in N/m.
      damping: in N s/m.

    Source: Scheidt et al. 2000, doi 10.1152/jn.2000.84.2.853.

    Examples:
      >>> import jax.numpy as jnp
      >>> clamp = force_channel(jnp.array([0.0, 0.4]), jnp.array([0.0, 0.5]))
    """
    for name, point in (("start", start), ("target", target)):
        _require_shape("force_channel", name, point, (2,))
    for name, value in (("stiffness", stiffness), ("damping", damping)):
        require_positive("force_channel", name, value, zero=name == "damping")
    known = not is_traced((start, target))
    if known and np.array_equal(start, target):
        raise ValueError(f"force_channel: start and target must be two points, got {start} twice")

    def perturbation(t: jax.Array, signals: Signals) -> Signals:
        hand, like = signals.hand, signals.force
        along = as_number(target, like) - as_number(start, like)
        normal = jnp.stack([-along[1], along[0]]) / jnp.sqrt(jnp.sum(along**2))
        distance = normal @ (hand.position - as_number(start, like))
        speed = normal @ hand.velocity
        wall = as_number(stiffness, like) * distance + as_number(damping, like) * speed
        return signals._replace(force=signals.force - wall * normal)

    return perturbation


@configured
def perturb_sensory_feedback(offset: Numbers) -> Perturbation:
    """An offset of the sensory feedback: s <- s + offset.

    Args:
      offset: ``[m]``, in the units of the feedback; the last two are the position of the hand in
        dm.

    Examples:
      >>> import jax.numpy as jnp
      >>> prism = perturb_sensory_feedback(jnp.array([0.0, 0.0, 0.2, 0.0]))  # 2 cm to the right
    """

    def perturbation(t: jax.Array, signals: Signals) -> Signals:
        _require_shape("perturb_sensory_feedback", "offset", offset, signals.sensory.shape)
        return signals._replace(sensory=signals.sensory + as_number(offset, signals.sensory))

    return perturbation


@configured
def together(*perturbations: Perturbation) -> Perturbation:
    """Several perturbations in order; of none, the identity.

    Args:
      *perturbations: the first one first.

    Examples:
      >>> import jax.numpy as jnp
      >>> both = together(curl_field(3.0), constant_force(jnp.array([0.0, -1.0])))
    """

    def perturbation(t: jax.Array, signals: Signals) -> Signals:
        for one in perturbations:
            signals = one(t, signals)
        return signals

    return perturbation


@configured
def during(
    perturbation: Perturbation,
    start: int | jax.Array,
    stop: int | jax.Array,
    *,
    after: Perturbation | None = None,
) -> Perturbation:
    """A perturbation in a window of time: where start <= t < stop.

    Args:
      perturbation: active in the window.
      start: the first step of the window.
      stop: the first step after the window.
      after: active from then on, as ``set_gain(1.0)`` ends a lesion; None: the identity.

    Examples:
      >>> import jax.numpy as jnp
      >>> cooled = during(silence(slice(0, 10)), 20, 40, after=set_gain(1.0))
    """
    known = not is_traced((start, stop))
    if known and not start < stop:
        raise ValueError(f"during: start must be before stop, got {start!r} and {stop!r}")

    def where(condition: jax.Array, new: Signals, old: Signals) -> Signals:
        return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)

    def windowed(t: jax.Array, signals: Signals) -> Signals:
        inside = where((t >= start) & (t < stop), perturbation(t, signals), signals)
        return inside if after is None else where(t >= stop, after(t, signals), inside)

    return windowed


def _require_shape(perturbation: str, name: str, value: Any, shape: tuple[int, ...]) -> None:
    if np.shape(value) != shape:
        raise ValueError(f"{perturbation}: {name} must be of shape {shape}, got {np.shape(value)}")
