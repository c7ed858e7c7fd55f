# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
"""Wrong uses: pyright must find an error in each line that ends in ``# wrong``, and in no other."""

import jax
import jax.numpy as jnp
import optax

import jaxbrain as jb

key = jax.random.key(0)
x, y = jnp.ones((8, 3)), jnp.ones((8, 1))
net = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(1))
params = net.init(key, x[0])
rule = jb.backprop(net, jb.losses.mse)
cell = jb.cells.gru(3)
memory = jb.memory.hopfield()
task = jb.tasks.adding()

net.apply(params, x[0], train=True)  # wrong
net.apply(params)  # wrong
net.init(x[0])  # wrong
net.weights  # wrong
net.layers[0].kernel  # wrong
jb.serial(jnp.tanh)  # wrong
jb.dense("8")  # wrong
jb.dense(8, activation=jnp.tanh)  # wrong
jb.residual(cell)  # wrong

rule.grads(1, 2)  # wrong
rule.grads(params, (), x, y, train=True)  # wrong
rule.grads(params, (), x, y, key)  # wrong
rule.grads(params, (), x, y)[0].item  # right
rule.grads(params, (), x, y)[0].missing  # wrong
rule.init(params, x)  # wrong
jb.backprop(net)  # wrong
jb.backprop(net, "mse")  # wrong
jb.backprop(cell, jb.losses.mse)  # wrong
jb.predictive_coding(net, jb.losses.mse, 20)  # wrong
jb.predictive_coding(net, jb.losses.mse, step=20)  # wrong

cell.step(params, {}, x, wrong=3)  # wrong
cell.step(params, x)  # wrong
cell.carry(params)  # wrong
jb.cells.gru(3, 4)  # wrong
jb.cells.unroll(net)  # wrong

memory.recall("a", b=3)  # wrong
memory.recall(params, x[0])[1].steps  # right
memory.recall(params, x[0])[1].converge  # wrong
memory.store()  # wrong
jb.memory.hopfield(jb.memory.storkey)  # wrong

task.sample()  # wrong
task.sample(key).input  # wrong

jb.fit(rule, optax.adam(1e-3), (x, y), key=key)  # wrong
jb.fit(rule, optax.adam(1e-3), x, y, key=key, epochs=3)  # wrong
jb.fit(rule, (x, y), key=key, epochs=3)  # wrong
jb.fit(rule, optax.adam(1e-3), (x, y), key=key, epochs="3")  # wrong
jb.fit(net, optax.adam(1e-3), (x, y), key=key, epochs=3)  # wrong
jb.fit(rule, optax.adam, (x, y), key=key, epochs=3)  # wrong
jb.fit(rule, optax.adam(1e-3), (x, y), key=key, epochs=3)[1].losses  # wrong
jb.fit(rule, optax.adam(1e-3), (x, y), key=key, epochs=3)[0].weights  # wrong
jb.evaluate(net, params, (x, y))  # wrong
jb.save_model(net, params)  # wrong
jb.motor.closed_loop(cell)  # wrong
