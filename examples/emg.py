"""Rotational dynamics of networks that generate muscle activity, which itself does not rotate.

Networks of tanh units prepare one of sixteen reaches and generate, without input from the go cue
on, the activity of six muscles. Three are kept simple as in Sussillo et al. 2015, doi
10.1038/nn.4042, by penalties on rates, weights and the Jacobian; three start from strong weights.
Two cautions. Which kind rotates more depends on the seed: at this size the contrast is no result.
A rotation may also follow from a sequence of peak times alone, as in the last row (Lebedev et al.
2019, doi 10.1038/s41598-019-54760-4; Sabatini and Kaufman 2021, doi 10.1101/2021.09.09.459647).

    python examples/emg.py             # the picture: pictures/emg.png
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import analysis, motor, viz

SEEDS, UNITS, UPDATES, DT, KEY = 3, 100, 900, 0.01, jax.random.key(0)
ANGLES = np.arange(16) * np.pi / 8
reaches = partial(motor.tasks.emg_generation, hold_steps=5, rest_steps=10, dt=DT)


def generator(units: int, gain: jax.Array | float, simple: jax.Array | float) -> jb.Network:
    """A network from inputs to (activity [time, 6], rates [time, units], penalty)."""
    gained = jax.nn.initializers.normal(gain / units**0.5)
    run = jb.cells.unroll(jb.cells.ctrnn(units, dt=DT, tau=0.05, recurrent_init=gained))

    def apply(params, x, *, key=None):
        cell, out, rates = *params, run.apply(params[0], x)
        weights = jnp.sum(cell["kernel"] ** 2) / units + jnp.mean(out["kernel"] ** 2)
        # dx_j/dx_i contains f'_i R_ij, and f' = 1 - rates^2 for tanh.
        dynamics = jnp.mean((1 - rates**2) ** 2 @ jnp.sum(cell["recurrent"] ** 2, axis=1)) / units
        penalty = 1e-2 * jnp.mean(rates**2) + 1e-3 * weights + 1e-2 * dynamics
        return rates @ out["kernel"] + out["bias"], rates, simple * penalty

    return jb.Network(jb.serial(run, jb.dense(6)).init, apply)


def train(key: jax.Array, simple: jax.Array, units: int, updates: int) -> dict:
    """Params of one network: simple (1), or free (0) and with strong initial weights."""
    net, score = generator(units, 1.5 - 0.3 * simple, simple), jb.tasks.graded(jb.losses.mse)
    rule = jb.backprop(net, lambda out, y: score(out[0], y) + out[2])
    adam = optax.adam(optax.cosine_decay_schedule(4e-3, updates))
    task = reaches(delay_steps=(15, 35))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), adam)
    update, draw = jb.step(rule, optimizer), jb.tasks.batches(task, 16)
    state = jb.init_state(rule, optimizer, task.sample(jax.random.clone(key)).inputs, key=key)
    keys = jax.random.split(jax.random.fold_in(key, 1), updates)
    return jax.lax.scan(lambda s, k: update(s, draw(jax.random.clone(k))), state, keys)[0].params


def population(seeds: int, units: int, updates: int) -> tuple:
    """Target activity, and activity and rates of 2 * seeds networks, the simple ones first."""
    keys = jax.random.clone(jnp.tile(jax.random.split(jax.random.key(0), seeds), 2))
    simple = jnp.repeat(jnp.array([1.0, 0.0]), seeds)
    params = jax.jit(jax.vmap(lambda k, s: train(k, s, units, updates)))(keys, simple)
    fan = jax.vmap(lambda angle: reaches(angles=angle[None], delay_steps=(25, 25)).sample(KEY))
    trials, net = jax.jit(fan)(jnp.asarray(ANGLES)), jb.batch(generator(units, 1.0, 0.0))
    made, rates, _ = jax.jit(jax.vmap(lambda p: net.apply(p, trials.inputs)))(params)
    moving = slice(40, 90)  # from the onset of activity to the end of the movement
    return trials.targets[:, moving], made[:, :, moving], rates[:, :, moving]


def sequence() -> np.ndarray:
    """Units that fire one after another, each tuned to a direction: a sequence, no dynamics."""
    peak, tuned = np.random.default_rng(0).uniform(0, [[50], [2 * np.pi]], (2, UNITS))
    burst = np.exp(-((np.arange(50)[:, None] - peak) ** 2) / 128)
    return (1 + np.cos(ANGLES[:, None, None] - tuned)) * burst


def main(out: Path) -> None:
    target, made, rates = population(SEEDS, UNITS, UPDATES)
    error = jnp.mean((made - target) ** 2, axis=(1, 2, 3)) / jnp.var(target, axis=(0, 1)).mean()
    names = [f"{kind} {seed + 1}" for kind in ("simple", "free") for seed in range(SEEDS)]
    activity = dict(zip(names, rates, strict=True), muscles=target, sequence=sequence())
    jpca = partial(analysis.jpca, dt=DT, soft_normalize=0.1, surrogates=50)
    found = {name: jpca(jax.random.key(0), each) for name, each in activity.items()}
    r2, null = ({k: getattr(f, w).r2_skew for k, f in found.items()} for w in ("fits", "null"))
    print("           R2 of activity   R2 of a rotation   ratio   surrogates       p")
    for i, (name, (fits, _, p, *_)) in enumerate(found.items()):
        fit = f"{1 - error[i]:.3f}" if i < len(error) else ""
        turns = f"{r2[name]:19.3f}{fits.ratio:8.3f}{np.median(null[name]):13.3f}{p.r2_skew:8.3f}"
        print(f"{name:<8}{fit:>17}{turns}")
    layout: list = [["emg", "simple 1", "muscles"], ["bars", "chance, simple 1", "chance, muscles"]]
    figure, panels = plt.subplot_mosaic(layout, figsize=(14.5, 8.4), layout="constrained")
    emg, bars, shift = panels["emg"], panels["bars"], -2.6 * np.arange(6)
    for angle, color in ((2, "#0072B2"), (10, "#D55E00")):
        emg.plot(10 * np.arange(50), target[angle] + shift, color=color, lw=5, alpha=0.25)
        emg.plot(10 * np.arange(50), made[0, angle] + shift, color=color, lw=1.3)
    emg.set(yticks=shift, yticklabels=motor.ARM26_MUSCLES.names, xlabel="time from the onset (ms)")
    emg.set_title("reaches to 45° (blue) and 225°: target (broad), generated", size=10)
    for name in ("simple 1", "muscles"):
        plane = viz.rotations(found[name].projections[0], directions=ANGLES, ax=panels[name])
        plane.set_title(f"{name}: the fastest plane, {found[name].frequencies[0]:.1f} Hz", size=10)
        viz.surrogate_histogram(r2[name], null[name], ax=panels[f"chance, {name}"])
    hues = ["#5b9bc8"] * SEEDS + ["#e28e5b"] * SEEDS + ["0.6"] * 2
    bars.bar(list(r2), list(r2.values()), color=hues)
    bars.plot([np.median(n) for n in null.values()], "k_", ms=16, label="median of surrogates")
    bars.set(ylim=(0, 1.15), ylabel="R² of a rotation")
    bars.tick_params(axis="x", rotation=30)
    bars.legend(frameon=False, loc="upper left")
    bars.spines[["top", "right"]].set_visible(False)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "emg.png", dpi=130)
    print(f"\nPicture: {out / 'emg.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
