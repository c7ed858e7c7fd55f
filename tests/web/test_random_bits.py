"""Random bits and keys are those of JAX, bit for bit."""

import jax
import numpy as np
import pytest

from benchmarks.node import Job, run
from tests.javascript import assert_same, in_node, needs_node

pytestmark = needs_node


def draws(key):
    a, b, c, d = jax.random.split(jax.random.fold_in(key, 7), 4)
    many = jax.vmap(lambda k: jax.random.bits(k, (3,)))(jax.random.split(a, (2, 3)).reshape(6))
    return many, jax.random.bits(b, (3,), "uint8"), jax.random.uniform(c, (5,)), d


def test_bits_are_equal():
    key = jax.random.key(3)
    found = in_node(draws, key)
    many, few, uniform, last = jax.jit(draws)(key)
    for a, b in zip((many, few, uniform, jax.random.key_data(last)), found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_distributions():
    def distributions(key, seed):
        keys = iter(jax.random.split(key, 12))
        return (
            jax.random.normal(next(keys), (3, 3)), jax.random.randint(next(keys), (9,), -3, 12),
            jax.random.permutation(next(keys), 9), jax.random.bernoulli(next(keys), 0.3, (9,)),
            jax.random.bits(next(keys), (), "uint16"), jax.random.choice(next(keys), 5, (3,)),
            jax.random.exponential(next(keys), (3,)), jax.random.gumbel(next(keys), (3,)),
            jax.random.truncated_normal(next(keys), -1.0, 1.0, (4,)), jax.random.key(seed),
            jax.random.rademacher(next(keys), (3,)), jax.random.key_data(next(keys)),
        )  # fmt: skip

    assert_same(distributions, jax.random.key(3), -5)


def test_another_order_of_counters_is_refused():
    key = jax.random.key(0)
    with (
        jax.threefry_partitionable(False),
        pytest.raises(NotImplementedError, match="jax_threefry_partitionable=True"),
    ):
        run([Job(lambda k: jax.random.bits(k, (3,)), (key,))])


def test_another_generator_is_refused():
    with pytest.raises(NotImplementedError, match="rbg"):
        in_node(lambda k: jax.random.bits(k, (3,)), jax.random.key(0, impl="rbg"))
