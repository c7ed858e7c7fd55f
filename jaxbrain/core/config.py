"""Configuration: a value knows the function that made it and the arguments it got.

From it follow ``repr``, ``==`` and ``hash`` (so that a rebuilt value retraces nothing), pickling,
files (`jaxbrain.save_model`), and the comparison of a training with its checkpoint.
"""

import functools
import inspect
import types
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jax.nn.initializers import Initializer

from jaxbrain.core import names, pickling, structure
from jaxbrain.core.annotations import MayBeInfinite
from jaxbrain.core.arguments import Arguments, explained
from jaxbrain.core.doors import with_doors
from jaxbrain.core.eager import with_program, with_programs
from jaxbrain.core.functions import options
from jaxbrain.core.inits import with_one_draw
from jaxbrain.core.mistakes import refuse_call
from jaxbrain.core.requirements import shown

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=type)

# The members of annotations of what is only computed with; float and jax.Array are among them.
_NUMERIC = {float, jax.Array, np.ndarray, tuple[float, ...], Initializer, types.NoneType}
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, eq=False, repr=False)
class Config:
    """Configuration of a value: the constructor and the arguments that it got.

    Attributes:
      make: the function that made it, such as `jaxbrain.dense`.
      arguments: what it got by place.
      options: ``(name, value)`` of the others, only those that differ from their defaults.
      inner: configuration of the value that make returned, where another constructor made it, such
        as `jaxbrain.parallel` for `jaxbrain.cells.bidirectional`; it follows from the others.

    Examples:
      >>> import jaxbrain as jb
      >>> jb.layer_norm(epsilon=1e-3).config
      layer_norm(epsilon=0.001)
      >>> jb.layer_norm(epsilon=1e-3) == jb.layer_norm(epsilon=1e-3) != jb.layer_norm()
      True
    """

    make: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...]
    inner: "Config | None" = None

    @functools.cached_property
    def key(self) -> Hashable:
        """Equal for equal configurations."""
        return self.make, structure.key(self.arguments), structure.key(self.options)

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Config) and self._hash == other._hash and self.key == other.key
        )

    def __repr__(self) -> str:
        shown = [*map(names.show, self.arguments)]
        shown += [f"{name}={names.show(value)}" for name, value in self.options]
        return f"{names.show(self.make)}({', '.join(shown)})"

    @property
    def traceable(self) -> tuple[str, ...]:
        """The parameters of make whose numbers may be arguments of a compiled program."""
        return getattr(self.make, "traceable", ())

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of make, given or by default."""
        bound = inspect.signature(self.make).bind(*self.arguments, **dict(self.options))
        bound.apply_defaults()
        return bound.arguments

    @functools.cached_property
    def parts(self) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Names and values of arguments and options, with the traceable ones at their default."""
        parameters = inspect.signature(self.make).parameters.values()
        places = [p.name for p in parameters if p.default is p.empty and p.kind in _BY_PLACE]
        places += map(str, range(len(self.arguments) - len(places)))
        defaults = {p.name: p.default for p in parameters if p.name in self.traceable}
        options = {k: v for k, v in defaults.items() if k not in places} | dict(self.options)
        return (*places, *options), (*self.arguments, *options.values())

    def rebuild(self, parts: tuple[Any, ...]) -> Any:
        """The value that other `parts` make."""
        n = len(self.arguments)
        return self.make(*parts[:n], **dict(zip(self.parts[0][n:], parts[n:], strict=True)))


class Function:
    """A function that knows what it was made from; calling it calls the function.

    Attributes:
      call: the function.
      config: what it was made from.
    """

    __slots__ = ("__weakref__", "call", "config")
    has_config = True

    def __init__(self, call: Callable[..., Any], config: Config):
        self.call: Callable[..., Any] = call
        self.config: Config = config

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and self.config == other.config

    def __hash__(self) -> int:
        return hash(self.config)

    def __repr__(self) -> str:
        return repr(self.config)

    def __reduce__(self) -> Any:
        return _reduce(self)

    @property
    def __name__(self) -> str:
        return self.config.make.__name__

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.call)


def static(cls: T) -> T:
    """Register a named tuple with a field ``config`` as a pytree without leaves.

    It compares by its config; one made by hand, without a config, by its fields. A copy with other
    fields (``_replace``) has no config, unless it is given one.
    """
    replace = cls._replace

    def equal(self: Any, other: Any) -> bool:
        if self is other or type(self) is not type(other):
            return self is other
        if self.config is None or other.config is None:
            return self.config is other.config and _fields(self) == _fields(other)
        return self.config == other.config

    def replaced(self: Any, /, **changes: Any) -> Any:
        return replace(self, **{"config": None, **changes})

    methods = {
        "has_config": True,
        "__call__": lambda self, *args, **kwargs: refuse_call(self),
        "_replace": replaced,
        "__eq__": equal,
        "__ne__": lambda self, other: not equal(self, other),
        "__hash__": lambda self: hash(_fields(self) if self.config is None else self.config),
        "__repr__": lambda self: _by_hand(self) if self.config is None else repr(self.config),
        "__reduce__": _reduce,
    }
    for name, method in methods.items():
        setattr(cls, name, method)
    return jax.tree_util.register_static(cls)


