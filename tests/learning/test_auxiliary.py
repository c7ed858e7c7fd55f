"""Optimization of a rule's own weights: the step of an optimizer, and its refusals."""

import jax.numpy as jnp
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.auxiliary import optimize

RULES = ["kolen_pollack", "local_losses", "target_propagation", "difference_target_propagation"]


@pytest.mark.parametrize("name", RULES)
def test_what_is_no_optimizer_is_refused(name):
    with pytest.raises(TypeError, match=rf"{name}: optimizer .* optax.sgd\(0.1\), got 0.1"):
        getattr(jb.learning, name)(jb.serial(jb.dense(3)), jb.losses.mse, optimizer=0.1)


def test_a_step_by_hand_with_the_value_of_the_loss():
    """Polyak's step is (loss - 0) / |g|^2: with g = 2 and a loss of 6 it is 1.5."""
    optimizer, params = optax.polyak_sgd(max_learning_rate=10.0), jnp.array([1.0])
    opt_state = optimizer.init(params)
    after, _ = optimize(optimizer, jnp.array([2.0]), opt_state, params, jnp.array(6.0))
    assert after.tolist() == pytest.approx([1.0 - 1.5 * 2.0])
