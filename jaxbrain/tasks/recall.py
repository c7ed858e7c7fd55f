"""Recall tasks: adding, copying, flip-flops, sequences."""

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_fraction
from jaxbrain.tasks.task import Task, Trial, periods, real, require_noise, with_noise


@configured
def adding(*, steps: int = 50) -> Task:
    """The adding problem: the sum of the two marked numbers of a sequence.

    Inputs ``[steps, 2]``: uniform numbers from 0 to 1, and a marker that is 1 at one step of the
    first half and at one of the second, else 0. Target ``[steps, 1]``: the sum of the two, graded
    only at the last step. The constant answer 1 has a mean squared error of 2/12 = 1/6.

    Args:
      steps: of a trial, two at least.

    Returns:
      A Task whose condition is ``{"marked": [2]}``, the steps of the markers.

    Raises:
      ValueError: if there are fewer than two steps.

    Source: Hochreiter and Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735; numbers from 0 to 1
    and markers in each half: Le et al. 2015, arXiv 1504.00941 (its 0.1767 is not 1/6).

    Examples:
      >>> import jax
      >>> trial = adding(steps=10).sample(jax.random.key(0))
      >>> trial.inputs.shape, trial.mask.tolist()
      ((10, 2), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    """
    require_count("adding", "steps", steps)
    if steps < 2:
        raise ValueError(f"adding: steps must be 2 at least, one for each number, got {steps}")

    def sample(key: jax.Array) -> Trial:
        k_numbers, k_first, k_second = jax.random.split(key, 3)
        numbers = jax.random.uniform(k_numbers, (steps,), real())
        half = steps // 2
        first = jax.random.randint(k_first, (), 0, half)
        second = jax.random.randint(k_second, (), half, steps)
        marked = jnp.stack([first, second])
        markers = jnp.zeros(steps, real()).at[marked].set(1)
        targets = jnp.zeros((steps, 1), real()).at[-1, 0].set(jnp.sum(numbers[marked]))
        inputs = jnp.stack([numbers, markers], axis=1)
        mask = jnp.zeros(steps, real()).at[-1].set(1)
        return Trial(inputs, targets, mask, {"marked": marked})

    return Task(sample)


@configured
def copy(*, symbols: int = 8, items: int = 10, delay_steps: int = 100) -> Task:
    """The copy problem: a string of symbols, repeated after a delay.

    Inputs ``[delay_steps + 2 items, symbols + 2]``, one-hot: the items, one per step, then blanks,
    the go cue at the last step of the delay, then blanks. Targets ``[time, symbols + 1]``, one-hot
    for `jaxbrain.losses.softmax_cross_entropy`: blank until the go cue, then the items. Class 0 is
    the blank, the last input the go cue; every step is graded. Without memory the cross-entropy is
    items log(symbols) / (delay_steps + 2 items).

    Args:
      symbols: number of symbols, two at least.
      items: length of a string.
      delay_steps: from the last item to the first answer, the step of the go cue included.

    Returns:
      A Task whose condition is ``{"items": [items]}``, from 0 to symbols - 1.

    Raises:
      ValueError: if a number is not positive or there is only one symbol.

    Source: Hochreiter and Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735; in this form Arjovsky,
    Shah and Bengio 2016, arXiv 1511.06464.

    Examples:
      >>> import jax
      >>> trial = copy(symbols=2, items=3, delay_steps=2).sample(jax.random.key(0))
      >>> trial.inputs.argmax(1).tolist()
      [2, 1, 1, 0, 3, 0, 0, 0]
      >>> trial.targets.argmax(1).tolist()
      [0, 0, 0, 0, 0, 2, 1, 1]
    """
    require_count("copy", "symbols", symbols)
    if symbols < 2:
        raise ValueError(f"copy: symbols must be 2 at least, else all strings are equal: {symbols}")
    require_count("copy", "items", items)
    require_count("copy", "delay_steps", delay_steps)
    time = delay_steps + 2 * items

    def sample(key: jax.Array) -> Trial:
        string = jax.random.randint(key, (items,), 0, symbols)
        blank = jnp.zeros(time, string.dtype)
        given = blank.at[:items].set(string + 1).at[items + delay_steps - 1].set(symbols + 1)
        wanted = blank.at[-items:].set(string + 1)
        inputs = jax.nn.one_hot(given, symbols + 2, dtype=real())
        targets = jax.nn.one_hot(wanted, symbols + 1, dtype=real())
        return Trial(inputs, targets, jnp.ones(time, real()), {"items": string})

    return Task(sample)


