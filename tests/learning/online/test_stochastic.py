"""Stochastic influences: their exact mean over all random signs is the gradient."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import elman, gru, leaky_rnn, linear_recurrent
from jaxbrain.learning import over_time
from tests.learning.online.problem import (
    INPUTS,
    LOSS,
    OUTPUTS,
    READOUT,
    error,
    new_key,
    over_all_signs,
    params_of,
)

pytestmark = pytest.mark.x64

STEPS = 3  # the signs of the last one make traces that nothing reads
PATTERNS = np.array(list(itertools.product([-1.0, 1.0], repeat=2 * (STEPS - 1))))
SIGNS = np.concatenate([PATTERNS, np.ones((len(PATTERNS), 2))], axis=1).reshape(-1, STEPS, 2)
RULES = {"uoro": learning.uoro, "kf_rtrl": learning.kf_rtrl}


@pytest.mark.parametrize("name", RULES)
def test_the_mean_over_all_signs_is_the_gradient(name, monkeypatch):
    rule = RULES[name](elman(2), READOUT, LOSS)
    params = params_of(over_time(rule).network)
    found, exact = over_all_signs(rule, params, monkeypatch, SIGNS)
    assert error(found.mean(0), exact) < 1e-12
    assert error(found[0], exact) > 0.01


@pytest.mark.slow
def test_kronecker_factors_have_less_variance_than_rank_one():
    """By many draws; the mean is about one standard error from the gradient, and from no other."""
    cell, noise = elman(4), []
    data = tuple(jax.random.normal(jax.random.key(n), (1, 6, 2)) for n in (1, 2))
    for make in RULES.values():
        rule = over_time(make(cell, READOUT, LOSS))
        params, bptt = params_of(rule.network, 0.3), jb.backprop(rule.network, LOSS)
        settings = {"samples": 4000, "z": 4.0}
        found = jb.testing.check_unbiased(
            jax.random.key(101), rule, params, data, reference=bptt, **settings
        )
        assert found.bias[0] < 2 * found.standard_error[0] and found.cosine[0] > 0.999
        noise.append(float(found.variance[0] / found.norm[0] ** 2))
    assert noise[1] < 0.3 * noise[0] < 1
    cut = over_time(learning.snap(cell, READOUT, LOSS))
    with pytest.raises(AssertionError, match="is biased"):
        jb.testing.check_unbiased(
            jax.random.key(101), rule, params, data, reference=cut, **settings
        )


def test_leaky_units_have_kronecker_factors_too(monkeypatch):
    rule = learning.kf_rtrl(leaky_rnn(2, dt=0.3, tau=1.0), READOUT, LOSS)
    found, exact = over_all_signs(rule, params_of(over_time(rule).network), monkeypatch, SIGNS)
    assert error(found.mean(0), exact) < 1e-12


def test_refusals():
    now = (jnp.ones(INPUTS), jnp.ones(OUTPUTS))
    kf = learning.kf_rtrl(gru(3), READOUT, LOSS)
    with pytest.raises(ValueError, match="needs a cell with params kernel, recurrent and bias"):
        kf.carry(kf.init(new_key(), now), now)
    with pytest.raises(TypeError, match=r"step of .*linear_recurrent\(3\) is not a jb.cells.TwoSt"):
        learning.kf_rtrl(linear_recurrent(3), READOUT, LOSS)
    for make in RULES.values():
        rule = make(elman(3), READOUT, LOSS)
        params = rule.init(new_key(), now)
        with pytest.raises(ValueError, match="needs a key: its influence is random"):
            rule.step(params, rule.carry(params, now), now)
