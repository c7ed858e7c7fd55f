"""JavaScript from functions of JAX."""

import inspect
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxbrain.core.arguments import checked
from jaxbrain.web.arrays import (
    KEY,
    PARTS,
    Buffer,
    Value,
    View,
    contiguous,
    dtypes_of,
    require_array,
)
from jaxbrain.web.assembly import Leaf, assemble
from jaxbrain.web.helpers import HELPERS
from jaxbrain.web.lowering import lower
from jaxbrain.web.program import Block, Program


@checked
def javascript(function: Callable[..., Any], *examples: Any) -> str:
    """A function of JAX as a module of JavaScript, which computes the same numbers.

    The module exports one function with the name of this one, ``name(inputs, outputs)``. Each leaf
    of the arguments and of the results is one typed array: ``name.inputs`` and ``name.outputs``
    have their names (``state.params.0.kernel``), shapes, dtypes, kinds of array and lengths. The
    outputs are made at each call, or taken from `outputs`, which may be the arrays of the inputs,
    so that a state is updated in place. A random key is two words, a complex number its two parts,
    a truth value one byte. Numbers that are not arguments are constants of the module.

    Integers and random bits are equal to JAX's. Each float32 operation is rounded, as in JAX; sums
    and products of matrices are added in double precision.

    Args:
      function: of pytrees of arrays, which ``jax.make_jaxpr`` can trace.
      *examples: its arguments, arrays or ``jax.ShapeDtypeStruct``; shapes and dtypes are fixed.

    Raises:
      NotImplementedError: if an operation or a dtype has no translation, with its place.

    Examples:
      >>> import jax.numpy as jnp
      >>> def scale(weights, x):
      ...     return jnp.tanh(weights * x)
      >>> text = javascript(scale, jnp.ones(3), 2.0)
      >>> print(*[line.strip() for line in text.splitlines() if "tanh" in line])
      b0[i1] = f(Math.tanh(f(x0[i1] * x1[0])));
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*examples)
    block = Block(Program())
    names = _input_names(function, examples)
    inputs, arguments = _arguments("x", names, closed.jaxpr.invars)
    results = lower(block, closed, arguments)
    paths = [_path("", path) or "result" for path, _ in jax.tree.leaves_with_path(shapes)]
    outputs, targets = _arguments("y", paths, closed.jaxpr.outvars)
    own = {view.buffer for value in arguments for view in value}
    for result, target in zip(results, targets, strict=True):
        for source, place in zip(result, target, strict=True):
            block.ends.append((block.copy(source) if source.buffer in own else source, place))
    return assemble(_name(function), block, inputs, outputs)


def _name(function: Callable[..., Any]) -> str:
    """The name of the exported function."""
    name = getattr(function, "__name__", "")
    taken = name in HELPERS or name in _RESERVED or re.fullmatch(r"[a-z]\d*|part\d+", name)
    return name if name.isidentifier() and name.isascii() and not taken else "compute"


_RESERVED = {
    "await", "break", "case", "catch", "check", "class", "const", "continue", "create",
    "debugger", "default", "delete", "do", "else", "enum", "eval", "export", "extends",
    "false", "finally", "for", "function", "if", "implements", "import", "in", "inputs",
    "instanceof", "interface", "let", "new", "null", "outputs", "package", "private",
    "protected", "public", "return", "static", "super", "switch", "this", "throw", "true",
    "try", "typeof", "undefined", "var", "void", "while", "with", "yield", "arguments",
    "near", "far", "realOf", "Math", "Number", "Array",
}  # fmt: skip


def _input_names(function: Callable[..., Any], examples: Sequence[Any]) -> list[str]:
    """The path of each leaf: the parameter's name, then the keys."""
    try:
        heads = list(inspect.signature(function).bind(*examples).arguments)
        signature = inspect.signature(function).parameters
        last = heads[-1] if heads else ""
        if last and signature[last].kind is inspect.Parameter.VAR_POSITIONAL:
            count = len(examples) - len(heads) + 1
            heads = [*heads[:-1], *(f"{last}.{k}" for k in range(count))]
    except (TypeError, ValueError):
        heads = [str(k) for k in range(len(examples))]
    return [
        _path(head, path)
        for head, example in zip(heads, examples, strict=True)
        for path, _ in jax.tree.leaves_with_path(example)
    ]


def _path(head: str, path: Sequence[Any]) -> str:
    keys = jax.tree_util.keystr(tuple(path), simple=True, separator=".")
    return ".".join(filter(None, [head, keys]))


def _arguments(
    letter: str, names: Sequence[str], variables: Sequence[Any]
) -> tuple[list[Leaf], list[Value]]:
    """The leaves of inputs or outputs, and views of their arrays."""
    leaves: list[Leaf] = []
    values: list[Value] = []
    for k, (name, variable) in enumerate(zip(names, variables, strict=True)):
        aval = variable.aval
        require_array(aval, name)
        dtypes = dtypes_of(aval) or ("float32",)
        buffer = Buffer(dtypes[0], math.prod(aval.shape) * len(dtypes), memory=True)
        buffer.name, buffer.depth = f"{letter}{k}", 0
        strides = tuple(s * len(dtypes) for s in contiguous(aval.shape))
        values.append(
            tuple(View(buffer, tuple(aval.shape), strides, part) for part in range(len(dtypes)))
        )
        is_key = len(dtypes) == 2 and aval.dtype.name not in PARTS
        leaves.append(Leaf(name, tuple(aval.shape), KEY if is_key else aval.dtype.name, buffer))
    return leaves, values
