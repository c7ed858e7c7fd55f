"""Every public function refuses what is no number, and what is of another type, by name."""

import collections.abc
import importlib
import inspect
import types
import typing
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.annotations import reading
from jaxbrain.core.types import Loss
from jaxbrain.motor import Signals
from tests.contracts.test_config import MAKE
from tests.tables.public import PUBLIC

FOUND = {
    f"{module}.{name}".removeprefix("jaxbrain."): getattr(importlib.import_module(module), name)
    for module, names in reversed(PUBLIC.items())
    for name in names
}
# each function once, by its shortest name; those of training and of files have tests of their own
OWN_CHECKS = {"fit", "run", "step", "init_state", "evaluate", "compare_rules", "table"}
OWN_CHECKS |= {"train_test_split", "save_model", "load_training", "configured"}
FUNCTIONS = {
    name: function
    for name, function in {id(f): (n, f) for n, f in FOUND.items()}.values()
    if inspect.isroutine(function) and function.__name__ not in OWN_CHECKS
}
NO_NUMBERS = [float("inf"), -np.inf, float("nan"), np.float32("nan"), True, np.True_, "1", 1j, b"1"]
ONLY_FUNCTIONS = {name: f for name, f in FOUND.items() if isinstance(f, types.FunctionType)}
# these check their arguments together
CHECK_TOGETHER = {
    "fit", "run", "step", "init_state", "evaluate", "compare_rules", "configured", "save_model",
}  # fmt: skip
NET, ARM = jb.serial(jb.dense(3), jb.dense(2)), jb.motor.MOTORNET


INFINITE = {"covariance": "tau"}  # where infinity has a meaning


def options(parameter):
    """The members of the annotation."""
    annotation = parameter.annotation
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return set(typing.get_args(annotation)) if union else {annotation}


def parameters(function, wanted):
    """The parameters one of whose types is wanted; not those that take anything of an array."""
    for parameter in inspect.signature(function).parameters.values():
        if any(map(wanted, options(parameter))) and complex not in options(parameter):
            yield parameter


def alone(function, wanted):
    """The parameters that take nothing but such a type, or None."""
    for parameter in parameters(function, wanted):
        if all(map(wanted, options(parameter) - {types.NoneType})):
            yield parameter


def is_number(option):
    return option in (int, float) or (typing.get_args(option) or (None,))[0] in (int, float)


def is_function(option):
    return typing.get_origin(option) is collections.abc.Callable or option is Loss


def is_value(option):
    return isinstance(option, type) and issubclass(option, tuple)


def having(find, wanted):
    """The functions with such parameters, by name."""
    found = {name: list(find(function, wanted)) for name, function in FUNCTIONS.items()}
    items = {name: parameters for name, parameters in found.items() if parameters}.items()
    return pytest.mark.parametrize(("name", "given"), items, ids=[name for name, _ in items])


def refuses(name, parameter, value, error=(TypeError, ValueError)):
    function = FOUND[name]
    with pytest.raises(error, match=f"^{function.__name__}: {parameter.name}"):
        if parameter.kind is parameter.VAR_POSITIONAL:
            function(value)
        else:
            function(**{parameter.name: value})


@having(parameters, is_number)
def test_a_number_is_one_finite_real_number(name, given):
    for parameter in given:
        allowed = options(parameter)
        bad = NO_NUMBERS if types.NoneType in allowed else [*NO_NUMBERS, None]
        bad = [*bad, 10**30, 3.5] if int in allowed else [*bad, 1e39, [1.0, "x"]]
        bad = [*bad, np.ones(2)] if allowed in ({int}, {float}, {float, jax.Array}) else bad
        if INFINITE.get(FUNCTIONS[name].__name__) == parameter.name:
            bad = [value for value in bad if not (type(value) is float and value > 1e38)]
            assert FUNCTIONS[name](**{parameter.name: np.inf}) is not None
        for value in bad:
            refuses(name, parameter, value)


@having(alone, is_value)
def test_a_value_of_another_type_is_refused(name, given):
    for parameter in given:
        for value in (3, "gru", [jb.dense(3)], jb.dense, jb.Network):
            refuses(name, parameter, value, TypeError)


@having(alone, is_function)
def test_what_is_no_function_is_refused(name, given):
    for parameter in given:
        for value in (3, "relu", NET, [len]):
            refuses(name, parameter, value, TypeError)


class Gained(NamedTuple):
    """A carry with a leaf for lesions."""

    state: Any
    gain: Any


