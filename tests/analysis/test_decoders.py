"""Ridge regression against scikit-learn, recurrent decoders, causality, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.analysis import decode, r_squared, recurrent_decoder, ridge_decoder
from tests.analysis.recordings import recording
from tests.conftest import shared

PENALTIES = tuple(np.logspace(-1, 4, 11))


@pytest.mark.parametrize("folds", [3, 5])
@pytest.mark.x64
def test_ridge_is_that_of_scikit_learn(folds):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, KFold

    activity, movement = recording()
    seen, unseen = (np.hstack([a, np.vstack([a[:1], a[:-1]])]) for a in np.split(activity, [96]))
    mean, scale = seen.mean(0), seen.std(0)
    search = GridSearchCV(
        Ridge(), {"alpha": PENALTIES}, cv=KFold(folds), scoring="neg_mean_squared_error"
    ).fit((seen - mean) / scale, movement[:96])
    decoder = ridge_decoder(lags=(0, 1), penalties=PENALTIES, folds=folds)
    found = decode(decoder, activity, movement)
    errors = -search.cv_results_["mean_test_score"]
    np.testing.assert_allclose(found.params.errors, errors, rtol=1e-9)
    assert 0 < errors.argmin() < len(errors) - 1, "no choice was made"
    assert found.params.penalty == search.best_params_["alpha"]
    np.testing.assert_allclose(found.params.kernel, search.best_estimator_.coef_.T, atol=1e-9)
    predicted = search.predict((unseen - mean) / scale)
    np.testing.assert_allclose(found.predicted, predicted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ["past", "future", "recurrent"])
def test_a_prediction_does_not_know_the_future(kind):
    activity, movement = (np.float32(a) for a in recording(40, 3))
    lags = (-1, 0, 1) if kind == "future" else (0, 1)
    decoder = ridge_decoder(lags=lags)
    if kind == "recurrent":
        decoder = recurrent_decoder(jb.cells.elman(4), bins=3, epochs=1)
    params = decoder.fit(activity, movement, key=jax.random.key(0))
    before, changed = decoder.predict(params, activity), activity.copy()
    changed[20:] += 10
    after = decoder.predict(params, changed)
    bins = np.flatnonzero(np.abs(after - before).max(axis=1) > 1e-5)
    assert bins[0] == (19 if kind == "future" else 20)
    changed[20:] = activity[20:]
    changed[19] += 10  # how far a change reaches
    after = decoder.predict(params, changed)
    bins = np.flatnonzero(np.abs(after - before).max(axis=1) > 1e-5)
    assert bins.tolist() == {
        "past": [19, 20], "future": [18, 19, 20], "recurrent": [19, 20, 21]
    }[kind]  # fmt: skip


@pytest.mark.slow
def test_recurrent_decoders_of_several_seeds_find_what_is_not_linear():
    rng = np.random.default_rng(0)
    activity = rng.normal(size=(300, 2)).astype(np.float32)
    movement = activity[:, :1] * np.vstack([activity[:1, 1:], activity[:-1, 1:]])
    decoder = recurrent_decoder(jb.cells.gru(16), bins=2, epochs=40, dropout_rate=0.0)
    keys = jax.random.split(jax.random.key(0), 2)
    found = decode(decoder, activity, movement, key=keys)
    assert found.predicted.shape == (2, 60, 1) and found.r_squared.shape == (2, 1)
    assert np.min(found.r_squared) > 0.5
    assert abs(found.r_squared[0] - found.r_squared[1]) > 1e-4, "the seeds are the same"
    assert decode(ridge_decoder(), activity, movement).r_squared[0] < 0.1


@pytest.mark.slow
def test_the_epoch_is_chosen_on_what_is_held_back():
    activity, movement = (np.float32(a) for a in recording(60, 3))
    movement = np.random.default_rng(1).permutation(movement)  # to learn it can only do harm

    def readout(held_back, epochs):
        decoder = recurrent_decoder(
            jb.cells.elman(4),
            bins=2,
            epochs=epochs,
            dropout_rate=0.0,
            held_back=held_back,
            optimizer=optax.adam(1e-2),
        )
        params = decoder.fit(activity, movement, key=jax.random.key(0))
        return params["network"][-1]["kernel"]

    # the best epoch has passed: more of them change nothing
    chosen = readout(0.25, 30)
    np.testing.assert_allclose(chosen, readout(0.25, 40), atol=1e-6)
    assert np.abs(chosen - readout(0.0, 40)).max() > 1e-2


@pytest.mark.slow
@pytest.mark.x64
def test_precision_is_that_of_the_data():
    activity, movement = (jnp.asarray(a) for a in recording(30, 3))
    for decoder in (ridge_decoder(), recurrent_decoder(jb.cells.elman(2), epochs=1)):
        found = decode(decoder, activity, movement, key=jax.random.key(0))
        assert found.predicted.dtype == jnp.float64


def test_reaches_of_a_monkey():
    """Dyer et al. 2017, doi 10.1038/s41551-017-0169-7; ridge on the present and two past bins."""
    data = np.load(shared("m1_reaching.npz"))
    rates, velocity = data["rates"], data["velocity"]
    # the penalty that leaving out single bins would choose; blocks choose a larger one, rightly
    found = decode(ridge_decoder(penalties=(177.82794,), folds=2), rates, velocity)
    np.testing.assert_allclose(found.r_squared, [0.68, 0.81], atol=0.02)
    late = np.roll(velocity[642:], 80, axis=0)  # the movement of another time
    assert np.max(r_squared(late, found.predicted)) < 0.1
