"""What compiles and what does not, counted by the Python calls of a function of the user's."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from tests import compilations

X = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
Y = X[:, :1]
CALLS = []
NEW_KEYS = [jax.random.key(0) for _ in range(80)]  # made before tracing is forbidden


@pytest.fixture(autouse=True, scope="module")
def no_check_of_keys():
    """The check of keys traces programs by itself."""
    with jax.debug_key_reuse(False):
        yield


def counted(x):
    """Python calls it only while tracing."""
    CALLS.append(1)
    return jnp.tanh(x)


def record(state):
    return state.params[0]["bias"]


def network():
    return jb.serial(
        jb.dense(4, kernel_init=jax.nn.initializers.normal(0.5)),
        jb.elementwise(counted),
        jb.residual(jb.serial(jb.layer_norm(), jb.dropout(0.1))),
        jb.dense(1),
    )


def smooth_net():
    return jb.serial(jb.dense(4), jb.elementwise(counted), jb.dense(1))


def fit(optimizer=None, *, net=network, rule=jb.backprop, data=(X, Y), **kwargs):
    """Everything built anew; returns how often `counted` was called, and the result."""
    CALLS.clear()
    arguments = {"key": NEW_KEYS.pop(), "epochs": 2, "batch_size": 4, **kwargs}
    result = jb.fit(
        rule(net(), jb.losses.mse), optimizer or optax.adam(1e-3), data,
        validation=(X, Y), metrics={"validation_loss": jb.losses.mse}, record=record, **arguments,
    )  # fmt: skip
    return len(CALLS), result


@pytest.fixture(scope="module")
def first():
    return fit()


def test_the_first_fit_traces_a_few_times(first):
    """init, the check of labels, two sizes of batches, the metrics."""
    assert 3 <= first[0] <= 6


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"key": jax.random.key(7)},
        {"epochs": 50},
        {"optimizer": optax.adam(3e-2)},
        {"data": (X + 1, Y - 1)},
        {"data": (jnp.asarray(X), jnp.asarray(Y))},
        {"data": (X.astype("float64"), Y.astype("float64"))},
        {"on_chunk": lambda info: None},
        {"progress": False},
    ],
    ids=["same", "seed", "epochs", "rate", "data", "device", "float64", "hook", "progress"],
)
def test_a_second_fit_traces_nothing(first, change):
    with compilations.programs() as programs:
        calls, _ = fit(**change)
    assert (calls, programs.traced, programs.compiled) == (0, 0, 0)


def test_the_first_fit_compiles_three_programs():
    """Weights, state and training."""
    net = jb.serial(jb.dense(7), jb.elementwise(jnp.tanh), jb.dense(1))
    with compilations.programs() as programs:
        state, _ = jb.fit(
            jb.backprop(net, jb.losses.mse), optax.adam(1e-3), (X, Y), key=NEW_KEYS.pop(), epochs=1
        )
    assert programs.compiled == 3
    alone = jb.init_state(jb.backprop(net, jb.losses.mse), optax.sgd(0.0), X[0], key=NEW_KEYS.pop())
    np.testing.assert_array_equal(state.key, alone.key)


def test_an_eager_run_of_library_functions_compiles_once():
    def trained(rate, activation):
        net = jb.serial(jb.dense(6), jb.elementwise(activation), jb.dense(1))
        rule = jb.backprop(net, jb.losses.mse)
        return jb.run(rule, optax.sgd(rate), (X, Y), key=NEW_KEYS.pop(), epochs=2, batch_size=5)

    first, _ = trained(0.1, jnp.tanh)
    with compilations.programs() as programs:
        again, _ = trained(0.1, jnp.tanh)
        other, _ = trained(0.2, jnp.tanh)
    assert programs.traced == programs.compiled == 0
    kernels = [state.params[0]["kernel"] for state in (first, again, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 1e-4
    trained(0.1, counted)
    CALLS.clear()
    trained(0.1, counted)  # a function of the user, which may have changed
    assert CALLS


def test_another_learning_rate_is_not_the_cached_one(first):
    """Negative control: what compiles nothing must still compute something else."""
    kernel = first[1][0].params[0]["kernel"]
    assert np.abs(kernel - fit(optax.adam(3e-2))[1][0].params[0]["kernel"]).max() > 1e-3
    np.testing.assert_array_equal(kernel, fit(optax.adam(1e-3))[1][0].params[0]["kernel"])


def test_continuing_and_resuming_trace_nothing(first, tmp_path):
    assert fit(state=first[1][0])[0] == 0
    assert fit(checkpoint=tmp_path)[0] == 0
    assert fit(checkpoint=tmp_path, epochs=4)[0] == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda v: optax.sgd(1e-2, momentum=v),
        lambda v: optax.adamw(1e-2, weight_decay=v),
        lambda v: optax.chain(optax.clip(v), optax.sgd(1e-2)),
        lambda v: optax.chain(optax.clip_by_global_norm(v), optax.sgd(1e-2)),
    ],
    ids=["momentum", "weight decay", "clip", "global norm"],
)
def test_another_number_of_an_optimizer_traces_nothing_and_is_not_the_cached_one(make):
    fit(make(0.01), net=smooth_net)
    calls, slow = fit(make(0.01), net=smooth_net)
    assert calls == 0
    calls, fast = fit(make(0.9), net=smooth_net)
    assert calls == 0
    kernels = [state.params[0]["kernel"] for state, _ in (slow, fast)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-6
    run = jb.run(
        jb.backprop(smooth_net(), jb.losses.mse), make(0.9), (X, Y),
        key=NEW_KEYS.pop(), epochs=2, batch_size=4,
    )  # fmt: skip
    np.testing.assert_allclose(kernels[1], run[0].params[0]["kernel"], rtol=1e-5, atol=1e-7)


def test_a_mask_that_changes_is_another_program():
    mask = [{"kernel": True, "bias": True}, (), {"kernel": True, "bias": True}]
    optimizer = optax.chain(optax.sgd(0.1), optax.masked(optax.set_to_zero(), tuple(mask)))
    frozen = fit(optimizer, net=smooth_net)[1][0].params[0]["kernel"]
    mask[0]["kernel"] = False
    moved = fit(optimizer, net=smooth_net)[1][0].params[0]["kernel"]
    assert np.abs(frozen - moved).max() > 1e-4


def test_what_changes_the_program_retraces(first):
    with compilations.programs() as programs:
        assert fit(batch_size=5)[0] > 0
    assert programs.traced and programs.compiled
    assert fit(optax.adam(1e-3, b1=0.8))[0] > 0
    assert fit(data=(X[:8], Y[:8]))[0] > 0


def test_a_new_function_of_the_users_is_a_new_program(first):
    """Its globals may have changed, so equal code is no promise."""

    def with_lambda():
        return jb.serial(jb.dense(4), jb.elementwise(lambda a: counted(a)), jb.dense(1))

    assert fit(net=with_lambda)[0] > 0
    assert fit(net=with_lambda)[0] > 0


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda rate: optax.sgd(rate, 0.9, nesterov=True),
        lambda rate: optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate)),
    ],
    ids=["momentum", "clip"],
)
def test_rebuilt_optimizers_with_another_rate(optimizer):
    assert fit(optimizer(1e-3), net=smooth_net)[0] > 0
    assert fit(optimizer(1e-3), net=smooth_net)[0] == 0
    assert fit(optimizer(1e-2), net=smooth_net)[0] == 0


def decaying(rate):
    return optax.sgd(optax.cosine_decay_schedule(rate, 50))


def test_a_rebuilt_schedule():
    assert fit(decaying(0.1), net=smooth_net)[0] > 0
    assert fit(decaying(0.1), net=smooth_net)[0] == 0
    # Another schedule is another function; what matters is that it is not taken for the first.
    slow = fit(decaying(1e-3), net=smooth_net)[1][0].params[0]["kernel"]
    fast = fit(decaying(0.1), net=smooth_net)[1][0].params[0]["kernel"]
    assert np.abs(slow - fast).max() > 1e-3


@pytest.mark.parametrize(
    "rule", [jb.feedback_alignment, jb.direct_feedback_alignment, jb.predictive_coding]
)
def test_rebuilt_rules(rule):
    assert fit(net=smooth_net, rule=rule)[0] > 0
    assert fit(net=smooth_net, rule=rule, key=jax.random.key(3))[0] == 0


def test_a_second_evaluation_traces_nothing(first):
    def measure():
        CALLS.clear()
        jb.evaluate(network(), first[1][0].params, (X, Y), {"loss": jb.losses.mse}, batch_size=5)
        return len(CALLS)

    assert measure() > 0
    assert measure() == 0


def as_sequence(x):
    return x[:, None]


NUMBERS = {
    "step_size": lambda s: jb.predictive_coding(smooth_net(), jb.losses.mse, step_size=0.1 * s),
    "nudge": lambda s: jb.learning.equilibrium_propagation(
        smooth_net(), jb.losses.mse, nudge=0.1 * s, steps=10, nudged_steps=5
    ),
    "rate": lambda s: jb.backprop(
        jb.serial(jb.dropout(0.1 + 0.2 * s), *smooth_net().layers), jb.losses.mse
    ),
    "tau": lambda s: jb.backprop(
        jb.serial(
            jb.elementwise(as_sequence),
            jb.cells.unroll(jb.cells.low_rank(4, 1, tau=0.2 * s, activation=counted)),
            jb.cells.last(),
            jb.dense(1),
        ),
        jb.losses.mse,
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_another_number_of_a_rule_or_cell_compiles_nothing_and_is_right(name):
    """Parameters that are annotated ``float | jax.Array`` are arguments of the program."""

    def trained(scale):
        CALLS.clear()
        how = {"epochs": 2, "batch_size": 5}
        state, _ = jb.fit(NUMBERS[name](scale), optax.sgd(0.1), (X, Y), key=NEW_KEYS.pop(), **how)
        return len(CALLS), state.params, how

    first, before, _ = trained(1.0)
    again, after, how = trained(2.0)
    assert first > 0 and again == 0
    want = jb.run(NUMBERS[name](2.0), optax.sgd(0.1), (X, Y), key=NEW_KEYS.pop(), **how)[0].params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), after, want)
    changes = jax.tree.map(lambda a, b: np.abs(a - b).max(), before, after)
    assert max(jax.tree.leaves(changes)) > 1e-4