def state(x, **options):
    rule = jb.backprop(NET, jb.losses.mse)
    return jb.init_state(rule, optax.sgd(0.1), x, key=jax.random.key(0), **options)


class Thing:
    """Nothing that any function takes."""


@pytest.mark.parametrize("name", ONLY_FUNCTIONS)
def test_a_call_that_does_not_fit_is_answered_by_the_name_of_the_function(name):
    function = ONLY_FUNCTIONS[name]
    with pytest.raises(TypeError, match=f"^{function.__name__} has no argument 'no_such_word'; "):
        function(no_such_word=1)


def perturbed(perturbation):
    carry = Gained(np.zeros(3, "float32"), np.ones(3, "float32"))
    return perturbation(0, Signals(None, None, jax.tree.map(jnp.asarray, carry), *[None] * 4))


def split(x, y, **options):
    return jb.datasets.train_test_split(jax.random.key(0), x, y, **options)


# Parameters that the functions check themselves, with a call.
OWN = {
    "silence: units": lambda v: perturbed(perturb.silence(v)),
    "stimulate: units": lambda v: perturbed(perturb.stimulate(v, 0.3)),
    "connected: mask": lambda v: jb.cells.connected(jb.cells.elman(2), v),
    "excitatory_inhibitory: signs": lambda v: jb.cells.excitatory_inhibitory(2, signs=v),
    "excitatory_inhibitory: mask": lambda v: jb.cells.excitatory_inhibitory(2, mask=v),
    "excitatory_inhibitory: delays": lambda v: jb.cells.excitatory_inhibitory(2, delays=v),
    "conv: padding": lambda v: jb.conv(2, (3, 3), padding=v),
    "avg_pool: padding": lambda v: jb.avg_pool(2, padding=v),
    "max_pool: padding": lambda v: jb.max_pool(2, padding=v),
    "hopfield: storage": lambda v: jb.memory.hopfield(storage=v),
    "graded_hopfield: storage": lambda v: jb.memory.graded_hopfield(storage=v),
    "from_json: functions": lambda v: jb.from_json(jb.to_json(NET), functions=v),
    "load_model: functions": lambda v: jb.load_model("file", functions=v),
    "with_precision: compute": lambda v: jb.with_precision(NET, v),
    "with_precision: output": lambda v: jb.with_precision(NET, "bfloat16", output=v),
    "train_test_split: x": lambda v: split(v, np.ones(4)),
    "train_test_split: y": lambda v: split(np.ones(4), v),
    "train_test_split: stratify": lambda v: split(np.ones(4), np.ones(4), stratify=v),
    "check: state": lambda v: jb.check(v, np.ones(2)),
    "evaluate: params": lambda v: jb.evaluate(NET, v, (np.ones((2, 3)), np.ones((2, 2))), {}),
    "evaluate: metrics": lambda v: jb.evaluate(NET, (), (np.ones((2, 3)), np.ones((2, 2))), v),
    "save_model: net": lambda v: jb.save_model("file", v, ()),
    "save_model: params": lambda v: jb.save_model("file", NET, v),
    "init_state: x": lambda v: state(v),
    "init_state: params": lambda v: state(np.ones(3), params=v),
}
# What is of any kind: a network decides, or another library.
ANY = {
    "total_change: modulator", "to_json: value", "save: tree", "restore: like", "check: losses",
    *(f"{way}_{of}: model" for way in ("from", "to") for of in ("equinox", "linen", "nnx")),
    *(f"{of}_params: model" for of in ("equinox", "linen", "nnx")),
    "linen_params: variables", "summary: params", "javascript: examples",
}  # fmt: skip


def test_every_parameter_is_read_or_known():
    unread = {
        f"{function.__name__}: {parameter.name}"
        for name, function in ONLY_FUNCTIONS.items()
        if function.__name__ not in CHECK_TOGETHER and not name.startswith("viz.")
        for parameter in inspect.signature(function).parameters.values()
        if reading(parameter.annotation) is None
    }
    together = {name for name in OWN if name.split(":")[0] in CHECK_TOGETHER}
    assert unread == (OWN.keys() - together) | ANY


@pytest.mark.parametrize("name", ONLY_FUNCTIONS)
def test_what_no_function_takes_is_refused_by_function_and_argument(name):
    function = ONLY_FUNCTIONS[name]
    if function.__name__ in CHECK_TOGETHER:
        return
    for parameter in inspect.signature(function).parameters.values():
        if reading(parameter.annotation) is not None:
            refuses(name, parameter, Thing(), TypeError)


