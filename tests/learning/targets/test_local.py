"""Local losses: the gradient of each block's own loss, and of nothing else."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import chain, local_losses
from tests.theory import CE, HALF, convnet, distance, mlp, output_error, problem, same, weights
from tests.theory import run_forward as forward

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)


def pooled(hidden, output):
    """A readout of one's own."""
    first = [jb.avg_pool(2, padding="SAME")] if len(hidden.shape) == 3 else []
    return jb.serial(*first, jb.flatten(), jb.dense(output.size))


def with_dropout():
    act = jb.elementwise(jnp.tanh)
    return jb.serial(jb.flatten(), jb.dense(6), act, jb.dropout(0.5), jb.dense(3))


CASES = {"conv": (convnet, (8, 8, 2), lambda: None), "dropout": (with_dropout, (2, 2), new_key)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_it_is_backprop_within_each_block(name):
    """One loss for all blocks, with a stop_gradient between them, differentiated as a whole."""
    make, shape, key = CASES[name]
    net = make()
    params, x, y = problem(net, CE, shape=shape)
    rule = local_losses(net, CE, readout=pooled, optimizer=optax.sgd(0.2))
    state = rule.init(new_key(), params, x[0])
    parts = chain.blocks(params)

    def every_loss(params, readouts):
        losses, h, keys = [], x, chain.layer_keys(net, x, key())
        for i, layer in enumerate(net.layers):
            if i in [start for start, _ in parts]:
                h = jax.lax.stop_gradient(h)
            h = chain.on_batch(layer, params[i], h, keys[i])
            for j, (_, stop) in enumerate(parts[:-1]):
                if i == stop - 1:
                    shape = jax.ShapeDtypeStruct(h.shape[1:], h.dtype)
                    readout = pooled(shape, jax.ShapeDtypeStruct((3,), h.dtype))
                    out = jb.batch(readout).apply(readouts[j], h)
                    losses.append(jnp.mean(jax.vmap(CE)(out, y)))
        value = jnp.mean(jax.vmap(CE)(h, y))
        return sum(losses) + value, (value, losses)

    run = jax.jit(jax.grad(every_loss, argnums=(0, 1), has_aux=True))
    (want, slopes), (value, losses) = run(params, state.params)
    got = jax.jit(rule.grads)(params, state, x, y, key=key())
    np.testing.assert_allclose(got[0], value, rtol=1e-12)
    np.testing.assert_allclose(got[2].loss, losses, rtol=1e-12)
    assert distance(got[1], want) < 1e-12
    stepped = jax.tree.map(lambda r, g: r - 0.2 * g, state.params, slopes)
    assert distance(got[2].params, stepped) < 1e-12
    exact = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y, key=key())[1]
    last = parts[-1][0]
    assert distance(got[1][last], exact[last]) < 1e-12  # the last block has no other loss
    assert distance(got[1][:last], exact[:last]) > 0.3


def test_local_losses_are_their_equation():
    """Blocks and readouts, in NumPy; nothing crosses a block."""
    net = mlp(jnp.tanh)
    params, x, y = problem(net, HALF)
    rule = local_losses(net, HALF, optimizer=optax.sgd(0.2))
    state = rule.init(new_key(), params, x[0])
    assert [r[1]["kernel"].shape for r in state.params] == [(6, 3), (5, 3)]
    run = jax.jit(rule.grads)
    _value, grads, after = run(params, state, x, y)
    z, a = forward(weights(params), x, np.tanh)
    want, readouts = [], []
    for j, readout in enumerate(state.params):
        v, c = np.asarray(readout[1]["kernel"]), np.asarray(readout[1]["bias"])
        error = output_error(HALF, a[j + 1] @ v + c[None], y)
        delta = error @ v.T * (1 - np.tanh(z[j]) ** 2)
        want.append((a[j].T @ delta, delta.sum(0)))
        readouts.append((v - 0.2 * a[j + 1].T @ error, c - 0.2 * error.sum(0)))
    error = output_error(HALF, a[-1], y)
    same(grads, [*want, (a[-2].T @ error, error.sum(0))])
    same([part[1] for part in after.params], readouts)
    other = rule.init(jax.random.key(8), params, x[0])
    elsewhere = run(params, other, x, y)[1]
    assert distance(elsewhere[0], grads[0]) > 0.3 and distance(elsewhere[4], grads[4]) == 0
    above = (*params[:2], *jax.tree.map(lambda p: p + 1.0, params[2:]))
    crossed = run(above, state, x, y)[1]
    assert distance(crossed[0], grads[0]) == 0 < distance(crossed[2], grads[2])


@pytest.mark.slow
def test_outputs_of_any_shape_and_chains_without_hidden_block():
    rows = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(3))
    x = jax.random.normal(new_key(), (5, 2, 6))
    params = rows.init(new_key(), x[0])
    rule = local_losses(rows, HALF)
    state = rule.init(new_key(), params, x[0])
    assert state.params[0][1]["kernel"].shape == (8, 6)
    grads = jax.eval_shape(rule.grads, params, state, x, jnp.zeros((5, 2, 3)))[1]
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, params)
    alone = jb.serial(jb.dense(3))
    params, x, y = problem(alone, CE)
    rule = local_losses(alone, CE)
    got = rule.grads(params, rule.init(new_key(), params, x[0]), x, y)[1]
    assert distance(got, jb.backprop(alone, CE).grads(params, (), x, y)[1]) < 1e-12


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.slow
def test_the_state_keeps_its_types(dtype):
    net = convnet()
    params, x, y = problem(net, CE, shape=(8, 8, 2))
    params, x = jax.tree.map(lambda a: a.astype(dtype), (params, x))
    rule = local_losses(net, CE)
    state = rule.init(new_key(), params, x[0])
    after = jax.eval_shape(rule.grads, params, state, x, y)[2]
    types = lambda tree: jax.tree.map(lambda a: (a.shape, a.dtype.name), tree)  # noqa: E731
    assert types(after) == types(state)


@pytest.mark.slow
def test_local_losses_train_hidden_layers(digits):
    """With the hidden layers frozen this network reaches 0.93."""
    train, test = digits
    act = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(64), act, jb.dense(32), act, jb.dense(10))
    with jax.enable_x64(False):
        state, _ = jb.fit(
            local_losses(net, CE), optax.adam(3e-3), train,
            key=new_key(), epochs=15, batch_size=32, progress=False,
        )  # fmt: skip
        scores = jb.evaluate(net, state.params, test, {"accuracy": jb.accuracy})
    assert scores["accuracy"] > 0.955
