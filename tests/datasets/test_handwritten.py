"""The digits of scikit-learn, which is loaded when they are asked for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxbrain import datasets


def test_digits():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    x, y = datasets.digits()
    assert x.dtype == np.float32 and y.dtype == np.int32 and x.min() == 0 and x.max() == 1
    np.testing.assert_array_equal(x.reshape(-1, 8, 8) * 16, theirs.images)
    np.testing.assert_array_equal(y, theirs.target)


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "jaxbrain\[data\]"'):
        datasets.digits()


def test_importing_loads_no_optional_package():
    code = "import sys; from jaxbrain import datasets; print('sklearn' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert run.stdout.strip() == "False", run.stderr
