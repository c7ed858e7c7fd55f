"""Metrics of a whole data set against scikit-learn, with ties and with classes that are missing."""

import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn import metrics as sk

import jaxbrain as jb
from jaxbrain.training.scores import is_over_dataset

M = jb.metrics
N, CLASSES = 60, 6
# few different values, so that there are ties; class 3 is never predicted, class 4 has no target,
# class 5 does not occur at all
LOGITS = jnp.round(2 * jax.random.normal(jax.random.key(0), (N, CLASSES)))
LOGITS = LOGITS.at[:, 3].set(-9.0).at[:, 5].set(-9.0)
LABELS = jax.random.randint(jax.random.key(1), (N,), 0, 4)
ONE = LOGITS[:, 0]
YES = (LABELS > 1).astype(int)
MANY = jax.random.bernoulli(jax.random.key(2), 0.4, (N, CLASSES)).astype(int)
GUESSES = np.argmax(LOGITS, -1)
SCORES = {
    "precision": (M.precision, sk.precision_score),
    "recall": (M.recall, sk.recall_score),
    "f1": (M.f1, sk.f1_score),
}
AVERAGES = {"macro": M.macro, "micro": M.micro, "weighted": M.support_weighted}
scores = pytest.mark.parametrize("name", SCORES)


def reference(function, *arguments, **options):
    """The value of scikit-learn, which warns where a class is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*map(np.asarray, arguments), **options)


@scores
@pytest.mark.parametrize("average", AVERAGES)
def test_several_classes(name, average):
    ours, theirs = SCORES[name]
    want = reference(theirs, LABELS, GUESSES, average=average)
    measure = jax.jit(partial(ours, average=AVERAGES[average]))
    np.testing.assert_allclose(measure(LOGITS, LABELS), want, rtol=1e-6)


def test_one_hot_targets_and_sequences_of_labels():
    want = M.f1(LOGITS, LABELS)
    np.testing.assert_allclose(M.f1(LOGITS, jax.nn.one_hot(LABELS, CLASSES)), want, rtol=1e-6)
    got = M.f1(LOGITS.reshape(6, 10, -1), LABELS.reshape(6, 10))
    np.testing.assert_allclose(got, want, rtol=1e-6)


@scores
def test_each_class_and_yes_or_no(name):
    ours, theirs = SCORES[name]
    want = reference(theirs, LABELS, GUESSES, average=None, labels=range(CLASSES))
    got = ours(LOGITS, LABELS, average=M.per_class)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert got[3] == got[4] == got[5] == 0 and not np.isnan(got).any()
    want = reference(theirs, YES, ONE > 0)
    np.testing.assert_allclose(ours(ONE, YES), want, rtol=1e-6)
    np.testing.assert_allclose(ours(ONE[:, None], YES[:, None]), want, rtol=1e-6)
    np.testing.assert_allclose(ours(ONE, 2 * YES - 1), want, rtol=1e-6)
    likely = partial(ours, decide=M.above(0.5))
    np.testing.assert_allclose(likely(jax.nn.sigmoid(ONE), YES), want, rtol=1e-6)
    assert ours(-jnp.ones(N), jnp.zeros(N)) == 0  # nothing to find, nothing found


@scores
@pytest.mark.parametrize("average", AVERAGES)
def test_several_labels(name, average):
    ours, theirs = SCORES[name]
    want = reference(theirs, MANY, LOGITS > 0, average=average)
    got = ours(LOGITS, MANY, average=AVERAGES[average], decide=M.above())
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_confusion_matrix():
    want = sk.confusion_matrix(LABELS, GUESSES, labels=range(CLASSES))
    np.testing.assert_array_equal(M.confusion_matrix(LOGITS, LABELS), want)
    assert want.sum() == N and (want != want.T).any()  # rows are the targets
    want = sk.confusion_matrix(YES, ONE > 0)
    np.testing.assert_array_equal(M.confusion_matrix(ONE[:, None], YES[:, None]), want)
    with pytest.raises(ValueError, match=r"has one class.*most_likely"):
        M.confusion_matrix(LOGITS, MANY, decide=M.above())


def test_the_area_under_the_curve():
    area = jax.jit(M.roc_auc, static_argnames="scores")
    want = sk.roc_auc_score(YES, ONE)
    assert len(np.unique(ONE)) < N / 3 and 0 < want < 1  # ties
    np.testing.assert_allclose(area(ONE, YES), want, rtol=1e-6)
    np.testing.assert_allclose(area(jax.nn.sigmoid(ONE), YES), want, rtol=1e-6)
    np.testing.assert_allclose(area(LOGITS, MANY), sk.roc_auc_score(MANY, LOGITS), rtol=1e-6)
    four = LOGITS[:, jnp.array([0, 1, 2, 4])]
    p = jax.nn.softmax(four)
    want = sk.roc_auc_score(LABELS, p, multi_class="ovr")
    np.testing.assert_allclose(area(four, LABELS), want, rtol=1e-6)
    np.testing.assert_allclose(area(p, LABELS, scores=jnp.positive), want, rtol=1e-6)
    # the logits themselves rank otherwise
    assert abs(float(area(four, LABELS, scores=jnp.positive)) - want) > 1e-4


def test_an_area_that_is_not_known():
    area = jax.jit(M.roc_auc)
    for targets in (jnp.zeros_like(YES), jnp.ones_like(YES)):
        assert np.isnan(area(ONE, targets))
    assert np.isnan(area(ONE.at[3].set(jnp.nan), YES))
    assert np.isnan(area(LOGITS, LABELS))  # class 4 has no target
    assert area(jnp.zeros(N), YES) == 0.5


def test_r_squared():
    targets = jnp.stack([ONE, 100 + LOGITS[:, 1], LOGITS[:, 2]], axis=-1)
    guesses = targets + 0.3 * jax.random.normal(jax.random.key(3), targets.shape)
    want = sk.r2_score(targets, guesses)
    np.testing.assert_allclose(jax.jit(M.r_squared)(guesses, targets), want, rtol=1e-4)
    np.testing.assert_allclose(
        M.r_squared(guesses[:, 0], ONE), sk.r2_score(ONE, guesses[:, 0]), rtol=1e-5
    )
    constant = targets.at[:, 0].set(2.0)
    for guess in (guesses, guesses.at[:, 0].set(2.0)):
        want = sk.r2_score(constant, guess)
        np.testing.assert_allclose(M.r_squared(guess, constant), want, rtol=1e-4)
    with pytest.raises(ValueError, match=r"y\[:, None\]"):
        M.r_squared(ONE[:, None], ONE)


@pytest.mark.parametrize("name", [*SCORES, "confusion_matrix", "roc_auc"])
def test_targets_that_are_no_class(name):
    measure = getattr(M, name)
    with pytest.raises(ValueError, match=r"0..5; got 7 at index \[2\]"):
        measure(LOGITS, LABELS.at[2].set(7))
    assert np.isnan(jax.jit(measure)(LOGITS, LABELS.at[2].set(7))).any()
    with pytest.raises(ValueError, match=r"must be 0 or 1; got 2 at index \[1\]"):
        measure(ONE, YES.at[1].set(2))
    assert np.isnan(jax.jit(measure)(ONE, YES.at[1].set(2))).any()
    if name != "roc_auc":  # which takes each output for itself
        with pytest.raises(ValueError, match=r"one-hot.*multilabel_accuracy"):
            measure(LOGITS, MANY)
        assert np.isnan(jax.jit(measure)(LOGITS, MANY)).any()


def worst(predictions, targets):
    return jnp.max(jnp.abs(predictions - targets))


NET = jb.dense(CLASSES)
X = jax.random.normal(jax.random.key(4), (N, 3))
PARAMS = NET.init(jax.random.key(5), X[0])


@pytest.mark.parametrize("batch_size", [None, 7])
def test_a_metric_of_all_examples_gets_all_of_them(batch_size):
    targets = jax.random.normal(jax.random.key(6), (N, CLASSES))
    found = jb.evaluate(
        NET, PARAMS, (X, targets),
        {"loss": jb.losses.mse, "worst": M.over_dataset(worst), "r": M.r_squared},
        batch_size=batch_size,
    )  # fmt: skip
    outputs = np.asarray(jb.batch(NET).apply(PARAMS, X))
    assert list(found) == ["loss", "worst", "r"] and all(type(v) is float for v in found.values())
    np.testing.assert_allclose(found["worst"], np.abs(outputs - targets).max(), rtol=1e-5)
    np.testing.assert_allclose(found["loss"], np.mean((outputs - targets) ** 2), rtol=1e-5)
    np.testing.assert_allclose(found["r"], sk.r2_score(targets, outputs), rtol=1e-5)
    assert M.over_dataset(worst) == M.over_dataset(worst) != M.over_dataset(jnp.subtract)


def test_what_is_over_a_data_set():
    assert is_over_dataset(M.f1) and is_over_dataset(partial(partial(M.f1, average=M.micro)))
    assert is_over_dataset(partial(M.over_dataset(worst)))
    assert not is_over_dataset(worst) and not is_over_dataset(jb.accuracy)
    with pytest.raises(TypeError, match="must be a function"):
        M.over_dataset(3)


def test_in_training_and_in_a_population():
    rule, metrics = jb.backprop(NET, jb.losses.softmax_cross_entropy), {
        "f1": partial(M.f1, average=M.micro), "confusion": M.confusion_matrix,
    }  # fmt: skip

    def train(key):
        return jb.run(
            rule, optax.sgd(0.1), (X, LABELS), key=key, epochs=2, metrics=metrics,
            validation=(X[:20], LABELS[:20]),
        )  # fmt: skip

    states, history = jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(7), 3))
    assert history.metrics["f1"].shape == (3, 2)
    assert history.metrics["confusion"].shape == (3, 2, CLASSES, CLASSES)
    params = jax.tree.map(lambda a: a[1], states.params)
    found = jb.evaluate(NET, params, (X[:20], LABELS[:20]), metrics)
    np.testing.assert_array_equal(history.metrics["confusion"][1, -1], found["confusion"])
    np.testing.assert_allclose(history.metrics["f1"][1, -1], found["f1"], rtol=1e-6)
