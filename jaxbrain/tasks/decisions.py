"""Decision tasks: delayed match to sample, evidence accumulation, context-dependent integration.

The answer is one output of -1 or 1, given in response to the go cue, the last input channel.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_fraction
from jaxbrain.tasks.task import Task, Trial, periods, real, require_noise, with_noise


@configured
def delayed_match(
    *,
    stimuli: int = 4,
    stimulus_steps: int = 10,
    delay_steps: int = 25,
    response_steps: int = 10,
    noise: float | jax.Array = 0.0,
) -> Task:
    """Delayed match to sample: the second stimulus is the first one again, or another one.

    The periods are sample, delay, test and response. Inputs ``[2 stimulus_steps + delay_steps +
    response_steps, stimuli + 1]``: the stimulus, one-hot, and the go cue, 1 in the response. Target
    ``[time, 1]``: in the response 1 for a match and -1 for a mismatch, before it 0; every step is
    graded. Half of the trials match. With steps of 20 ms a stimulus lasts 200 ms and the delay 500
    ms by default.

    Args:
      stimuli: number of stimuli, two at least.
      stimulus_steps: of the sample and of the test.
      delay_steps: between them; 0 is allowed.
      response_steps: after the test.
      noise: standard deviation, at each step, in the channels of the stimuli.

    Returns:
      A Task whose condition is ``{"sample", "test", "match"}``, each ``[]``.

    Raises:
      ValueError: if a number is not positive or there is only one stimulus.

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
        shown = jnp.zeros((time, stimuli), real())
        shown = shown.at[slice(*at["stimulus_steps"]), first].set(1)
        shown = shown.at[slice(*at["test"]), second].set(1)
        condition = {"sample": first, "test": second, "match": match}
        answer = jnp.where(match, 1.0, -1.0)
        signals = with_noise(k_noise, shown, noise)
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
    """Evidence accumulation: the side, left or right, of most of a series of cues.

    The periods are the cues, a delay and the response. Inputs ``[cues (cue_steps + gap_steps) +
    delay_steps + response_steps, 3]``: left, right, and the go cue, 1 in the response. Target
    ``[time, 1]``: -1 for left, 1 for right, graded only in the response. Each cue is on the side of
    the trial with a given probability; the answer is the side of most cues. With steps of 20 ms a
    cue of 100 ms comes every 140 ms and the delay lasts 500 ms by default.

    Args:
      cues: an odd number, so that there is no tie.
      cue_steps: of each cue.
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
            f"evidence_accumulation: cues must be odd, so that there is no tie, got {cues}"
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
        signals = with_noise(k_noise, signals, noise)
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
    """Context-dependent integration: the sign of one of two noisy streams, chosen by a context.

    The periods are stimulus, delay and response. Inputs ``[stimulus_steps + delay_steps +
    response_steps, 5]``: the two streams (motion and color), constant coherences with Gaussian
    noise in the stimulus and zero later; the context, one-hot, at all steps; the go cue, 1 in the
    response. Target ``[time, 1]``: in the response the sign of the coherence of the stream of the
    context, before it 0; every step is graded. Coherences, signs and context are independent. The
    ideal observer, the sign of the mean of the stream, is right with probability
    Phi(coherence sqrt(stimulus_steps) / noise). With steps of 20 ms the stimulus lasts 800 ms and
    the delay 200 ms by default.

    Args:
      stimulus_steps: of the two streams.
      delay_steps: from the stimulus to the go cue; 0 is allowed.
      response_steps: at the end.
      coherences: positive; each occurs with both signs.
      noise: standard deviation, at each step, of each stream.

    Returns:
      A Task whose condition is ``{"context": [], "coherence": [2]}``, the context 0 or 1.

    Raises:
      ValueError: if a number is not positive.

    Source: Mante et al. 2013, doi 10.1038/nature12742, with a go cue added.

    Examples:
      >>> import jax
      >>> trial = context_integration(noise=0.0).sample(jax.random.key(0))
      >>> relevant = trial.condition["coherence"][trial.condition["context"]]
      >>> trial.inputs.shape, bool(trial.targets[-1, 0] == jax.numpy.sign(relevant))
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
            with_noise(k_noise, streams, noise)
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
    """The go cue as the last channel, and the answer as the target during the response.

    If early, the steps before the response are graded too.
    """
    go = jnp.zeros(len(signals), signals.dtype).at[slice(*response)].set(1)
    inputs = jnp.concatenate([signals, go[:, None]], axis=1)
    targets = (go * answer.astype(go.dtype))[:, None]
    return Trial(inputs, targets, jnp.ones_like(go) if early else go, condition)
