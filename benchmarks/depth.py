"""Learning rules against depth: is the gradient of the first, middle and last block a number?

Each rule with its defaults on chains of 3, 10, 20 and 64 blocks in float32: its cosine and norm
ratio to back-propagation. A gradient is resolved if that of the same rule, weights and draws in
float64 has nearly its direction; else it is rounding noise or zero. A rule may refuse a depth, or
its diagnostics may say that a block learns nothing, of which `jaxbrain.fit` warns. What does
neither is silent.
"""

import argparse
import datetime
import functools
import json
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import lecun_normal, variance_scaling

import jaxbrain as jb
from benchmarks.results import write_whole
from jaxbrain.cli.parser import RULES
from jaxbrain.training.notices import notices_of

WIDTH, FEATURES, CLASSES, BATCH = 16, 12, 10, 16
DEPTHS = (3, 10, 20, 64)
RESOLVED = 0.9  # cosine between float32 and float64
CE = jb.losses.softmax_cross_entropy


class Cell(NamedTuple):
    """The gradient of one block: cosine and norm ratio to back-propagation, and its quality."""

    cosine: float
    ratio: float
    resolved: bool
    said: bool  # the diagnostics say that it is not

    @property
    def silent(self) -> bool:
        """Noise or zeros without a word."""
        return not self.resolved and not self.said

    def __str__(self) -> str:
        note = " **silent**" if self.silent else " reported" if self.said else ""
        return f"{self.cosine:.2f}, {self.ratio:.2g}{note}"


def tanh_chain(depth: int) -> jb.Network:
    hidden = [layer for _ in range(depth - 1) for layer in (jb.dense(WIDTH), _act(jnp.tanh))]
    return jb.serial(*hidden, jb.dense(CLASSES))


def residual_chain(depth: int, width: int = WIDTH) -> jb.Network:
    init = variance_scaling(2 / depth, "fan_in", "normal")  # the variance stays near 1
    inner = jb.serial(jb.dense(width, kernel_init=init), _act(jax.nn.relu))
    return jb.serial(jb.dense(width), *[jb.residual(inner)] * (depth - 2), jb.dense(CLASSES))


NETWORKS = {"tanh": tanh_chain, "residual": residual_chain}


def _act(function: Callable[[jax.Array], jax.Array]) -> jb.Network:
    return jb.elementwise(function)


