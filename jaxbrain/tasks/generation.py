"""Generation tasks: an output that changes in time under a constant input."""

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive
from jaxbrain.tasks.task import Task, Trial, real


@configured
def sine_generation(
    *,
    frequencies: int = 51,
    steps: int = 200,
    longest: float = 100.0,
    shortest: float = 20.0,
) -> Task:
    """Sine generation: an oscillation whose frequency is given by a constant input.

    target_t = sin(2 pi t / period), t from 1 to steps

    Inputs ``[steps, 1]``: a constant 1/4 + j / frequencies for frequency j. Targets ``[steps, 1]``;
    every step is graded. The frequencies 1 / period are evenly spaced from 1 / longest to
    1 / shortest.

    Args:
      frequencies: number of frequencies; with one, the period is longest.
      steps: of a trial.
      longest: period, in steps.
      shortest: period, in steps; above two, the shortest period that can be sampled.

    Returns:
      A Task whose condition is ``{"frequency": []}``, in cycles per step.

    Raises:
      ValueError: if a number is not positive, or the periods are in the wrong order.

    Source: after Sussillo and Barak 2013, doi 10.1162/NECO_a_00409.

    Examples:
      >>> import jax
      >>> task = sine_generation(frequencies=1, steps=4, longest=4.0, shortest=4.0)
      >>> abs(task.sample(jax.random.key(0)).targets[:, 0].round(3)).tolist()
      [1.0, 0.0, 1.0, 0.0]
    """
    require_count("sine_generation", "frequencies", frequencies)
    require_count("sine_generation", "steps", steps)
    require_positive("sine_generation", "longest", longest)
    require_positive("sine_generation", "shortest", shortest)
    if not 2 < shortest <= longest:
        raise ValueError(
            "sine_generation: shortest must be above 2 steps and at most longest, got "
            f"shortest={shortest} and longest={longest}"
        )

    def sample(key: jax.Array) -> Trial:
        j = jax.random.randint(key, (), 0, frequencies).astype(real())
        slowest, fastest = 1 / longest, 1 / shortest
        frequency = slowest + (fastest - slowest) * j / max(frequencies - 1, 1)
        t = jnp.arange(1, steps + 1, dtype=real())
        targets = jnp.sin(2 * jnp.pi * frequency * t)[:, None]
        inputs = jnp.full((steps, 1), 0.25 + j / frequencies)
        return Trial(inputs, targets, jnp.ones(steps, real()), {"frequency": frequency})

    return Task(sample)
