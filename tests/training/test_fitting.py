"""The host loop of `fit`: chunks, hooks, interruptions and the line that shows progress."""

import importlib
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.compilations import programs

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = X[:, :1]
new_key = partial(jax.random.key, 0)
RULE = jb.backprop(jb.serial(jb.dense(4), jb.dropout(0.2), jb.dense(1)), jb.losses.mse)
ADAM = optax.adam(0.01)
MODULE = importlib.import_module("jaxbrain.training.fitting")


def record(state):
    return state.params[0]["bias"]


def fit(**kwargs):
    arguments = {"key": new_key(), "epochs": 7, "batch_size": 4, "validation": (X, Y)}
    arguments |= {"metrics": {"error": jb.losses.mse}, "record": record, **kwargs}
    return jb.fit(RULE, ADAM, (X, Y), **arguments)


def assert_same(a, b):
    (a_state, a_history), (b_state, b_history) = a, b
    pairs = zip(
        jax.tree.leaves((a_state.params, a_state.opt_state, a_state.step, a_history)),
        jax.tree.leaves((b_state.params, b_state.opt_state, b_state.step, b_history)),
        strict=True,
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


# ------------------------------------------------------------------------------------- on_chunk


def test_the_hook_is_called_once_an_epoch():
    seen = []
    result = fit(on_chunk=lambda info: seen.append(jax.tree.map(np.array, info.history)) or None)
    assert [len(history.loss) for history in seen] == list(range(1, 8))
    for i, history in enumerate(seen):
        expected = jax.tree.map(lambda a, i=i: a[: i + 1], result[1])
        jax.tree.map(np.testing.assert_array_equal, history, expected)
    assert_same(result, fit())


def test_what_the_hook_sees_belongs_together():
    def look(info):
        assert info.epochs == 7 and int(info.state.step) == 3 * info.epoch
        np.testing.assert_array_equal(info.history.record[-1], info.state.params[0]["bias"])
        assert isinstance(info.history.loss, np.ndarray)
        states.append(info.state)

    states = []
    fit(on_chunk=look)
    # States of before stay usable: none was donated to the next chunk.
    assert [int(state.step) for state in states] == [3 * i for i in range(1, 8)]
    assert all(bool(jnp.all(jnp.isfinite(state.params[0]["bias"]))) for state in states)


@pytest.mark.parametrize("yes", [True, np.bool_(True), 1])
def test_the_hook_can_stop(yes):
    stopped = fit(epochs=1000, on_chunk=lambda info: info.epoch == 3 and yes)
    assert_same(stopped, fit(epochs=3))


class Frozen(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(name)


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, SystemExit, Frozen])
def test_an_error_in_the_hook_is_the_callers_and_has_what_was_learned(kind):
    mine = kind("mine")

    def fail(info):
        if info.epoch in epochs:
            raise mine

    for last in (3, 2):  # the same error again: it has the newest training
        epochs = [last]
        with pytest.raises(kind) as caught:
            fit(on_chunk=fail)
        assert caught.value is mine
        if kind is not Frozen:
            assert_same(caught.value.reached[:2], fit(epochs=last))
            assert f"after epoch {last} of 7" in mine.__notes__[-1]


