"""What may and what may not change between two processes that share a checkpoint.

Run by test_settings.py in two real processes: ``python -m tests.training.settings_cases SIDE DIR``.
"""

import dataclasses
import functools
import json
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain.training import fitting

X = np.linspace(-1, 1, 30, dtype="float32").reshape(10, 3)
Y = X[:, :1] ** 2
FACTOR = 1.0
HELPER = None


def scaled(factor, prediction, target):
    return factor * jnp.mean((prediction - target) ** 2)


def captured(factor):
    return lambda prediction, target: factor * jb.losses.mse(prediction, target)


def of_global(prediction, target):
    return FACTOR * jb.losses.mse(prediction, target)


def of_helper(prediction, target):
    return HELPER(prediction, target)


def with_default(factor):
    def loss(prediction, target, factor=factor):
        return factor * jb.losses.mse(prediction, target)

    return loss


def keeping(words):
    return lambda prediction, target: len(words) * jb.losses.mse(prediction, target)


@dataclasses.dataclass
class Scale:
    factor: float

    def __call__(self, prediction, target):
        return self.factor * jb.losses.mse(prediction, target)

    def method(self, prediction, target):
        return self(prediction, target)


class Slots:
    __slots__ = ("factor",)

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, prediction, target):
        return self.factor * jb.losses.mse(prediction, target)


class Twice:
    def __call__(self, prediction, target):
        return 2 * jb.losses.mse(prediction, target)


class Thrice:
    def __call__(self, prediction, target):
        return 3 * jb.losses.mse(prediction, target)


Thrice.__name__ = Thrice.__qualname__ = "Twice"  # only the code of a method tells them apart


def own_optimizer(rate):
    def update(grads, state, params=None):
        return jax.tree.map(lambda g: -rate * g, grads), state

    return optax.GradientTransformation(lambda params: (), update)


def by_global(value):
    globals()["FACTOR"] = value
    return of_global


def by_helper(factor):
    globals()["HELPER"] = captured(factor)
    return of_helper


def by_module(factor):
    module = types.ModuleType("constants_of_mine")
    module.__file__ = "/elsewhere/constants_of_mine.py"
    module.FACTOR = factor
    sys.modules[module.__name__] = module
    space = {"constants": module, "jb": jb}
    source = "def loss(p, t):\n    return constants.FACTOR * jb.losses.mse(p, t)\n"
    exec(compile(source, "mine.py", "exec"), space)
    return space["loss"]


def net(activation=jnp.tanh, **options):
    return jb.serial(jb.dense(4, **options), jb.elementwise(activation), jb.dense(1))


def wide(features):
    return jb.serial(jb.dense(features), jb.dense(1))


def loss(function):
    return {"rule": jb.backprop(net(), function)}


def activation(function):
    return {"rule": jb.backprop(net(function), jb.losses.mse)}


def leaky(slope):
    return functools.partial(jax.nn.leaky_relu, negative_slope=slope)


def metric(function):
    return {"validation": (X, Y), "metrics": {"error": function}}


def layer(factor):
    """A network by hand."""
    return jb.Network(
        lambda key, x: {"w": jnp.ones((3, 1))},
        lambda params, x, *, key=None: factor * (x @ params["w"]),
    )


def schedule(rate):
    return optax.cosine_decay_schedule(rate, 100)


