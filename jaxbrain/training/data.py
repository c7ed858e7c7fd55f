"""Data of a training: pairs of arrays, finite, with labels and tokens in range."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.cells.composition import bidirectional, stack
from jaxbrain.cells.unrolling import unroll
from jaxbrain.core.arrays import as_array, as_canonical, is_numbers
from jaxbrain.core.compiled import compiled
from jaxbrain.core.composition import (
    affine,
    batch,
    example,
    lift,
    parallel,
    residual,
    serial,
    with_precision,
)
from jaxbrain.core.config import made_by
from jaxbrain.core.program import Program
from jaxbrain.core.types import Cell, Network, Params
from jaxbrain.networks.layers import embed

_FIRST = (serial, affine, batch, residual, with_precision, lift, unroll, stack, bidirectional)


def as_pair(function: str, name: str, data: Any) -> tuple[Any, Any]:
    """The pair (x, y) as arrays that JAX can hold; x and y may be pytrees of arrays.

    Nested lists of numbers are one array. Tracers are not checked.

    Raises:
      TypeError: if data is no pair of arrays of real numbers.
      ValueError: if x and y differ in length or are empty, or a number is too large.
    """
    if _is_batches(data):
        raise TypeError(
            f"{function}: {name} must be a pair (x, y), got {len(data)} pairs, as of batches; "
            "join them: x = np.concatenate([x for x, _ in batches]), y alike"
        )
    if not isinstance(data, tuple | list) or len(data) != 2:
        count = f" of {len(data)}" if isinstance(data, tuple | list) else ""
        raise TypeError(
            f"{function}: {name} must be a pair (x, y), got {type(data).__name__}{count}"
        )
    x, y = (_arrays(function, f"{part} of {name}", a) for part, a in zip("xy", data, strict=True))
    require_pairs(function, name, (x, y))
    return x, y


def require_pairs(function: str, name: str, data: tuple[Any, Any]) -> int:
    """The number of examples, if all arrays of a pair are of this length, at least one."""
    leaves = jax.tree.leaves(data)
    if any(jnp.shape(leaf) == () for leaf in leaves):
        raise ValueError(
            f"{function}: {name} = (x, y) must be arrays with one target for each example, got a "
            "number"
        )
    lengths = {jnp.shape(leaf)[0] for leaf in leaves}
    if len(lengths) != 1:
        shapes = ", ".join(str(jnp.shape(leaf)) for leaf in leaves[:4])
        more = ", ..." if len(leaves) > 4 else ""
        lists = any(isinstance(part, list) for part in data)
        fix = "; a list of arrays is several inputs: np.stack makes one of it" if lists else ""
        raise ValueError(
            f"{function}: {name} = (x, y) must have one target for each example, got the shapes "
            f"{shapes}{more}{fix}"
        )
    if 0 in lengths:
        raise ValueError(f"{function}: {name} is empty: it must hold at least one example")
    for leaf in leaves:
        if 0 in jnp.shape(leaf):
            raise ValueError(
                f"{function}: {name} holds an array without numbers, of shape {jnp.shape(leaf)}"
            )
    return lengths.pop()


def check_data(function: str, name: str, data: Any) -> tuple[Any, Any]:
    """The pair (x, y) of `as_pair`, if all of it is finite. Tracers are not checked.

    Raises:
      TypeError, ValueError: as `as_pair`.
      ValueError: naming the first number that is nan or infinite.
    """
    x, y = as_pair(function, name, data)
    for part, values in (("x", x), ("y", y)):
        _check_finite(f"{function}: {part} of {name}", values)
    return x, y


def check_range(
    function: str, name: str, net: Network, params: Params, data: tuple[Any, Any]
) -> None:
    """Check that labels and tokens are in range; labels have one axis less than the output.

    Raises:
      ValueError: naming the first label or token out of range and where it is.
    """
    x, y = data
    words = vocabulary(net)
    if words is not None and _known_integers(x):
        limit = f"0..{words - 1} for embed({words}, ...)"
        _require_below(f"{function}: x of {name}: tokens must be in {limit}", x, words)
    if not _known_integers(y):
        return
    output = output_shape(net, params, x)
    if not isinstance(output, jax.ShapeDtypeStruct) or not output.shape:
        return
    classes = output.shape[-1]
    if y.shape[1:] != output.shape[:-1] or classes == 1:  # one output has no classes
        return
    limit = f"0..{classes - 1} for a network with {classes} outputs"
    fix = "; if they are not labels, give them as floats"
    _require_below(f"{function}: y of {name}: labels must be in {limit}", y, classes, fix)


def vocabulary(net: Any) -> int | None:
    """The number of tokens of the `embed` that a network or cell begins with; None without one.

    Examples:
      >>> import jaxbrain as jb
      >>> vocabulary(jb.serial(embed(9, 4), jb.dense(2))), vocabulary(jb.dense(2))
      (9, None)
    """
    if made_by(net, embed):
        return net.config.parameters["vocabulary"]
    if made_by(net, parallel):
        found = [vocabulary(branch) for branch in net.layers]
        return min((words for words in found if words is not None), default=None)
    if any(made_by(net, make) for make in _FIRST):
        first = (part for part in net.config.arguments if isinstance(part, Network | Cell))
        return vocabulary(next(first, None))
    return None


def _is_batches(data: Any) -> bool:
    """True for a list of pairs, or for more than two pairs in a tuple."""
    if not isinstance(data, list) and not (isinstance(data, tuple) and len(data) > 2):
        return False
    pairs = (isinstance(a, tuple | list) and len(a) == 2 for a in data)
    return bool(data) and all(pairs) and not is_numbers(data)


def _arrays(function: str, name: str, values: Any) -> Any:
    leaves, structure = jax.tree.flatten(values, is_leaf=is_numbers)
    if not leaves:
        fix = "; a rule without targets gets x twice: (x, x)" if name[0] == "y" else ""
        raise TypeError(f"{function}: {name} must be an array of numbers, got {_kind(values)}{fix}")

    def convert(leaf: Any) -> Any:
        array = as_array(function, name, leaf)
        if array.dtype.kind == "c":
            raise TypeError(
                f"{function}: {name} must be real, got {array.dtype}; give the real and the "
                "imaginary part as two features"
            )
        if isinstance(array, jax.Array):
            return array
        return as_canonical(f"{function}: {name}", array)

    return structure.unflatten(map(convert, leaves))


def _kind(values: Any) -> str:
    return "None" if values is None else f"an empty {type(values).__name__}"


def _known_integers(values: Any) -> bool:
    """True for one array of integers that is not traced."""
    known = isinstance(values, jax.Array | np.ndarray) and not isinstance(values, jax.core.Tracer)
    return known and jnp.issubdtype(values.dtype, jnp.integer)


def _require_below(text: str, values: Any, limit: int, fix: str = "") -> None:
    host = np.asarray(values)
    bad = np.argwhere((host < 0) | (host >= limit))
    if len(bad):
        index = tuple(map(int, bad[0]))
        what = "labels" if "labels" in text else "tokens"
        raise ValueError(
            f"{text}, but at index {list(index)} it is {host[index]} ({len(bad)} such {what}){fix}"
        )


def check_inputs(function: str, x: Any) -> Any:
    """Inputs ``[examples, ...]`` as `check_data` takes them, without targets."""
    x = _arrays(function, "x", x)
    if any(jnp.shape(leaf) == () for leaf in jax.tree.leaves(x)):
        raise ValueError(f"{function}: x must be [examples, ...], got a number")
    require_pairs(function, "x", (x, x))
    _check_finite(f"{function}: x", x)
    return x


def output_shape(net: Network, params: Params, x: Any) -> Any:
    """The shape of the output for one of the inputs ``[examples, ...]``."""
    return _predict.shapes(Program(net), params, example(x))


@compiled()  # for its cache: the second fit of a network traces nothing
def _predict(program: Program, params: Params, x: Any) -> Any:
    return program.value.apply(params, x)


def _check_finite(name: str, tree: Any) -> None:
    for values in jax.tree.leaves(tree):
        _check_all_finite(name, values)


def _check_all_finite(name: str, values: Any) -> None:
    if isinstance(values, jax.core.Tracer) or not jnp.issubdtype(values.dtype, jnp.inexact):
        return
    if isinstance(values, jax.Array) and not values.is_fully_addressable:
        if not bool(jnp.all(jnp.isfinite(values))):
            raise ValueError(f"{name} holds nan or infinity")
        return
    host = np.asarray(values)
    with np.errstate(over="ignore", invalid="ignore"):
        doubtful = not np.isfinite(host.sum())
    if doubtful:  # one fast pass over the data; this slower one only where it found something
        bad = np.argwhere(~np.isfinite(host))
        if len(bad):
            index = tuple(map(int, bad[0]))
            raise ValueError(
                f"{name} must be finite, but at index {list(index)} it is {host[index]} "
                f"({len(bad)} such values); remove or fill them first"
            )
