"""Functions as arguments: one that makes what is meant, or takes other arguments, is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.training.arguments import require_function, require_metrics
from jaxbrain.training.callbacks import together
from jaxbrain.training.loop import Record
from tests.small import RULE, X, Y, new_key

INITIALIZERS, CALLBACKS, METRICS = jax.nn.initializers, jb.callbacks, jb.metrics


def fit(**options):
    return jb.fit(RULE, optax.sgd(0.1), (X, Y), key=new_key(), epochs=1, **options)


@jb.configured
def scaled(factor=2.0, offset=0.0, power=1.0):
    """A constructor of a user, without types."""
    return jb.elementwise(lambda x: factor * x**power + offset)


PLACES = {  # where a user gives a function, and what the message calls it
    "fit: metrics['m']": lambda f: fit(metrics={"m": f}),
    "fit: record": lambda f: fit(record=f),
    "fit: on_chunk": lambda f: fit(on_chunk=f),
    "fit: on_chunk ": lambda f: fit(on_chunk=[lambda info: None, f]),
    "evaluate: metrics['m']": lambda f: jb.evaluate(RULE.network, (), (X, Y), {"m": f}),
    "backprop: loss": lambda f: jb.backprop(RULE.network, f),
    "dense: kernel_init": lambda f: jb.dense(2, kernel_init=f),
    "elementwise: function": jb.elementwise,
    "ctrnn: activation": lambda f: jb.cells.ctrnn(2, activation=f),
}
NEVER = {  # no function of data, whatever it is asked for
    "a metric that was not called": METRICS.over_dataset,
    "a decision": METRICS.above,
    "a loss": jb.losses.weighted,
    "a stop": CALLBACKS.early_stopping,
    "a file": CALLBACKS.csv_writer,
    "a layer": jb.dropout,
    "a layer of a user": scaled,
    "an initializer": INITIALIZERS.orthogonal,
    "an initializer in part": functools.partial(INITIALIZERS.normal, 0.1),
    "an average": METRICS.macro,
    "an average in part": functools.partial(METRICS.per_class),
    "no argument": lambda: 0.0,
    "five arguments": lambda a, b, c, d, e: 0.0,
}


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("place", PLACES)
def test_what_makes_a_function_or_takes_others_is_refused(place, name):
    words = r"must be (a|an) (function|initializer).*got (what makes one; call it: |.*takes \()"
    with pytest.raises(TypeError, match=words) as error:
        PLACES[place](NEVER[name])
    assert str(error.value).startswith(place.strip() + " must")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("fit: metrics['m']", METRICS.most_likely, "most_likely, which gives a tuple"),
        ("fit: metrics['m']", dict, "which gives a dict"),
        ("fit: metrics['m']", lambda p: p, r"which takes \(p\)"),
        ("fit: metrics['m']", optax.adam, r"optax.adam, which takes \(learning_rate, "),
        ("fit: record", jb.losses.mse, r"losses.mse, which takes \(prediction, target\)"),
        ("backprop: loss", jax.nn.relu, r"jax.nn.relu, which takes \(x\)"),
        ("dense: kernel_init", jax.nn.relu, r"an initializer, got jax.nn.relu, which takes \(x\)"),
        ("elementwise: function", jb.losses.mse, r"takes \(prediction, target\)"),
    ],
)
def test_what_else_is_refused(place, value, words):
    with pytest.raises(TypeError, match=words):
        PLACES[place](value)


class Metric:
    """An object of a user that is called."""

    def __call__(self, prediction, target):
        return jnp.mean(jnp.abs(prediction - target))


METRIC, RECORD, ON_CHUNK = (list(PLACES)[i] for i in range(3))
# without a training
CHECKS = {
    METRIC: lambda f: require_metrics("fit", {"m": f}),
    RECORD: lambda f: require_function("fit", "record", f, Record, "(state) -> pytree"),
    ON_CHUNK: together,
}
RIGHT = [
    (METRIC, functools.partial(METRICS.f1, average=METRICS.macro)),
    (METRIC, Metric()),
    (METRIC, lambda *pair: jnp.sum(pair[0])),
    (METRIC, jax.jit(jb.losses.mse)),
    (METRIC, optax.losses.huber_loss),
    (RECORD, lambda state, more=None: state.step),
    (ON_CHUNK, lambda info: False),
    (ON_CHUNK, [].append),
    (ON_CHUNK, CALLBACKS.early_stopping("loss", patience=3)),
    ("backprop: loss", jb.losses.weighted(jb.losses.mse)),
    ("dense: kernel_init", lambda key, shape, dtype: jnp.zeros(shape, dtype)),
    ("dense: kernel_init", INITIALIZERS.zeros),
    ("dense: kernel_init", jax.random.normal),
    ("elementwise: function", np.tanh),
    ("elementwise: function", jax.nn.softmax),
    ("elementwise: function", functools.partial(jax.nn.leaky_relu, negative_slope=0.2)),
    ("ctrnn: activation", jb.cells.surrogate.fast_sigmoid()),
]


@pytest.mark.parametrize(("place", "value"), RIGHT, ids=range(len(RIGHT)))
def test_what_can_be_called_passes(place, value):
    (CHECKS | {p: PLACES[p] for p in PLACES if p not in CHECKS})[place](value)
