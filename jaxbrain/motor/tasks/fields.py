"""Reaches that are disturbed: a field of forces to adapt to, and a push on the way."""

from typing import Any

import jax
import jax.numpy as jnp

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
    hold: int = 10,
    movement: int = 60,
    rest: int = 30,
    plant: Plant | None = None,
) -> Task:
    """Centre-out reaches in a field that pushes the hand aside the faster it moves.

    F = b [[0, 1], [-1, 0]] v, to the right of where the hand goes

    In catch trials the field is off, unannounced: what the hand does then shows what was learned.

    Args:
      strength: b, in N s/m; negative pushes to the left, 0 is the null field. A body of 1 kg takes
        3 to 4 well.
      catch: the chance of a catch trial.
      angles: of the targets, in rad ``[targets]``; one of them is drawn.
      distance: of the targets, in m.
      center: where the hand begins, in m.
      hold: steps before the target is shown.
      movement: steps from then on that are not graded.
      rest: steps at the target.
      plant: the body, if targets that it cannot reach are to be refused.

    Returns:
      A Task of Trials as those of `center_out`; the condition has ``"strength" []``, 0 in a catch
      trial.

    Raises:
      ValueError: if strength is not one number, catch is no chance, or as `center_out` does.

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
        hold=hold,
        movement=movement,
        rest=rest,
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
    onset: tuple[int, int] = (5, 20),
    duration: int = 10,
    angles: Angles = EIGHT,
    distance: float | jax.Array = 0.1,
    center: tuple[float, float] = CENTER,
    hold: int = 10,
    movement: int = 60,
    rest: int = 30,
    plant: Plant | None = None,
) -> Task:
    """Centre-out reaches on whose way the hand is pushed aside, to the left or to the right.

    Args:
      force: of the push, in N.
      onset: the least and the most steps from the go cue to the push.
      duration: steps of the push.
      angles: of the targets, in rad ``[targets]``; one of them is drawn.
      distance: of the targets, in m.
      center: where the hand begins, in m.
      hold: steps before the target is shown.
      movement: steps from then on that are not graded.
      rest: steps at the target.
      plant: the body, if targets that it cannot reach are to be refused.

    Returns:
      A Task of Trials as those of `center_out`; the condition has ``"onset" []``, the step of the
      push, and ``"force" [2]``, in N.

    Raises:
      ValueError: if force is negative, duration not positive, onset no pair of steps in order
        after which the push ends within the trial, or as `center_out` does.

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
        hold=hold,
        movement=movement,
        rest=rest,
        plant=plant,
    )
    require_positive("perturbed_reach", "force", force, zero=True)
    require_count("perturbed_reach", "duration", duration)
    require_range("perturbed_reach", "onset", onset)
    if onset[1] + duration > movement + rest:
        raise ValueError(
            f"perturbed_reach: the push must end within the {movement + rest} steps after the go "
            f"cue, got onset={onset!r} and duration={duration!r}; shorten them or lengthen rest"
        )

    def sample(key: jax.Array) -> Trial:
        of_reach, of_side, of_onset = jax.random.split(key, 3)
        trial = reach.sample(of_reach)
        still = trial.inputs.force
        angle = trial.condition["angle"]
        side = jax.random.rademacher(of_side, (), still.dtype)
        across = jnp.stack([-jnp.sin(angle), jnp.cos(angle)])
        push = side * as_number(force, still) * across
        at = trial.condition["go"] + jax.random.randint(of_onset, (), onset[0], onset[1] + 1)
        time = jnp.arange(len(still))
        during = ((time >= at) & (time < at + duration)).astype(still.dtype)
        inputs = trial.inputs._replace(force=still + during[:, None] * push[None])
        return trial._replace(
            inputs=inputs, condition={**trial.condition, "onset": at, "force": push}
        )

    return Task(sample)


def schedule(
    key: jax.Array,
    *,
    null: int,
    exposure: int,
    washout: int,
    strength: float | jax.Array = 3.0,
    catch: float | jax.Array = 0.0,
) -> jax.Array:
    """The field of every trial of an experiment on adaptation: without, with, and without again.

    Args:
      key: for which trials of the exposure are catch trials.
      null: trials without a field.
      exposure: trials with it.
      washout: trials without it.
      strength: of the field, for `curl_field_task`.
      catch: the chance of a catch trial within the exposure.

    Returns:
      The strength of each trial ``[null + exposure + washout]``.

    Raises:
      ValueError: if a number of trials is not positive, strength is not one number, or catch no
        chance.

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


def _require_strength(name: str, strength: Any) -> None:
    if jnp.ndim(strength) != 0:
        raise ValueError(
            f"{name}: strength must be one number, got shape {jnp.shape(strength)}; for several "
            "fields vmap over it"
        )
