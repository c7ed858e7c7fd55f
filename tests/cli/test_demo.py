"""`jaxbrain demo`."""

import os

import jax
import numpy as np
import pytest

from jaxbrain.__main__ import main
from jaxbrain.cli import demo
from jaxbrain.cli.parser import FIRST_RULES, RULES, make_parser
from tests import tables

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


def test_every_rule_can_be_asked_for():
    """The list for the options is written out, so that --help need not import jax."""
    assert set(RULES) == set(tables.RULES)
    every = make_parser().parse_args(["demo", "--rules", "all"])
    assert every.rules == RULES
    some = make_parser().parse_args(["demo", "--rules", "pepita, kolen_pollack,pepita"])
    assert some.rules == ("backprop", "pepita", "kolen_pollack")


def test_a_rule_that_is_none(capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["demo", "--rules", "backprop,feed_alignment"])
    said = capsys.readouterr().err
    assert "no rule is called 'feed_alignment'; did you mean feedback_alignment?" in said
