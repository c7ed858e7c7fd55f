"""One random draw for all random numbers of a function.

On a CPU each draw of ``jax.random`` compiles a hash function of its own, for half a second, and
what is computed from its bits compiles in milliseconds. So the weights of a network take their bits
from one draw, piece by piece.
"""

import functools
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal

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
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(key)
        pool = _Pool(key, _words(traced.jaxpr))
        leaves = map(_made, _evaluate(traced.jaxpr, traced.consts, [pool.key], pool))
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)

    return drawn


class _Key:
    """A key of the traced function, which is made only where its bits alone are not enough.

    Attributes:
      path: how it was derived from the key of the function; equal for equal keys.
      make: to the key itself.
    """

    def __init__(self, path: Hashable, make: Callable[[], jax.Array]):
        self.path, self.make = path, functools.cache(make)


class _Pool:
    """The bits of one draw, handed out piece by piece."""

    def __init__(self, key: jax.Array, words: int):
        data = jax.eval_shape(jax.random.key_data, key)

        @functools.cache
        def drawn() -> jax.Array:
            return jax.random.bits(key, (data.size + words,), "uint32")

        def own() -> jax.Array:
            like = drawn()[: data.size].reshape(data.shape)
            return jax.random.wrap_key_data(like, impl=jax.random.key_impl(key))

        self.key, self._drawn, self._used = _Key((), own), drawn, data.size
        self._pieces: dict[Hashable, jax.Array] = {}

    def bits(self, key: _Key, like: Any) -> jax.Array:
        """Bits of a shape and an unsigned dtype; the same ones for the same key."""
        name = (key.path, like.shape, like.dtype)
        if name not in self._pieces:
            start, self._used = self._used, self._used + _size(like)
            self._pieces[name] = _as_bits(self._drawn()[start : self._used], like)
        return self._pieces[name]


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
    name = equation.primitive.name
    if any(isinstance(arg, _Key) for arg in args):
        if name == "random_bits":
            return [pool.bits(args[0], equation.outvars[0].aval)]
        if name == "random_clone":
            return args
        if name in _DERIVING:
            return _derived(equation, args)
        if _is_plain_call(equation):
            inner = equation.params["jaxpr"]
            return _evaluate(inner.jaxpr, inner.consts, args, pool)
    return _bind(equation, args)


def _derived(equation: JaxprEqn, args: list[Any]) -> list[_Key]:
    """Keys from keys, none of which is made yet."""
    made = functools.cache(lambda: _bind(equation, args))
    options = tuple(sorted(equation.params.items()))
    path = (equation.primitive.name, options, *map(_identity, args))
    return [_Key((path, i), lambda i=i: made()[i]) for i in range(len(equation.outvars))]


def _identity(arg: Any) -> Hashable:
    if isinstance(arg, _Key):
        return arg.path
    return Same(arg) if isinstance(arg, jax.Array) else np.asarray(arg).item()


def _bind(equation: JaxprEqn, args: list[Any]) -> Sequence[Any]:
    """The outputs of one equation, as JAX computes them."""
    primitive = equation.primitive
    outputs = primitive.bind(*map(_made, args), **primitive.get_bind_params(equation.params))
    return outputs if primitive.multiple_results else [outputs]


def _made(value: Any) -> Any:
    return value.make() if isinstance(value, _Key) else value


def _words(jaxpr: Jaxpr) -> int:
    """The number of words of 32 bits that a traced function may take from a pool."""
    words = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "random_bits":
            words += _size(equation.outvars[0].aval)
        elif _is_plain_call(equation):
            words += _words(equation.params["jaxpr"].jaxpr)
    return words


def _is_plain_call(equation: JaxprEqn) -> bool:
    """True for a ``jax.jit`` of a function that says nothing about the place of its arrays."""
    if equation.primitive.name != "jit":
        return False
    places = (*equation.params["in_shardings"], *equation.params["out_shardings"])
    return not any(isinstance(place, jax.sharding.Sharding) for place in places)


def _size(like: Any) -> int:
    """The number of words of 32 bits in an array."""
    return math.ceil(like.size * like.dtype.itemsize / 4)


def _as_bits(words: jax.Array, like: Any) -> jax.Array:
    """Words of 32 bits as an array of another unsigned dtype."""
    if like.dtype.itemsize == 8:
        words = words.reshape(-1, 2)
    bits = jax.lax.bitcast_convert_type(words, like.dtype)
    return jnp.ravel(bits)[: like.size].reshape(like.shape)
