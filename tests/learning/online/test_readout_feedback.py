"""Feedback weights: random ones stay, adaptive ones become those of the readout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxbrain import learning
from jaxbrain.cells import leaky_rnn
from jaxbrain.learning import over_time
from jaxbrain.learning.online import readout_feedback
from tests.learning.online.problem import LOSS, READOUT, error, params_of, sequence

pytestmark = pytest.mark.x64

RATE = leaky_rnn(3, dt=0.3, tau=1.0)


def grads_of(feedback):
    """Params of e-prop with this feedback, and a compiled function from params to gradients."""
    rule = over_time(learning.eprop(RATE, READOUT, LOSS, feedback=feedback))
    data = tuple(jnp.asarray(a)[None] for a in sequence())
    return params_of(rule.network), jax.jit(lambda p: rule.grads(p, (), *data)[1])


def flat(tree):
    return ravel_pytree(tree)[0]


def test_adaptive_feedback_becomes_symmetric():
    """W - B shrinks by 1 - learning_rate decay a step; at B = W it is symmetric feedback."""
    (cell, readout, b), grads = grads_of(readout_feedback.adaptive_feedback(decay=0.5))
    step = grads((cell, readout, b))
    for w, v, g, change in zip(*map(jax.tree.leaves, (readout, b, step[1], step[2])), strict=True):
        np.testing.assert_allclose((w - 0.1 * g) - (v - 0.1 * change), 0.95 * (w - v), rtol=1e-9)
    exact = grads_of(readout_feedback.symmetric_feedback())[1]((cell, readout))
    same = grads((cell, readout, readout))
    assert error(flat(same[0]), flat(exact[0])) < 1e-12
    assert error(flat(step[0]), flat(exact[0])) > 0.1
    plain = jax.tree.map(lambda g, w: g + 0.5 * w, exact[1], readout)
    assert error(flat(same[1]), flat(plain)) < 1e-12
    assert jax.tree.map(jnp.shape, readout) == jax.tree.map(jnp.shape, b)


def test_random_feedback_carries_the_error_and_stays():
    (cell, readout, b), grads = grads_of(readout_feedback.random_feedback())
    found, exact = grads((cell, readout, b)), grads((cell, readout, readout))
    assert not np.any(flat(found[2]))
    np.testing.assert_array_equal(flat(found[1]), flat(exact[1]))
    assert error(flat(found[0]), flat(exact[0])) > 0.1
    symmetric = grads_of(readout_feedback.symmetric_feedback())[1]((cell, readout))
    np.testing.assert_allclose(flat(exact[:2]), flat(symmetric), rtol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match="decay must not be negative"):
        readout_feedback.adaptive_feedback(decay=-1.0)
    with pytest.raises(TypeError, match="feedback must be a Feedback such as"):
        learning.eprop(RATE, READOUT, LOSS, feedback="random")
