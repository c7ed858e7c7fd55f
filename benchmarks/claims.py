"""Claims on learning rules, each with paired seeds: `python -m benchmarks.claims NAME ...`.

A claim is a list of differences between two things measured with the same seeds: the mean over the
seeds and its 95 % interval (Student's t). Results are kept in `claims.json` and written as a page.
"""

import argparse
import datetime
import json
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from benchmarks import paired
from benchmarks.depth import residual_chain
from benchmarks.measure import machine
from benchmarks.results import write_whole

CE = jb.losses.softmax_cross_entropy


class Difference(NamedTuple):
    """Two measures over the same seeds, and their difference.

    Attributes:
      what: that is measured, with its unit.
      one, other: the mean of each.
      mean, low, high: of one minus other, and its 95 % interval.
      seeds: their number.
    """

    what: str
    one: float
    other: float
    mean: float
    low: float
    high: float
    seeds: int


class Claim(NamedTuple):
    """A sentence from the literature, and its measurement.

    Attributes:
      text: the claim.
      setting: what was run.
      names: of the two things that are compared.
      measure: ``(seeds) -> differences``.
      seeds: how many by default.
    """

    text: str
    setting: str
    names: tuple[str, str]
    measure: Callable[[int], list[Difference]]
    seeds: int


def difference(what: str, one: Any, other: Any) -> Difference:
    """The paired difference of ``[seeds]`` and ``[seeds]``."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    apart = paired.difference(one, other)
    means = float(one.mean()), float(other.mean()), apart.mean
    return Difference(what, *means, apart.low, apart.high, len(one))


def keys(seeds: int) -> jax.Array:
    """One key for each seed."""
    return jax.random.split(jax.random.key(0), seeds)


# ------------------------------------------------------------------- reach of predictive coding


def block_cosines(net: jb.Network, rule: jb.LearningRule, key: jax.Array) -> jax.Array:
    """The cosine of each block's gradient to that of back-propagation, ``[blocks]``."""
    start, data = jax.random.split(key)
    x, y = jax.random.normal(data, (16, 12)), jnp.arange(16) % 10
    params = net.init(start, x[0])
    grads = rule.grads(params, rule.init(key, params, x[0]), x, y)[1]
    truth = jb.backprop(net, CE).grads(params, (), x, y)[1]
    return jnp.cos(jnp.radians(jb.analysis.angles(grads, truth)))


def reach(seeds: int) -> list[Difference]:
    """The share of 64 blocks whose gradient has a cosine of .9 or more to back-propagation."""
    net = residual_chain(64)

    def share(make: Callable[[jax.Array], jb.LearningRule]) -> Callable[[float], np.ndarray]:
        each = jax.jit(lambda size, key: jnp.mean(block_cosines(net, make(size), key) >= 0.9))
        return lambda size: np.array([each(jnp.float32(size), k) for k in keys(seeds)])

    error = share(lambda size: jb.learning.error_predictive_coding(net, CE, step_size=size))(0.5)
    found = []
    for steps in (128, 512):
        plain = share(
            lambda size, n=steps: jb.learning.predictive_coding(net, CE, steps=n, step_size=size)
        )
        tried = {size: plain(size) for size in (0.1, 0.2, 0.4)}
        best = max(tried, key=lambda size: tried[size].mean())
        what = f"share of blocks, predictive coding with {steps} steps of {best}, the best of three"
        found.append(difference(what, error, tried[best]))
    return found


# ----------------------------------------------------------------- interference: target alignment


def alignment(net: jb.Network, rule: jb.LearningRule, key: jax.Array, inputs: int) -> jax.Array:
    """The cosine of the change of the output in a small update and the way to its target."""
    start, first, second = jax.random.split(key, 3)
    x, y = jax.random.normal(first, (1, inputs)), jax.random.normal(second, (1, inputs))
    params = net.init(start, x[0])
    grads = rule.grads(params, rule.init(key, params, x[0]), x, y)[1]
    output, change = jax.jvp(
        lambda p: jb.batch(net).apply(p, x), (params,), (jax.tree.map(jnp.negative, grads),)
    )
    way = (y - output).ravel()
    return change.ravel() @ way / (jnp.linalg.norm(change) * jnp.linalg.norm(way))


def interference(seeds: int) -> list[Difference]:
    """Target alignment of predictive coding at its equilibrium, and of back-propagation."""
    width, found = 32, []
    for depth in (2, 4, 8):
        net = jb.serial(*[jb.dense(width, bias_init=None)] * depth)
        rules = (
            jb.learning.clamped_predictive_coding(net, jb.losses.half_mse, steps=2000),
            jb.backprop(net, jb.losses.half_mse),
        )
        each = [
            jax.jit(jax.vmap(lambda k, r=rule, n=net: alignment(n, r, k, width)))(keys(seeds))
            for rule in rules
        ]
        found.append(difference(f"target alignment, {depth} layers of {width}", *each))
    return found


