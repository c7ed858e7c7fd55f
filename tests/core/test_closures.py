"""Closures: what is equal compiles once, what differs never gives the other's result."""

import functools
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.closures import Closure, key
from jaxbrain.core.fingerprint import describe

W = {"a": jnp.array([0.5, -1.5, 2.0]), "b": jnp.array([[0.25, -0.75]])}
G = {"a": jnp.array([0.3, -0.2, 5.0]), "b": jnp.array([[-0.1, 0.7]])}


def library(source, module="jaxbrain.made_up", **names):
    """What a module of the library would define."""
    space = {"__name__": module, "jnp": jnp, **names}
    exec(textwrap.dedent(source), space)
    return space["make"]


def descend(optimizer, steps=3):
    """Three updates; the gradient changes from one to the next."""
    params, state = W, optimizer.init(W)
    for i in range(steps):
        grads = jax.tree.map(lambda g, i=i: g * (1.0 - 0.4 * i), G)
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params


def traced(f):
    """A jitted function of one Closure that counts its traces."""

    def counting(closure):
        counting.traces += 1
        return f(closure.value)

    counting.traces = 0
    counting.jit = jax.jit(counting)
    return counting


# name: (learning rate -> optimiser, whether all learning rates are one program)
OPTIMIZERS = {
    "sgd": (optax.sgd, True),
    "momentum": (lambda r: optax.sgd(r, momentum=0.9), True),
    "nesterov": (lambda r: optax.sgd(r, momentum=0.9, nesterov=True), True),
    "adam": (optax.adam, True),
    "adamw": (lambda r: optax.adamw(r, weight_decay=0.1), True),
    "rmsprop": (optax.rmsprop, True),
    "adagrad": (optax.adagrad, True),
    "lion": (optax.lion, True),
    "yogi": (optax.yogi, True),
    "clip": (lambda r: optax.chain(optax.clip_by_global_norm(0.5), optax.adam(r)), True),
    "clip value": (lambda r: optax.chain(optax.clip(0.2), optax.sgd(r)), True),
    "masked": (lambda r: optax.masked(optax.sgd(r), {"a": True, "b": False}), True),
    "masked by function": (
        lambda r: optax.masked(optax.sgd(r), lambda p: {"a": False, "b": True}),
        False,
    ),
    "multi_transform": (
        lambda r: optax.multi_transform(
            {"x": optax.sgd(r), "y": optax.adam(2 * r)}, {"a": "x", "b": "y"}
        ),
        True,
    ),
    "inject": (lambda r: optax.inject_hyperparams(optax.adam)(learning_rate=r), False),
    "apply_if_finite": (lambda r: optax.apply_if_finite(optax.adam(r), 3), True),
    "noise": (
        lambda r: optax.chain(optax.add_noise(0.1, 0.55, jax.random.key(3)), optax.sgd(r)),
        True,
    ),
    "every": (lambda r: optax.chain(optax.apply_every(2), optax.sgd(r)), True),
}


