"""Losses against NumPy and optax at generic values; no shape or label passes silently."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special

import jaxbrain as jb
from jaxbrain.losses import (
    binary_cross_entropy,
    binary_cross_entropy_of_probabilities,
    cross_entropy_of_probabilities,
    half_mse,
    mse,
    softmax_cross_entropy,
)

Z = jnp.array([0.3, -1.7, 2.2, 0.9])
T = jnp.array([0.2, 0.9, 0.4, 0.0])
P = jnp.array([0.1, 0.2, 0.3, 0.4])


def test_half_mse_is_the_delta_rule():
    z, t = np.asarray(Z, "float64"), np.asarray(T, "float64")
    np.testing.assert_allclose(half_mse(Z, T), 0.5 * np.sum((z - t) ** 2), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(half_mse)(Z, T), z - t, rtol=1e-6)
    batch = jnp.mean(jax.vmap(half_mse)(Z.reshape(2, 2), T.reshape(2, 2)))
    np.testing.assert_allclose(batch, np.sum((z - t) ** 2) / (2 * 2), rtol=1e-6)


def test_mse():
    np.testing.assert_allclose(mse(Z, T), np.mean((np.asarray(Z) - np.asarray(T)) ** 2), rtol=1e-6)


def test_binary_cross_entropy():
    z, t = np.asarray(Z, "float64"), np.asarray(T, "float64")
    s = scipy.special.expit(z)
    want = -np.sum(t * np.log(s) + (1 - t) * np.log(1 - s))
    np.testing.assert_allclose(binary_cross_entropy(Z, T), want, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(binary_cross_entropy)(Z, T), s - t, rtol=1e-5)
    for labels in (jnp.array([1, 0, 1, 0]), jnp.array([True, False, True, False])):
        want = optax.losses.sigmoid_binary_cross_entropy(Z, jnp.array([1.0, 0, 1, 0])).sum()
        np.testing.assert_allclose(binary_cross_entropy(Z, labels), want, rtol=1e-6)


def test_softmax_cross_entropy_of_labels_one_hots_and_distributions():
    z = np.asarray(Z, "float64")
    log_p = z - scipy.special.logsumexp(z)
    for label in range(4):
        one_hot = jax.nn.one_hot(label, 4)
        for target in (jnp.array(label), jnp.array(label, "uint8"), one_hot, one_hot.astype(int)):
            np.testing.assert_allclose(softmax_cross_entropy(Z, target), -log_p[label], rtol=1e-5)
    np.testing.assert_allclose(softmax_cross_entropy(Z, P), -np.sum(P * log_p), rtol=1e-5)
    error = np.exp(log_p) - np.eye(4)[2]
    np.testing.assert_allclose(jax.grad(softmax_cross_entropy)(Z, jnp.array(2)), error, atol=1e-6)


@pytest.mark.parametrize(
    "dtype, classes", [("uint8", 256), ("int8", 200), ("uint8", 300), ("int16", 9)]
)
@pytest.mark.parametrize("jit", [False, True])
def test_labels_of_few_bits(dtype, classes, jit):
    """Bytes and IDX labels: the number of classes need not fit the type of the labels."""
    loss = jax.jit(softmax_cross_entropy) if jit else softmax_cross_entropy
    logits = jnp.zeros(classes)
    np.testing.assert_allclose(loss(logits, jnp.array(7, dtype)), np.log(classes), rtol=1e-6)
    if dtype == "uint8":
        np.testing.assert_allclose(loss(logits, jnp.array(255, dtype)), np.log(classes), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e30])
def test_large_logits_stay_finite(scale):
    for loss, target in ((softmax_cross_entropy, jnp.array(1)), (binary_cross_entropy, T)):
        value, grads = jax.value_and_grad(loss)(scale * Z, target)
        assert np.isfinite(value) and np.all(np.isfinite(grads))


LABELS = [4, -1, 10**6, -5]


@pytest.mark.parametrize("label", LABELS)
def test_a_label_out_of_range_raises_where_it_is_known_and_is_nan_where_it_is_not(label):
    with pytest.raises(ValueError, match=rf"label.*must be in 0..3, got {label}"):
        softmax_cross_entropy(Z, jnp.array(label))
    with pytest.raises(ValueError, match=r"must be in 0..3"):
        jax.grad(softmax_cross_entropy)(Z, jnp.array(label))  # known, while logits are traced
    assert np.isnan(jax.jit(softmax_cross_entropy)(Z, jnp.array(label)))
    y = jnp.array([0, label, 3])
    losses = jax.vmap(softmax_cross_entropy, in_axes=(None, 0))(Z, y)
    assert np.isnan(losses).tolist() == [False, True, False]


def test_a_known_label_is_checked_while_the_logits_are_traced():
    for label in (np.uint8(9), jnp.array(9), jnp.array(9, "uint8")):
        with pytest.raises(ValueError, match=r"must be in 0..3, got 9"):
            jax.jit(lambda z, label=label: softmax_cross_entropy(z, label))(Z)


@pytest.mark.parametrize("bad", [1.5, -0.1, 2.0, float("nan")])
def test_a_probability_out_of_range(bad):
    with pytest.raises(ValueError, match=r"target of binary_cross_entropy must be in 0..1"):
        binary_cross_entropy(Z, T.at[2].set(bad))
    assert np.isnan(jax.jit(binary_cross_entropy)(Z, T.at[2].set(bad)))


def test_a_softmax_over_one_class_learns_nothing_and_is_refused():
    for target in (jnp.array([1.0]), jnp.array(0)):
        with pytest.raises(ValueError, match=r"(?s)class.*binary_cross_entropy"):
            softmax_cross_entropy(jnp.array([0.7]), target)


COLUMN = r"y\[:, None\]"
MISTAKES = [
    (mse, jnp.ones(1), jnp.float32(1), ValueError, rf"\(1,\), got \(\).*{COLUMN}"),
    (half_mse, jnp.ones(1), jnp.float32(1), ValueError, COLUMN),
    (half_mse, jnp.ones(3), jnp.ones(1), ValueError, "must have the shape of the prediction"),
    (half_mse, jnp.ones((3, 1)), jnp.ones((1, 3)), ValueError, r"\(3, 1\), got \(1, 3\)"),
    (binary_cross_entropy, jnp.ones(1), jnp.float32(1), ValueError, COLUMN),
    (binary_cross_entropy, jnp.ones(2), jnp.ones(3), ValueError, r"\(2,\), got \(3,\)"),
    (softmax_cross_entropy, Z, jnp.float32(2), TypeError, r"must be integers, got float32.*astype"),
    (softmax_cross_entropy, Z, jnp.array(True), TypeError, "must be integers, got bool"),
    (softmax_cross_entropy, Z, jnp.array([1]), ValueError, r"y\[:, 0\]"),
    (softmax_cross_entropy, Z, jnp.ones(3), ValueError, r"one-hot \(4,\), got \(3,\)"),
    (softmax_cross_entropy, jnp.float32(1), jnp.array(0), ValueError, "got a scalar"),
]


@pytest.mark.parametrize("i", range(len(MISTAKES)))
@pytest.mark.parametrize("jit", [False, True])
def test_mistakes_are_named(i, jit):
    loss, prediction, target, error, message = MISTAKES[i]
    with pytest.raises(error, match=message):
        (jax.jit(loss) if jit else loss)(prediction, target)


def test_targets_of_one_axis_for_outputs_of_two():
    """(N,) against (N, 1): the classic silent broadcast."""
    net = jb.dense(1)
    x, y = jnp.ones((5, 2)), jnp.ones(5)
    params = net.init(jax.random.key(0), x[0])
    for loss in (mse, half_mse, binary_cross_entropy):
        with pytest.raises(ValueError, match=COLUMN):
            jb.backprop(net, loss).grads(params, (), x, y)


@pytest.mark.parametrize("loss", [mse, half_mse, binary_cross_entropy, softmax_cross_entropy])
def test_unknown_keywords_are_refused(loss):
    with pytest.raises(TypeError, match="reduction"):
        loss(Z, T, reduction="sum")


@pytest.mark.parametrize("wrong", [[0.0, 0.0, 0.0], [5.0, -2.0, 7.0], [2.0, 1.0, 0.0]])
def test_a_target_in_the_shape_of_the_logits_is_a_distribution(wrong):
    loss, wrong = jb.losses.softmax_cross_entropy, jnp.array(wrong)
    with pytest.raises(ValueError, match="must be a distribution"):
        loss(jnp.zeros(3), wrong)
    assert jnp.isnan(jax.jit(loss)(jnp.zeros(3), wrong))
    soft = jnp.array([0.2, 0.5, 0.3])
    np.testing.assert_allclose(jax.jit(loss)(jnp.zeros(3), soft), np.log(3), rtol=1e-6)


def test_sequences_are_averaged_over_time():
    logits = jax.random.normal(jax.random.key(0), (5, 3))
    labels = jnp.array([0, 2, 1, 1, 0])
    one_by_one = [
        jb.losses.softmax_cross_entropy(z, y) for z, y in zip(logits, labels, strict=True)
    ]
    got = jb.losses.softmax_cross_entropy(logits, labels)
    np.testing.assert_allclose(got, np.mean(one_by_one), rtol=1e-6)
    right = np.mean(np.argmax(logits, -1) == labels)
    np.testing.assert_allclose(jb.accuracy(logits, labels), right)


# ------------------------------------------------------------------------ losses of probabilities

LIKELY = jnp.array([0.2, 0.6, 0.7, 0.1])
SMALLEST = float(jnp.finfo("float32").tiny)


def test_the_loss_of_probabilities_is_its_definition():
    """-1/n sum [y log p + (1 - y) log(1 - p)], the number of the textbooks."""
    y = jnp.array([0, 1, 1, 0])
    each = jax.vmap(binary_cross_entropy_of_probabilities)(LIKELY, y)
    p, t = np.asarray(LIKELY, "float64"), np.asarray(y)
    np.testing.assert_allclose(each, -(t * np.log(p) + (1 - t) * np.log(1 - p)), rtol=1e-6)
    assert round(float(jnp.mean(each)), 4) == 0.2990
    slope = jax.grad(binary_cross_entropy_of_probabilities)(LIKELY, T)
    t = np.asarray(T, "float64")
    np.testing.assert_allclose(slope, (1 - t) / (1 - p) - t / p, rtol=1e-5)


def test_losses_of_probabilities_are_those_of_their_logits():
    """Value and gradient, through the sigmoid or the softmax."""
    for of_probabilities, function, from_logits, target in (
        (binary_cross_entropy_of_probabilities, jax.nn.sigmoid, binary_cross_entropy, T),
        (cross_entropy_of_probabilities, jax.nn.softmax, softmax_cross_entropy, P),
        (cross_entropy_of_probabilities, jax.nn.softmax, softmax_cross_entropy, jnp.array(2)),
    ):
        for logits in (Z, 20 * Z - 30):
            got = jax.value_and_grad(lambda z: of_probabilities(function(z), target))(logits)  # noqa: B023
            want = jax.value_and_grad(from_logits)(logits, target)
            np.testing.assert_allclose(got[0], want[0], rtol=1e-4)
            np.testing.assert_allclose(got[1], want[1], atol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_a_probability_of_zero_counts_as_the_smallest_number(jit):
    binary, several = binary_cross_entropy_of_probabilities, cross_entropy_of_probabilities
    binary, several = (jax.jit(f) if jit else f for f in (binary, several))
    for p, t in ((0.0, 1.0), (1.0, 0.0)):
        value, slope = jax.value_and_grad(binary)(jnp.array([p]), jnp.array([t]))
        np.testing.assert_allclose(value, -np.log(SMALLEST), rtol=1e-6)
        assert np.isfinite(slope)
        assert binary(jnp.array([p]), jnp.array([p])) == 0
    certain = jnp.array([0.0, 1.0])
    np.testing.assert_allclose(several(certain, jnp.array(0)), -np.log(SMALLEST), rtol=1e-6)
    assert several(certain, jnp.array(1)) == several(certain, certain) == 0
    tiny = jnp.array([1e-30, 1.0])  # a wrong and certain answer still has its gradient
    np.testing.assert_allclose(jax.grad(several)(tiny, jnp.array(0))[0], -1e30, rtol=1e-5)


@pytest.mark.parametrize("wrong", [[0.4, 0.4, 0.4], [1.2, -0.2, 0.0], [3.0, -1.0, -1.0]])
def test_probabilities_are_a_distribution(wrong):
    wrong, label = jnp.array(wrong), jnp.array(1)
    with pytest.raises(ValueError, match=r"probability of cross_entropy.*must be a distribution"):
        cross_entropy_of_probabilities(wrong, label)
    assert np.isnan(jax.jit(cross_entropy_of_probabilities)(wrong, label))


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan")])
def test_a_probability_is_from_zero_to_one(wrong):
    p = LIKELY.at[1].set(wrong)
    with pytest.raises(ValueError, match=r"probability of binary_cross_entropy.* in 0..1"):
        binary_cross_entropy_of_probabilities(p, T)
    with pytest.raises(ValueError, match=r"target of binary_cross_entropy.* in 0..1"):
        binary_cross_entropy_of_probabilities(LIKELY, T.at[1].set(wrong))
    assert np.isnan(jax.jit(binary_cross_entropy_of_probabilities)(p, T))
    assert np.isnan(jax.jit(binary_cross_entropy_of_probabilities)(LIKELY, T.at[1].set(wrong)))


def test_labels_of_probabilities_are_in_range():
    for label in (3, -1):
        with pytest.raises(ValueError, match=r"label of cross_entropy.*must be in 0..2"):
            cross_entropy_of_probabilities(jnp.array([0.2, 0.5, 0.3]), jnp.array(label))
    with pytest.raises(TypeError, match="must be integers"):
        cross_entropy_of_probabilities(jnp.array([0.2, 0.5, 0.3]), 1.0)
    with pytest.raises(ValueError, match=r"use binary_cross_entropy_of_probabilities"):
        cross_entropy_of_probabilities(jnp.ones(1), jnp.array(0))


# ------------------------------------------------------------------------------- weighted losses


def test_a_weighted_loss_is_the_loss_times_its_weight():
    for loss, target in ((mse, T), (softmax_cross_entropy, jnp.array(2))):
        got = jb.losses.weighted(loss)(Z, jb.losses.Weighted(target, 3))
        np.testing.assert_allclose(got, 3 * loss(Z, target), rtol=1e-6)
    with pytest.raises(TypeError, match=r"must be jb\.losses\.Weighted"):
        jb.losses.weighted(mse)(Z, (T, 1.0))
