"""Predictive coding against its equations in NumPy, step by step, and its limit backprop."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.learning.energy.predictive import InferenceDiagnostics, energy, settle

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
CE, HALF = jb.losses.softmax_cross_entropy, jb.losses.half_mse
TANH = jb.elementwise(jnp.tanh)
NET = jb.serial(jb.dense(6), TANH, jb.dense(5), TANH, jb.dense(3))


@pytest.fixture(scope="module")
def batch():
    x = jax.random.normal(new_key(), (7, 4), "float64")
    params = NET.init(jax.random.key(1), x[0])
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(3), len(leaves))
    leaves = [p + 0.2 * jax.random.normal(k, p.shape) for p, k in zip(leaves, keys, strict=True)]
    return (
        jax.tree.unflatten(tree, leaves),
        x,
        jax.random.normal(jax.random.key(4), (7, 3), "float64"),
    )


def forces(ws, x, y, z, nudge):
    """e_l = z_l - f_l(z_{l-1}); dF/dz_l = e_l - W_{l+1} (e_{l+1} f'_{l+1}), the last nudged."""
    inputs = [x, *z[:-1]]
    pre = [a @ w + b[None] for a, (w, b) in zip(inputs, ws, strict=True)]
    last = len(ws) - 1
    out = [p if i == last else np.tanh(p) for i, p in enumerate(pre)]
    slope = [np.ones_like(p) if i == last else 1 - np.tanh(p) ** 2 for i, p in enumerate(pre)]
    errors = [a - o for a, o in zip(z, out, strict=True)]
    pulls = [(e * s) @ w.T for e, s, (w, _) in zip(errors, slope, ws, strict=True)]
    force = [
        e - pulls[i + 1] if i < last else e + nudge * (z[-1] - y) for i, e in enumerate(errors)
    ]
    return force, errors, slope, inputs


def norm(arrays):
    return np.sqrt(sum(np.sum(np.square(a)) for a in arrays))


@pytest.mark.slow
def test_inference_and_learning_are_their_equations(batch):
    params, x, y = batch
    ws = [(np.asarray(p["kernel"]), np.asarray(p["bias"])) for p in params if p]
    nudge, size, steps = 0.3, 0.17, 4
    nx, ny = np.asarray(x), np.asarray(y)
    z, a = [], nx
    for i, (w, b) in enumerate(ws):
        a = a @ w + b[None] if i == 2 else np.tanh(a @ w + b[None])
        z.append(a)
    output = z[-1]
    first = norm(forces(ws, nx, ny, z, nudge)[0])
    for _ in range(steps):
        z = [a - size * g for a, g in zip(z, forces(ws, nx, ny, z, nudge)[0], strict=True)]
    force, errors, slope, inputs = forces(ws, nx, ny, z, nudge)

    settings = {"nudge": nudge, "steps": steps, "step_size": size}
    latents, info = settle(NET, HALF, params, x, y, **settings)
    for got, want in zip(latents, z, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)
    np.testing.assert_allclose(info.residual, norm(force) / first, rtol=1e-10)
    free = 0.5 * sum(np.sum(e**2) for e in errors) + nudge * 0.5 * np.sum((z[-1] - ny) ** 2)
    np.testing.assert_allclose(info.energy, free / 7, rtol=1e-10)
    np.testing.assert_allclose(
        energy(NET, HALF, params, latents, x, y, nudge=nudge), free, rtol=1e-10
    )

    value, grads, state = jb.predictive_coding(NET, HALF, **settings).grads(params, None, x, y)
    np.testing.assert_allclose(value, 0.5 * np.sum((output - ny) ** 2) / 7, rtol=1e-10)
    assert isinstance(state, InferenceDiagnostics) and state.residual == info.residual
    for p, e, s, a in zip([g for g in grads if g], errors, slope, inputs, strict=True):
        np.testing.assert_allclose(p["kernel"], -(a.T @ (e * s)) / (nudge * 7), rtol=1e-9)
        np.testing.assert_allclose(p["bias"], -(e * s).sum(0) / (nudge * 7), rtol=1e-9)


def distance(a, b):
    pairs = list(zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    return float(
        np.sqrt(sum(np.sum((u - v) ** 2) for u, v in pairs) / sum(np.sum(v**2) for _, v in pairs))
    )


@pytest.mark.parametrize("loss", [HALF, CE], ids=["half", "ce"])
def test_the_gap_to_backprop_is_of_the_order_of_the_nudge(batch, loss):
    params, x, y = batch
    y = jnp.argmax(y, axis=1) if loss is CE else y
    exact = jb.backprop(NET, loss).grads(params, (), x, y)[1]

    @jax.jit
    def learn(nudge):
        rule = jb.predictive_coding(NET, loss, nudge=nudge, steps=2000, step_size=0.2)
        return rule.grads(params, None, x, y)[1:]

    gaps = []
    for nudge in (1e-1, 1e-2, 1e-3):
        grads, state = learn(nudge)
        assert state.residual < 1e-10  # it has settled: what is left is the nudge
        gaps.append(distance(grads, exact))
    assert 5 < gaps[0] / gaps[1] < 15 and 9 < gaps[1] / gaps[2] < 11, gaps
    assert gaps[0] > 0.01


def test_the_fixed_point_has_no_force(batch):
    params, x, y = batch
    run = jax.jit(
        lambda steps, size: settle(NET, HALF, params, x, y, nudge=0.5, steps=steps, step_size=size)
    )
    residuals = [float(run(steps, 0.2)[1].residual) for steps in (0, 3, 30, 300, 3000)]
    assert residuals[0] == pytest.approx(1)
    assert np.all(np.diff(residuals) < 0) and residuals[-1] < 1e-12
    latents, info = run(3000, 0.2)
    force = jax.grad(lambda z: energy(NET, HALF, params, z, x, y, nudge=0.5))(latents)
    assert norm(force) < 1e-10
    _start, first = run(0, 0.2)
    assert info.energy < first.energy


def test_a_step_size_too_large_shows_in_the_residual(batch):
    params, x, y = batch
    run = jax.jit(lambda s: settle(NET, HALF, params, x, y, nudge=0.1, steps=30, step_size=s)[1])
    fine, wild = run(0.1), run(3.0)
    assert fine.residual < 0.5
    assert not wild.residual < 1


def test_a_target_that_is_met_leaves_nothing_to_settle(batch):
    params, x, _ = batch
    y = jax.vmap(lambda a: NET.apply(params, a))(x)
    value, grads, state = jb.predictive_coding(NET, HALF).grads(params, None, x, y)
    assert value == 0 and state.residual == 0
    assert all(np.all(np.abs(g) < 1e-12) for g in jax.tree.leaves(grads))


@pytest.mark.slow
def test_nudge_and_step_size_can_be_swept_and_differentiated(batch):
    params, x, y = batch

    @jax.jit
    def size_of_gradient(nudge, step_size):
        rule = jb.predictive_coding(NET, HALF, nudge=nudge, steps=3, step_size=step_size)
        return sum(jnp.sum(g**2) for g in jax.tree.leaves(rule.grads(params, None, x, y)[1]))

    args = jnp.array([0.1, 0.2]), jnp.array([0.1, 0.15])
    swept = jax.vmap(size_of_gradient)(*args)
    np.testing.assert_allclose(swept[1], size_of_gradient(0.2, 0.15), rtol=1e-10)
    slope = jax.jit(jax.grad(size_of_gradient, 1))(0.1, 0.1)
    up, down = size_of_gradient(0.1, 0.1 + 1e-6), size_of_gradient(0.1, 0.1 - 1e-6)
    np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-5)


@pytest.mark.slow
def test_convolutions_settle_towards_backprop():
    net = jb.serial(jb.conv(3, 3), TANH, jb.max_pool(2), jb.flatten(), jb.dense(3))
    x = jax.random.normal(new_key(), (4, 4, 4, 1), "float64")
    y, params = jnp.array([0, 1, 2, 0]), net.init(new_key(), x[0])
    exact = jax.jit(lambda p: jb.backprop(net, CE).grads(p, (), x, y)[1])(params)
    rule = jb.predictive_coding(net, CE, nudge=1e-4, steps=300, step_size=0.2)
    grads = jax.jit(lambda p: rule.grads(p, None, x, y)[1])(params)
    assert distance(grads, exact) < 1e-3


@pytest.mark.slow
def test_layers_before_the_first_weights_belong_to_the_first_block():
    front = jb.serial(jb.flatten(), *NET.layers)
    x, y = jax.random.normal(new_key(), (5, 2, 2), "float64"), jnp.zeros((5, 3))
    params = front.init(new_key(), x[0])
    a = jb.predictive_coding(front, HALF).grads(params, None, x, y)[1]
    b = jb.predictive_coding(NET, HALF).grads(params[1:], None, x.reshape(5, 4), y)[1]
    assert distance(a[1:], b) == 0


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"nudge": 0.0}, ValueError),
        ({"nudge": -1.0}, ValueError),
        ({"nudge": float("nan")}, ValueError),
        ({"steps": 0}, ValueError),
        ({"steps": 2.5}, ValueError),
        ({"steps": True}, ValueError),
        ({"step_size": 0}, ValueError),
        ({"step_size": np.ones(2)}, ValueError),
        ({"stepsize": 0.1}, TypeError),
    ],
    ids=str,
)
def test_numbers_out_of_range_are_named(wrong, error):
    with pytest.raises(error, match=next(iter(wrong))):
        jb.predictive_coding(NET, HALF, **wrong)
