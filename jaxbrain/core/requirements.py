"""Checks of arguments that constructors share. Of traced values only type and shape are checked."""

import math
import operator
import os
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core import names


def require_number(
    function: str,
    argument: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    infinite: bool = False,
) -> None:
    """Refuse anything but one real number within the limits, in the precision of JAX.

    It must be finite, or with infinite may be infinity too.
    """
    if type(value) not in (int, float):
        _require_real(function, argument, value, "a number")
        if getattr(value, "ndim", 0) > 0:
            raise TypeError(
                f"{function}: {argument} must be one number, got {shown(value)}; jax.vmap takes "
                "several"
            )
        if isinstance(value, jax.core.Tracer):
            return
    number = _in_precision(value)
    if not math.isfinite(number) and not (infinite and number > 0):
        raise ValueError(f"{function}: {argument} must be a finite number, got {shown(value)}")
    given = (("above", above), ("at least", at_least), ("below", below), ("at most", at_most))
    limits = {words: limit for words, limit in given if limit is not None}
    if not all(_WITHIN[words](number, limit) for words, limit in limits.items()):
        parts = (f"{words} {limit:g}" for words, limit in limits.items())
        wanted = " and ".join("positive" if part == "above 0" else part for part in parts)
        wanted = _PHRASES.get(wanted, f"be {wanted}")
        raise ValueError(f"{function}: {argument} must {wanted}, got {shown(value)}")


def require_numbers(function: str, argument: str, value: Any) -> None:
    """Refuse anything but finite real numbers: one, an array, or a sequence of them."""
    if isinstance(value, list | tuple):
        for entry in value:
            require_numbers(function, argument, entry)
        return
    _require_real(function, argument, value, "a number or an array of numbers")
    if not isinstance(value, jax.core.Tracer) and not np.all(np.isfinite(_in_precision(value))):
        raise ValueError(f"{function}: {argument} must be finite, got {shown(value)}")


def require_positive(
    function: str, argument: str, value: Any, *, zero: bool = False, below: float | None = None
) -> None:
    """Refuse a number that is not positive, or where zero is allowed negative."""
    above, at_least = (None, 0) if zero else (0, None)
    require_number(function, argument, value, above=above, at_least=at_least, below=below)


def require_fraction(function: str, argument: str, value: Any) -> None:
    """Refuse a number out of 0..1."""
    require_number(function, argument, value, at_least=0, at_most=1)


def require_integer(
    function: str, argument: str, value: Any, *, at_least: int | None = None
) -> int:
    """The number as an ``int``; refuse anything but a known integer that is large enough."""
    whole = not isinstance(value, jax.core.Tracer) and _is_integer(value)
    if not whole or (at_least is not None and value < at_least):
        wanted = _INTEGERS.get(at_least, f"an integer of at least {at_least}")
        error = ValueError if isinstance(value, float | np.floating) or whole else TypeError
        raise error(f"{function}: {argument} must be {wanted}, got {shown(value)}")
    if abs(int(value)) > np.iinfo(np.int64).max:
        raise ValueError(f"{function}: {argument} must fit 64 bits, got {shown(value)}")
    return int(value)


def require_count(function: str, argument: str, value: Any) -> int:
    """The number as an ``int``; refuse anything but a positive integer."""
    return require_integer(function, argument, value, at_least=1)


def require_times(cell: str, units: int | None, taus: dict[str, Any], dt: Any) -> None:
    """Refuse times that are not positive, of another shape than one or [units], a dt above tau.

    Without units the shape is not checked.
    """
    require_positive(cell, "dt", dt)
    for name, tau in taus.items():
        require_numbers(cell, name, tau)
        shape = shape_of(tau)
        if units is not None and shape not in ((), (units,)):
            raise ValueError(
                f"{cell}: {name} must be one number or of shape ({units},), got {shape}"
            )
        if is_traced(tau):
            continue
        if not np.all(np.asarray(tau) > 0):
            raise ValueError(f"{cell}: {name} must be positive, got {tau!r}")
        if not isinstance(dt, jax.core.Tracer) and np.any(dt > np.asarray(tau)):
            raise ValueError(
                f"{cell}: dt must be at most {name}, got dt={dt!r} and {name}={tau!r}; "
                "take shorter steps"
            )


def shape_of(numbers: Any) -> tuple[int, ...]:
    """The shape of one number, an array or a tuple of numbers, which may be traced."""
    return (len(numbers),) if isinstance(numbers, list | tuple) else np.shape(numbers)


