"""A chain as a symmetric network: its groups of units, its energy, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning import centered_equilibrium_propagation as centered
from jaxbrain.learning import contrastive_hebbian
from jaxbrain.learning import equilibrium_propagation as one_sided
from jaxbrain.learning import holomorphic_equilibrium_propagation as circle
from jaxbrain.learning import random_sign_equilibrium_propagation as random_sign
from jaxbrain.learning.energy import equilibrium_network
from jaxbrain.learning.energy.symmetric import feed_forward, sweep, symmetric_system
from tests.theory import CE, HALF, mlp, problem

pytestmark = pytest.mark.x64

RULES = [one_sided, random_sign, centered, circle, contrastive_hebbian]
TANH, DENSE = jb.elementwise(jnp.tanh), jb.dense(3)
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
        network = equilibrium_network(net, feedback_gain=gain)
        return jnp.abs(jb.batch(network).apply(params, x) - want).max()

    assert gap(0.3) > 0.01 and 9 < gap(1e-4) / gap(1e-5) < 11


def test_a_rule_predicts_by_the_equilibrium_network():
    rule = centered(NET, CE)
    assert repr(rule.network) == f"learning.energy.equilibrium_network({NET!r})"
    assert rule.network.layers == NET.layers and rule.network.init is NET.init
    assert contrastive_hebbian(rule.network, CE).network == contrastive_hebbian(NET, CE).network
    assert one_sided(NET, CE, feedback_gain=0.5).network != rule.network


REFUSED = {
    "layer_norm": (
        jb.serial(DENSE, jb.layer_norm(), TANH, DENSE),
        r"symmetric weights: layer 1, layer_norm\(\), is not a linear coupling.*or jb.backprop",
    ),
    "embed": (jb.serial(jb.embed(5, 4), TANH, jb.flatten(), DENSE), r"layer 0, embed\(5, 4\)"),
    "own": (
        jb.serial(DENSE, jb.Network(DENSE.init, lambda p, x, key=None: x), DENSE),
        "layer 1, .*, is not a linear coupling whose transpose",
    ),
    "precise": (
        jb.serial(DENSE, TANH, jb.with_precision(jb.layer_norm(), jnp.bfloat16), DENSE),
        "layer 2, with_precision",
    ),
    "nested": (
        jb.serial(DENSE, jb.serial(TANH, DENSE)),
        r"layer 1, serial\(.*a linear coupling",
    ),
    "single": (jb.serial(DENSE, TANH), "needs a hidden layer, whose units relax"),
    "tail": (jb.serial(DENSE, TANH, DENSE, TANH, jb.flatten()), r"ends in flatten\(\) after an"),
    "no chain": (jb.residual(jb.serial(DENSE)), "teaches a chain"),
}


def test_a_declared_layer_couples_like_dense():
    layer = jb.affine(jb.from_functions(DENSE.init, lambda p, x: x @ p["kernel"] + p["bias"]))
    turn = jb.affine(jb.elementwise(lambda x: x[::-1]))
    flat, other = jb.serial(DENSE, TANH, DENSE), jb.serial(layer, TANH, turn, layer)
    assert symmetric_system(other, "rule", 0.3).units == ((0, 1, 2), (2, 4, 4))
    x = jnp.array([0.3, -1.2, 0.7])
    params = flat.init(jax.random.key(0), x)
    turned = {"kernel": params[2]["kernel"][::-1], "bias": params[2]["bias"]}
    outputs = [
        equilibrium_network(net, feedback_gain=0.3).apply(own, x)
        for net, own in ((flat, params), (other, (params[0], (), (), turned)))
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-6)
    assert not np.allclose(outputs[0], flat.apply(params, x), rtol=1e-3)


@pytest.mark.parametrize("name", REFUSED)
@rules
def test_a_network_without_symmetric_weights_is_refused(make, name):
    net, message = REFUSED[name]
    with pytest.raises(ValueError, match=f"(?s){make.__name__}.*{message}"):
        make(net, CE)