@configured
def flip_flop(*, bits: int = 3, steps: int = 100, probability: float | jax.Array = 0.1) -> Task:
    """The flip-flop task: bits, each the sign of its last pulse.

    Inputs ``[steps, bits]``: a pulse of -1 or 1 with a given probability at each step, else 0; at
    the first step every bit has a pulse. Targets ``[steps, bits]``: the last pulse of each bit, one
    of the same step included; every step is graded.

    Args:
      bits: number of bits.
      steps: of a trial.
      probability: of a pulse, for each bit and step.

    Returns:
      A Task whose condition is ``{"bits": [bits]}``, the state at the end.

    Raises:
      ValueError: if a number is not positive or the probability is not from 0 to 1.

    Source: Sussillo and Barak 2013, doi 10.1162/NECO_a_00409.

    Examples:
      >>> import jax
      >>> trial = flip_flop(bits=1, steps=8, probability=0.3).sample(jax.random.key(3))
      >>> trial.inputs[:, 0].tolist()
      [1.0, -1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0]
      >>> trial.targets[:, 0].tolist()
      [1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 1.0]
    """
    require_count("flip_flop", "bits", bits)
    require_count("flip_flop", "steps", steps)
    require_fraction("flip_flop", "probability", probability)

    def sample(key: jax.Array) -> Trial:
        k_when, k_sign = jax.random.split(key)
        pulse = jax.random.bernoulli(k_when, probability, (steps, bits)).at[0].set(True)
        signs = jax.random.rademacher(k_sign, (steps, bits), real())
        inputs = jnp.where(pulse, signs, jnp.zeros_like(signs))
        when = jnp.where(pulse, jnp.arange(steps)[:, None], 0)
        targets = jnp.take_along_axis(signs, jax.lax.cummax(when), axis=0)
        return Trial(inputs, targets, jnp.ones(steps, real()), {"bits": targets[-1]})

    return Task(sample)


@configured
def sequence_memory(
    *,
    locations: int = 6,
    items: int = 3,
    item_steps: int = 10,
    delay_steps: int = 20,
    noise: float | jax.Array = 0.0,
) -> Task:
    """Sequence memory: locations on a ring, reproduced in their order after a delay.

    Inputs ``[2 items item_steps + delay_steps, 3]``: cosine and sine of the location while it is
    shown, zero in the delay, and a go cue that is 1 after the delay. Targets ``[time, 2]``: zero
    until the go cue, then cosine and sine of each location; every step is graded. No location
    occurs twice. With steps of 20 ms an item lasts 200 ms and the delay 400 ms by default.

    Args:
      locations: number of locations, evenly spaced on the ring.
      items: length of a sequence, at most locations.
      item_steps: of each item, shown and reproduced.
      delay_steps: from the last item to the go cue; 0 is allowed.
      noise: standard deviation, at each step, in the two channels of the location.

    Returns:
      A Task whose condition is ``{"items": [items]}``, from 0 to locations - 1.

    Raises:
      ValueError: if a number is not positive, or there are more items than locations.

    Source: after Xie et al. 2022, doi 10.1126/science.abm0204.

    Examples:
      >>> import jax
      >>> trial = sequence_memory(items=2, item_steps=1, delay_steps=1).sample(jax.random.key(0))
      >>> trial.inputs.shape, bool((trial.inputs[:2, :2] == trial.targets[3:]).all())
      ((5, 3), True)
    """
    require_count("sequence_memory", "locations", locations)
    require_count("sequence_memory", "items", items)
    if items > locations:
        raise ValueError(
            f"sequence_memory: items must be at most {locations}, the locations, got {items}"
        )
    require_count("sequence_memory", "item_steps", item_steps)
    require_noise("sequence_memory", noise)
    lengths = {"show": items * item_steps, "delay_steps": delay_steps, "again": items * item_steps}
    time, at = periods("sequence_memory", lengths)

    def sample(key: jax.Array) -> Trial:
        k_items, k_noise = jax.random.split(key)
        sequence = jax.random.permutation(k_items, locations)[:items]
        angles = sequence.astype(real()) * (2 * jnp.pi / locations)
        places = jnp.repeat(jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1), item_steps, 0)
        zeros = jnp.zeros((time, 2), real())
        location = with_noise(k_noise, zeros.at[slice(*at["show"])].set(places), noise)
        go = jnp.zeros((time, 1), real()).at[slice(*at["again"])].set(1)
        targets = zeros.at[slice(*at["again"])].set(places)
        inputs = jnp.concatenate([location, go], axis=1)
        return Trial(inputs, targets, jnp.ones(time, real()), {"items": sequence})

    return Task(sample)
