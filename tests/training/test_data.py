"""Data of a training: where tokens are looked for, and what a training leaves as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.training.data import as_pair, check_data, check_range, vocabulary

EMBED = jb.embed(5, 4)
LATER = jb.serial(jb.dense(3), EMBED)
Y = np.ones((6, 1), "float32")


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (EMBED, 5),
        (jb.serial(EMBED, jb.dense(1)), 5),
        (jb.serial(jb.serial(EMBED), jb.dense(1)), 5),
        (jb.with_precision(jb.serial(EMBED), jnp.bfloat16), 5),
        (jb.parallel(jb.embed(9, 2), EMBED), 5),
        (jb.serial(jb.cells.unroll(jb.cells.stack(jb.lift(EMBED), jb.cells.gru(3)))), 5),
        (jb.dense(5), None),
        (LATER, None),
        (jb.Network(EMBED.init, EMBED.apply), None),
    ],
    ids=str,
)
def test_the_embedding_that_a_network_begins_with(net, words):
    assert vocabulary(net) == words


@pytest.mark.parametrize("token", [5, -1, 100])
@pytest.mark.parametrize("wrap", [np.asarray, jnp.asarray])
def test_a_token_out_of_range(token, wrap):
    tokens = np.arange(12).reshape(6, 2) % 5
    check_range("fit", "data", EMBED, {}, (wrap(tokens), Y))
    tokens[4, 1] = token
    words = rf"fit: x of data: tokens must be in 0\.\.4 .* at index \[4, 1\] it is {token} \(1 such"
    with pytest.raises(ValueError, match=words):
        check_range("fit", "data", EMBED, {}, (wrap(tokens), Y))


def test_traced_data_pass():
    @jax.jit
    def traced(x):
        pair = check_data("fit", "data", (x, x[:, :1]))
        assert pair[0] is x
        check_range("fit", "data", EMBED, {}, (x.astype(int), x))
        return x

    traced(jnp.full((6, 2), jnp.nan))


def test_a_pytree_of_inputs():
    x = {"a": [[1.0], [2.0]], "b": (np.ones((2, 3)), np.zeros(2))}
    got, _ = as_pair("fit", "data", (x, [0.0, 1.0]))
    assert jax.tree.map(np.shape, got) == {"a": (2, 1), "b": ((2, 3), (2,))}


def test_columns_of_pandas():
    """pandas itself, where it is installed; tests/core/test_arrays.py has its interface."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, 2], "b": pandas.array([3, 4], dtype="Int64")})
    x, y = as_pair("fit", "data", (table, table["a"]))
    assert x.tolist() == [[1, 3], [2, 4]] and y.tolist() == [1, 2]
    table["b"] = pandas.array([3, None], dtype="Int64")
    with pytest.raises(ValueError, match="column 'b' of fit: x of data has 1 missing"):
        as_pair("fit", "data", (table, table["a"]))
    table["b"] = pandas.Categorical(["u", "v"])
    with pytest.raises(TypeError, match="column 'b' of fit: x of data holds category"):
        as_pair("fit", "data", (table, table["a"]))
