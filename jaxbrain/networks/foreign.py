"""Models of other libraries as arguments of constructors: compared by content, parameters by name.

`from_equinox`, `from_linen` and `from_nnx` make networks of models. A library is imported when a
model of it is given, so that jaxbrain needs none of them.
"""

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core import names
from jaxbrain.core.requirements import is_traced
from jaxbrain.core.types import Params


@dataclasses.dataclass(frozen=True, eq=False, repr=False, init=False)
class Foreign:
    """A model of another library, equal to another of the same class and content.

    Attributes:
      kind: class of the model.
      parts: what it holds, by name; models within it are `Foreign` too.
    """

    kind: type
    parts: dict[str, Any]

    def __init__(self, kind: type, parts: dict[str, Any], model: Any):
        self.__dict__.update(kind=kind, parts=parts, _model=model)

    @property
    def how_to_store(self) -> str:
        """The advice of `jaxbrain.save_model`, which refuses the model."""
        return (
            "store the params with jaxbrain.checkpoint.save, or the trained model, made by "
            "jb.to_equinox, jb.to_linen or jb.to_nnx, by its own library"
        )

    @property
    def model(self) -> Any:
        """The model itself, or what it can be made from again."""
        return self.__dict__["_model"]

    def __repr__(self) -> str:
        shown = (f"{name}={names.show(part)}" for name, part in self.parts.items())
        return f"{self.kind.__name__}({', '.join(shown)})"


def of_dataclass(model: Any, base: type) -> Foreign:
    """A model whose class is a dataclass, as in equinox and linen, and those within it.

    Args:
      model: an instance of base.
      base: class of all models of the library.
    """

    def content(value: Any) -> Any:
        if isinstance(value, base) and dataclasses.is_dataclass(value):
            return of_dataclass(value, base)
        if isinstance(value, list | tuple):
            return tuple(map(content, value))
        if isinstance(value, dict):
            return {name: content(part) for name, part in value.items()}
        return value

    fields = [field.name for field in dataclasses.fields(model) if field.name != "parent"]
    parts = {name: content(getattr(model, name)) for name in fields if hasattr(model, name)}
    return Foreign(type(model), parts, model)


def library(function: str, module: str, package: str) -> ModuleType:
    """Import a library, or say how it is installed.

    Examples:
      >>> library("from_torch", "no_such_library", "torch")
      Traceback (most recent call last):
      ...
      ImportError: from_torch needs torch: pip install torch
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{function} needs {package}: pip install {package}") from error


def require_model(function: str, model: Any, base: type, example: str) -> None:
    """Refuse what is not a model of the library, such as its class."""
    if not isinstance(model, base):
        came = f"the class {model.__name__}; call it" if isinstance(model, type) else repr(model)
        raise TypeError(f"{function}: model must be a module such as {example}, got {came:.200}")


def require_one_each(function: str, params: Any, parts: int) -> Sequence[Params]:
    """The params of a chain; refuse another number of them."""
    if not isinstance(params, tuple | list) or len(params) != parts:
        got = len(params) if isinstance(params, tuple | list) else f"a {type(params).__name__}"
        raise ValueError(
            f"{function}: params must be a tuple of {parts} entries, one for each layer of the "
            f"network that was made of this model, got {got}"
        )
    return params


def is_a(model: Any, *kinds: type) -> bool:
    """True for a model of one of these classes that is called as they are.

    A subclass that computes something else is none of them.
    """
    return any(isinstance(model, k) and type(model).__call__ is k.__call__ for k in kinds)


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by their paths.

    Examples:
      >>> named_leaves({"a": (1, 2), "b": None})
      {'a.0': 1, 'a.1': 2}
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def with_leaves(function: str, tree: Any, named: Any) -> Any:
    """The pytree with other leaves, by their paths.

    Raises:
      ValueError: if the names or the shapes are not those of the tree.
    """
    known = named_leaves(tree)
    if not isinstance(named, dict) or named.keys() != known.keys():
        got = sorted(named) if isinstance(named, dict) else type(named).__name__
        raise ValueError(f"{function}: params must be a dict of {sorted(known)}, got {got}")
    for name, leaf in known.items():
        if jnp.shape(named[name]) != leaf.shape:
            raise ValueError(
                f"{function}: the model was made with a {name} of shape {leaf.shape}, and params "
                f"hold one of {jnp.shape(named[name])}; make them with net.init(key, x)"
            )
    return jax.tree.unflatten(jax.tree.structure(tree), [named[name] for name in known])


def drawer(named: dict[str, Any]) -> Callable[[jax.Array], dict[str, jax.Array]]:
    """A function of a key that draws arrays like those of a model with unknown initializers.

    Each is normal with the mean and the standard deviation of the model's own. Constant ones, such
    as biases of zero, stay.

    Args:
      named: arrays by name.

    Raises:
      ValueError: if they are traced.
    """
    if is_traced(named):
        raise ValueError(
            "a network of a model whose arrays are traced cannot be made: make it outside of "
            "jax.jit and jax.vmap, and let these take its params"
        )
    known = {name: np.asarray(leaf) for name, leaf in named.items()}

    def draw(key: jax.Array) -> dict[str, jax.Array]:
        keys = jax.random.split(key, max(len(known), 1))
        return {name: one(k, name) for k, name in zip(keys, known, strict=False)}

    def one(key: jax.Array, name: str) -> jax.Array:
        leaf = known[name]
        if leaf.size < 2 or np.all(leaf == leaf.flat[0]):
            return jnp.asarray(leaf)
        wide = leaf.astype(np.complex128 if np.iscomplexobj(leaf) else np.float64)
        mean, std = (jnp.asarray(found, leaf.dtype) for found in (wide.mean(), wide.std()))
        return mean + std * jax.random.normal(key, leaf.shape, leaf.dtype)

    return draw
