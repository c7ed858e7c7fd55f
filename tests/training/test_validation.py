"""What goes wrong raises, and says where: in the data, in the shapes, in the numbers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = X[:, :1]
LABELS = np.arange(10) % 3
new_key = partial(jax.random.key, 0)


def chain(outputs):
    return jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(outputs))


REGRESSION = jb.backprop(chain(1), jb.losses.mse)
CLASSES = jb.backprop(chain(3), jb.losses.softmax_cross_entropy)


def fit(data, rule=REGRESSION, optimizer=None, **kwargs):
    arguments = {"key": new_key(), "epochs": 4, "batch_size": 4, **kwargs}
    return jb.fit(rule, optimizer or optax.sgd(0.1), data, **arguments)


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def finite(tree):
    return all(
        np.isfinite(np.asarray(leaf)).all()
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    )


# ------------------------------------------------ the eight faults of a training, one after another


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("wrap", [np.asarray, jnp.asarray])
def test_one_input_that_is_not_finite(value, wrap):
    bad = wrap(changed(X, (7, 2), value))
    with pytest.raises(ValueError, match=rf"x of data must be finite, .*\[7, 2\] it is {value}"):
        fit((bad, Y))
    with pytest.raises(ValueError, match=r"y of validation must be finite, .*\[7, 0\]"):
        fit(
            (X, Y), validation=(X, wrap(changed(Y, (7, 0), value))),
            metrics={"validation_loss": jb.losses.mse},
        )  # fmt: skip


def test_infinities_of_both_signs():
    with pytest.raises(ValueError, match=r"\[2, 1\] it is inf \(2 such values\)"):
        fit((changed(changed(X, (2, 1), np.inf), (3, 0), -np.inf), Y))


@pytest.mark.parametrize("label", [3, -1, 255])
def test_a_label_out_of_range(label):
    message = rf"labels must be in 0\.\.2 .* at index \[6\] it is {label}"
    with pytest.raises(ValueError, match=message):
        fit((X, changed(LABELS, 6, label)), CLASSES)


def test_a_label_out_of_range_for_validation():
    with pytest.raises(ValueError, match=r"validation.*labels must be in 0\.\.2.*\[6\] it is 3"):
        fit(
            (X, LABELS), CLASSES, validation=(X, changed(LABELS, 6, 3)),
            metrics={"validation_loss": jb.losses.softmax_cross_entropy},
        )  # fmt: skip


def test_a_label_that_only_the_loss_sees_is_found_in_the_history():
    """Inside a pytree of the user's nobody knows that it is a label."""

    def loss(prediction, target):
        return jb.losses.softmax_cross_entropy(prediction, target.astype("int32"))

    with pytest.raises(jb.NonFiniteError, match=r"at step [012] \(epoch 0\) the loss is nan"):
        fit((X, changed(LABELS, 6, -1).astype("float32")), jb.backprop(chain(3), loss))


def test_the_gradient_of_a_norm_at_zero():
    """The loss is finite, the gradient is not: with one step only the parameters show it."""

    def distance(prediction, target):
        return jnp.linalg.norm(prediction)

    zero = jb.dense(1, kernel_init=jax.nn.initializers.zeros)
    with pytest.raises(jb.NonFiniteError, match=r"at step 0 .*params\['kernel'\]") as caught:
        fit((X, Y), jb.backprop(zero, distance), epochs=1, batch_size=None)
    assert caught.value.step == 0
    with pytest.raises(jb.NonFiniteError, match=r"at step 1 \(epoch 0\) the loss is nan"):
        fit((X, Y), jb.backprop(zero, distance))


def test_the_logarithm_of_a_softmax_that_underflows():
    def naive(prediction, target):
        return -jnp.log(jax.nn.softmax(1e4 * prediction))[target]

    with pytest.raises(jb.NonFiniteError, match=r"at step 0 \(epoch 0\) the loss is inf") as caught:
        fit((X, LABELS), jb.backprop(chain(3), naive))
    assert "params[0]['kernel']" in str(caught.value)


