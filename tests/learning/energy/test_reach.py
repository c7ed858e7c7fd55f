"""Depth against steps and rounding: refusals, their limits, and what the diagnostics show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxbrain as jb
from jaxbrain.learning.energy import reach
from tests.learning.energy.equations import learn

CE = jb.losses.softmax_cross_entropy
TANH = jb.elementwise(jnp.tanh)


def chain_of(n):
    return jb.serial(*(layer for _ in range(n - 1) for layer in (jb.dense(4), TANH)), jb.dense(3))


def problem(net):
    x = jax.random.normal(jax.random.key(0), (8, 4))
    return net.init(jax.random.key(1), x[0]), x, jnp.arange(8) % 3


@pytest.mark.parametrize("case", [(3, 9, 0.2), (10, 20, 0.1), (5, 2000, 0.01), (1, 1, 0.5)])
def test_what_arrives_is_the_tail_of_a_binomial(case):
    blocks, steps, size = case
    want = stats.binom.sf(blocks - 1, steps, size)
    np.testing.assert_allclose(reach.arriving(blocks, steps, size), want, rtol=1e-9)


FEWEST = {
    "predictive_coding": 6, "centered_predictive_coding": 6, "clamped_predictive_coding": 5,
    "incremental_predictive_coding": 6, "fixed_prediction_coding": 5,
}  # fmt: skip


@pytest.mark.parametrize("name", FEWEST)
def test_fewer_steps_than_blocks_are_refused(name):
    make, net, n = getattr(jb.learning, name), chain_of(6), FEWEST[name]
    make(net, CE, steps=n, step_size=0.9)  # the control
    message = rf"{name}: steps={n - 1} is too few for 6 blocks .*take steps={n} or .*error_pred"
    with pytest.raises(ValueError, match=message):
        make(net, CE, steps=n - 1, step_size=0.9)


def test_blocks_of_networks_made_by_hand_are_counted_when_traced():
    own = [jb.Network(*jb.dense(4)[:2]) for _ in range(6)]
    net = jb.serial(*own)
    params, x, _ = problem(net)
    rule = jb.learning.predictive_coding(net, CE, steps=5)
    with pytest.raises(ValueError, match="steps=5 is too few for 6 blocks"):
        rule.grads(params, None, x, jnp.zeros(8, int))


def test_a_push_below_rounding_is_refused_with_the_steps_that_are_enough():
    predictive_coding = jb.learning.predictive_coding
    predictive_coding(chain_of(8), CE)  # the control
    with pytest.raises(ValueError, match=r"7e-08 .*10 blocks.*float32.*take steps=40, or use"):
        predictive_coding(chain_of(10), CE)
    predictive_coding(chain_of(10), CE, steps=40)
    with pytest.raises(ValueError, match="take a larger nudge or step size"):
        predictive_coding(chain_of(3), CE, nudge=1e-9)
    traced = jax.jit(lambda nudge: predictive_coding(chain_of(3), CE, nudge=nudge) and nudge)
    assert traced(1e-9) > 0  # traced numbers are not checked


FEEDBACK = {
    "equilibrium_propagation": 5, "random_sign_equilibrium_propagation": 5,
    "centered_equilibrium_propagation": 6, "holomorphic_equilibrium_propagation": 6,
    "contrastive_hebbian": 6,
}  # fmt: skip


@pytest.mark.parametrize("name", FEEDBACK)
def test_a_feedback_below_rounding_is_refused(name):
    make, n = getattr(jb.learning, name), FEEDBACK[name]
    make(chain_of(n - 1), CE)  # the control
    message = rf"{name}: with feedback_gain=0.1 .* {n} groups.*float32.*take feedback_gain=(\S+) or"
    with pytest.raises(ValueError, match=message) as refused:
        make(chain_of(n), CE)
    enough = float(str(refused.value).split("take feedback_gain=")[1].split()[0])
    make(chain_of(n), CE, feedback_gain=enough)


@pytest.mark.x64
def test_double_precision_resolves_more():
    jb.learning.predictive_coding(chain_of(10), CE)
    rule = jb.learning.equilibrium_propagation(chain_of(6), CE)
    params, x, y = problem(chain_of(6))
    rule.grads(params, None, x, y)
    narrow = jax.tree.map(lambda p: p.astype("float32"), params)
    with pytest.raises(ValueError, match="groups of units, and float32"):
        rule.grads(narrow, None, x.astype("float32"), y)


def test_the_diagnostics_show_which_blocks_learn_nothing():
    """The size of an error in roundings of its activity, and a block that no error reaches."""
    net = chain_of(4)
    params, x, y = problem(net)
    rule = jb.learning.predictive_coding(net, CE)
    signal = learn(rule, params, x, y)[1].signal
    assert signal.shape == (4,) and np.all(np.diff(signal) > 0) and signal[0] > 10
    dead = (*params[:4], {**params[4], "kernel": 1e-4 * params[4]["kernel"]}, *params[5:])
    info = learn(rule, dead, x, y)[1]
    assert info.unreached.tolist() == [True, True, False, False]
    state = rule.init(jax.random.key(2), params, x[0])
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, info)
