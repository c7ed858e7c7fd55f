"""Frequent mistakes with arguments, and the sentences that mend them."""

import inspect
from typing import Any

import numpy as np

from jaxbrain.core.functions import takes
from jaxbrain.core.requirements import shown

_EXAMPLES = {
    "Network": "jb.serial(jb.dense(10))",
    "LearningRule": "jb.backprop(net, loss)",
    "Memory": "jb.memory.hopfield()",
    "Task": "jb.tasks.adding()",
    "Plant": "jb.motor.point_mass()",
    "Hill": "jb.motor.hill.thelen_hill()",
    "Layers": "jb.motor.cortical_layers(key, units)",
    "Visible": "jb.learning.generative.boltzmann.bernoulli()",
    "Feedback": "jb.learning.online.symmetric_feedback()",
    "Interaction": "jb.memory.polynomial(3)",
    "VectorSymbols": "jb.memory.holographic_reduced(1024)",
    "Izhikevich": "jb.cells.CHATTERING",
    "TrainState": "jb.init_state(rule, optimizer, x, key=key)",
    "GradientTransformation": "optax.sgd(0.1)",
}
# What to write, by the wanted type and the given one.
_FIXES = {
    ("Network", "Cell"): "; unroll it over a sequence: jb.cells.unroll(cell)",
    ("Network", "LearningRule"): "; take its network: rule.network",
    ("Network", "function"): "; wrap a plain function: jb.elementwise({})",
    ("Network", "list"): "; pass the layers by place: jb.serial(*layers)",
    ("Network", "tuple"): "; pass the layers by place: jb.serial(*layers)",
    ("Cell", "Network"): "; make a cell without state of it: jb.lift(net)",
    ("Cell", "list"): "; pass the cells by place: jb.cells.stack(*cells)",
    ("Cell", "tuple"): "; pass the cells by place: jb.cells.stack(*cells)",
    ("LearningRule", "Network"): "; choose how it learns: jb.backprop(net, loss)",
}
_CALLS = {
    "Network": "net.apply(params, x), or jb.batch(net).apply(params, x) for a batch",
    "Cell": "cell.step(params, carry, x)",
    "LearningRule": "rule.grads(params, state, x, y)",
    "Memory": "memory.recall(params, cue)",
    "Task": "task.sample(key)",
    "Plant": "plant.step(params, state, action)",
}


def require_instance(wanted: type, function: str, argument: str, value: Any) -> None:
    """Refuse a value of another type; a constructor in the place of its value is named."""
    if wanted is bool and isinstance(value, np.bool_):
        return
    if isinstance(value, wanted):
        if wanted.__name__ == "Network" and getattr(value, "config", None) is None:
            _require_key_argument(function, argument, value.apply)  # pyright: ignore[reportAttributeAccessIssue]
        return
    name, kind = wanted.__name__, type(value).__name__
    is_function = callable(value) and not isinstance(value, type | tuple)
    named = f"a {kind}" if kind in ("list", "tuple", "dict") else shown(value)
    if getattr(value, "is_constructor", False):
        fix = ""  # it is within the name
    elif is_function and name == "GradientTransformation":
        fix = f"; call it: {named}(...)"
    else:
        fix = _FIXES.get((name, "function" if is_function else kind), "").format(named)
    example = f" such as {_EXAMPLES[name]}" if name in _EXAMPLES else ""
    words = "True or False" if wanted is bool else f"{_article(name)} {name}{example}"
    raise TypeError(f"{function}: {argument} must be {words}, got {named}{fix}")


def _article(name: str) -> str:
    return "an" if name[0] in "AEIOU" else "a"


def _require_key_argument(function: str, argument: str, apply: Any) -> None:
    """Refuse the function of a network made by hand that cannot be called with ``key=``."""
    try:
        refused = not takes(apply, "key")
    except (TypeError, ValueError):
        return  # nothing is known of it
    if refused:
        parameters = ", ".join(inspect.signature(apply).parameters)
        raise TypeError(
            f"{function}: the apply of {argument} takes ({parameters}) and no key, with "
            "which a network is called; make the network with jb.from_functions(init, apply)"
        )


def refuse_call(value: Any) -> None:
    """Refuse to call a tuple of functions, and name the function that may be meant."""
    kind = type(value).__name__
    usage = _CALLS.get(kind, f"the name of one of its functions: {', '.join(value._fields)}")
    raise TypeError(f"a {kind} is not called: write {usage}")
