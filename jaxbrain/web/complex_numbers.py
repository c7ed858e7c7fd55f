"""Complex numbers as pairs of real ones: primitives by element."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxbrain.web.arrays import PARTS, Value, View, broadcast
from jaxbrain.web.elementwise import apply, convert
from jaxbrain.web.program import Block

Pair = tuple[View, View]


class Real:
    """The arithmetic of views in a block, to write formulas with."""

    def __init__(self, block: Block):
        self._block = block

    def number(self, like: View, value: float) -> View:
        return self._block.program.full(like, value, like.shape)

    def __getattr__(self, name: str) -> Callable[..., View]:
        return lambda *views: apply(self._block, name, *views)


def _multiply(r: Real, a: Pair, b: Pair) -> Pair:
    real = r.sub(r.mul(a[0], b[0]), r.mul(a[1], b[1]))
    return real, r.add(r.mul(a[0], b[1]), r.mul(a[1], b[0]))


def _divide(r: Real, a: Pair, b: Pair) -> Pair:
    real, imaginary = _multiply(r, a, (b[0], r.neg(b[1])))
    norm = r.add(r.square(b[0]), r.square(b[1]))
    return r.div(real, norm), r.div(imaginary, norm)


def _exp(r: Real, a: Pair) -> Pair:
    size = r.exp(a[0])
    return r.mul(size, r.cos(a[1])), r.mul(size, r.sin(a[1]))


def _tanh(r: Real, a: Pair) -> Pair:
    """(sinh 2x + i sin 2y) / (cosh 2x + cos 2y)"""
    x, y = r.add(a[0], a[0]), r.add(a[1], a[1])
    norm = r.add(r.cosh(x), r.cos(y))
    return r.div(r.sinh(x), norm), r.div(r.sin(y), norm)


def _abs(r: Real, a: Pair) -> View:
    return r.sqrt(r.add(r.square(a[0]), r.square(a[1])))


def _log(r: Real, a: Pair) -> Pair:
    return r.log(_abs(r, a)), r.atan2(a[1], a[0])


def _logistic(r: Real, a: Pair) -> Pair:
    """1 / (1 + exp(-z))"""
    one, zero = r.number(a[0], 1), r.number(a[0], 0)
    real, imaginary = _exp(r, (r.neg(a[0]), r.neg(a[1])))
    return _divide(r, (one, zero), (r.add(one, real), imaginary))


def _same(name: str) -> Callable[..., Pair]:
    """The real primitive of both parts."""
    operation = lambda r, *pairs: tuple(  # noqa: E731
        getattr(r, name)(*parts) for parts in zip(*pairs, strict=True)
    )
    return operation


# (arithmetic, pairs) -> pair; or -> one view, which is real
FORMULAS: dict[str, Callable[..., Pair | View]] = {
    "add": _same("add"),
    "add_any": _same("add"),
    "sub": _same("sub"),
    "neg": _same("neg"),
    "mul": _multiply,
    "square": lambda r, a: _multiply(r, a, a),
    "div": _divide,
    "exp": _exp,
    "log": _log,
    "tanh": _tanh,
    "logistic": _logistic,
    "abs": _abs,
    "sin": lambda r, a: (
        r.mul(r.sin(a[0]), r.cosh(a[1])), r.mul(r.cos(a[0]), r.sinh(a[1]))
    ),
    "cos": lambda r, a: (
        r.mul(r.cos(a[0]), r.cosh(a[1])), r.neg(r.mul(r.sin(a[0]), r.sinh(a[1])))
    ),
    "eq": lambda r, a, b: getattr(r, "and")(r.eq(a[0], b[0]), r.eq(a[1], b[1])),
    "ne": lambda r, a, b: getattr(r, "or")(r.ne(a[0], b[0]), r.ne(a[1], b[1])),
    "real": lambda r, a: a[0],
    "imag": lambda r, a: a[1],
}  # fmt: skip


def formula(block: Block, name: str, *values: Value) -> Value:
    """One of `FORMULAS` of complex values."""
    result = FORMULAS[name](Real(block), *values)
    return (result,) if isinstance(result, View) else result


def _conj(block: Block, eqn: Any, x: Value) -> list[Value]:
    imaginary = x[1] if len(x) == 2 else block.program.full(x[0], 0, x[0].shape)
    return [(x[0], apply(block, "neg", imaginary))]


def _complex(block: Block, eqn: Any, real: Value, imaginary: Value) -> list[Value]:
    shape = np.broadcast_shapes(real[0].shape, imaginary[0].shape)
    return [(broadcast(real[0], shape), broadcast(imaginary[0], shape))]


def _convert(block: Block, eqn: Any, x: Value) -> list[Value]:
    """Between complex and real numbers: the imaginary part is zero, or left out."""
    new = eqn.params["new_dtype"].name
    if new not in PARTS:
        if len(x) == 2 and new == "bool":
            zero = block.program.full(x[0], 0)
            parts = [apply(block, "ne", part, zero) for part in x]
            return [(apply(block, "or", *parts),)]
        return [(convert(block, x[0], new),)]
    real = convert(block, x[0], PARTS[new])
    zero = block.program.full(real, 0, real.shape)
    return [(real, convert(block, x[1], PARTS[new]) if len(x) == 2 else zero)]


SPECIAL = {"conj": _conj, "complex": _complex, "convert_element_type": _convert}
