"""Lesions of a trained motor system, and the effect of dopamine on reaches.

Populations and layers of the cortex, the thalamus and GPi are silenced in one `vmap`; dopamine is
varied, with d(reach time)/d(dopamine) by `grad`. Without layer 5B no reach follows its target, with
GPi held as before the go cue all do, and other dopamine than in training costs accuracy.

    python examples/lesions.py           # the picture: pictures/lesions.png; two minutes
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import reach  # examples/reach.py, which trains

from jaxbrain import analysis, motor, viz
from jaxbrain.motor import perturbations as perturb
from jaxbrain.viz.style import LINE_COLORS

GO, DOSES, LEVELS, HELD = reach.GO, np.linspace(1, 0, 5), jnp.arange(11) / 10, "GPi held at go"
SPEED = {"peak speed": "m/s", "reaction": "s", "reach time": "s"}
UNITS = {"error": "mm", "steering": "", "drift": "mm", "bend": "mm"} | SPEED
PATHS, GRADED = ("intact", "L2/3e", "L5Be", "thalamus"), ("L2/3e", "L5Ae", "L6e", "L5Be", "L5Bi")
DRUG = ("GPi", "thalamus", "error", *SPEED, "grad", "differences")


def move(trained: reach.Trained, perturbation: Any, *each: Any) -> dict:
    """Measures of reaches without noise under perturbation(*each), the arguments of each trial."""
    net, (inputs, _, _, condition) = partial(reach.moving, trained.controller), reach.reaches(8)
    start, target, params = condition["start"], condition["target"], trained.state.params
    signals = jax.vmap(lambda x, *own: net(perturbation(*own)).apply(params, x))(inputs, *each)
    path, velocity = (a[:, GO:] for a in signals.hand)
    found = jax.vmap(analysis.reach_kinematics)(path, velocity, start, target)
    inner, aim = signals.controller, 10 * (target - start)  # of length 1: reaches are 10 cm long
    fast = jnp.sum(velocity * aim[:, None], axis=-1) > 0.05
    measures = {
        "error": 1e3 * found.endpoint_error,
        "steering": 10 * jnp.sum((path[:, -1] - path[:, -1].mean(axis=0)[None]) * aim, axis=-1),
        "drift": 1e3 * jnp.linalg.norm(path[:, 0] - start, axis=-1),
        "bend": 1e3 * jnp.abs(found.deviation),
        "peak speed": found.peak_speed,
        "reaction": 0.01 * jnp.where(fast.any(axis=1), fast.argmax(axis=1), fast.shape[1]),
        "reach time": jax.vmap(partial(analysis.reach_time, radius=0.015))(path, target),
        "GPi": motor.nuclei_rates(inner.ganglia).gpi[:, GO:],
        "thalamus": jax.nn.relu(inner.thalamus)[:, GO:],
    }
    return jax.tree.map(jnp.mean, measures) | {"hand": signals.hand, "gpi": inner.ganglia.gpi}


def lesion(units: int, gain: jax.Array) -> Any:
    """Gains of the units of the cortex, then of the channels of thalamus and GPi."""
    cortex, relay, output = jnp.split(gain, [units, units + 8])
    silenced = perturb.on_controller(lambda a: a - 10 * (1 - output), part=("ganglia", "gpi"))
    relayed = perturb.on_controller(lambda current: relay * current, part=("thalamus",))
    return perturb.together(perturb.set_gain(cortex, part=("cortex",)), relayed, silenced)


def draw(doses: dict, names: list[str], drug: dict, goals: Any) -> None:
    page: Any = {"figsize": (15.5, 9.5), "layout": "constrained", "gridspec_kw": {"wspace": 0.08}}
    axes = plt.subplot_mosaic("hhab;hhcd;hhef", **page)[1]
    table = np.array([[doses[0.0][name][measure] for measure in UNITS] for name in names])
    ratio, ax = np.maximum(table, 1e-3) / np.maximum(table[0], 1e-3), axes["h"]
    image = ax.imshow(ratio, cmap="PuOr", norm="log", vmin=1 / 16, vmax=16, aspect="auto")
    for (y, x), value in np.ndenumerate(table):
        ink = "black" if 0.2 < ratio[y, x] < 5 else "white"
        ax.text(x, y, f"{value:z.{1 + (value < 2)}f}", ha="center", va="center", color=ink)
    ax.set_xticks(range(len(UNITS)), [f"{n}\n{u and f'({u})'}" for n, u in UNITS.items()])
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    plt.colorbar(image, ax.inset_axes((0, -0.04, 1, 0.02)), location="bottom", label="intact = 1")
    for ax, name in zip(map(axes.get, "abcd"), PATHS, strict=True):
        viz.hand_paths(doses[0.0][name]["hand"].position, targets=goals, ax=ax).set_title(name)
    errors = [[doses[dose][name]["error"] for name in GRADED] for dose in DOSES]
    times = np.transpose([drug[name] / drug[name][2] for name in SPEED])
    for at, labels, *line in (("e", GRADED, DOSES, errors), ("f", SPEED, LEVELS, times)):
        axes[at].set_prop_cycle(color=LINE_COLORS, marker=list("os^Dv"))
        axes[at].plot(*line, label=list(labels))
        axes[at].legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    axes["e"].set(xlabel="gain of its units", ylabel="error (mm)", yscale="log", xlim=(1.05, -0.05))
    axes["f"].set(xlabel="dopamine", ylabel="relative to 0.2 (training)")


def main(out: Path, seed: int) -> None:
    trained = reach.train(600, 100, seed=seed)
    parts, units = trained.layers.slices, len(trained.layers.signs)
    parts = parts | {"thalamus": slice(units, units + 8), "GPi": slice(units + 8, units + 16)}
    whole = {n[:-1]: slice(parts[n].start, parts[f"{n[:-1]}i"].stop) for n in parts if n[-1] == "e"}
    outcome = jax.jit(lambda gain: move(trained, partial(lesion, units, gain)))
    sweep = partial(analysis.lesion_sweep, outcome, parts | whole, units=units + 16)
    found = (doses := {dose: jax.device_get(sweep(gain=dose)) for dose in DOSES})[0.0]
    fix = {n: partial(perturb.on_controller, part=("ganglia", n)) for n in ("gpi", "dopamine")}
    held = partial(move, trained, lambda a: perturb.during(fix["gpi"](lambda _: a), GO, 10**6))
    found[HELD] = jax.device_get(jax.jit(held)(found["intact"]["gpi"][:, GO - 1]))
    print(f"{'silenced':<15}" + "".join(f"{f'{n}, {u}'.strip(', '):>16}" for n, u in UNITS.items()))
    for name in (names := ["intact", *parts, HELD]) + [*whole]:
        print(f"{name:<15}" + "".join(f"{found[name][measure]:>z16.2f}" for measure in UNITS))
    act = jax.jit(lambda level: move(trained, lambda: fix["dopamine"](lambda _: level)))
    drug, down, up = (analysis.field_sweep(act, LEVELS + step) for step in (0, -0.002, 0.002))
    drug["grad"] = analysis.field_sweep(jax.jit(jax.grad(lambda d: act(d)["reach time"])), LEVELS)
    drug["differences"] = (up["reach time"] - down["reach time"]) / 0.004
    print("\ndopamine" + "".join(f"{name:>13}" for name in DRUG))
    for i, level in enumerate(LEVELS):
        print(f"{level:<8.1f}" + "".join(f"{drug[name][i]:>13.3f}" for name in DRUG))
    draw(doses, names, drug, reach.reaches(8).condition["target"])
    out.mkdir(parents=True, exist_ok=True)
    plt.savefig(out / "lesions.png", dpi=130)
    print(f"\nPicture: {out / 'lesions.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    parser.add_argument("--seed", type=int, default=0, help="of the cortex and of its training")
    main(**vars(parser.parse_args()))