def test_an_error_before_the_first_epoch_has_nothing(monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(MODULE, "_chunk", broken)
    with pytest.raises(RuntimeError, match="memory") as caught:
        fit(on_chunk=lambda info: None)
    assert not hasattr(caught.value, "reached") and not hasattr(caught.value, "__notes__")


# ------------------------------------------------------------------------------ interruptions


def interrupt_at(epoch):
    def hook(info):
        if info.epoch == epoch:
            raise KeyboardInterrupt

    return hook


def test_an_interruption_returns_what_was_learned(capsys):
    result = fit(on_chunk=interrupt_at(4), progress=True)
    assert_same(result, fit(epochs=4))
    assert "interrupted after epoch 4 of 7; what was learned is kept" in capsys.readouterr().err


def test_an_interruption_of_the_first_chunk(monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULE, "_chunk", interrupted)
    with pytest.raises(KeyboardInterrupt):  # nothing was learned that could be returned
        fit()


def test_an_interruption_of_a_later_chunk_gives_the_state_and_history_of_the_one_before(
    monkeypatch,
):
    calls, chunk = [], MODULE._chunk

    def third_fails(programs, data, held_out, state, count, **kwargs):
        calls.append(count)
        result = chunk(programs, data, held_out, state, count, **kwargs)
        if len(calls) == 3:
            raise KeyboardInterrupt  # after the work, before anything was kept
        return result

    monkeypatch.setattr(MODULE, "_chunk", third_fails)
    monkeypatch.setattr(MODULE, "time", clock(0.09, calls))
    result = fit(epochs=20)
    monkeypatch.undo()
    assert calls == [1, 2, 2]
    assert_same(result, fit(epochs=3))


SIGINT = """
import json, os, signal, sys, threading, time
import jax, numpy as np, optax
import jaxbrain as jb

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
x = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
rule = jb.backprop(jb.serial(jb.dense(4), jb.dense(1)), jb.losses.mse)

def train(epochs, **kwargs):
    return jb.fit(
        rule, optax.adam(1e-3), (x, x[:, :1]), key=jax.random.key(0), epochs=epochs,
        batch_size=4, **kwargs,
    )

train(1)  # so that the signal finds it training, not compiling
finished = threading.Event()

def send():
    while not finished.wait(0.7):
        os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=send, daemon=True).start()
state, history = train(2_000_000, progress=True)
finished.set()
epochs = len(history.loss)
again, expected = train(epochs)
print(json.dumps({
    "epochs": epochs,
    "steps": int(state.step),
    "rows": len(history.step_loss),
    "same": bool(np.array_equal(history.step_loss, expected.step_loss)),
    "params": bool(np.array_equal(state.params[0]["kernel"], again.params[0]["kernel"])),
}))
"""


def test_a_real_signal_in_the_middle_of_a_run():
    result = subprocess.run(
        [sys.executable, "-c", SIGINT],
        cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stdout)
    assert 0 < found["epochs"] < 2_000_000
    assert found["steps"] == 3 * found["epochs"] and found["rows"] == found["epochs"]
    assert found["same"] and found["params"]
    assert f"interrupted after epoch {found['epochs']} of 2000000" in result.stderr
    assert "Traceback" not in result.stderr


# --------------------------------------------------------------------------------------- chunks


def clock(seconds_an_epoch, calls):
    """A time that only the epochs of the chunks in `calls` move."""
    return SimpleNamespace(perf_counter=lambda: seconds_an_epoch * sum(calls) + 1e-9 * len(calls))


def spy_on_chunks(monkeypatch, seconds_an_epoch):
    calls, chunk = [], MODULE._chunk

    def counting(programs, data, held_out, state, count, **kwargs):
        calls.append(int(count))
        return chunk(programs, data, held_out, state, count, **kwargs)

    monkeypatch.setattr(MODULE, "_chunk", counting)
    monkeypatch.setattr(MODULE, "time", clock(seconds_an_epoch, calls))
    return calls


@pytest.mark.parametrize(
    ("seconds", "most", "chunks"), [(1.0, 1, 50), (0.045, 4, 14), (0.001, 199, 2), (1e-6, 49, 2)]
)
def test_chunks_grow_and_the_result_does_not_depend_on_them(monkeypatch, seconds, most, chunks):
    """A fifth of a second each, whatever an epoch takes."""
    calls = spy_on_chunks(monkeypatch, seconds)
    result = fit(epochs=50)
    assert sum(calls) == 50 and calls[0] == 1
    assert max(calls) <= most and len(calls) <= chunks
    monkeypatch.undo()
    assert_same(result, fit(epochs=50, on_chunk=lambda info: None))


def test_thousands_of_epochs_are_few_calls(monkeypatch):
    calls = spy_on_chunks(monkeypatch, 0.001)
    fit(epochs=3000)
    assert sum(calls) == 3000 and len(calls) <= 17


def test_large_records_are_copied_often_and_kept_whole(monkeypatch):
    """A record of 2 MB an epoch leaves room for one epoch a chunk."""
    calls = spy_on_chunks(monkeypatch, 1e-6)

    def large(state):
        return {
            "big": jnp.full((512, 1024), 1.0) * state.step.astype("float32"),
            "step": state.step,
        }

    _, history = fit(epochs=5, record=large)
    assert calls == [1] * 5
    assert history.record["big"].shape == (5, 512, 1024)
    np.testing.assert_array_equal(history.record["step"], 3 * np.arange(1, 6))
    np.testing.assert_array_equal(history.record["big"][:, 7, 9], 3.0 * np.arange(1, 6))


def test_records_of_several_epochs_a_chunk(monkeypatch):
    """Room for some epochs, not for all."""
    calls = spy_on_chunks(monkeypatch, 1e-6)

    def middle(state):
        return jnp.full((64, 128), 1.0) * state.step.astype("float32")

    _, history = fit(epochs=10, record=middle)
    assert sum(calls) == 10 and 1 < max(calls) < 9
    np.testing.assert_array_equal(history.record[:, 3, 3], 3.0 * np.arange(1, 11))


def test_what_fit_returned_is_not_written_to_later():
    first = fit()
    kept = jax.tree.map(np.array, first[1])
    fit(key=jax.random.key(1))
    fit(state=first[0])
    jax.tree.map(np.testing.assert_array_equal, first[1], kept)


# ------------------------------------------------------------------------------------- progress


def test_the_line_in_a_pipe(capsys):
    fit(progress=True, on_chunk=lambda info: None)
    out, err = capsys.readouterr()
    lines = err.strip().splitlines()
    assert not out
    assert all("backprop" in line and "loss=" in line and "error=" in line for line in lines)
    assert "100 %" in lines[-1] and len(lines) == 7
    assert "\r" not in err and "\x1b" not in err


def test_the_line_shows_the_last_numbers(capsys):
    _, history = fit(progress=True, on_chunk=lambda info: None)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert (
        f"loss={history.loss[-1]:.4g} " in last
        and f"error={history.metrics['error'][-1]:.4g}" in last
    )


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_is_written_unless_asked_for_or_on_a_terminal(progress, capsys):
    fit(progress=progress)
    assert capsys.readouterr() == ("", "")


def test_a_metric_that_is_no_scalar_is_refused():
    """Its mean over outputs would hide which output is bad, and a shape that broadcast."""

    def errors(prediction, target):
        return jnp.concatenate([prediction - target, target])

    with pytest.raises(ValueError, match=r"errors.*scalar.*\(2,\)"):
        fit(metrics={"errors": errors})


def test_fit_sees_a_changed_variable():
    weight = 1.0
    rule = jb.backprop(jb.serial(jb.dense(1)), lambda y, target: weight * jnp.sum(y - target))
    data = jnp.ones((4, 2)), jnp.zeros((4, 1))

    def kernel():
        state, _ = jb.fit(rule, optax.sgd(1.0), data, key=jax.random.key(0), epochs=1)
        return state.params[0]["kernel"]

    first = kernel()
    with programs() as found:
        np.testing.assert_array_equal(kernel(), first)
    assert not found.compiled
    weight = 2.0
    np.testing.assert_allclose(kernel(), first - 1.0, rtol=1e-6)
