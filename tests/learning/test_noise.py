"""The random keys of a training: none is used twice, none where there is no noise."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.small import ADAM, X, Y, new_key


def noisy_output():
    """Predicts its own noise, so that the loss shows it; without a key it predicts 0."""

    def init(key, x):
        return jnp.zeros(1)

    def apply(params, x, *, key=None):
        return params * 0 + (0.0 if key is None else jax.random.normal(key, (1,)))

    return jb.Network(init, apply)


@pytest.mark.parametrize(
    "make",
    [
        jb.backprop,
        jb.feedback_alignment,
        jb.direct_feedback_alignment,
        jb.predictive_coding,
    ],
)
@pytest.mark.slow
def test_no_key_is_used_twice(make):
    """Where the same noise is meant (a mask, forward and back), `jax.random.clone` says so."""
    rule = make(jb.serial(jb.dense(4), jb.dropout(0.3), jb.dense(1)), jb.losses.mse)
    with jax.debug_key_reuse(True):
        state = jax.jit(lambda key: jb.init_state(rule, ADAM, X[0], key=key))(jax.random.key(2))
        jax.jit(jb.step(rule, ADAM))(state, (X, Y))


def test_noise_differs_by_step_and_example_and_is_off_in_metrics():
    rule = jb.backprop(noisy_output(), lambda prediction, target: prediction[0])
    _, history = jb.fit(
        rule, optax.sgd(0.0), (X, Y), key=new_key(), epochs=30, batch_size=5,
        validation=(X, Y), metrics={"squared": jb.losses.mse, "noise": squared_prediction},
    )  # fmt: skip
    losses = history.step_loss.ravel()
    assert len(set(losses.tolist())) == 60
    assert np.all(history.metrics["noise"] == 0)
    # The mean of 5 independent normals has variance 1/5; one noise for the batch would give 1.
    assert 0.1 < np.var(losses) < 0.4


def squared_prediction(prediction, target):
    return jnp.sum(prediction**2)