def test_a_learning_rate_of_1e38():
    with pytest.raises(jb.NonFiniteError, match=r"at step 1 \(epoch 0\)") as caught:
        fit((X, Y), optimizer=optax.sgd(1e38))
    error = caught.value
    assert error.step == 1 and int(error.state.step) == 0 and len(error.history.loss) == 0
    assert finite(error.state)
    # What it kept goes on under a better rate, as if nothing had happened.
    state, _ = fit((X, Y), optimizer=optax.sgd(0.1), state=error.state)
    again, _ = fit((X, Y), optimizer=optax.sgd(0.1))
    np.testing.assert_array_equal(state.params[0]["kernel"], again.params[0]["kernel"])


LOSSES = [jb.losses.half_mse, jb.losses.mse, jb.losses.binary_cross_entropy]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["float32", "int32", "bool"])
def test_a_row_of_targets_for_a_column_of_outputs(loss, kind):
    row = (X[:, 0] > 0).astype(kind)
    with pytest.raises(ValueError, match=r"y\[:, None\]"):
        fit((X, row), jb.backprop(chain(1), loss))


def scalar_output():
    inner = jb.dense(1)

    def apply(params, x, *, key=None):
        return inner.apply(params, x)[0]

    return jb.Network(inner.init, apply)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_column_of_targets_for_a_row_of_outputs(loss):
    with pytest.raises(ValueError, match=r"shape of the prediction, \(\), got \(1,\)"):
        fit((X, (Y > 0).astype("float32")), jb.backprop(scalar_output(), loss))


def test_a_column_of_labels():
    with pytest.raises(ValueError, match=r"y\[:, 0\]"):
        fit((X, LABELS[:, None]), CLASSES)


def test_a_loss_of_the_users_that_broadcasts():
    """optax's huber_loss broadcasts silently; what it gives for one example is no scalar."""
    with pytest.raises(ValueError, match=r"loss must map one example to a scalar.*\(1,\)"):
        fit((X, Y[:, 0]), jb.backprop(chain(1), optax.losses.huber_loss))


def test_a_row_of_targets_in_a_metric():
    with pytest.raises(ValueError, match=r"y\[:, None\]"):
        fit((X, Y), validation=(X, Y[:, 0]), metrics={"accuracy": jb.accuracy})


# ------------------------------------------------------------------------- which step, which state


def failing():
    """Three steps an epoch; the loss is nan at the step that y names, else finite."""

    def init(key, params, x):
        return jnp.int32(0)

    def grads(params, state, x, y, *, key=None):
        loss = jnp.where(state == y[0, 0].astype("int32"), jnp.nan, 1.0)
        return loss, jax.tree.map(jnp.ones_like, params), state + 1

    return jb.LearningRule(init, grads, jb.dense(1))


FAILING = failing()


@pytest.mark.parametrize("at", [0, 2, 3, 100, 1000])
@pytest.mark.parametrize("hook", [None, lambda info: None], ids=["no hook", "hook"])
def test_the_step_and_the_last_finite_state(at, hook):
    """At any place in any chunk; the parameters stay finite, only the loss shows it."""
    with pytest.raises(jb.NonFiniteError) as caught:
        fit((X, np.full_like(Y, at)), FAILING, epochs=2000, on_chunk=hook)
    error = caught.value
    assert f"at step {at} (epoch {at // 3}) the loss is nan" in str(error)
    assert error.step == at
    epochs = len(error.history.loss)
    assert epochs == len(error.history.step_loss) and epochs <= at // 3
    assert hook is None or epochs == at // 3
    assert int(error.state.step) == 3 * epochs
    assert finite(error.state) and finite(error.history)
    assert f"state of epoch {epochs}" in str(error)


def test_a_rate_that_explodes_keeps_what_was_learned_before():
    """Steps 0 to 29 are good, the 30th update is enormous."""
    schedule = optax.piecewise_constant_schedule(0.01, {30: 1e38})
    with pytest.raises(jb.NonFiniteError) as caught:
        fit((X, Y), optimizer=optax.sgd(schedule), epochs=100, on_chunk=lambda info: None)
    error = caught.value
    assert error.step in (31, 32) and int(error.state.step) == 30
    good, history = fit((X, Y), optimizer=optax.sgd(schedule), epochs=10)
    np.testing.assert_array_equal(error.state.params[0]["kernel"], good.params[0]["kernel"])
    np.testing.assert_array_equal(error.history.step_loss, history.step_loss)