def _in_float32(draw: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The same draws in every precision."""
    return lambda key, shape, dtype: draw(key, shape, "float32").astype(dtype)


def _next_label(key: jax.Array, logits: jax.Array, label: jax.Array) -> jax.Array:
    return (label + 1) % len(logits)


DRAWS = {
    "forward_gradient": {"sampler": _in_float32(jax.random.normal)},
    "weight_perturbation": {"sampler": _in_float32(jax.random.normal)},
    "node_perturbation": {"sampler": _in_float32(jax.random.normal)},
    "batch_random_sign_symmetry": {"feedback_init": _in_float32(lecun_normal())},
    "forward_forward": {"negatives": _next_label},
}


class Problem(NamedTuple):
    """A network with weights, a batch, and the gradient of back-propagation in float64."""

    net: jb.Network
    params: Any
    x: jax.Array
    y: jax.Array
    truth: Any


@functools.cache
def problem(network: str, depth: int) -> Problem:
    """The problem that all rules share."""
    net = NETWORKS[network](depth)
    x = jax.random.normal(jax.random.key(3), (BATCH, FEATURES), "float32")
    y = jnp.arange(BATCH) % CLASSES
    params = net.init(jax.random.key(0), x[0])
    truth = jax.jit(lambda p, x: jb.backprop(net, CE).grads(p, (), x, y)[1])
    return Problem(net, params, x, y, truth(*jax.tree.map(_widened, (params, x))))


def cells(name: str, net: jb.Network, params: Any, x: Any, y: Any, truth: Any) -> "Row":
    """The cells of the first, middle and last block, or the refusal of the rule."""
    other, noise = jax.random.split(jax.random.key(1))
    try:
        rule = getattr(jb.learning, name)(net, CE, **DRAWS.get(name, {}))
        state = rule.init(other, params, x[0])
        grads = jax.jit(lambda p, s, x: rule.grads(p, s, x, y, key=noise)[1:])
        found, after = grads(params, state, x)
    except ValueError as refusal:
        return str(refusal)
    wide = jax.tree.map(_widened, (params, state, x))
    exact = grads(*wide)[0]
    blocks = [i for i, p in enumerate(params) if jax.tree.leaves(p)]
    reported = np.zeros(len(blocks), bool)
    for flag in notices_of(after).values():
        reported[: np.size(flag) if np.ndim(flag) else len(blocks)] |= np.asarray(flag)
    return tuple(
        Cell(
            _cosine(found[i], truth[i]),
            _norm(found[i]) / _norm(truth[i]),
            _norm(found[i]) > 0 and _cosine(found[i], exact[i]) >= RESOLVED,
            bool(said),
        )
        for i, said in ((blocks[j], reported[j]) for j in (0, len(blocks) // 2, -1))
    )  # pyright: ignore[reportReturnType]


def _widened(a: jax.Array) -> jax.Array:
    return a.astype("float64") if a.dtype == jnp.float32 else a


def _flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.asarray(a, float).ravel() for a in jax.tree.leaves(tree)])


def _norm(tree: Any) -> float:
    return float(np.linalg.norm(_flat(tree)))


def _cosine(a: Any, b: Any) -> float:
    size = _norm(a) * _norm(b)
    return float(_flat(a) @ _flat(b) / size) if size else 0.0


Row = tuple[Cell, ...] | str
Done = dict[str, tuple[Row, float]]  # and the processor seconds that it took


def load(path: Path) -> Done:
    """The rows that are done."""
    saved = json.loads(path.read_text()) if path.exists() else {}
    return {
        key: (row if isinstance(row, str) else tuple(Cell(*cell) for cell in row), seconds)
        for key, (row, seconds) in saved.items()
    }


def measure(path: Path, done: Done, wanted: list[tuple[str, int, str]]) -> None:
    """Measure the rows that are not done, and save each."""
    for network, depth, name in wanted:
        key = f"{network} {depth} {name}"
        if key in done:
            continue
        start = time.process_time()
        row = cells(name, *problem(network, depth))
        done[key] = row, time.process_time() - start
        write_whole(path, json.dumps(done))
        print(key, row if isinstance(row, str) else "  ".join(map(str, row)), flush=True)


def page(done: Done) -> Iterator[str]:
    """The lines of a page of all rows that are done."""
    keys = [key.split() for key in done]
    rows = [row for row, _ in done.values() if not isinstance(row, str)]
    silent = sum(cell.silent for row in rows for cell in row)
    yield "# Learning rules and depth\n"
    yield from textwrap.wrap(" ".join(_EXPLANATION.split()), 100, break_on_hyphens=False)
    yield f"\nSilent cells: **{silent}** of {3 * len(rows)}; {len(done) - len(rows)} refusals."
    missing = len(DEPTHS) * len(NETWORKS) * len(RULES) - len(done)
    if missing:
        yield f"\nNot measured yet: {missing} rows. The command goes on with the rows in `--rows`."
    command = "python -m benchmarks.depth --rows docs/depth.json --page docs/depth.md"
    yield f"\n`{command}`, {datetime.date.today()}, jax {jax.__version__}, CPU."
    reasons: list[str] = []
    for network, depth in sorted({(n, int(d)) for n, d, _ in keys}, key=lambda k: (k[0], k[1])):
        yield f"\n## {network}, {depth} blocks\n"
        yield "| rule | first | middle | last |\n| --- | --- | --- | --- |"
        for name in RULES:
            row, _ = done.get(f"{network} {depth} {name}", (None, 0))
            if isinstance(row, str):
                if row not in reasons:
                    reasons.append(row)
                yield f"| {name} | refused ({reasons.index(row) + 1}) | | |"
            elif row is not None:
                yield f"| {name} | {' | '.join(map(str, row))} |"
    yield "\n## Refusals\n"
    yield from (f"{i + 1}. {reason}" for i, reason in enumerate(reasons))


_EXPLANATION = f"""
Each supervised rule with its defaults, in float32, on chains of 3, 10, 20 and 64 blocks of
{WIDTH} units: `tanh` after each dense layer, or residual blocks `x + relu(W x)` whose weights have
the variance 2 / (width * blocks). Every cell: cosine and norm ratio of the gradient of the first,
middle or last block to that of back-propagation, on one random batch of {BATCH} at the initial
weights. A cell is a number if the same rule, weights and draws in float64 give nearly the same
direction (cosine at least {RESOLVED}). Otherwise it is rounding noise: `reported` if the state of
the rule says so, of which `jb.fit` and `jb.check` warn, and silent if nothing does. A cosine near
0 that is no noise is a property of the rule: a random feedback before it has learned, a sampled
direction, a loss of its own.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # pyright: ignore[reportOptionalMemberAccess]
    parser.add_argument("--depth", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--network", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--only", nargs="+", default=[*RULES], choices=RULES)
    parser.add_argument("--rows", type=Path, default=Path("depth.json"), help="rows that are done")
    parser.add_argument("--page", type=Path, help="write them there, docs/depth.md")
    options = parser.parse_args()
    done = load(options.rows)
    wanted = [(n, d, r) for d in options.depth for n in options.network for r in options.only]
    with jax.enable_x64(True):
        measure(options.rows, done, wanted)
    text = "\n".join(page(done)) + "\n"
    if options.page is None:
        print(text)
    else:
        options.page.write_text(text)


if __name__ == "__main__":
    main()
