"""`run` and the loop inside `fit` against closed forms, finite differences and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxbrain as jb
from tests.small import ADAM, BATCH, NOISY, WATCHED, X, Y, assert_same, new_key


def test_full_batch_gradient_descent_has_the_closed_form():
    """w_k - w* = (I - lr H)^k (w_0 - w*) for the linear least-squares problem."""
    rule, epochs, rate = jb.backprop(jb.dense(1), jb.losses.mse), 60, 0.2
    first = jb.init_state(rule, optax.sgd(rate), X[0], key=new_key())
    state, history = jb.run(
        rule, optax.sgd(rate), (X, Y), key=new_key(), epochs=epochs, batch_size=None
    )
    design = np.hstack([X, np.ones((10, 1))]).astype("float64")
    hessian = 2 * design.T @ design / 10
    best = np.linalg.lstsq(design, Y.astype("float64"), rcond=None)[0]
    start = np.vstack([first.params["kernel"], first.params["bias"][None]]).astype("float64")
    decay = np.linalg.matrix_power(np.eye(4) - rate * hessian, epochs)
    expected = best + decay @ (start - best)
    np.testing.assert_allclose(state.params["kernel"], expected[:3], atol=2e-6)
    np.testing.assert_allclose(state.params["bias"], expected[3], atol=2e-6)
    assert history.step_loss.shape == (epochs, 1)
    np.testing.assert_allclose(history.loss[0], np.mean((design @ start - Y) ** 2), rtol=1e-5)


def test_fit_run_and_jitted_run_are_the_same_bit_for_bit():
    def ran(key, data):
        return jb.run(NOISY, ADAM, data, key=key, **WATCHED)

    fitted = jb.fit(NOISY, ADAM, (X, Y), key=new_key(), **WATCHED)
    assert_same(fitted, ran(new_key(), (X, Y)))
    assert_same(fitted, jax.jit(ran)(new_key(), (X, Y)))


def test_a_state_continues_exactly_where_it_stopped():
    def go(epochs, state=None):
        return jb.fit(
            NOISY, ADAM, (X, Y), key=new_key(), epochs=epochs, batch_size=BATCH, state=state
        )

    whole, history = go(40)
    half, first = go(15)
    rest, second = go(25, half)
    assert_same(whole, rest)
    joined = jax.tree.map(lambda *a: np.concatenate(a), first, second)
    assert_same(history, joined)


def test_the_key_matters_and_repeats():
    def final(seed):
        return jb.fit(NOISY, ADAM, (X, Y), key=jax.random.key(seed), epochs=2, batch_size=BATCH)

    assert_same(final(3), final(3))
    assert np.all(final(3)[1].step_loss != final(4)[1].step_loss)


def test_data_order_and_noise_do_not_depend_on_what_is_watched():
    """Validation, metrics and records look; they change nothing."""
    bare = jb.fit(NOISY, ADAM, (X, Y), key=new_key(), epochs=13, batch_size=BATCH)
    watched = jb.fit(NOISY, ADAM, (X, Y), key=new_key(), **WATCHED)
    assert_same(bare[0], watched[0])
    assert_same(bare[1].step_loss, watched[1].step_loss)


def test_gradient_through_a_run_is_that_of_finite_differences():
    rule = jb.backprop(jb.serial(jb.dense(1), jb.elementwise(jnp.tanh)), jb.losses.mse)
    with jax.enable_x64(True):
        data = X.astype("float64"), Y.astype("float64")

        @jax.jit
        def final_loss(rate):
            _, history = jb.run(
                rule, optax.sgd(rate), data, key=new_key(), epochs=5, batch_size=BATCH
            )
            return history.loss[-1]

        rate, tiny = jnp.float64(0.05), 1e-5
        numeric = (final_loss(rate + tiny) - final_loss(rate - tiny)) / (2 * tiny)
        exact = jax.grad(final_loss)(rate)
        assert exact.dtype == jnp.float64
        np.testing.assert_allclose(exact, numeric, rtol=1e-7)
        assert abs(float(exact)) > 1e-3
