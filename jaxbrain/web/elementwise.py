"""Primitives by element, as expressions of JavaScript."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxbrain.web.arrays import Value, View, broadcast, single
from jaxbrain.web.program import Block
from jaxbrain.web.scalars import RANGES, converted, is_float, product, rounded

# (dtype of the inputs, texts of the inputs) -> text
Expression = Callable[..., str]


def _rounded(template: str) -> Expression:
    return lambda d, *a: rounded(d, template.format(*a))


def _exact(template: str) -> Expression:
    return lambda d, *a: template.format(*a)


def _compared(sign: str) -> Expression:
    """Truth values are compared as numbers."""
    return lambda d, a, b: f"(+{a} {sign} +{b})" if d == "bool" else f"({a} {sign} {b})"


def _by_kind(real: str, whole: str) -> Expression:
    return lambda d, *a: rounded(d, (real if is_float(d) else whole).format(*a))


def _bits(sign: str) -> Expression:
    return lambda d, a, b: f"({a} {sign} {b})" if d == "bool" else rounded(d, f"{a} {sign} {b}")


def _shifted(template: str) -> Expression:
    def text(dtype: str, a: str, b: str) -> str:
        bits = np.dtype(dtype).itemsize * 8
        unsigned = a if bits == 32 else f"({a} & {2**bits - 1})"
        return rounded(dtype, template.format(a, b, bits, unsigned))

    return text


def _functions(*names: str) -> dict[str, Expression]:
    return {name: _rounded(f"Math.{name}({{}})") for name in names}


EXPRESSIONS: dict[str, Expression] = {
    "add": _rounded("{} + {}"),
    "sub": _rounded("{} - {}"),
    "mul": lambda d, a, b: rounded(d, product(d, a, b)),
    "div": _by_kind("{} / {}", "divide({}, {})"),
    "rem": _by_kind("{} % {}", "remainder({}, {})"),
    "pow": _rounded("power({}, {})"),
    "max": _exact("Math.max({}, {})"),
    "min": _exact("Math.min({}, {})"),
    "neg": lambda d, a: f"(-{a})" if is_float(d) else rounded(d, f"-{a}"),
    "abs": lambda d, a: f"Math.abs({a})" if is_float(d) else rounded(d, f"Math.abs({a})"),
    "sign": _exact("Math.sign({})"),
    "floor": _exact("Math.floor({})"),
    "ceil": _exact("Math.ceil({})"),
    "is_finite": _exact("Number.isFinite({})"),
    "square": lambda d, a: rounded(d, product(d, a, a)),
    "rsqrt": _rounded("1 / Math.sqrt({})"),
    "exp2": _rounded("Math.pow(2, {})"),
    "log2": _rounded("Math.log2({})"),
    "one_minus_square": lambda d, a: rounded(d, f"1 - {rounded(d, product(d, a, a))}"),
    "logistic": _rounded("1 / (1 + Math.exp(-{}))"),
    "erf": _rounded("erf({})"),
    "erfc": _rounded("erfc({})"),
    "erf_inv": lambda d, a: f"{'erfInverse' if d == 'float32' else 'erfInverse64'}({a})",
    "nextafter": lambda d, a, b: f"nextAfter({a}, {b})",
    "eq": _compared("==="),
    "ne": _compared("!=="),
    "lt": _compared("<"),
    "le": _compared("<="),
    "gt": _compared(">"),
    "ge": _compared(">="),
    "eq_to": _exact("(compareAll({}, {}) === 0)"),
    "lt_to": _exact("(compareAll({}, {}) < 0)"),
    "le_to": _exact("(compareAll({}, {}) <= 0)"),
    "and": _bits("&"),
    "or": _bits("|"),
    "xor": _bits("^"),
    "not": lambda d, a: f"(!{a})" if d == "bool" else rounded(d, f"~{a}"),
    "shift_left": _shifted("({1} >>> 0 < {2} ? {0} << {1} : 0)"),
    "shift_right_logical": _shifted("({1} >>> 0 < {2} ? {3} >>> {1} : 0)"),
    "shift_right_arithmetic": _shifted("{0} >> ({1} >>> 0 < {2} ? {1} : {2} - 1)"),
    "clz": _exact("Math.clz32({})"),
    **_functions(
        "exp", "log", "log1p", "expm1", "sqrt", "cbrt", "tanh", "sinh", "cosh", "sin", "cos", "tan",
        "asin", "acos", "atan", "asinh", "acosh", "atanh",
    ),
    "atan2": _rounded("Math.atan2({}, {})"),
}  # fmt: skip
EXPRESSIONS["add_any"] = EXPRESSIONS["add"]


def apply(block: Block, name: str, *views: View) -> View:
    """One of `EXPRESSIONS` of views, whose axes of size one are repeated."""
    dtype, expression = views[0].buffer.dtype, EXPRESSIONS[name]
    truth = name in _TRUTH
    shape = np.broadcast_shapes(*(v.shape for v in views))
    if name in ("mul", "div") and single(views[1]) == 1 and views[0].shape == shape:
        return views[0]
    if name == "mul" and single(views[0]) == 1 and views[1].shape == shape:
        return views[1]
    numbers = [single(v) for v in views]
    if name in _FOLDED and dtype in RANGES and all(n is not None for n in numbers):
        value = _FOLDED[name](*(np.asarray(n) for n in numbers))
        return broadcast(block.program.constant(value), shape)
    return block.map(
        lambda *texts: expression(dtype, *texts), "bool" if truth else dtype, shape, *views
    )


# of constants, where NumPy's integers are those of JAX
_FOLDED = {"add": np.add, "sub": np.subtract, "lt": np.less, "ge": np.greater_equal}
_TRUTH = {"eq", "ne", "lt", "le", "gt", "ge", "eq_to", "lt_to", "le_to", "is_finite"}


def rule(name: str) -> Callable[..., list[Value]]:
    """The rule of a primitive by element for real numbers."""
    return lambda block, eqn, *values: [(apply(block, name, *(v for (v,) in values)),)]


def convert(block: Block, view: View, dtype: str) -> View:
    """The numbers of a view as another dtype."""
    old, value = view.buffer.dtype, single(view)
    if old == dtype:
        return view
    if value is not None and (old in RANGES or old == "bool" or is_float(dtype)):
        return broadcast(block.program.constant(np.asarray(value).astype(dtype)), view.shape)
    return block.map(lambda a: converted(old, dtype, a), dtype, view.shape, view)


def select(block: Block, which: View, cases: Sequence[View]) -> View:
    """The number of the case that `which` has."""
    shape, last = cases[0].shape, len(cases) - 1

    def chosen(w: str, *texts: str) -> str:
        if which.buffer.dtype == "bool":
            return f"({w} ? {texts[1]} : {texts[0]})"
        text = texts[last]
        for i in reversed(range(last)):
            text = f"({w} {'<=' if i == 0 else '==='} {i} ? {texts[i]} : {text})"
        return text

    known = single(which)
    if known is not None:
        return cases[min(max(int(known), 0), last)]
    return cases[0] if last == 0 else block.map(chosen, cases[0].buffer.dtype, shape, which, *cases)


def _select(block: Block, eqn: Any, which: Value, *cases: Value) -> list[Value]:
    return [tuple(select(block, which[0], planes) for planes in zip(*cases, strict=True))]


def _clamp(block: Block, eqn: Any, low: Value, x: Value, high: Value) -> list[Value]:
    text = "Math.min(Math.max({1}, {0}), {2})".format
    return [(block.map(text, x[0].buffer.dtype, x[0].shape, low[0], x[0], high[0]),)]


def _round(block: Block, eqn: Any, x: Value) -> list[Value]:
    even = int(eqn.params["rounding_method"]) == 1
    name = "roundEven" if even else "roundAway"
    return [(block.map(f"{name}({{}})".format, x[0].buffer.dtype, x[0].shape, x[0]),)]


def _bitcast(block: Block, eqn: Any, x: Value) -> list[Value]:
    (view,), new = x, eqn.outvars[0].aval.dtype.name
    old = view.buffer.dtype
    if old == new:
        return [x]
    if {old, new} <= {"int32", "uint32"}:
        return [(convert(block, view, new),)]
    if old == "float32" and new in ("int32", "uint32"):
        text = f"toBits({{}}) {'| 0' if new == 'int32' else '>>> 0'}".format
        return [(block.map(lambda a: f"({text(a)})", new, view.shape, view),)]
    if new == "float32" and old in ("int32", "uint32"):
        return [(block.map("fromBits({})".format, new, view.shape, view),)]
    raise NotImplementedError(f"bitcast_convert_type from {old} to {new}")


def _reduce_precision(block: Block, eqn: Any, x: Value) -> list[Value]:
    exponent, mantissa = eqn.params["exponent_bits"], eqn.params["mantissa_bits"]
    (view,) = x
    if view.buffer.dtype == "float32" and (exponent, mantissa) == (8, 23):
        return [x]
    text = f"reducePrecision({{}}, {exponent}, {mantissa})".format
    return [(block.map(text, view.buffer.dtype, view.shape, view),)]


SPECIAL = {
    "select_n": _select,
    "clamp": _clamp,
    "round": _round,
    "bitcast_convert_type": _bitcast,
    "reduce_precision": _reduce_precision,
}
