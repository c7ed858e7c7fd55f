"""Reaches under perturbation: a force field to adapt to, and a push during the movement."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_fraction, require_positive
from jaxbrain.motor.body.plant import CENTER, Plant
from jaxbrain.motor.control.perturbations import curl
from jaxbrain.motor.tasks.reaching import EIGHT, Angles, center_out, require_range
from jaxbrain.tasks import Task, Trial
from jaxbrain.tasks.task import real


@configured
def curl_field_task(
    *,
    strength: float | jax.Array = 3.0,
    catch: float | jax.Array = 0.0,
    angles: Angles = EIGHT,
    distance: float | jax.Array = 0.1,
    center: tuple[float, float] = CENTER,
    hold_steps: int = 10,
    movement_steps: int = 60,
    rest_steps: int = 30,
    plant: Plant | None = None,
) -> Task:
    """Center-out reaches in a curl field: a force across the velocity and in proportion to it.

    F = b [[0, 1], [-1, 0]] v, to the right of the movement

    In catch trials the field is off without notice; the after-effect shows what was learned.

    Args:
      strength: b, in N s/m; negative pushes to the left, 0 is the null field. 3 to 4 suit a body
        of 1 kg.
      catch: probability of a catch trial.
      angles: of the targets, in rad ``[targets]``; one of them is drawn.
      distance: of the targets, in m.
      center: position of the hand at the start, in m.
      hold_steps, movement_steps, rest_steps: as in `center_out`.
      plant: the body; targets out of its reach are refused.

    Returns:
      A Task of Trials like those of `center_out`; the condition has ``"strength" []``, 0 in a
      catch trial.

    Source: the experiment, in a viscous field that is no pure curl, Shadmehr and Mussa-Ivaldi
      1994, doi 10.1523/JNEUROSCI.14-05-03208.1994.

    Examples:
      >>> import jax
      >>> curl_field_task(strength=3.0).sample(jax.random.key(0)).inputs.field[0].tolist()
      [[0.0, 3.0], [-3.0, 0.0]]
    """
    _require_strength("curl_field_task", strength)
    require_fraction("curl_field_task", "catch", catch)
    reach = center_out(
        angles=angles,
        distance=distance,
        center=center,
        hold_steps=hold_steps,
        movement_steps=movement_steps,
        rest_steps=rest_steps,
        plant=plant,
    )

    def sample(key: jax.Array) -> Trial:
        of_reach, of_catch = jax.random.split(key)
        trial = reach.sample(of_reach)
        field = trial.inputs.field
        caught = jax.random.bernoulli(of_catch, as_number(catch, field))
        b = as_number(strength, field)
        b = jnp.where(caught, jnp.zeros_like(b), b)
        inputs = trial.inputs._replace(field=field + curl(b)[None])
        return trial._replace(inputs=inputs, condition={**trial.condition, "strength": b})

    return Task(sample)


@configured
def perturbed_reach(
    *,
    force: float | jax.Array = 5.0,
    onset_steps: tuple[int, int] = (5, 20),
    duration_steps: int = 10,
    angles: Angles = EIGHT,
    distance: float | jax.Array = 0.1,
    center: tuple[float, float] = CENTER,
    hold_steps: int = 10,
    movement_steps: int = 60,
    rest_steps: int = 30,
    plant: Plant | None = None,
) -> Task:
    """Center-out reaches with a push across the movement, to the left or to the right.

    Args:
      force: of the push, in N.
      onset_steps: from the go cue to the push, the least and the most.
      duration_steps: of the push.
      angles: of the targets, in rad ``[targets]``; one of them is drawn.
      distance: of the targets, in m.
      center: position of the hand at the start, in m.
      hold_steps, movement_steps, rest_steps: as in `center_out`.
      plant: the body; targets out of its reach are refused.

    Returns:
      A Task of Trials like those of `center_out`; the condition has ``"onset" []``, the step of the
      push, and ``"force" [2]``, in N.

    Raises:
      ValueError: if the push may end after the trial.

    Examples:
      >>> import jax
      >>> trial = perturbed_reach().sample(jax.random.key(0))
      >>> at = int(trial.condition["onset"])
      >>> bool((trial.inputs.force[at] == trial.condition["force"]).all())
      True
    """
    reach = center_out(
        angles=angles,
        distance=distance,
        center=center,
        hold_steps=hold_steps,
        movement_steps=movement_steps,
        rest_steps=rest_steps,
        plant=plant,
    )
    require_positive("perturbed_reach", "force", force, zero=True)
    _require_within(onset_steps, duration_steps, movement_steps + rest_steps)

    def sample(key: jax.Array) -> Trial:
        of_reach, of_side, of_onset = jax.random.split(key, 3)
        trial = reach.sample(of_reach)
        still = trial.inputs.force
        angle = trial.condition["angle"]
        side = jax.random.rademacher(of_side, (), still.dtype)
        across = jnp.stack([-jnp.sin(angle), jnp.cos(angle)])
        push = side * as_number(force, still) * across
        least, most = onset_steps
        at = trial.condition["go"] + jax.random.randint(of_onset, (), least, most + 1)
        time = jnp.arange(len(still))
        during = ((time >= at) & (time < at + duration_steps)).astype(still.dtype)
        inputs = trial.inputs._replace(force=still + during[:, None] * push[None])
        return trial._replace(
            inputs=inputs, condition={**trial.condition, "onset": at, "force": push}
        )

    return Task(sample)


@checked
def schedule(
    key: Key,
    *,
    null: int,
    exposure: int,
    washout: int,
    strength: float | jax.Array = 3.0,
    catch: float | jax.Array = 0.0,
) -> jax.Array:
    """The field of each trial of an adaptation experiment: null field, exposure, washout.

    Args:
      key: for the choice of catch trials.
      null, exposure, washout: trials without the field, with it, and without it again.
      strength: of the field, for `curl_field_task`.
      catch: probability of a catch trial during exposure.

    Returns:
      The strength of each trial ``[null + exposure + washout]``.

    Examples:
      >>> import jax
      >>> schedule(jax.random.key(0), null=1, exposure=2, washout=1).tolist()
      [0.0, 3.0, 3.0, 0.0]
    """
    for name, trials in (("null", null), ("exposure", exposure), ("washout", washout)):
        require_count("schedule", name, trials)
    _require_strength("schedule", strength)
    require_fraction("schedule", "catch", catch)
    trial = jnp.arange(null + exposure + washout)
    on = (trial >= null) & (trial < null + exposure)
    strength = jnp.asarray(strength).astype(real())
    caught = jax.random.bernoulli(key, as_number(catch, strength), trial.shape)
    return jnp.where(on & ~caught, strength, jnp.zeros_like(strength))


def _require_within(onset_steps: Any, duration_steps: int, steps: int) -> None:
    """Refuse a push that may end after the trial."""
    require_count("perturbed_reach", "duration_steps", duration_steps)
    require_range("perturbed_reach", "onset_steps", onset_steps)
    if onset_steps[1] + duration_steps > steps:
        raise ValueError(
            f"perturbed_reach: the push must end within the {steps} steps after the go cue, got "
            f"onset_steps={onset_steps!r} and duration_steps={duration_steps!r}; shorten them or "
            "lengthen rest_steps"
        )


def _require_strength(name: str, strength: Any) -> None:
    if jnp.ndim(strength) != 0:
        raise ValueError(
            f"{name}: strength must be one number, got shape {jnp.shape(strength)}; for several "
            "fields vmap over it"
        )
