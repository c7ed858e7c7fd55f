"""Calls with wrong arguments, answered in plain sentences that name the right ones."""

import inspect
import re
from collections.abc import Collection
from typing import Any

from jaxbrain.core.notice import in_package
from jaxbrain.core.suggestions import nearest

# What to write for an argument that other libraries have.
_KEYWORDS = {
    "activation": "write it as the next layer: jb.elementwise(jax.nn.relu)",
    "use_bias": "write bias_init=None for a layer without bias",
}


def mistake(name: str, signature: inspect.Signature, args: Any, kwargs: Any) -> str:
    """The mistake in the arguments of a call that does not fit a signature, and its fix."""
    parameters = signature.parameters
    places = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    unknown = [word for word in kwargs if word not in parameters]
    if unknown:
        near = nearest(unknown[0], parameters)
        fix = f"did you mean {near!r}?" if near else f"it has {', '.join(parameters)}"
        fix = _KEYWORDS.get(unknown[0], fix)
        return f"{name} has no argument {unknown[0]!r}; {fix}"
    if len(args) > len(places):
        hint = "; x and y are one pair: data=(x, y)" if "data" in places else ""
        return (
            f"{name} takes {len(places)} positional arguments ({', '.join(places)}), got "
            f"{len(args)}; write the others with their names{hint}"
        )
    twice = [word for word in places[: len(args)] if word in kwargs]
    if twice:
        return f"{name} got {twice[0]!r} twice, by place and by name"
    given = {*places[: len(args)], *kwargs}
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in given]
    examples = {
        "key": "key=jax.random.key(0)",
        "epochs": "epochs=10",
        "metrics": 'metrics={"accuracy": jb.accuracy}',
    }
    return f"{name} needs {' and '.join(examples.get(word, word) for word in missing)} too"


def name_function(error: Exception, function: str, arguments: Collection[str]) -> None:
    """Put the name of a function before the message of an error that begins with an argument.

    Helpers that several functions share know the argument alone. An error that was not raised by
    jaxbrain stays as it is.
    """
    text = error.args[0] if error.args else None
    first = re.match(r"\w+(?!\w|:)", text) if isinstance(text, str) else None
    if first and first[0] in arguments and is_ours(error):
        error.args = (f"{function}: {text}", *error.args[1:])


def other_params(function: str, error: KeyError) -> str:
    """The mistake in params of another structure, in which an entry is missing."""
    return f"{function}: params hold no {error}; pass what init makes for it, such as state.params"


def is_ours(error: Exception) -> bool:
    """True for an error that was raised in jaxbrain itself."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and in_package(last.tb_frame)
