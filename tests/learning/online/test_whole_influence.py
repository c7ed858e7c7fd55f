"""Whole influence matrices: params of integers, and how often a step reads them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import elman
from jaxbrain.learning import over_time
from tests.learning.online.problem import INPUTS, LOSS, READOUT, new_key


def test_a_step_reads_the_influence_once():
    """Read again for the gradient, it would be copied at each step of a compiled scan."""
    rule = learning.rtrl(elman(3), READOUT, LOSS)
    now = (jnp.ones(INPUTS), jnp.ones(2))
    params = rule.init(new_key(), now)
    h, traces = rule.carry(params, now)
    program = jax.make_jaxpr(lambda s: rule.step(params, (h, s), now))(traces).jaxpr
    for array in program.invars:
        assert sum(array in equation.invars for equation in program.eqns) == 1


@pytest.mark.x64
def test_a_param_of_integers_has_no_gradient():
    """A cell whose input is a choice of features, by an index that stands in its params."""
    inner = elman(3)

    def init(key, x):
        return {"chosen": jnp.array([1, 0]), "of": inner.init(key, x[:2])}

    def step(params, carry, x, *, key=None):
        return inner.step(params["of"], carry, x[params["chosen"]])

    cell = jb.Cell(init, lambda params, x: jnp.zeros(3), step)
    x, y = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 3)))
    rules = [learning.rtrl, learning.snap]
    rules = [over_time(make(cell, jb.dense(3), LOSS)) for make in rules]
    params = rules[0].network.init(new_key(), x)

    @jax.jit
    def grads(weights):
        p = ({"chosen": params[0]["chosen"], "of": weights}, params[1])
        exact = jax.grad(lambda w: LOSS(rules[0].network.apply(({**p[0], "of": w}, p[1]), x), y))(
            weights
        )
        return exact, [rule.grads(p, (), x[None], y[None])[1][0] for rule in rules]

    with jax.numpy_dtype_promotion("standard"):
        exact, (rtrl, snap) = grads(params[0]["of"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), rtrl["of"], exact)
    assert not rtrl["chosen"].any() and not snap["chosen"].any()
    assert snap["of"]["kernel"].any()
