"""The linear recurrent unit: its equations, its parallel form, and its initialization."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.cells import linear_recurrent, parallel_linear_recurrent, unroll
from jaxbrain.cells.linear import eigenvalues
from tests.cells import reference
from tests.cells.reference import sequence

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
RUN = jax.jit(lambda net, params, xs: net.apply(params, xs))
INPUTS, UNITS, FEATURES = 3, 6, 2
CELL = linear_recurrent(UNITS, features=FEATURES, min_radius=0.5, max_radius=0.999)
PARALLEL = parallel_linear_recurrent(UNITS, features=FEATURES, min_radius=0.5, max_radius=0.999)


def generic(cell=CELL):
    """Params far from where they start, with |lambda| about 0.8."""
    params = reference.generic(jax.eval_shape(cell.init, new_key(), jnp.ones(INPUTS)))
    return {**params, "decay": params["decay"] - 1.5}


def test_it_is_the_complex_equation():
    params, xs = generic(), np.asarray(sequence(5))
    p = {name: np.asarray(value) for name, value in params.items()}
    turn = np.exp(-np.exp(p["decay"]) + 1j * np.exp(p["phase"]))
    into = p["kernel"][:, :UNITS] + 1j * p["kernel"][:, UNITS:]
    out = p["readout"][:UNITS] - 1j * p["readout"][UNITS:]
    h, expected = np.zeros(UNITS, complex), []
    for x in xs:
        h = turn * h + np.exp(p["gain"]) * (x @ into)
        expected.append((h @ out).real + x @ p["skip"])
    expected, ys = np.array(expected), RUN(unroll(CELL), params, xs)
    np.testing.assert_allclose(ys, expected, rtol=1e-12, atol=1e-12)
    real, imaginary = map(np.asarray, eigenvalues(params))
    np.testing.assert_allclose(real + 1j * imaginary, turn, rtol=1e-12)
    for name in p:  # every parameter matters
        moved = {**params, name: params[name] * 1.001}
        assert np.abs(RUN(unroll(CELL), moved, xs) - expected).max() > 1e-6


def test_a_few_steps_at_once_are_step_by_step():
    params, xs = generic(), sequence(6)
    expected = RUN(unroll(CELL), params, xs)
    np.testing.assert_allclose(RUN(PARALLEL, params, xs), expected, rtol=1e-11, atol=1e-12)
    assert np.abs(RUN(PARALLEL, params, xs[::-1]) - expected).max() > 0.1


@pytest.mark.slow
def test_at_once_is_step_by_step():
    params, xs = generic(), sequence(2000)

    def loss(params, net):
        return jnp.sum(jnp.sin(net.apply(params, xs))), net.apply(params, xs)

    both = [
        jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)(params, net)
        for net in (unroll(CELL), PARALLEL)
    ]
    ((_, slow), slow_grads), ((_, fast), fast_grads) = both
    assert jnp.linalg.norm(fast - slow) < 1e-12 * jnp.linalg.norm(slow)
    for name, grad in slow_grads.items():
        assert jnp.linalg.norm(fast_grads[name] - grad) < 1e-11 * jnp.linalg.norm(grad), name
    nearly = {**params, "decay": params["decay"] + 1e-9}
    assert jnp.linalg.norm(RUN(PARALLEL, nearly, xs) - slow) > 1e-11 * jnp.linalg.norm(slow)


@pytest.mark.slow
def test_at_once_in_single_precision():
    params = jax.tree.map(lambda a: a.astype("float32"), generic())
    xs = sequence(2000).astype("float32")
    slow, fast = RUN(unroll(CELL), params, xs), RUN(PARALLEL, params, xs)
    assert slow.dtype == fast.dtype == jnp.float32
    assert jnp.linalg.norm(fast - slow) < 1e-5 * jnp.linalg.norm(slow)


def test_both_forms_have_the_same_params():
    xs = sequence(4)
    jax.tree.map(
        np.testing.assert_array_equal, PARALLEL.init(new_key(), xs), CELL.init(new_key(), xs[0])
    )


def test_initialization():
    """Squares of the radii and angles are uniform; gain undoes the sum over time."""
    cell = linear_recurrent(4000, features=1, min_radius=0.4, max_radius=0.9, max_phase=1.0)
    params = jax.jit(cell.init)(new_key(), jnp.ones(1))
    real, imaginary = map(np.asarray, eigenvalues(params))
    square, angle = real**2 + imaginary**2, np.arctan2(imaginary, real)
    assert square.min() >= 0.16 - 1e-12 and square.max() <= 0.81 + 1e-12
    assert angle.min() > 0 and angle.max() <= 1 + 1e-12
    for values, low, high in ((square, 0.16, 0.81), (angle, 0, 1)):
        assert abs(values.mean() - (low + high) / 2) < 4 * (high - low) / np.sqrt(12 * 4000)
    over_time = sum(square**k for k in range(200))
    np.testing.assert_allclose(np.exp(2 * params["gain"]) * over_time, 1, rtol=1e-9)


@pytest.mark.parametrize("decay", [-30.0, 5.0])
def test_no_parameter_makes_it_explode(decay):
    params = {**generic(), "decay": jnp.full(UNITS, decay)}
    real, imaginary = eigenvalues(params)
    assert np.all(real**2 + imaginary**2 <= 1 + 1e-12)
    assert np.all(np.isfinite(RUN(unroll(CELL), params, sequence(100))))


def test_a_layer_of_half_precision_runs():
    params = jax.tree.map(lambda a: a.astype("bfloat16"), generic())
    xs = sequence(5).astype("bfloat16")
    assert {jax.eval_shape(net.apply, params, xs).dtype for net in (unroll(CELL), PARALLEL)} == {
        jnp.bfloat16.dtype
    }


@pytest.mark.parametrize("make", [linear_recurrent, parallel_linear_recurrent])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units must be a positive integer, got 0"),
        ({"features": -1}, "features must be a positive integer, got -1"),
        ({"max_radius": 1.0}, "0 <= min_radius < max_radius < 1.*nothing is ever forgotten"),
        ({"min_radius": 0.9, "max_radius": 0.8}, "min_radius=0.9 and max_radius=0.8"),
        ({"max_phase": 0.0}, "max_phase must be positive, got 0.0"),
    ],
)
def test_refusals(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**{"units": 3, **options})


def test_refusals_of_shapes():
    params, xs = generic(), sequence(4)
    with pytest.raises(ValueError, match="made for 3 input features"):
        PARALLEL.apply(params, xs.T)
    with pytest.raises(ValueError, match="got an empty sequence"):
        PARALLEL.apply(params, xs[:0])
    with pytest.raises(ValueError, match=r"takes jb.cells.unroll"):
        CELL.init(new_key(), xs)
    with pytest.raises(ValueError, match=r"one step must have the shape \[inputs\]"):
        PARALLEL.init(new_key(), jnp.ones((2, 4, INPUTS)))
