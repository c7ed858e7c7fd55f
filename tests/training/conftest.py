"""Checkpoints that several test files begin with."""

import numpy as np
import pytest

from jaxbrain.training import checkpoint


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.ckpt")


@pytest.fixture
def two(path):
    """A file, the one before it, and what they hold: NumPy only, to be quick."""
    tree = {"a": np.arange(5, dtype=np.float32), "n": 1}
    checkpoint.save(path, tree, metadata={"epoch": 1})
    checkpoint.save(path, tree | {"n": 2}, metadata={"epoch": 2})
    return path, tree
