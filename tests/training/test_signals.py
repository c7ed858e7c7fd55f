"""SIGTERM and SIGHUP: the chunk is finished and saved, and the training goes on bit for bit."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.training.signals import Requests, Terminated

ROOT = Path(__file__).resolve().parents[2]
X = np.linspace(-1, 1, 12, dtype="float32").reshape(6, 2)
RULE = jb.backprop(jb.serial(jb.dense(4), jb.dropout(0.2), jb.dense(1)), jb.losses.mse)
BOTH = pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])


@pytest.fixture(autouse=True)
def default_handlers():
    """Those of a terminal: a program that nohup starts ignores SIGHUP."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def fit(directory, epochs=8, **options):
    how = {"key": jax.random.key(0), "epochs": epochs, "checkpoint": directory, **options}
    return jb.fit(RULE, optax.adam(0.1), (X, X[:, :1]), batch_size=4, **how)


def same(a, b):
    plain = [
        jax.tree.leaves((state._replace(key=jax.random.key_data(state.key)), history))
        for state, history in (a, b)
    ]
    return all(np.array_equal(x, y) for x, y in zip(*plain, strict=True))


def kill_at(epoch, number):
    def hook(info):
        if info.epoch == epoch:
            os.kill(os.getpid(), number)

    return hook


@BOTH
def test_the_chunk_is_saved_and_the_program_ends_with_the_usual_code(tmp_path, name, code, capsys):
    number = getattr(signal, name)
    with pytest.raises(SystemExit) as caught:
        fit(tmp_path, on_chunk=kill_at(3, number))
    assert caught.value.code == code == caught.value.exit_code
    assert (
        f"ended by {name} after epoch 3 of 8; what was learned is kept" in capsys.readouterr().err
    )
    assert signal.getsignal(number) is signal.SIG_DFL
    assert len(caught.value.history.loss) == 3 == int(caught.value.state.step) // 2
    assert jb.checkpoint.metadata(tmp_path / "training.ckpt")["epoch"] == 3
    assert sorted(os.listdir(tmp_path)) == ["training.ckpt", "training.ckpt.previous"]
    assert same(fit(tmp_path), fit(None))


def test_a_signal_in_the_last_epoch_ends_the_program_too(tmp_path):
    with pytest.raises(Terminated):
        fit(tmp_path, on_chunk=kill_at(8, signal.SIGTERM))
    assert len(fit(tmp_path)[1].loss) == 8


@BOTH
def test_a_handler_of_the_user_stays(tmp_path, name, code):
    number, got = getattr(signal, name), []
    before = signal.signal(number, lambda *_: got.append(1))
    try:
        _, history = fit(tmp_path, on_chunk=kill_at(3, number))
        assert len(history.loss) == 8 and got == [1]
        signal.signal(number, signal.SIG_IGN)  # as nohup does
        with Requests():
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_handler_that_exits_leaves_a_checkpoint(tmp_path):
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    try:
        with pytest.raises(SystemExit, match="7"):
            fit(tmp_path, on_chunk=kill_at(3, signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert same(fit(tmp_path), fit(None))


def test_a_handler_set_meanwhile_stays():
    def own(*_):
        pass

    with Requests():
        signal.signal(signal.SIGTERM, own)
    assert signal.getsignal(signal.SIGTERM) is own
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_other_threads_and_trainings_without_a_checkpoint_take_no_signal(tmp_path):
    seen = []

    def hook(info):
        seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=lambda: fit(tmp_path, on_chunk=hook))
    thread.start()
    thread.join()
    fit(None, on_chunk=hook)
    assert set(seen) == {signal.SIG_DFL} and len(seen) == 16
    fit(tmp_path, 9, on_chunk=hook)
    assert seen[-1] is not signal.SIG_DFL  # the control


def test_a_fork_ends_at_once():
    """Such as the workers of a pool, which is ended by SIGTERM."""
    with Requests() as requests, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax warns of every fork
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, b"x")
            time.sleep(30)
            os._exit(0)
        os.read(reader, 1)  # Python clears the signals that come during a fork
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        os.close(reader)
        os.close(writer)
    assert requests.received is None


# Real processes -------------------------------------------------------------------------------

CHILD = """
import sys
from tests.training.test_signals import fit
fit(sys.argv[1], 100_000, progress=False)
"""


def end(child, directory, name):
    """Send a signal after the second save; the exit code and what was said."""
    try:
        for _ in range(600):
            if (directory / "training.ckpt.previous").exists() or child.poll() is not None:
                break
            time.sleep(0.1)
        child.send_signal(getattr(signal, name))
        said = child.communicate(timeout=60)[0]
    finally:
        child.kill()
    return child.returncode, said


def start(*words):
    return subprocess.Popen(
        [sys.executable, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip


@pytest.mark.slow
def test_a_program_of_the_user(tmp_path):
    code, said = end(start("-c", CHILD, tmp_path), tmp_path, "SIGTERM")
    assert code == 143, said
    assert "ended by SIGTERM after epoch" in said and "Traceback" not in said
    done = jb.checkpoint.metadata(tmp_path / "training.ckpt")["epoch"]
    assert 0 < done < 100_000
    assert same(fit(tmp_path, done + 5), fit(None, done + 5))


@pytest.mark.slow
@BOTH
def test_the_command_line(tmp_path, name, code):
    out, whole = tmp_path / "out", tmp_path / "whole"
    words = ["-m", "jaxbrain", "train", "--data", "moons", "--rule", "kolen_pollack", "--out"]
    found, said = end(start(*words, out, "--epochs", 100_000), out, name)
    assert found == code, said
    assert "the same command resumes from there" in said
    done = jb.checkpoint.metadata(out / "training.ckpt")["epoch"]
    for directory in (out, whole):
        child = start(*words, directory, "--epochs", done + 20)
        said = child.communicate(timeout=120)[0]
        assert child.returncode == 0, said
        assert (f"resuming after epoch {done} of" in said) == (directory == out)
    assert (out / "params.ckpt").read_bytes() == (whole / "params.ckpt").read_bytes()
    assert (out / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jb.checkpoint.metadata(out / "training.ckpt")["epoch"] == done + 20


# In a process of its own: jax must not be forked.
TERMINAL = """
import os, pty, select, sys

child, terminal = pty.fork()
if child == 0:
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
while not os.path.exists(sys.argv[1]):
    if select.select([terminal], [], [], 0.1)[0]:
        os.read(terminal, 10_000)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
def test_a_closed_terminal(tmp_path):
    """It sends SIGHUP, and nothing can be printed any more."""
    out = tmp_path / "out"
    words = ["-m", "jaxbrain", "train", "--no-cache", "--data", "moons", "--epochs", 100_000]
    child = start("-c", TERMINAL, out / "training.ckpt.previous", *words, "--out", out)
    said = child.communicate(timeout=120)[0]
    assert child.returncode == 129, said
    names = {"params.ckpt", "history.csv", "run.json", "training.ckpt"}
    assert names <= set(os.listdir(out)) and "training.lock" not in os.listdir(out)
