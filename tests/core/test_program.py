"""Programs: equal ones compile once, another number compiles nothing and is not the cached one."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core import closures, structure
from jaxbrain.core import program as module
from jaxbrain.core.program import Program

W = {"a": jnp.array([0.5, -1.5, 2.0]), "b": jnp.array([[0.25, -0.75]])}
G = {"a": jnp.array([0.3, -0.2, 5.0]), "b": jnp.array([[-0.1, 0.7]])}


def descend(optimizer, steps=3):
    """Three updates; the gradient changes from one to the next."""
    params, state = W, optimizer.init(W)
    for i in range(steps):
        grads = jax.tree.map(lambda g, i=i: g * (1.0 - 0.4 * i), G)
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params


def traced(f):
    """A jitted function of one Program that counts its traces."""

    def counting(program):
        counting.traces += 1
        return f(program.value)

    counting.traces = 0
    counting.jit = jax.jit(counting)
    return counting


def close(a, b, rtol=2e-6, atol=1e-7):
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(u, v, rtol=rtol, atol=atol)


# name: (learning rate -> optimizer, whether all learning rates are one program)
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


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_in_a_program_is_plain_optax(name):
    make, one_program = OPTIMIZERS[name]
    update = traced(descend)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
        close(update.jit(Program(make(0.01))), descend(make(0.01)))
        fast = update.jit(Program(make(0.3)))
        close(fast, descend(make(0.3)))
        again = update.jit(Program(make(0.01)))
        assert not np.allclose(again["a"], fast["a"]) or not np.allclose(again["b"], fast["b"])
    if one_program:
        assert update.traces == 1


# every row of the table of optax's names: the maker, a parameter of it, two values
NUMBERS = {
    ("adaptive_grad_clip", "clipping"): (lambda v: optax.adaptive_grad_clip(v), 0.1, 0.2),
    ("adaptive_grad_clip", "eps"): (lambda v: optax.adaptive_grad_clip(0.1, eps=v), 0.5, 1.0),
    ("add_decayed_weights", "weight_decay"): (optax.add_decayed_weights, 0.1, 0.3),
    ("add_noise", "eta"): (lambda v: optax.add_noise(v, 0.5, jax.random.key(0)), 0.1, 0.3),
    ("add_noise", "gamma"): (lambda v: optax.add_noise(0.1, v, jax.random.key(0)), 0.2, 0.9),
    ("clip", "max_delta"): (optax.clip, 0.2, 0.4),
    ("clip_by_block_rms", "threshold"): (optax.clip_by_block_rms, 0.2, 0.4),
    ("clip_by_global_norm", "max_norm"): (optax.clip_by_global_norm, 0.2, 0.4),
    ("scale", "step_size"): (optax.scale, 0.1, 0.2),
    ("scale_by_adadelta", "eps"): (lambda v: optax.scale_by_adadelta(eps=v), 1e-6, 1e-2),
    ("scale_by_trust_ratio", "trust_coefficient"): (
        lambda v: optax.scale_by_trust_ratio(trust_coefficient=v), 0.1, 0.3),
    ("scale_by_trust_ratio", "eps"): (lambda v: optax.scale_by_trust_ratio(eps=v), 0.1, 0.9),
    ("scale_by_trust_ratio", "min_norm"): (
        lambda v: optax.scale_by_trust_ratio(min_norm=v), 0.1, 9.0),
    ("scale_by_optimistic_gradient", "alpha"): (
        lambda v: optax.scale_by_optimistic_gradient(alpha=v), 1.0, 0.5),
    ("scale_by_optimistic_gradient", "beta"): (
        lambda v: optax.scale_by_optimistic_gradient(beta=v), 1.0, 0.5),
    ("trace", "decay"): (optax.trace, 0.9, 0.5),
    **{
        (maker, name): (lambda v, maker=maker, name=name: getattr(optax, maker)(**{name: v}), *two)
        for maker in ("scale_by_adam", "scale_by_adamax", "scale_by_adan", "scale_by_amsgrad",
                      "scale_by_belief", "scale_by_rms", "scale_by_rss",
                      "scale_by_stddev", "scale_by_yogi")
        for name, two in {"eps": (1e-6, 1e-1), "eps_root": (1e-6, 1e-1),
                          "initial_scale": (0.0, 1.0),
                          "initial_accumulator_value": (0.1, 1.0)}.items()
        if name in closures.NUMBERS[maker]
    },
}  # fmt: skip


def test_every_number_of_the_table_is_tested():
    table = {(maker, name) for maker, known in closures.NUMBERS.items() for name in known}
    assert table == set(NUMBERS)


@pytest.mark.parametrize("row", NUMBERS, ids=" ".join)
def test_another_number_of_optax_compiles_nothing_and_is_right(row):
    """Against whichever optax is installed: a name that it changed is a failure here."""
    make, one, other = NUMBERS[row]
    update = traced(descend)
    with jax.numpy_dtype_promotion("standard"):
        first, second = (update.jit(Program(make(v))) for v in (one, other))
        assert update.traces == 1, "the number is a part of the program"
        close(first, descend(make(one)))
        close(second, descend(make(other)))
    assert not all(jax.tree.leaves(jax.tree.map(np.array_equal, first, second)))


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
            np.testing.assert_allclose(update.jit(Program(make(rate))), want, rtol=1e-6)
        traces = update.traces
        update.jit(Program(make(0.5)))
        update.jit(Program(make(0.25)))
    assert update.traces == traces


def test_scheduled_optimizer_is_plain_optax():
    def make(rate):
        return optax.adam(optax.cosine_decay_schedule(rate, 5))

    update = traced(descend)
    with jax.numpy_dtype_promotion("standard"):
        for rate in (0.1, 0.3, 0.1):
            close(update.jit(Program(make(rate))), descend(make(rate)))
    assert update.traces == 2


def test_rates_as_arrays_and_as_numpy_scalars():
    update = traced(descend)
    with jax.numpy_dtype_promotion("standard"):
        for rate in (jnp.float32(0.1), jnp.float32(0.2)):
            close(update.jit(Program(optax.adam(rate))), descend(optax.adam(float(rate))))
        assert update.traces == 1
        close(update.jit(Program(optax.adam(np.float64(0.1)))), descend(optax.adam(0.1)))


def test_a_program_gives_back_what_went_in_and_its_leaves_can_be_mapped():
    leaves, tree = jax.tree.flatten(Program(optax.sgd(0.5)))
    assert leaves == [-0.5]
    doubled = jax.tree.unflatten(tree, [2 * leaf for leaf in leaves]).value
    assert isinstance(doubled, optax.GradientTransformationExtraArgs | optax.GradientTransformation)
    close(descend(doubled), descend(optax.sgd(1.0)))
    net = jb.serial(jb.dense(3), jb.dense(2))
    back = jax.tree.unflatten(*reversed(jax.tree.flatten(Program((net, {"f": jnp.tanh}, None)))))
    assert back.value == (net, {"f": jnp.tanh}, None)


def test_a_container_within_an_optimizer_is_looked_at_each_time():
    mask = {"a": True, "b": False}
    optimizer = optax.masked(optax.set_to_zero(), mask)
    before = Program(optimizer)
    mask["a"] = False
    after = Program(optimizer)
    assert jax.tree.structure(before) != jax.tree.structure(after)
    run = jax.jit(lambda program: descend(program.value))
    assert run(after)["a"].tolist() == descend(optimizer)["a"].tolist()
    assert run(before)["a"].tolist() != run(after)["a"].tolist()


def test_a_container_within_an_optimizer_of_a_rule_is_looked_at_each_time():
    """Also where no number is: the config of the rule copies its own lists and dicts alone."""

    @jb.configured
    def descending(optimizer):
        return jb.elementwise(lambda x: x * descend(optimizer)["a"])

    mask = {"a": True, "b": False}
    for optimizer in (
        optax.masked(optax.set_to_zero(), mask),
        optax.chain(optax.sgd(0.5), optax.masked(optax.set_to_zero(), mask)),
    ):
        net = jb.serial(jb.dense(2), descending(optimizer))
        before, again = Program(net), Program(net)
        mask["a"] = not mask["a"]
        after = Program(net)
        structures = [jax.tree.structure(program) for program in (before, again, after)]
        assert structures[0] == structures[1] != structures[2]


def test_what_cannot_change_is_split_once_and_what_can_each_time(monkeypatch):
    split = []
    take_apart = structure.take_apart
    counting = lambda value: split.append(value) or take_apart(value)  # noqa: E731
    monkeypatch.setattr(structure, "take_apart", counting)

    def counted(value):
        split.clear()
        made = Program(value)
        return len(split), jax.tree.leaves(made)

    kept = (jb.predictive_coding(jb.serial(jb.dense(3)), jb.losses.mse), optax.adam(0.5))
    first, again = counted(kept), counted(kept)
    assert first[0] > again[0] <= 6 and first[1] == again[1] != []
    masked = optax.chain(optax.sgd(0.5), optax.masked(optax.set_to_zero(), {"a": True}))
    counted(masked)
    assert counted(masked)[0] > 6
    assert counted((kept[0], optax.adam(0.25)))[1] != again[1]  # another one is not the kept one


def test_numbers_that_are_traced_are_not_kept():
    rule = jax.jit(lambda s: jax.tree.leaves(Program(optax.sgd(s)))[0] + 0)
    assert [float(rule(s)) for s in (0.5, 0.25)] == [-0.5, -0.25]
    net = jb.serial(jb.dense(2), jb.dropout(0.25))
    with jax.checking_leaks():
        jax.jit(lambda rate: jax.tree.leaves(Program((jb.dropout(rate), optax.sgd(rate))))[0])(0.5)
    assert jax.tree.leaves(Program(net)) == [0.25]


def optax_closure(source, **names):
    """What a module of optax would define."""
    space = {"__name__": "optax.made_up", "jnp": jnp, **names}
    exec(source, space)
    return space["make"]


RECURSIVE = {
    "itself": """