def is_traced(tree: Any) -> bool:
    """True if a number of a pytree is not known yet."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def require_key(rule: str, key: jax.Array | None, why: str) -> jax.Array:
    """The key; refuse to draw without one."""
    if key is None:
        raise ValueError(f"{rule} needs a key: {why}; pass rule.grads(..., key=key)")
    return key


def require_random_key(function: str, key: Any, *, many: bool = False) -> Any:
    """One random key; refuse anything else, such as a seed. With many, an array of keys passes.

    A raw key of uint32, of ``jax.random.PRNGKey``, is wrapped.
    """
    fix = "pass jax.random.key(0), or of any other seed"
    if isinstance(key, jax.core.Tracer) and not _is_raw(key) and not _is_typed(key):
        raise TypeError(f"{function}: key must be a random key, got a traced {key.dtype}; {fix}")
    if _is_raw(key):
        key = jax.random.wrap_key_data(jnp.asarray(key))
    if not _is_typed(key):
        seed = isinstance(key, int) and not isinstance(key, bool)
        fix = f"pass jax.random.key({key})" if seed else fix
        came = repr(key) if key is None or isinstance(key, str | int | float) else _kind(key)
        raise TypeError(f"{function}: key must be a random key, got {came}; {fix}")
    if key.ndim and not many:
        raise ValueError(
            f"{function}: key must be one key, got keys of shape {key.shape}; take one of them, "
            f"keys[0], or jax.vmap over them"
        )
    return key


def _is_typed(key: Any) -> bool:
    return isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def _is_raw(key: Any) -> bool:
    """True for the numbers of one key, or of several, of the kind that jax.random makes now."""
    known = isinstance(key, jax.Array | np.ndarray) and key.dtype == "uint32" and key.ndim
    return bool(known) and key.shape[-1] == jax.eval_shape(jax.random.PRNGKey, 0).shape[-1]


def _kind(value: Any) -> str:
    if isinstance(value, jax.Array | np.ndarray):
        return f"an array of {value.dtype}"
    return f"a {type(value).__name__}"


def require_shaped(function: str, argument: str, value: Any) -> None:
    """Refuse what has no shape and dtype."""
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        wanted = "a jax.ShapeDtypeStruct or an array"
        raise TypeError(f"{function}: {argument} must be {wanted}, got {shown(value)}")


def require_path(function: str, argument: str, value: Any) -> None:
    """Refuse what is no path of a file or folder."""
    if not isinstance(value, str | bytes | os.PathLike) or not value:
        raise TypeError(f"{function}: {argument} must be a path, got {shown(value)}")


def require_array(name: str, x: Any) -> None:
    """Refuse an input that is not an array, such as a list or a shape."""
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return
    given = f"a {type(x).__name__}" if isinstance(x, list | tuple | dict) else shown(x)
    raise TypeError(
        f"{name} needs an array as its input, got {given}; write jnp.asarray(x), or for a shape "
        'jax.ShapeDtypeStruct((4,), "float32")'
    )


def require_wide(rule: str, output: jax.Array) -> None:
    """Refuse half precision, in which small differences are lost to rounding."""
    if output.dtype.itemsize < 4:
        raise TypeError(
            f"{rule} needs activities of 32 bits, got {output.dtype}; wrap each layer: "
            "jb.serial(*(jb.with_precision(layer, jnp.bfloat16) for layer in ...))"
        )


def as_number(value: Any, like: jax.Array) -> jax.Array:
    """Numbers in the dtype of an array; a swept number may have another dtype."""
    return jnp.asarray(value).astype(like.dtype)


def as_numbers(values: Any, like: jax.Array) -> list[jax.Array]:
    """Each of several numbers as `as_number`."""
    return [as_number(value, like) for value in values]


def shown(value: Any) -> str:
    """A value in an error message: short, and an array by its shape."""
    if getattr(value, "ndim", 0) > 0:
        return f"an array of shape {value.shape}"
    if isinstance(value, jax.core.Tracer):
        return "a traced value"
    if getattr(value, "is_constructor", False):
        return f"the constructor {value.__name__}; call it: {value.__name__}(...)"
    text = names.show(value) if callable(value) else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


_WITHIN = {
    "above": operator.gt,
    "at least": operator.ge,
    "below": operator.lt,
    "at most": operator.le,
}
_PHRASES = {
    "at least 0": "not be negative",
    "at least 0 and at most 1": "be from 0 to 1",
}
_INTEGERS = {None: "an integer", 0: "an integer that is not negative", 1: "a positive integer"}


def _is_integer(value: Any) -> bool:
    """True for a Python, NumPy or JAX integer; a bool is none."""
    kind = getattr(value, "dtype", None)
    if kind is None:
        return isinstance(value, int) and not isinstance(value, bool)
    return value.ndim == 0 and jnp.issubdtype(kind, jnp.integer)


def _require_real(function: str, argument: str, value: Any, wanted: str) -> None:
    kind = getattr(value, "dtype", None)
    if kind is None:
        good = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        good = jnp.issubdtype(kind, jnp.floating) or jnp.issubdtype(kind, jnp.integer)
    if not good:
        raise TypeError(f"{function}: {argument} must be {wanted}, got {shown(value)}")


def _in_precision(value: Any) -> Any:
    """Numbers as the floats that JAX computes with, where 1e39 may be infinite and 1e-50 zero."""
    if type(value) in (int, float) and (value == 0 or 1e-37 < abs(value) < 1e38):
        return float(value)  # the same in every precision
    with np.errstate(over="ignore", under="ignore"):
        try:
            return np.asarray(value).astype(jax.dtypes.canonicalize_dtype(float))
        except (OverflowError, TypeError):  # an integer of more than 64 bits
            return np.asarray(float("inf"))
