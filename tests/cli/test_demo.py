"""`jaxbrain demo`: what it compares, and the table that it prints."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.__main__ import main
from jaxbrain.analysis import Result
from jaxbrain.cli import demo
from jaxbrain.cli.parser import FIRST_RULES

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


@pytest.mark.slow  # the command itself is run by .ci/run
def test_demo(capsys, monkeypatch, digits):
    kept, report = {}, demo._report
    monkeypatch.setattr(demo, "_report", lambda found: (kept.update(found), report(found)))
    assert main(["demo", "--no-cache", "--epochs", "2", "--seeds", "2"]) == 0
    said = capsys.readouterr()
    for name in (*FIRST_RULES, demo.FLOOR):
        accuracy = kept[name].accuracy
        assert accuracy.shape == (2,)
        assert f"{accuracy.mean():.3f}  {accuracy[0]:.3f} {accuracy[1]:.3f}" in said.out
    assert sorted(os.listdir("jaxbrain-demo")) == sorted(demo._PICTURES)
    assert "compiling=predictive_coding" in said.err or "100 %" in said.err
    # a fair comparison: the same start for all, and a floor that moves its last layer only
    first = kept["backprop"].start.params
    for result in kept.values():
        jax.tree.map(np.testing.assert_array_equal, result.start.params, first)
    moved = jax.tree.map(
        lambda a, b: bool(np.any(a != b)),
        kept[demo.FLOOR].start.params,
        kept[demo.FLOOR].state.params,
    )
    assert [any(jax.tree.leaves(m)) for m in moved] == [False] * 4 + [True]
    angles = {name: kept[name].history.record[:, -1].mean(axis=0) for name in FIRST_RULES}
    np.testing.assert_allclose(angles["backprop"], 0, atol=0.1)
    assert np.all(angles["feedback_alignment"][:2] > 20) and angles["feedback_alignment"][2] < 0.1
    assert kept["backprop"].accuracy.mean() > kept[demo.FLOOR].accuracy.mean() + 0.1


def test_the_floor_is_backprop_of_the_last_layer():
    net = jb.serial(*demo._layers(), jb.dense(10))
    rules = demo._rules(net, ("backprop", "pepita"))
    assert list(rules) == ["backprop", "pepita", demo.FLOOR]
    assert rules["pepita"] == jb.learning.pepita(net, jb.losses.softmax_cross_entropy)
    rule, optimizer = rules[demo.FLOOR]
    assert rule == rules["backprop"]
    shapes = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((64,), "float32"))
    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)
    with jax.numpy_dtype_promotion("standard"):  # optax's adam mixes integers and floats
        updates, _ = optimizer.update(params, optimizer.init(params), params)
    *hidden, last = (jax.tree.leaves(layer) for layer in updates)
    assert not any(np.any(update) for layer in hidden for update in layer)
    assert all(np.all(update != 0) for update in last)


def result(accuracy, angles=None):
    history = jb.History(np.zeros((2, 1)), np.zeros((2, 1, 1)), {}, angles)
    history = history._replace(metrics={"accuracy": np.array(accuracy)[:, None]})
    return Result(start=None, state=None, history=history, seconds=0.25)


def test_the_table_counts_the_rules_above_the_floor(capsys):
    angles = np.array([[[90.0, 90.0], [10.0, 40.0]], [[90.0, 90.0], [20.0, 60.0]]])
    demo._report({
        "backprop": result([0.9, 0.8], angles),
        "pepita": result([0.5, 0.7]),
        demo.FLOOR: result([0.6, 0.6]),
    })  # fmt: skip
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines()]
    # the mean, each of the two networks, the angles of the last epoch, steps per second
    assert ["backprop", "0.850", "0.900", "0.800", "15", "50", "4"] in rows
    assert ["pepita", "0.600", "0.500", "0.700", "-", "4"] in rows
    assert "1 of 2 rules beat the floor of 0.600" in said
