"""The contract of rules: rules that keep it pass, planted faults are found and named."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from jaxbrain.testing import (
    check_rule,
)
from tests.tables import RULES
from tests.testing.rules import NET, RIGHT, faulty, noisy
from tests.theory import CE, problem

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 4)


@pytest.fixture
def small():
    return problem(NET, CE)


@pytest.mark.parametrize("name", ["backprop", "feedback_alignment", "predictive_coding"])
@pytest.mark.slow
def test_rules_keep_the_contract(small, name):
    _, x, y = small
    check_rule(RULES[name].make(NET, CE), x, y)


@pytest.mark.slow
def test_a_rule_that_needs_a_key_keeps_the_contract(small):
    _, x, y = small
    check_rule(noisy(0.1), x, y)


COUNT = iter(range(10**6))

FAULTS = {
    "the loss must be one number": lambda v, g, s, x, key: (v[None], g, s),
    "the loss must be a floating": lambda v, g, s, x, key: (v.astype("int32"), g, s),
    "the state must keep its structure": lambda v, g, s, x, key: (v, g, (s, v)),
    "grads must have the structure.*PyTreeDef": lambda v, g, s, x, key: (v, list(g), s),
    "grads must.*'0/bias': types: float32 != float64": lambda v, g, s, x, key: (
        v, jax.tree.map(lambda a: a.astype("float32"), g), s
    ),
    r"the gradient\[2\]\['bias'\] is not finite": lambda v, g, s, x, key: (
        v, (*g[:2], {**g[2], "bias": g[2]["bias"] / 0}), s
    ),
    r"layer 0 dense\(5\) gets no gradient": lambda v, g, s, x, key: (
        v, (jax.tree.map(jnp.zeros_like, g[0]), *g[1:]), s
    ),
    r"jax.jit must not change loss": lambda v, g, s, x, key: (v + next(COUNT), g, s),
    r"the order of the examples must not change grads\[0\]": lambda v, g, s, x, key: (
        v, ({**g[0], "bias": g[0]["bias"] * x[0, 0]}, *g[1:]), s
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_contract_is_named(small, fault):
    _, x, y = small
    with pytest.raises(AssertionError, match=f"check_rule: LearningRule: {fault}"):
        check_rule(faulty(FAULTS[fault]), x, y)


@pytest.mark.slow
def test_what_is_meant_can_be_said(small):
    _, x, y = small
    still = faulty(FAULTS[r"layer 0 dense\(5\) gets no gradient"])
    check_rule(still, x, y, untrained=(0,))
    turned = faulty(FAULTS[r"the order of the examples must not change grads\[0\]"])
    check_rule(turned, x, y, any_order=False)
    with pytest.raises(TypeError, match=r"must be a LearningRule.*got the constructor backprop"):
        check_rule(jb.backprop, x, y)
    with pytest.raises(ValueError, match="at least two examples"):
        check_rule(RIGHT, x[:1], y[:1])


@pytest.mark.slow
def test_what_depends_on_the_batch_of_seeds_is_found(small):
    """A rule that does something else when mapped."""
    _, x, y = small
    doubled = jax.custom_batching.custom_vmap(lambda v: v)
    doubled.def_vmap(lambda size, batched, v: (2 * v, batched[0]))

    def change(v, g, s, x, key):
        return doubled(v), g, s

    with pytest.raises(AssertionError, match=r"jax\.vmap over seeds must not change loss"):
        check_rule(faulty(change), x, y)


def test_a_fault_within_the_rule_is_not_hidden(small):
    _, x, y = small

    def broken(*args, **kwargs):
        raise RuntimeError("what the rule says")

    with pytest.raises(RuntimeError, match="what the rule says"):
        check_rule(RIGHT._replace(grads=broken), x, y)
