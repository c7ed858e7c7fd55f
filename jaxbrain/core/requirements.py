"""Checks of arguments that constructors share. Traced values are not checked."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np


def require_positive(
    rule: str, name: str, value: Any, *, zero: bool = False, below: float | None = None
) -> None:
    """Refuse a number that is not positive, or where zero is allowed negative."""
    if isinstance(value, jax.core.Tracer):
        return
    good = jnp.ndim(value) == 0 and (value >= 0 if zero else value > 0)
    if not good or (below is not None and not value < below):
        wanted = "must not be negative" if zero else "must be positive"
        limit = "" if below is None else f" and below {below:g}"
        raise ValueError(f"{rule}: {name} {wanted}{limit}, got {value!r}")


def require_fraction(rule: str, name: str, value: Any) -> None:
    """Refuse a number out of 0..1."""
    known = not isinstance(value, jax.core.Tracer)
    if known and not (jnp.ndim(value) == 0 and 0 <= value <= 1):
        raise ValueError(f"{rule}: {name} must be from 0 to 1, got {value!r}")


def require_times(cell: str, units: int, taus: dict[str, Any], dt: Any) -> None:
    """Refuse times that are not positive, of another shape than one or [units], a dt above tau."""
    require_positive(cell, "dt", dt)
    for name, tau in taus.items():
        if np.shape(tau) not in ((), (units,)):
            raise ValueError(
                f"{cell}: {name} must be one number or of shape ({units},), got {np.shape(tau)}"
            )
        if isinstance(tau, jax.core.Tracer):
            continue
        if not np.all(np.asarray(tau) > 0):
            raise ValueError(f"{cell}: {name} must be positive, got {tau!r}")
        if not isinstance(dt, jax.core.Tracer) and np.any(dt > np.asarray(tau)):
            raise ValueError(
                f"{cell}: dt must be at most {name}, got dt={dt!r} and {name}={tau!r}; "
                "take shorter steps"
            )


def require_count(rule: str, name: str, value: Any) -> int:
    """The number as an ``int``; refuse anything but a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{rule}: {name} must be a positive integer, got {value!r}")
    return int(value)


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


def require_wide(rule: str, output: jax.Array) -> None:
    """Refuse half precision, in which small differences are lost to rounding."""
    if output.dtype.itemsize < 4:
        raise TypeError(
            f"{rule} needs activities of 32 bits, got {output.dtype}; wrap each layer: "
            "jb.serial(*(jb.with_precision(layer, jnp.bfloat16) for layer in ...))"
        )


def as_number(value: float | jax.Array, like: jax.Array) -> jax.Array:
    """A scalar in the dtype of an array; a swept number may have another dtype."""
    return jnp.asarray(value).astype(like.dtype)
