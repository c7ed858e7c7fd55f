"""A chain as a network that settles: its groups of units, its energy, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import centered_equilibrium_propagation as centered
from jaxbrain.learning import contrastive_hebbian
from jaxbrain.learning import equilibrium_propagation as one_sided
from jaxbrain.learning import holomorphic_equilibrium_propagation as circle
from jaxbrain.learning import random_sign_equilibrium_propagation as random_sign
from jaxbrain.learning.energy.symmetric import activate, feed_forward, sweep, symmetric_system
from tests.theory import CE, HALF, distance, mlp, problem

pytestmark = pytest.mark.x64

RULES = [one_sided, random_sign, centered, circle, contrastive_hebbian]
TANH, RELU, DENSE = jb.elementwise(jnp.tanh), jb.elementwise(jax.nn.relu), jb.dense(3)
NET = jb.serial(DENSE, TANH, DENSE)
rules = pytest.mark.parametrize("make", RULES)


GROUPS = {
    "mlp": ([DENSE, TANH, DENSE, TANH, DENSE], [(0, 1, 2), (2, 3, 4), (4, 5, 5)]),
    "output": ([DENSE, TANH, DENSE, TANH], [(0, 1, 2), (2, 3, 4)]),
    "linear": ([DENSE, DENSE, TANH, DENSE], [(0, 1, 1), (1, 2, 3), (3, 4, 4)]),
    "front": ([TANH, jb.flatten(), DENSE, TANH, DENSE], [(0, 3, 4), (4, 5, 5)]),
    "two": ([DENSE, TANH, TANH, DENSE], [(0, 1, 3), (3, 4, 4)]),
    "pooled": (
        [jb.conv(2, 3), jb.avg_pool(2), TANH, jb.max_pool(2), jb.flatten(), jb.dropout(0.1), DENSE],
        [(0, 2, 3), (3, 7, 7)],
    ),
    "late": ([jb.conv(2, 3), TANH, jb.conv(2, 3), jb.flatten(), TANH], [(0, 1, 2), (2, 4, 5)]),
}


@pytest.mark.parametrize("name", GROUPS)
def test_each_group_of_units_is_a_coupling_and_its_activation(name):
    layers, groups = GROUPS[name]
    assert [tuple(u) for u in symmetric_system(jb.serial(*layers), "rule", 1.0).units] == groups


def energy(ws, x, s, gain):
    """rho* of tanh is s atanh(s) + log(1 - s^2) / 2, that of the identity s^2 / 2."""
    total = 0
    for i, (below, (w, b), a) in enumerate(zip([x, *s[:-1]], ws, s, strict=True)):
        rest = a * np.arctanh(a) + np.log1p(-(a**2)) / 2 if i < len(ws) - 1 else a**2 / 2
        total += gain ** (i + 1 - len(ws)) * (rest.sum() - np.sum(a * (below @ w + b)))
    return total


@pytest.mark.parametrize("gain", [0.3, 1.0])
@pytest.mark.slow
def test_no_sweep_raises_the_energy(gain):
    net = mlp(jnp.tanh)
    params, x, _ = problem(net, HALF)  # with large weights, where taking all units at once cycles
    params, x = jax.tree.map(lambda p: 1.5 * p, params), x[0]
    ws = [(np.asarray(p["kernel"]), np.asarray(p["bias"])) for p in params if p]
    system = symmetric_system(net, "rule", gain)
    keys = [None] * 5
    drive, s = feed_forward(system, params, keys, x)
    once = jax.jit(lambda s: sweep(system, params, keys, drive, s, lambda h, _: h))
    energies = []
    for _ in range(30):
        energies.append(energy(ws, np.asarray(x), [np.asarray(a) for a in s], gain))
        s = once(s)
    assert np.all(np.diff(energies) < 1e-12) and energies[0] - energies[-1] > 0.1


def test_without_feedback_it_is_the_chain():
    net = mlp(jnp.tanh)
    params, x, _ = problem(net, HALF)
    want = jb.batch(net).apply(params, x)

    @jax.jit
    def gap(gain):
        network = centered(net, HALF, feedback=gain).network
        return jnp.abs(jb.batch(network).apply(params, x) - want).max()

    assert gap(0.3) > 0.01 and 9 < gap(1e-4) / gap(1e-5) < 11


def test_what_predicts_is_the_network_that_settles():
    rule = centered(NET, CE)
    assert repr(rule.network) == "equilibrium(serial(dense(3), tanh, dense(3)))"
    assert rule.network.layers == NET.layers and rule.network.init is NET.init
    assert contrastive_hebbian(rule.network, CE) == contrastive_hebbian(NET, CE)
    assert one_sided(NET, CE, feedback=0.5).network != rule.network


def test_the_residual_shows_units_without_equilibrium():
    """Linear units with a gain above 1 grow without bound; a lower feedback holds them."""
    net = jb.serial(jb.dense(6), RELU, jb.dense(5), RELU, jb.dense(3))
    params, x, y = problem(net, HALF)
    params = jax.tree.map(lambda p: 2 * p, params)
    run = jax.jit(lambda g: centered(net, HALF, feedback=g).grads(params, None, x, y)[2])
    assert run(0.01).free < 1e-3 and not run(1.0).free < 0.5


def test_the_residual_is_what_the_last_sweep_moved():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, HALF)
    system = symmetric_system(net, "rule", 0.4)

    def states(a, steps):
        drive, s = feed_forward(system, params, [None] * 5, a)
        for _ in range(steps):
            s = sweep(system, params, [None] * 5, drive, s, lambda h, _: activate(system, 2, h))
        return jnp.concatenate(s)

    before, after = (jax.jit(jax.vmap(lambda a, n=n: states(a, n)))(x) for n in (2, 3))
    state = jax.jit(one_sided(net, HALF, feedback=0.4, steps=3).grads)(params, None, x, y)[2]
    norm = jnp.linalg.norm
    np.testing.assert_allclose(state.free, norm(after - before) / norm(after), rtol=1e-10)


@pytest.mark.slow
def test_layers_in_half_precision():
    net = jb.serial(*(jb.with_precision(layer, jnp.bfloat16) for layer in NET.layers))
    params, x, y = problem(NET, CE)
    params, x = jax.tree.map(lambda a: a.astype("float32"), (params, x))
    exact, coarse = (
        jax.jit(centered(n, CE, feedback=1.0).grads)(params, None, x, y)[1] for n in (NET, net)
    )
    assert 1e-6 < distance(coarse, exact) < 0.2


REFUSED = {
    "layer_norm": (
        jb.serial(DENSE, jb.layer_norm(), TANH, DENSE),
        r"symmetric weights: layer 1, layer_norm\(\), is no linear coupling.*or jb.backprop",
    ),
    "embed": (jb.serial(jb.embed(5, 4), TANH, jb.flatten(), DENSE), r"layer 0, embed\(5, 4\)"),
    "own": (
        jb.serial(DENSE, jb.Network(DENSE.init, lambda p, x, key=None: x), DENSE),
        "layer 1, own, is no linear coupling whose transpose",
    ),
    "precise": (
        jb.serial(DENSE, TANH, jb.with_precision(jb.layer_norm(), jnp.bfloat16), DENSE),
        "layer 2, with_precision",
    ),
    "nested": (jb.serial(DENSE, jb.serial(TANH, DENSE)), "flat chain, but layer 1"),
    "single": (jb.serial(DENSE, TANH), "needs a hidden layer, whose units settle"),
    "tail": (jb.serial(DENSE, TANH, DENSE, TANH, jb.flatten()), r"ends in flatten\(\) after an"),
    "no chain": (jb.residual(jb.serial(DENSE)), "teaches a chain"),
}


@pytest.mark.parametrize("name", REFUSED)
@rules
def test_what_it_cannot_train_is_refused(make, name):
    net, message = REFUSED[name]
    with pytest.raises(ValueError, match=f"(?s){make.__name__}.*{message}"):
        make(net, CE)


@pytest.mark.slow
def test_functions_that_are_not_holomorphic_are_refused():
    kinked = (jax.nn.relu, jnp.abs, jax.nn.elu, jax.nn.hard_tanh, jax.nn.leaky_relu, jnp.conj)
    for f in (*kinked, jax.nn.soft_sign, lambda z: jnp.clip(z, 0, 1)):
        with pytest.raises(ValueError, match=r"layer 1, .*is not holomorphic; use jnp.tanh"):
            circle(jb.serial(DENSE, jb.elementwise(f), DENSE), CE)
    for f in (jnp.tanh, jax.nn.sigmoid, jax.nn.silu, jnp.sin, lambda z: 1.7 * jnp.tanh(2 * z / 3)):
        circle(jb.serial(DENSE, jb.elementwise(f), DENSE), CE)
    with pytest.raises(ValueError, match=r"layer 2, max_pool.*no order; use jb.avg_pool"):
        circle(jb.serial(jb.conv(2, 3), TANH, jb.max_pool(2), jb.flatten(), DENSE), CE)


def test_a_loss_of_your_own_brings_its_derivative():
    def quartic(prediction, target):
        return jnp.sum((prediction - target) ** 4)

    with pytest.raises(ValueError, match=r"quartic is none of jb.losses; give it: error="):
        circle(NET, quartic)
    params, x, y = problem(NET, HALF)
    y = 0.1 * y

    def slope(prediction, target):
        return 4 * (prediction - target.astype(prediction.dtype)) ** 3

    settings = {"steps": 40, "nudged_steps": 40}
    rule = circle(NET, quartic, radius=1e-3, error=slope, **settings)
    same = jax.jit(centered(NET, quartic, nudge=1e-4, **settings).grads)(params, None, x, y)[1]
    assert distance(jax.jit(rule.grads)(params, None, x, y)[1], same) < 1e-4


@pytest.mark.parametrize(
    "make, wrong",
    [
        (one_sided, {"nudge": 0.0}),
        (random_sign, {"nudge": -1.0}),
        (centered, {"nudge": float("nan")}),
        (centered, {"feedback": 0}),
        (one_sided, {"steps": 0}),
        (centered, {"nudged_steps": 2.5}),
        (circle, {"radius": np.ones(2)}),
        (circle, {"points": 1}),
        (circle, {"points": True}),
        (contrastive_hebbian, {"clamped_steps": True}),
        (contrastive_hebbian, {"feedback": -0.1}),
    ],
)
def test_numbers_out_of_range_are_named(make, wrong):
    with pytest.raises(ValueError, match=f"{make.__name__}: {next(iter(wrong))} must be"):
        make(NET, CE, **wrong)


def test_the_sign_needs_a_key():
    params, x, y = problem(NET, CE)
    with pytest.raises(ValueError, match=r"random_sign.* needs a key.*key=key"):
        random_sign(NET, CE).grads(params, None, x, y)


def test_no_key_is_used_twice():
    net = jb.serial(DENSE, TANH, jb.dropout(0.3), DENSE)
    rule, x, y = random_sign(net, CE), jnp.ones((4, 2)), jnp.zeros(4, int)
    sgd = optax.sgd(0.1)
    with jax.debug_key_reuse(True):
        state = jax.jit(lambda key: jb.init_state(rule, sgd, x[0], key=key))(jax.random.key(2))
        jax.jit(jb.step(rule, sgd))(state, (x, y))
