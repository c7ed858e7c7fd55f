"""Decision tasks: the laws of each."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.tasks import (
    context_integration,
    delayed_match,
    evidence_accumulation,
)
from tests.tasks.statistics_of_trials import many, within

new_key = partial(jax.random.key, 0)


def test_matches_are_half_of_the_trials():
    trials = many(delayed_match(stimuli=3, stimulus_steps=2, delay_steps=3, response_steps=4))
    c = {name: np.asarray(value) for name, value in trials.condition.items()}
    x, y = np.asarray(trials.inputs), np.asarray(trials.targets)[..., 0]
    assert np.array_equal(c["match"], c["sample"] == c["test"])
    assert within(c["match"], 0.5) and within(c["test"], 1.0)
    assert np.all(x[:, :2, :3].argmax(2) == c["sample"][:, None])
    assert np.all(x[:, 5:7, :3].argmax(2) == c["test"][:, None])
    assert not x[:, 2:5].any() and not x[:, 7:, :3].any()
    assert np.all(y[:, 7:] == np.where(c["match"], 1, -1)[:, None]) and not y[:, :7].any()
    for alone in (c["sample"], c["test"]):  # one stimulus says nothing
        assert abs(np.corrcoef(alone, y[:, -1])[0, 1]) < 0.06


def test_evidence_is_what_most_cues_say():
    options = {"cues": 5, "cue_steps": 2, "gap_steps": 1, "delay_steps": 4, "response_steps": 2}
    trials = many(evidence_accumulation(**options))
    x, right = np.asarray(trials.inputs), np.asarray(trials.condition["right"])
    lit = np.arange(15) % 3 < 2
    assert np.array_equal(x[:, :15, 1], np.repeat(right, 3, axis=1) * lit)
    assert np.array_equal(x[:, :15, 0], np.repeat(~right, 3, axis=1) * lit)
    assert not x[:, 15:, :2].any()
    counted = np.sign(x[:, :, 1].sum(1) - x[:, :, 0].sum(1))
    assert np.array_equal(np.asarray(trials.targets)[:, -1, 0], counted)
    assert np.all(np.asarray(trials.mask) == (np.arange(21) >= 19))
    assert within(right.mean(1), 0.5)
    agree = (right[:, 0] == right[:, 1]).astype(float)
    assert within(agree, 0.7**2 + 0.3**2) and not within(agree, 0.5)
    assert (np.sign(right[:, -1] - 0.5) != counted).mean() > 0.1, "the last cue is not the answer"


def test_context_says_which_stream_counts():
    coherences, noise, steps = (0.1, 0.4), 0.8, 16
    task = context_integration(
        stimulus_steps=steps, delay_steps=2, response_steps=3, coherences=coherences, noise=noise
    )
    trials = many(task, 10_000)
    x, y = np.asarray(trials.inputs), np.asarray(trials.targets)[:, -1, 0]
    context, coherence = (np.asarray(trials.condition[k]) for k in ("context", "coherence"))
    rows = np.arange(len(x))
    relevant, other = coherence[rows, context], coherence[rows, 1 - context]
    assert np.array_equal(y, np.sign(relevant))
    assert within(y * np.sign(other), 0.0), "the other stream tells the answer"
    assert np.all(x[:, :, 2:4].argmax(2) == context[:, None])
    assert np.all(x[:, :, 4] == (np.arange(21) >= 18)) and not x[:, steps:, :2].any()
    assert not np.asarray(trials.targets)[:, :18].any()
    best = np.sign(x[rows, :steps, context].mean(1)) == y
    right = np.mean([0.5 * math.erfc(-c * math.sqrt(steps / 2) / noise) for c in coherences])
    assert within(best, right)
    assert within(np.sign(x[rows, :steps, 1 - context].mean(1)) == y, 0.5)
    assert within((x[:, 3, :2] - coherence).reshape(-1) ** 2, noise**2)


def test_noise_may_be_swept():
    noises = jnp.array([0.0, 0.5, 2.0])
    one = jax.jit(jax.vmap(lambda noise: delayed_match(noise=noise).sample(new_key()).inputs))(
        noises
    )
    plain = one - one[:1]
    np.testing.assert_allclose(plain[2], 4 * plain[1], atol=1e-5)
    assert float(plain[1].std()) > 0.3
