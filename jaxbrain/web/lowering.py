"""The walk of a jaxpr: each equation becomes operations of a program."""

import types
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from jaxbrain.web import (
    complex_numbers,
    control,
    elementwise,
    fourier,
    indexing,
    ordering,
    products,
    random_bits,
    reductions,
    shapes,
    windows,
)
from jaxbrain.web.arrays import Value, broadcast, require_array
from jaxbrain.web.program import Block

Rule = Callable[..., list[Value]]
# parameters that hold the program of a call
_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_CALL_NAMES = {
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call",
    "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin",
}  # fmt: skip


def lower(block: Block, closed: ClosedJaxpr, arguments: Sequence[Value]) -> list[Value]:
    """The operations of a jaxpr in a block, and its results."""
    consts = [_constant(block, value) for value in closed.consts]
    return lower_open(block, closed.jaxpr, consts, arguments)


def _constant(block: Block, value: Any) -> Value:
    if isinstance(value, jax.Array) and jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key):
        words = np.asarray(jax.random.key_data(value))
        first, second = (block.program.constant(words[..., k].copy()) for k in range(2))
        return first, second
    return block.program.constants(np.asarray(value))


def lower_open(
    block: Block, jaxpr: Jaxpr, consts: Sequence[Value], arguments: Sequence[Value]
) -> list[Value]:
    """The same for a jaxpr whose constants are given."""
    values: dict[Any, Value] = dict(
        zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True)
    )

    def value_of(atom: Any) -> Value:
        if isinstance(atom, Literal):
            aval: Any = atom.aval
            plain = np.asarray(atom.val).astype(aval.dtype)
            return tuple(broadcast(v, aval.shape) for v in block.program.constants(plain))
        return values[atom]

    for eqn in jaxpr.eqns:
        results = _apply(block, eqn, [value_of(atom) for atom in eqn.invars])
        values.update(zip(eqn.outvars, results, strict=True))
    return [value_of(atom) for atom in jaxpr.outvars]


def _apply(block: Block, eqn: Any, arguments: Sequence[Value]) -> list[Value]:
    name = eqn.primitive.name
    for atom in (*eqn.invars, *eqn.outvars):
        require_array(atom.aval, f"a value of {name} ({where(eqn)})")
    try:
        rule = _rule(name, arguments)
        if rule is None:
            raise NotImplementedError(f"the primitive {name}")
        return _once(block, eqn, rule, arguments)
    except NotImplementedError as error:
        if str(error).startswith("javascript:"):
            raise
        raise NotImplementedError(
            f"javascript: {error} has no translation to JavaScript ({where(eqn)}); compute it in "
            "JAX beforehand and pass the result as an argument"
        ) from None


def _once(block: Block, eqn: Any, rule: Rule, arguments: Sequence[Value]) -> list[Value]:
    """The results of an equation; those known if it stands here or around this block already."""
    name, params = eqn.primitive.name, eqn.params
    if name in _CALL_NAMES or name in ("scan", "while", "cond"):
        return rule(block, eqn, *arguments)
    key = name, repr(params), tuple(arguments), tuple(str(v.aval) for v in eqn.outvars)
    for outer in block.around():
        if key in outer.known:
            return outer.known[key]
    results = rule(block, eqn, *arguments)
    block.home([view for value in arguments for view in value]).known[key] = results
    return results


def _rule(name: str, arguments: Sequence[Value]) -> Rule | None:
    if name in RULES:
        return RULES[name]
    if name in _CALL_NAMES:
        return _call
    if any(len(value) == 2 for value in arguments):
        if name in complex_numbers.FORMULAS:
            return lambda block, eqn, *values: [complex_numbers.formula(block, name, *values)]
        return None
    return elementwise.rule(name) if name in elementwise.EXPRESSIONS else None


def where(eqn: Any) -> str:
    """The line of the user's code that an equation comes from."""
    traceback = getattr(eqn.source_info, "traceback", None)
    found = traceback.as_python_traceback() if traceback is not None else None
    frames = []
    while isinstance(found, types.TracebackType):
        code = found.tb_frame.f_code
        frames.append((code.co_filename, found.tb_lineno, code.co_name))
        found = found.tb_next
    inside = ("/jax/", "/jaxbrain/web/", "/optax/", "/chex/")
    users = [f for f in frames if not any(part in f[0].replace("\\", "/") for part in inside)]
    if not users:
        return "its place is not known"
    file, line, function = users[-1]
    return f"from {function}, {file}:{line}"


def _call(block: Block, eqn: Any, *arguments: Value) -> list[Value]:
    """A call is its program."""
    inner = next(eqn.params[key] for key in _CALLS if key in eqn.params)
    if isinstance(inner, ClosedJaxpr):
        return lower(block, inner, arguments)
    return lower_open(block, inner, [], arguments)


def _expanded(block: Block, eqn: Any, *arguments: Value) -> list[Value]:
    """A primitive that says by itself which others it is made of."""
    likes = [jax.ShapeDtypeStruct(atom.aval.shape, atom.aval.dtype) for atom in eqn.invars]
    return lower(block, jax.make_jaxpr(eqn.params["_prim"].expand)(*likes), arguments)


def _integer_pow(block: Block, eqn: Any, x: Value) -> list[Value]:
    """Repeated squares, as in XLA."""
    exponent = abs(eqn.params["y"])
    one = tuple(block.program.full(x[0], 1 - k, x[0].shape) for k in range(len(x)))
    result: Value | None = None
    square = x
    while exponent:
        if exponent & 1:
            result = square if result is None else _named(block, "mul", result, square)
        exponent >>= 1
        if exponent:
            square = _named(block, "mul", square, square)
    result = one if result is None else result
    return [_named(block, "div", one, result) if eqn.params["y"] < 0 else result]


def _named(block: Block, name: str, *values: Value) -> Value:
    if len(values[0]) == 2:
        return complex_numbers.formula(block, name, *values)
    return (elementwise.apply(block, name, *(v for (v,) in values)),)


def _platform_index(block: Block, eqn: Any) -> list[Value]:
    """The branch of a CPU."""
    platforms = eqn.params["platforms"]
    fits = [p is None or "cpu" in p for p in platforms]
    return [(block.program.constant(np.asarray(fits.index(True), "int32")),)]


RULES: dict[str, Rule] = {
    **shapes.RULES,
    **elementwise.SPECIAL,
    **complex_numbers.SPECIAL,
    **reductions.RULES,
    **products.RULES,
    **indexing.RULES,
    **ordering.RULES,
    **windows.RULES,
    **fourier.RULES,
    **random_bits.RULES,
    "scan": control.scan_rule(lower),
    "while": control.while_rule(lower),
    "cond": control.cond_rule(lower),
    "integer_pow": _integer_pow,
    "call_hi_primitive": _expanded,
    "platform_index": _platform_index,
}
PRIMITIVES = sorted({*RULES, *elementwise.EXPRESSIONS, *_CALL_NAMES})
