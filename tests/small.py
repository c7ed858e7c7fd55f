"""The smallest training that has every part: ten examples, an odd last batch, dropout."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1)) + 0.3).astype("float32")
new_key = partial(jax.random.key, 0)
BATCH, STEPS = 4, 3  # batches of 4, 4 and 2

NET = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(1))
RULE = jb.backprop(NET, jb.losses.mse)
NOISY = jb.backprop(jb.serial(jb.dense(4), jb.dropout(0.3), jb.dense(1)), jb.losses.mse)


ADAM = optax.adam(0.01)


def first_bias(state):
    return {"bias": state.params[0]["bias"], "step": state.step}


WATCHED = {
    "epochs": 13,
    "batch_size": BATCH,
    "validation": (X, Y),
    "metrics": {"validation_loss": jb.losses.mse},
    "record": first_bias,
}


def plain(tree):
    """Typed keys as their words, all else as NumPy."""
    return jax.tree.map(
        lambda a: np.asarray(
            jax.random.key_data(a) if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else a
        ),
        tree,
    )


def assert_same(a, b):
    """Every bit, every dtype and the structure."""
    a, b = plain(a), plain(b)
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def assert_close(a, b, rtol=1e-5, atol=1e-6):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=rtol, atol=atol), a, b)
