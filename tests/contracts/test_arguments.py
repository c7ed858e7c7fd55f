"""Every public function refuses what is no number, and what is of another type, by name."""

import collections.abc
import importlib
import inspect
import types
import typing

import jax
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.types import Loss
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
    function = FUNCTIONS[name]
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
