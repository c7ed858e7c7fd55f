"""`step`, `run` and the loop inside `fit` against NumPy, hand-written optax and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.shuffling import shuffle

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1)) + 0.3).astype("float32")
KEY = jax.random.key(0)
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
    "metrics": {"loss": jb.losses.mse},
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


# ---------------------------------------------------------------------------------------- step

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
    state = jb.init_state(RULE, optimizer, X[0], key=KEY)

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
    state = jb.init_state(NOISY, optax.sgd(0.1), X[0], key=KEY)
    after, _ = jb.step(NOISY, optax.sgd(0.1))(state, (X, Y))
    assert_same(after.key, state.key)


def test_init_from_an_example_and_from_its_shape():
    shape = jax.ShapeDtypeStruct((3,), jnp.float32)
    assert_same(
        jb.init_state(RULE, optax.adam(0.1), X[0], key=KEY),
        jb.init_state(RULE, optax.adam(0.1), shape, key=KEY),
    )


def test_full_batch_gradient_descent_has_the_closed_form():
    """w_k - w* = (I - lr H)^k (w_0 - w*) for the linear least-squares problem."""
    rule, epochs, rate = jb.backprop(jb.dense(1), jb.losses.mse), 60, 0.2
    first = jb.init_state(rule, optax.sgd(rate), X[0], key=KEY)
    state, history = jb.run(rule, optax.sgd(rate), (X, Y), key=KEY, epochs=epochs, batch_size=None)
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


# ----------------------------------------------------------------------------------------- run


def spy(rule, epochs, n=len(X)):
    """The same rule, its state the order in which the rows came (their index is feature 0)."""

    def init(key, params, x):
        return jnp.full(epochs * n, -1), jnp.int32(0)

    def grads(params, state, x, y, *, key=None):
        loss, gradient, _ = rule.grads(params, (), x, y, key=key)
        seen, at = state
        seen = jax.lax.dynamic_update_slice(seen, x[:, 0].astype("int32"), (at,))
        return loss, gradient, (seen, at + x.shape[0])

    return jb.LearningRule(init, grads, rule.network, "spy")


NUMBERED = np.concatenate([np.arange(10, dtype="float32")[:, None], X[:, 1:]], axis=1)


@pytest.fixture(scope="module")
def spied():
    return jb.run(spy(NOISY, 6), ADAM, (NUMBERED, Y), key=KEY, epochs=6, batch_size=BATCH)


def test_every_row_is_used_once_an_epoch_in_a_new_order(spied):
    orders = np.asarray(spied[0].rule_state[0]).reshape(6, 10)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(10), (6, 1)))
    assert len({tuple(order) for order in orders}) == 6


def test_run_is_a_python_loop_of_steps_over_the_same_batches(spied):
    state = jb.init_state(NOISY, ADAM, NUMBERED[0], key=KEY)
    update, losses = jax.jit(jb.step(NOISY, ADAM)), []
    for order in np.asarray(spied[0].rule_state[0]).reshape(6, 10):
        for rows in (order[:4], order[4:8], order[8:]):
            state, loss = update(state, (NUMBERED[rows], Y[rows]))
            losses.append(loss)
    assert_close(spied[0].params, state.params)
    assert_close(spied[0].opt_state, state.opt_state)
    assert int(spied[0].step) == int(state.step) == 18
    np.testing.assert_allclose(spied[1].step_loss.ravel(), losses, rtol=1e-5)


def test_the_last_batch_counts_with_its_true_weight(spied):
    """The mean over rows, which the mean of the batch means is not."""
    weighted = np.asarray(spied[1].step_loss) @ [0.4, 0.4, 0.2]
    np.testing.assert_allclose(spied[1].loss, weighted, rtol=1e-5)
    assert np.abs(spied[1].loss - np.mean(spied[1].step_loss, axis=1)).max() > 1e-2


def test_the_loss_of_an_epoch_is_the_mean_over_its_examples():
    """With a learning rate of 0 it does not depend on the order or on the batch size."""
    rule = jb.backprop(jb.dense(1), jb.losses.half_mse)
    params = jb.init_state(rule, optax.sgd(0.0), X[0], key=KEY).params
    prediction = X @ np.asarray(params["kernel"]) + np.asarray(params["bias"])
    for size in (4, 10):
        _, history = jb.run(rule, optax.sgd(0.0), (X, Y), key=KEY, epochs=2, batch_size=size)
        np.testing.assert_allclose(history.loss, np.mean((prediction - Y) ** 2) / 2, rtol=1e-5)


@pytest.mark.parametrize("n", [2, 4])
def test_the_order_is_a_uniform_permutation(n):
    keys = jax.random.split(KEY, 6000)
    orders = np.asarray(jax.jit(jax.vmap(lambda k: shuffle(k, n)))(keys))
    kinds, counts = np.unique(orders, axis=0, return_counts=True)
    expected = 6000 / {2: 2, 4: 24}[n]
    assert len(kinds) == {2: 2, 4: 24}[n]
    chi_square = np.sum((counts - expected) ** 2 / expected)
    assert chi_square < {2: 15.1, 4: 55.0}[n]  # p = 1e-4 and 2e-4


@pytest.mark.parametrize("n", [1, 3, 1347])
def test_the_order_is_a_permutation(n):
    order = np.asarray(shuffle(KEY, n))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    other = np.asarray(shuffle(jax.random.key(1), n))
    assert n < 4 or (order != other).any()
    # Neighbours part: as neighbours by chance stay 2 of n pairs.
    assert n < 64 or np.sum(np.abs(np.diff(order)) == 1) < 12


def test_fit_run_and_jitted_run_are_the_same_bit_for_bit():
    def ran(key, data):
        return jb.run(NOISY, ADAM, data, key=key, **WATCHED)

    fitted = jb.fit(NOISY, ADAM, (X, Y), key=KEY, **WATCHED)
    assert_same(fitted, ran(KEY, (X, Y)))
    assert_same(fitted, jax.jit(ran)(KEY, (X, Y)))


def test_a_batch_larger_than_the_data_is_the_full_batch():
    runs = [
        jb.fit(RULE, optax.sgd(0.1), (X, Y), key=KEY, epochs=3, batch_size=size)
        for size in (None, 10, 11, 10**9)
    ]
    for other in runs[1:]:
        assert_same(runs[0], other)
    assert int(runs[0][0].step) == 3
    assert runs[0][1].step_loss.shape == (3, 1)


def test_a_batch_of_one_and_data_of_one():
    state, history = jb.fit(RULE, optax.sgd(0.1), (X[:1], Y[:1]), key=KEY, epochs=2, batch_size=1)
    assert int(state.step) == 2 and history.step_loss.shape == (2, 1)


def test_a_state_continues_exactly_where_it_stopped():
    def go(epochs, state=None):
        return jb.fit(NOISY, ADAM, (X, Y), key=KEY, epochs=epochs, batch_size=BATCH, state=state)

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
    bare = jb.fit(NOISY, ADAM, (X, Y), key=KEY, epochs=13, batch_size=BATCH)
    watched = jb.fit(NOISY, ADAM, (X, Y), key=KEY, **WATCHED)
    assert_same(bare[0], watched[0])
    assert_same(bare[1].step_loss, watched[1].step_loss)


def noisy_output():
    """Predicts its own noise, so that the loss shows it; without a key it predicts 0."""

    def init(key, x):
        return jnp.zeros(1)

    def apply(params, x, *, key=None):
        return params * 0 + (0.0 if key is None else jax.random.normal(key, (1,)))

    return jb.Network(init, apply, (), "noise")


@pytest.mark.parametrize(
    "make",
    [
        jb.backprop,
        jb.feedback_alignment,
        jb.direct_feedback_alignment,
        jb.predictive_coding,
    ],
)
def test_no_key_is_used_twice(make):
    """Where the same noise is meant (a mask, forward and back), `jax.random.clone` says so."""
    rule = make(jb.serial(jb.dense(4), jb.dropout(0.3), jb.dense(1)), jb.losses.mse)
    with jax.debug_key_reuse(True):
        state = jax.jit(lambda key: jb.init_state(rule, ADAM, X[0], key=key))(jax.random.key(2))
        jax.jit(jb.step(rule, ADAM))(state, (X, Y))


def test_noise_differs_by_step_and_example_and_is_off_in_metrics():
    rule = jb.backprop(noisy_output(), lambda prediction, target: prediction[0])
    _, history = jb.fit(
        rule, optax.sgd(0.0), (X, Y), key=KEY, epochs=30, batch_size=5,
        validation=(X, Y), metrics={"squared": jb.losses.mse, "noise": squared_prediction},
    )  # fmt: skip
    losses = history.step_loss.ravel()
    assert len(set(losses.tolist())) == 60
    assert np.all(history.metrics["noise"] == 0)
    # The mean of 5 independent normals has variance 1/5; one noise for the batch would give 1.
    assert 0.1 < np.var(losses) < 0.4


def squared_prediction(prediction, target):
    return jnp.sum(prediction**2)


def test_gradient_through_a_run_is_that_of_finite_differences():
    rule = jb.backprop(jb.serial(jb.dense(1), jb.elementwise(jnp.tanh)), jb.losses.mse)
    with jax.enable_x64(True):
        data = X.astype("float64"), Y.astype("float64")

        @jax.jit
        def final_loss(rate):
            _, history = jb.run(rule, optax.sgd(rate), data, key=KEY, epochs=5, batch_size=BATCH)
            return history.loss[-1]

        rate, tiny = jnp.float64(0.05), 1e-5
        numeric = (final_loss(rate + tiny) - final_loss(rate - tiny)) / (2 * tiny)
        exact = jax.grad(final_loss)(rate)
        assert exact.dtype == jnp.float64
        np.testing.assert_allclose(exact, numeric, rtol=1e-7)
        assert abs(float(exact)) > 1e-3


# ------------------------------------------------------------------------- history and states


def test_history_of_metrics_and_records():
    state, history = jb.fit(
        RULE, optax.adam(0.05), (X, Y), key=KEY, epochs=13, batch_size=BATCH,
        validation=(X[:7], Y[:7]), metrics={"loss": jb.losses.mse, "error": error},
        record=lambda s: (s.params, {"norm": optax.tree.norm(s.params)}, s.step > 5),
    )  # fmt: skip
    assert history.loss.shape == (13,) and history.step_loss.shape == (13, STEPS)
    assert set(history.metrics) == {"loss", "error"}
    params, norm, late = history.record
    for leaf in jax.tree.leaves(history):
        assert isinstance(leaf, np.ndarray) and len(leaf) == 13
    assert_same(jax.tree.map(lambda a: a[-1], params), state.params)
    hidden = np.einsum("ni,eij->enj", X[:7], params[0]["kernel"]) + params[0]["bias"][:, None]
    hidden = np.tanh(hidden)
    output = np.einsum("enj,ejk->enk", hidden, params[2]["kernel"]) + params[2]["bias"][:, None]
    expected = np.mean((output - Y[:7]) ** 2, axis=(1, 2))
    np.testing.assert_allclose(history.metrics["loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(
        history.metrics["error"], np.mean(output - Y[:7], axis=1)[:, 0], rtol=1e-4, atol=1e-6
    )
    norms = [optax.tree.norm(jax.tree.map(lambda a, i=i: a[i], params)) for i in range(13)]
    np.testing.assert_allclose(norm["norm"], norms, rtol=1e-6)
    np.testing.assert_array_equal(late, np.arange(13) >= 1)
    assert late.dtype == bool


def error(prediction, target):
    return jnp.sum(prediction - target)


def test_callers_arrays_are_usable_after_fit():
    """Buffers may be donated inside; never those of the caller."""
    x, y = jnp.asarray(X), jnp.asarray(Y)
    state = jb.init_state(NOISY, ADAM, x[0], key=KEY)
    before = plain(state)
    jb.fit(NOISY, ADAM, (x, y), key=KEY, state=state, **{**WATCHED, "validation": (x, y)})
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((state, x, y, KEY)))
    assert_same(before, state)


def test_callers_numpy_arrays_are_neither_changed_nor_watched():
    """device_put may alias NumPy memory: what a user does with it later must not reach a result."""
    x, y = X.copy(), Y.copy()
    state, history = jb.fit(NOISY, ADAM, (x, y), key=KEY, epochs=2, batch_size=BATCH)
    before = plain((state, history))
    np.testing.assert_array_equal(x, X)
    x[:] = 7
    assert_same(before, (state, history))


# --------------------------------------------------------------------------------- kinds of data


def two_inputs():
    """One network of a pytree of inputs."""
    inner = jb.dense(1)

    def init(key, x):
        return inner.init(key, jax.ShapeDtypeStruct((3,), x["a"].dtype))

    def apply(params, x, *, key=None):
        return inner.apply(params, jnp.concatenate([x["a"], x["b"][None]]), key=key)

    return jb.Network(init, apply, (), "two_inputs")


def test_inputs_may_be_a_pytree():
    data = ({"a": X[:, :2], "b": X[:, 2]}, Y)
    rule = jb.backprop(two_inputs(), jb.losses.mse)
    fitted = jb.fit(rule, optax.sgd(0.1), data, key=KEY, epochs=13, batch_size=BATCH)
    flat = jb.run(
        jb.backprop(jb.dense(1), jb.losses.mse), optax.sgd(0.1), (X, Y),
        key=KEY, epochs=13, batch_size=BATCH,
    )  # fmt: skip
    assert_close(fitted[0].params, flat[0].params)


def test_targets_may_be_a_pytree():
    def weighted(prediction, target):
        return jb.losses.mse(prediction, target["y"]) * target["weight"]

    data = (X, {"y": Y, "weight": np.full(10, 2, "float32")})
    fitted = jb.fit(
        jb.backprop(jb.dense(1), weighted), optax.sgd(0.1), data,
        key=KEY, epochs=3, batch_size=BATCH,
        validation=data, metrics={"weighted": weighted},
    )  # fmt: skip
    plain_run = jb.fit(
        jb.backprop(jb.dense(1), jb.losses.mse), optax.sgd(0.2), (X, Y),
        key=KEY, epochs=3, batch_size=BATCH,
    )  # fmt: skip
    assert_close(fitted[0].params, plain_run[0].params)


def test_integer_tokens():
    """The middle token of three names the class."""
    tokens = np.random.default_rng(1).integers(0, 5, (40, 3))
    net = jb.serial(jb.embed(5, 6), jb.flatten(), jb.dense(5))
    rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
    state, history = jb.fit(
        rule, optax.adam(0.05), (tokens, tokens[:, 1]), key=KEY, epochs=30, batch_size=8
    )
    logits = jb.batch(net).apply(state.params, jnp.asarray(tokens.astype("int32")))
    np.testing.assert_array_equal(np.argmax(logits, axis=1), tokens[:, 1])
    assert history.loss[-1] < 0.1 < history.loss[0]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_data_give_half_precision_params(dtype):
    x, y = jnp.asarray(X, dtype), jnp.asarray(Y, dtype)
    state, history = jb.fit(RULE, optax.sgd(0.1), (x, y), key=KEY, epochs=20, batch_size=BATCH)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state.params)} == {dtype}
    assert np.isfinite(history.loss.astype("float32")).all()
    assert float(history.loss[-1]) < 0.5 * float(history.loss[0])


def test_mixed_precision_keeps_params_and_loss_in_float32():
    rule = jb.backprop(jb.with_precision(NET, jnp.bfloat16), jb.losses.mse)
    state, history = jb.fit(rule, optax.adam(0.05), (X, Y), key=KEY, epochs=20, batch_size=BATCH)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state.params)} == {"float32"}
    assert history.loss.dtype == np.float32
    assert history.loss[-1] < 0.5 * history.loss[0]


@pytest.mark.parametrize(("dtype", "n"), [("float16", 40000), ("bfloat16", 515)])
def test_the_weights_of_the_batches_do_not_overflow_or_round_in_half_precision(dtype, n):
    """float16 ends at 65,504; bfloat16 has 8 bits, in which 257 rows are 256."""
    x = jnp.ones((n, 1), dtype)
    rule = jb.backprop(jb.dense(1, kernel_init=jax.nn.initializers.ones), jb.losses.mse)
    _, history = jb.run(rule, optax.sgd(0.0), (x, 3 * x), key=KEY, epochs=1, batch_size=n // 2 + 1)
    np.testing.assert_allclose(history.step_loss.astype("float32"), 4, rtol=0.01)
    assert history.loss.astype("float32")[0] == 4


# ---------------------------------------------------------------------------------- bad arguments


@pytest.mark.parametrize("train", [jb.run, jb.fit])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"epochs": 2.0}, "epochs must be a positive integer, got 2.0"),
        ({"epochs": True}, "epochs must be a positive integer, got True"),
        ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
        ({"batch_size": -3}, "batch_size must be a positive integer, got -3"),
        ({"validation": (X, Y)}, "metrics.* is missing"),
        ({"validation": (X, Y), "metrics": {}}, "metrics.* is missing"),
        ({"metrics": {"loss": jb.losses.mse}}, r"validation=\(x, y\) is missing"),
        ({"validation": (X, Y[:3]), "metrics": {"l": jb.losses.mse}}, "validation.*one target"),
        ({"validation": (X[:0], Y[:0]), "metrics": {"l": jb.losses.mse}}, "validation is empty"),
    ],
)
def test_bad_arguments(train, kwargs, message):
    kwargs = {"key": KEY, "epochs": 1, "batch_size": BATCH, **kwargs}
    with pytest.raises(ValueError, match=message):
        train(RULE, optax.sgd(0.1), (X, Y), **kwargs)


@pytest.mark.parametrize("train", [jb.run, jb.fit])
def test_validation_that_is_no_pair(train):
    with pytest.raises(TypeError, match=r"validation must be a pair \(x, y\), got ndarray"):
        train(
            RULE, optax.sgd(0.1), (X, Y), key=KEY, epochs=1,
            validation=X, metrics={"l": jb.losses.mse},
        )  # fmt: skip


@pytest.mark.parametrize("train", [jb.run, jb.fit])
def test_numpy_integers_are_integers(train):
    state, _ = train(
        RULE, optax.sgd(0.1), (X, Y), key=KEY, epochs=np.int64(2), batch_size=np.int32(BATCH)
    )
    assert int(state.step) == 2 * STEPS
