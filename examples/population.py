"""256 networks at once: which learning rates solve XOR, and how often?

`jb.run` is a whole training as one pure function, so `jax.vmap` over keys and over the learning
rate trains a population in one call. With two hidden units XOR has a trap: some networks settle
where two of the four answers are wrong, and how many do depends on the learning rate. The time
is compared with the same compiled training called for one network after another.

    python examples/population.py            # the picture: pictures/population.png
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxbrain as jb
from jaxbrain import viz

EPOCHS = 2000
RATES = (0.03, 0.1, 0.3, 1.0)
SEEDS = 64

XOR = jb.datasets.xor()
NET = jb.serial(jb.dense(2), jb.elementwise(jnp.tanh), jb.dense(1))
RULE = jb.backprop(NET, jb.losses.binary_cross_entropy)


def train(key: jax.Array, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The losses [epochs] of one network, and how many of the four cases it has right, [0..1]."""
    state, history = jb.run(
        RULE, optax.sgd(rate), XOR, key=key, epochs=EPOCHS, batch_size=None
    )
    return history.loss, jb.evaluate(NET, state.params, XOR, {"right": jb.accuracy})["right"]


def seconds(function, *args) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function(*args))
    return time.perf_counter() - start


def main(out: Path) -> None:
    keys = jnp.tile(jax.random.split(jax.random.key(0), SEEDS), len(RATES))
    rates = jnp.repeat(jnp.array(RATES), SEEDS)
    alone, together = jax.jit(train), jax.jit(jax.vmap(train))
    losses, right = together(keys, rates)  # this first call compiles; so does the next
    alone(keys[0], rates[0])
    losses = np.asarray(losses).reshape(len(RATES), SEEDS, EPOCHS)
    solved = np.asarray(right).reshape(len(RATES), SEEDS) == 1

    print(f"{len(keys)} networks 2-2-1 on XOR, {EPOCHS:,} epochs of gradient descent\n")
    print("learning rate     solved     median loss")
    for rate, wins, final in zip(RATES, solved, losses[..., -1], strict=True):
        print(f"{rate:13g}{wins.sum():6} of {SEEDS}{np.median(final):14.4f}")

    at_once = min(seconds(together, keys, rates) for _ in range(3))
    in_turn = sum(seconds(alone, key, rate) for key, rate in zip(keys, rates, strict=True))
    print(f"\nall at once        {at_once * 1e3:9.1f} ms")
    print(f"one after another  {in_turn * 1e3:9.1f} ms    {in_turn / at_once:.0f} times as long")
