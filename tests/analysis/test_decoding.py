"""Decoders against scikit-learn, causality, and what a recording must be."""

import jax
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.analysis import decode, lagged, r_squared, recurrent_decoder, ridge_decoder
from tests.analysis.recordings import recording


def test_lags_are_exact():
    activity = np.arange(10.0).reshape(5, 2)
    rows = lagged(activity, (0, 2, -1))
    assert rows.shape == (5, 6)
    np.testing.assert_array_equal(rows[2], [4, 5, 0, 1, 6, 7])
    # beyond both ends the nearest bin stands in: nothing wraps around
    np.testing.assert_array_equal(rows[0], [0, 1, 0, 1, 2, 3])
    np.testing.assert_array_equal(rows[4], [8, 9, 4, 5, 8, 9])
    np.testing.assert_array_equal(jax.jit(lambda a: lagged(a, (0, 2, -1)))(activity), rows)


@pytest.mark.x64
def test_r_squared_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    y, p = np.random.default_rng(0).normal(size=(2, 50, 3)) + np.arange(3.0)
    expected = metrics.r2_score(y, p, multioutput="raw_values")
    np.testing.assert_allclose(r_squared(y, p), expected, rtol=1e-12)
    assert expected.max() < 0  # below chance is not cut off
    assert np.isnan(r_squared(np.ones((5, 1)), np.zeros((5, 1))))[0]


@pytest.mark.x64
def test_what_is_held_out_changes_nothing_that_was_learned():
    activity, movement = recording()
    found = decode(ridge_decoder(lags=(0, 1)), activity, movement)
    other = activity.copy(), movement.copy()
    other[0][96:], other[1][96:] = 7 * other[0][96:] + 1, -other[1][96:]
    again = decode(ridge_decoder(lags=(0, 1)), *other)
    for one, two in zip(found.params, again.params, strict=True):
        np.testing.assert_array_equal(one, two)
    other = activity.copy()
    other[:96] *= 1.1  # the same where everything is standardised, but for the border
    moved = decode(ridge_decoder(lags=(0, 1)), other, movement).params
    assert np.abs(moved.mean - found.params.mean).min() > 0


def test_what_cannot_be_decoded_is_refused():
    activity, movement = recording(30, 3)
    ridge, gru = ridge_decoder(), recurrent_decoder(jb.cells.gru(2))
    broken = activity.copy()
    broken[7, 1] = np.nan
    refused = [
        ("same bins, got 30 and 29", lambda: decode(ridge, activity, movement[:-1])),
        ("activity must be finite.*bin 7", lambda: decode(ridge, broken, movement)),
        ("movement must be finite", lambda: decode(ridge, activity, movement * np.inf)),
        ("activity must be .time, columns.", lambda: decode(ridge, activity[None], movement)),
        ("movement must be .time, columns.", lambda: decode(ridge, activity, movement[:, 0])),
        ("held_out must be between", lambda: decode(ridge, activity, movement, held_out=1.0)),
        ("both parts need at least two", lambda: decode(ridge, activity, movement, held_out=0.01)),
        (
            "must be (different|an) integer",
            lambda: ridge_decoder(lags=()),
        ),
        (
            "must be (different|an) integer",
            lambda: ridge_decoder(lags=(0, 0)),
        ),
        (
            "must be (different|an) integer",
            lambda: lagged(activity, (0.5,)),
        ),
        ("penalties must be positive", lambda: ridge_decoder(penalties=(0.0,))),
        ("folds must be at least 2", lambda: ridge_decoder(folds=1)),
        ("too few for 20 folds", lambda: ridge_decoder(folds=20).fit(activity, movement)),
        ("bins must be a positive", lambda: recurrent_decoder(jb.cells.gru(2), bins=0)),
        ("epochs must be a positive", lambda: recurrent_decoder(jb.cells.gru(2), epochs=0)),
        ("held_back must be", lambda: recurrent_decoder(jb.cells.gru(2), held_back=1.0)),
        ("rate must be", lambda: recurrent_decoder(jb.cells.gru(2), dropout_rate=1.0)),
        ("needs a key", lambda: gru.fit(activity, movement)),
        ("must have one shape", lambda: r_squared(movement, movement[:, :1])),
    ]
    for message, attempt in refused:
        with pytest.raises(ValueError, match=message):
            attempt()
    with pytest.raises(TypeError, match="outside jit"):
        decode(ridge, activity, movement, key=jax.random.split(jax.random.key(0), 2))
    with pytest.raises(TypeError, match="recurrent_decoder"):
        recurrent_decoder(jb.dense(2))  # pyright: ignore[reportArgumentType]
