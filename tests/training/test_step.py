"""`init_state` and `step` against hand-written optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests.small import NOISY, RULE, X, Y, assert_close, assert_same, new_key

OPTIMIZERS = {
    "sgd": lambda: optax.sgd(0.1),
    "momentum": lambda: optax.sgd(0.1, 0.9, nesterov=True),
    "adam": lambda: optax.adam(0.03),
    "adamw": lambda: optax.adamw(0.03, weight_decay=0.1),
    "clip chain": lambda: optax.chain(optax.clip_by_global_norm(0.1), optax.adam(0.03)),
    "schedule": lambda: optax.sgd(optax.exponential_decay(0.1, 2, 0.5)),
    "injected": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.03),
    "extra args": lambda: optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau(patience=1)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step_is_the_hand_written_optax_loop(name):
    optimizer = OPTIMIZERS[name]()
    state = jb.init_state(RULE, optimizer, X[0], key=new_key())

    def loss(params):
        hidden = jnp.tanh(jnp.asarray(X) @ params[0]["kernel"] + params[0]["bias"][None])
        return jnp.mean((hidden @ params[2]["kernel"] + params[2]["bias"][None] - Y) ** 2)

    @jax.jit
    def by_hand(params, opt_state):
        value, grads = jax.value_and_grad(loss)(params)
        with jax.numpy_dtype_promotion("standard"):
            extra = optax.with_extra_args_support(optimizer)
            updates, opt_state = extra.update(grads, opt_state, params, value=value)
            return optax.apply_updates(params, updates), opt_state, value

    params, opt_state = state.params, optimizer.init(state.params)
    update = jax.jit(jb.step(RULE, optimizer))
    for _ in range(5):
        params, opt_state, expected = by_hand(params, opt_state)
        state, value = update(state, (X, Y))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert_close(state.params, params, rtol=1e-5, atol=1e-6)
    assert_close(state.opt_state, opt_state, rtol=1e-5, atol=1e-6)
    assert int(state.step) == 5 and state.step.dtype == jnp.int32


def test_step_does_not_touch_the_key():
    state = jb.init_state(NOISY, optax.sgd(0.1), X[0], key=new_key())
    after, _ = jb.step(NOISY, optax.sgd(0.1))(state, (X, Y))
    assert_same(after.key, state.key)


def test_a_jitted_step_returns_plain_arrays_in_the_memory_of_the_old_state():
    """A typed key, or any other leaf that JAX wraps in Python, is a third of a small step."""
    state = jb.init_state(NOISY, optax.adam(0.1), X[0], key=new_key())
    update = jax.jit(jb.step(NOISY, optax.adam(0.1)), donate_argnums=0)
    assert not any(jnp.issubdtype(a.dtype, jax.dtypes.extended) for a in jax.tree.leaves(state))
    kept = jax.tree.map(jnp.copy, state)
    first, loss = update(state, (X, Y))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    with pytest.raises(ValueError, match="check: the memory of this state was given to a later"):
        jb.check(state, [loss])
    again, same = update(kept, (X, Y))
    assert same == loss
    assert_same(again, first)


LEARNED = jnp.full(1, 0.1)  # a number of an optimizer, which its first state holds


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.lbfgs(0.1),
        optax.contrib.prodigy(0.1),
        optax.inject_hyperparams(optax.sgd)(learning_rate=LEARNED),
    ],
    ids=["params within", "params twice", "a constant"],
)
def test_the_arrays_of_a_first_state_are_its_own(optimizer):
    """One that is given, or stands in it twice, could not be donated, or would be lost."""
    params = RULE.network.init(new_key(), X[0])
    state = jb.init_state(RULE, optimizer, X[0], key=new_key(), params=params)
    update = jax.jit(jb.step(RULE, optimizer), donate_argnums=0)
    for _ in range(2):
        state, _ = update(state, (X, Y))
    assert not any(leaf.is_deleted() for leaf in (*jax.tree.leaves(params), LEARNED))


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_the_noise_is_that_of_the_typed_key(impl):
    """The words of the key and the key itself are one; another kind of key is not taken for it."""
    state = jb.init_state(NOISY, optax.sgd(0.0), X[0], key=jax.random.key(3, impl=impl))
    typed = jnp.issubdtype(state.key.dtype, jax.dtypes.prng_key)
    assert typed == (impl == "rbg")
    key = state.key if typed else jax.random.wrap_key_data(state.key, impl=impl)
    update = jax.jit(jb.step(NOISY, optax.sgd(0.0)))
    loss = NOISY.grads(state.params, (), X, Y, key=jax.random.fold_in(key, 0))[0]
    for form in (state, state._replace(key=jax.random.clone(key))):
        np.testing.assert_allclose(update(form, (X, Y))[1], loss, rtol=1e-6)


def test_init_from_an_example_and_from_its_shape():
    shape = jax.ShapeDtypeStruct((3,), jnp.float32)
    assert_same(
        jb.init_state(RULE, optax.adam(0.1), X[0], key=new_key()),
        jb.init_state(RULE, optax.adam(0.1), shape, key=new_key()),
    )


def test_every_step_has_noise_of_its_own():
    """At a learning rate of zero only the noise of dropout changes the loss."""
    state = jb.init_state(NOISY, optax.sgd(0.0), X[0], key=new_key())
    update = jax.jit(jb.step(NOISY, optax.sgd(0.0)))
    losses = []
    for _ in range(4):
        state, loss = update(state, (X, Y))
        losses.append(float(loss))
    assert len(set(losses)) == 4
