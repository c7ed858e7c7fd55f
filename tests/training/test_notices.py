"""Notices of rules: `fit` and `check` say what only the state of a rule shows."""

import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.energy import InferenceDiagnostics, Residuals
from jaxbrain.learning.energy.inference import descent_diagnostics
from jaxbrain.learning.targets import TargetDiagnostics
from jaxbrain.training import fitting
from jaxbrain.training.notices import notices_of, warn_of_notices

NET = jb.serial(*(layer for _ in range(4) for layer in (jb.dense(3), jb.elementwise(jnp.tanh))))
RULE, SGD = jb.learning.predictive_coding(NET, jb.losses.half_mse), optax.sgd(0.0)
X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def fit(scale):
    """Of a chain whose weights pass on less of an error than the check before a training takes."""
    state = jb.init_state(RULE, SGD, X[0], key=jax.random.key(0))
    weak = [
        {"kernel": scale * p["kernel"], "bias": p["bias"] + 0.5} if p else p for p in state.params
    ]
    state = state._replace(params=tuple(weak))
    arguments = {"epochs": 3, "batch_size": None, "state": state, "on_chunk": lambda info: None}
    return jb.fit(RULE, SGD, (X, X), key=jax.random.key(1), **arguments)


def test_fit_warns_once_of_blocks_that_learn_nothing(monkeypatch):
    with pytest.warns(UserWarning, match="after epoch 1 in blocks 0 to 1 nothing but") as caught:
        state, _ = fit(1e-3)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="at the end in blocks 0 to 1 nothing but"):
        jb.check(state, np.zeros(3))
    monkeypatch.setattr(fitting, "warn_of_notices", None)  # the control reads no notice
    jb.check(*fit(1.0))


def reported(make, net=NET, scale=2.0, **options):
    """The diagnostics of a rule after one batch, and its notices that are true."""
    rule = make(net, jb.losses.half_mse, **options)
    params = jax.tree.map(lambda p: scale * p, net.init(jax.random.key(0), X[0]))
    info = jax.jit(rule.grads)(params, rule.init(jax.random.key(1), params, X[0]), X, X)[2]
    return info, [text for text, flag in notices_of(info).items() if flag.any()]


@pytest.mark.parametrize(
    "case",
    [("lagrangian_predictive_coding", 1), ("zero_divergence_inference_learning", 1),
     ("error_predictive_coding", 0)],
)  # fmt: skip
def test_a_force_that_is_large_without_a_descent_is_no_divergence(case):
    name, least = case
    info, found = reported(getattr(jb.learning, name))
    assert info.residual > least and not found


@pytest.mark.parametrize(
    "case",
    [("error_predictive_coding", {"nudge": 1.0, "step_size": 3.0}),
     ("lagrangian_predictive_coding", {"nudge": 1.0, "penalty": 0.1, "steps": 20})],
)  # fmt: skip
def test_steps_that_are_too_large_are_reported(case):
    name, options = case
    _, (text,) = reported(getattr(jb.learning, name), **options)
    assert "the activities diverged" in text


class Pair(NamedTuple):
    """A state that holds two others."""

    first: InferenceDiagnostics
    second: tuple


def coding(residual, *signal):
    return descent_diagnostics(jnp.float32(residual), jnp.float32(0), jnp.array(signal))


def phases(free, nudged):
    return Residuals(jnp.float32(free), jnp.float32(nudged))


STATES = [
    (coding(0.5, 20, 30), []),
    (coding(0.5), []),
    (coding(0.5, 2, 3), []),  # the output has no error left either: nothing is to be learned
    (coding(0.5, 3, 30, 2, 30), [[True, False, True, False]]),
    (coding(1.5, 20, 30), [True]),
    (coding(jnp.nan, 20, 30), [True]),
    (Pair(coding(0.5, 20, 30), (coding(0.5, 2, 30),)), [[True, False]]),
    (Pair(coding(0.5, 2, 30, 40), (coding(0.5, 2, 30),)), [[True, False, False], [True, False]]),
    (phases(0.05, 0.05), []),
    (phases(0.05, 0.2), [True]),
    (phases(0.2, 0.05), [True]),
    (phases(jnp.nan, 0.0), [True]),
    (TargetDiagnostics(jnp.array([9.0, 9, 9])), []),
    (TargetDiagnostics(jnp.array([9.0, 9, 90])), [[True, False, False]]),
    (TargetDiagnostics(jnp.array([1, jnp.inf, 1])), [[True, True, False]]),
    (TargetDiagnostics(jnp.array([1, jnp.nan])), [[True, True]]),
    ((), []),
]


@pytest.mark.parametrize("state", STATES, ids=lambda case: str(case[1]))
def test_what_a_state_reports(state):
    found = [flag.tolist() for flag in notices_of(state[0]).values() if jnp.any(flag)]
    assert found == state[1]


def test_members_of_a_population_are_counted():
    signal = jnp.array([[2.0, 30], [20, 30], [3, 30]])
    state = descent_diagnostics(jnp.array([0.5, 2, 0.5]), jnp.zeros(3), signal)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        told = warn_of_notices(notices_of(state), "at the end", members=(3,))
        warn_of_notices(notices_of(state), "at the end", told, members=(3,))
    first, second = sorted(str(each.message) for each in caught)
    assert first.startswith("at the end in 1 of 3 trainings the activities diverged")
    assert second.startswith("at the end in 2 of 3 trainings in block 0 nothing")


@pytest.mark.parametrize(
    "case", [([2], "in block 2"), ([1, 2, 3], "in blocks 1 to 3"), ([0, 2], "in blocks 0, 2")]
)
def test_blocks_are_named(case):
    which, words = case
    flag = jnp.zeros(5, bool).at[jnp.array(which)].set(True)
    with pytest.warns(UserWarning, match=f"^here {words} they are lost$"):
        warn_of_notices({"they are lost": flag}, "here")
