"""History of a training, and arrays of the caller, which a training leaves as they are."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.small import ADAM, BATCH, NOISY, RULE, STEPS, WATCHED, X, Y, assert_same, new_key, plain


def test_history_of_metrics_and_records():
    state, history = jb.fit(
        RULE, optax.adam(0.05), (X, Y), key=new_key(), epochs=13, batch_size=BATCH,
        validation=(X[:7], Y[:7]), metrics={"validation_loss": jb.losses.mse, "error": error},
        record=lambda s: (s.params, {"norm": optax.tree.norm(s.params)}, s.step > 5),
    )  # fmt: skip
    assert history.loss.shape == (13,) and history.step_loss.shape == (13, STEPS)
    assert set(history.metrics) == {"validation_loss", "error"}
    params, norm, late = history.record
    for leaf in jax.tree.leaves(history):
        assert isinstance(leaf, np.ndarray) and len(leaf) == 13
    assert_same(jax.tree.map(lambda a: a[-1], params), state.params)
    hidden = np.einsum("ni,eij->enj", X[:7], params[0]["kernel"]) + params[0]["bias"][:, None]
    hidden = np.tanh(hidden)
    output = np.einsum("enj,ejk->enk", hidden, params[2]["kernel"]) + params[2]["bias"][:, None]
    expected = np.mean((output - Y[:7]) ** 2, axis=(1, 2))
    np.testing.assert_allclose(history.metrics["validation_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(
        history.metrics["error"], np.mean(output - Y[:7], axis=1)[:, 0], rtol=1e-4, atol=1e-6
    )
    norms = [optax.tree.norm(jax.tree.map(lambda a, i=i: a[i], params)) for i in range(13)]
    np.testing.assert_allclose(norm["norm"], norms, rtol=1e-6)
    np.testing.assert_array_equal(late, np.arange(13) >= 1)
    assert late.dtype == bool


def test_metrics_without_validation_are_those_of_the_training_data():
    """After the epoch and without noise; the loss of the epoch is the mean on its way."""
    options = {
        "key": new_key(),
        "epochs": 3,
        "batch_size": BATCH,
        "metrics": {"after": jb.losses.mse},
    }
    options["record"] = lambda state: state.params
    _, history = jb.fit(NOISY, ADAM, (X, Y), **options)
    for i in range(3):
        params = jax.tree.map(lambda a, i=i: a[i], history.record)
        want = jb.evaluate(NOISY.network, params, (X, Y), {"after": jb.losses.mse})["after"]
        np.testing.assert_allclose(history.metrics["after"][i], want, rtol=1e-5)
    assert np.all(history.metrics["after"] != history.loss)


def test_validation_without_metrics_measures_the_loss_of_the_rule():
    options = {"epochs": 2, "batch_size": BATCH, "validation": (X[:7], Y[:7])}
    named = {"validation_loss": jb.losses.mse}
    _, history = jb.fit(RULE, ADAM, (X, Y), key=new_key(), **options)
    _, want = jb.fit(RULE, ADAM, (X, Y), key=new_key(), metrics=named, **options)
    assert_same(history, want)
    oja = jb.learning.plasticity.plastic(jb.dense(1), jb.learning.plasticity.oja())
    with pytest.raises(ValueError, match=r"validation needs metrics"):
        jb.fit(oja, ADAM, (X, Y), key=new_key(), **options)


def error(prediction, target):
    return jnp.sum(prediction - target)


def test_callers_arrays_are_usable_after_fit():
    """Buffers may be donated inside; never those of the caller."""
    x, y = jnp.asarray(X), jnp.asarray(Y)
    state = jb.init_state(NOISY, ADAM, x[0], key=new_key())
    before = plain(state)
    jb.fit(NOISY, ADAM, (x, y), key=new_key(), state=state, **{**WATCHED, "validation": (x, y)})
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((state, x, y, new_key())))
    assert_same(before, state)


def test_callers_numpy_arrays_are_neither_changed_nor_watched():
    """device_put may alias NumPy memory: what a user does with it later must not reach a result."""
    x, y = X.copy(), Y.copy()
    state, history = jb.fit(NOISY, ADAM, (x, y), key=new_key(), epochs=2, batch_size=BATCH)
    before = plain((state, history))
    np.testing.assert_array_equal(x, X)
    x[:] = 7
    assert_same(before, (state, history))


def test_the_loss_of_an_epoch_is_the_mean_over_its_examples():
    """Batches of 4, 4 and 2: the last one counts half."""
    _, history = jb.fit(RULE, ADAM, (X, Y), key=new_key(), epochs=3, batch_size=BATCH)
    expected = history.step_loss @ np.array([0.4, 0.4, 0.2])
    np.testing.assert_allclose(history.loss, expected, rtol=1e-6)
    assert np.abs(history.loss - history.step_loss.mean(axis=1)).max() > 1e-4  # the plain mean
