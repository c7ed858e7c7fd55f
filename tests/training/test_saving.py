"""Saves that fail: what was learned is never lost, and a directory belongs to one training."""

import builtins
import errno
import os
import shutil
import threading
import warnings
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.training import atomic, checkpoint, resuming

X = np.linspace(-1, 1, 12, dtype="float32").reshape(6, 2)
RULE = jb.backprop(jb.serial(jb.dense(4), jb.dropout(0.2), jb.dense(1)), jb.losses.mse)


@pytest.fixture(autouse=True)
def save_every_epoch(monkeypatch):
    monkeypatch.setattr(resuming, "_SECONDS", 0.0)
    monkeypatch.setattr(resuming, "_SHARE", float("inf"))


def fit(directory, **options):
    how = {"key": jax.random.key(0), "epochs": 8, "checkpoint": directory, **options}
    return jb.fit(RULE, optax.adam(0.1), (X, X[:, :1]), batch_size=4, **how)


def bits(result):
    state, history = result
    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((state, history))]


class Disk:
    """A disk on which no file can be written while it is full."""

    def __init__(self, monkeypatch):
        self.full = False
        monkeypatch.setattr(atomic, "open", self.open, raising=False)

    def open(self, path, mode):
        if self.full and "x" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return builtins.open(path, mode)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def full_from(disk, first, last):
    """A hook, called after the save of an epoch."""

    def hook(info):
        disk.full = first <= info.epoch < last

    return hook


def test_a_save_that_fails_warns_once_and_is_tried_again(tmp_path, disk):
    with pytest.warns(UserWarning) as told:
        result = fit(tmp_path, on_chunk=full_from(disk, 2, 5))
    (one,) = told
    assert "the training goes on, but epoch 3 could not be saved" in str(one.message)
    assert "No space left on device: a save needs 0.0" in str(one.message)
    assert "MB are free" in str(one.message) and one.filename == __file__
    assert bits(result) == bits(fit(None))
    assert checkpoint.metadata(tmp_path / "training.ckpt")["epoch"] == 8


def test_only_the_last_save_raises_and_keeps_what_was_learned(tmp_path, disk):
    with (
        pytest.warns(UserWarning, match="goes on"),
        pytest.raises(jb.SaveError, match=r"epoch 8 could not be saved.*needs.*are free") as caught,
    ):
        fit(tmp_path, on_chunk=full_from(disk, 2, 99))
    assert isinstance(caught.value, OSError) and caught.value.__cause__.errno == errno.ENOSPC
    assert bits((caught.value.state, caught.value.history)) == bits(fit(None))
    assert checkpoint.metadata(tmp_path / "training.ckpt")["epoch"] == 2
    disk.full = False
    assert bits(fit(tmp_path)) == bits(fit(None))


def test_an_interrupted_training_keeps_what_was_learned_too(tmp_path, disk):
    def hook(info):
        full_from(disk, 2, 99)(info)
        if info.epoch == 4:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning), pytest.raises(jb.SaveError) as caught:
        fit(tmp_path, on_chunk=hook)
    assert len(caught.value.history.loss) == 4


@pytest.mark.parametrize("kind", [MemoryError, TypeError, ValueError, PermissionError])
def test_a_failure_of_any_kind(tmp_path, monkeypatch, kind):
    save = checkpoint.save
    calls = []

    def failing(*args, **kwargs):
        calls.append(1)
        if len(calls) > 2:
            raise kind("no")
        save(*args, **kwargs)

    monkeypatch.setattr(checkpoint, "save", failing)
    with (
        pytest.warns(UserWarning, match="epoch 2 could not be saved: no") as told,
        pytest.raises(jb.SaveError) as caught,
    ):
        fit(tmp_path, on_chunk=lambda info: None)
    assert len(told) == 1 and len(caught.value.history.loss) == 8
    assert isinstance(caught.value.__cause__, kind)


def test_a_disk_that_is_full_at_the_start_is_reported_before_the_training(tmp_path, disk):
    disk.full = True
    with pytest.raises(OSError, match="No space left on device: a save needs") as caught:
        fit(tmp_path, on_chunk=lambda info: pytest.fail("it trained first"))
    assert not isinstance(caught.value, jb.SaveError)


@pytest.mark.parametrize("given", [True, 3, ["runs"], b"runs"])
def test_a_checkpoint_that_is_no_directory(given):
    with pytest.raises(TypeError, match="fit: checkpoint must be a directory, such as"):
        fit(given)


def test_the_working_directory_may_change(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    fit("runs", on_chunk=lambda info: os.chdir(tmp_path / "a"))
    assert os.listdir(tmp_path / "a") == []
    os.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bits(fit("runs")) == bits(fit(None))


def test_a_directory_that_was_deleted_is_made_again(tmp_path):
    directory = tmp_path / "a" / "b"

    def hook(info):
        assert (directory / "training.lock").exists()  # taken again
        if info.epoch in (3, 5):
            shutil.rmtree(tmp_path / "a")

    result = fit(directory, on_chunk=hook)
    assert bits(result) == bits(fit(None))
    assert sorted(os.listdir(directory)) == ["training.ckpt", "training.ckpt.previous"]
    assert bits(fit(directory)) == bits(result)


def test_a_file_in_the_place_of_the_directory(tmp_path):
    def hook(info):
        if info.epoch == 3:
            shutil.rmtree(tmp_path / "out")
            (tmp_path / "out").write_text("mine")

    with (
        pytest.warns(UserWarning, match="epoch 4 could not be saved"),
        pytest.raises(jb.SaveError) as caught,
    ):
        fit(tmp_path / "out", on_chunk=hook)
    assert (tmp_path / "out").read_text() == "mine" and len(caught.value.history.loss) == 8


# Two trainings --------------------------------------------------------------------------------


def contents(directory):
    return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


def test_a_second_training_in_the_same_directory_is_refused(tmp_path):
    found = []

    def second(info):
        before = contents(tmp_path)
        with pytest.raises(BlockingIOError, match=f"process {os.getpid()} on .* trains in this"):
            fit(tmp_path)
        found.append(contents(tmp_path) == before)

    def in_a_thread(info):
        if info.epoch == 3:
            thread = threading.Thread(target=second, args=(info,))
            thread.start()
            thread.join()
            second(info)

    assert bits(fit(tmp_path, on_chunk=in_a_thread)) == bits(fit(None))
    assert found == [True, True]
    assert "training.lock" not in contents(tmp_path)


def test_an_error_ends_the_lock(tmp_path):
    def hook(info):
        assert "training.lock" in contents(tmp_path)
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            fit(tmp_path, on_chunk=hook)
        assert "training.lock" not in contents(tmp_path)
    with pytest.raises(ValueError, match="another training"):
        fit(tmp_path, key=jax.random.key(1))
    assert "training.lock" not in contents(tmp_path)
