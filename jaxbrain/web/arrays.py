"""Buffers of numbers and strided views of them, from which a program is made before it is text."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# The typed array of each dtype, and the bits of an integer with its sign.
ARRAYS = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "int32": "Int32Array",
    "uint32": "Uint32Array",
    "int16": "Int16Array",
    "uint16": "Uint16Array",
    "int8": "Int8Array",
    "uint8": "Uint8Array",
    "bool": "Uint8Array",
}
PARTS = {"complex64": "float32", "complex128": "float64"}  # real and imaginary part
KEY = "key"  # two words of 32 bits


class Buffer:
    """Storage of one array, equal to itself alone.

    Attributes:
      dtype: one of `ARRAYS`.
      size: how many numbers.
      name: in the text; given when the text is written, but to inputs and constants at once.
      value: of a constant.
      depth: of the block that computes it; -1 when the module is loaded.
      memory: a typed array even if it has one number, which is else a variable.
      place: the view whose storage the buffer takes.
    """

    def __init__(self, dtype: str, size: int, *, memory: bool = False):
        self.dtype, self.size, self.memory = dtype, size, memory
        self.name: str = ""
        self.value: np.ndarray | None = None
        self.depth = -1
        self.place: View | None = None

    @property
    def is_variable(self) -> bool:
        """One number that is a variable of the text."""
        return self.size == 1 and not self.memory and self.value is None


class View(NamedTuple):
    """Numbers of a buffer, in the order of strides.

    Attributes:
      buffer: that has the numbers.
      shape: of the view.
      strides: in numbers, by axis.
      offset: of the first number.
      moving: counters of the loops around it, each with its stride.
    """

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    moving: tuple[tuple[str, int], ...] = ()

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_whole(self) -> bool:
        """All numbers of the buffer in its own order."""
        same = self.size == self.buffer.size and not (self.offset or self.moving)
        return same and dense(self.shape, self.strides)


# One view; two for complex numbers (real and imaginary part) and for keys (their words).
Value = tuple[View, ...]


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of an array in row-major order."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """True if the strides are those of row-major order, except along axes of size one."""
    own = contiguous(shape)
    return all(n == 1 or a == b for n, a, b in zip(shape, strides, own, strict=True))


def view_of(buffer: Buffer, shape: Sequence[int]) -> View:
    """The whole buffer with a shape."""
    return View(buffer, tuple(map(int, shape)), contiguous(shape))


def dtypes_of(aval: Any) -> tuple[str, ...] | None:
    """The dtypes of the views of a value, or None where JavaScript has no array for it."""
    if jnp.issubdtype(aval.dtype, jax.dtypes.prng_key):
        return ("uint32", "uint32") if str(aval.dtype) == "key<fry>" else None
    name = aval.dtype.name
    part = PARTS.get(name)
    if part is not None:
        return (part, part)
    return (name,) if name in ARRAYS else None


def require_array(aval: Any, what: str) -> None:
    """Refuse a value whose dtype JavaScript has no array for.

    Raises:
      NotImplementedError: with what may be used in its place.
    """
    if dtypes_of(aval) is not None:
        return
    if jnp.issubdtype(aval.dtype, jax.dtypes.prng_key):
        fix = 'make keys of the default generator, jax.random.key(seed, impl="threefry2x32")'
    else:
        fix = "convert it to float32, float64 or an integer of at most 32 bits"
    raise NotImplementedError(
        f"javascript: {what} is {aval.dtype}, for which JavaScript has no array; {fix}"
    )


def constant(value: np.ndarray) -> View:
    """A view of a constant; one number if all are equal."""
    value = np.asarray(value)
    first = value.ravel()[:1]
    equal = value.size > 0 and first.tobytes() * value.size == value.tobytes()
    buffer = Buffer(value.dtype.name, 1 if equal else value.size)
    buffer.value = first if equal else value.ravel()
    strides = (0,) * value.ndim if equal else contiguous(value.shape)
    return View(buffer, value.shape, strides)


def single(view: View) -> np.generic | None:
    """The number of a constant that has one, else None."""
    value = view.buffer.value
    return value[0] if value is not None and value.size == 1 else None


def number(value: Any) -> str:
    """A number in JavaScript, that of the dtype exactly."""
    if value.dtype == bool:
        return "true" if value else "false"
    if np.issubdtype(value.dtype, np.integer):
        text = str(int(value))
    elif np.isnan(value):
        return "NaN"
    elif np.isinf(value):
        text = "Infinity" if value > 0 else "-Infinity"
    else:
        text = np.format_float_positional(float(value), trim="-")
        text = text if len(text) < 24 else repr(float(value))
    return f"({text})" if text[0] == "-" else text


def broadcast(view: View, shape: Sequence[int]) -> View:
    """The view with its axes of size one repeated, and axes before it where it has none."""
    shape = tuple(shape)
    added = len(shape) - len(view.shape)
    old = zip(view.shape, view.strides, shape[added:], strict=True)
    strides = (0,) * added + tuple(0 if a == 1 and b != 1 else s for a, s, b in old)
    return view._replace(shape=shape, strides=strides)


def merged(
    shape: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """A loop nest as few loops: without axes of size one, and one axis for those that follow.

    Args:
      shape: of the nest.
      strides: of each array that is read or written in it, by axis.
    """
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, n in enumerate(shape):
        own = [s[axis] for s in strides]
        if n == 1:
            continue
        if sizes and all(s[-1] == n * o for s, o in zip(steps, own, strict=True)):
            sizes[-1] *= n
            for s, o in zip(steps, own, strict=True):
                s[-1] = o
        else:
            sizes.append(n)
            for s, o in zip(steps, own, strict=True):
                s.append(o)
    return sizes, steps


def squeezed(view: View) -> View:
    """The view without its axes of size one."""
    kept = [axis for axis, n in enumerate(view.shape) if n != 1]
    return view._replace(
        shape=tuple(view.shape[a] for a in kept), strides=tuple(view.strides[a] for a in kept)
    )
