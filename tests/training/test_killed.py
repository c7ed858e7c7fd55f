"""Trainings ended by kill -9, at random moments: resumed, they end like one that never stopped."""

import itertools
import os
import random
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.command_line import train as command

ROOT = Path(__file__).resolve().parents[2]


def contents(directory):
    return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


# ------------------------------------------------------------------- again and again, in one place

# Saves after every epoch, so that most kills hit a save; the computation is that of fit.
CHILD = """
import sys
import jax, jax.numpy as jnp, numpy as np, optax
import jaxbrain as jb
from jaxbrain.training import resuming

resuming._SECONDS, resuming._SHARE = 0.0, float("inf")
rng = np.random.default_rng(0)
x = rng.normal(size=(50, 16)).astype("float32")
y = rng.integers(0, 3, 50)
net = jb.serial(jb.dense(64), jb.elementwise(jax.nn.relu), jb.dropout(0.2), jb.dense(3))
rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3))

def train(epochs, directory):
    return jb.fit(
        rule, optimizer, (x, y), key=jax.random.key(1), epochs=epochs, batch_size=16,
        validation=(x, y), metrics={"accuracy": jb.accuracy},
        record=lambda state: state.params[0]["bias"],
        checkpoint=directory, on_chunk=hook if directory else None,
    )

calls = []  # the first one may be that of the resumed state, before anything new

def hook(info):
    calls.append(info.epoch)
    if len(calls) > 1 and info.epoch % 5 == 0:
        print(info.epoch, flush=True)

directory = sys.argv[2] if len(sys.argv) > 2 else None
state, history = train(int(sys.argv[1]), directory)
state = state._replace(key=jax.random.key_data(state.key))
print("crc", end="")
for leaf in jax.tree.leaves((state, history)):
    a = np.ascontiguousarray(leaf)
    print("", a.dtype, a.shape, resuming.zlib.crc32(a.tobytes()), end="")
print(flush=True)
"""


def start(epochs, *directory):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(epochs), *map(str, directory)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def kill(directory, delay):
    """Start a run that would take hours, and kill it `delay` seconds after its first report."""
    child = start(100_000, directory)
    try:
        assert child.stdout is not None and child.stderr is not None
        assert child.stdout.readline().strip().isdigit(), child.stderr.read()[-3000:]
        time.sleep(delay)
    finally:
        child.kill()
        child.communicate()


def survive(directory, kills, seed):
    """Kill again and again; the run that is let through ends like one that never stopped."""
    delays, reached = random.Random(seed), [0]
    for _ in range(kills):
        kill(directory, delays.uniform(0, 0.3))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a damaged file would warn
            reached.append(jb.checkpoint.metadata(directory / "training.ckpt")["epoch"])
    assert all(b > a for a, b in itertools.pairwise(reached)), reached
    last, whole = start(reached[-1] + 10, directory), start(reached[-1] + 10)
    (resumed, error), (expected, _) = last.communicate(timeout=120), whole.communicate(timeout=120)
    assert last.returncode == 0, error[-3000:]
    assert resumed.splitlines()[-1].startswith("crc float32")
    assert resumed.splitlines()[-1] == expected.splitlines()[-1]
    assert len(contents(directory)) <= 3, "files of killed saves pile up"


def test_killed_in_the_middle_and_resumed_bit_for_bit(tmp_path):
    survive(tmp_path, 2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_twenty_times(tmp_path, seed):
    survive(tmp_path, 20, seed)


# --------------------------------------------- twenty trainings, killed once after their first save

EPOCHS, KILLS = 8_000, 20


def train(directory):
    """Noise, a rule with a state, an optimizer with a schedule, validation and a record."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 16)).astype("float32")
    y = rng.integers(0, 3, 50)
    net = jb.serial(jb.dense(24), jb.elementwise(jnp.tanh), jb.dropout(0.2), jb.dense(3))
    return jb.fit(
        jb.learning.kolen_pollack(net, jb.losses.softmax_cross_entropy),
        optax.adam(optax.cosine_decay_schedule(1e-2, 40_000)),
        (x, y), key=jax.random.key(1), epochs=EPOCHS, batch_size=16,
        validation=(x[:20], y[:20]), metrics={"accuracy": jb.accuracy},
        record=lambda state: state.params[0]["bias"][:2],
        checkpoint=directory, progress=False,
    )  # fmt: skip


def bits(result):
    state, history = result
    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((state, history))]


def kill_after(saves, words, directory, delay):
    """Kill the training `delay` seconds after it has saved so often what it learned."""
    path, times = directory / "training.ckpt", set()
    child = subprocess.Popen(
        [sys.executable, *map(str, words)], cwd=ROOT, stdout=subprocess.DEVNULL,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    try:
        while len(times) <= saves and child.poll() is None:  # the first one is before the training
            if path.exists():
                times.add(path.stat().st_mtime_ns)
            time.sleep(0.01)
        time.sleep(delay)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == -9, "it ended before it was killed"
    done = jb.checkpoint.metadata(path)["epoch"]
    print(f"killed {delay:.2f} s after save {saves}, epoch {done} is saved", flush=True)
    assert 0 < done < EPOCHS


CHILD_OF_FIT = """
import sys
from jaxbrain.training import resuming
from tests.training.test_killed import train

resuming._SECONDS = 0.1
train(sys.argv[1])
"""


@pytest.mark.slow
def test_fit_killed_at_twenty_moments(tmp_path):
    expected, dice, same = bits(train(None)), random.Random(3), 0
    for i in range(KILLS):
        directory = tmp_path / str(i)
        child = ["-c", CHILD_OF_FIT, directory]
        kill_after(dice.randint(1, 5), child, directory, dice.uniform(0, 0.3))
        same += bits(train(directory)) == expected
    print(f"{same} of {KILLS} bit-identical")
    assert same == KILLS


@pytest.mark.slow
@pytest.mark.usefixtures("draw")
def test_the_command_line_killed_at_twenty_moments(tmp_path):
    words = ["--data", "moons", "--rule", "kolen_pollack", "--hidden", "24", "--activation", "tanh"]
    words += ["--batch-size", 100, "--epochs", EPOCHS // 2]
    assert command(*words, out=str(tmp_path / "whole")) == 0
    expected, dice, same = contents(tmp_path / "whole"), random.Random(4), 0
    for i in range(KILLS):
        out = tmp_path / str(i)
        child = ["-m", "jaxbrain", "train", "--no-cache", "--out", out, *words]
        kill_after(dice.randint(1, 2), child, out, dice.uniform(0, 0.7))
        assert command(*words, out=str(out)) == 0
        found = contents(out)
        names = ("params.ckpt", "history.csv", "training.ckpt", "run.json")
        same += all(found[name] == expected[name] for name in names)
    print(f"{same} of {KILLS} bit-identical")
    assert same == KILLS
