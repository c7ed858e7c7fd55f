"""Metrics of one example against scikit-learn and by hand; targets of another kind."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

import jaxbrain as jb

M = jb.metrics
N, K = 40, 6
Z = jax.random.normal(jax.random.key(0), (N, K))
LABELS = jax.random.randint(jax.random.key(1), (N,), 0, K)
MANY = jax.random.bernoulli(jax.random.key(2), 0.4, (N, K))


def mean(metric, outputs, targets):
    return jnp.mean(jax.jit(jax.vmap(metric))(outputs, targets))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_accuracy(k):
    top = partial(M.top_k_accuracy, k=k)
    want = sk.top_k_accuracy_score(LABELS, Z, k=k, labels=range(K))
    np.testing.assert_allclose(mean(top, Z, LABELS), want, rtol=1e-6)
    np.testing.assert_allclose(mean(top, Z, jax.nn.one_hot(LABELS, K)), want, rtol=1e-6)
    ties = jnp.zeros(K)
    assert [float(top(ties, jnp.array(c))) for c in range(K)] == [1.0] * k + [0.0] * (K - k)


@pytest.mark.parametrize("k", [0, 6, 7, 2.0])
def test_k_is_below_the_number_of_classes(k):
    with pytest.raises(ValueError, match="top_k_accuracy: k must be"):
        M.top_k_accuracy(Z[0], LABELS[0], k=k)


def test_several_labels():
    decisions, targets = np.asarray(Z > 0), np.asarray(MANY)
    np.testing.assert_allclose(
        mean(M.multilabel_accuracy, Z, MANY), 1 - sk.hamming_loss(targets, decisions), rtol=1e-6
    )
    want = sk.accuracy_score(targets, decisions)
    answers = jnp.where(
        jnp.arange(N)[:, None] % 2 == 0, jnp.where(MANY, 1.0, -1.0), Z
    )  # half of them right
    assert mean(M.exact_match, Z, MANY) == np.float32(want)
    assert mean(M.exact_match, answers, MANY) >= 0.5
    p = jax.nn.sigmoid(Z)
    np.testing.assert_allclose(
        mean(M.binary_accuracy, p, MANY), mean(M.multilabel_accuracy, Z, MANY), rtol=1e-6
    )
    exact = partial(M.exact_match, threshold=0.5)
    assert mean(exact, jax.nn.sigmoid(answers), MANY) == mean(M.exact_match, answers, MANY)


def test_mean_absolute_error():
    want = sk.mean_absolute_error(MANY, Z)
    np.testing.assert_allclose(mean(M.mean_absolute_error, Z, MANY), want, rtol=1e-6)


NO_CLASS = [[1, 1, 0], [0, 0, 0], [5.1, 1.4, 0.2], [2, -1, 0], [np.nan, 1, 0]]


@pytest.mark.parametrize("target", NO_CLASS, ids=str)
@pytest.mark.parametrize("metric", [jb.accuracy, partial(M.top_k_accuracy, k=2)])
def test_a_target_in_the_shape_of_the_logits_is_one_class(metric, target):
    logits, target = jnp.array([5.0, -4.0, -3.0]), jnp.array(target)
    with pytest.raises(ValueError, match=r"one-hot.*multilabel_accuracy or exact_match"):
        metric(logits, target)
    assert np.isnan(jax.jit(metric)(logits, target))
    assert metric(logits, jnp.array([0.8, 0.1, 0.1])) == 1  # smoothed labels are one class


@pytest.mark.parametrize("label", [3, -1, 1.5])
def test_a_label_is_in_range(label):
    for metric in (jb.accuracy, partial(M.top_k_accuracy, k=2)):
        with pytest.raises(ValueError, match=r"a label in 0..2; got"):
            metric(jnp.zeros(3), jnp.array(label))
        assert np.isnan(jax.jit(metric)(jnp.zeros(3), jnp.array(label)))


@pytest.mark.parametrize("metric", [M.multilabel_accuracy, M.exact_match, M.binary_accuracy])
@pytest.mark.parametrize("wrong", [2.0, -0.5, np.nan])
def test_yes_or_no(metric, wrong):
    target = jnp.array([1.0, wrong])
    with pytest.raises(ValueError, match=r"must be 0 or 1; got .* at index \[1\]"):
        metric(jnp.zeros(2), target)
    assert np.isnan(jax.jit(metric)(jnp.zeros(2), target))
    assert metric(jnp.array([0.7, -0.7]), jnp.array([0.9, -1.0])) == 1  # smoothed; -1 is no


def test_one_output_too():
    with pytest.raises(ValueError, match=r"must be 0 or 1; got 2 at index \[0\]"):
        jb.accuracy(jnp.array([1.0]), jnp.array([2]))
    assert np.isnan(jax.jit(jb.accuracy)(jnp.array([1.0]), jnp.array([2])))
