"""Hierarchical memories against formulas, each other, and laws of the energy."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.memory import (
    bilinear,
    hidden_layer,
    hierarchical_memory,
    hierarchy,
    lagrangians,
    modern_hopfield,
)

pytestmark = pytest.mark.x64


sharp = functools.partial(lagrangians.softmax, beta=2.5)


LAYERS = {
    "identity": lagrangians.identity,
    "relu": lagrangians.relu,
    "repu": functools.partial(lagrangians.repu, degree=4),
    "sigmoid": lagrangians.sigmoid,
    "tanh": lagrangians.tanh,
    "softmax": sharp,
    "spherical": lagrangians.spherical,
    "normalized": lagrangians.normalized,
}


def normal(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def triple(weights, a, b, c):
    return -jnp.einsum("abc,a,b,c->", weights, jnp.tanh(a), b, c)


def three_layers():
    """Layers of three kinds, one of them an image, in a circle and with a synapse of all three."""
    net = hierarchy(
        {"image": lagrangians.tanh, "cause": sharp, "label": lagrangians.normalized},
        [
            (("image", "cause"), lambda w, g, h: bilinear(w, g.reshape(-1), h)),
            (("cause", "label"), bilinear),
            (("label", "cause", "label"), triple),
        ],
    )
    params = (normal((4, 6)), normal((3, 4), 1), 0.3 * normal((3, 4, 3), 2))
    states = {"image": normal((2, 3), 3), "cause": normal(4, 4), "label": normal(3, 5)}
    return net, params, states


def test_energy_and_descent_of_two_layers_are_the_formulas():
    w, x, h = (np.asarray(a) for a in (normal((4, 3)), normal(3, 1), normal(4, 2)))
    net = hierarchy({"v": lagrangians.tanh, "h": sharp}, [(("v", "h"), bilinear)])
    g, f = np.tanh(x), np.exp(2.5 * h) / np.exp(2.5 * h).sum()
    energy = x @ g - np.log(np.cosh(x)).sum()
    energy += h @ f - math.log(np.exp(2.5 * h).sum()) / 2.5 - f @ w @ g
    states = {"v": jnp.asarray(x), "h": jnp.asarray(h)}
    np.testing.assert_allclose(net.energy((jnp.asarray(w),), states), energy, rtol=1e-12)
    down = net.descent((jnp.asarray(w),), states)
    np.testing.assert_allclose(down["v"], w.T @ f - x, rtol=1e-12)
    np.testing.assert_allclose(down["h"], w @ g - h, rtol=1e-12)
    np.testing.assert_allclose(net.activations(states)["h"], f, rtol=1e-12)


@pytest.mark.slow
def test_descent_is_the_gradient_of_the_energy_by_the_activations():
    """dE/dx = (dg/dx) dE/dg, with the energy differentiated as a whole."""
    net, params, states = three_layers()
    by_state = jax.grad(net.energy, argnums=1)(params, states)
    _, push = jax.jvp(net.activations, (states,), (net.descent(params, states),))
    for name in states:
        np.testing.assert_allclose(by_state[name], -push[name], rtol=1e-9, atol=1e-12)
    plain = net.descent(params, states)
    assert all(np.abs(by_state[name] + plain[name]).max() > 0.1 for name in states)


def test_the_energy_never_rises_for_small_steps():
    """From many states of a circular graph; for large steps it does rise."""
    net, params, _ = three_layers()
    shapes = {"image": (2, 3), "cause": (4,), "label": (3,)}
    starts = {k: 2 * normal((30, *shape), i) for i, (k, shape) in enumerate(shapes.items())}

    @jax.jit
    def path(step_size):
        def one(states):
            def step(x, _):
                down = net.descent(params, x)
                return {k: x[k] + step_size * down[k] for k in x}, net.energy(params, x)

            return jax.lax.scan(step, states, None, 200)[1]

        return jax.vmap(one)(starts)

    small, large = np.asarray(path(0.02)), np.asarray(path(1.9))
    assert np.diff(small, axis=1).max() < 1e-10 and np.all(small[:, 0] - small[:, -1] > 0.1)
    assert np.diff(large, axis=1).max() > 0.1


def test_relaxation_ends_where_the_states_are_their_input():
    net, params, states = three_layers()
    end, info = net.relax(params, states, step_size=0.1, max_steps=5000, tolerance=1e-10)
    assert info.converged and 10 < info.steps < 5000
    for down in net.descent(params, end).values():
        np.testing.assert_allclose(down, 0, atol=1e-8)
    np.testing.assert_allclose(info.energy, net.energy(params, end), rtol=1e-12)
    assert info.energy < net.energy(params, states)


def test_a_step_size_of_zero_clamps_a_layer_and_others_have_their_own():
    net, params, states = three_layers()
    sizes = {"image": 0.0, "cause": 0.4, "label": jnp.asarray(0.1)}
    one, _ = net.relax(params, states, step_size=sizes, max_steps=1)
    down = net.descent(params, states)
    for name, size in sizes.items():
        np.testing.assert_allclose(one[name], states[name] + size * down[name], rtol=1e-12)
    end, info = net.relax(params, states, step_size=sizes, tolerance=1e-9)
    np.testing.assert_array_equal(end["image"], states["image"])
    assert info.converged
    assert np.abs(net.descent(params, end)["label"]).max() < 1e-7


@pytest.mark.parametrize("beta", [0.7, 3.0])
@pytest.mark.slow
def test_identity_and_softmax_are_the_modern_hopfield_network(beta):
    """Every step and, but for constants, the energy."""
    x, cues = normal((6, 8)), normal((10, 8), 1)
    hidden = functools.partial(lagrangians.softmax, beta=beta)
    constant = math.log(6) / beta + float(jnp.max(jnp.sum(x**2, axis=1))) / 2
    for steps in (1, 3):
        mine = hierarchical_memory(hidden=hidden, max_steps=steps, tolerance=0.0)
        other = modern_hopfield(beta=beta, max_steps=steps, tolerance=0.0)
        params = mine.store(x)
        got, info = jax.vmap(mine.recall, in_axes=(None, 0))(params, cues)
        want, wanted = jax.vmap(other.recall, in_axes=(None, 0))(params, cues)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(info.energy + constant, wanted.energy, rtol=1e-9)
    cold = hierarchical_memory(max_steps=3, tolerance=0.0).recall(params, cues[0])[0]
    assert np.abs(cold - want[0]).max() > 1e-3


@pytest.mark.parametrize("name", ["identity", "sigmoid", "tanh", "spherical", "normalized"])
def test_a_fast_hidden_layer_is_the_two_layers_with_the_hidden_one_at_its_input(name):
    """The same energy and the same force on the visible layer."""
    visible, w, x = LAYERS[name], normal((5, 4)), normal(4, 1)
    both = hierarchy({"v": visible, "h": sharp}, [(("v", "h"), bilinear)])
    one = hierarchy({"v": visible}, [(("v",), hidden_layer(sharp))])
    states = {"v": x, "h": w @ jax.grad(visible)(x)}
    np.testing.assert_allclose(both.energy((w,), states), one.energy((w,), {"v": x}), rtol=1e-10)
    force = one.descent((w,), {"v": x})["v"]
    np.testing.assert_allclose(both.descent((w,), states)["v"], force, rtol=1e-10)
    away = both.energy((w,), {**states, "h": states["h"] + 0.5 * normal(5, 2)})
    assert abs(away - one.energy((w,), {"v": x})) > 1e-3


@pytest.mark.parametrize("hidden", ["relu", "repu", "sigmoid", "softmax"])
@pytest.mark.parametrize("visible", ["tanh", "spherical"])
def test_up_to_a_whole_step_the_energy_of_a_memory_never_rises(visible, hidden):
    """For every convex pair of Lagrangians; beyond it, it does."""
    x, starts = normal((7, 5)), 2 * normal((20, 5), 1)
    pair = {"visible": LAYERS[visible], "hidden": LAYERS[hidden]}

    @jax.jit
    def path(step_size):
        memory = hierarchical_memory(**pair, step_size=step_size, max_steps=1)

        def step(s, _):
            return memory.recall({"patterns": x}, s)[0], memory.energy({"patterns": x}, s)

        return jax.vmap(lambda s: jax.lax.scan(step, s, None, 15)[1])(starts)

    for step_size in (0.3, 1.0):
        assert np.diff(path(step_size), axis=1).max() < 1e-9
    assert np.diff(path(3.0), axis=1).max() > 1e-3


@pytest.mark.slow
def test_memories_of_several_kinds_recall():
    """40 patterns of 60 units, a tenth of the bits flipped; a flat hidden layer cannot."""
    x = jnp.sign(normal((40, 60)))
    noise = np.random.default_rng(1).permuted(np.tile(np.arange(60) < 6, (40, 1)), axis=1)
    cues = jnp.where(noise, -x, x)

    def right(**options):
        recall = jax.vmap(hierarchical_memory(**options).recall, in_axes=(None, 0))
        return np.mean(np.sign(jax.jit(recall)({"patterns": x}, cues)[0]) == x)

    cubic = functools.partial(lagrangians.repu, degree=5)
    assert right(hidden=sharp) == 1
    assert right(visible=lagrangians.tanh, hidden=sharp) == 1
    assert right(visible=lagrangians.tanh, hidden=cubic) > 0.99
    assert right(visible=lagrangians.normalized, hidden=cubic) > 0.99
    assert right(visible=lagrangians.tanh, hidden=lagrangians.identity) < 0.9


def test_equal_layers_make_equal_graphs():
    net = hierarchy({"v": sharp}, [(("v",), hidden_layer(sharp))])
    assert net == hierarchy({"v": sharp}, [(("v",), hidden_layer(sharp))]) != three_layers()[0]


def relax(**options):
    net, params, states = three_layers()
    return net.relax(params, states, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hierarchy({"v": sharp}, [(("v", "h"), bilinear)]), r"among \['v'\], got \['h'\]"),
        (lambda: three_layers()[0].energy((), three_layers()[2]), "tuple of 3 entries"),
        (lambda: three_layers()[0].activations({"image": jnp.ones(2)}), "states must be a dict"),
        (lambda: three_layers()[0].activations(jnp.ones(2)), "states must be a dictionary"),
        (lambda: relax(step_size={"image": 0.1}), "step_size must be a dictionary of"),
        (lambda: relax(step_size=-0.1), "step_size of image must not be negative"),
        (lambda: relax(max_steps=0), "max_steps must be a positive integer"),
        (lambda: relax(tolerance=-1.0), "tolerance must not be negative"),
        (lambda: hierarchical_memory(step_size=0.0), "step_size must be positive"),
        (lambda: hierarchical_memory(max_steps=0), "max_steps must be a positive integer"),
        (lambda: hierarchical_memory().store(jnp.ones(3)), r"\[patterns, units\]"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
