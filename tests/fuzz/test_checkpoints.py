"""Checkpoints and model files with random changes: noticed, in one sentence, and no code is run."""

import copy

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.types import Network
from jaxbrain.training import checkpoint_file
from tests.fuzz.strategies import fuzz, in_our_words

NET = jb.serial(jb.dense(3), jb.elementwise(jnp.tanh), jb.residual(jb.dense(3)))
RULE, DATA = (
    jb.backprop(NET, jb.losses.mse),
    (np.ones((4, 2), "float32"), np.ones((4, 3), "float32")),
)
LIKE = jb.init_state(RULE, optax.adam(0.1), DATA[0][0], key=jax.random.key(0))
TREE = {"a": np.arange(6.0).reshape(2, 3), "b": (np.int32(3), np.zeros(0, "uint8"))}
SIZES = pytest.mark.parametrize(
    "examples", [pytest.param(40, id="few"), pytest.param(2000, id="many", marks=pytest.mark.slow)]
)
CHANGE = st.tuples(
    st.sampled_from(["flip", "insert", "delete", "cut", "zero"]),
    st.floats(0, 1),
    st.binary(max_size=9),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=12)
    | st.sampled_from(["jaxbrain.dense", "os.system", "builtins.eval", "jax.nn.relu", "index"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind, with its reader."""
    folder = tmp_path_factory.mktemp("whole")
    jb.checkpoint.save(folder / "tree", TREE, metadata={"epoch": 3, "name": "größe"})
    jb.save_model(folder / "model", NET, LIKE.params)
    jb.fit(RULE, optax.adam(0.1), DATA, key=jax.random.key(0), epochs=1, checkpoint=folder)
    return {
        "tree": (folder / "tree", lambda path: jb.checkpoint.restore(path, TREE)),
        "model": (folder / "model", jb.load_model),
        "training": (folder / "training.ckpt", lambda path: jb.load_training(path, LIKE)),
    }


def changed(content, changes):
    for kind, where, more in changes:
        at = int(where * max(len(content) - 1, 0))
        if kind == "flip" and content:
            content = content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]
        elif kind == "insert":
            content = content[:at] + more + content[at:]
        elif kind == "delete":
            content = content[:at] + content[at + len(more) :]
        elif kind == "cut":
            content = content[:at]
        else:
            content = content[:at] + bytes(len(more)) + content[at + len(more) :]
    return content


@pytest.mark.parametrize("kind", ["tree", "model", "training"])
@SIZES
def test_a_changed_file_is_noticed(files, kind, examples, tmp_path):
    path, read = files[kind]
    whole = path.read_bytes()

    @fuzz(st.lists(CHANGE, min_size=1, max_size=3), examples=examples)
    def check(changes):
        content = changed(whole, changes)
        if content == whole:
            return
        (tmp_path / "changed").write_bytes(content)
        with pytest.raises(jb.checkpoint.CheckpointError, match="changed"):
            read(tmp_path / "changed")

    check()


def places(tree, path=()):
    """The path to everything in a JSON value."""
    yield path
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for name, part in items:
        yield from places(part, (*path, name))


def put(tree, path, value):
    if not path:
        return value
    tree = copy.copy(tree)
    tree[path[0]] = put(tree[path[0]], path[1:], value)
    return tree


@SIZES
def test_a_model_file_with_another_content_is_refused_or_a_network(files, examples, tmp_path):
    path, _ = files["model"]
    metadata = jb.checkpoint.metadata(path)
    arrays = checkpoint_file.read_first_whole(
        str(path), lambda whole: [whole.plain(name) for name in whole.entries]
    )

    @fuzz(st.sampled_from(list(places(metadata))), ANYTHING, examples=examples)
    def check(where, value):
        other = put(metadata, where, value)
        if not isinstance(other, dict):
            return
        saved = in_our_words(jb.checkpoint.save, tmp_path / "other", arrays, metadata=other)
        if saved is None and not (tmp_path / "other").exists():
            return
        found = in_our_words(jb.load_model, tmp_path / "other")
        (tmp_path / "other").unlink()
        (tmp_path / "other.previous").unlink(missing_ok=True)
        assert found is None or isinstance(found[0], Network)

    check()