def test_a_failure_is_not_saved(tmp_path):
    schedule = optax.piecewise_constant_schedule(0.01, {30: 1e38})
    with pytest.raises(jb.NonFiniteError) as caught:
        fit((X, Y), optimizer=optax.sgd(schedule), epochs=100, checkpoint=tmp_path)
    like = (caught.value.state, caught.value.history)
    state, history = jb.checkpoint.restore(tmp_path / "training.ckpt", like)
    assert finite((state, history)) and int(state.step) == 3 * len(history.loss)


def test_a_final_loss_of_infinity_is_an_error_too():
    def loss(prediction, target):
        return jnp.sum(prediction * 0) + jnp.inf

    with pytest.raises(jb.NonFiniteError, match=r"the loss is (inf|nan)"):
        fit((X, Y), jb.backprop(chain(1), loss))


# --------------------------------------------------------------------------------- bad data


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        ((X, Y[:9]), ValueError, r"one target for each example, got .*\(10, 3\), \(9, 1\)"),
        (({"a": X, "b": X[:9]}, Y), ValueError, r"one target for each example.*\(9, 3\)"),
        ((X[:0], Y[:0]), ValueError, "data is empty"),
        ((X, np.float32(1.0)), ValueError, "one target for each example"),
        ((), TypeError, r"data must be a pair \(x, y\), got tuple"),
        (X, TypeError, r"data must be a pair \(x, y\), got ndarray"),
        ((X, Y, Y), TypeError, r"data must be a pair \(x, y\), got tuple"),
        ({"x": X, "y": Y}, TypeError, r"data must be a pair \(x, y\), got dict"),
        ((X.astype(object), Y), TypeError, "x of data must be an array of numbers, got dtype obj"),
        ((X, Y.astype(str)), TypeError, "y of data must be an array of numbers, got dtype <U"),
        ((X.astype("M8[s]"), Y), TypeError, "x of data must be an array of numbers, got dtype da"),
        ((np.zeros(10, "f4,f4"), Y), TypeError, "x of data must be an array of numbers"),
        ((np.full((10, 3), 2**40), Y), ValueError, "x of data is int64 and does not fit.*int32"),
        ((X, np.full((10, 1), -(2**31) - 1)), ValueError, "y of data is int64 and does not fit"),
        ((np.full((10, 3), 2**32, "uint64"), Y), ValueError, "is uint64 and does not fit.*uint32"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_data(data, kind, message):
    with pytest.raises(kind, match=message):
        fit(data)


def test_lists_of_numbers_are_arrays():
    got, _ = fit((X.tolist(), Y.tolist()))
    expected, _ = fit((X, Y))
    np.testing.assert_array_equal(got.params[0]["kernel"], expected.params[0]["kernel"])


def test_float64_that_overflows_float32_names_the_place_and_the_number():
    with pytest.raises(ValueError, match=r"x of data .*\[7, 2\].*1e\+300") as caught:
        fit((changed(X.astype("float64"), (7, 2), 1e300), Y))
    assert "float32" in str(caught.value)


@pytest.mark.parametrize("wrap", [np.asarray, jnp.asarray])
def test_finite_numbers_whose_sum_overflows_are_no_alarm(wrap):
    """The quick look is a sum; only a second look may accuse."""
    large = np.where(np.arange(30).reshape(10, 3) < 15, 3e38, -3e38).astype("float32")
    _, history = fit((wrap(large), Y), optimizer=optax.sgd(0.0))
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64"])
def test_data_of_integers(kind):
    """The network's answer is that for the same numbers in float32."""
    x = (np.abs(X) * 3).astype(kind)
    got, _ = fit((x, Y))
    expected, _ = fit((x.astype("float32"), Y))
    np.testing.assert_allclose(
        got.params[0]["kernel"], expected.params[0]["kernel"], rtol=1e-5, atol=1e-6
    )


def test_images_of_bytes():
    """As they come from an IDX file."""
    images = RNG.integers(0, 256, (6, 4, 4, 1), "uint8")
    net = jb.serial(jb.conv(2, (3, 3)), jb.flatten(), jb.dense(3))
    rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
    _, history = fit((images, LABELS[:6]), rule, optimizer=optax.sgd(1e-6), epochs=1)
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize("kind", ["bool", "int64"])
def test_binary_targets_of_any_kind(kind):
    rule = jb.backprop(chain(1), jb.losses.binary_cross_entropy)
    got, _ = fit((X, (X[:, :1] > 0).astype(kind)), rule)
    expected, _ = fit((X, (X[:, :1] > 0).astype("float32")), rule)
    np.testing.assert_allclose(got.params[0]["kernel"], expected.params[0]["kernel"], rtol=1e-5)


def test_labels_of_bytes():
    got, _ = fit((X, LABELS.astype("uint8")), CLASSES)
    expected, _ = fit((X, LABELS.astype("int32")), CLASSES)
    np.testing.assert_array_equal(got.params[0]["kernel"], expected.params[0]["kernel"])


def test_float_labels():
    with pytest.raises(TypeError, match=r"labels .* must be integers, got float32.*astype"):
        fit((X, LABELS.astype("float32")), CLASSES)


def test_one_hot_labels_are_a_distribution():
    one_hot = np.eye(3, dtype="float32")[LABELS]
    got, expected = fit((X, one_hot), CLASSES)[1], fit((X, LABELS), CLASSES)[1]
    np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-5)


