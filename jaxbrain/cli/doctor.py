"""``python -m jaxbrain doctor``: a check of the installation."""

import argparse
import importlib.metadata
import io
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain.cli.cache import use_compile_cache
from jaxbrain.cli.terminal import devices

_OLDEST_PYTHON = (3, 11)
_OLDEST = {"jax": (0, 10), "jaxlib": (0, 10), "optax": (0, 2, 8), "chex": (0, 1, 92)}
_EXTRAS = {
    "matplotlib": 'no pictures without it: pip install "jaxbrain[viz]"',
    "scikit-learn": 'no digits without it: pip install "jaxbrain[data]"',
}
_UPGRADE = 'pip install --upgrade jaxbrain "jax" "jaxlib" "optax" "chex"'
_REPORT = "please report this with all lines printed here"


class CheckFailed(Exception):
    """A check that failed: the finding and its fix."""

    def __init__(self, finding: object, fix: str):
        super().__init__(" ".join(str(finding).split()))
        self.fix = fix


def main(options: argparse.Namespace) -> int:
    """Run all checks, one line each."""
    cache = use_compile_cache(not options.no_cache)
    checks: list[tuple[str, Callable[[], str], str]] = [
        ("python", _python, "install Python 3.11 or newer"),
        ("jaxbrain", lambda: jb.__version__, _UPGRADE),
        *((name, lambda name=name: _package(name), _UPGRADE) for name in _OLDEST),
        ("devices", devices, "pip install --upgrade jax; see docs.jax.dev for accelerators"),
        ("gradient", _gradient, _REPORT),
        ("training", _training, _REPORT),
        ("checkpoint", _checkpoint, "if the directory for temporary files is full, set TMPDIR"),
    ]
    failed = sum(not _run(*check) for check in checks)
    for name, without in _EXTRAS.items():
        failed += not _extra(name, without)
    place = "off" if options.no_cache else "none: the cache directory cannot be used"
    _line("ok" if cache else "-", "cache", str(cache or place))
    print(f"\n{failed} checks failed" if failed else "\nall checks passed")
    return 1 if failed else 0


def _run(name: str, check: Callable[[], str], fix: str) -> bool:
    try:
        found = check()
    except CheckFailed as failure:
        _line("failed", name, f"{failure}; {failure.fix}")
    except Exception as error:  # a broken installation may raise anything
        message = " ".join(str(error).split())[:300]
        _line("failed", name, f"{type(error).__name__}: {message}; {fix}")
    else:
        _line("ok", name, found)
        return True
    return False


def _line(mark: str, name: str, text: str) -> None:
    print(f"{mark:7} {name:13} {text}", flush=True)


def _python() -> str:
    if sys.version_info < _OLDEST_PYTHON:
        raise CheckFailed(f"{platform.python_version()} is too old", "install Python 3.11 or newer")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _package(name: str) -> str:
    found = importlib.metadata.version(name)
    parts = found.replace("-", ".").split(".")
    numbers = tuple(int(part) for part in parts if part.isdecimal())
    if numbers < _OLDEST[name]:
        oldest = ".".join(map(str, _OLDEST[name]))
        raise CheckFailed(f"{found} is older than {oldest}", f'pip install "{name}>={oldest}"')
    return found


def _extra(name: str, without: str) -> bool:
    """Check an optional package, if it is installed."""
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        _line("-", name, f"not installed; {without}")
        return True
    check = _picture if name == "matplotlib" else _digits
    return _run(name, lambda: f"{found}, {check()}", f"pip install --force-reinstall {name}")


def _gradient() -> str:
    """Backprop against central differences, along the gradient."""
    net = jb.serial(jb.dense(8), jb.elementwise(jnp.tanh), jb.dense(3))
    rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
    x, y = jax.random.normal(jax.random.key(0), (16, 4)), jnp.arange(16) % 3
    params = net.init(jax.random.key(1), x[0])
    loss = jax.jit(lambda p: rule.grads(p, (), x, y)[:2])
    gradient, width = loss(params)[1], 1e-2
    # along the gradient the difference is largest, so rounding matters least
    norm = optax.tree.norm(gradient)

    def shifted(by: float) -> jax.Array:
        return loss(jax.tree.map(lambda p, g: p + by * g / norm, params, gradient))[0]

    slope = (shifted(width) - shifted(-width)) / (2 * width)
    error = float(jnp.abs(slope / norm - 1))
    if not error < 1e-2:
        raise CheckFailed(f"backprop and finite differences differ by {error:.1%}", _REPORT)
    return f"backprop agrees with finite differences to {error:.0e}"


def _training() -> str:
    net = jb.serial(jb.dense(8), jb.elementwise(jnp.tanh), jb.dense(1))
    rule = jb.backprop(net, jb.losses.binary_cross_entropy)
    _, history = jb.fit(
        rule,
        optax.adam(0.1),
        jb.datasets.xor(),
        key=jax.random.key(0),
        epochs=200,
        progress=False,
    )
    first, last = float(history.loss[0]), float(history.loss[-1])
    if not last < 0.1 * first:
        raise CheckFailed(f"the loss of XOR fell only from {first:.3g} to {last:.3g}", _REPORT)
    return f"XOR in 200 steps: loss {first:.2f} to {last:.4f}"


def _checkpoint() -> str:
    tree = {"kernel": jax.random.normal(jax.random.key(0), (8, 3)), "key": jax.random.key(7)}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "doctor.ckpt")
        jb.checkpoint.save(path, tree)
        found, size = jb.checkpoint.restore(path, tree), path.stat().st_size
    same = jnp.array_equal(found["kernel"], tree["kernel"]) and found["key"] == tree["key"]
    if not same:
        raise CheckFailed("the values read differ from those written", _REPORT)
    return f"{size:,} bytes written and read back"


def _picture() -> str:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from jaxbrain import viz

    figure, ax = plt.subplots()
    viz.network([np.ones((3, 2)), np.ones((2, 1))], ax=ax)
    page = io.BytesIO()
    figure.savefig(page, format="png")
    plt.close(figure)
    return f"drew a picture of {len(page.getvalue()):,} bytes"


def _digits() -> str:
    x, _ = jb.datasets.digits()
    return f"its digits: {x.shape[0]:,} images"
