"""Plasticities as cells: the contract of a Cell, sums along trains, three factors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.core.config import label
from jaxbrain.learning.plasticity import competitive, hebbian, spike_timing
from jaxbrain.learning.plasticity.synapses import modulated, total_change
from tests.contract import KEYWORD, close, equal, places, signature
from tests.tables import most_slow

new_key = partial(jax.random.key, 0)
TARGET, REWARD = jnp.array([1.0, -1.0]), jnp.array(0.7)
# how to build it, and a modulator that it takes
PLASTICITIES = {
    "hebb": (hebbian.hebb, None),
    "oja": (hebbian.oja, None),
    "sanger": (hebbian.sanger, None),
    "oja_subspace": (hebbian.oja_subspace, None),
    "bcm": (lambda: hebbian.bcm(tau=5.0), None),
    "covariance": (lambda: hebbian.covariance(tau=5.0), None),
    "delta": (hebbian.delta, TARGET),
    "perceptron": (hebbian.perceptron, TARGET),
    "soft_hebb": (lambda: competitive.soft_hebb(norm_power=0.5), None),
    "pair_stdp": (spike_timing.pair_stdp, None),
    "triplet_stdp": (spike_timing.triplet_stdp, None),
    "reward_modulated_stdp": (spike_timing.reward_modulated_stdp, REWARD),
    "modulated(bcm)": (lambda: modulated(hebbian.bcm(tau=5.0), tau=3.0), TARGET),
}
every = pytest.mark.parametrize("name", PLASTICITIES)


def activities(name, dtype="float32", steps=5):
    """Trains [steps, 3] and [steps, 2]: spikes for the rules of spikes."""
    pre, post = (jax.random.normal(jax.random.key(n), (steps, n), dtype) for n in (3, 2))
    return ((pre > 0).astype(dtype), (post > 0).astype(dtype)) if "stdp" in name else (pre, post)


@every
def test_a_plasticity_is_a_cell(name):
    make, modulator = PLASTICITIES[name]
    rule = make()
    assert signature(rule.init) == places("key", "x")
    assert signature(rule.carry) == places("params", "x")
    assert signature(rule.step) == places("params", "carry", "x") + KEYWORD
    assert rule == make() and hash(rule) == hash(make()) and jax.tree.leaves(rule) == []
    assert all(rule != other() for n, (other, _) in PLASTICITIES.items() if n != name)
    assert label(rule) == name.split("(")[0]
    pre, post = activities(name)
    x = (pre[0], post[0], modulator)
    params = rule.init(new_key(), x)
    abstract = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), x)
    equal(params, rule.init(new_key(), abstract))
    assert params.shape == (3, 2)
    carry = rule.carry(params, x)
    equal(carry, rule.carry(params, abstract))
    after, change = rule.step(params, carry, x)
    assert jax.tree.map(jnp.shape, carry) == jax.tree.map(jnp.shape, after)
    close(jax.jit(rule.step)(params, carry, x), (after, change))
    assert change.shape == params.shape and change.dtype == params.dtype


@pytest.mark.parametrize("name", most_slow(PLASTICITIES, {"hebb", "bcm", "triplet_stdp"}))
@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_it_runs_along_trains_in_any_precision(name, dtype):
    make, modulator = PLASTICITIES[name]
    with jax.enable_x64(dtype == "float64"):
        rule = make()
        pre, post = activities(name, dtype)
        w = rule.init(new_key(), (pre[0], post[0], None))
        modulator = None if modulator is None else jnp.full((5,), 0.7, dtype)
        if name in ("delta", "perceptron"):
            modulator = jnp.ones((5, 2), dtype)
        carry, total = total_change(rule, w, pre, post, modulator)
        kept, want = rule.carry(w, (pre[0], post[0], None)), 0.0
        for t in range(5):
            now = None if modulator is None else modulator[t]
            kept, change = rule.step(w, kept, (pre[t], post[t], now))
            want = want + np.float64(change)
        assert total.dtype == w.dtype == jnp.dtype(dtype)
        rough = 0.1 if dtype == "bfloat16" else 1e-5
        np.testing.assert_allclose(np.float64(total), want, rtol=rough, atol=rough)
        close(carry, kept, rough, rough)
        many = jax.vmap(lambda w: total_change(rule, w, pre, post, modulator)[1])
        close(many(jnp.stack([w, 2 * w]))[0], total, rough, rough)


def test_a_modulator_at_once_multiplies():
    rule, w = modulated(hebbian.hebb()), jnp.zeros((3, 2))
    x, y = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.5, -1.0])
    carry = rule.carry(w, (x, y, REWARD))
    for factor in (REWARD, TARGET, jnp.array(-3)):  # a scalar, one a unit, an integer
        carry, change = rule.step(w, carry, (x, y, factor))
        hebb = hebbian.hebb().step(w, (), (x, y, None))[1]
        close(change, hebb * jnp.broadcast_to(factor, 2).astype(w.dtype)[None])
    slow = modulated(hebbian.hebb(), tau=0.5)
    carry, _ = slow.step(w, slow.carry(w, (x, y, REWARD)), (x, y, REWARD))
    assert np.abs(slow.step(w, carry, (x, y, REWARD))[1] - REWARD * hebb).max() > 0.1


def test_eligibility_is_a_filtered_change():
    rule, w, kept = modulated(hebbian.oja(), tau=4.0, dt=0.5), jnp.ones((3, 2)), np.exp(-1 / 8)
    pre, post = activities("oja")
    factor = jnp.arange(5.0) - 2
    _, total = total_change(rule, w, pre, post, factor)
    changes = [hebbian.oja().step(w, (), (a, b, None))[1] for a, b in zip(pre, post, strict=True)]
    want = sum(
        float(factor[t]) * kept ** (t - s) * changes[s] for t in range(5) for s in range(t + 1)
    )
    close(total, want, 1e-4, 1e-4)
