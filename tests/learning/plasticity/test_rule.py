"""Plasticities as learning rules of layers: their gradients, and training with fit."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.config import label
from jaxbrain.learning.plasticity import competitive, hebbian, spike_timing
from jaxbrain.learning.plasticity.rule import plastic, plastic_in_time
from jaxbrain.learning.plasticity.synapses import local_rule, modulated, total_change
from tests.contract import close, equal
from tests.tables import parts

new_key = partial(jax.random.key, 0)
every = pytest.mark.parametrize("name", parts.PLASTICITIES)


@every
def test_it_becomes_a_learning_rule(name):
    make = parts.PLASTICITIES[name]
    net = jb.serial(jb.dense(2), jb.elementwise(jnp.tanh))
    x = jax.random.normal(new_key(), (6, 3))
    y = jnp.sign(jax.random.normal(jax.random.key(1), (6, 2)))
    rule, again = plastic(net, make()), plastic(net, make())
    assert rule == again and hash(rule) == hash(again) and label(rule) == "plastic"
    assert rule != plastic(net, make(), loss=jb.losses.half_mse)
    params = net.init(new_key(), x[0])
    state = rule.init(new_key(), params, x[0])
    equal(state, rule.init(new_key(), params, jax.ShapeDtypeStruct((3,), "float32")))
    if name == "reward_modulated_stdp":
        y = y[:, 0]
    value, grads, after = jax.jit(rule.grads)(params, state, x, y)
    equal(jax.tree.map(jnp.zeros_like, grads), jax.tree.map(jnp.zeros_like, params))
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, after)
    # one more input that is always 1, its weight the bias, the examples in turn
    w = jnp.concatenate([params[0]["kernel"], params[0]["bias"][None]])
    ones, total, carry = jnp.ones(1), 0.0, None
    for n in range(6):
        pre = jnp.concatenate([x[n], ones])
        now = (pre, jnp.tanh(pre @ w), y[n])
        carry, change = make().step(w, make().carry(w, now) if carry is None else carry, now)
        total = total + change / 6
    close(-grads[0]["kernel"], total[:3])
    close(-grads[0]["bias"], total[3])
    close(after[0], carry)
    rest = x - jnp.tanh(x @ w[:3] + w[3][None]) @ w[:3].T
    np.testing.assert_allclose(value, jnp.mean(jnp.sum(rest**2, 1)) / 2, rtol=1e-5)


def test_each_dense_layer_learns_from_its_own_pair():
    act = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(4, bias_init=None), act, jb.dense(2, bias_init=None))
    x = jax.random.normal(new_key(), (6, 3))
    params = net.init(new_key(), x[0])
    rule = plastic(net, hebbian.bcm(tau=5.0))
    _, grads, state = rule.grads(params, rule.init(new_key(), params, x[0]), x, x)
    hidden = jnp.tanh(x @ params[0]["kernel"])
    for i, (layer, pre) in enumerate([(jb.serial(jb.dense(4, bias_init=None), act), x),
                                      (jb.dense(2, bias_init=None), hidden)]):  # fmt: skip
        alone = plastic(layer, hebbian.bcm(tau=5.0))
        p = (params[0], ()) if i == 0 else params[2]
        _, want, after = alone.grads(p, alone.init(new_key(), p, pre[0]), pre, pre)
        close(grads[2 * i], want[0] if i == 0 else want)
        close(state[i], after[0])


@pytest.mark.x64
@pytest.mark.parametrize(("plasticity", "wrap"), [
    (competitive.soft_hebb(loser_gain=-1.0), lambda layer: layer),
    (hebbian.bcm(tau=5.0), jb.affine),
])  # fmt: skip
def test_a_convolution_learns_as_a_dense_layer_of_its_patches(plasticity, wrap):
    layer, act = wrap(jb.conv(3, (2, 3), stride=(1, 2), padding=((0, 1), (2, 1)))), jnp.tanh
    net = jb.serial(layer, jb.elementwise(act), jb.max_pool(2), jb.flatten())
    x = jax.random.normal(new_key(), (2, 4, 5, 2), "float64")
    params = net.init(jax.random.key(1), x[0])
    rule, dense = (
        plastic(net, plasticity),
        plastic(jb.serial(jb.dense(3), net.layers[1]), plasticity),
    )
    value, grads, state = rule.grads(params, rule.init(new_key(), params, x[0]), x, x)
    padded = np.pad(x, ((0, 0), (0, 1), (2, 1), (0, 0)))
    rows = np.stack([padded[n, i : i + 2, 2 * j : 2 * j + 3].ravel()
                     for n in range(2) for i in range(4) for j in range(3)])  # fmt: skip
    flat = ({**params[0], "kernel": params[0]["kernel"].reshape(12, 3)}, ())
    start = dense.init(new_key(), flat, rows[0])
    found, want, after = dense.grads(flat, start, jnp.array(rows), rows)
    close(grads[0]["kernel"].reshape(12, 3), want[0]["kernel"], 1e-12)
    close(grads[0]["bias"], want[0]["bias"], 1e-12)
    close((value, state), (found, after), 1e-12)
    turned = want[0]["kernel"].reshape(2, 2, 3, 3).swapaxes(1, 2)  # the channel as a slow index
    assert jnp.abs(grads[0]["kernel"] - turned).max() > 1e-2


def test_a_target_counts_at_every_place_of_a_convolution():
    net = jb.conv(2, (1,), bias_init=None)
    x, y = jnp.arange(6.0).reshape(2, 3, 1), jnp.array([[1.0, 0.0], [0.0, 5.0]])
    grads = plastic(net, hebbian.delta()).grads({"kernel": jnp.zeros((1, 1, 2))}, ((),), x, y)[1]
    np.testing.assert_allclose(-grads["kernel"][0, 0], [(0 + 1 + 2) / 6, 5 * (3 + 4 + 5) / 6])


def test_a_bare_layer_and_a_chain_of_one_are_the_same():
    x = jax.random.normal(new_key(), (6, 3))
    layer = jb.dense(2)
    params = layer.init(new_key(), x[0])
    bare, chain = plastic(layer, hebbian.oja()), plastic(jb.serial(layer), hebbian.oja())
    value, grads, state = bare.grads(params, bare.init(new_key(), params, x[0]), x, x)
    equal((value, (grads,), state), chain.grads((params,), ((),), x, x))
    assert bare.network == layer


def test_a_sequence_changes_the_synapses_by_the_sum_over_its_steps():
    net, rng = jb.serial(jb.dense(2)), np.random.default_rng(0)
    x = rng.normal(size=(3, 4, 5)).astype("float32")  # [examples, time, features]
    params = net.init(new_key(), jnp.asarray(x[0]))
    grads = plastic_in_time(net, HEBB).grads(params, ((),), x, x[..., 0])[1]
    y = x @ np.asarray(params[0]["kernel"]) + np.asarray(params[0]["bias"])
    want = np.einsum("ntx,nty->xy", x, y) / 3
    np.testing.assert_allclose(-grads[0]["kernel"], want, rtol=1e-5)


@pytest.mark.slow
def test_trains_as_examples():
    spikes = jb.elementwise(lambda v: (v > 0.5).astype(v.dtype))
    net = jb.serial(jb.dense(2), spikes)
    x = jax.random.bernoulli(new_key(), 0.3, (4, 30, 3)).astype("float32")
    params = net.init(new_key(), x[0])
    reward = jnp.array([1.0, -1.0, 0.5, 2.0])
    stdp = spike_timing.reward_modulated_stdp()
    rule = plastic_in_time(net, stdp)
    state = rule.init(new_key(), params, x[0])
    _, grads, after = rule.grads(params, state, x, reward)
    w = params[0]["kernel"]
    want = sum(total_change(stdp, w, x[n], net.apply(params, x[n]), reward[n])[1] for n in range(4))
    close(-grads[0]["kernel"], want / 4)
    assert np.abs(want).max() > 1e-3
    np.testing.assert_array_equal(grads[0]["bias"], 0)
    assert jax.tree.leaves((state, after)) == []
    assert jax.tree.structure(state) == jax.tree.structure(after)
    every_step = jnp.broadcast_to(reward[:, None], (4, 30))
    equal(rule.grads(params, state, x, every_step)[1], grads)
    with pytest.raises(ValueError, match=r"modulator must lead with the \(30,\) time steps"):
        rule.grads(params, state, x, jnp.ones((4, 2)))
    optimizer = optax.sgd(1.0)
    _, history = jb.run(rule, optimizer, (x, reward), key=new_key(), epochs=2, batch_size=4)
    assert np.all(np.isfinite(history.loss))


def test_a_key_is_for_the_noise_of_the_plasticity():
    def step(w, carry, x, *, key=None):
        noise = 0.0 if key is None else jax.random.normal(key)
        return carry, jnp.full_like(w, noise)

    noisy = hebbian.hebb()._replace(step=step)
    net, x = jb.dense(2), jnp.ones((6, 3))
    params = net.init(new_key(), x[0])
    rule = plastic(net, noisy)
    first, again, other = (
        rule.grads(params, ((),), x, x, key=jax.random.key(n))[1]["bias"][0] for n in (1, 1, 2)
    )
    assert first == again != other
    assert 0.01 < abs(first) < 1.5  # a mean of six draws
    assert rule.grads(params, ((),), x, x)[1]["bias"][0] == 0


@pytest.mark.slow
def test_supervised_plasticity_learns_the_digits(digits):
    (x, y), test = digits
    x = x / np.float32(16) if x.max() > 1 else x
    net = jb.dense(10)
    for plasticity, rate in ((hebbian.delta(), 0.03), (hebbian.perceptron(), 0.1)):
        rule = plastic(net, plasticity, loss=jb.losses.softmax_cross_entropy)
        _, history = jb.fit(
            rule, optax.sgd(rate), (x, y), key=new_key(), epochs=15, batch_size=16,
            validation=test, metrics={"accuracy": jb.accuracy}, progress=False,
        )  # fmt: skip
        assert history.metrics["accuracy"][-1] > 0.9, plasticity
    untaught = net.init(new_key(), x[0])
    assert jb.evaluate(net, untaught, test, {"accuracy": jb.accuracy})["accuracy"] < 0.3


def test_seeds_in_one_call():
    x = jax.random.normal(new_key(), (40, 3)) * jnp.array([[2.0, 1.0, 0.5]])
    rule = plastic(jb.dense(1, bias_init=None), hebbian.oja())

    def train(key):
        return jb.run(rule, optax.sgd(0.05), (x, x), key=key, epochs=40, batch_size=40)[0].params

    kernels = jax.jit(jax.vmap(train))(jax.random.split(new_key(), 4))["kernel"]
    np.testing.assert_allclose(jnp.linalg.norm(kernels, axis=1), 1, atol=1e-2)
    close(kernels[2], train(jax.random.split(new_key(), 4)[2])["kernel"], 1e-4, 1e-5)


HEBB = hebbian.hebb()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: plastic(jb.dense(2), hebbian.oja), TypeError,
         "plastic: plasticity must be a Cell, got .*; call it"),
        (lambda: modulated("hebb"), TypeError, "modulated: plasticity must be a Cell, got 'hebb'"),
        (lambda: modulated(HEBB, tau=-1.0), ValueError, "must not be negative, got"),
        (lambda: plastic("net", HEBB), TypeError, "plastic: net must be a Network .*, got '"),
        (lambda: plastic_in_time(jb.serial(jb.conv(3, 2), jb.flatten()), HEBB), ValueError,
         r"plastic_in_time changes synapses .*, and conv\(3, .*\) has other weights; use dense la"),
        (lambda: plastic_in_time(jb.serial(jb.dense(2), jb.layer_norm()), HEBB), ValueError,
         r"plastic_in_time changes synapses .* layer_norm\(\) has other weights"),
        (lambda: plastic(jb.serial(jb.flatten()), HEBB), ValueError,
         "plastic needs a layer of dense or conv, and"),
        (lambda: plastic(jb.dense(2, bias_init=None), HEBB).grads(
            {"kernel": jnp.ones((3, 2))}, ((),), jnp.ones((4, 3)), jnp.ones((3, 2))), ValueError,
         "y must have one target for each of the 4 examples"),
        (lambda: plastic(jb.serial(jb.serial(jb.dense(2)), jb.dense(2)), HEBB), ValueError,
         r"plastic changes synapses .*, and serial\(dense\(2\)\) has other weights"),
        (lambda: modulated(HEBB).step(jnp.ones((1, 2)), ((), jnp.ones((1, 2))),
                                      (jnp.ones(1), jnp.ones(2), jnp.ones(1))), ValueError,
         r"modulated\(.*hebb\(\)\) needs a modulator, .* units \(2,\), got shape \(1,\)"),
        (lambda: plastic(jb.dense(2), modulated(hebbian.delta())).grads(
            jb.dense(2).init(new_key(), jnp.ones(3)), (((), jnp.ones((4, 2))),), jnp.ones((4, 3)),
            jnp.ones(4)), ValueError,
         "delta learns from a target"),
    ],
)  # fmt: skip
def test_what_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_plasticity_of_ones_own_takes_three_lines():
    def change(w, carry, pre, post, modulator):
        return carry, pre[:, None] * post[None] - 0.1 * w

    rule = plastic(jb.dense(2, bias_init=None), local_rule("leaky", change))
    x = jnp.ones((4, 3))
    params = {"kernel": jnp.ones((3, 2))}
    np.testing.assert_allclose(rule.grads(params, ((),), x, x)[1]["kernel"], -2.9, rtol=1e-6)
