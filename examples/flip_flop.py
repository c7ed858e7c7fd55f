"""Fixed points of a network that remembers three bits.

A network of 100 tanh units receives pulses of -1 and 1 on three lines and learns to output the sign
of the last pulse on each. Then its fixed points without input are found, with the linear dynamics
around them. They form a cube: the eight memories, stable points, are its corners. On each edge is a
saddle with one unstable direction, which leads to the two corners of the edge. Points on the faces
and inside have two and three unstable directions.

    python examples/flip_flop.py             # the picture: pictures/flip_flop.png
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import viz
from jaxbrain.analysis import FixedPoints, dimensionality, fixed_points

UNITS, STEPS, BATCH, UPDATES, STARTS = 100, 100, 32, 1200, 1024


def train(task: jb.tasks.Task, net: jb.Network) -> tuple:
    """Params and losses; every batch is drawn inside the compiled loop."""
    rule = jb.backprop(net, jb.tasks.graded(jb.losses.mse))
    rate = optax.cosine_decay_schedule(2e-3, UPDATES)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    update, draw = jb.step(rule, optimizer), jb.tasks.batches(task, BATCH)
    state = jb.init_state(rule, optimizer, jnp.zeros((STEPS, 3)), key=jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), UPDATES)
    state, losses = jax.jit(lambda s: jax.lax.scan(lambda s, k: update(s, draw(k)), s, keys))(state)
    return state.params, losses


def leave(cell: jb.Cell, params: dict, saddles: FixedPoints) -> np.ndarray:
    """Paths without input from both sides of each saddle, [saddles, 2, time, units]."""
    values, vectors = np.linalg.eig(saddles.jacobian)
    aside = 0.01 * np.real(vectors[np.arange(len(values)), :, abs(values).argmax(axis=1)])
    sides = jnp.asarray(saddles.states[:, None] + np.stack([-aside, aside], axis=1), jnp.float32)
    alone = jax.vmap(lambda h: jb.cells.scan(cell, params, h, jnp.zeros((150, 3)))[1])
    return np.asarray(jax.vmap(alone)(sides))


def main(out: Path) -> None:
    task, cell = jb.tasks.flip_flop(steps=STEPS), jb.cells.elman(UNITS)
    params, losses = train(task, jb.serial(jb.cells.unroll(cell), jb.dense(3)))
    kernel, bias = (np.asarray(params[1][name]) for name in ("kernel", "bias"))
    trials = jax.vmap(task.sample)(jax.random.split(jax.random.key(2), 64))
    visited = np.asarray(jb.batch(jb.cells.unroll(cell)).apply(params[0], trials.inputs))
    accuracy = np.mean(np.sign(visited @ kernel + bias) == trials.targets)
    print(f"After {UPDATES} updates: loss {losses[-50:].mean():.4f}, accuracy {accuracy:.4f}")
    print(f"Dimensionality of the states: {dimensionality(visited):.1f} of {UNITS}\n")

    rng = np.random.default_rng(0)
    pairs = visited.reshape(-1, UNITS)[rng.integers(visited[..., 0].size, size=(2, STARTS))]
    mix = rng.random((STARTS, 1))  # between two states, where the saddles are
    starts = mix * pairs[0] + (1 - mix) * pairs[1] + 0.2 * rng.normal(size=(STARTS, UNITS))
    found = fixed_points(cell, params[0], jnp.zeros(3), starts)
    outputs = found.states @ kernel + bias
    print("point  unstable   readout               signs   largest |eigenvalue|  starts")
    for i, y in enumerate(np.round(outputs, 2) + 0.0):
        signs = "".join("0" if abs(v) < 0.2 else "+" if v > 0 else "-" for v in y)
        row = f"{found.unstable[i]:>10}  {y[0]:6.2f} {y[1]:6.2f} {y[2]:6.2f}{signs:>8}"
        print(f"{i + 1:>5}{row}{abs(found.eigenvalues[i, 0]):>15.3f}{found.counts[i]:>15}")
    paths = leave(cell, params[0], found.select(found.unstable == 1))
    ends = np.sign(paths[:, :, -1] @ kernel + bias)
    differ = np.sum(ends[:, 0] != ends[:, 1], axis=1)
    middle = np.sum(abs(outputs[found.unstable == 1]) < 0.2, axis=1)
    corners = np.unique(np.sign(outputs[found.stable]), axis=0)
    print(f"\nstable points                                     {found.stable.sum()}")
    print(f"sign patterns of their readouts                   {len(corners)}")
    print(f"saddles with one unstable direction               {len(middle)}")
    print(f"of these with one readout near 0                  {np.sum(middle == 1)}")
    print(f"of these between corners that differ in one bit   {np.sum(differ == 1)}")
    options = {"per_subplot_kw": {"c": {"projection": "3d"}}, "layout": "constrained"}
    figure, panels = plt.subplot_mosaic("lcr", figsize=(15, 5.2), **options)
    left, cube, right = panels.values()
    shift = -3 * np.arange(3, dtype="float32")
    left.plot(0.4 * np.asarray(trials.inputs[0]) + shift, color="#999999", linewidth=0.8)
    left.plot(np.asarray(trials.targets[0]) + shift, color="#0072B2", linewidth=4, alpha=0.3)
    left.plot(np.asarray(visited[0] @ kernel + bias) + shift, color="#D55E00", linewidth=1.2)
    left.set(xlabel="step", yticks=shift, yticklabels=["bit 1", "bit 2", "bit 3"])
    left.set_title("pulses (gray), target (blue), output (orange)", fontsize=10)
    viz.fixed_points(found, trajectories=paths, onto=(kernel, bias), ax=cube)
    values = [found.eigenvalues[found.unstable == n] for n in (0, 1)]
    viz.eigenvalues(dict(zip(("stable", "saddle, 1 unstable"), values, strict=True)), ax=right)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "flip_flop.png", dpi=130)
    print(f"\nPicture: {out / 'flip_flop.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
