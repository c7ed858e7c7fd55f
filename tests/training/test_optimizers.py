"""Every optimizer of optax trains, or is refused with a sentence that names what it lacks."""

import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.training.optimizers import evaluation_params

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = X[:, :2]
NET = jb.dense(2)
RULE = jb.backprop(NET, jb.losses.mse)
OTHER = jb.feedback_alignment(jb.serial(NET), jb.losses.mse)
PARAMS = {"kernel": np.ones((3, 2), "float32"), "bias": np.zeros(2, "float32")}


def everything(params):
    return jax.tree.map(lambda _: "all", params)


# The arguments that optax's functions require, by their names.
ARGUMENTS = {
    "learning_rate": 0.1, "step_size": 0.1, "max_delta": 1.0, "max_norm": 1.0, "threshold": 1.0,
    "clipping": 1.0, "decay": 0.9, "eta": 0.1, "gamma": 0.5, "key": 0, "max_learning_rate": 1.0,
    "l2_norm_clip": 1.0, "noise_multiplier": 0.1, "max_consecutive_errors": 3, "k": 2,
    "weight_decay": 0.1, "inner": optax.sgd(0.1), "opt": optax.sgd(0.1), "mask": True,
    "optimizer": optax.sgd(0.1), "base_optimizer": optax.sgd(0.1), "adv_optimizer": optax.sgd(0.1),
    "fast_optimizer": optax.sgd(0.1), "sync_period": 2, "slow_step_size": 0.5,
    "step_size_fn": lambda count: 0.1, "max_linesearch_steps": 5, "max_backtracking_steps": 5,
    "transforms": {"all": optax.sgd(0.1)}, "param_labels": everything, "freeze_mask": False,
    "should_transform_fn": lambda step: True, "inner_factory": optax.sgd, "seed": 0,
    "f": lambda updates, params: updates, "measure_name": "size", "measures": {},
}  # fmt: skip


def discovered():
    """The public functions of optax that make an optimizer, called."""
    found = {}
    for module in (optax, optax.contrib):
        for name in sorted(set(dir(module))):
            make = getattr(module, name)
            if name[0] == "_" or not inspect.isfunction(make):
                continue
            needed = [
                p.name for p in inspect.signature(make).parameters.values()
                if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            ]  # fmt: skip
            if not set(needed) <= set(ARGUMENTS):
                continue
            try:
                made = make(**{word: ARGUMENTS[word] for word in needed})
            except (TypeError, ValueError):  # losses and helpers of the same arguments
                continue
            if isinstance(made, optax.GradientTransformation):
                found[f"{module.__name__}.{name}"] = made
    found["optax.MultiSteps"] = optax.MultiSteps(optax.sgd(0.1), 2)
    found["optax.chain"] = optax.chain(optax.clip(1.0), optax.adam(0.1))
    found["optax.inject_hyperparams"] = optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)
    return found


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # optax warns of arguments that it will rename
    OPTIMIZERS = discovered()
REFUSED = {
    "optax.lookahead": "optax.lookahead needs two copies",
    "optax.contrib.dpsgd": "gradient of each example",
    "optax.contrib.differentially_private_aggregate": "gradient of each example",
    "optax.contrib.scale_by_muon": "does not work with the parameters of this network",
}
OF_BACKPROP = {
    "optax.lbfgs": "searches along the loss",
    "optax.scale_by_backtracking_linesearch": "searches along the loss",
    "optax.scale_by_zoom_linesearch": "searches along the loss",
    "optax.contrib.sophia": "second derivatives",
    "optax.contrib.hutchinson_estimator_diag_hessian": "second derivatives",
}


def traced(rule, optimizer):
    """Two steps, without numbers: structure, shapes and dtypes of the state stay."""

    def train(key):
        state = jb.init_state(rule, optimizer, X[0], key=key)
        state, _ = jb.step(rule, optimizer)(state, (X, Y))
        return state, jb.step(rule, optimizer)(state, (X, Y))

    before, (after, loss) = jax.eval_shape(train, jax.random.key(0))
    assert loss.shape == ()
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)


def test_all_are_found():
    assert len(OPTIMIZERS) >= 95 and {*REFUSED, *OF_BACKPROP} <= set(OPTIMIZERS)


FEW = {"optax.adam", "optax.MultiSteps", "optax.inject_hyperparams", "optax.contrib.sam"}
FEW |= {"optax.contrib.schedule_free_sgd", "optax.scale_by_distance_over_gradients"}
QUICK = {*REFUSED, *FEW, "optax.lbfgs"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in OPTIMIZERS],
)
def test_it_steps_or_is_refused(name):
    words = REFUSED.get(name)
    if words is None:
        return traced(RULE, OPTIMIZERS[name])
    with pytest.raises(TypeError, match=words) as caught:
        traced(RULE, OPTIMIZERS[name])
    assert "optax.adam(1e-3)" in str(caught.value)


