"""Checks of gradients, of bias and of relaxation: right rules pass, faults are found and named."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.testing import (
    check_gradient,
    check_relaxed,
    check_unbiased,
    relative_error,
)
from tests.testing.rules import NET, RIGHT, faulty, noisy
from tests.theory import CE, problem

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 4)


@pytest.fixture
def small():
    return problem(NET, CE)


def first_layer(change):
    return faulty(
        lambda v, g, s, x, key: (v, ({**g[0], "kernel": change(g[0]["kernel"])}, *g[1:]), s)
    )


def test_relative_error_is_numpys(small):
    a, b = small[0], problem(NET, CE, seed=3)[0]
    pairs = [
        [np.concatenate([np.ravel(v) for v in jax.tree.leaves(layer)]) for layer in (p, q)]
        for p, q in zip(a, b, strict=True)
        if p
    ]
    want = [np.linalg.norm(u - v) / np.linalg.norm(v) for u, v in pairs]
    np.testing.assert_allclose(relative_error(a, b), want, rtol=1e-12)
    zero = jax.tree.map(jnp.zeros_like, a)
    assert relative_error(zero, zero).tolist() == [0, 0]
    assert relative_error(a, zero).tolist() == [np.inf, np.inf]
    assert relative_error(zero, a).tolist() == [1, 1]


@pytest.mark.slow
def test_the_gradient_of_a_right_rule_passes(small):
    params, x, y = small
    rule = jb.feedback_alignment(NET, CE)
    found = check_gradient(rule, params, (x, y), state=params, rtol=1e-12)
    assert found.shape == (2,) and np.all(found < 1e-12)
    check_gradient(rule, params, (x, y), state=params, reference=RIGHT, rtol=1e-12)
    dropout = jb.backprop(jb.serial(*NET.layers[:2], jb.dropout(0.5), NET.layers[2]), CE)
    wide = (*params[:2], (), params[2])
    check_gradient(dropout, wide, (x, y), key=new_key(), rtol=1e-12)  # both under the same noise
    with pytest.raises(AssertionError) as error:
        check_gradient(rule, params, (x, y))
    said = str(error.value).splitlines()
    assert said[0].startswith(
        "check_gradient: feedback_alignment departs from jax.grad of its loss"
    )
    assert said[3].startswith("0 dense(5)") and said[3].endswith("<- here")
    assert said[4].startswith("2 dense(3)") and not said[4].endswith("<- here")


@pytest.mark.parametrize(
    "change",
    [lambda k: k * 1.001, lambda k: k.at[0, 0].add(1e-2), lambda k: k.at[1].multiply(jnp.nan),
     lambda k: -k, jnp.zeros_like],
    ids=["longer", "one weight", "nan", "sign", "nothing"],
)  # fmt: skip
def test_small_faults_of_a_gradient_are_found(small, change):
    params, x, y = small
    with pytest.raises(AssertionError, match=r"0 dense\(5\).*<- here"):
        check_gradient(first_layer(change), params, (x, y), reference=RIGHT)


@pytest.mark.slow
def test_unbiased_rules_pass_and_biased_ones_are_named(small):
    params, x, y = small
    data = x, y
    found = check_unbiased(new_key(), noisy(0.05), params, data, reference=RIGHT, samples=400)
    assert np.all(found.variance > 0)
    check_unbiased(new_key(), RIGHT, params, data, reference=RIGHT, samples=2)  # no noise, no bias
    check_unbiased(new_key(), jb.feedback_alignment(NET, CE), params, data, state=params, samples=2)
    for fault in (noisy(0.05, shift=0.02), noisy(0.05, scale=0.8), noisy(0.0, scale=0.999)):
        with pytest.raises(AssertionError, match=r"LearningRule is biased.*\n.*\n.*\n.*<- here"):
            check_unbiased(new_key(), fault, params, data, reference=RIGHT, samples=400)
    with pytest.raises(AssertionError, match=r"cannot tell its gradient from zero; take \d"):
        check_unbiased(new_key(), noisy(5.0), params, data, reference=RIGHT, samples=20)


@pytest.mark.slow
def test_unbiased_rejects_as_seldom_as_it_says(small):
    """The bound of Székely and Bakirov: at z = 2 at most 4.6 % for each of the two tests."""
    params, x, y = small
    rule = noisy(0.05)

    def ratios(key):
        found = jb.analysis.bias_and_variance(key, rule, RIGHT, params, (x, y), samples=40)
        return found.bias / found.standard_error, abs(found.scale - 1) / found.scale_error

    whole, along = jax.jit(jax.vmap(ratios))(jax.random.split(new_key(), 400))
    assert np.mean(whole > 2) <= 0.046
    # of 40 samples the second is a t-test: a little more often than a normal number
    assert 0.02 < np.mean(along > 2) < 0.08


@pytest.mark.slow
def test_a_relaxation_at_rest_passes_and_others_are_named(small):
    params, x, y = small
    still = jb.predictive_coding(NET, CE, steps=1500)
    (residual,) = check_relaxed(still, params, (x, y), tolerance=1e-6)
    assert (
        residual
        == jax.jit(still.grads)(params, still.init(new_key(), params, x[0]), x, y)[2].residual
    )
    for steps, step_size in ((2, 0.1), (60, 2.5)):  # too early; too large a step
        rule = jb.predictive_coding(NET, CE, steps=steps, step_size=step_size)
        with pytest.raises(AssertionError, match="predictive_coding is not at rest: residual"):
            check_relaxed(rule, params, (x, y), tolerance=1e-6)
    two = faulty(
        lambda v, g, s, x, key: (v, g, {"a": (s,), "b": s._replace(residual=jnp.nan)}), still
    )
    with pytest.raises(AssertionError, match=r"residual .*, nan"):
        check_relaxed(
            two, params, (x, y), tolerance=1e-6, state=still.init(new_key(), params, x[0])
        )
    with pytest.raises(ValueError, match="state of backprop holds no residual"):
        check_relaxed(RIGHT, params, (x, y), tolerance=1e-6)
