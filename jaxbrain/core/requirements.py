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


def require_random_key(function: str, key: Any) -> None:
    """Refuse anything but a random key, such as a seed."""
    if not isinstance(key, jax.Array):
        raise TypeError(f"{function}: key must be a JAX key such as jax.random.key(0), got {key!r}")


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