# name: (what the refusal must name, before, after); equal sides are called anew in each process
CHANGED = {
    "partial loss": ("loss", lambda: loss(functools.partial(scaled, 2.0)),
                     lambda: loss(functools.partial(scaled, 7.0))),
    "partial activation": ("slope", lambda: activation(leaky(0.1)), lambda: activation(leaky(0.9))),
    "object": ("loss", lambda: loss(Scale(2.0)), lambda: loss(Scale(7.0))),
    "object with slots": ("loss", lambda: loss(Slots(2.0)), lambda: loss(Slots(7.0))),
    "bound method": ("loss", lambda: loss(Scale(2.0).method), lambda: loss(Scale(7.0).method)),
    "class of the object": ("loss", lambda: loss(Twice()), lambda: loss(Thrice())),
    "jitted function": ("loss", lambda: loss(jax.jit(captured(2.0))),
                        lambda: loss(jax.jit(captured(7.0)))),
    "function under vmap": ("loss", lambda: loss(lambda p, t: jax.vmap(Scale(2.0))(p, t).sum()),
                            lambda: loss(lambda p, t: jax.vmap(Scale(7.0))(p, t).sum())),
    "captured number": ("factor", lambda: loss(captured(2.0)), lambda: loss(captured(7.0))),
    "captured NumPy number": ("factor", lambda: loss(captured(np.float32(2.0))),
                              lambda: loss(captured(np.float32(7.0)))),
    "captured array": ("factor", lambda: loss(captured(np.array([2.0], "float32")[0])),
                       lambda: loss(captured(np.array([7.0], "float32")[0]))),
    "captured type": ("factor", lambda: loss(captured(2)), lambda: loss(captured(2.0))),
    "default": ("loss.defaults", lambda: loss(with_default(2.0)), lambda: loss(with_default(7.0))),
    "constant": ("loss.code", lambda: loss(lambda p, t: 2 * jb.losses.mse(p, t)),
                 lambda: loss(lambda p, t: 7 * jb.losses.mse(p, t))),
    "module global": ("FACTOR", lambda: loss(by_global(1.0)), lambda: loss(by_global(5.0))),
    "function that the loss calls": ("HELPER", lambda: loss(by_helper(1.0)),
                                     lambda: loss(by_helper(5.0))),
    "global of a module of mine": ("FACTOR", lambda: loss(by_module(1.0)),
                                   lambda: loss(by_module(5.0))),
    "schedule": ("optimizer", lambda: {"optimizer": optax.sgd(lambda count: 0.1)},
                 lambda: {"optimizer": optax.sgd(lambda count: 0.5)}),
    "schedule of optax": ("optimizer", lambda: {"optimizer": optax.sgd(schedule(0.1))},
                          lambda: {"optimizer": optax.sgd(schedule(0.2))}),
    "own optimizer": ("optimizer", lambda: {"optimizer": own_optimizer(0.1)},
                      lambda: {"optimizer": own_optimizer(0.5)}),
    "rate in an array": ("optimizer", lambda: {"optimizer": optax.sgd(jnp.float32(0.1))},
                         lambda: {"optimizer": optax.sgd(jnp.float32(0.5))}),
    "rate in MultiSteps": ("optimizer", lambda: {"optimizer": optax.MultiSteps(optax.sgd(0.1), 2)},
                           lambda: {"optimizer": optax.MultiSteps(optax.sgd(0.5), 2)}),
    "momentum": ("decay", lambda: {"optimizer": optax.sgd(0.1, 0.9)},
                 lambda: {"optimizer": optax.sgd(0.1, 0.8)}),
    "mask": ("optimizer", lambda: {"optimizer": optax.masked(optax.sgd(0.1), (True, (), True))},
             lambda: {"optimizer": optax.masked(optax.sgd(0.1), (True, (), False))}),
    "metric": ("metrics", lambda: metric(captured(1.0)), lambda: metric(captured(2.0))),
    "name of a metric": ("metrics", lambda: metric(jb.losses.mse),
                         lambda: {"validation": (X, Y), "metrics": {"other": jb.losses.mse}}),
    "validation data": ("validation data", lambda: metric(jb.losses.mse),
                        lambda: {**metric(jb.losses.mse), "validation": (X, Y + 1)}),
    "record": ("record", lambda: {"record": lambda state: state.step},
               lambda: {"record": lambda state: state.step + 1}),
    "width": ("features", lambda: {"rule": jb.backprop(wide(2), jb.losses.mse)},
              lambda: {"rule": jb.backprop(wide(3), jb.losses.mse)}),
    "initializer": ("kernel_init",
                    lambda: {"rule": jb.backprop(net(kernel_init=jax.nn.initializers.normal(0.1)),
                                                 jb.losses.mse)},
                    lambda: {"rule": jb.backprop(net(kernel_init=jax.nn.initializers.normal(0.2)),
                                                 jb.losses.mse)}),
    "network by hand": ("rule", lambda: {"rule": jb.backprop(layer(1.0), jb.losses.mse)},
                        lambda: {"rule": jb.backprop(layer(2.0), jb.losses.mse)}),
    "another rule": ("rule", lambda: {"rule": jb.backprop(net(), jb.losses.mse)},
                     lambda: {"rule": jb.feedback_alignment(net(), jb.losses.mse)}),
    "data": ("data", dict, lambda: {"data": (X + 1, Y)}),
}  # fmt: skip