def make():
    def fall(x, n=3):
        return x if n == 0 else fall(x + 1.0, n - 1)
    return fall
""",
    "through a tuple": """
def make():
    def fall(x, n=3):
        return x if n == 0 else table[0](x + 1.0, n - 1)
    table = (fall,)
    return fall
""",
    "each other": """
def make():
    def even(x, n=3):
        return x if n == 0 else odd(x + 1.0, n - 1)
    def odd(x, n=3):
        return x if n == 0 else even(x + 1.0, n - 1)
    return even
""",
}


@pytest.mark.parametrize("name", RECURSIVE)
def test_closures_that_capture_themselves(name):
    function = optax_closure(RECURSIVE[name])()
    assert float(jax.jit(lambda program: program.value(0.0))(Program(function))) == 3
    assert Program(function)._structure == Program(function)._structure


def test_partials_of_jax_stay_what_they_are():
    f = jax.tree_util.Partial(jnp.multiply, jnp.array([2.0, 3.0]))
    back = jax.tree.unflatten(*reversed(jax.tree.flatten(Program(f)))).value
    assert back(jnp.ones(2)).tolist() == [2.0, 3.0] and type(back) is type(f)


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
    space = {"__name__": "mine", "functools": functools, "inner": inner, "FACTOR": 2.0}
    exec(USERS.format(wraps=wraps), space)
    run = traced(lambda net: net.apply((), jnp.float32(1)))
    assert float(run.jit(Program(jb.elementwise(space["make"]())))) == 2
    space["FACTOR"] = 3.0
    assert float(run.jit(Program(jb.elementwise(space["make"]())))) == 3


def key_of(value):
    return jax.tree.structure(Program(value))


def test_a_variable_that_a_function_of_the_user_reads_is_looked_at_each_time():
    """A program for its last value would be stale, and nothing would show it."""
    weight, scale = 1.0, {"factor": 1.0}

    def loss(prediction, target):
        return weight * scale["factor"] * jnp.sum((prediction - target) ** 2)

    def rule():
        layer = jb.elementwise(functools.partial(lambda x: weight * x))
        return jb.backprop(jb.serial(jb.dense(1), layer), loss), optax.sgd(lambda step: weight)

    values, seen = rule(), []
    for name, value in (("weight", 1.0), ("weight", 2.0), ("scale", 3.0)):
        if name == "weight":
            weight = value
        scale["factor"] = value if name == "scale" else 1.0
        seen.append([key_of(part) for part in (values[0], values[1], loss)])
        assert key_of(values) == key_of(values)
    assert [len({keys[i] for keys in seen}) for i in range(3)] == [3, 2, 3]


def test_traceable_parameters_are_leaves():
    @jb.core.config.traceable("factor")
    @jb.configured
    def scaled(features, *, factor=2.0, steps=1):
        return jb.serial(jb.dense(features), jb.elementwise(lambda x: factor * steps * x))

    def leaves(value):
        return jax.tree.leaves(Program(value))

    assert leaves(scaled(3)) == [2.0] and leaves(scaled(3, factor=5.0)) == [5.0]
    nested = jb.serial(jb.dense(2), scaled(3, factor=7.0))
    assert leaves(nested) == [7.0]
    structure = [jax.tree.structure(Program(scaled(3, factor=f))) for f in (2.0, 3.0)]
    assert structure[0] == structure[1] != jax.tree.structure(Program(scaled(3, steps=2)))
    back = jax.tree.unflatten(jax.tree.structure(Program(nested)), [9.0]).value
    assert back == jb.serial(jb.dense(2), scaled(3, factor=9.0))


def test_a_closure_is_of_optax_or_jax_by_its_code_alone():
    assert closures.library(optax.sgd(0.1).update) == "optax"
    fake = types.FunctionType((lambda x: x).__code__, {"__name__": "mine"})
    fake.__module__ = "optax.transforms"
    assert closures.library(fake) == ""
    assert closures.library(optax.apply_updates) == ""  # no closure: a function with a name


def test_the_latest_optimizer_is_remembered_however_many_there_were():
    for n in range(300):
        optimizer = optax.adam(float(n))
        Program(optimizer)
        assert all(module._remembered(function) for function in (optimizer, *optimizer))
    assert len(module._FROZEN) == 256