SCHEDULE_FREE = {
    "alone": (lambda inner: inner, lambda state: state),
    "in a chain": (
        lambda inner: optax.chain(optax.clip_by_global_norm(1.0), inner), lambda state: state[1]
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", SCHEDULE_FREE)
@pytest.mark.parametrize("train", [jb.fit, jb.run])
def test_a_schedule_free_optimizer_is_measured_at_its_average(train, place):
    around, inside = SCHEDULE_FREE[place]
    optimizer = around(optax.contrib.schedule_free_sgd(0.3, b1=0.5))
    net, x, y = jb.dense(1), jnp.arange(8.0).reshape(4, 2) / 8, jnp.ones((4, 1))
    state, history = train(
        jb.backprop(net, jb.losses.mse), optimizer, (x, y), key=jax.random.key(0), epochs=2,
        validation=(x, y), metrics={"error": jb.losses.mse},
    )  # fmt: skip
    average = optax.contrib.schedule_free_eval_params(inside(state.opt_state), state.params)
    there, here = (
        jb.evaluate(net, params, (x, y), {"error": jb.losses.mse})["error"]
        for params in (average, state.params)
    )
    np.testing.assert_allclose(history.metrics["error"][-1], there, rtol=1e-6)
    assert abs(here - there) > 1e-3


def test_params_that_a_schedule_free_optimizer_leaves_out_are_measured_as_they_are():
    optimizer = optax.masked(optax.contrib.schedule_free_sgd(0.5, b1=0.5), {"a": True, "b": False})
    params = {"a": jnp.array(1.0), "b": jnp.array(3.0)}
    state = optimizer.init(params)
    inner = state.inner_state._replace(z={**state.inner_state.z, "a": jnp.array(0.0)})
    found = evaluation_params(state._replace(inner_state=inner), params)
    assert found == {"a": 2.0, "b": 3.0}


@pytest.mark.parametrize("name", OF_BACKPROP)
def test_a_rule_that_does_not_follow_the_loss(name):
    with pytest.raises(TypeError, match=OF_BACKPROP[name]) as caught:
        traced(OTHER, OPTIMIZERS[name])
    assert "feedback_alignment" in str(caught.value) and "jb.backprop" in str(caught.value)


def test_an_update_of_another_shape():
    """Sums over the first axis, as of gradients of single examples, would broadcast silently."""
    summed = optax.stateless(lambda updates, _: jax.tree.map(lambda a: a.sum(0), updates))
    with pytest.raises(TypeError, match="does not work with the parameters"):
        traced(RULE, summed)


def optax_loop(optimizer, arguments, steps=4):
    """The loop of optax's documentation, with what this optimizer is called with."""

    def loss(params):
        return jnp.mean(jax.vmap(lambda x, y: jb.losses.mse(NET.apply(params, x), y))(X, Y))

    def update(carry, _):
        params, state = carry
        value, grad = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(grad, state, params, **arguments(loss, value, grad))
        return (optax.apply_updates(params, updates), state), value

    optimizer = optax.with_extra_args_support(optimizer)
    with jax.numpy_dtype_promotion("standard"):
        start = (PARAMS, optimizer.init(PARAMS))
        (params, _), losses = jax.lax.scan(update, start, None, steps)
    return params, losses


def ours(optimizer, steps=4):
    state = jb.init_state(RULE, optimizer, X[0], key=jax.random.key(0), params=PARAMS)
    state, losses = jax.lax.scan(
        lambda state, _: jb.step(RULE, optimizer)(state, (X, Y)), state, None, steps
    )
    return state.params, losses


LOOPS = {
    "optax.lbfgs": lambda f, value, grad: {"value": value, "grad": grad, "value_fn": f},
    "optax.contrib.sophia": lambda f, value, grad: {"obj_fn": f},
    "optax.polyak_sgd": lambda f, value, grad: {"value": value},
    "optax.contrib.sam": lambda f, value, grad: {},
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n == "optax.contrib.sophia" else ()) for n in LOOPS],
)
def test_the_loop_of_optax(name):
    optimizer = OPTIMIZERS[name]
    params, losses = ours(optimizer)
    expected, expected_losses = optax_loop(optimizer, LOOPS[name])
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    for word, value in expected.items():
        np.testing.assert_allclose(params[word], value, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_lbfgs_solves_least_squares():
    """A quadratic loss: far below what gradient descent reaches in as many steps."""
    optimizer = optax.lbfgs()
    _, found = jb.fit(RULE, optimizer, (X, Y), key=jax.random.key(0), epochs=25, batch_size=None)
    _, slow = ours(optax.sgd(0.1), steps=25)
    assert found.loss[-1] < 1e-6 < slow[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - set(REFUSED)))
def test_it_trains(name):
    state, history = jb.fit(
        RULE, OPTIMIZERS[name], (X, Y), key=jax.random.key(0), epochs=3, batch_size=4
    )
    assert np.isfinite(history.loss).all() and int(state.step) == 6
