"""Training on pytrees, tokens, and numbers of half and mixed precision."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.small import BATCH, NET, RULE, X, Y, assert_close, new_key


def two_inputs():
    """One network of a pytree of inputs."""
    inner = jb.dense(1)

    def init(key, x):
        return inner.init(key, jax.ShapeDtypeStruct((3,), x["a"].dtype))

    def apply(params, x, *, key=None):
        return inner.apply(params, jnp.concatenate([x["a"], x["b"][None]]), key=key)

    return jb.Network(init, apply)


@pytest.mark.slow
def test_inputs_may_be_a_pytree():
    data = ({"a": X[:, :2], "b": X[:, 2]}, Y)
    rule = jb.backprop(two_inputs(), jb.losses.mse)
    fitted = jb.fit(rule, optax.sgd(0.1), data, key=new_key(), epochs=13, batch_size=BATCH)
    flat = jb.run(
        jb.backprop(jb.dense(1), jb.losses.mse), optax.sgd(0.1), (X, Y),
        key=new_key(), epochs=13, batch_size=BATCH,
    )  # fmt: skip
    assert_close(fitted[0].params, flat[0].params)


@pytest.mark.slow
def test_targets_may_be_a_pytree():
    def weighted(prediction, target):
        return jb.losses.mse(prediction, target["y"]) * target["weight"]

    data = (X, {"y": Y, "weight": np.full(10, 2, "float32")})
    fitted = jb.fit(
        jb.backprop(jb.dense(1), weighted), optax.sgd(0.1), data,
        key=new_key(), epochs=3, batch_size=BATCH,
        validation=data, metrics={"weighted": weighted},
    )  # fmt: skip
    plain_run = jb.fit(
        jb.backprop(jb.dense(1), jb.losses.mse), optax.sgd(0.2), (X, Y),
        key=new_key(), epochs=3, batch_size=BATCH,
    )  # fmt: skip
    assert_close(fitted[0].params, plain_run[0].params)


@pytest.mark.slow
def test_integer_tokens():
    """The middle token of three names the class."""
    tokens = np.random.default_rng(1).integers(0, 5, (40, 3))
    net = jb.serial(jb.embed(5, 6), jb.flatten(), jb.dense(5))
    rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
    state, history = jb.fit(
        rule, optax.adam(0.05), (tokens, tokens[:, 1]), key=new_key(), epochs=30, batch_size=8
    )
    logits = jb.batch(net).apply(state.params, jnp.asarray(tokens.astype("int32")))
    np.testing.assert_array_equal(np.argmax(logits, axis=1), tokens[:, 1])
    assert history.loss[-1] < 0.1 < history.loss[0]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.slow
def test_half_precision_data_give_half_precision_params(dtype):
    x, y = jnp.asarray(X, dtype), jnp.asarray(Y, dtype)
    state, history = jb.fit(
        RULE, optax.sgd(0.1), (x, y), key=new_key(), epochs=20, batch_size=BATCH
    )
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state.params)} == {dtype}
    assert np.isfinite(history.loss.astype("float32")).all()
    assert float(history.loss[-1]) < 0.5 * float(history.loss[0])


def test_mixed_precision_keeps_params_and_loss_in_float32():
    rule = jb.backprop(jb.with_precision(NET, jnp.bfloat16), jb.losses.mse)
    state, history = jb.fit(
        rule, optax.adam(0.05), (X, Y), key=new_key(), epochs=20, batch_size=BATCH
    )
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state.params)} == {"float32"}
    assert history.loss.dtype == np.float32
    assert history.loss[-1] < 0.5 * history.loss[0]


@pytest.mark.parametrize(("dtype", "n"), [("float16", 40000), ("bfloat16", 515)])
def test_the_weights_of_the_batches_do_not_overflow_or_round_in_half_precision(dtype, n):
    """float16 ends at 65,504; bfloat16 has 8 bits, in which 257 rows are 256."""
    x = jnp.ones((n, 1), dtype)
    rule = jb.backprop(jb.dense(1, kernel_init=jax.nn.initializers.ones), jb.losses.mse)
    _, history = jb.run(
        rule, optax.sgd(0.0), (x, 3 * x), key=new_key(), epochs=1, batch_size=n // 2 + 1
    )
    np.testing.assert_allclose(history.step_loss.astype("float32"), 4, rtol=0.01)
    assert history.loss.astype("float32")[0] == 4
