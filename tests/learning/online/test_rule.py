"""Online rules as cells and as learning rules: the contract, and the sum over steps by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import elman
from jaxbrain.core.config import label
from jaxbrain.learning import over_time
from tests.tables import ONLINE

new_key = partial(jax.random.key, 0)
READOUT, LOSS = jb.dense(2), jb.losses.mse
CELL = elman(4)
X = jax.random.normal(jax.random.key(1), (3, 6, 2))
Y = jax.random.normal(jax.random.key(2), (3, 6, 2))


def close(a, b, rtol=2e-5, atol=1e-6):
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=rtol, atol=atol), a, b)


@pytest.mark.parametrize("name", sorted(ONLINE - {"over_time", "rtrl_diagonal"}))
@pytest.mark.slow
def test_a_rule_is_a_cell_and_a_learning_rule(name):
    make = getattr(learning, name)
    cell = make(CELL, READOUT, LOSS)
    rule = over_time(cell)
    assert isinstance(cell, jb.Cell) and label(cell) == name and label(rule) == "over_time"
    assert cell == make(elman(4), jb.dense(2), LOSS) and rule == over_time(cell)
    assert cell != make(elman(5), READOUT, LOSS) and jax.tree.leaves(rule) == []
    params = rule.network.init(new_key(), X[0])
    close(params, cell.init(new_key(), (X[0, 0], Y[0, 0])), 0, 0)

    @jax.jit
    def by_hand(params, key):
        total = None
        for x, y, k in zip(X, Y, jax.random.split(key, 3), strict=True):
            carry = cell.carry(params, (x[0], y[0]))
            for t, own in enumerate(jax.random.split(k, 6)):
                carry, found = cell.step(params, carry, (x[t], y[t]), key=own)
                total = found if total is None else jax.tree.map(jnp.add, total, found)
        return jax.tree.map(lambda a: a / 18, total)

    value, grads, state = jax.jit(lambda p, k: rule.grads(p, (), X, Y, key=k))(params, new_key())
    close((value, grads), by_hand(params, new_key()))
    assert state == () and jax.tree.structure(grads) == jax.tree.structure(params)
    predicted = jb.batch(rule.network).apply(params, X)
    np.testing.assert_allclose(value, jnp.mean((predicted - Y) ** 2), rtol=1e-5)


def test_refusals():
    with pytest.raises(TypeError, match="rtrl: cell must be a Cell, got dense"):
        learning.rtrl(jb.dense(2), READOUT, LOSS)
    with pytest.raises(TypeError, match="readout must be a Network such as"):
        learning.rtrl(CELL, LOSS, READOUT)