def close(a, b):
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(u, v, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_through_a_closure_is_plain_optax(name):
    make, one_program = OPTIMIZERS[name]
    update = traced(descend)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
        close(update.jit(Closure(make(0.01))), descend(make(0.01)))
        fast = update.jit(Closure(make(0.3)))
        close(fast, descend(make(0.3)))
        again = update.jit(Closure(make(0.01)))
        assert not np.allclose(again["a"], fast["a"]) or not np.allclose(again["b"], fast["b"])
    if one_program:
        assert update.traces == 1


# name: number -> schedule
SCHEDULES = {
    "constant": optax.constant_schedule,
    "exponential": lambda r: optax.exponential_decay(r, 2, 0.5),
    "cosine": lambda r: optax.cosine_decay_schedule(r, 10),
    "linear": lambda r: optax.linear_schedule(r, 0.0, 10),
    "polynomial": lambda r: optax.polynomial_schedule(r, 0.0, 2, 10),
    "piecewise": lambda r: optax.piecewise_constant_schedule(r, {2: 0.5}),
    "warmup cosine": lambda r: optax.warmup_cosine_decay_schedule(0.0, r, 2, 10),
    "warmup exponential": lambda r: optax.warmup_exponential_decay_schedule(0.0, r, 2, 2, 0.5),
    "join": lambda r: optax.join_schedules(
        [optax.constant_schedule(r), optax.constant_schedule(2 * r)], [2]
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_an_equal_schedule_is_one_program_and_another_is_right(name):
    make = SCHEDULES[name]
    update = traced(lambda schedule: jax.vmap(schedule)(jnp.arange(1, 6)))
    with jax.numpy_dtype_promotion("standard"):
        for rate in (0.5, 0.25):
            want = [float(make(rate)(jnp.int32(i))) for i in range(1, 6)]
            np.testing.assert_allclose(update.jit(Closure(make(rate))), want, rtol=1e-6)
        traces = update.traces
        update.jit(Closure(make(0.5)))
        update.jit(Closure(make(0.25)))
    assert update.traces == traces


def test_scheduled_optimizer_is_plain_optax():
    def make(rate):
        return optax.adam(optax.cosine_decay_schedule(rate, 5))

    update = traced(descend)
    with jax.numpy_dtype_promotion("standard"):
        for rate in (0.1, 0.3, 0.1):
            close(update.jit(Closure(make(rate))), descend(make(rate)))
    assert update.traces == 2


def test_rates_as_arrays_and_as_numpy_scalars():
    update = traced(descend)
    with jax.numpy_dtype_promotion("standard"):
        for rate in (jnp.float32(0.1), jnp.float32(0.2)):
            close(update.jit(Closure(optax.adam(rate))), descend(optax.adam(float(rate))))
        assert update.traces == 1
        close(update.jit(Closure(optax.adam(np.float64(0.1)))), descend(optax.adam(0.1)))


def test_closure_gives_back_what_went_in_and_its_leaves_can_be_mapped():
    leaves, tree = jax.tree.flatten(Closure(optax.sgd(0.5)))
    assert leaves == [-0.5]
    doubled = jax.tree.unflatten(tree, [2 * leaf for leaf in leaves]).value
    assert isinstance(doubled, optax.GradientTransformationExtraArgs | optax.GradientTransformation)
    close(descend(doubled), descend(optax.sgd(1.0)))
    net = jb.serial(jb.dense(3), jb.dense(2))
    back = jax.tree.unflatten(*reversed(jax.tree.flatten(Closure((net, {"f": jnp.tanh}, None)))))
    assert back.value == (net, {"f": jnp.tanh}, None)


MAKE_TIMES = """
def make(factor):
    def times(x):
        return x * factor
    return times
"""


def test_captured_arrays_are_leaves():
    make, run = library(MAKE_TIMES), traced(lambda f: f(jnp.ones(2)))
    for factor in ([2.0, 3.0], [-1.0, 5.0]):
        assert run.jit(Closure(make(jnp.array(factor)))).tolist() == factor
        assert run.jit(Closure(make(np.array(factor, "float32")))).tolist() == factor
    assert run.traces == 1
    assert key(make(jnp.ones(2))) != key(make(jnp.ones(2)))  # as identity: by the array itself


@pytest.mark.parametrize(
    "values",
    [
        (True, 1, 1.0),
        (0, False),
        (0.0, -0.0),
        ("1", 1),
        ((1,), (1.0,)),
        (None, 0),
        ({"a": 1}, {"b": 1}),
    ],
    ids=str,
)
def test_captured_values_are_told_apart(values):
    make = library(MAKE_TIMES)
    keys = [key(make(value)) for value in values]
    assert len(set(keys)) == len(values)
    assert [key(make(value)) for value in values] == keys


def test_minus_zero_is_not_zero():
    make = library("""
    def make(sign):
        def f(x):
            return jnp.copysign(x, sign)
        return f
    """)
    run = traced(lambda f: f(jnp.float32(1.0)))
    assert [float(run.jit(Closure(make(s)))) for s in (0.0, -0.0)] == [1.0, -1.0]


def test_nan_is_equal_to_itself():
    make, nan = library(MAKE_TIMES), float("nan")
    assert key(make(nan)) == key(make(nan))
    assert hash(key(make(nan))) == hash(key(make(nan)))


def test_lists_count_by_their_contents():
    make = library("""
    def make(values):
        def total(x):
            return x + sum(values)
        return total
    """)
    run, values = traced(lambda f: f(jnp.float32(0))), [1.0, 2.0]
    assert key(make([1.0, 2.0])) == key(make([1.0, 2.0])) != key(make([2.0, 1.0]))
    assert float(run.jit(Closure(make(values)))) == 3
    values.append(4.0)
    assert float(run.jit(Closure(make(values)))) == 7


def test_functions_of_the_user_count_by_identity():
    def make(n):
        return lambda x: x * n

    assert key(make(2)) != key(make(2))
    f = make(2)
    assert key(f) == key(f)
    assert key(functools.partial(f, 3)) == key(functools.partial(f, 3))
    assert key(functools.partial(f, 3)) != key(functools.partial(f, 4))
    assert key(functools.partial(f, a=3)) != key(functools.partial(f, b=3))
    assert jb.elementwise(f) == jb.elementwise(f) != jb.elementwise(make(2))


USERS = """
def make():
    {wraps}
    def f(x):
        return x * FACTOR
    return f
"""


@pytest.mark.parametrize("wraps", ["", "@functools.wraps(inner)"], ids=["plain", "dressed up"])
def test_no_stale_result_when_the_globals_of_a_user_change(wraps):
    inner = optax.sgd(0.1).update  # a closure of optax: its name and module are put on f
    source = USERS.format(wraps=wraps)
    space = {"__name__": "mine", "functools": functools, "inner": inner, "FACTOR": 2.0}
    exec(source, space)
    run = traced(lambda net: net.apply((), jnp.float32(1)))
    assert float(run.jit(Closure(jb.elementwise(space["make"]())))) == 2
    space["FACTOR"] = 3.0
    assert float(run.jit(Closure(jb.elementwise(space["make"]())))) == 3


def test_the_same_code_in_two_modules_is_two_functions():
    source = """
    def make():
        def f(x):
            return x * FACTOR
        return f
    """
    run = traced(lambda f: f(jnp.float32(1)))
    for i, module in enumerate(("jaxbrain.one", "jaxbrain.two")):
        assert float(run.jit(Closure(library(source, module, FACTOR=float(i))()))) == i


def test_other_code_over_the_same_values_is_another_function():
    make = library("""
    def make(n):
        def plus(x):
            return x + n
        def minus(x):
            return x - n
        return plus, minus
    """)
    run = traced(lambda f: f(jnp.float32(1)))
    plus, minus = make(3.0)
    assert [float(run.jit(Closure(f))) for f in (plus, minus)] == [4, -2]
    assert key(plus) != key(minus)


def test_functions_that_capture_themselves_each_other_or_nothing_yet():
    itself = library("""
    def make():
        def fall(x, n=3):
            return x if n == 0 else fall(x + 1.0, n - 1)
        return fall
    """)()
    assert float(jax.jit(lambda c: c.value(0.0))(Closure(itself))) == 3
    through = library("""
    def make():
        def fall(x, n=3):
            return x if n == 0 else table[0](x + 1.0, n - 1)
        table = (fall,)
        return fall
    """)()
    assert float(jax.jit(lambda c: c.value(0.0))(Closure(through))) == 3
    mutual = library("""
    def make():
        def even(n):
            return n == 0 or odd(n - 1)
        def odd(n):
            return n != 0 and even(n - 1)
        return even
    """)()
    assert key(mutual) == key(mutual)
    empty = library(
        """
    def make():
        def f(x):
            return later * x
        key_before(f)
        later = 3.0
        return f
    """,
        key_before=key,
    )()
    assert float(jax.jit(lambda c: c.value(1.0))(Closure(empty))) == 3


class Counted:
    """An activation that counts how often it is hashed."""

    hashed = 0

    def __call__(self, x):
        return jnp.tanh(x)

    def __hash__(self):
        Counted.hashed += 1
        return 7

    def __eq__(self, other):
        return isinstance(other, Counted)


def test_nested_networks_cost_as_much_as_they_have_parts():
    def nest(depth):
        net = jb.serial(jb.elementwise(Counted()))
        for _ in range(depth):
            net = jb.serial(net, jb.dense(3))
        return net

    Counted.hashed = 0
    a, b = nest(5), nest(5)
    assert hash(a) == hash(b) and a == b
    assert Counted.hashed < 60  # it would be 3^depth if each reference were walked again
    assert nest(5) != nest(6)


def test_a_long_chain():
    def make(last):
        return jb.serial(*[jb.dense(3) for _ in range(150)], jb.dense(last))

    assert make(2) == make(2) != make(3)
    assert len({make(2), make(2), make(3)}) == 2


def test_partials_of_jax_stay_what_they_are():
    f = jax.tree_util.Partial(jnp.multiply, jnp.array([2.0, 3.0]))
    back = jax.tree.unflatten(*reversed(jax.tree.flatten(Closure(f)))).value
    assert back(jnp.ones(2)).tolist() == [2.0, 3.0]
    assert type(back) is type(f)


@pytest.mark.parametrize("name", [*OPTIMIZERS, *SCHEDULES])
def test_an_optimizer_in_words_says_what_it_does_and_no_address(name):
    make = OPTIMIZERS[name][0] if name in OPTIMIZERS else lambda r: optax.sgd(SCHEDULES[name](r))
    words = describe(make(0.25))
    assert words == describe(make(0.25))
    # a hyperparameter that is injected lives in the state of the optimiser
    assert name == "inject" or words != describe(make(0.5))
    assert "0x" not in words and " at " not in words
