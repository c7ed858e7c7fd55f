"""Arrays from the values of users: the one boundary between their libraries and JAX.

Lists of numbers, arrays of NumPy, tables of pandas and tensors of PyTorch become arrays. What would
lose something on the way is refused: hidden values of a masked array, text, ragged lists.
"""

import functools
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.requirements import is_traced, shown

_X64 = "jax.config.update('jax_enable_x64', True)"


def as_array(function: str, argument: str, values: Any) -> Any:
    """An array of numbers: a `jax.Array` or a tracer as it is, anything else in NumPy.

    Args:
      function: the name of the caller's function, for messages; "" where argument says it all.
      argument: the name of its argument.
      values: an array of any library, a table, a number, or nested lists of numbers.

    Returns:
      A `jax.Array` or a `numpy.ndarray` of native byte order, with the dtype that it had.

    Raises:
      TypeError: if values are no numbers, or of a kind that must be converted first.
      ValueError: if a mask hides some of them, some are missing, or lists differ in length.

    Examples:
      >>> as_array("fit", "x", [[1, 2], [3, 4]]).shape
      (2, 2)
      >>> as_array("fit", "x", np.ma.masked_equal([1.0, -999.0], -999.0))
      Traceback (most recent call last):
      ...
      ValueError: fit: x hides 1 of its 2 values behind a mask; fill them, x.filled(0.0) say,
      or leave those examples out
    """
    if isinstance(values, jax.core.Tracer):
        return values
    name, short = f"{function}: {argument}" if function else argument, argument.split(" ")[0]
    if isinstance(values, jax.Array):
        return _not_keys(name, values)
    host = _read(name, short, values)
    if np.ma.isMaskedArray(host):
        hidden = int(np.ma.count_masked(host))
        if hidden:
            raise ValueError(
                f"{name} hides {hidden} of its {host.size} values behind a mask; fill them, "
                f"{short}.filled(0.0) say, or leave those examples out"
            )
        host = host.data
    host = np.asarray(host)
    if host.dtype == object and not isinstance(values, np.ndarray | list | tuple):
        raise _unreadable(name, values)
    if host.dtype.kind not in "biufc" and not jnp.issubdtype(host.dtype, jnp.number):
        raise TypeError(
            f"{name} must be an array of numbers, got dtype {host.dtype}; {_cure(short, host)}"
        )
    if host.dtype.kind in "fc" and host.dtype.itemsize > (16 if host.dtype.kind == "c" else 8):
        host = host.astype(complex if host.dtype.kind == "c" else float)  # wider than JAX knows
    return host if host.dtype.isnative else host.astype(host.dtype.newbyteorder("="))


def on_device(function: str, argument: str, values: Any) -> jax.Array:
    """A `jax.Array` from any numbers that its dtypes can hold; see `as_array`.

    Raises:
      TypeError, ValueError: as `as_array`.
      ValueError: if a number is too large for the dtype that JAX will use.

    Examples:
      >>> on_device("store", "patterns", [[1, -1]]).dtype.name
      'int32'
    """
    array = as_array(function, argument, values)
    if isinstance(array, jax.Array):
        return array
    return jnp.asarray(as_canonical(f"{function}: {argument}" if function else argument, array))


def tree_on_device(function: str, argument: str, tree: Any) -> Any:
    """The arrays of a pytree by `on_device`; nested lists of numbers are one array."""
    read = functools.partial(on_device, function, argument)
    return read(tree) if tree is None else jax.tree.map(read, tree, is_leaf=is_numbers)


def as_inputs(function: str, argument: str, inputs: Any) -> Any:
    """Inputs of a network: lists and what other libraries hold become arrays.

    Arrays of JAX and plain ones of NumPy pass as they are, and so do shapes and single numbers.

    Examples:
      >>> as_inputs("apply", "x", {"image": [[0.5, 1.0]], "age": 3.0})["image"].shape
      (1, 2)
    """
    if not _is_foreign(inputs):
        return inputs

    def convert(leaf: Any) -> Any:
        if not _is_foreign(leaf):
            return leaf
        return (on_device if _is_list(leaf) else as_array)(function, argument, leaf)

    return jax.tree.map(convert, inputs, is_leaf=_is_list)


def one_array(function: str, argument: str, values: Any) -> Any:
    """One array, or a single number: lists and what other libraries hold become arrays.

    Arrays of JAX and plain ones of NumPy pass as they are.

    Raises:
      TypeError, ValueError: as `on_device`.

    Examples:
      >>> one_array("mse", "target", [1.0, 0.0]).dtype.name
      'float32'
      >>> one_array("mse", "target", None)
      Traceback (most recent call last):
      TypeError: mse: target must be an array of numbers, got None
    """
    if isinstance(values, bool | int | float | complex | np.number | np.bool_):
        return values
    read = on_device if isinstance(values, list | tuple) else as_array
    return read(function, argument, values)


def require_arrays(function: str, argument: str, tree: Any) -> None:
    """Refuse what is no pytree of arrays and numbers, such as a path or a function."""
    for leaf in jax.tree.leaves(tree):
        if not (hasattr(leaf, "dtype") or isinstance(leaf, bool | int | float | complex)):
            within = "" if leaf is tree else f", which holds {shown(leaf)}"
            came = shown(tree) if leaf is tree else f"a {type(tree).__name__}{within}"
            raise TypeError(f"{function}: {argument} must be a pytree of arrays, got {came}")


def _is_foreign(x: Any) -> bool:
    if isinstance(x, jax.Array | jax.ShapeDtypeStruct | bool | int | float | None):
        return False
    if isinstance(x, np.ndarray):
        return not (type(x) is np.ndarray and x.dtype.isnative and x.dtype.kind in "biufcV")
    if isinstance(x, tuple | dict):
        return any(_is_foreign(leaf) for leaf in jax.tree.leaves(x, is_leaf=_is_list))
    return isinstance(x, list) or jax.tree_util.all_leaves([x])


