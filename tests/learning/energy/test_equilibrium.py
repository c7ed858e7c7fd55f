"""Equilibrium propagation against its equation in NumPy and the gradient at the fixed point."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import centered_equilibrium_propagation as centered
from jaxbrain.learning import equilibrium_propagation as one_sided
from jaxbrain.learning import random_sign_equilibrium_propagation as random_sign
from tests.learning.energy.equations import LONG, contrasted, equilibrium, mean_loss, mild
from tests.learning.energy.fixed_point import gaps
from tests.theory import CE, HALF, mlp, problem, same, weights

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)
losses = pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])


@pytest.mark.parametrize(
    "make, loss, points",
    [
        (one_sided, CE, [(0.3, 1 / 0.3), (0, -1 / 0.3)]),
        (centered, HALF, [(0.3, 0.5 / 0.3), (-0.3, -0.5 / 0.3)]),
    ],
    ids=["one-sided", "centered"],
)
def test_the_rule_is_its_equation(make, loss, points):
    params, x, y = mild(NET, loss)
    rule = make(NET, loss, nudge=0.3, feedback_gain=0.6, **LONG)
    value, grads, state = jax.jit(rule.grads)(params, None, x, y)
    same(grads, contrasted(params, x, y, loss, 0.6, points), rtol=1e-7)
    free = equilibrium(weights(params), np.asarray(x), 0.6, lambda h, o: h)[-1]
    np.testing.assert_allclose(value, mean_loss(loss, free, y), rtol=1e-9)
    assert state.free < 1e-12 and state.nudged < 1e-12


def test_the_sign_of_the_nudge_is_random():
    params, x, y = mild(NET, HALF)
    rule = random_sign(NET, HALF, nudge=0.3, feedback_gain=0.6, **LONG)
    grads = jax.jit(lambda key: rule.grads(params, None, x, y, key=key)[1])
    want = {
        sign: contrasted(params, x, y, HALF, 0.6, [(sign * 0.3, sign / 0.3), (0, -sign / 0.3)])
        for sign in (1, -1)
    }
    drawn = []
    for seed in range(8):
        found = grads(jax.random.key(seed))
        near = {s: float(np.abs(found[0]["kernel"] - w[0][0]).max()) for s, w in want.items()}
        drawn.append(min(near, key=near.get))
        same(found, want[drawn[-1]], rtol=1e-7)
        assert max(near.values()) > 1e-3
    assert set(drawn) == {1, -1}


@losses
def test_the_error_is_of_the_order_of_the_nudge(loss):
    gap = gaps(one_sided, NET, loss, (1e-1, 1e-2, 1e-3))
    assert 7 < gap[0] / gap[1] < 12 and 9 < gap[1] / gap[2] < 11, gap
    assert 0.05 < gap[0] < 0.2


@losses
def test_centered_the_error_is_of_the_order_of_its_square(loss):
    gap = gaps(centered, NET, loss, (1e-1, 1e-2, 1e-3))
    np.testing.assert_allclose(gap[:2] / gap[1:], 100, rtol=0.1)
    assert 1e-3 < gap[0] < 0.05


def test_nudge_and_feedback_gain_can_be_swept():
    params, x, y = mild(NET, CE)

    @jax.jit
    def size(nudge, gain):
        rule = centered(NET, CE, nudge=nudge, feedback_gain=gain)
        return sum(jnp.sum(g**2) for g in jax.tree.leaves(rule.grads(params, None, x, y)[1]))

    swept = jax.vmap(size)(jnp.array([0.1, 0.2]), jnp.array([0.3, 0.5]))
    np.testing.assert_allclose(swept[1], size(0.2, 0.5), rtol=1e-10)
    assert swept[0] != swept[1]


@pytest.mark.parametrize(
    "make, wrong",
    [
        (one_sided, {"nudge": 0.0}),
        (random_sign, {"nudge": -1.0}),
        (centered, {"nudge": float("nan")}),
        (centered, {"feedback_gain": 0}),
        (one_sided, {"steps": 0}),
        (centered, {"nudged_steps": 2.5}),
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
    """The sign and the dropout of a training step come from one key; the suite checks its reuse."""
    net = jb.serial(jb.dense(3), jb.elementwise(jnp.tanh), jb.dropout(0.3), jb.dense(3))
    rule, x, y, sgd = random_sign(net, CE), jnp.ones((4, 2)), jnp.zeros(4, int), optax.sgd(0.1)
    state = jax.jit(lambda key: jb.init_state(rule, sgd, x[0], key=key))(jax.random.key(2))
    jax.jit(jb.step(rule, sgd))(state, (x, y))


@pytest.mark.slow
def test_it_trains_its_hidden_layer(digits):
    """With the hidden layer frozen, by an optimizer that ignores it, accuracy stays low."""
    net = jb.serial(jb.dense(16), jb.elementwise(jax.nn.relu), jb.dense(10))
    rule = centered(net, CE)
    frozen = optax.chain(optax.adam(5e-3), optax.masked(optax.set_to_zero(), (True, True, False)))
    accuracy = []
    for optimizer in (optax.adam(5e-3), frozen):
        settings = {"key": jax.random.key(2), "epochs": 3, "batch_size": 32}
        state, _ = jb.run(rule, optimizer, digits[0], **settings)
        result = jb.evaluate(rule.network, state.params, digits[1], {"accuracy": jb.accuracy})
        accuracy.append(float(result["accuracy"]))
    assert accuracy[0] > 0.88 and accuracy[0] > accuracy[1] + 0.1, accuracy
