"""First mistakes with arguments: each gets the sentence that mends it."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
import pytest

import jaxbrain as jb

new_key = partial(jax.random.key, 0)
NET = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(2))
CELL, LOSS, INITIALIZERS = jb.cells.gru(3), jb.losses.mse, jax.nn.initializers

MISTAKES = [
    (
        lambda: jb.serial(jb.Network(lambda key, x: (), lambda params, x: x)),
        r"serial: the apply of layers\[0\] takes \(params, x\) and no key.*jb.from_functions\(init",
    ),
    (lambda: jb.backprop(NET, "mse"), r"loss must be a function \(prediction, t.*: jb.losses.mse$"),
    (lambda: jb.backprop(NET, "half-mse"), "pass the function: jb.losses.half_mse"),
    (lambda: jb.backprop(NET, "nothing"), "got 'nothing'; pass the function, not its name"),
    (lambda: jb.backprop(NET, jb.losses), "loss must be a function .* got <module"),
    (lambda: jb.elementwise("ReLU"), "elementwise: function must be .* pass the f.*: jax.nn.relu$"),
    (lambda: jb.elementwise("tanh"), "pass the function: jnp.tanh|jax.nn.tanh"),
    (lambda: jb.tasks.graded("mse"), "pass the function: jb.losses.mse"),
    (lambda: jb.dense(8, activation="relu"), r"next layer: jb.elementwise\(jax.nn.relu\)"),
    (lambda: jb.dense(8, use_bias=False), "bias_init=None"),
    (
        lambda: jb.dense(8, kernal_init=None),
        "dense has no argument.*did you mean 'kernel_init'",
    ),
    (lambda: jb.cells.lif(8, tua=2.0), "lif has no argument 'tua'; did you mean 'tau'"),
    (lambda: jb.backprop(NET, LOSS, lr=3), "no argument 'lr'; it has net, loss"),
    (
        lambda: jb.dense(3, 4),
        r"dense takes 1 pos.*, got 2; write the others with",
    ),
    (lambda: jb.dense(), "dense needs features too"),
    (lambda: jb.dense(3, kernel_init=INITIALIZERS.normal), r"must be an initializer.*normal\("),
    (lambda: jb.dense(3, kernel_init="normal"), r"pass the f.*jax.nn.initializers.normal\(\)$"),
    (lambda: jb.dense(3, kernel_init="zeros"), r"pass the f.*jax.nn.initializers.zeros$"),
    (lambda: jb.cells.ctrnn(3, tau=INITIALIZERS.constant), "tau must be an initializer.*call it"),
    (lambda: jb.memory.hopfield(update=jb.memory.heat_bath), "update must .*call it: memory.heat"),
    (
        lambda: NET((), jnp.ones(3)),
        r"a Network is not called: write net.apply\(params, x\)",
    ),
    (lambda: CELL((), jnp.ones(3)), "a Cell is not called: write cell.step"),
    (lambda: jb.tasks.adding()(new_key()), "a Task is not called: write task.sample"),
    (lambda: jb.serial([jb.dense(3)]), r"serial: layers\[0\] .* a list; .*jb.serial\(\*layers\)"),
    (lambda: jb.serial(jb.dense), r"got the constructor dense; call it: dense\(\.\.\.\)"),
    (lambda: jb.serial(jb.Network), r"must be a Network such as .*, got Network"),
    (lambda: jb.serial(jb.dense(2), jnp.tanh), r"layers\[1\].*jb.elementwise\(jax.numpy.tanh\)"),
    (lambda: jb.backprop(CELL, LOSS), r"backprop: net must .*; .*jb.cells.unroll\(cell\)"),
    (lambda: jb.backprop(jb.memory.hopfield(), LOSS), "net must be a Network.*memory.hopfield"),
    (lambda: jb.backprop(jb.backprop(NET, LOSS), LOSS), "take its network: rule.network"),
    (lambda: jb.learning.rtrl(NET, NET, LOSS), r"rtrl: cell must be a Cell.*jb.lift\(net\)"),
    (lambda: jb.learning.rtrl(CELL, CELL, LOSS), "rtrl: readout must be a Network"),
    (lambda: jb.cells.unroll(NET), r"unroll: cell must be a Cell.*jb.lift\(net\)"),
    (lambda: jb.cells.stack([CELL]), r"stack: cells\[0\] .* a list; .*jb.cells.stack\(\*cells"),
    (lambda: jb.memory.with_penalty(NET, LOSS), r"rule must be .*: jb.backprop\(net, loss\)"),
    (lambda: jb.tasks.batches(jb.tasks.adding, 3), "task must be a Task .* call it: adding"),
    (lambda: jb.motor.closed_loop(CELL, jb.motor.point_mass), "plant must be a Plant .* call it"),
    (
        lambda: jb.analysis.recurrent_decoder(CELL, optimizer=optax.adam),
        r"optimizer must be a GradientTransformation .* call it: optax.adam\(",
    ),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_gets_its_fix(call, message):
    with pytest.raises(TypeError, match=message):
        call()


INPUTS = [
    (jb.dense(2), "dense"), (jb.flatten(), "flatten"),
    (jb.embed(3, 2), "embed"), (jb.dropout(0.5), "dropout"), (jb.layer_norm(), "layer_norm"),
    (jb.max_pool(2), "max_pool"), (jb.conv(2, 2), "conv"), (NET, "dense"),
]  # fmt: skip


@pytest.mark.parametrize(("net", "name"), INPUTS, ids=range(len(INPUTS)))
def test_an_input_is_an_array(net, name):
    x = jnp.ones((2, 3, 1), "int32" if name == "embed" else "float32")
    params = net.init(new_key(), x[:, :, 0] if net is NET else x)
    for given, kind in (((4,), "tuple"), (3, "3")):
        with pytest.raises(TypeError, match=f"^{name}.* needs an array as its input, got .*{kind}"):
            net.apply(params, given)


def test_a_cell_takes_an_array():
    params = CELL.init(new_key(), jnp.ones(1))
    for call in (CELL.init, lambda key, x: CELL.step(params, CELL.carry(params, x), x)):
        with pytest.raises(TypeError, match="needs an array as its input, got a tuple"):
            call(new_key(), (1,))


def test_a_function_that_makes_networks_may_be_a_constructor():
    heads = jb.learning.targets.linear_readout
    assert jb.learning.local_losses(NET, LOSS, readout=heads).network == NET
