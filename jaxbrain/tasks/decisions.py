"""Tasks that end in a choice: the same or not, left or right, and which evidence to heed.

The answer is one output of -1 or 1, given when the go cue comes: the last input channel.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_fraction
from jaxbrain.tasks.task import Task, Trial, disturbed, periods, real, require_noise


@configured
def delayed_match(
    *,
    stimuli: int = 4,
    stimulus_steps: int = 10,
    delay_steps: int = 25,
    response_steps: int = 10,
    noise: float | jax.Array = 0.0,
) -> Task:
    """Say whether the second stimulus is the first one again.

    The sample, a delay, the test, the response. Inputs ``[2 stimulus_steps + delay_steps +
    response_steps, stimuli + 1]``: one-hot while a stimulus is shown, and the go cue, 1 in the
    response. Target ``[time, 1]``: in the response 1 for a match and -1 for none, before it 0;
    every step is graded. Half of the trials match. In steps of 20 ms the defaults are 200 ms for a
    stimulus and 500 ms for the delay.

    Args:
      stimuli: how many there are, two at least.
      stimulus_steps: of the sample, and of the test.
      delay_steps: between them; 0 is allowed.
      response_steps: after the test.
      noise: standard deviation, at each step, in the channels of the stimuli.

    Returns:
      A Task whose condition is ``{"sample", "test", "match"}``, each ``[]``.

    Raises:
      ValueError: if a number is not positive, or there is one stimulus alone.

    Source: Miller, Erickson and Desimone 1996, doi 10.1523/JNEUROSCI.16-16-05154.1996.

    Examples:
      >>> import jax
      >>> trial = delayed_match().sample(jax.random.key(0))
      >>> same = trial.condition["sample"] == trial.condition["test"]
      >>> trial.inputs.shape, bool(same) == (float(trial.targets[-1, 0]) == 1)
      ((55, 5), True)
    """
    require_count("delayed_match", "stimuli", stimuli)
    if stimuli < 2:
        raise ValueError(f"delayed_match: stimuli must be 2 at least, got {stimuli}")
    require_noise("delayed_match", noise)
    lengths = {"stimulus_steps": stimulus_steps, "delay_steps": delay_steps}
    lengths |= {"test": stimulus_steps, "response_steps": response_steps}
    time, at = periods("delayed_match", lengths)

    def sample(key: jax.Array) -> Trial:
        k_first, k_match, k_other, k_noise = jax.random.split(key, 4)
        first = jax.random.randint(k_first, (), 0, stimuli)
        match = jax.random.bernoulli(k_match)
        other = (first + jax.random.randint(k_other, (), 1, stimuli)) % stimuli
        second = jnp.where(match, first, other)
        seen = jnp.zeros((time, stimuli), real())
        seen = (
            seen.at[slice(*at["stimulus_steps"]), first]
            .set(1)
            .at[slice(*at["test"]), second]
            .set(1)
        )
        condition = {"sample": first, "test": second, "match": match}
        answer = jnp.where(match, 1.0, -1.0)
        signals = disturbed(k_noise, seen, noise)
        return _trial(signals, answer, at["response_steps"], condition, early=True)

    return Task(sample)


@configured
def evidence_accumulation(
    *,
    cues: int = 7,
    cue_steps: int = 5,
    gap_steps: int = 2,
    delay_steps: int = 25,
    response_steps: int = 8,
    probability: float | jax.Array = 0.7,
    noise: float | jax.Array = 0.0,
) -> Task:
    """Say on which side there were more cues, some time after the last.

    Cues one after the other, each on the left or on the right, a delay, the response. Inputs
    ``[cues (cue_steps + gap_steps) + delay_steps + response_steps, 3]``: left, right, and the go
    cue, 1 in the response. Target ``[time, 1]``: -1 for the left, 1 for the right, graded in the
    response alone. Each cue is on the side of the trial with some probability; the answer is what
    most cues say. In steps of 20 ms the defaults are cues of 100 ms every 140 ms, and a delay of
    500 ms.

    Args:
      cues: an odd number, so that there is no draw.
      cue_steps: for which each lasts.
      gap_steps: after each cue.
      delay_steps: after the last gap; 0 is allowed.
      response_steps: at the end.
      probability: of a cue on the side of the trial.
      noise: standard deviation, at each step, in the channels of the two sides.

    Returns:
      A Task whose condition is ``{"right": [cues], "answer": []}``.

    Raises:
      ValueError: if a number is not positive, or cues is even.

    Source: Morcos and Harvey 2016, doi 10.1038/nn.4403; as a task for learning rules Bellec et al.
    2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax
      >>> trial = evidence_accumulation(cues=3).sample(jax.random.key(2))
      >>> trial.inputs.shape, trial.condition["right"].tolist(), trial.targets[-1].tolist()
      ((54, 3), [True, False, False], [-1.0])
    """
    require_count("evidence_accumulation", "cues", cues)
    if cues % 2 == 0:
        raise ValueError(
            f"evidence_accumulation: cues must be odd, else there are draws, got {cues}"
        )
    require_count("evidence_accumulation", "cue_steps", cue_steps)
    require_count("evidence_accumulation", "gap_steps", gap_steps)
    require_fraction("evidence_accumulation", "probability", probability)
    require_noise("evidence_accumulation", noise)
    every = cue_steps + gap_steps
    lengths = {"cues": cues * every, "delay_steps": delay_steps, "response_steps": response_steps}
    time, at = periods("evidence_accumulation", lengths)

    def sample(key: jax.Array) -> Trial:
        k_side, k_cues, k_noise = jax.random.split(key, 3)
        agrees = jax.random.bernoulli(k_cues, probability, (cues,))
        right = agrees == jax.random.bernoulli(k_side)
        lit = np.arange(cues * every)[:, None] % every < cue_steps
        sides = jnp.repeat(jnp.stack([~right, right], axis=1), every, axis=0) & lit
        signals = jnp.zeros((time, 2), real()).at[slice(*at["cues"])].set(sides.astype(real()))
        answer = jnp.where(2 * jnp.sum(right) > cues, 1.0, -1.0)
        signals = disturbed(k_noise, signals, noise)
        condition = {"right": right, "answer": answer}
        return _trial(signals, answer, at["response_steps"], condition, early=False)

    return Task(sample)


@configured
def context_integration(
    *,
    stimulus_steps: int = 40,
    delay_steps: int = 10,
    response_steps: int = 10,
    coherences: tuple[float, ...] = (0.05, 0.15, 0.5),
    noise: float | jax.Array = 0.5,
) -> Task:
    """Say whether one of two noisy streams is positive on average; the context says which.

    Two streams at once, a delay, the response. Inputs ``[stimulus_steps + delay_steps +
    response_steps, 5]``: the two streams (motion and colour), constant coherences with Gaussian
    noise in the stimulus, zero later; the context, one-hot, throughout; the go cue, 1 in the
    response. Target ``[time, 1]``: in the response the sign of the coherence of the stream that
    the context names, before it 0; every step is graded. Coherences, signs and the context are
    drawn independently. The best observer, the sign of the mean of the stream, is right with
    probability Phi(coherence sqrt(stimulus_steps) / noise). In steps of 20 ms the defaults are
    800 ms of stimulus and 200 ms of delay.

    Args:
      stimulus_steps: of the two streams.
      delay_steps: from the stimulus to the go cue; 0 is allowed.
      response_steps: at the end.
      coherences: positive; each has both signs.
      noise: standard deviation, at each step, of each stream.

    Returns:
      A Task whose condition is ``{"context": [], "coherence": [2]}``, the context 0 or 1.

    Raises:
      ValueError: if a number is not positive.

    Source: Mante et al. 2013, doi 10.1038/nature12742; the go cue is added, for without it no input
    says when to answer.

    Examples:
      >>> import jax
      >>> trial = context_integration(noise=0.0).sample(jax.random.key(0))
      >>> heeded = trial.condition["coherence"][trial.condition["context"]]
      >>> trial.inputs.shape, bool(trial.targets[-1, 0] * heeded > 0)
      ((60, 5), True)
    """
    coherences = tuple(coherences)
    if not coherences or not all(value > 0 for value in coherences):
        raise ValueError(
            f"context_integration: coherences must be positive numbers, got {coherences!r}"
        )
    require_noise("context_integration", noise)
    lengths = {"stimulus_steps": stimulus_steps, "delay_steps": delay_steps}
    time, at = periods("context_integration", lengths | {"response_steps": response_steps})

    def sample(key: jax.Array) -> Trial:
        k_context, k_size, k_sign, k_noise = jax.random.split(key, 4)
        context = jax.random.randint(k_context, (), 0, 2)
        sizes = jax.random.choice(k_size, jnp.asarray(coherences, real()), (2,))
        coherence = sizes * jax.random.rademacher(k_sign, (2,), real())
        streams = jnp.broadcast_to(coherence, (stimulus_steps, 2))
        signals = jnp.zeros((time, 4), real())
        signals = signals.at[slice(*at["stimulus_steps"]), :2].set(
            disturbed(k_noise, streams, noise)
        )
        signals = signals.at[:, 2:].set(jax.nn.one_hot(context, 2, dtype=real()))
        condition = {"context": context, "coherence": coherence}
        answer = jnp.sign(coherence[context])
        return _trial(signals, answer, at["response_steps"], condition, early=True)

    return Task(sample)


def _trial(
    signals: jax.Array,
    answer: jax.Array,
    response: tuple[int, int],
    condition: dict,
    *,
    early: bool,
) -> Trial:
    """The go cue as the last channel, and the answer as the target while it is on."""
    go = jnp.zeros(len(signals), signals.dtype).at[slice(*response)].set(1)
    inputs = jnp.concatenate([signals, go[:, None]], axis=1)
    targets = (go * answer.astype(go.dtype))[:, None]
    return Trial(inputs, targets, jnp.ones_like(go) if early else go, condition)
