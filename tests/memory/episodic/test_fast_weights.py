"""Fast weights against attention, least squares and gradient descent."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning.plasticity import hebbian
from jaxbrain.memory.episodic import fast_weights as fw
from jaxbrain.memory.episodic.feature_maps import dpfp, unit
from tests.contract import close

pytestmark = pytest.mark.x64


new_key = partial(jax.random.key, 0)


INPUTS, KEYS, VALUES, STEPS = 5, 4, 3, 9


CELLS = {
    "hebbian": jb.memory.hebbian_fast_weights(KEYS, VALUES),
    "decaying": jb.memory.hebbian_fast_weights(KEYS, VALUES, retention=0.7),
    "mapped": jb.memory.hebbian_fast_weights(KEYS, VALUES, feature_map=partial(dpfp, nu=2)),
    "attention": jb.memory.linear_attention(KEYS, VALUES),
    "delta": jb.memory.delta_fast_weights(KEYS, VALUES),
}


every = pytest.mark.parametrize("name", CELLS)


def scanned(cell, params, xs, project=True):
    """The carry at the end and all outputs."""
    made = cell.project(params, xs) if project else xs
    return jax.lax.scan(
        lambda carry, x: cell.step(params, carry, x), cell.carry(params, xs[0]), made
    )


def run(name, project=True):
    cell, xs = CELLS[name], jax.random.normal(new_key(), (STEPS, INPUTS))
    params = cell.init(jax.random.key(1), xs[0])
    if "learning_rate" in params:
        params["learning_rate"]["bias"] = jnp.array([0.4])  # zero would hide a missing bias
    return params, np.asarray(xs), scanned(cell, params, xs, project)


def made(params, xs, *parts):
    return (xs @ np.asarray(params[part]["kernel"]) for part in parts)


def orthonormal(n, size=6):
    """Keys [n, size] in rows."""
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))
    return jnp.asarray(rotation[:n])


def written(write, keys, values):
    fast = jnp.zeros((keys.shape[1], values.shape[1]))
    for key, value in zip(keys, values, strict=True):
        fast = write(fast, key, value)
    return fast


def values_of(n):
    return jnp.asarray(np.random.default_rng(1).normal(size=(n, VALUES)))


def attention(params, xs, phi=lambda x: x, retention=1.0):
    """Scores ``[steps, steps]`` of the past, by time differences, and the values."""
    q, k, v = made(params, xs, "query", "key", "value")
    age = np.arange(STEPS)[:, None] - np.arange(STEPS)[None]
    return np.where(age >= 0, phi(q) @ phi(k).T * retention ** np.maximum(age, 0), 0), v


@pytest.mark.parametrize(("name", "retention"), [("hebbian", 1.0), ("decaying", 0.7)])
def test_hebbian_fast_weights_are_causal_linear_attention(name, retention):
    params, xs, (fast, ys) = run(name)
    scores, v = attention(params, xs, retention=retention)
    np.testing.assert_allclose(ys, scores @ v, atol=1e-12)
    _, k = made(params, xs, "query", "key")
    weighed = k * retention ** np.arange(STEPS)[::-1, None]
    np.testing.assert_allclose(fast, weighed.T @ v, atol=1e-12)


def test_other_attention_fails_that_test():
    """The same comparison fails for softmax, for the future, and for another retention."""
    params, xs, (_, ys) = run("hebbian")
    scores, v = attention(params, xs)
    q, k = made(params, xs, "query", "key")
    soft = np.asarray(jax.nn.softmax(jnp.where(scores != 0, scores, -jnp.inf)))
    for other in (soft, q @ k.T, np.tril(scores, -1), attention(params, xs, retention=0.99)[0]):
        assert np.abs(ys - other @ v).max() > 1e-2


def test_a_feature_map_makes_wider_fast_weights():
    params, xs, (fast, ys) = run("mapped")
    scores, v = attention(params, xs, phi=lambda x: np.asarray(dpfp(jnp.asarray(x), nu=2)))
    np.testing.assert_allclose(ys, scores @ v, atol=1e-12)
    assert fast.shape == (2 * 2 * KEYS, VALUES)


def test_linear_attention_is_a_weighted_mean():
    params, xs, ((fast, total), ys) = run("attention")
    scores, v = attention(params, xs, phi=lambda x: np.where(x > 0, x + 1, np.exp(x)))
    np.testing.assert_allclose(ys, scores / scores.sum(1, keepdims=True) @ v, atol=1e-12)
    assert fast.shape == (KEYS, VALUES) and total.shape == (KEYS,)
    assert np.all(ys <= np.maximum.accumulate(v) + 1e-12)


def test_linear_attention_without_similar_keys_is_finite():
    """Keys far below zero: the divisor is nearly zero."""
    cell = CELLS["attention"]
    params = cell.init(new_key(), jnp.ones(INPUTS))
    loss, grads = jax.value_and_grad(lambda p, x: jnp.sum(scanned(cell, p, x)[1]), allow_int=False)(
        params, jnp.full((3, INPUTS), -1e3)
    )
    assert np.isfinite(loss) and all(np.all(np.isfinite(g)) for g in jax.tree.leaves(grads))


def test_the_delta_cell_by_hand():
    params, xs, (fast, ys) = run("delta")
    rates = 1 / (
        1
        + np.exp(-(xs @ params["learning_rate"]["kernel"][:, 0] + params["learning_rate"]["bias"]))
    )
    w, readings = np.zeros((KEYS, VALUES)), []
    for q, k, v, b in zip(*made(params, xs, "query", "key", "value"), rates, strict=True):
        k, q = k / np.linalg.norm(k), q / np.linalg.norm(q)
        w = w + b * np.outer(k, v - k @ w)
        readings.append(q @ w)
    np.testing.assert_allclose(ys, readings, atol=1e-12)
    np.testing.assert_allclose(fast, w, atol=1e-12)


@every
def test_the_projection_may_be_left_to_the_step(name):
    """One product before the scan, or one in each step: also under vmap and jit."""
    params, _, before = run(name)
    close(run(name, project=False)[2], before, rtol=1e-12, atol=1e-12)
    cell, many = CELLS[name], jax.random.normal(jax.random.key(2), (2, STEPS, INPUTS))
    both = jax.jit(jax.vmap(lambda xs: scanned(cell, params, xs)))(many)
    close(jax.tree.map(lambda a: a[1], both), scanned(cell, params, many[1]), rtol=1e-12)
    assert jax.tree.structure(before[0]) == jax.tree.structure(cell.carry(params, many[0, 0]))


def test_delta_read_after_write_is_exact():
    key, value = unit(jnp.array([0.3, -1.2, 0.4])), jnp.array([2.0, -3.0])
    before = jax.random.normal(new_key(), (3, 2))
    after = fw.read(fw.delta_write(before, key, value), key)
    np.testing.assert_allclose(after, value, atol=1e-15)
    # a key of another length, another rate, and a write that only adds
    long = fw.read(fw.delta_write(before, 1.1 * key, value), 1.1 * key)
    slow = fw.read(fw.delta_write(before, key, value, learning_rate=0.9), key)
    added = fw.read(fw.hebbian_write(before, key, value), key)
    for other in (long, slow, added):
        assert np.abs(other - value).max() > 0.05
    np.testing.assert_allclose(slow, 0.1 * (key @ before) + 0.9 * value, atol=1e-15)
    np.testing.assert_allclose(added, key @ before + value, atol=1e-15)


def test_delta_write_replaces_and_hebbian_adds():
    keys, old, new = orthonormal(3), values_of(3), values_of(3)[::-1]
    for write, expected in ((fw.delta_write, new), (fw.hebbian_write, old + new)):
        fast = written(write, jnp.concatenate([keys, keys]), jnp.concatenate([old, new]))
        np.testing.assert_allclose(keys @ fast, expected, atol=1e-14)


def test_delta_write_is_gradient_descent_and_the_delta_rule():
    fast, k, v = (
        jax.random.normal(new_key(), (4, 3)),
        jnp.arange(4.0) - 1,
        jnp.array([1.0, 2.0, -1.0]),
    )
    slope = jax.grad(lambda w: jnp.sum((v - k @ w) ** 2) / 2)(fast)
    after = fw.delta_write(fast, k, v, learning_rate=0.3)
    np.testing.assert_allclose(after, fast - 0.3 * slope, atol=1e-14)
    _, change = hebbian.delta().step(fast, (), (k, k @ fast, v))
    np.testing.assert_allclose(after, fast + 0.3 * change, atol=1e-14)
    _, change = hebbian.hebb().step(fast, (), (k, v, None))
    np.testing.assert_allclose(fw.hebbian_write(fast, k, v), fast + change, atol=1e-14)


@pytest.mark.parametrize("write", [fw.delta_write, fw.hebbian_write])
def test_orthonormal_keys_are_read_exactly(write):
    keys, values = orthonormal(6), values_of(6)
    np.testing.assert_allclose(keys @ written(write, keys, values), values, atol=1e-14)


def test_one_key_too_many():
    """Delta: the last is exact, the squared errors of the others sum to the corrected error."""
    keys, values = orthonormal(6), values_of(7)
    extra = unit(jnp.arange(6.0) - 2)
    full = written(fw.delta_write, keys, values[:6])
    over = fw.delta_write(full, extra, values[6])
    np.testing.assert_allclose(extra @ over, values[6], atol=1e-14)
    corrected = values[6] - extra @ full
    errors = np.asarray(keys @ over - values[:6])
    np.testing.assert_allclose(errors, np.outer(keys @ extra, corrected), atol=1e-14)
    np.testing.assert_allclose((errors**2).sum(), (corrected**2).sum(), atol=1e-13)
    assert (corrected**2).sum() > 0.1
    summed = extra @ fw.hebbian_write(full, extra, values[6])  # Hebb: not even the last is exact
    np.testing.assert_allclose(summed - values[6], extra @ full, atol=1e-14)


def test_repeated_delta_writes_converge_to_the_pseudo_inverse():
    """Kaczmarz: from zero, unit keys that are independent but not orthogonal."""
    keys = unit(jnp.asarray(np.random.default_rng(2).normal(size=(3, 6))))
    values = values_of(3)

    def sweep(fast, _):
        for key, value in zip(keys, values, strict=True):
            fast = fw.delta_write(fast, key, value)
        return fast, jnp.max(jnp.abs(keys @ fast - values))

    fast, errors = jax.lax.scan(sweep, jnp.zeros((6, VALUES)), None, 300)
    np.testing.assert_allclose(fast, np.linalg.pinv(keys) @ values, atol=1e-10)
    assert errors[0] > 0.05  # once is not enough


@every
def test_gradients_are_right_and_finite(name):
    cell, xs = CELLS[name], jax.random.normal(new_key(), (STEPS, INPUTS))
    params = cell.init(jax.random.key(1), xs[0])
    loss = jax.jit(lambda p, xs: jnp.sum(jnp.sin(scanned(cell, p, xs)[1])))
    grads = jax.grad(loss)(params, xs)
    way = jax.tree.map(jnp.cos, params)
    ahead, behind = (jax.tree.map(lambda p, w: p + s * w, params, way) for s in (1e-5, -1e-5))  # noqa: B023
    slope = (loss(ahead, xs) - loss(behind, xs)) / 2e-5
    dot = sum(jnp.sum(g * w) for g, w in zip(*map(jax.tree.leaves, (grads, way)), strict=True))
    np.testing.assert_allclose(dot, slope, rtol=1e-6, atol=1e-8)
    blank = jax.grad(loss)(params, jnp.zeros_like(xs))
    assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(blank))


@pytest.mark.slow
def test_a_delta_cell_does_not_grow():
    """Unit keys and rates below 1 keep 1,000 steps within the values; a Hebbian cell grows."""
    xs = jax.random.normal(new_key(), (1000, INPUTS), "float32")
    last = {}
    for name in ("delta", "hebbian"):
        params = CELLS[name].init(new_key(), xs[0])
        fast, ys = scanned(CELLS[name], params, xs)
        assert fast.dtype == ys.dtype == "float32"
        last[name] = float(jnp.abs(ys).max()), float(jnp.abs(xs @ params["value"]["kernel"]).max())
    assert last["delta"][0] < 3 * last["delta"][1]
    assert last["hebbian"][0] > 30 * last["hebbian"][1]


def test_wrong_arguments_are_refused():
    fast, key, value = jnp.zeros((4, 3)), jnp.zeros(4), jnp.zeros(3)
    for call, message in (
        (lambda: fw.read(fast, value), r"read: query must have the shape \(4,\)"),
        (lambda: fw.read(key, key), r"fast must be the weights \[key, value\], got shape \(4,\)"),
        (lambda: fw.hebbian_write(fast, value, value), r"hebbian_write: key must"),
        (lambda: fw.delta_write(fast, key, key), r"delta_write: value must have the shape \(3,\)"),
        (
            lambda: fw.delta_write(fast, key, value, learning_rate=1.5),
            "delta_write: learning_rate must be from 0",
        ),
        (lambda: fw.hebbian_write(fast, key, value, retention=-1), "hebbian_write: retention must"),
        (
            lambda: jb.memory.hebbian_fast_weights(3, 2, retention=2),
            "retention must be from 0 to 1",
        ),
        (lambda: jb.memory.delta_fast_weights(0, 2), "delta_fast_weights: key_size must be a pos"),
        (lambda: jb.memory.linear_attention(3, 2.5), "linear_attention: value_size must be an int"),
        (
            lambda: CELLS["delta"].init(new_key(), jnp.ones((2, 3))),
            r"delta_fast_weights\(4, 3\) needs",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    params = CELLS["delta"].init(new_key(), jnp.ones(INPUTS))
    with pytest.raises(ValueError, match=r"made for 5 input features, got .*\(2, 6\)"):
        CELLS["delta"].project(params, jnp.ones((2, 6)))


def test_integer_inputs():
    cell = CELLS["hebbian"]
    params = cell.init(new_key(), jnp.ones(INPUTS))
    x = jnp.arange(INPUTS)
    close(
        cell.step(params, cell.carry(params, x), x),
        cell.step(params, cell.carry(params, x), x.astype("float64")),
    )
