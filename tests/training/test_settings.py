"""A checkpoint goes on with its own training only: what changed is refused and named."""

import json
import os
import subprocess
import sys
import threading

import jax
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.description import describe, difference
from tests.training.settings_cases import CHANGED, SAME, X, Y, captured, net


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What two processes, with other hash seeds, are told when they train in the same folders."""
    folder = str(tmp_path_factory.mktemp("settings"))
    found = {}
    for seed, side in (("1", "before"), ("2", "after")):
        done = subprocess.run(
            [sys.executable, "-m", "tests.training.settings_cases", side, folder],
            capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found[side] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_training_is_refused_and_the_setting_named(said, name):
    setting = CHANGED[name][0]
    assert said["before"][f"changed: {name}"] is None
    message = said["after"][f"changed: {name}"]
    assert message is not None, "joined without a word"
    assert "is of another training" in message and "give another directory" in message
    named = message.split("its ")[1].split(" is ")[0]
    assert setting in named, message


@pytest.mark.parametrize("name", SAME)
def test_an_equal_training_is_resumed(said, name):
    assert said["before"][f"same: {name}"] is None
    assert said["after"][f"same: {name}"] is None


def fit(directory, loss, **options):
    return jb.fit(
        jb.backprop(net(), loss), optax.sgd(0.1), (X, Y),
        key=jax.random.key(0), epochs=1, checkpoint=directory, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "kept", [threading.Lock(), (n for n in range(3)), sys.stdout], ids=["lock", "generator", "file"]
)
def test_what_cannot_be_described_is_refused(tmp_path, kept):
    def loss(prediction, target):
        return jb.losses.mse(prediction, target) if kept else 0.0

    with pytest.raises(TypeError, match=r"rule\.loss\.kept is a .*cannot tell whether"):
        fit(tmp_path, loss)
    jb.fit(  # without a checkpoint there is nothing to compare
        jb.backprop(net(), loss), optax.sgd(0.1), (X, Y), key=jax.random.key(0), epochs=1
    )


def test_a_file_of_another_version_says_so(tmp_path, monkeypatch):
    fit(tmp_path, captured(1.0))
    monkeypatch.setattr(jb, "__version__", "0.0.1")
    with pytest.raises(ValueError, match=r"written with Python 3\.\d+, jaxbrain \d"):
        fit(tmp_path, captured(2.0))


def test_a_function_that_calls_itself_and_one_that_is_met_twice():
    def factorial(n):
        return n * factorial(n - 1) if n else 1

    words = describe(factorial, "f")
    assert words["f.factorial"] == "as f"
    rule = jb.backprop(jb.serial(*[jb.elementwise(factorial)] * 50), jb.losses.mse)
    assert len(describe(rule, "rule")) < 200


def test_descriptions_hold_no_address():
    for make in SAME.values():
        words = describe(make().get("rule"), "rule") | describe(
            make().get("optimizer"), "optimizer"
        )
        assert not [w for w in words.values() if "0x" in w]


def test_the_first_difference():
    assert difference({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) == "b"
    assert difference({"a": "1"}, {"a": "1", "b": "3"}) == "b"
    assert difference({"a": "1"}, {"a": "1"}) is None
