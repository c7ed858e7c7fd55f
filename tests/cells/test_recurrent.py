"""Elman network and GRU against NumPy, and against PyTorch where it is installed."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.cells import elman, gru, lstm, unroll
from tests.cells.reference import (
    INPUTS,
    TIME,
    UNITS,
    affine,
    check_equation,
    generic,
    sequence,
    sigmoid,
)

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)


def numpy_elman(p, h, x):
    h = np.tanh(affine(p, x, h))
    return h, h


def numpy_gru(p, h, x):
    w, r, b = (np.split(p[part], 3, -1) for part in ("kernel", "recurrent", "bias"))
    reset = sigmoid(x @ w[0] + h @ r[0] + b[0])
    update = sigmoid(x @ w[1] + h @ r[1] + b[1])
    new = np.tanh(x @ w[2] + b[2] + reset * (h @ r[2] + p["candidate_bias"]))
    h = (1 - update) * new + update * h
    return h, h


@pytest.mark.parametrize(("make", "step"), [(elman, numpy_elman), (gru, numpy_gru)])
def test_the_equations(make, step):
    check_equation(make(UNITS), step, sequence())


@pytest.mark.parametrize("make", [elman, gru])
def test_refusals(make):
    with pytest.raises(ValueError, match=f"{make.__name__}: units must be a positive integer"):
        make(0)
    cell = make(UNITS)
    params = cell.init(new_key(), jnp.ones(INPUTS))
    with pytest.raises(ValueError, match="made for 3 input features"):
        cell.step(params, cell.carry(params, jnp.ones(INPUTS)), jnp.ones(5))


def torch_layer(name, params):
    """PyTorch's layer with the weights of a cell: its rows are outputs, its biases are two."""
    torch = pytest.importorskip("torch")
    layer = getattr(torch.nn, name)(INPUTS, UNITS, dtype=torch.float64)
    first, second = params["bias"], jnp.zeros_like(params["bias"])
    if name == "GRU":
        second = second.at[2 * UNITS :].set(params["candidate_bias"])
    values = params["kernel"].T, params["recurrent"].T, first, second
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), values, strict=True):
            parameter.copy_(torch.from_numpy(np.array(value)))
    return layer, torch


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_pytorch_computes_the_same(name):
    make = {"GRU": gru, "LSTM": lstm}[name]
    net, xs = unroll(make(UNITS)), sequence()
    params = generic(net.init(new_key(), xs))
    layer, torch = torch_layer(name, params)
    weight = np.random.default_rng(4).normal(size=(TIME, UNITS))

    ys = net.apply(params, xs)
    theirs, _ = layer(torch.from_numpy(np.array(xs)))
    np.testing.assert_allclose(ys, theirs.detach().numpy(), rtol=1e-5, atol=1e-12)
    (theirs * torch.from_numpy(weight)).sum().backward()
    grads = jax.grad(lambda p: jnp.sum(weight * net.apply(p, xs)))(params)
    expected = [parameter.grad.numpy() for parameter in layer.parameters()]
    np.testing.assert_allclose(grads["kernel"].T, expected[0], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(grads["recurrent"].T, expected[1], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(grads["bias"], expected[2], rtol=1e-5, atol=1e-12)
    if name == "GRU":
        own = expected[3][2 * UNITS :]
        np.testing.assert_allclose(grads["candidate_bias"], own, rtol=1e-5, atol=1e-12)
    swapped = {**params, "kernel": jnp.roll(params["kernel"], UNITS, axis=1)}
    assert np.abs(net.apply(swapped, xs) - theirs.detach().numpy()).max() > 1e-2
