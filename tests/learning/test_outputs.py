"""Logits and probabilities: every rule refuses a loss that does not fit its network."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.outputs import outputs_of
from tests.tables import RULES
from tests.tables.parts import ONLINE_RULES

LOGITS = (jb.losses.binary_cross_entropy, jb.losses.softmax_cross_entropy)
PROBABILITIES = (
    jb.losses.binary_cross_entropy_of_probabilities,
    jb.losses.cross_entropy_of_probabilities,
)
HIDDEN = (jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(3))
SIGMOID, SOFTMAX = jb.elementwise(jax.nn.sigmoid), jb.elementwise(jax.nn.softmax)
LINEAR = jb.serial(*HIDDEN)


def ends(*layers):
    return jb.serial(*HIDDEN, *layers)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_refuses_a_loss_that_does_not_fit(name):
    make = RULES[name].make
    for loss in LOGITS:
        make(LINEAR, loss)
        with pytest.raises(ValueError, match=rf"{name}: .* takes logits.*drop.*_of_probabilities"):
            make(ends(SIGMOID), loss)
    for loss in PROBABILITIES:
        if name not in ("holomorphic_equilibrium_propagation", "gait_propagation"):
            make(ends(SOFTMAX), loss)  # these two need a derivative and an inverse
        with pytest.raises(ValueError, match=rf"{name}: .* takes probabilities.*jb.elementwise"):
            make(LINEAR, loss)


def test_a_loss_of_the_user_is_never_refused():
    for net in (ends(SOFTMAX), LINEAR):
        jb.backprop(net, lambda p, t: -jnp.log(p[t]))


def test_a_plastic_network_too():
    plastic, oja = jb.learning.plasticity.plastic, jb.learning.plasticity.oja()
    plastic(ends(SIGMOID), oja, loss=jb.losses.mse)
    with pytest.raises(ValueError, match=r"plastic: binary_cross_entropy takes logits"):
        plastic(ends(SIGMOID), oja, loss=LOGITS[0])


@pytest.mark.parametrize("name", ONLINE_RULES)
def test_online_rules_too(name):
    parameters = ONLINE_RULES[name]().config.parameters
    cell, rest = parameters["cell"], {}
    make = getattr(jb.learning, name, None)
    if make is None:
        make, rest = partial(jb.learning.online.online_rule, "mine"), {}
        rest = {"influence": parameters["influence"]}
    make(cell, jb.dense(2), loss=LOGITS[1], **rest)
    with pytest.raises(ValueError, match=r"softmax_cross_entropy takes logits"):
        make(cell, jb.serial(jb.dense(2), SOFTMAX), loss=LOGITS[1], **rest)


def own_sigmoid(z):
    return 1 / (1 + jnp.exp(-z))


@jb.configured
def to_sigmoid():
    return jb.serial(jb.dense(3), SIGMOID)


gru = jb.cells.gru(2)
PROBABLE = {
    "sigmoid": ends(SIGMOID),
    "expit": ends(jb.elementwise(jax.scipy.special.expit)),
    "hard": ends(jb.elementwise(jax.nn.hard_sigmoid)),
    "of the user": ends(jb.elementwise(own_sigmoid)),
    "lambda": ends(jb.elementwise(lambda z: (jnp.tanh(z) + 1) / 2)),
    "partial": ends(jb.elementwise(partial(jax.nn.softmax, axis=-1))),
    "nested": jb.serial(LINEAR, jb.serial(SIGMOID, jb.flatten())),
    "precision": ends(jb.with_precision(SIGMOID, jnp.bfloat16)),
    "dropout": ends(SIGMOID, jb.dropout(0.1)),
    "by a constructor of the user": jb.serial(LINEAR, to_sigmoid()),
    "batch": jb.batch(ends(SOFTMAX)),
    "branches": jb.parallel(ends(SIGMOID), ends(SIGMOID)),
    "over time": jb.cells.unroll(jb.cells.stack(gru, jb.lift(ends(SIGMOID)))),
    "last step": jb.serial(jb.cells.unroll(gru), jb.cells.last(), SIGMOID),
    "of a network made by hand": jb.serial(LINEAR._replace(), SIGMOID),
}
FREE = {
    "linear": LINEAR,
    "tanh": ends(jb.elementwise(jnp.tanh)),
    "scaled": ends(jb.elementwise(lambda z: 5 * jnp.tanh(z))),
    "before the last weights": jb.serial(jb.dense(2), SIGMOID, jb.dense(2)),
    "residual": jb.residual(ends(SIGMOID)),
    "combined": jb.parallel(ends(SIGMOID), LINEAR, combine=sum),
    "by hand": ends(SIGMOID)._replace(),
    "of another shape": ends(jb.elementwise(lambda z: z.reshape(3, 1) @ jnp.ones((1, 2)))),
    "memory": jb.associative_lookup(4, 3),
}


@pytest.mark.parametrize("name", PROBABLE)
def test_outputs_that_are_probabilities(name):
    assert outputs_of(PROBABLE[name]).probabilities
    for loss in LOGITS:
        with pytest.raises(ValueError, match="takes logits"):
            jb.backprop(PROBABLE[name], loss)
    jb.backprop(PROBABLE[name], PROBABILITIES[0])


@pytest.mark.parametrize("name", FREE)
def test_outputs_that_are_not_or_are_not_known(name):
    assert not outputs_of(FREE[name]).probabilities
    for loss in LOGITS:
        jb.backprop(FREE[name], loss)


@pytest.mark.parametrize("name", ["residual", "combined", "by hand", "of another shape", "memory"])
def test_a_loss_of_probabilities_of_an_unknown_network_is_not_refused(name):
    jb.backprop(FREE[name], PROBABILITIES[0])


@pytest.mark.parametrize(
    "function", [jax.nn.relu, jax.nn.softplus, jnp.exp, jax.nn.log_sigmoid, jax.nn.log_softmax]
)
def test_one_sign_says_one_answer_only(function):
    with pytest.raises(ValueError, match=r"are never (negative|positive)"):
        jb.backprop(ends(jb.elementwise(function)), LOGITS[0])


def test_a_softmax_of_logarithms_of_probabilities():
    """log-softmax is as good as the logits: loss and gradient are the same; log-sigmoid is not."""
    with pytest.raises(ValueError, match="logarithms of probabilities"):
        jb.backprop(ends(jb.elementwise(jax.nn.log_sigmoid)), LOGITS[1])
    x, y = jax.random.normal(jax.random.key(0), (4, 2)), jnp.array([0, 2, 1, 1])
    params = LINEAR.init(jax.random.key(1), x[0])
    want = jb.backprop(LINEAR, LOGITS[1]).grads(params, (), x, y)
    logs = jb.backprop(ends(jb.elementwise(jax.nn.log_softmax)), LOGITS[1])
    got = logs.grads((*params, ()), (), x, y)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-6)
    np.testing.assert_allclose(got[1][0]["kernel"], want[1][0]["kernel"], atol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        partial(LOGITS[1]),
        jb.losses.weighted(LOGITS[1]),
        jb.tasks.graded(LOGITS[1]),
        jb.losses.weighted(jb.tasks.graded_step(LOGITS[0])),
        optax.losses.softmax_cross_entropy,
        optax.losses.softmax_cross_entropy_with_integer_labels,
    ],
    ids=range(6),
)
def test_a_loss_is_known_within_others(loss):
    with pytest.raises(ValueError, match="takes logits"):
        jb.backprop(ends(SIGMOID), loss)


def test_only_the_functions_after_the_last_weights_are_called():
    def counted(z):
        calls.append(z)
        return jnp.tanh(z)

    calls, layer = [], jb.elementwise(counted)
    jb.backprop(jb.serial(jb.dense(2), layer, jb.serial(layer, jb.dense(2))), LOGITS[1])
    assert not calls
    jb.backprop(jb.serial(jb.dense(2), layer), LOGITS[1])
    assert calls


def test_sigmoids_are_no_distribution():
    with pytest.raises(ValueError, match=r"do not have sum 1.*jax.nn.softmax"):
        jb.backprop(ends(SIGMOID), PROBABILITIES[1])


def test_a_rule_can_be_made_within_a_program_and_from_traced_numbers():
    def loss_of(scale):
        net = ends(jb.elementwise(lambda z: z * scale))
        return jb.backprop(net, LOGITS[1]).grads(PARAMS, (), X, jnp.array([0, 1]))[0]

    def refused(x):
        with pytest.raises(ValueError, match="takes logits"):
            jb.backprop(ends(SIGMOID), LOGITS[0])
        return x

    X = jnp.ones((2, 2))
    PARAMS = (*LINEAR.init(jax.random.key(0), X[0]), ())
    assert np.isfinite(jax.jit(loss_of)(2.0))
    jax.jit(refused)(1.0)


def test_local_readouts_give_logits():
    rule = jb.learning.local_losses(ends(SOFTMAX), PROBABILITIES[1])
    x = jnp.ones(2)
    with pytest.raises(ValueError, match=r"local_losses: .* takes probabilities"):
        rule.init(jax.random.key(0), ends(SOFTMAX).init(jax.random.key(1), x), x)
