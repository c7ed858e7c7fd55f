# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
"""Right uses: clean under pyright strict, with results whose types an editor knows."""

from typing import assert_type

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb

key = jax.random.key(0)
x, y = jnp.ones((8, 3)), jnp.ones((8, 1))
net = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(1))
assert_type(net, jb.Network)
params = net.init(key, x[0])
out = net.apply(params, x[0], key=None)

rule = jb.feedback_alignment(net, jb.losses.mse)
assert_type(rule, jb.LearningRule)
loss, grads, state = rule.grads(params, rule.init(key, params, x[0]), x, y)
assert_type(loss, jax.Array)

trained, history = jb.fit(rule, optax.adam(1e-3), (x, y), key=key, epochs=2)
assert_type(trained, jb.TrainState)
assert_type(trained.step, jax.Array)
assert_type(history, jb.History)
assert_type(history.loss, jax.Array | np.ndarray)

cell = jb.cells.gru(3)
assert_type(cell, jb.Cell)
cell_params = cell.init(key, x[0])
carry, out = cell.step(cell_params, cell.carry(cell_params, x[0]), x[0], key=key)

memory = jb.memory.hopfield()
assert_type(memory, jb.Memory)
stored = memory.store(jnp.ones((2, 8)))
found, info = memory.recall(stored, jnp.ones(8))
assert_type(info, jb.memory.Info)
assert_type(info.energy, jax.Array | None)
assert_type(info.steps, jax.Array)

task = jb.tasks.adding(steps=9)
trial = task.sample(key)
assert_type(trial, jb.tasks.Trial)

again, same = jb.load_model("model.ckpt")
assert_type(again, jb.Network)
