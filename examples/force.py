"""Pattern generation by a chaotic network that FORCE and full FORCE train.

FORCE trains the readout of 500 units, which is fed back to them, by recursive least squares while
the network runs. Full FORCE trains all recurrent weights, with a second network that receives the
targets as a guide. One network repeats a sum of four sines, 25 periods with the target, then five
without. Another repeats twenty outputs of a chaotic network, 15 times with them, then once without.

    python examples/force.py                 # the picture: pictures/force.png
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxbrain as jb
from jaxbrain.learning.readout.force_learning import force, full_force, generator, learned_params

UNITS, PERIOD, OUTPUTS, STEPS = 500, 600, 20, 300
RULES = {"FORCE": force, "full FORCE": full_force}
scan = jax.jit(jb.cells.scan, static_argnums=0)


def silence(steps: int) -> jax.Array:
    """Input of a network without inputs, [steps, 0]."""
    return jnp.zeros((steps, 0))


def sines() -> jax.Array:
    """Five periods of a sum of four sines, [5 * PERIOD, 1]."""
    phase = 2 * np.pi * np.arange(PERIOD) / PERIOD
    wave = sum(a * np.sin(k * phase) for k, a in ((1, 0.9), (2, 0.45), (3, 0.15), (4, 0.3)))
    return jnp.asarray(np.tile(wave, 5)[:, None], jnp.float32)


def chaos() -> jax.Array:
    """Twenty units of a chaotic network, [STEPS, OUTPUTS]."""
    cell, x = generator(UNITS, OUTPUTS, gain=1.8, feedback_scale=0.0), silence(STEPS)
    params = cell.init(jax.random.key(1), x[0]) | {"readout": jnp.eye(UNITS)[:, :OUTPUTS]}
    return scan(cell, params, cell.carry(params, x[0]), x)[1]


def teach(learn, targets: jax.Array, gain: float, passes: int, restart: bool) -> jax.Array:
    """Output of the network without targets, after some passes with them."""
    cell, xs = generator(UNITS, targets.shape[1], gain=gain), silence(len(targets))
    params, learner = cell.init(jax.random.key(0), xs[0]), learn(cell, every=2)
    carry = start = learner.carry(params, (xs[0], targets[0]))
    for _ in range(passes):
        if restart:
            carry = carry._replace(cell=start.cell, guide=start.guide)
        carry, _ = scan(learner, params, carry, (xs, targets))
    begin = start if restart else carry
    return scan(cell, learned_params(params, carry), begin.cell, xs)[1]


def main(out: Path) -> None:
    wave, replay = sines(), chaos()
    jobs = {"four sines": (wave, 1.5, 5, False), "twenty outputs": (replay, 1.8, 15, True)}
    print("Error without the target, in standard deviations of the target\n")
    print(f"{'':<18}" + "".join(f"{name:>12}" for name in RULES) + f"{'silence':>12}{'time':>10}")
    made = {}
    for name, (targets, gain, passes, restart) in jobs.items():
        start, errors = time.time(), []
        for rule, learn in RULES.items():
            made[name, rule] = teach(learn, targets, gain, passes, restart)
            errors.append(jnp.sqrt(jnp.mean((made[name, rule] - targets) ** 2) / targets.var()))
        errors.append(jnp.sqrt(jnp.mean(targets**2) / targets.var()))
        shown = "".join(f"{error:12.4f}" for error in errors)
        print(f"{name:<18}{shown}{time.time() - start:8.0f} s", flush=True)

    figure, axes = plt.subplots(2, figsize=(10, 8), layout="constrained", height_ratios=(1, 2))
    for ax, (name, (targets, *_)) in zip(axes, jobs.items(), strict=True):
        for i in range(min(targets.shape[1], 8)):
            ax.plot(targets[:, i] - 2.2 * i, color="0.75", linewidth=5, label="target")
            for rule, color, style in (("FORCE", "C0", "-"), ("full FORCE", "C1", "--")):
                ax.plot(made[name, rule][:, i] - 2.2 * i, style, color=color, label=rule)
        ax.set(yticks=[], xlabel="step without the target")
        ax.margins(x=0)
    axes[0].set_title("the sum of four sines, learned for 25 periods", loc="left")
    axes[1].set_title("eight of twenty outputs, learned in 15 passes", loc="left")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "force.png", dpi=130)
    print(f"\nPicture: {out / 'force.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    main(parser.parse_args().out)
