"""Values as JSON: configured values, functions by name, containers, arrays and numbers.

A file holds names and numbers, no code. Loading it looks names up in a list
(`jaxbrain.core.allowed`), and calls constructors of it; nothing else is imported or run.
"""

import base64
import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core import allowed, closures, names, structure
from jaxbrain.core.arguments import checked

_DEEPEST = 100  # levels within a value; a network of a thousand layers has three


@checked
def to_json(value: Any) -> str:
    """A configured value as JSON, from which `from_json` makes an equal one in another process.

    Args:
      value: a Network, Cell, LearningRule, Memory, Task or anything else of jaxbrain that knows
        what it was made from.

    Raises:
      TypeError: naming the part that cannot be stored: a lambda, a function without a public name,
        a value made by hand, a traced value.

    Examples:
      >>> import jaxbrain as jb
      >>> to_json(jb.dense(3))
      '{"make": "jaxbrain.dense", "arguments": [3], "options": {}}'
    """
    return json.dumps(encode(value, inline, type(value).__name__))


@checked
def from_json(text: str, *, functions: Iterable[Any] | Mapping[str, Any] = ()) -> Any:
    """The value that `to_json` wrote.

    Args:
      text: JSON; it may come from anywhere, no code in it is run.
      functions: functions of your own that it names, or a mapping from their names; only these
        and the functions of jaxbrain, jax and optax that compute are ever called.

    Raises:
      ValueError: if the text is not such JSON, or names a function that is not known.

    Examples:
      >>> import jaxbrain as jb
      >>> from_json(to_json(jb.dense(3))) == jb.dense(3)
      True
    """
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"from_json: the text is not JSON ({error})") from error
    return decode(tree, from_inline, allowed.functions_by_name(functions))


def encode(value: Any, put: Callable[[np.ndarray], Any], path: str = "value") -> Any:
    """A value as a tree that JSON takes.

    Args:
      value: to be encoded.
      put: from an array on the host to what stands for it in the tree.
      path: of the value, for messages.

    Raises:
      TypeError: naming the part that cannot be encoded.
    """
    node = structure.take_apart(value)

    def inside(name: str, part: Any) -> Any:
        return encode(part, put, f"{path}.{name}")

    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if node.kind == "array" or isinstance(value, np.generic):
        return _encode_array(value, put)
    if node.kind == "made":
        config = value.config
        arguments = zip(config.parts[0], config.arguments, strict=False)
        return {
            "make": _named(config.make, path),
            "arguments": [inside(name, argument) for name, argument in arguments],
            "options": {name: inside(name, option) for name, option in config.options},
        }
    if node.kind == "closure":
        call = closures.as_call(value)
        if call is None:
            raise TypeError(f"{path} is a closure of {value.__module__}, which cannot be stored")
        options = {name: inside(name, part) for name, part in call[1].items()}
        return {"call": _named(call[0], path), "options": options}
    if node.kind == "partial" and type(value) is not jax.tree_util.Partial:
        return {
            "partial": inside("function", value.func),
            "arguments": [inside(str(i), a) for i, a in enumerate(value.args)],
            "keywords": {name: inside(name, part) for name, part in value.keywords.items()},
        }
    if isinstance(value, np.dtype):
        return {"dtype": str(value)}
    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value, inside)
    if node.kind == "tuple" and hasattr(value, "_fields"):
        parts = [inside(name, part) for name, part in zip(node.names, node.parts, strict=True)]
        return {"tuple": parts, "type": _named(type(value), path)}
    return {"name": _named(value, path)}


def decode(tree: Any, get: Callable[[Any], Any], known: Mapping[str, Any], depth: int = 0) -> Any:
    """The value of a tree that `encode` made.

    Args:
      tree: of JSON.
      get: from what stands for an array in the tree to the array.
      known: the functions and classes that it may name.
      depth: levels above the tree.

    Raises:
      ValueError: if the tree is none of `encode`'s, too deep, or names what is not known.
    """
    if depth > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} levels deep")

    def inside(part: Any) -> Any:
        return decode(part, get, known, depth + 1)

    if tree is None or type(tree) in (bool, int, float, str):
        return tree
    kind = next(iter(tree), None) if isinstance(tree, dict) else None
    decoder = _DECODERS.get(kind) if isinstance(kind, str) else None
    if decoder is None:
        raise ValueError(f"it holds {json.dumps(tree)[:80]}, which stands for no value")
    try:
        return decoder(tree, inside, get, known)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its {kind} entry cannot be built: {error}") from error


def inline(array: np.ndarray) -> dict[str, Any]:
    """An array within JSON, in base 64."""
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


def from_inline(entry: Any) -> np.ndarray:
    """The array of `inline`."""
    flat = np.frombuffer(base64.b64decode(entry["data"], validate=True), jnp.dtype(entry["dtype"]))
    return flat.reshape(entry["shape"]).copy()


def _named(value: Any, path: str) -> str:
    name = names.public_name(value)
    if name is None:
        fix = getattr(value, "how_to_store", None) or (
            "define the function with def at the top of a module, and make values by constructors "
            "(jaxbrain.configured makes one of yours)"
        )
        raise TypeError(
            f"{path} is {names.show(value)}, which has no name to be found by in another process; "
            f"{fix}"
        )
    return name


