"""Accuracy by hand, and the mean over a data set by a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.training.metrics import binary_accuracy

L = jnp.array([0.1, 2.0, -3.0])

CASES = [
    (L, jnp.array(1), 1),
    (L, jnp.array(0), 0),
    (L, jnp.array(1, "uint8"), 1),
    (L, jnp.array(1, "int8"), 1),
    (L, jnp.array([0.0, 1.0, 0.0]), 1),
    (L, jnp.array([0, 0, 1]), 0),
    (L, np.int32(1), 1),
    (jnp.array([0.4]), jnp.array([1.0]), 1),  # a logit: above 0 is yes, though below 1/2
    (jnp.array([0.4]), jnp.array([0]), 0),
    (jnp.array([-0.4]), jnp.array([0]), 1),
    (jnp.array(0.4), jnp.array(True), 1),
    (jnp.array([-0.4]), jnp.array([False]), 1),
]


@pytest.mark.parametrize("i", range(len(CASES)))
def test_accuracy_by_hand(i):
    logits, target, want = CASES[i]
    assert float(jb.accuracy(logits, target)) == want
    assert float(jax.jit(jb.accuracy)(logits, target)) == want


def test_labels_of_few_bits_do_not_wrap():
    logits = jnp.zeros(300).at[257].set(1.0)
    assert float(jb.accuracy(logits, jnp.array(1, "uint8"))) == 0  # 257 is 1 in a byte
    assert float(jb.accuracy(logits, jnp.array(257, "int16"))) == 1


@pytest.mark.parametrize("target", [jnp.array([1.0]), jnp.array([1]), jnp.array([True])])
def test_binary_accuracy_is_about_probabilities(target):
    assert float(binary_accuracy(jnp.array([0.4]), target)) == 0
    assert float(binary_accuracy(jnp.array([0.6]), target)) == 1


@pytest.mark.parametrize(
    "metric, output, target",
    [
        (jb.accuracy, L, jnp.array([1])),
        (jb.accuracy, L, jnp.ones(4)),
        (jb.accuracy, jnp.ones((2, 3)), jnp.ones((3,), int)),
        (jb.accuracy, jnp.ones(1), jnp.array(1)),
        (binary_accuracy, jnp.ones(1), jnp.array(1)),
        (binary_accuracy, jnp.ones(2), jnp.ones(3)),
    ],
    ids=range(6),
)
def test_shapes_that_do_not_fit(metric, output, target):
    with pytest.raises(ValueError, match="target"):
        metric(output, target)


NET = jb.serial(jb.dense(3), jb.dropout(0.5))
X = jax.random.normal(jax.random.key(1), (7, 2))
Y = jnp.array([0, 1, 2, 0, 1, 2, 0])
PARAMS = NET.init(jax.random.key(0), X[0])
METRICS = {"loss": jb.losses.softmax_cross_entropy, "accuracy": jb.accuracy}


@pytest.mark.parametrize("batch_size", [None, 1, 3, 7, 100])
def test_evaluate_is_the_mean_of_a_loop_without_noise(batch_size):
    got = jb.evaluate(NET, PARAMS, (X, Y), METRICS, batch_size=batch_size)
    assert set(got) == set(METRICS)
    for name, metric in METRICS.items():
        want = np.mean([metric(NET.apply(PARAMS, x), y) for x, y in zip(X, Y, strict=True)])
        np.testing.assert_allclose(got[name], want, rtol=1e-6)


@pytest.mark.slow
def test_evaluate_under_vmap_is_a_population():
    many = jax.vmap(lambda k: NET.init(k, X[0]))(jax.random.split(jax.random.key(2), 3))
    got = jax.vmap(lambda p: jb.evaluate(NET, p, (X, Y), METRICS))(many)
    one = jb.evaluate(NET, jax.tree.map(lambda a: a[1], many), (X, Y), METRICS)
    np.testing.assert_allclose(got["loss"][1], one["loss"], rtol=1e-6)


def test_evaluate_takes_numpy():
    got = jb.evaluate(NET, PARAMS, (np.asarray(X), np.asarray(Y)), METRICS)
    assert 0 <= float(got["accuracy"]) <= 1


@pytest.mark.parametrize(
    "data, error, message",
    [
        ((X, Y[:5]), ValueError, r"one target for each example, got the shapes \(7, 2\), \(5,\)"),
        ((X[:0], Y[:0]), ValueError, "empty"),
        (X, TypeError, "must be a pair"),
        ((X, Y, Y), TypeError, "must be a pair"),
        ((X, 3), ValueError, "one target for each"),
    ],
    ids=["lengths", "empty", "x only", "three", "scalar"],
)
def test_evaluate_refuses(data, error, message):
    with pytest.raises(error, match=message):
        jb.evaluate(NET, PARAMS, data, METRICS)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batch_size_is_a_positive_integer(batch_size):
    with pytest.raises(ValueError, match="batch_size"):
        jb.evaluate(NET, PARAMS, (X, Y), METRICS, batch_size=batch_size)


def test_a_label_out_of_range_is_refused_and_under_a_trace_nan():
    data = (X, Y.at[3].set(3))
    with pytest.raises(ValueError, match=r"evaluate: y of data: labels must be in 0\.\.2"):
        jb.evaluate(NET, PARAMS, data, {"loss": METRICS["loss"]})
    got = jax.jit(lambda data: jb.evaluate(NET, PARAMS, data, {"loss": METRICS["loss"]}))(data)
    assert np.isnan(got["loss"])


def test_a_mean_over_many_examples_is_not_counted_in_half_precision():
    """3,001 of 4,096 in bfloat16: a sum in bfloat16 stays at 256."""
    x = jnp.where(jnp.arange(4096) < 3001, 1.0, 0.0).astype("bfloat16")
    found = jb.evaluate(jb.elementwise(lambda a: a), (), (x, x), {"mean": lambda p, t: p})
    assert found == {"mean": 3001 / 4096}


# ------------------------------------------------------------------------------- numbers, predict


def test_evaluate_gives_python_numbers_and_arrays_where_there_are_axes():
    found = jb.evaluate(NET, PARAMS, (X, Y), {**METRICS, "m": jb.metrics.confusion_matrix})
    assert type(found["loss"]) is type(found["accuracy"]) is float
    assert found["m"].shape == (3, 3) and found["m"].sum() == len(X)
    with pytest.raises(ValueError, match=r"give a scalar for one example.*over_dataset"):
        jb.evaluate(NET, PARAMS, (X, Y), {"outputs": lambda p, t: p})


@pytest.mark.parametrize("batch_size", [None, 3, 100])
def test_predict_is_the_network_of_each_example_without_noise(batch_size):
    got = jb.predict(NET, PARAMS, np.asarray(X), batch_size=batch_size)
    np.testing.assert_allclose(got, jnp.stack([NET.apply(PARAMS, x) for x in X]), rtol=1e-6)
    both = jb.elementwise(lambda x: {"a": x["a"] + 1, "b": x["b"]})
    found = jb.predict(both, (), {"a": X, "b": Y}, batch_size=batch_size)
    np.testing.assert_array_equal(found["a"], X + 1)


@pytest.mark.parametrize(
    "x, options, message",
    [
        (X[:0], {}, "predict: x is empty"),
        ({"a": X, "b": Y[:3]}, {}, "predict: x"),
        (X, {"batch_size": 0}, "batch_size must be a positive integer"),
    ],
    ids=range(3),
)
def test_predict_refuses(x, options, message):
    with pytest.raises(ValueError, match=message):
        jb.predict(NET, PARAMS, x, **options)