# -------------------------------------------------------------------------------- trained networks


def accuracies(
    rule: jb.LearningRule, rate: float, data: Any, test: Any, epochs: int, seeds: int, batch: int
) -> np.ndarray:
    """Test accuracy in percent of a training for each seed, one program for all."""

    def train(key: jax.Array) -> jax.Array:
        state, _ = jb.run(rule, optax.adam(rate), data, key=key, epochs=epochs, batch_size=batch)
        logits = jb.batch(rule.network).apply(state.params, test[0])
        return 100 * jnp.mean(jnp.argmax(logits, 1) == test[1])

    return np.asarray(jax.jit(lambda k: jax.lax.map(train, k))(keys(seeds)))


def mnist1d() -> tuple[Any, Any, Any]:
    """Training, validation and test set."""
    x, y = jb.datasets.mnist1d(jax.random.key(7))
    return (x[:3200], y[:3200]), (x[3200:4000], y[3200:4000]), (x[4000:], y[4000:])


def tuned(rule: jb.LearningRule, epochs: int, seeds: int, batch: int) -> np.ndarray:
    """Test accuracies with the rate that is best on the validation set, of two seeds."""
    train, validation, test = mnist1d()
    rates = (1e-3, 3e-3)
    scores = [accuracies(rule, r, train, validation, epochs, 2, batch).mean() for r in rates]
    return accuracies(rule, rates[int(np.argmax(scores))], train, test, epochs, seeds, batch)


def mlp(hidden: int, layers: int) -> jb.Network:
    """A ReLU network for MNIST-1D."""
    parts = [p for _ in range(layers) for p in (jb.dense(hidden), jb.elementwise(jax.nn.relu))]
    return jb.serial(*parts, jb.dense(10))


def local_cross_entropy(seeds: int) -> list[Difference]:
    """A linear readout and a cross-entropy in every block, and back-propagation."""
    net = mlp(100, 2)
    rules = jb.learning.local_losses(net, CE), jb.backprop(net, CE)
    scores = [tuned(rule, 20, seeds, 64) for rule in rules]
    return [difference("test accuracy, %", *scores)]


def deep_training(seeds: int) -> list[Difference]:
    """A residual network of 64 blocks under a local rule and back-propagation."""
    net, (train, _, test) = residual_chain(64, width=32), mnist1d()
    rules = jb.learning.error_predictive_coding(net, CE), jb.backprop(net, CE)
    scores = [accuracies(rule, 1e-3, train, test, 6, seeds, 64) for rule in rules]
    return [difference("test accuracy, %", *scores)]


# -------------------------------------------------------------------------- recurrent networks


def immediate(seeds: int) -> list[Difference]:
    """Final loss under immediate derivatives and under exact RTRL, both with RMSprop."""
    cells = {"elman": jb.cells.elman, "gru": jb.cells.gru, "lstm": jb.cells.lstm}
    tasks = {"flip-flop": jb.tasks.flip_flop(steps=30), "adding": jb.tasks.adding(steps=20)}
    makes = jb.learning.one_step_backprop, jb.learning.rtrl
    found = []
    for task_name, task in tasks.items():
        outputs = jax.eval_shape(task.sample, jax.random.key(0)).targets.shape[-1]
        for cell_name, cell in cells.items():
            losses = [trained_loss(make, cell(8), outputs, task, seeds) for make in makes]
            found.append(difference(f"final loss, {cell_name}, {task_name}", *losses))
    return found


