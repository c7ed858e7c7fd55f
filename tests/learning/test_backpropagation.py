"""Back-propagation against the delta rule in NumPy."""

import jax
import numpy as np
import pytest

import jaxbrain as jb
from tests.theory import ACTIVATIONS, CE, HALF, by_hand, mlp, problem, run_forward, same, weights

pytestmark = pytest.mark.x64


@pytest.mark.parametrize("loss", [CE, HALF], ids=["ce", "half"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backprop_is_the_delta_rule(name, loss):
    act, f, slope = ACTIVATIONS[name]
    net = mlp(act)
    params, x, y = problem(net, loss)
    ws = weights(params)
    want = by_hand(ws, x, y, loss, f, slope, lambda i, d, e: d @ ws[i][0].T)
    value, grads, state = jax.jit(jb.backprop(net, loss).grads)(params, (), x, y)
    same(grads, want)
    o = run_forward(ws, x, f)[1][-1]
    np.testing.assert_allclose(value, np.mean([loss(o[i], y[i]) for i in range(7)]), rtol=1e-12)
    assert state == ()