def _encode_array(value: Any, put: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    if isinstance(value, np.generic):
        return {"array": put(np.asarray(value)), "kind": "scalar"}
    if isinstance(value, np.ndarray):
        return {"array": put(value), "kind": "numpy"}
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        words = np.asarray(jax.random.key_data(value))
        return {
            "array": put(words),
            "kind": "key",
            "implementation": str(jax.random.key_impl(value)),
        }
    return {"array": put(np.asarray(value)), "kind": "jax"}


def _decode_array(tree: Any, inside: Any, get: Any, known: Any) -> Any:
    array = get(tree["array"])
    if tree["kind"] == "scalar":
        return array[()]
    if tree["kind"] == "numpy":
        return array
    if tree["kind"] == "key":
        return jax.random.wrap_key_data(jnp.asarray(array), impl=tree["implementation"])
    return jnp.asarray(array)


def _lookup(name: Any, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise ValueError(
            f"it names {name!r}, which is none of the functions of jaxbrain, jax and optax that a "
            "file may use; if it is yours and you trust the file, give it: functions=[...]"
        )
    return known[name]


def _decode_made(tree: Any, inside: Any, get: Any, known: Any) -> Any:
    make = _lookup(tree["make"], known)
    if not getattr(make, "is_constructor", False):
        raise ValueError(f"it makes a value by {tree['make']!r}, which is no constructor")
    options = {name: inside(part) for name, part in tree["options"].items()}
    return make(*map(inside, tree["arguments"]), **options)


def _decode_call(tree: Any, inside: Any, get: Any, known: Any) -> Any:
    if not str(tree["call"]).startswith("jax.nn.initializers."):
        raise ValueError(f"it calls {tree['call']!r}, which makes no initializer")
    options = {name: inside(part) for name, part in tree["options"].items()}
    return _lookup(tree["call"], known)(**options)


def _decode_partial(tree: Any, inside: Any, get: Any, known: Any) -> Any:
    keywords = {name: inside(part) for name, part in tree["keywords"].items()}
    return functools.partial(inside(tree["partial"]), *map(inside, tree["arguments"]), **keywords)


def _decode_tuple(tree: Any, inside: Any, get: Any, known: Any) -> Any:
    parts = tuple(map(inside, tree["tuple"]))
    if "type" not in tree:
        return parts
    kind = _lookup(tree["type"], known)
    if not (isinstance(kind, type) and issubclass(kind, tuple)):
        raise ValueError(f"its tuple is of {tree['type']!r}, which is no named tuple")
    return kind(*parts)


def _encode_pairs(value: dict, inside: Any) -> dict[str, Any]:
    return {"dict": [[inside("key", k), inside(str(k), v)] for k, v in value.items()]}


def _encode_parts(kind: str) -> Callable[[Any, Any], dict[str, Any]]:
    return lambda value, inside: {kind: [inside(str(i), part) for i, part in enumerate(value)]}


def _encode_slice(value: slice, inside: Any) -> dict[str, Any]:
    return {"slice": [inside("slice", part) for part in (value.start, value.stop, value.step)]}


def _encode_complex(value: complex, inside: Any) -> dict[str, Any]:
    return {"complex": [inside("real", value.real), inside("imag", value.imag)]}


def _encode_shape(value: jax.ShapeDtypeStruct, inside: Any) -> dict[str, Any]:
    return {"shape": list(value.shape), "of": str(value.dtype)}


_ENCODERS: dict[type, Callable[[Any, Any], dict[str, Any]]] = {
    tuple: _encode_parts("tuple"),
    list: _encode_parts("list"),
    set: _encode_parts("set"),
    frozenset: _encode_parts("frozenset"),
    dict: _encode_pairs,
    slice: _encode_slice,
    complex: _encode_complex,
    jax.ShapeDtypeStruct: _encode_shape,
}
_DECODERS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "make": _decode_made,
    "call": _decode_call,
    "partial": _decode_partial,
    "array": _decode_array,
    "tuple": _decode_tuple,
    "shape": lambda tree, inside, get, known: jax.ShapeDtypeStruct(
        tuple(tree["shape"]), jnp.dtype(tree["of"])
    ),
    "name": lambda tree, inside, get, known: _lookup(tree["name"], known),
    "dtype": lambda tree, inside, get, known: jnp.dtype(tree["dtype"]),
    "float": lambda tree, inside, get, known: float(tree["float"]),
    "complex": lambda tree, inside, get, known: complex(*map(inside, tree["complex"])),
    "list": lambda tree, inside, get, known: list(map(inside, tree["list"])),
    "set": lambda tree, inside, get, known: set(map(inside, tree["set"])),
    "frozenset": lambda tree, inside, get, known: frozenset(map(inside, tree["frozenset"])),
    "slice": lambda tree, inside, get, known: slice(*map(inside, tree["slice"])),
    "dict": lambda tree, inside, get, known: {inside(k): inside(v) for k, v in tree["dict"]},
}
