"""Arguments of `run` and `fit`: what is refused, and how it is said."""

import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.small import BATCH, RULE, STEPS, X, Y, new_key


@pytest.mark.parametrize("train", [jb.run, jb.fit])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"epochs": 2.0}, "epochs must be a positive integer, got 2.0"),
        ({"epochs": True}, "epochs must be a positive integer, got True"),
        ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
        ({"batch_size": -3}, "batch_size must be a positive integer, got -3"),
        ({"validation": (X, Y), "metrics": {}}, "validation needs metrics"),
        ({"metrics": {"loss": jb.losses.mse}}, "cannot be called 'loss'"),
        ({"validation": (X, Y[:3]), "metrics": {"l": jb.losses.mse}}, "validation.*one target"),
        ({"validation": (X[:0], Y[:0]), "metrics": {"l": jb.losses.mse}}, "validation is empty"),
    ],
)
def test_bad_arguments(train, kwargs, message):
    kwargs = {"key": new_key(), "epochs": 1, "batch_size": BATCH, **kwargs}
    with pytest.raises((TypeError, ValueError), match=message):
        train(RULE, optax.sgd(0.1), (X, Y), **kwargs)


@pytest.mark.parametrize("train", [jb.run, jb.fit])
def test_validation_that_is_no_pair(train):
    with pytest.raises(TypeError, match=r"validation must be a pair \(x, y\), got ndarray"):
        train(
            RULE, optax.sgd(0.1), (X, Y), key=new_key(), epochs=1,
            validation=X, metrics={"l": jb.losses.mse},
        )  # fmt: skip


@pytest.mark.parametrize("train", [jb.run, jb.fit])
def test_numpy_integers_are_integers(train):
    state, _ = train(
        RULE, optax.sgd(0.1), (X, Y), key=new_key(), epochs=np.int64(2), batch_size=np.int32(BATCH)
    )
    assert int(state.step) == 2 * STEPS
