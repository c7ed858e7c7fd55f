"""First mistakes: a call that cannot work is answered with the sentence that mends it."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = X[:, :1]
HIDDEN = np.ma.array(Y, mask=np.arange(10)[:, None] == 0)
LABELS = np.arange(10) % 3
KEY = jax.random.clone(jax.random.key(0))
NET = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(1))
RULE = jb.backprop(NET, jb.losses.mse)
CLASSES = jb.backprop(jb.serial(jb.dense(3)), jb.losses.softmax_cross_entropy)
WIDER = jb.backprop(jb.serial(*NET.layers[:2], jb.dense(2)), jb.losses.mse)
TOKENS = jb.serial(jb.embed(5, 4), jb.dense(1))
SGD, ADAM = optax.sgd(0.1), optax.adam(1e-3)
ERROR = {"error": jb.losses.mse}
STATE = jb.init_state(RULE, SGD, X[0], key=jax.random.key(0))


class TorchAdam:
    """As of torch.optim."""

    __module__ = "torch.optim.adam"


class ModuleAdam(TorchAdam):
    __module__ = "torch.optim.adam"

    def step(self):
        """Not an update."""


def fit(data=(X, Y), rule=RULE, optimizer=SGD, **options):
    given = {"key": jax.random.key(0), "epochs": 1, "batch_size": None, **options}
    return jb.fit(rule, optimizer, data, **given)


def run(data=(X, Y), rule=RULE, optimizer=SGD, **options):
    given = {"key": jax.random.key(0), "epochs": 1, "batch_size": None, **options}
    return jb.run(rule, optimizer, data, **given)


def state_of(rule=RULE, optimizer=SGD, x=X[0]):
    return jb.init_state(rule, optimizer, x, key=jax.random.key(0))


def compare(rules=None, optimizer=SGD, **options):
    given = {
        "key": jax.random.key(0), "seeds": 1, "epochs": 1, "validation": (X, LABELS), **options
    }  # fmt: skip
    data = given.pop("data", (X, LABELS))
    return jb.analysis.compare_rules(rules or {"bp": CLASSES}, optimizer, data, **given)


def population():
    return jax.tree.map(lambda a: jnp.stack([a, a]) if a.dtype != KEY.dtype else a, STATE)


def evaluate(data, net=NET, params=STATE.params, metrics=ERROR, **options):
    return jb.evaluate(net, params, data, metrics, **options)


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


MISTAKES = [
    # optimizers
    (lambda: fit(optimizer=optax.adam), "the function optax.adam; call it: optax.adam(1e-3)"),
    (lambda: fit(optimizer=optax.sgd), "call it: optax.sgd(1e-3)"),
    (lambda: fit(optimizer=optax.chain), "call it: optax.chain(...)"),
    (lambda: fit(optimizer=optax.contrib.muon), "call it: optax.contrib.muon(1e-3)"),
    (lambda: fit(optimizer="adam"), "got 'adam'; pass optax.adam(1e-3)"),
    (lambda: fit(optimizer="Adam"), "got 'Adam'; pass optax.adam(1e-3)"),
    (lambda: fit(optimizer="best"), "got 'best'; pass optax.adam(1e-3)"),
    (lambda: fit(optimizer=0.1), "the number 0.1; pass optax.sgd(0.1)"),
    (lambda: fit(optimizer=None), "got None; pass one such as optax.adam(1e-3)"),
    (lambda: fit(optimizer=ModuleAdam()), "of torch; pass that of optax"),
    (lambda: fit(optimizer=TorchAdam), "the class TorchAdam; pass what a function"),
    (lambda: fit(optimizer=optax.cosine_decay_schedule(0.1, 9)), "optax.adam(schedule)"),
    (lambda: fit(optimizer=optax.constant_schedule(0.1)), "a schedule of optax"),
    (lambda: fit(optimizer=optax.GradientTransformation), "the class GradientTransformation"),
    (lambda: fit(optimizer={"lr": 0.1}), "got dict; pass one such as optax.adam(1e-3)"),
    (lambda: run(optimizer=optax.adam), "run: optimizer|call it: optax.adam(1e-3)"),
    (lambda: jb.step(RULE, optax.adam), "step: optimizer|call it: optax.adam(1e-3)"),
    (lambda: state_of(optimizer=optax.adam), "init_state: optimizer|call it: optax.adam(1e-3)"),
    (lambda: compare(optimizer=optax.adam), "compare_rules: optimizer|call it"),
    (lambda: compare({"a": (CLASSES, "adam")}), "compare_rules: optimizer|optax.adam(1e-3)"),
    # the order and the number of arguments
    (lambda: fit(rule=SGD, optimizer=RULE), "fit: rule and optimizer are exchanged"),
    (lambda: run(rule=SGD, optimizer=RULE), "run: rule and optimizer are exchanged"),
    (lambda: jb.step(SGD, RULE), "step: rule and optimizer are exchanged"),
    (lambda: state_of(SGD, RULE), "init_state: rule and optimizer are exchanged"),
    (lambda: fit(SGD, optimizer=(X, Y)), "optimizer and data are exchanged"),
    (lambda: jb.fit(RULE, SGD, X, Y, key=KEY, epochs=1), "x and y are one pair: data=(x, y)"),
    (lambda: jb.run(RULE, SGD, X, Y, key=KEY, epochs=1), "x and y are one pair: data=(x, y)"),
    (lambda: jb.fit(RULE, SGD, (X, Y)), "fit needs key=jax.random.key(0) and epochs=10 too"),
    (lambda: jb.fit(RULE, (X, Y), key=KEY, epochs=1), "fit needs data too"),
    (lambda: fit(epoch=3), "fit has no argument 'epoch'; did you mean 'epochs'"),
    (lambda: fit(batchsize=3), "did you mean 'batch_size'"),
    (lambda: fit(callbacks=[]), "fit has no argument 'callbacks'"),
    (lambda: jb.evaluate(NET, (), (X, Y)), 'needs metrics={"accuracy": jb.accuracy}'),
    (lambda: jb.step(RULE), "step needs optimizer too"),
    (lambda: fit(rule=NET), "jb.backprop(net, loss)"),
    (lambda: fit(rule=jb.backprop), "call it: rule(net, loss)"),
    (lambda: fit(rule="backprop"), "rule must be a LearningRule, got str"),
    (lambda: NET(STATE.params, X[0]), "a Network is not called|net.apply(params, x)"),
    (lambda: evaluate((X, Y), net=RULE), "pass rule.network"),
    (lambda: jb.evaluate(STATE.params, NET, (X, Y), ERROR), "net must be a Network, got tuple"),
    # numbers
    (lambda: fit(epochs=3.0), "fit: epochs must be a positive integer, got 3.0"),
    (lambda: fit(epochs=True), "epochs must be a positive integer, got True"),
    (lambda: fit(epochs=0), "epochs must be a positive integer, got 0"),
    (lambda: fit(epochs="3"), "epochs must be a positive integer, got '3'"),
    (lambda: fit(epochs=None), "epochs must be a positive integer, got None"),
    (lambda: run(batch_size=2.0), "run: batch_size must be a positive integer, got 2.0"),
    (lambda: fit(batch_size=-1), "batch_size must be a positive integer, got -1"),
    (lambda: evaluate((X, Y), batch_size=0), "evaluate: batch_size must be a positive"),
    # metrics and functions
    (lambda: fit(metrics=["accuracy"], validation=(X, Y)), '{"accuracy": jb.accuracy}'),
    (lambda: fit(metrics=jb.accuracy, validation=(X, Y)), '{"accuracy": jb.accuracy} say, got acc'),
    (lambda: fit(metrics="accuracy", validation=(X, Y)), "metrics must map names to functions"),
    (lambda: fit(metrics={"a": "accuracy"}, validation=(X, Y)), "metrics['a'] must be a function"),
    (lambda: fit(metrics={"a": None}, validation=(X, Y)), "metrics['a'] must be a function"),
    (lambda: fit(metrics={3: jb.accuracy}, validation=(X, Y)), "metrics must be named by strings"),
    (lambda: evaluate((X, Y), metrics=["accuracy"]), "evaluate: metrics must map"),
    (lambda: compare(metrics=["accuracy"]), "compare_rules: metrics must map"),
    (lambda: fit(metrics={}, validation=(X, Y)), "fit: validation needs metrics"),
    (lambda: fit(record="params"), "record must be a function (state) -> pytree, got str"),
    (lambda: run(record=["params"]), "record must be a function (state) -> pytree, got list"),
    (lambda: fit(on_chunk=True), "on_chunk must be a function"),
    (lambda: fit(progress="yes"), "progress must be True, False or None, got 'yes'"),
    # what functions of the user return
    (lambda: fit(metrics={"m": lambda p, t: None}, validation=(X, Y)), "metric m must|got None"),
    (lambda: fit(metrics={"m": lambda p, t: "a"}, validation=(X, Y)), "metric m must give a|'a'"),
    (lambda: fit(metrics={"m": lambda p, t: (p, t)}, validation=(X, Y)), "metric m must give a"),
    (lambda: fit(rule=jb.backprop(NET, lambda p, t: None)), "loss must map one|a NoneType"),
    (lambda: fit(rule=jb.backprop(NET, lambda p, t: (p, t))), "loss must map one|a tuple"),
    (lambda: fit(rule=jb.backprop(NET, lambda p, t: 1)), "int32, in which it has no gradient"),
    (lambda: fit(record=lambda state: "a"), "record: its result must be a pytree of arrays"),
    # functions of values
    (lambda: NET.init(KEY), "serial.init needs x too"),
    (lambda: RULE.grads(STATE.params, X, Y), "backprop.grads needs y too"),
    (lambda: NET.apply(STATE.params, X[0], train=True), "serial.apply has no argument 'train'"),
    (lambda: NET.apply(None, X[0]), "serial.apply: params must be a pytree of arrays, got None"),
    (lambda: jb.dense(3).apply({}, X[0]), "dense.apply: params hold no 'kernel'; pass what init"),
    (lambda: jb.predict(NET, STATE.params, 1.0), "predict: x must be [examples, ...], got"),
    (lambda: jb.evaluate(NET, STATE.params, (X, Y), None), "evaluate: metrics must map names"),
    (lambda: fit(checkpoint=""), "fit: checkpoint must be a directory|got ''"),
    # keys
    (lambda: fit(key=0), "fit: key must be a random key, got 0; pass jax.random.key(0)"),
    (lambda: fit(key=None), "fit: key must be a random key, got None"),
    (lambda: run(key=7), "run: key must be a random key, got 7; pass jax.random.key(7)"),
    (lambda: fit(key=np.array([0, 1])), "got an array of int64"),
    (lambda: fit(key="0"), "key must be a random key, got '0'"),
    (lambda: fit(key=jax.random.split(KEY, 3)), "must be one key, got keys of shape (3,)"),
    (lambda: jb.init_state(RULE, SGD, X[0], key=0), "init_state: key must be a random key"),
    (lambda: compare(key=0), "compare_rules: key must be a random key"),
    (lambda: NET.init(0, X[0]), "serial.init: key must be a random key, got 0"),
    (lambda: jb.dropout(0.5).apply((), X, key=1), "dropout.apply: key must be a random key"),
    # data
    (lambda: fit(X), "data must be a pair (x, y), got ndarray"),
    (lambda: fit({"x": X, "y": Y}), "data must be a pair (x, y), got dict"),
    (lambda: fit(iter([(X, Y)])), "data must be a pair (x, y), got list_iterator"),
    (lambda: fit([(X, Y), (X, Y)]), "got 2 pairs, as of batches; join them"),
    (lambda: run([(X, Y)] * 3), "got 3 pairs, as of batches; join them"),
    (lambda: fit((X, None)), "y of data must be an array of numbers, got None|(x, x)"),
    (lambda: fit((X, Y[:9])), "one target for each example, got the shapes (10, 3), (9, 1)"),
    (lambda: fit((list(X), Y)), "a list of arrays is several inputs: np.stack"),
    (lambda: fit((X[:, :0], Y)), "without numbers, of shape (10, 0)"),
    (lambda: fit(([[1.0, 2.0], [3.0]], Y[:2])), "fit: x of data is a list whose entries differ"),
    (lambda: run((X, HIDDEN)), "run: y of data hides 1 of its 10"),
    (lambda: fit((X, Y + 1j)), "y of data must be real, got complex"),
    (lambda: fit((X.astype(str), Y)), "x of data must be an array of numbers, got dtype <U"),
    (lambda: fit((changed(X, (4, 1), np.nan), Y)), "at index [4, 1] it is nan"),
    (lambda: fit((X, LABELS + 1), CLASSES), "labels must be in 0..2"),
    (lambda: fit((X, Y), validation=X, metrics=ERROR), "fit: validation must be a pair (x, y)"),
    (lambda: evaluate((changed(X, (4, 1), np.inf), Y)), "evaluate: x of data must be finite"),
    (
        lambda: evaluate((X, LABELS + 1), CLASSES.network, state_of(CLASSES).params),
        "evaluate: y of data: labels must be in 0..2",
    ),
    (lambda: evaluate((X, Y[:3])), "evaluate: data = (x, y) must have one target"),
    (lambda: compare(data=(X, LABELS + 1)), "compare_rules: y of data: labels must be in 0..2"),
    (lambda: compare(validation=(X, LABELS - 1)), "compare_rules: y of validation: labels"),
    (lambda: jb.step(RULE, SGD)(STATE, X), "step: data must be a pair (x, y)"),
    (lambda: jb.step(RULE, SGD)(STATE.params, (X, Y)), "step: state must be a TrainState"),
    (
        lambda: fit((np.full((10, 2), 5), Y), jb.backprop(TOKENS, jb.losses.mse)),
        "x of data: tokens must be in 0..4 for embed(5, ...), but at index [0, 0] it is 5",
    ),
    # states
    (lambda: fit(state=STATE.params), "state must be a TrainState, got tuple|init_state("),
    (lambda: fit(state=(STATE, None)), "got (state, history); take the state of that pair"),
    (lambda: run(state={"params": 1}), "run: state must be a TrainState, got dict"),
    (lambda: fit(state=state_of(optimizer=ADAM)), "not of this optimizer: opt_state"),
    (lambda: fit(optimizer=ADAM, state=STATE), "opt_state[0].count is missing|params=state.params"),
    (lambda: run(optimizer=ADAM, state=STATE), "run: state is not of this optimizer"),
    (
        lambda: fit(state=state_of(jb.feedback_alignment(NET, jb.losses.mse))),
        "not of this rule: rule_state|does not belong to it",
    ),
    (lambda: fit(state=state_of(CLASSES)), "not of this network and data: params"),
    (
        lambda: fit(state=state_of(WIDER)),
        "params[2]['bias'] is float32[2], expected float32[1]",
    ),
    (lambda: fit(state=state_of(x=X[0, :2])), "params[0]['kernel'] is float32[2, 4], expected"),
    (lambda: fit(state=population()), "a population of (2,) trainings; take one"),
    (lambda: jb.check(STATE.params, [1.0]), "check: state must be a TrainState"),
    (lambda: jb.check(population(), [1.0, 2.0, 3.0]), "check: losses must have the leading axes"),
]  # fmt: skip

RAW = re.compile(
    r"has no attribute|unexpected keyword|required positional|object is not|JAX|Tracer"
)


@pytest.mark.parametrize("case", range(len(MISTAKES)), ids=lambda i: f"{i}-{MISTAKES[i][1][:40]}")
def test_the_sentence_that_mends_it(case):
    call, words = MISTAKES[case]
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    message = str(caught.value)
    for part in words.split("|"):
        assert part in message, message
    assert len(message) < 330 and not RAW.search(message), message


def test_there_are_many_of_them():
    assert len(MISTAKES) >= 100


CONTROLS = {
    "lists of numbers": lambda: fit((X.tolist(), Y.tolist())),
    "the other byte order": lambda: fit((X.astype(">f4"), Y.astype(">f8"))),
    "a mask that hides nothing": lambda: fit((np.ma.array(X), np.ma.array(Y, mask=False))),
    "a raw key": lambda: fit(key=jax.random.PRNGKey(0)),
    "a schedule inside": lambda: fit(optimizer=optax.sgd(optax.constant_schedule(0.1))),
    "a numpy number": lambda: fit(epochs=np.int64(1)),
    "a given state": lambda: fit(state=state_of()),
    "a given state for run": lambda: run(state=state_of()),
    "plain run": run,
}


@pytest.mark.parametrize("name", CONTROLS)
def test_what_is_right_gives_the_same(name):
    state, history = CONTROLS[name]()
    expected, losses = fit()
    np.testing.assert_allclose(history.loss, losses.loss, rtol=1e-6)
    np.testing.assert_allclose(
        state.params[0]["kernel"], expected.params[0]["kernel"], rtol=1e-5, atol=1e-7
    )
