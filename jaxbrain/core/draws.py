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
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from jaxbrain.core.requirements import require_random_key
from jaxbrain.core.structure import Same

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
    def drawn(key: jax.Array) -> Any:
        key = require_random_key(getattr(function, "__name__", "in_one_draw"), key)
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(key)
        pool = _Pool(key, traced.jaxpr)
        args = [_Key((), jax.typeof(key))]
        leaves = map(pool.made, _evaluate(traced.jaxpr, traced.consts, args, pool))
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)

    return drawn


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

    def __init__(self, key: jax.Array, jaxpr: Jaxpr):
        self._impl = jax.random.key_impl(key)
        self._data = jax.eval_shape(jax.random.key_data, key)  # of one key
        words = self._data.size + _words(jaxpr, self._data.size)
        self._drawn = functools.cache(lambda: jax.random.bits(key, (words,), "uint32"))
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


def _words(jaxpr: Jaxpr, key_words: int) -> int:
    """The most words of 32 bits that a traced function takes from a pool."""
    words = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "random_bits":
            words += _size(equation.outvars[0].aval)
        elif _is_plain_call(equation):
            words += _words(equation.params["jaxpr"].jaxpr, key_words)
        keys: list[Any] = [to.aval for to in equation.outvars if _is_key(to.aval)]
        words += sum(key.size * key_words for key in keys)
    return words


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
