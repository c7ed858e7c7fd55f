"""The table of a network, to the character and to the last parameter."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb

new_key = partial(jax.random.key, 0)


def shape(*sizes, dtype="float32"):
    return jax.ShapeDtypeStruct(sizes, dtype)


def made(net, x):
    return jax.eval_shape(net.init, new_key(), x)


GOLDEN = """\
layer                     output  parameters                  count   memory  dtype
-------------------------------------------------------------------------------------
dense(32)                 [32]    kernel [20, 32], bias [32]    672  2.6 KiB  float32
elementwise(jax.nn.relu)  [32]
dense(1)                  [1]     kernel [32, 1], bias [1]       33    132 B  float32
-------------------------------------------------------------------------------------
total                                                           705  2.8 KiB  float32"""


def test_golden_table():
    net = jb.serial(jb.dense(32), jb.elementwise(jax.nn.relu), jb.dense(1))
    x = shape(20)
    table = jb.summary(net, made(net, x), x)
    assert str(table) == repr(table) == GOLDEN
    assert table.total == 20 * 32 + 32 + 32 + 1
    assert table.nbytes == 4 * 705
    assert [row.name for row in table.rows] == ["dense(32)", "elementwise(jax.nn.relu)", "dense(1)"]


def test_total_is_what_the_tree_holds():
    net = jb.serial(
        jb.conv(4, (3, 3)), jb.max_pool((2, 2)), jb.flatten(), jb.dense(7), jb.layer_norm()
    )
    x = jnp.ones((8, 8, 1))
    params = net.init(new_key(), x)
    table = jb.summary(net, params, x)
    assert table.total == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert table.nbytes == sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    assert table.rows[-1].output == "[7]"
    widths = {len(line.rstrip()) for line in str(table).splitlines() if line.startswith("-")}
    assert len(widths) == 1 and max(map(len, str(table).splitlines())) == widths.pop()
    str(table).encode("ascii")


def test_without_an_example_there_is_no_output_column():
    net = jb.serial(jb.dense(3))
    table = jb.summary(net, made(net, shape(2)))
    assert "output" not in str(table) and table.total == 9


def test_chains_within_chains_are_indented():
    inner = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh))
    net = jb.serial(jb.residual(inner), jb.parallel(jb.dense(2), jb.dense(3)), jb.dense(5))
    x = shape(4)
    rows = jb.summary(net, made(net, x), x).rows
    assert [(row.depth, row.name, row.output) for row in rows] == [
        (0, "residual", "[4]"),
        (1, "dense(4)", "[4]"),
        (1, "elementwise(jax.numpy.tanh)", "[4]"),
        (0, "parallel", "[5]"),
        (1, "dense(2)", "[2]"),
        (1, "dense(3)", "[3]"),
        (0, "dense(5)", "[5]"),
    ]


def test_of_a_batched_network_one_example_is_shown():
    net = jb.batch(jb.serial(jb.dense(3), jb.dense(2)))
    x = shape(10, 4)
    assert [row.output for row in jb.summary(net, made(net, x), x).rows] == ["[3]", "[2]"]


@jb.configured
def two_layers(features):
    """A constructor of a user that returns a chain."""
    return jb.serial(jb.dense(features), jb.dense(2))


@pytest.mark.parametrize(
    "net, outputs",
    [
        (jb.with_precision(jb.serial(jb.dense(3), jb.dense(2)), "bfloat16"), ["[3]", "[2]"]),
        (jb.batch(jb.serial(jb.dense(3), jb.dense(2))), ["[3]", "[2]"]),
        (jb.parallel(jb.dense(3), jb.dense(2)), ["[3]", "[2]"]),
        (jb.parallel(jb.dense(3), jb.dense(3), combine=sum), ["[3]", "[3]"]),
        (jb.cells.bidirectional(jb.cells.gru(3), jb.cells.elman(2)), ["[3]", "[2]"]),
        (jb.batch(two_layers(5)), ["[5]", "[2]"]),
    ],
    ids=repr,
)
def test_compositions_show_the_outputs_of_their_parts(net, outputs):
    x = shape(10, 4)
    table = jb.summary(net, made(net, x), x)
    assert [row.output.replace("10, ", "") for row in table.rows] == outputs
    assert table.total == sum(row.size for row in table.rows)


def test_a_composition_made_by_hand_hides_the_inputs_of_its_parts():
    net, x = jb.serial(jb.dense(3), jb.dense(2)), shape(4)
    copied = net._replace(apply=lambda params, x, *, key=None: net.apply(params, x))
    assert [row.output for row in jb.summary(copied, made(net, x), x).rows] == ["", ""]


def test_parts_whose_inputs_are_hidden_show_no_shape():
    inner = jb.serial(jb.dense(3), jb.dense(2))

    def backwards(params, x, *, key=None):
        return inner.layers[0].apply(params[0], inner.layers[1].apply(params[1], x))

    params, x = made(jb.serial(jb.dense(3), jb.dense(2)), shape(3)), shape(3)
    params = (made(jb.dense(3), shape(2)), made(jb.dense(2), shape(3)))
    net = jb.Network(lambda key, x: params, backwards, inner.layers)
    outer = jb.serial(net, jb.dense(4))
    rows = jb.summary(outer, (params, made(jb.dense(4), shape(3))), x).rows
    assert [row.output for row in rows] == ["[3]", "", "", "[4]"]
    kept = inner._replace(apply=backwards)  # the init of a chain alone does not make one
    assert [row.output for row in jb.summary(kept, params, x).rows] == ["", ""]


def test_a_single_layer():
    net = jb.dense(3)
    assert jb.summary(net, made(net, shape(2)), shape(2)).rows[0].output == "[3]"


def test_a_shared_leaf_counts_once():
    net = jb.serial(jb.dense(3), jb.dense(3))
    layer = {"kernel": np.ones((3, 3), "float32"), "bias": np.ones(3, "float32")}
    other = {"kernel": layer["kernel"], "bias": np.zeros(3, "float32")}
    assert jb.summary(net, (layer, other)).total == 9 + 3 + 3
    apart = {"kernel": layer["kernel"].copy(), "bias": np.zeros(3, "float32")}
    assert jb.summary(net, (layer, apart)).total == 2 * 12


def test_kinds_of_numbers():
    net = jb.serial(jb.dense(3), jb.dense(2))
    params = (
        {"kernel": jnp.ones((4, 3), jnp.bfloat16), "bias": jnp.ones(3)},
        made(jb.dense(2), shape(3)),
    )
    table = jb.summary(net, params)
    assert table.rows[0].dtypes == ("bfloat16", "float32")
    assert table.nbytes == 12 * 2 + 3 * 4 + 8 * 4


def test_errors_name_the_layer():
    net = jb.serial(jb.dense(3), jb.dense(2))
    params = made(net, shape(4))
    with pytest.raises(ValueError, match=r"params must hold one entry for each of the 2 layers"):
        jb.summary(net, params[:1])
    with pytest.raises(ValueError, match=r"net\.init"):
        jb.summary(net, {"kernel": 1})
    with pytest.raises(Exception) as caught:
        jb.summary(net, params, shape(5))
    assert "layer dense(3) was given an input of shape [5]" in "".join(caught.value.__notes__)
