"""Checkpoints: every bit of a tree comes back, and another tree is refused by its leaf."""

import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis.extra import numpy as hnp

from jaxbrain.training import checkpoint, checkpoint_file


class Pair(NamedTuple):
    first: object
    second: object


@partial(jax.tree_util.register_static)
class Static(NamedTuple):
    name: str


def training_state():
    params = ({"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.full([3], -0.0)}, ())
    return {
        "params": params,
        "opt_state": optax.adam(1e-3).init(params),
        "half": jnp.asarray([1.5, jnp.nan, -jnp.inf], jnp.bfloat16),
        "keys": (jax.random.key(1), jax.random.split(jax.random.key(2, impl="rbg"), 3)),
        "flags": jnp.asarray([True, False]),
        "pair": Pair(np.arange(3, dtype=np.int16), [np.float64(0.1), np.zeros([0, 4], np.uint8)]),
        "scalars": (7, 0.1, True, 1 - 2j),
        "empty": (None, (), Static("relu")),
    }


def bits(leaf):
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return (str(leaf.dtype), leaf.shape, bits(jax.random.key_data(leaf)))
    if isinstance(leaf, jax.Array | np.ndarray | np.generic):
        return (type(leaf), leaf.dtype, leaf.shape, np.asarray(leaf).tobytes())
    return (type(leaf), repr(leaf))


def assert_same(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    assert jax.tree.map(bits, tree) == jax.tree.map(bits, other)


def test_every_bit_of_a_training_state_comes_back(path):
    tree = training_state()
    checkpoint.save(path, tree)
    assert_same(checkpoint.restore(path, tree), tree)


def test_restores_from_shapes_alone(path):
    tree = training_state()["params"], jax.random.split(jax.random.key(3), 2)
    checkpoint.save(path, tree)
    assert_same(checkpoint.restore(path, jax.eval_shape(lambda: tree)), tree)


@pytest.mark.parametrize("name", sorted(checkpoint_file.DTYPES))
def test_every_dtype(path, name):
    content = np.arange(3 * checkpoint_file.DTYPES[name].itemsize, dtype=np.uint8) % 2
    tree = [content.view(checkpoint_file.DTYPES[name]), content[:0].view(name)]
    tree.append(tree[0][1])
    checkpoint.save(path, tree)
    assert_same(checkpoint.restore(path, tree), tree)


@hypothesis.settings(deadline=None, derandomize=True, max_examples=25)
@hypothesis.given(
    hnp.arrays(
        hnp.floating_dtypes(sizes=(16, 32, 64))
        | hnp.integer_dtypes()
        | hnp.complex_number_dtypes(sizes=(64, 128)),
        hnp.array_shapes(min_dims=0, min_side=0),
    )
)
def test_any_numpy_array(tmp_path_factory, array):
    path = tmp_path_factory.getbasetemp() / "any.ckpt"
    checkpoint.save(path, [array])
    (back,) = checkpoint.restore(path, [np.empty_like(array)])
    assert back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_strided_transposed_and_big_endian_arrays(path):
    tree = [np.arange(12).reshape(3, 4)[::-1, ::2], np.ones([2, 3]).T, np.arange(3, dtype=">i4")]
    checkpoint.save(path, tree)
    for back, array in zip(checkpoint.restore(path, tree), tree, strict=True):
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype


@pytest.mark.parametrize("number", [0, -(2**63), 2**63 - 1, 5e-324, float("-inf"), -0.0, False])
def test_python_numbers_keep_their_type(path, number):
    checkpoint.save(path, number)
    back = checkpoint.restore(path, type(number)())
    assert type(back) is type(number) and repr(back) == repr(number)


def test_restored_arrays_compile_nothing_new(path):
    traces = []

    @jax.jit
    def step(state):
        traces.append(1)
        return jax.tree.map(lambda leaf: leaf + 1, state)

    state = (jnp.ones([3]), jnp.asarray(0), jnp.full([3], 2.0))  # the last two weakly typed
    step(state)
    checkpoint.save(path, state)
    back = checkpoint.restore(path, state)
    step(back)
    assert len(traces) == 1
    assert [leaf.weak_type for leaf in back] == [False, True, True]
    assert [leaf.committed for leaf in back] == [False] * 3


def test_the_sharding_is_that_of_like(path):
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    tree = jax.device_put((jnp.arange(4.0), jax.random.split(jax.random.key(0), 2)), sharding)
    checkpoint.save(path, tree)
    described = jax.ShapeDtypeStruct([4], jnp.float32, sharding=sharding)
    for like in (tree, (described, tree[1])):
        back = checkpoint.restore(path, like)
        assert_same(back, tree)
        assert all(leaf.sharding == sharding and leaf.committed for leaf in back)


def test_float64_is_never_rounded(path):
    checkpoint.save(path, [np.float64(0.1), np.array([0.1])])
    back = checkpoint.restore(path, [np.float64(0), np.zeros(1)])
    assert back[1].dtype == np.float64 and back[1][0] == 0.1 == back[0]
    like = [jax.ShapeDtypeStruct([], np.float64), np.zeros(1)]
    with pytest.raises(ValueError, match=r"leaf \[0\] .*float64.*jax_enable_x64"):
        checkpoint.restore(path, like)


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_any_kind_of_path(path, kind):
    checkpoint.save(kind(path), {"a": 1}, metadata={"epoch": 3})
    assert checkpoint.restore(kind(path), {"a": 0}) == {"a": 1}
    assert checkpoint.metadata(kind(path)) == {"epoch": 3}


# A tree of another kind -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "like, message",
    [
        ({"a": np.zeros([3, 5], np.float32), "n": 0},
         r"\['a'\]: expected float32\[3,5\], found float32\[5\]"),
        ({"a": np.zeros(5, np.int32), "n": 0}, r"\['a'\]: expected int32\[5\], found float32\[5\]"),
        ({"a": np.zeros(5, np.float32), "n": 0.0},
         r"\['n'\]: expected python float, found python int"),
        ({"a": np.zeros(5, np.float32), "n": np.int64(0)},
         r"\['n'\]: expected int64\[\], found python int"),
        ({"a": np.zeros(5, np.float32), "n": 0, "more": 1},
         r"\['more'\]: expected python int, not in the file"),
        ({"n": 0}, r"\['a'\]: found float32\[5\], not in like"),
        (Pair(np.zeros(5, np.float32), 0),
         r"(?s)\.first: expected .*\.second: expected .*\['a'\]: found .*\['n'\]: found"),
        ((), r"(?s)\['a'\]: found .*\['n'\]: found"),
    ],
)  # fmt: skip
def test_a_mismatch_names_the_leaf_and_does_not_fall_back(two, like, message):
    path, _ = two  # a warning about the previous file would be an error here
    with pytest.raises(ValueError, match=message) as caught:
        checkpoint.restore(path, like)
    assert path in str(caught.value)
    assert not isinstance(caught.value, checkpoint.CheckpointError)


def test_a_long_list_of_mismatches_is_cut(path):
    checkpoint.save(path, list(range(40)))
    with pytest.raises(ValueError, match="and 30 more"):
        checkpoint.restore(path, [0.0] * 40)


def test_another_generator_of_a_key_is_named(path):
    checkpoint.save(path, {"key": jax.random.key(0, impl="rbg")})
    with pytest.raises(
        ValueError, match=r"\['key'\]: expected key<unsafe_rbg>\[\], found key<rbg>"
    ):
        checkpoint.restore(path, {"key": jax.random.key(0, impl="unsafe_rbg")})


def donated():
    array = jnp.ones([3])
    jax.jit(lambda x: x + 1, donate_argnums=0)(array)
    return array


@pytest.mark.parametrize(
    "leaf, error, message",
    [
        ("text", TypeError, r"leaf \[0\] is a str; .*metadata"),
        (object(), TypeError, r"leaf \[0\] is a object"),
        (np.array([None]), TypeError, r"leaf \[0\] has dtype object"),
        (np.array(["a"]), TypeError, r"leaf \[0\] has dtype <U1"),
        (np.zeros(2, "f4,i4"), TypeError, r"leaf \[0\] has dtype"),
        (np.ma.masked_array([1.0], [True]), TypeError, r"leaf \[0\] is a MaskedArray"),
        (2**63, ValueError, r"leaf \[0\] is 9223372036854775808.*64 bits"),
        (jax.ShapeDtypeStruct([2], np.float32), TypeError, r"leaf \[0\] is a ShapeDtypeStruct"),
        (donated, ValueError, r"leaf \[0\] was donated"),
    ],
)
def test_what_cannot_be_stored_is_refused(path, leaf, error, message):
    with pytest.raises(error, match=message):
        checkpoint.save(path, [leaf() if leaf is donated else leaf])
    assert not os.listdir(os.path.dirname(path))


def test_tracers_are_refused(path):
    checkpoint.save(path, jnp.ones(2))
    with pytest.raises(TypeError, match="traced; save and restore outside jit"):
        jax.eval_shape(partial(checkpoint.save, path), jnp.ones(2))
    with pytest.raises(TypeError, match="traced; save and restore outside jit"):
        jax.eval_shape(partial(checkpoint.restore, path), jnp.ones(2))


def test_arrays_of_other_processes_are_refused(path, monkeypatch):
    array = jnp.ones(2)
    monkeypatch.setattr(type(array), "is_fully_addressable", property(lambda self: False))
    monkeypatch.setattr(type(array), "is_fully_replicated", property(lambda self: False))
    with pytest.raises(ValueError, match=r"several processes.*process_allgather"):
        checkpoint.save(path, array)


def test_two_leaves_of_one_name_are_refused(path):
    class Key(str):
        def __repr__(self):
            return "'same'"

    with pytest.raises(ValueError, match=r"two leaves with the name \['same'\]"):
        checkpoint.save(path, {Key("a"): 1, Key("b"): 2})


@pytest.mark.parametrize(
    "metadata", [[1], {"a": np.zeros(2)}, {"a": (1, 2)}, {1: 2}, {"a": float("nan")}, {"a": {1}}]
)
def test_metadata_that_would_not_come_back_is_refused(path, metadata):
    with pytest.raises(TypeError, match="metadata must be a dict"):
        checkpoint.save(path, (), metadata=metadata)


def test_metadata_comes_back(path):
    checkpoint.save(path, ())
    assert checkpoint.metadata(path) == {}
    given = {"epoch": 3, "rate": 0.1, "name": "größe", "sizes": [1, 2], "more": {"a": None}}
    checkpoint.save(path, (), metadata=given)
    assert checkpoint.metadata(path) == given