def _is_list(x: Any) -> bool:
    return isinstance(x, list) and is_numbers(x)


def as_canonical(name: str, host: np.ndarray) -> np.ndarray:
    """A NumPy array in the dtype that JAX will give it; refuse values that do not fit."""
    dtype = jax.dtypes.canonicalize_dtype(host.dtype)
    if host.dtype == dtype:
        return host
    with np.errstate(over="ignore"):
        cast = host.astype(dtype)
    if host.dtype.kind in "iu" and not np.array_equal(cast, host):
        raise ValueError(
            f"{name} is {host.dtype} and does not fit into {dtype}; rescale it, or set {_X64}"
        )
    lost = np.isfinite(host) & ~np.isfinite(cast) if host.dtype.kind in "fc" else np.zeros(0)
    if lost.any():
        index = tuple(map(int, np.argwhere(lost)[0]))
        raise ValueError(
            f"{name} is {host.dtype} and does not fit into {dtype}: at index {list(index)} it is "
            f"{host[index]}; rescale it, or set {_X64}"
        )
    return cast


def is_numbers(values: Any) -> bool:
    """True for nested lists or tuples of plain numbers, which are one array and not many."""
    if not isinstance(values, list | tuple) or hasattr(values, "_fields"):
        return False
    if not values:
        return isinstance(values, list)
    return _is_number(values[0]) or is_numbers(values[0])  # the others: where they are converted


def _is_number(value: Any) -> bool:
    zero_axes = isinstance(value, np.ndarray | jax.Array) and value.ndim == 0
    plain = isinstance(value, bool | int | float | complex | str | None | np.generic)
    return plain or (zero_axes and not isinstance(value, jax.core.Tracer))


def _read(name: str, short: str, values: Any) -> np.ndarray:
    """A NumPy array of any dtype, masked ones with their mask."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "toarray") or hasattr(values, "todense"):
        way = "toarray" if hasattr(values, "toarray") else "todense"
        raise TypeError(
            f"{name} is sparse ({type(values).__name__}), which is not supported; "
            f"pass {short}.{way}()"
        )
    if hasattr(values, "to_numpy"):
        return _read_table(name, values)
    if not isinstance(values, list | tuple) and hasattr(values, "detach"):
        values = values.detach().cpu()  # a tensor of PyTorch
    if isinstance(values, list | tuple):
        leaves = jax.tree.leaves(values)
        if is_traced(leaves):
            kind = type(values).__name__
            raise TypeError(f"{name} is a {kind} of traced values; join them: jnp.stack({short})")
        if any(np.ma.isMaskedArray(leaf) for leaf in leaves):
            hidden = jax.tree.map(np.ma.getmaskarray, values)  # np.asarray would drop them
            return np.ma.array(jax.tree.map(np.ma.getdata, values), mask=hidden)
    try:
        return np.asarray(values)
    except ValueError as error:
        if not isinstance(values, list | tuple):
            raise _unreadable(name, values) from error
        raise ValueError(
            f"{name} is a {type(values).__name__} whose entries differ in length or shape; pad "
            "them to one length, or leave some out"
        ) from None
    except (TypeError, RuntimeError, AttributeError) as error:
        raise _unreadable(name, values) from error


def _unreadable(name: str, values: Any) -> TypeError:
    kind = f"{type(values).__module__}.{type(values).__qualname__}"
    if kind.startswith("builtins.") or callable(values):
        return TypeError(f"{name} must be an array of numbers, got {shown(values)}")
    return TypeError(f"{name} must be an array of numbers, got {kind}; convert it to NumPy first")


def _not_keys(name: str, values: jax.Array) -> jax.Array:
    if jnp.issubdtype(values.dtype, jax.dtypes.extended):
        raise TypeError(f"{name} must be an array of numbers, got random keys ({values.dtype})")
    return values


def _read_table(name: str, table: Any) -> np.ndarray:
    """The numbers of a pandas table or column, or of a library that is used in the same way."""
    if not hasattr(table, "iloc") or not hasattr(table, "columns"):
        return _read_column(name, table) if hasattr(table, "dtype") else table.to_numpy()
    columns = enumerate(map(str, table.columns))
    parts = [_read_column(f"column {c!r} of {name}", table.iloc[:, i]) for i, c in columns]
    return np.stack(parts, axis=1) if parts else np.zeros(np.shape(table))


def _read_column(name: str, column: Any) -> np.ndarray:
    kind = getattr(column.dtype, "kind", None)  # NumPy's dtypes and Int64, boolean of pandas
    if not isinstance(kind, str) or kind not in "biufc" or str(column.dtype) == "category":
        raise TypeError(
            f"{name} holds {column.dtype}, not numbers; make numbers of it "
            "(jb.datasets.table does that for a file), or leave it out"
        )
    values, known = column.to_numpy(), getattr(column.dtype, "numpy_dtype", None)
    if known is None:
        return values
    lost = int(column.isna().sum())
    if lost:
        raise ValueError(f"{name} has {lost} missing values; fill them, or leave those rows out")
    return values.astype(known)


def _cure(short: str, host: np.ndarray) -> str:
    if host.dtype.names:
        return f"stack its fields: np.stack([{short}[f] for f in {short}.dtype.names], axis=1)"
    if host.dtype.kind in "mM":
        return f"count from a date: ({short} - {short}.min()) / np.timedelta64(1, 's')"
    if host.dtype.kind in "US":
        return "make numbers of the words, by np.unique(..., return_inverse=True)"
    return f"if it holds numbers, np.asarray({short}, float) makes them an array"
