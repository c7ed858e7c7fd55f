"""Whole models in files: a network and its parameters, rebuilt in another process."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jaxbrain.core import allowed, serialization
from jaxbrain.core.arguments import checked, explained
from jaxbrain.core.arrays import require_arrays
from jaxbrain.core.requirements import require_path
from jaxbrain.core.types import Network, Params
from jaxbrain.training import checkpoint, checkpoint_file
from jaxbrain.training.training_file import model_names


@explained
def save_model(path: str | os.PathLike[str], net: Network, params: Params) -> None:
    """Store a network and its parameters in one file; `load_model` rebuilds both.

    The file holds the constructors and arguments that the network was made from, by name, and all
    arrays with checksums. It is replaced atomically, as by `jaxbrain.checkpoint.save`. Functions of
    your own must be importable; the file names them.

    Args:
      path: the file; its directory must exist.
      net: made by constructors of jaxbrain, or of your own with `jaxbrain.configured`.
      params: of net, of tuples, lists, dicts, named tuples and arrays.

    Raises:
      TypeError: naming the part of net or params that cannot be stored, such as a lambda.
      OSError: if the file cannot be written; what was saved before is kept.

    Examples:
      >>> import jax, jaxbrain as jb, tempfile
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(1))
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(3))
      >>> path = tempfile.mkdtemp() + "/model.ckpt"
      >>> save_model(path, net, params)
      >>> again, same = load_model(path)
      >>> again == net, bool((same[2]["kernel"] == params[2]["kernel"]).all())
      (True, True)
    """
    if not isinstance(net, Network):
        raise TypeError(
            f"save_model: net must be a Network, got {type(net).__name__}; the order is "
            "save_model(path, net, params)"
        )
    require_path("save_model", "path", path)
    require_arrays("save_model", "params", params)
    arrays: list[np.ndarray] = []

    def put(array: np.ndarray) -> dict[str, Any]:
        arrays.append(array)
        return {"index": len(arrays) - 1, "dtype": array.dtype.name, "shape": list(array.shape)}

    trees = {
        "net": serialization.encode(net, put, "net"),
        "params": serialization.encode(params, put, "params"),
    }
    checkpoint.save(path, arrays, metadata={"model": trees, "count": len(arrays)})


@checked
def load_model(
    path: str | os.PathLike[str], *, functions: Iterable[Any] | Mapping[str, Any] = ()
) -> tuple[Network, Params]:
    """The network and the parameters that `save_model` stored, or a training with a checkpoint.

    Safe with files from anywhere: a file holds names and numbers. The names are looked up in a list
    of functions of jaxbrain, jax and optax that only compute (`jaxbrain.core.allowed`) and among
    the functions given here; nothing is imported by name, and no other code is run.

    Args:
      path: the file; or ``training.ckpt`` in the directory given to ``fit(checkpoint=...)``, also
        while the training runs.
      functions: functions of your own that the network was made from, such as an activation or a
        constructor; or a mapping from their names in the file.

    Returns:
      The network, equal to the one that was saved, and its parameters, every bit the same.

    Raises:
      ValueError: if the file holds no model, or names a function that is not known.
      CheckpointError: if the file is damaged, and the one before it too.
      FileNotFoundError: if there is no file.

    Examples:
      >>> import jax, jaxbrain as jb, tempfile
      >>> path = tempfile.mkdtemp() + "/model.ckpt"
      >>> save_model(path, jb.elementwise(jax.numpy.tanh), ())
      >>> load_model(path)
      (elementwise(jax.numpy.tanh), ())
    """
    known = allowed.functions_by_name(functions)
    place = checkpoint.real_path(path)
    return checkpoint_file.read_first_whole(place, lambda whole: _model(whole, known))


def _model(whole: checkpoint_file.Whole, known: Mapping[str, Any]) -> tuple[Network, Params]:
    """The model in a checked file of `save_model` or `fit`."""
    trees, where = whole.metadata.get("model"), f"load_model: {whole.path}"
    if isinstance(trees, dict) and "missing" in trees:
        raise ValueError(
            f"{where} is the checkpoint of a training whose network cannot be stored "
            f"({trees['missing']}); jaxbrain.load_training reads its parameters"
        )
    if not isinstance(trees, dict) or not {"net", "params"} <= trees.keys():
        raise ValueError(f"{where} holds no model that save_model or fit stored")
    names = list(whole.entries) if "count" in whole.metadata else model_names(whole)

    def get(entry: Any) -> np.ndarray:
        index = entry["index"]
        if type(index) is not int or not 0 <= index < len(names):
            raise ValueError(f"it holds no array {index!r:.80}")
        return whole.plain(names[index])

    try:
        net = serialization.decode(trees["net"], get, known)
        params = serialization.decode(trees["params"], get, known)
    except (ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"load_model: the model in {whole.path} cannot be built: {error}"
        ) from error
    if not isinstance(net, Network):
        raise ValueError(f"{where} holds a {type(net).__name__}, which is no Network")
    return net, params