def test_another_number_of_features():
    state, _ = fit((X, Y))
    with pytest.raises(
        ValueError, match=r"params\[0\]\['kernel'\] is .*\[3, 4\], expected .*\[2, 4\]"
    ):
        fit((X[:, :2], Y), state=state)
    with pytest.raises(ValueError, match=r"made for 3 input features, got .*\(2,\)"):
        fit((X, Y), validation=(X[:, :2], Y), metrics={"validation_loss": jb.losses.mse})
    with pytest.raises(ValueError, match=r"made for 3 input features, got .*\(2,\)"):
        jb.evaluate(chain(1), state.params, (X[:, :2], Y), {"loss": jb.losses.mse})


def test_unknown_keywords():
    with pytest.raises(TypeError, match="batchsize"):
        fit((X, Y), batchsize=4)
    with pytest.raises(TypeError, match="epoch"):
        jb.run(REGRESSION, optax.sgd(0.1), (X, Y), key=new_key(), epoch=3)


def test_hyperparameters_are_not_positional():
    with pytest.raises(TypeError, match="positional"):
        jb.fit(REGRESSION, optax.sgd(0.1), (X, Y), new_key(), 3)
    with pytest.raises(TypeError, match="positional"):
        jb.run(REGRESSION, optax.sgd(0.1), (X, Y), new_key(), 3)


def test_a_number_instead_of_a_key():
    with pytest.raises(TypeError, match="key"):
        fit((X, Y), key=0)


def test_a_network_instead_of_a_rule():
    with pytest.raises(TypeError, match=r"rule must be a LearningRule.*backprop"):
        jb.fit(chain(1), optax.sgd(0.1), (X, Y), key=new_key(), epochs=1)


def test_the_data_of_the_caller_are_not_changed():
    x, y = X.copy(), LABELS.copy()
    fit((x, y), CLASSES)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, LABELS)


def test_a_metric_that_is_nan_warns_once():
    """The training goes on, but not silently."""
    wrong = Y.at[0, 0].set(2.0) if hasattr(Y, "at") else np.where(np.arange(Y.size) == 0, 2.0, 0.5)
    wrong = jnp.asarray(wrong, "float32").reshape(Y.shape)
    metrics = {"entropy": jb.losses.binary_cross_entropy}
    with pytest.warns(UserWarning, match="metric 'entropy' is nan.*epoch 1") as found:
        _, history = fit((X, Y), validation=(X, wrong), metrics=metrics, epochs=3)
    assert len(found) == 1 and np.isnan(history.metrics["entropy"]).all()
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize("name", ["loss", "step_loss"])
def test_a_metric_does_not_take_the_name_of_the_training_loss(name):
    with pytest.raises(ValueError, match=f"cannot be called '{name}'.*validation_loss"):
        fit((X, Y), validation=(X, Y), metrics={name: jb.losses.mse})
