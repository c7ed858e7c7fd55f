"""Checks of metrics, once for a data set: what a jitted metric could only answer by nan."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb

M = jb.metrics
N = 5
X = jax.random.normal(jax.random.key(0), (N, 2))
NET = jb.dense(3)
MANY = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]])
SIGMOID = jb.elementwise(jax.nn.sigmoid)
ONE, PROBABLE = jb.dense(1), jb.serial(jb.dense(1), SIGMOID)
YES = jnp.array([[0], [1], [1], [0], [1]])


def evaluate(net, y, metric):
    params = net.init(jax.random.key(1), X[0])
    return jb.evaluate(net, params, (X, y), {"mine": metric})["mine"]


def fit(net, y, metric, **options):
    rule = jb.backprop(net, jb.losses.mse)
    return jb.fit(
        rule, optax.sgd(0.1), (X, y), key=jax.random.key(2), epochs=1, metrics={"mine": metric},
        **options,
    )  # fmt: skip


CLASS = {
    "accuracy": jb.accuracy,
    "top k": partial(M.top_k_accuracy, k=2),
    "f1": M.f1,
    "partial": partial(partial(M.precision, average=M.micro)),
    "confusion": M.confusion_matrix,
}


@pytest.mark.parametrize("name", CLASS)
@pytest.mark.parametrize("measure", [evaluate, fit])
def test_several_labels_of_an_example_are_refused_with_the_first_of_them(name, measure):
    message = (
        r"the metric 'mine' and y of \w+: a target must be one-hot.*\[1, 1, 0\] at index \[0\]"
    )
    with pytest.raises(ValueError, match=message):
        measure(NET, MANY, CLASS[name])


def test_and_in_validation_data():
    with pytest.raises(ValueError, match=r"y of validation: a target must be one-hot"):
        fit(NET, jax.nn.one_hot(jnp.arange(N) % 3, 3), jb.accuracy, validation=(X, MANY))


def test_metrics_of_several_labels():
    for metric in (
        M.multilabel_accuracy,
        M.exact_match,
        partial(M.f1, decide=M.above()),
        M.roc_auc,
    ):
        assert 0 <= evaluate(NET, MANY, metric) <= 1
    with pytest.raises(ValueError, match=r"must be 0 or 1; got 2 at index \[0, 0\]"):
        evaluate(NET, 2 * MANY, M.exact_match)
    params = NET.init(jax.random.key(1), X[0])
    outputs = np.asarray(jb.predict(NET, params, X))
    want = np.float32(np.mean(np.all((outputs > 0) == MANY, axis=1)))
    assert evaluate(NET, MANY, M.exact_match) == want


LOGITS = {
    "accuracy": jb.accuracy,
    "exact": M.exact_match,
    "recall": M.recall,
    "above": partial(M.recall, decide=M.above()),
}
HALF = {
    "binary": M.binary_accuracy,
    "exact": partial(M.exact_match, threshold=0.5),
    "above": partial(M.recall, decide=M.above(0.5)),
}


@pytest.mark.parametrize("name", LOGITS)
def test_a_probability_is_no_logit(name):
    """A sigmoid output is always above 0: every answer would be yes."""
    evaluate(ONE, YES, LOGITS[name])
    for measure in (evaluate, fit):
        with pytest.raises(ValueError, match=r"'mine' takes an output above 0.*binary_accuracy"):
            measure(PROBABLE, YES, LOGITS[name])
    for half in HALF.values():
        evaluate(PROBABLE, YES, half)
        evaluate(ONE, YES, half)  # a linear output that learns 0 and 1


def test_the_largest_of_several_probabilities_is_a_class():
    net = jb.serial(NET, jb.elementwise(jax.nn.softmax))
    params, data = net.init(jax.random.key(1), X[0]), (X, jnp.arange(N) % 3)
    found = jb.evaluate(net, params, data, {"a": jb.accuracy})
    assert found == jb.evaluate(NET, params[0], data, {"a": jb.accuracy})


def test_metrics_of_the_user_and_targets_of_the_user_are_not_checked():
    assert evaluate(NET, MANY, lambda p, t: jnp.sum(t)) == np.float32(np.mean(np.sum(MANY, 1)))
    graded = jb.tasks.graded(jb.accuracy)
    net = jb.cells.unroll(jb.lift(NET))
    params, xs = net.init(jax.random.key(3), X), X[None]
    y = (jnp.arange(N)[None] % 3, jnp.ones((1, N)))
    assert 0 <= jb.evaluate(net, params, (xs, y), {"graded": graded})["graded"] <= 1


def test_traced_targets_give_nan():
    params = NET.init(jax.random.key(1), X[0])
    measure = jax.jit(lambda y: jb.evaluate(NET, params, (X, y), {"a": jb.accuracy}))
    assert np.isnan(measure(MANY)["a"]) and isinstance(measure(MANY)["a"], jax.Array)
