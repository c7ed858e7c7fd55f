"""Learning rules against depth: is the gradient of the first, middle and last block a number?

Each rule with its defaults on chains of 3, 10, 20 and 64 blocks in float32: its cosine and norm
ratio to back-propagation. A gradient is resolved if that of the same rule, weights and draws in
float64 has nearly its direction; else it is rounding noise or zero. A rule may refuse a depth, or
its diagnostics may say that a block learns nothing. What does neither is silent.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import lecun_normal, variance_scaling

import jaxbrain as jb
from jaxbrain.cli.parser import RULES

WIDTH, FEATURES, CLASSES, BATCH = 16, 12, 10, 16
RESOLVED = 0.9  # cosine between float32 and float64
CE = jb.losses.softmax_cross_entropy


class Cell(NamedTuple):
    """The gradient of one block: cosine and norm ratio to back-propagation, and its quality."""

    cosine: float
    ratio: float
    resolved: bool
    said: bool  # the diagnostics say that it is not

    def __str__(self) -> str:
        note = "" if self.resolved else " said" if self.said else " SILENT"
        return f"{self.cosine:.2f} {self.ratio:.0e}{note}"


def tanh_chain(depth: int) -> jb.Network:
    hidden = [layer for _ in range(depth - 1) for layer in (jb.dense(WIDTH), _act(jnp.tanh))]
    return jb.serial(*hidden, jb.dense(CLASSES))


def residual_chain(depth: int) -> jb.Network:
    init = variance_scaling(2 / depth, "fan_in", "normal")  # the variance stays near 1
    inner = jb.serial(jb.dense(WIDTH, kernel_init=init), _act(jax.nn.relu))
    return jb.serial(jb.dense(WIDTH), *[jb.residual(inner)] * (depth - 2), jb.dense(CLASSES))


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


def cells(name: str, net: jb.Network) -> tuple[Cell, Cell, Cell] | str:
    """The cells of the first, middle and last block, or the refusal of the rule."""
    key, other, noise = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(jax.random.key(3), (BATCH, FEATURES), "float32")
    y = jnp.arange(BATCH) % CLASSES
    params = net.init(key, x[0])
    try:
        rule = getattr(jb.learning, name)(net, CE, **DRAWS.get(name, {}))
        state = rule.init(other, params, x[0])
        grads = jax.jit(lambda p, s, x: rule.grads(p, s, x, y, key=noise)[1:])
        found, after = grads(params, state, x)
    except ValueError as refusal:
        return str(refusal)
    wide = jax.tree.map(_widened, (params, state, x))
    truth = jax.jit(lambda p, x: jb.backprop(net, CE).grads(p, (), x, y)[1])(wide[0], wide[2])
    exact = grads(*wide)[0]
    blocks = [i for i, p in enumerate(params) if jax.tree.leaves(p)]
    unreached = np.zeros(len(blocks), bool)
    if hasattr(after, "unreached"):
        unreached[: len(after.unreached)] = after.unreached
    return tuple(
        Cell(
            _cosine(found[i], truth[i]),
            _norm(found[i]) / _norm(truth[i]),
            _norm(found[i]) > 0 and _cosine(found[i], exact[i]) >= RESOLVED,
            bool(said),
        )
        for i, said in ((blocks[j], unreached[j]) for j in (0, len(blocks) // 2, -1))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # pyright: ignore[reportOptionalMemberAccess]
    parser.add_argument("--depth", type=int, nargs="+", default=[3, 10, 20, 64])
    parser.add_argument("--network", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--only", nargs="+", default=[*RULES], choices=RULES)
    options = parser.parse_args()
    show, silent = partial(print, flush=True), 0
    with jax.enable_x64(True):
        for network in options.network:
            for depth in options.depth:
                show(f"\n{network}, {depth} blocks: cosine and norm ratio to back-propagation")
                show(f"{'rule':36}{'first':>17}{'middle':>17}{'last':>17}")
                for name in options.only:
                    row = cells(name, NETWORKS[network](depth))
                    if isinstance(row, str):
                        show(f"{name:36}refused: {row.removeprefix(name)[:100]}")
                        continue
                    silent += sum(not cell.resolved and not cell.said for cell in row)
                    show(f"{name:36}" + "".join(f"{cell!s:>17}" for cell in row))
    show(f"\nsilent cells: {silent}")


if __name__ == "__main__":
    main()
