"""Weights of examples and classes: the definition, other ways to the same numbers, refusals."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.linear_model import LogisticRegression

import jaxbrain as jb
from jaxbrain.learning.energy import softmax_error
from jaxbrain.losses import Weighted, weighted
from jaxbrain.training.weights import loss_of, weigh
from tests.contract import close
from tests.tables import RULES
from tests.tables.parts import OTHER_RULES

CE = jb.losses.softmax_cross_entropy
NET = jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(3))
X = jax.random.normal(jax.random.key(2), (4, 4))
Y = jnp.array([0, 2, 1, 2])
W = jnp.array([0.5, 0.0, 3.0, 1.0])
PARAMS = NET.init(jax.random.key(1), X[0])
# these do not learn from the loss alone
REFUSE = {
    "direct_random_target_projection", "forward_forward", "self_contrastive_forward_forward",
}  # fmt: skip
# the weights change during the inference, by all examples of the batch
COUPLED = {"incremental_predictive_coding"}


def times(loss, weight):
    return lambda prediction, target: weight * loss(prediction, target)


def rule_of(name, weight):
    """The rule with the loss w L; of a loss that it does not know, a rule may need the error."""
    make, loss = RULES[name].make, times(CE, weight)
    if name != "holomorphic_equilibrium_propagation":
        return make(NET, loss)
    return make(NET, loss, error=lambda p, y: softmax_error(p, y) * jnp.asarray(weight, p.dtype))


def grads(rule, x, y, key=None):
    state = rule.init(jax.random.key(3), PARAMS, X[0])
    return jax.jit(rule.grads)(PARAMS, state, x, y, key=key)[:2]


def check_definition(name):
    """The mean over the examples of the rule with the loss w_i L."""
    rule, (_, y) = weigh(RULES[name].make(NET, CE), (X, Y), W, None)
    if RULES[name].random or name in COUPLED:  # the same batch: one weight for all
        key = jax.random.key(4) if RULES[name].random else None
        got = grads(rule, X, Weighted(Y, jnp.full(4, 3.0)), key)
        return close(got, grads(rule_of(name, 3.0), X, Y, key))

    @jax.jit
    def alone(weight, x, y):
        one = rule_of(name, weight)
        return one.grads(PARAMS, one.init(jax.random.key(3), PARAMS, x), x[None], y[None])[:2]

    each = [alone(w, x, y) for w, x, y in zip(W, X, Y, strict=True)]
    want = jax.tree.map(lambda *parts: sum(parts) / len(parts), *each)
    return close(grads(rule, X, y), want, rtol=1e-4)


def test_weights_are_those_of_the_loss_of_each_example():
    check_definition("feedback_alignment")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(RULES) - REFUSE))
def test_weights_are_those_of_the_loss_of_each_example_for_every_rule(name):
    check_definition(name)


def test_a_weight_of_two_is_the_example_twice():
    rule, data = weigh(jb.backprop(NET, CE), (X, Y), jnp.array([0.0, 1.0, 2.0, 1.0]), None)
    order = jnp.array([1, 2, 2, 3])
    close(grads(rule, *data), grads(jb.backprop(NET, CE), X[order], Y[order]), rtol=1e-5)


@pytest.mark.parametrize("name", sorted(REFUSE))
def test_rules_that_read_the_targets_refuse_weights(name):
    rule, data = weigh(RULES[name].make(NET, CE), (X, Y), W, None)
    with pytest.raises(
        ValueError, match=rf"{name} does not learn from the loss alone.*jb.backprop"
    ):
        jax.eval_shape(
            partial(rule.grads, key=jax.random.key(0)), PARAMS,
            jax.eval_shape(rule.init, jax.random.key(0), PARAMS, X[0]), *data,
        )  # fmt: skip


@pytest.mark.parametrize("name", ["over_time", "plastic", "contrastive_divergence", "with_replay"])
def test_rules_without_a_loss_of_their_own_refuse_weights(name):
    rule = OTHER_RULES[name]()
    assert loss_of(rule) is None
    with pytest.raises(ValueError, match=rf"{name} was not made from \(net, loss\)"):
        weigh(rule, (X, Y), W, None)


def test_a_plastic_network_that_reports_a_loss_does_not_learn_from_it():
    plastic, oja = jb.learning.plasticity.plastic, jb.learning.plasticity.oja()
    with pytest.raises(ValueError, match="plastic was not made from"):
        weigh(plastic(jb.dense(2), oja, loss=jb.losses.mse), (X, Y), W, None)


CLASSES = jnp.array([0.5, 2.0, 4.0])


@pytest.mark.parametrize(
    "y, weights, want",
    [
        (Y, CLASSES, [0.5, 4.0, 2.0, 4.0]),
        (np.asarray(Y, "uint8"), CLASSES, [0.5, 4.0, 2.0, 4.0]),
        (jax.nn.one_hot(Y, 3), CLASSES, [0.5, 4.0, 2.0, 4.0]),
        (jnp.array([[0.0], [1.0], [1.0], [0.0]]), [1.0, 3.0], [1.0, 3.0, 3.0, 1.0]),
        (jnp.array([False, True, True, False]), [1.0, 3.0], [1.0, 3.0, 3.0, 1.0]),
    ],
    ids=range(5),
)
def test_the_weight_of_a_class_is_that_of_its_examples(y, weights, want):
    rule = jb.backprop(NET, CE)
    np.testing.assert_allclose(weigh(rule, (X, y), None, weights)[1][1].weight, want)
    np.testing.assert_allclose(weigh(rule, (X, y), W, weights)[1][1].weight, want * np.asarray(W))
    traced = jax.jit(lambda y: weigh(rule, (X, y), None, weights)[1][1].weight)(y)
    np.testing.assert_allclose(traced, want)


BAD = [
    ({"sample_weights": W[:3]}, r"sample_weights must be of shape \[examples\] = \(4,\)"),
    ({"sample_weights": -W}, "finite, not negative and not all 0"),
    ({"sample_weights": W.at[0].set(jnp.nan)}, "finite, not negative"),
    ({"sample_weights": 0 * W}, "not all 0"),
    ({"class_weights": CLASSES[:2]}, r"one of the classes 0..1"),
    ({"class_weights": 2.0}, "class_weights must be of shape"),
]


@pytest.mark.parametrize("i", range(len(BAD)))
def test_weights_that_do_not_fit(i):
    options, message = BAD[i]
    with pytest.raises(ValueError, match=message):
        jb.fit(
            jb.backprop(NET, CE), optax.sgd(0.1), (X, Y), key=jax.random.key(0), epochs=1, **options
        )


@pytest.mark.parametrize("y", [jnp.ones((4, 3)), jnp.ones((4, 2, 3)), jnp.full((4, 1), 0.5)])
def test_targets_of_several_labels_have_no_class(y):
    with pytest.raises(ValueError, match=r"class_weights.*give sample_weights"):
        weigh(jb.backprop(NET, CE), (X, y), None, CLASSES[: max(2, y.shape[-1])])


@pytest.mark.x64
def test_logistic_regression_with_weights_is_that_of_scikit_learn():
    """The same minimum; scikit-learn minimizes sum_i w_i L_i + 1/2 |W|^2."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    y = (x[:, 0] + rng.normal(size=40) > 0).astype(int)
    w, classes = rng.uniform(0.2, 3.0, 40), [0.5, 2.0]
    want = LogisticRegression(class_weight=dict(enumerate(classes)), tol=1e-10, max_iter=1000)
    want.fit(x, y, sample_weight=w)

    def decayed(params):
        return {"kernel": params["kernel"], "bias": 0 * params["bias"]}

    decay = optax.GradientTransformation(
        lambda params: (),
        lambda updates, state, params: (
            jax.tree.map(lambda u, p: u + p / 40, updates, decayed(params)), state
        ),
    )  # fmt: skip
    rule = jb.backprop(jb.dense(1), jb.losses.binary_cross_entropy)
    state, history = jb.fit(
        rule, optax.chain(decay, optax.sgd(0.5)), (x, y[:, None]), key=jax.random.key(0),
        epochs=3000, batch_size=None, sample_weights=w, class_weights=classes,
    )  # fmt: skip
    np.testing.assert_allclose(state.params["kernel"][:, 0], want.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(state.params["bias"], want.intercept_, rtol=1e-4)
    p = np.clip(want.predict_proba(x)[np.arange(40), y], 1e-12, 1)
    each = -np.log(p) * w * np.array(classes)[y]
    np.testing.assert_allclose(history.loss[-1], each.mean(), rtol=1e-4)


def test_fit_and_run_with_weights_of_batches_and_metrics_without():
    net = jb.dense(3)
    rule, options = jb.backprop(net, CE), {"epochs": 2, "batch_size": 3}
    options |= {"sample_weights": W, "class_weights": CLASSES, "metrics": {"loss of data": CE}}
    state, history = jb.fit(rule, optax.sgd(0.1), (X, Y), key=jax.random.key(0), **options)
    again, same = jax.jit(lambda key: jb.run(rule, optax.sgd(0.1), (X, Y), key=key, **options))(
        jax.random.key(0)
    )
    close(state.params, again.params)
    np.testing.assert_allclose(history.step_loss, same.step_loss, rtol=1e-5)
    want = jb.evaluate(net, state.params, (X, Y), {"loss": CE})["loss"]
    np.testing.assert_allclose(history.metrics["loss of data"][-1], want, rtol=1e-5)
    assert weighted(CE)(jnp.zeros(3), Weighted(Y[0], 2.0)) == 2 * CE(jnp.zeros(3), Y[0])
