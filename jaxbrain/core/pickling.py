"""Pickling of configured values: the constructor and its arguments, never the functions inside.

Functions of jax and optax go by their public names and closures of theirs by the call that makes
them, because pickle takes neither. Functions of users are left to pickle, or to cloudpickle.
"""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp

from jaxbrain.core import closures, names, structure


class _Named(NamedTuple):
    name: str


class _Call(NamedTuple):
    name: str
    arguments: dict[str, Any]


class _Partial(NamedTuple):
    type: Any
    function: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


class _Key(NamedTuple):
    words: Any
    implementation: str


def packed(config: Any) -> tuple[Any, Any, Any]:
    """The constructor, arguments and options of a config, in a form that pickle takes."""
    return _pack(config.make), _pack(config.arguments), _pack(dict(config.options))


def unpacked(make: Any, arguments: Any, options: Any) -> Any:
    """The value that they make."""
    return _unpack(make)(*_unpack(arguments), **_unpack(options))


def _pack(value: Any) -> Any:
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return _Key(jax.device_get(jax.random.key_data(value)), str(jax.random.key_impl(value)))
    node, given = structure.take_apart(value), cast(Any, value)
    if node.kind == "closure":
        call = closures.as_call(given)
        name = call and names.public_name(call[0])
        return _Call(name, _pack(call[1])) if call and name else value
    if node.kind == "partial":
        inner = (given.func, given.args, given.keywords)
        return _Partial(type(value), *map(_pack, inner))
    if node.kind in ("tuple", "list", "dict") and node.build is not None:
        return node.build(tuple(map(_pack, node.parts)))
    if node.kind == "object" and callable(value):
        name = names.public_name(value)
        if name is not None and name.split(".")[0] in ("jax", "optax"):
            return _Named(name)
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, _Named):
        return names.lookup(value.name)
    if isinstance(value, _Call):
        return names.lookup(value.name)(**_unpack(value.arguments))
    if isinstance(value, _Partial):
        return value.type(
            _unpack(value.function), *_unpack(value.arguments), **_unpack(value.keywords)
        )
    if isinstance(value, _Key):
        return jax.random.wrap_key_data(jnp.asarray(value.words), impl=value.implementation)
    node = structure.take_apart(value)
    if node.kind in ("tuple", "list", "dict") and node.build is not None:
        return node.build(tuple(map(_unpack, node.parts)))
    return value