@pytest.mark.parametrize("name", OWN)
def test_a_parameter_without_such_an_annotation_is_checked_by_its_function(name):
    function, _, argument = name.partition(": ")
    for value in (Thing(), "no such thing"):
        with pytest.raises((TypeError, ValueError), match=rf"^{function}\b.*: {argument}"):
            OWN[name](value)


def test_a_default_that_is_a_number_is_annotated_as_one():
    for function in FUNCTIONS.values():
        for parameter in inspect.signature(function).parameters.values():
            if isinstance(parameter.default, int | float):
                assert options(parameter) & {int, float, bool}, (function.__name__, parameter)


perturb = jb.motor.perturbations
WITHIN = {  # a number within an argument, with one that is right
    "force": (lambda v: perturb.constant_force([v, 0.0]), 1.0),
    "matrix": (lambda v: perturb.viscous_field([[v, 0.0], [0.0, 1.0]]), 1.0),
    "start": (lambda v: perturb.force_channel((v, 0.0), (1.0, 1.0)), 0.5),
    "offset": (perturb.perturb_sensory_feedback, [0.1, 0.2]),
    "gain": (perturb.set_gain, np.ones(3)),
    "current": (lambda v: perturb.stimulate(2, v), 0.3),
    "stop": (lambda v: perturb.during(perturb.curl_field(1.0), 0, v), 3),
    "signs": (lambda v: jb.cells.excitatory_inhibitory(2, signs=[v, 1]), -1),
    "delays": (lambda v: jb.cells.excitatory_inhibitory(2, delays=[[v, 1], [1, 1]]), 2),
    "path": (lambda v: jb.motor.path_length(jb.motor.MOTORNET, [[(1, v, 0.0), (2, 0.1, 0.0)]]), 1),
    "center": (lambda v: jb.motor.tasks.center_out(center=(v, 0.4)), 0.1),
    "angles": (lambda v: jb.motor.tasks.center_out(angles=[v, 0.4]), 0.1),
    "kernel_size": (lambda v: jb.conv(2, (v, 3)), 2),
    "taus": (lambda v: jb.motor.cerebellum(taus=(v, 0.2)), 0.1),
    "tau": (lambda v: jb.cells.ctrnn(2, tau=(v, 0.2)), 0.1),
    "kind.a": (lambda v: jb.cells.izhikevich(2, kind=jb.cells.CHATTERING._replace(a=v)), 0.1),
    "arm.lengths": (
        lambda v: jb.motor.two_link_arm(arm=jb.motor.MOTORNET._replace(lengths=v)),
        [1, 1],
    ),
}


@pytest.mark.parametrize("name", WITHIN)
def test_a_number_within_an_argument_is_checked(name):
    make, good = WITHIN[name]
    for value in (float("inf"), float("nan"), "1", None, 1j):
        with pytest.raises((TypeError, ValueError), match=rf"^\w+.*: .*{name}"):
            make(value)
    assert make(good) is not None


# a negative number is right: a bias, a force to the other side, depression for potentiation
NEGATIVE = {
    "above": "threshold",
    "lstm": "forget_bias",
    "lstm_peephole": "forget_bias",
    "ugrnn": "forget_bias",
    "curl_field_task": "strength",
    "curl_field": "strength",
    "silence": "gain",
    "set_gain": "gain",
    "stimulate": "current",
    "perturb_sensory_feedback": "offset",
    "during": "start",
    "pair_stdp": "a_plus a_minus",
    "reward_modulated_stdp": "a_plus a_minus",
    "soft_hebb": "loser_gain",
}


@pytest.mark.parametrize("row", MAKE)
def test_a_negative_number_is_refused_or_right(row):
    config = MAKE[row]().config
    for parameter in parameters(config.make, lambda option: option in (int, float)):
        try:
            config.make(**{**config.parameters, parameter.name: -1})
        except ValueError as error:
            assert parameter.name in str(error), error
        else:
            assert parameter.name in NEGATIVE.get(config.make.__name__, "").split(), parameter


def test_good_numbers_pass():
    for value in (2, 2.0, np.float32(2), np.int8(2), np.array(2.0), jax.numpy.float16(2)):
        assert jb.learning.kolen_pollack(NET, jb.losses.mse, decay=value / 4)
    for units in (2, np.int64(2), jax.numpy.int32(2)):
        assert jb.dense(units)
    jax.jit(lambda rate: jb.dropout(rate).apply((), jax.numpy.ones(2)))(7.0)
