"""Checkpoints: one checked file per training state, replaced atomically, never pickled."""

import errno
import math
import os
import shutil
import zlib
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.arguments import checked
from jaxbrain.training import atomic
from jaxbrain.training import checkpoint_file as files
from jaxbrain.training.checkpoint_file import CheckpointError

__all__ = ["CheckpointError", "exists", "metadata", "restore", "save"]


def __dir__() -> list[str]:
    return __all__


_SCALARS = {
    bool: np.dtype("bool"),
    int: np.dtype("int64"),
    float: np.dtype("float64"),
    complex: np.dtype("complex128"),
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@checked
def save(
    path: str | os.PathLike[str], tree: Any, *, metadata: dict[str, Any] | None = None
) -> None:
    """Write a pytree to one file, atomically; the file that was there becomes `<path>.previous`.

    At every moment, also when the process is killed, `path` or `<path>.previous` is whole. A file
    that is found damaged never takes the place of a whole `<path>.previous`.

    Args:
      path: the file; its directory must exist.
      tree: a pytree of JAX arrays, typed PRNG keys, NumPy arrays and Python numbers.
      metadata: a small dict that JSON can hold, for `metadata(path)`.

    Raises:
      TypeError: a leaf that cannot be stored (a tracer, a string, an object array), or metadata
        that JSON cannot hold.
      ValueError: an array that was donated, or one of which other processes hold a part.
      OSError: the file cannot be written; what was saved before is kept.

    Examples:
      >>> import tempfile, jax.numpy as jnp
      >>> path = tempfile.mkdtemp() + "/state.ckpt"
      >>> save(path, {"kernel": jnp.ones([2, 3]), "step": 7}, metadata={"epoch": 1})
      >>> restore(path, {"kernel": jnp.zeros([2, 3]), "step": 0})["step"]
      7
    """
    path = real_path(path)
    _check_place(path)
    entries, arrays, offset = [], [], 0
    for name, leaf in _leaves(tree).items():
        spec = _saved_spec(name, leaf)
        array = _to_raw(leaf, spec)
        crc32 = zlib.crc32(files.as_bytes(array))
        shape = list(spec.shape)
        entries.append(files.Entry(name, spec.dtype, shape, offset, array.nbytes, crc32))
        arrays.append(array)
        offset += array.nbytes
    header = files.encode_header(entries, metadata)
    pieces = [header, *map(files.as_bytes, arrays)]
    try:
        atomic.replace(path, pieces, files.is_whole)
    except OSError as error:
        why = f"{error.strerror or error}{_room(error, path, len(header) + offset)}"
        message = f"save could not write here ({why}); what was saved before is kept"
        raise OSError(error.errno, message, path) from error


@checked
def restore(path: str | os.PathLike[str], like: Any) -> Any:
    """Read what `save` wrote into the structure of `like`, bit for bit.

    A damaged, truncated or missing file is replaced by `<path>.previous`, with a `UserWarning`.

    Args:
      path: the file given to `save`.
      like: a pytree of the structure, shapes and dtypes that were saved; `jax.ShapeDtypeStruct`
        leaves will do, as from `jax.eval_shape`. Every leaf comes back as the kind that it has
        here: a NumPy array, a Python number, or a JAX array with the sharding of that leaf.

    Raises:
      ValueError: another structure, shape or dtype than that of `like`; names the leaves.
      CheckpointError: neither file is whole, or one is of another version of the format.
      FileNotFoundError: neither file exists.

    Examples:
      >>> import tempfile, jax, jax.numpy as jnp
      >>> path = tempfile.mkdtemp() + "/state.ckpt"
      >>> save(path, {"kernel": jnp.ones([2])})
      >>> restore(path, {"kernel": jax.ShapeDtypeStruct([2], jnp.float32)})
      {'kernel': Array([1., 1.], dtype=float32)}
    """
    return files.read_first_whole(real_path(path), lambda whole: read(whole, like))


@checked
def metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata given to `save`, of the very file that `restore` would use.

    Args:
      path: the file given to `save`.

    Raises:
      CheckpointError: neither file is whole, or one is of another version of the format.
      FileNotFoundError: neither file exists.

    Examples:
      >>> import tempfile
      >>> path = tempfile.mkdtemp() + "/state.ckpt"
      >>> save(path, (), metadata={"epoch": 1})
      >>> metadata(path)
      {'epoch': 1}
    """
    # Every byte is checked: otherwise this could be the metadata of a file that restore refuses.
    return files.read_first_whole(real_path(path), lambda whole: whole.metadata)


@checked
def exists(path: str | os.PathLike[str]) -> bool:
    """True if there is a file to restore, `path` or `<path>.previous`; its content is not checked.

    Args:
      path: the file given to `save`.

    Examples:
      >>> exists("nowhere/state.ckpt")
      False
    """
    path = real_path(path)
    return os.path.exists(path) or os.path.exists(atomic.previous_of(path))


def read(whole: files.Whole, like: Any, *, within: str | tuple[str, ...] = "") -> Any:
    """The arrays of a checked file in the structure of `like`.

    Args:
      whole: the file.
      like: as for `restore`.
      within: first letters of the names that `like` describes; other arrays are not read.

    Raises:
      ValueError: another structure, shape or dtype than that of `like`; names the leaves.
    """
    leaves = _leaves(like)
    specs = {name: _spec(name, leaf) for name, leaf in leaves.items()}
    entries = {k: entry for k, entry in whole.entries.items() if k.startswith(within)}
    faults = _faults(entries, specs)
    if faults:
        more = [f"and {len(faults) - 10} more"] if len(faults) > 10 else []
        if "settings" in whole.metadata and not within:
            more += ["fit wrote this file; load_training and load_model of jaxbrain read it"]
        lines = "\n  ".join(faults[:10] + more)
        raise ValueError(f"{whole.path} does not hold what like describes:\n  {lines}")
    arrays = [
        _from_raw(whole.array(name, spec.raw_dtype, spec.raw_shape), leaves[name], spec)
        for name, spec in specs.items()
    ]
    return jax.tree.unflatten(jax.tree.structure(like), arrays)


class _Spec(NamedTuple):
    """Storage of a leaf: dtype and shape as the user sees them, and those of the raw array."""

    dtype: str
    shape: tuple[int, ...]
    raw_dtype: np.dtype
    raw_shape: tuple[int, ...]


def real_path(path: str | os.PathLike[str]) -> str:
    """Follow links, so that the file is replaced and not the link to it."""
    return os.path.realpath(os.fsdecode(path))


def _check_place(path: str) -> None:
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        kind = NotADirectoryError if os.path.exists(directory) else FileNotFoundError
        code = errno.ENOTDIR if os.path.exists(directory) else errno.ENOENT
        raise kind(code, "save needs a directory here; create it with os.makedirs", directory)
    if os.path.isdir(path):
        file = os.path.join(path, "state.ckpt")
        raise IsADirectoryError(errno.EISDIR, f"save needs a file, such as {file}, not", path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "save replaces only regular files", path)


def _leaves(tree: Any) -> dict[str, Any]:
    """The leaves by their key paths, such as `[0]['kernel']`, in the order of the tree."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree)
    leaves = {}
    for path, leaf in pairs:
        name = jax.tree_util.keystr(path) or "(the tree itself)"
        if name in leaves:
            raise ValueError(f"tree has two leaves with the name {name}; rename a key")
        leaves[name] = leaf
    return leaves


def _spec(name: str, leaf: Any) -> _Spec:
    if isinstance(leaf, jax.core.Tracer):
        raise TypeError(f"leaf {name} is traced; save and restore outside jit, vmap and grad")
    if type(leaf) in _SCALARS:
        return _Spec(f"python {type(leaf).__name__}", (), _SCALARS[type(leaf)], ())
    if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return _key_spec(leaf)
        if jax.dtypes.canonicalize_dtype(leaf.dtype) != leaf.dtype:
            raise ValueError(
                f"leaf {name} is a JAX array of {leaf.dtype}, which needs"
                ' jax.config.update("jax_enable_x64", True); or make it a NumPy array'
            )
    elif not (isinstance(leaf, np.generic) or type(leaf) in (np.ndarray, np.memmap)):
        raise TypeError(
            f"leaf {name} is a {type(leaf).__name__}; expected a JAX or NumPy array or a Python"
            " number; strings belong into metadata"
        )
    dtype = files.DTYPES.get(leaf.dtype.name)
    if dtype is None:
        raise TypeError(f"leaf {name} has dtype {leaf.dtype}; expected numbers or bools")
    return _Spec(dtype.name, tuple(leaf.shape), dtype, tuple(leaf.shape))


def _key_spec(leaf: Any) -> _Spec:
    """A typed key is stored as its words; traced, since key_impl takes no ShapeDtypeStruct."""
    impl: list[str] = []

    def words(keys):
        impl.append(str(jax.random.key_impl(keys)))
        return jax.random.key_data(keys)

    raw = jax.eval_shape(words, jax.ShapeDtypeStruct(leaf.shape, leaf.dtype))
    return _Spec(f"key<{impl[0]}>", tuple(leaf.shape), np.dtype(raw.dtype), tuple(raw.shape))


def _saved_spec(name: str, leaf: Any) -> _Spec:
    spec = _spec(name, leaf)
    if isinstance(leaf, jax.ShapeDtypeStruct):
        raise TypeError(f"leaf {name} is a ShapeDtypeStruct; save needs the array itself")
    if type(leaf) is int and not -(2**63) <= leaf < 2**63:
        raise ValueError(f"leaf {name} is {leaf}, which takes more than 64 bits; use metadata")
    if not isinstance(leaf, jax.Array):
        return spec
    if leaf.is_deleted():
        raise ValueError(f"leaf {name} was donated; save what the function it went to returned")
    if not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        raise ValueError(
            f"leaf {name} is spread over several processes; gather it first with"
            " jax.experimental.multihost_utils.process_allgather(tree, tiled=True)"
        )
    return spec


def _to_raw(leaf: Any, spec: _Spec) -> np.ndarray:
    """The leaf on the host, contiguous and in the byte order of this machine."""
    if spec.dtype.startswith("key<"):
        leaf = jax.random.key_data(leaf)
    return np.asarray(jax.device_get(leaf), dtype=spec.raw_dtype, order="C")


def _from_raw(raw: np.ndarray, like: Any, spec: _Spec) -> Any:
    if type(like) in _SCALARS:
        return raw.item()
    if isinstance(like, np.generic):
        return raw[()]
    if isinstance(like, np.ndarray):
        return raw.astype(like.dtype, copy=False)
    if spec.dtype.startswith("key<"):
        value = jax.random.wrap_key_data(jnp.asarray(raw), impl=spec.dtype[4:-1])
    else:
        value = _weak(raw) if getattr(like, "weak_type", False) else raw
    # An uncommitted array stays so: a committed one compiles again and is bound to its device.
    if like.sharding is not None and getattr(like, "committed", True):
        return jax.device_put(value, like.sharding)
    return jax.device_put(value)


def _weak(raw: np.ndarray) -> Any:
    """A weakly typed array: a strong one would change the promotions of the resumed training."""
    if raw.ndim == 0:
        value = jnp.asarray(raw.item())
    else:
        value = jnp.full(raw.shape, np.zeros((), raw.dtype).item()).at[...].set(raw)
    return value if value.dtype == raw.dtype else raw


def _faults(entries: dict[str, files.Entry], specs: dict[str, _Spec]) -> list[str]:
    """The entries that differ from `like`, found before any array is read."""
    faults = [f"{name}: expected {_text(specs[name])}, not in the file"
              for name in specs if name not in entries]  # fmt: skip
    faults += [f"{name}: found {_text(entries[name])}, not in like"
               for name in entries if name not in specs]  # fmt: skip
    for name, spec in specs.items():
        if name not in entries:
            continue
        entry = entries[name]
        nbytes = math.prod(spec.raw_shape) * spec.raw_dtype.itemsize
        if (spec.dtype, list(spec.shape), nbytes) != (entry.dtype, entry.shape, entry.nbytes):
            faults.append(f"{name}: expected {_text(spec)}, found {_text(entry)}")
    return faults


def _room(error: OSError, path: str, size: int) -> str:
    """Words about the room on the disk, where that is what the writer lacked."""
    if error.errno not in _NO_ROOM:
        return ""
    free = shutil.disk_usage(os.path.dirname(path)).free
    return f": a save needs {size / 1e6:,.3f} MB, {free / 1e6:,.3f} MB are free"


def _text(spec: _Spec | files.Entry) -> str:
    if spec.dtype.startswith("python "):
        return spec.dtype
    return f"{spec.dtype}[{','.join(map(str, spec.shape))}]"