@explained
def configured(make: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that makes a value, so that the value records what it was made from.

    The value is a type of jaxbrain with a config (`Network`, `Cell`, `LearningRule`, `Memory`, ...)
    or a function. Arguments are checked by their annotations (`jaxbrain.core.arguments`). Numbers
    of parameters annotated ``float | jax.Array``, alone or with None, an array, a tuple or an
    initializer, are arguments of programs that `jaxbrain.fit` compiles. Lists, dicts and NumPy
    arrays among the arguments are copied: what is changed in them later changes neither the value
    nor its config.

    Args:
      make: a function from arguments to such a value; equal arguments must give equal values.

    Returns:
      A function like make.

    Raises:
      TypeError: when it is called, if make returns anything else, or for an argument of another
        type than its annotation.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> @configured
      ... def scaled(factor, *, offset=0.0):
      ...     return jb.elementwise(lambda x: factor * x + offset)
      >>> scaled(2.0) == scaled(2.0), scaled(2.0) == scaled(2.0, offset=1.0)
      (True, False)
    """
    if not callable(make):
        raise TypeError(f"configured: make must be a function, got {shown(make)}")
    reads = Arguments(make)

    @functools.wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        arguments, options = reads.read(freeze(args), freeze(kwargs))
        bound = reads.bind(arguments, options)
        value = reads.call(arguments, options)
        inner = getattr(value, "config", None)
        return _with_config(value, Config(made, *_canonical(bound), inner))

    made.is_constructor = True  # pyright: ignore[reportAttributeAccessIssue]
    parameters = inspect.signature(make).parameters.values()
    numbers = [p.name for p in parameters if _is_numeric(p.annotation)]
    made.traceable = tuple(numbers)  # pyright: ignore[reportAttributeAccessIssue]
    return made


def _is_numeric(annotation: Any) -> bool:
    members = set(options(annotation))
    return annotation is MayBeInfinite or {float, jax.Array} <= members <= _NUMERIC


def without_weights(make: Callable[P, R]) -> Callable[P, R]:
    """Mark a `configured` constructor whose networks have no parameters."""
    make.without_weights = True  # pyright: ignore[reportFunctionMemberAccess]
    return make


def traceable(*parameters: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare parameters of a `configured` constructor that are only computed with.

    Their numbers and arrays are arguments of a program that `jaxbrain.fit` compiles, so that
    another value of them compiles nothing. The constructor is called with tracers for them.
    Parameters that are annotated ``float | jax.Array`` need no declaration.
    """

    def mark(make: Callable[P, R]) -> Callable[P, R]:
        make.traceable = (*make.traceable, *parameters)  # pyright: ignore[reportFunctionMemberAccess]
        return make

    return mark


def made_by(value: Any, make: Callable[..., Any]) -> bool:
    """True if a value was made by this constructor.

    Examples:
      >>> import jaxbrain as jb
      >>> made_by(jb.flatten(), jb.flatten), made_by(jb.flatten()._replace(layers=()), jb.flatten)
      (True, False)
    """
    return structure.is_configured(value) and value.config.make is make


def label(value: Any) -> str:
    """A short name: that of the constructor, else that of the type.

    Examples:
      >>> import jaxbrain as jb
      >>> label(jb.backprop(jb.dense(1), jb.losses.mse))
      'backprop'
    """
    return value.config.make.__name__ if structure.is_configured(value) else type(value).__name__


def freeze(value: Any) -> Any:
    """The value with copies of its lists, dicts and NumPy arrays; iterators become tuples."""
    if isinstance(value, np.ndarray):
        return _read_only(value)
    if isinstance(value, Iterator):
        return tuple(map(freeze, value))
    node = structure.take_apart(value)
    if node.kind not in ("tuple", "list", "dict", "partial") or node.build is None:
        return value
    parts = tuple(map(freeze, node.parts))
    same = all(a is b for a, b in zip(parts, node.parts, strict=True))
    return value if same and node.kind in ("tuple", "partial") else node.build(parts)


def _read_only(array: np.ndarray) -> np.ndarray:
    if array.base is None and not array.flags.writeable:
        return array
    copy = array.copy()
    copy.setflags(write=False)
    return copy


def _canonical(bound: inspect.BoundArguments) -> tuple[tuple, tuple]:
    """Arguments by place and options by name, those at their default left out."""
    arguments, options = [], []
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments.extend(value)
        elif parameter.default is not parameter.empty:
            if not _same(value, parameter.default):
                options.append((name, value))
        elif parameter.kind is parameter.KEYWORD_ONLY:
            options.append((name, value))
        else:
            arguments.append(value)
    return tuple(arguments), tuple(options)


def _same(value: Any, default: Any) -> bool:
    same_type = type(value) is type(default)
    return value is default or (same_type and structure.key(value) == structure.key(default))


def _with_config(value: Any, config: Config) -> Any:
    if getattr(type(value), "has_config", False) and isinstance(value, tuple):
        return with_one_draw(value, lambda made: _finished(made, config))
    if callable(value) and not isinstance(value, type):
        return with_program(Function(value.call if isinstance(value, Function) else value, config))
    raise TypeError(
        f"{config.make.__name__} is decorated with jaxbrain.configured, so it must return a value "
        f"with a config, such as a Network, or a function, but it returned {type(value).__name__}"
    )


def _finished(value: Any, config: Config) -> Any:
    made = with_programs(value._replace(config=config))
    return with_doors(made, config.make.__name__)._replace(config=config)


def _fields(value: Any) -> tuple:
    return tuple(map(structure.key, value))


def _by_hand(value: Any) -> str:
    fields = zip(value._fields, value, strict=True)
    shown = (f"{name}={names.show(field)}" for name, field in fields if name != "config")
    return f"{type(value).__name__}({', '.join(shown)})"


def _reduce(value: Any) -> Any:
    if value.config is None:
        return type(value), tuple(value)
    return pickling.unpacked, pickling.packed(value.config)
