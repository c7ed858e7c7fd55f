"""What several test files share: data, figures."""

from pathlib import Path

import jax
import numpy as np
import pytest

# Plain modules: without this a failed assertion in them would not say what it compared.
pytest.register_assert_rewrite("tests.contract", "tests.small", "tests.theory")

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's digits: 1,347 to train and 450 to test, in a fixed random order."""
    pytest.importorskip("sklearn")
    import jaxbrain as jb

    x, y = jb.datasets.digits()
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    return (x[:1347], y[:1347]), (x[1347:], y[1347:])


def shared(name: str) -> Path:
    """A file of the real data beside the repository; the test is skipped where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data not here: {path.name} is looked for in ../shared/data")
    return path


@pytest.fixture
def no_figures_left():
    """The figures of a test are closed, also where it fails."""
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A command writes where it is run: in an empty directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def draw(monkeypatch):
    """Drawing takes longer than training here: only the tests that call this fixture draw."""
    from jaxbrain.cli import terminal, train

    monkeypatch.setattr(train, "draw", lambda directory, pictures: [])
    return lambda: monkeypatch.setattr(train, "draw", terminal.draw)
