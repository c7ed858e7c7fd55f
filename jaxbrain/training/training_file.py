"""The checkpoint of a training: its layout, its checks, and its state without the data.

``fit(..., checkpoint=directory)`` keeps ``directory/training.ckpt`` in the format of
`jaxbrain.checkpoint`. The tree is ``(state, history, arrays)``: a TrainState, a History, and the
arrays that the network was made from. The metadata:

    epoch     epochs done
    settings  name to words: what must be the same for the training to be continued
    versions  of Python and jaxbrain
    model     the network and the containers of its parameters, or {"missing": why}
"""

import ast
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.core import serialization
from jaxbrain.core.arguments import checked
from jaxbrain.core.types import Network, Params
from jaxbrain.training import checkpoint, checkpoint_file
from jaxbrain.training.checkpoint_file import Damaged, Whole
from jaxbrain.training.loop import History, TrainState

NAME = "training.ckpt"
_PARAMS, _LOSS, _METRICS, _RECORD, _ARRAYS = (
    "[0].params", "[1].loss", "[1].metrics", "[1].record", "[2]",
)  # fmt: skip


class Model(NamedTuple):
    """A network as the checkpoint of its training holds it.

    Attributes:
      trees: for the metadata.
      arrays: that the network was made from.
    """

    trees: dict[str, Any]
    arrays: list[np.ndarray]


def model_of(net: Network, params: Params) -> Model:
    """The network and the containers of its parameters; or the reason why they cannot be stored."""
    leaves, treedef = jax.tree.flatten(params)
    arrays: list[np.ndarray] = []

    def put(array: np.ndarray) -> dict[str, int]:
        arrays.append(array)
        return {"index": len(leaves) + len(arrays) - 1}

    # The parameters are stored with the state: their numbers stand for them here.
    numbers = jax.tree.unflatten(treedef, [jnp.int32(i) for i in range(len(leaves))])
    try:
        trees = {
            "net": serialization.encode(net, put, "net"),
            "params": serialization.encode(numbers, lambda i: {"index": int(i)}, "params"),
        }
    except TypeError as error:
        return Model({"missing": str(error)}, [])
    return Model(trees, arrays)


def model_names(whole: Whole) -> list[str]:
    """The names of the arrays that the trees of `model_of` number."""
    starts = (_PARAMS, _ARRAYS)
    return [name for start in starts for name in whole.entries if name.startswith(start)]


def check(whole: Whole) -> int:
    """The epochs of the training in a file.

    Raises:
      Damaged: metadata or arrays that `fit` did not write.
    """
    metadata = whole.metadata
    if "settings" not in metadata:
        raise Damaged("was not written by fit: give another directory")
    settings, versions, epoch = (metadata.get(n) for n in ("settings", "versions", "epoch"))
    if not isinstance(settings, dict) or not all(type(v) is str for v in settings.values()):
        raise Damaged(f"holds settings that are no words by name: {settings!r:.80}")
    if versions is not None and type(versions) is not str:
        raise Damaged(f"holds versions that are no words: {versions!r:.80}")
    loss = whole.entries.get(_LOSS)
    if loss is None or len(loss.shape) != 1 or loss.dtype not in checkpoint_file.DTYPES:
        raise Damaged("holds no loss of each epoch")
    (losses,) = loss.shape
    if type(epoch) is not int or epoch != losses:
        raise Damaged(f"claims epoch {epoch!r:.80} and holds the losses of {losses} epochs")
    return epoch


def epochs_done(path: str | os.PathLike[str]) -> int:
    """The epochs of the training in a file.

    Raises:
      CheckpointError, FileNotFoundError: as for `jaxbrain.checkpoint.metadata`.
    """
    return checkpoint_file.read_first_whole(checkpoint.real_path(path), check)


@checked
def load_training(path: str | os.PathLike[str], like: TrainState) -> tuple[TrainState, History]:
    """The state and the history of a training, read from the checkpoint that `fit` writes.

    It needs neither the data nor the rule, works while the training runs, and changes nothing.
    Where the parameters are enough, ``load_model(directory + "/training.ckpt")`` gives them with
    their network.

    Args:
      path: the directory given to ``fit(checkpoint=...)``, or the file ``training.ckpt`` in it.
      like: a state of the same structure, from `init_state` or `jax.eval_shape` of it.

    Returns:
      The TrainState, and the History in NumPy arrays; what was recorded is a dict from the place
      in the record, such as ``"['weights'][0]"``, to the array.

    Raises:
      TypeError: if like is no TrainState.
      ValueError: if like is of another structure; names the leaves.
      CheckpointError: if neither the file nor the one before it is a whole checkpoint of `fit`.
      FileNotFoundError: if there is none.

    Examples:
      >>> import jax, jaxbrain as jb, optax, tempfile
      >>> rule, data = jb.backprop(jb.dense(1), jb.losses.mse), jb.datasets.xor()
      >>> how = {"key": jax.random.key(0), "epochs": 3, "checkpoint": tempfile.mkdtemp()}
      >>> last, _ = jb.fit(rule, optax.adam(0.1), data, **how)
      >>> like = jb.init_state(rule, optax.adam(0.1), data[0][0], key=jax.random.key(1))
      >>> state, history = load_training(how["checkpoint"], like)
      >>> bool((state.params["kernel"] == last.params["kernel"]).all()), len(history.loss)
      (True, 3)
    """
    path = os.path.join(path, NAME) if os.path.isdir(path) else path

    def use(whole: Whole) -> tuple[TrainState, History]:
        check(whole)
        (state,) = checkpoint.read(whole, (like,), within="[0]")
        return state, _history(whole)

    return checkpoint_file.read_first_whole(checkpoint.real_path(path), use)


def _history(whole: Whole) -> History:
    """The history, of which nothing is known but the names in the file."""
    metrics, record = {}, {}
    for name in whole.entries:
        if name.startswith(_METRICS):
            metrics[_key(name)] = whole.plain(name)
        elif name.startswith(_RECORD):
            record[name.removeprefix(_RECORD)] = whole.plain(name)
    loss, step_loss = (whole.plain(f"[1].{name}") for name in ("loss", "step_loss"))
    return History(loss, step_loss, metrics, record or None)


def _key(name: str) -> str:
    """The key of a dict in the name of an array, ``[1].metrics['accuracy']``."""
    try:
        return str(ast.literal_eval(name.removeprefix(_METRICS)[1:-1]))
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise Damaged(f"holds an array with the name {name:.80}") from error
