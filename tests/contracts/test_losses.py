"""Every public loss and metric through one list of properties."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from tests.contract import close, places, signature
from tests.tables import LOSSES, METRICS, PROBABILITY_LOSSES

new_key = partial(jax.random.key, 1)


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    loss, (first, target) = getattr(jb.losses, name), LOSSES[name]
    assert signature(loss) == places(first, "target")
    z, y = jax.random.normal(new_key(), (4,)), target(jax.random.key(5))
    value = loss(z, y)
    assert value.shape == () and value.dtype == jnp.float32 and value > 0
    close(jax.jit(loss)(z, y), value)
    zs, ys = jnp.stack([z, -z, 3 * z]), jnp.stack([y, y, y])
    close(jax.vmap(loss)(zs, ys), jnp.stack([loss(z, y) for z in zs]))
    half = loss(z.astype(jnp.bfloat16), y)
    assert half.dtype == jnp.bfloat16 and abs(float(half) - float(value)) < 0.05 * float(value)
    for big in (0.0, 1e4, -1e4):
        at, slope = jax.value_and_grad(loss)(jnp.full(4, big).at[0].set(-big), y)
        assert np.isfinite(at) and np.all(np.isfinite(slope)) and at >= 0
    with pytest.raises(ValueError, match="target"):
        loss(z, jnp.ones((4, 1)))


@pytest.mark.parametrize("name", PROBABILITY_LOSSES)
def test_loss_of_probabilities(name):
    loss, target = getattr(jb.losses, name), PROBABILITY_LOSSES[name]
    assert signature(loss) == places("probability", "target")
    p, y = jax.nn.softmax(jax.random.normal(new_key(), (4,))), target(jax.random.key(5))
    value = loss(p, y)
    assert value.shape == () and value.dtype == jnp.float32 and value > 0
    close(jax.jit(loss)(p, y), value)
    ps, ys = jnp.stack([p, p[::-1]]), jnp.stack([y, y])
    close(jax.vmap(loss)(ps, ys), jnp.stack([loss(p, y) for p in ps]))
    half = loss(p.astype(jnp.bfloat16), y)
    assert half.dtype == jnp.bfloat16 and abs(float(half) - float(value)) < 0.05 * float(value)
    for k in range(4):
        at, slope = jax.value_and_grad(loss)(jnp.eye(4)[k], y)
        assert np.isfinite(at) and np.all(np.isfinite(slope)) and at >= 0
    with pytest.raises(ValueError, match="target"):
        loss(p, jnp.ones((4, 1)))


@pytest.mark.parametrize("name", METRICS)
def test_metric(name):
    metric, (first, shape, target) = getattr(jb.metrics, name), METRICS[name]
    assert signature(metric)[:2] == places(first, "target")
    z, y = jax.random.normal(new_key(), shape), target(new_key())
    value = metric(z, y)
    assert value.shape == () and value.dtype == jnp.float32 and float(value) >= 0
    close(jax.jit(metric)(z, y), value)
    zs, ys = jnp.stack([z, -z]), jnp.stack([y, y])
    close(jax.vmap(metric)(zs, ys), jnp.stack([metric(z, y) for z in zs]))
    assert metric(z.astype(jnp.bfloat16), y).dtype == jnp.float32  # bfloat16 counts to 256
