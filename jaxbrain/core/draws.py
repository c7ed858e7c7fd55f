"""One random draw for all random numbers of a function.

On a CPU each draw of ``jax.random`` compiles a hash function of its own, for half a second, and
what is computed from its bits compiles in milliseconds. So the weights of a network take their bits
from one draw, piece by piece.
"""

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from jaxbrain.core.compiled import Compiled
from jaxbrain.core.requirements import require_random_key
from jaxbrain.core.structure import Same
from jaxbrain.core.threefry import lanes

# Operations that make keys from keys, different ones from different ones.
_DERIVING = ("random_split", "random_fold_in", "slice", "squeeze", "reshape", "unstack")


def in_one_draw(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a key that takes all its random bits from one draw.

    The numbers have the distribution that they have without it, and other values. Draws within a
    loop, and those that need more than bits, get a key of their own.

    Args:
      function: ``(key) -> pytree of arrays``, which ``jax.make_jaxpr`` can trace.

    Examples:
      >>> def pair(key):
      ...     a, b = jax.random.split(key)
      ...     return jax.random.normal(a, (2,)), jax.random.uniform(b, (3,))
      >>> str(jax.make_jaxpr(in_one_draw(pair))(jax.random.key(0))).count("random_bits")
      1
    """

    @functools.wraps(function)
    def call(key: jax.Array) -> Any:
        key = require_random_key(getattr(function, "__name__", "in_one_draw"), key)
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(key)
        words = _words(traced.jaxpr, key)
        pool = _Pool(key, lambda: jax.random.bits(key, (words,), "uint32"))
        leaves = _drawn(traced, [_Key((), jax.typeof(key))], pool)
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)

    return call


class Drawn:
    """A function of a key and arrays as a program of its random bits, which the host computes.

    The numbers are those of `in_one_draw`; the program compiles without a hash function.

    Args:
      function: ``(arrays, key, *args) -> pytree``.
      static: places of the args that are no arrays.
    """

    def __init__(self, function: Callable[..., Any], static: tuple[int, ...] = ()):
        self._function, self._static = jax.jit(function, static_argnums=static), static

        def finished(traced: ClosedJaxpr, host: Any, key: jax.Array, *args: Any) -> Any:
            def draw() -> jax.Array:
                if host is None:
                    return jax.random.bits(key, (_words(traced.jaxpr, key),), "uint32")
                return host[0] ^ host[1]  # here, so that XLA fuses the same as within a program

            before, after = args
            arrays = [*jax.tree.leaves(before), _Key((), jax.typeof(key)), *jax.tree.leaves(after)]
            return _drawn(traced, arrays, _Pool(key, draw))

        finished.__name__ = function.__name__  # the name of the program, in profiles and files
        self._finished = jax.jit(finished, static_argnums=0)

    def __call__(self, arrays: Any, key: jax.Array, *args: Any) -> Any:
        traced = self._function.trace(arrays, key, *args)
        host = lanes(key, _words(traced.jaxpr.jaxpr, key))
        rest = [arg for i, arg in enumerate(args, 2) if i not in self._static]
        leaves = self._finished(traced.jaxpr, host, key, arrays, rest)
        return jax.tree.unflatten(jax.tree.structure(traced.out_info), leaves)


def drawn(static: tuple[int, ...] = ()) -> Callable[[Callable[..., Any]], Compiled]:
    """Compile a function of a `jaxbrain.core.program.Program`, a key and arrays as `Drawn`."""
    return lambda function: Compiled(function, lambda call: Drawn(call, static))


def _drawn(traced: ClosedJaxpr, args: Sequence[Any], pool: "_Pool") -> list[Any]:
    return [*map(pool.made, _evaluate(traced.jaxpr, traced.consts, args, pool))]


class _Key(NamedTuple):
    """A key of the traced function, which is not made unless more is needed than its bits.

    Attributes:
      path: how it was derived from the key of the function; equal for equal keys.
      like: its shape and dtype.
    """

    path: Hashable
    like: Any


class _Pool:
    """The bits of one draw, handed out piece by piece; the same ones for the same key."""

    def __init__(self, key: jax.Array, draw: Callable[[], jax.Array]):
        self._impl = jax.random.key_impl(key)
        self._data = _data(key.dtype)
        self._drawn = functools.cache(draw)
        self._used, self._pieces = 0, {}

    def bits(self, key: _Key, like: Any) -> jax.Array:
        """Bits of a shape and an unsigned dtype."""
        name = (key.path, like.shape, like.dtype)
        if name not in self._pieces:
            start, self._used = self._used, self._used + _size(like)
            self._pieces[name] = _as_bits(self._drawn()[start : self._used], like)
        return self._pieces[name]

    def made(self, value: Any) -> Any:
        """Any value as it is; for a key that was not made, a key of these bits."""
        if not isinstance(value, _Key):
            return value
        shape = (*value.like.shape, *self._data.shape)
        data = self.bits(value, jax.ShapeDtypeStruct(shape, self._data.dtype))
        return jax.random.wrap_key_data(data, impl=self._impl)


def _evaluate(jaxpr: Jaxpr, consts: Sequence[Any], args: Sequence[Any], pool: _Pool) -> list[Any]:
    """The outputs of a traced function, its bits from a pool."""
    values = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *args), strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        outputs = _outputs(equation, [*map(read, equation.invars)], pool)
        values.update(zip(equation.outvars, outputs, strict=True))
    return [*map(read, jaxpr.outvars)]


def _outputs(equation: JaxprEqn, args: list[Any], pool: _Pool) -> Sequence[Any]:
    """The outputs of one equation."""
    primitive, name = equation.primitive, equation.primitive.name
    if any(isinstance(arg, _Key) for arg in args):
        if name == "random_bits":
            return [pool.bits(args[0], equation.outvars[0].aval)]
        if name == "random_clone":
            return args
        if name in _DERIVING:
            path = (name, tuple(sorted(equation.params.items())), *map(_identity, args))
            return [_Key((path, i), to.aval) for i, to in enumerate(equation.outvars)]
        if _is_plain_call(equation):
            inner = equation.params["jaxpr"]
            return _evaluate(inner.jaxpr, inner.consts, args, pool)
    options = primitive.get_bind_params(equation.params)
    outputs = primitive.bind(*map(pool.made, args), **options)
    return outputs if primitive.multiple_results else [outputs]


def _identity(arg: Any) -> Hashable:
    if isinstance(arg, _Key):
        return arg.path
    return Same(arg) if isinstance(arg, jax.Array) else np.asarray(arg).item()


def _words(jaxpr: Jaxpr, key: jax.Array) -> int:
    """The most words of 32 bits that a traced function of a key takes from a pool."""
    key_words = _data(key.dtype).size
    return key_words + _words_of_parts(jaxpr, key_words)


def _words_of_parts(jaxpr: Jaxpr, key_words: int) -> int:
    words = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "random_bits":
            words += _size(equation.outvars[0].aval)
        elif _is_plain_call(equation):
            words += _words_of_parts(equation.params["jaxpr"].jaxpr, key_words)
        keys: list[Any] = [to.aval for to in equation.outvars if _is_key(to.aval)]
        words += sum(key.size * key_words for key in keys)
    return words


@functools.cache
def _data(kind: Any) -> jax.ShapeDtypeStruct:
    """The shape of the words of one key of a dtype."""
    return jax.eval_shape(jax.random.key_data, jax.ShapeDtypeStruct((), kind))


def _is_plain_call(equation: JaxprEqn) -> bool:
    """True for a ``jax.jit`` of a function that says nothing about the place of its arrays."""
    if equation.primitive.name != "jit":
        return False
    places = (*equation.params["in_shardings"], *equation.params["out_shardings"])
    return not any(isinstance(place, jax.sharding.Sharding) for place in places)


def _is_key(like: Any) -> bool:
    return jnp.issubdtype(like.dtype, jax.dtypes.prng_key)


def _size(like: Any) -> int:
    """The number of words of 32 bits in an array."""
    return math.ceil(like.size * like.dtype.itemsize / 4)


def _as_bits(words: jax.Array, like: Any) -> jax.Array:
    """Words of 32 bits as an array of another unsigned dtype."""
    if like.dtype.itemsize == 8:
        words = words.reshape(-1, 2)
    bits = jax.lax.bitcast_convert_type(words, like.dtype)
    return jnp.ravel(bits)[: like.size].reshape(like.shape)