def trained_loss(make: Callable, cell: jb.Cell, outputs: int, task: Any, seeds: int) -> np.ndarray:
    """The mean loss of the last tenth of a training, for each seed."""
    loss, updates = jb.tasks.graded_step(jb.losses.mse), 400
    rule, optimizer = (
        jb.learning.over_time(make(cell, jb.dense(outputs), loss)),
        optax.rmsprop(1e-2),
    )
    draw, update = jb.tasks.batches(task, 8), jb.step(rule, optimizer)

    def train(key: jax.Array) -> jax.Array:
        first, data = jax.random.split(key)
        x = jax.eval_shape(task.sample, first).inputs
        state = jb.init_state(rule, optimizer, x, key=first)
        losses = jax.lax.scan(
            lambda s, k: update(s, draw(k)), state, jax.random.split(data, updates)
        )[1]
        return jnp.mean(losses[-updates // 10 :])

    return np.asarray(jax.jit(lambda k: jax.lax.map(train, k))(keys(seeds)))


CLAIMS = {
    "reach": Claim(
        "Error predictive coding reaches blocks of a 64-block network that predictive coding with "
        "depth-scaled weights, as in muPC, does not (Goemaere et al. 2025, arXiv 2505.20137; "
        "against it Innocenti et al. 2025, arXiv 2505.13124).",
        "Initial weights, residual ReLU blocks of width 16 whose branches have the variance "
        "2 / (width * blocks), batch 16, cross-entropy, float32; a block is reached if its cosine "
        "to back-propagation is 0.9 or more. At its default nudge of 1e-5 error predictive coding "
        "is nearly back-propagation. The training of muPC as published was not run.",
        ("error_predictive_coding", "predictive_coding"), reach, 5,
    ),
    "interference": Claim(
        "Prospective configuration learns with less interference: an update moves the output "
        "straight towards its target (Song et al. 2024, doi 10.1038/s41593-023-01514-1).",
        "Linear networks with random weights, one pattern with a random target, activities at "
        "their equilibrium (2,000 steps of 0.05), one update of infinitesimal size.",
        ("clamped_predictive_coding", "backprop"), interference, 20,
    ),
    "local-cross-entropy": Claim(
        "A cross-entropy in every block matches back-propagation in multilayer perceptrons "
        "(Mono-Forward, arXiv 2501.09238).",
        "MNIST-1D, 40-100-100-10, ReLU, Adam, 3,200 examples, 20 epochs, batch 64, the rate of "
        "1e-3 and 3e-3 that is better on 800 validation examples; 1,000 test examples.",
        ("local_losses", "backprop"), local_cross_entropy, 10,
    ),
    "deep-training": Claim(
        "A residual network of 64 blocks learns under a local rule as well as under "
        "back-propagation, within 0.5 points.",
        "MNIST-1D, width 32, Adam 1e-3, 3,200 examples, 6 epochs, batch 64; 1,000 test examples.",
        ("error_predictive_coding", "backprop"), deep_training, 5,
    ),
    "immediate-derivatives": Claim(
        "Immediate derivatives with RMSprop match exact RTRL (arXiv 2603.28750).",
        "8 units, RMSprop 1e-2, 400 updates of 8 trials; the mean squared error of the last 40.",
        ("one_step_backprop", "rtrl"), immediate, 5,
    ),
}  # fmt: skip


def page(done: dict[str, Any]) -> Iterator[str]:
    """The lines of docs/claims.md."""
    yield "# Claims, measured\n"
    intro = (
        "Each claim has a script, seeds, and the mean of the paired difference with its 95 % "
        "interval (Student's t over seeds). A difference holds in the setting given and no other."
    )
    yield from textwrap.wrap(intro, 100)
    for name, claim in CLAIMS.items():
        yield f"\n## {name}\n"
        yield from textwrap.wrap(claim.text, 100, break_on_hyphens=False)
        yield ""
        yield from textwrap.wrap(f"Setting: {claim.setting}", 100, break_on_hyphens=False)
        yield f"\n`python -m benchmarks.claims {name}`\n"
        if name not in done:
            yield "Not run yet."
            continue
        found = done[name]
        one, other = claim.names
        yield f"| measure | {one} | {other} | difference | 95 % interval | seeds |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for row in (Difference(*row) for row in found["rows"]):
            ends = f"{row.low:+.3g} to {row.high:+.3g}"
            yield (
                f"| {row.what} | {row.one:.3g} | {row.other:.3g} | {row.mean:+.3g} | {ends} "
                f"| {row.seeds} |"
            )
        yield f"\n{found['date']}, jax {found['jax']}, {found['seconds']:.0f} s of processor time."


def main() -> None:
    """Measure the claims that are named, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*CLAIMS, []], metavar="NAME")
    parser.add_argument("--seeds", type=int, help="default: those of each claim")
    parser.add_argument("--results", type=Path, default=Path("claims.json"))
    parser.add_argument("--page", type=Path, help="docs/claims.md")
    options = parser.parse_args()
    for name in options.names:
        start, seeds = time.process_time(), options.seeds or CLAIMS[name].seeds
        rows = CLAIMS[name].measure(seeds)
        for row in rows:
            print(name, row, flush=True)
        done = json.loads(options.results.read_text()) if options.results.exists() else {}
        done[name] = {
            "rows": rows, "date": str(datetime.date.today()), "machine": machine(),
            "jax": jax.__version__, "seconds": time.process_time() - start,
        }  # fmt: skip
        write_whole(options.results, json.dumps(done, indent=1))
    done = json.loads(options.results.read_text()) if options.results.exists() else {}
    text = "\n".join(page(done)) + "\n"
    print(text) if options.page is None else options.page.write_text(text)


if __name__ == "__main__":
    main()