# name: a training that both processes build anew
SAME = {
    "lambda": lambda: loss(lambda p, t: 3 * jb.losses.mse(p, t)),
    "partial": lambda: loss(functools.partial(scaled, 2.0)),
    "object": lambda: loss(Scale(2.0)),
    "method": lambda: loss(Scale(2.0).method),
    "jitted": lambda: loss(jax.jit(captured(2.0))),
    "captured arrays": lambda: loss(captured(np.float32(2.0))),
    "set of strings": lambda: loss(with_default(frozenset({"a", "b", "c", "d"}) and 2.0)),
    "constant set": lambda: loss(
        lambda p, t: (2 if "a" in {"a", "b", "c"} else 1) * scaled(1, p, t)
    ),
    "global": lambda: loss(by_global(3.0)),
    "helper": lambda: loss(by_helper(3.0)),
    "schedule": lambda: {"optimizer": optax.adam(schedule(0.1))},
    "own schedule": lambda: {"optimizer": optax.sgd(lambda count: 0.1 / (1 + count))},
    "own optimizer": lambda: {"optimizer": own_optimizer(0.1)},
    "chain": lambda: {"optimizer": optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(0.1))},
    "MultiSteps": lambda: {"optimizer": optax.MultiSteps(optax.adam(0.1), 2)},
    "injected": lambda: {"optimizer": optax.inject_hyperparams(optax.adam)(learning_rate=0.1)},
    "partition": lambda: {
        "optimizer": optax.partition(
            {"a": optax.adam(0.1)}, lambda p: jax.tree.map(lambda _: "a", p)
        )
    },
    "apply_if_finite": lambda: {"optimizer": optax.apply_if_finite(optax.adam(0.1), 5)},
    "schedule free": lambda: {"optimizer": optax.contrib.schedule_free_adamw(0.1)},
    "metrics": lambda: metric(captured(2.0)),
    "record": lambda: {"record": lambda state: state.params[0]["bias"]},
    "by hand": lambda: {"rule": jb.backprop(layer(2.0), jb.losses.mse)},
    "state of a rule": lambda: {"rule": jb.feedback_alignment(net(), jb.losses.mse)},
}


def train(directory, options):
    arguments = {
        "rule": jb.backprop(net(), jb.losses.mse),
        "optimizer": optax.sgd(0.01),
        "data": (X, Y),
        **options,
    }
    jb.fit(**arguments, key=jax.random.key(0), epochs=2, batch_size=None, checkpoint=directory)


def main(side, folder):
    said, drive = {}, fitting._drive
    # settings are saved before the first epoch and compared before the next: no epoch is needed
    fitting._drive = lambda chunk, reached, **how: reached
    for name, (_, before, after) in CHANGED.items():
        said[f"changed: {name}"] = tell(
            Path(folder) / "changed" / name, (before if side == "before" else after)()
        )
    fitting._drive = drive
    for name, make in SAME.items():
        said[f"same: {name}"] = tell(Path(folder) / "same" / name, make())
    print(json.dumps(said))


def tell(directory, options):
    try:
        train(directory, options)
    except ValueError as error:
        return str(error)
    return None


if __name__ == "__main__":
    with jax.numpy_dtype_promotion("standard"):
        main(*sys.argv[1:])
