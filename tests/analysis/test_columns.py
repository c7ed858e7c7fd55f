"""Text tables: alignment of columns, names of layers."""

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from jaxbrain.analysis.columns import cells, columns, layer_names


def test_the_first_column_stands_left_and_the_others_right():
    table = columns(("rule", "score"), [("a", "1"), ("longer", "10.25")])
    assert table.splitlines() == [
        "rule    score",
        "-------------",
        "a           1",
        "longer  10.25",
    ]


def test_rows_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        columns(("rule", "score"), [("a",)])


def test_only_layers_with_weights_have_a_name():
    net = jb.serial(jb.dense(3), jb.elementwise(jnp.tanh), jb.dense(2))
    params = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((4,), "float32"))
    assert layer_names(net, params) == ["0 dense(3)", "2 dense(2)"]
    assert layer_names(jb.dense(3), params[0]) == ["0"]


def test_numbers_have_the_format_asked_for():
    assert cells(jnp.array([0.5, 2.0]), ".2f") == ["0.50", "2.00"]
