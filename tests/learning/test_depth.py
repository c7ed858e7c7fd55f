"""Rules that reach the first block at any depth, in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn.initializers import variance_scaling

import jaxbrain as jb

CE = jb.losses.softmax_cross_entropy
DEEP = (
    "error_predictive_coding",
    "lagrangian_predictive_coding",
    "asymmetric_equilibrium_propagation",
    pytest.param("dual_propagation", marks=pytest.mark.slow),
)


RELU = jb.elementwise(jax.nn.relu)


def residual_network(depth, width=8):
    init = variance_scaling(2 / depth, "fan_in", "normal")
    inner = jb.serial(jb.dense(width, kernel_init=init), RELU)
    return jb.serial(jb.dense(width), *[jb.residual(inner)] * (depth - 2), jb.dense(5))


def flat(tree):
    return np.concatenate([np.asarray(a, float).ravel() for a in jax.tree.leaves(tree)])


def cosines(net, make):
    """To back-propagation, of every block."""
    x, y = jax.random.normal(jax.random.key(3), (16, 12)), jnp.arange(16) % 5
    params = net.init(jax.random.key(0), x[0])
    rule = make(net, CE)
    grads, truth = jax.jit(
        lambda p: (rule.grads(p, None, x, y)[1], jb.backprop(net, CE).grads(p, (), x, y)[1])
    )(params)
    pairs = [(flat(g), flat(t)) for g, t in zip(grads, truth, strict=True) if t]
    return [g @ t / np.linalg.norm(g) / np.linalg.norm(t) for g, t in pairs]


@pytest.mark.parametrize(
    "depth",
    [20, *(pytest.param(depth, marks=pytest.mark.slow) for depth in (3, 10, 64, 128))],
)
@pytest.mark.parametrize("name", DEEP)
def test_every_block_learns_the_gradient(name, depth):
    found = cosines(residual_network(depth), getattr(jb.learning, name))
    assert len(found) == depth and min(found) > 0.99


@pytest.mark.slow
def test_dual_propagation_reaches_the_first_block_through_64_activations():
    """There its derivatives are differences of activities, which float32 rounds off."""
    hidden = [jb.dense(8), jb.elementwise(jnp.tanh)] * 63
    assert min(cosines(jb.serial(*hidden, jb.dense(5)), jb.learning.dual_propagation)) > 0.99


@pytest.mark.slow
def test_predictive_coding_with_small_steps_does_not():
    """The control: enough steps to be allowed, and far from the gradient in the first block."""

    def make(net, loss):
        return jb.learning.predictive_coding(net, loss, steps=60, step_size=0.5)

    assert min(cosines(residual_network(20), make)) < 0.95


def best_rate(blocks, block):
    """The exponent of the best learning rate of SGD, a power of 2, after 300 batches."""
    width, n = 24, 2000
    x, y = jb.datasets.mnist1d(jax.random.key(0), n)
    net = jb.serial(jb.dense(width), jb.repeated(block, blocks), RELU, jb.dense(10))
    rule = jb.backprop(net, CE)

    def train(exponent):
        of_params, of_batches = jax.random.split(jax.random.key(1))

        def step(params, key):
            rows = jax.random.randint(key, (64,), 0, n)
            loss, grads, _ = rule.grads(params, (), x[rows], y[rows])
            return jax.tree.map(lambda p, g: p - 2.0**exponent * g, params, grads), loss

        keys = jax.random.split(of_batches, 300)
        return jnp.mean(jax.lax.scan(step, net.init(of_params, x[0]), keys)[1][-50:])

    exponents = np.arange(-6, 2)
    losses = jax.jit(jax.vmap(train))(exponents.astype("float32"))
    return exponents[np.argmin(np.nan_to_num(losses, nan=np.inf))]


@pytest.mark.slow
def test_the_best_learning_rate_of_scaled_blocks_is_that_of_a_shallow_network():
    """The control has the same variance by small weights, which change as fast as large ones."""

    def scaled(n):
        return jb.residual(jb.serial(RELU, jb.dense(24)), scale=n**-0.5)

    def small(n):
        init = variance_scaling(1 / n, "fan_in", "normal")
        return jb.residual(jb.serial(RELU, jb.dense(24, kernel_init=init)))

    shifts = [best_rate(8, make(8)) - best_rate(64, make(64)) for make in (scaled, small)]
    assert abs(shifts[0]) <= 1 and shifts[1] >= 2
