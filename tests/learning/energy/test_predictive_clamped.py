"""Predictive coding with a clamped output: its equations in NumPy, and the energy of the theory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import clamped_predictive_coding, incremental_predictive_coding
from jaxbrain.learning.energy.inference import forward_pass, weight_gradient
from jaxbrain.learning.energy.predictive_clamped import clamped
from tests.learning.energy.equations import clamped_forces, exact, learn, norm, relaxed
from tests.theory import CE, HALF, convnet, distance, mlp, problem, run_forward, same, weights

pytestmark = pytest.mark.x64

NET = mlp(jnp.tanh)
losses = pytest.mark.parametrize("loss", [HALF, CE], ids=["half", "ce"])


@losses
def test_clamped_is_its_equations(loss):
    params, x, y = problem(NET, loss)
    ws = weights(params)
    z = run_forward(ws, x, np.tanh)[1][1:-1]
    first = clamped_forces(ws, x, y, z, loss)[0]
    for _ in range(3):
        force = clamped_forces(ws, x, y, z, loss)[0]
        z = [a - 0.17 * g for a, g in zip(z, force, strict=True)]
    force, change, energy = clamped_forces(ws, x, y, z, loss)
    rule = clamped_predictive_coding(NET, loss, steps=3, step_size=0.17)
    grads, state = learn(rule, params, x, y)
    same(grads, change)
    want = [norm(force) / norm(first), energy]
    np.testing.assert_allclose([state.residual, state.energy], want, rtol=1e-10)


def test_incremental_is_its_equations_and_sgd_follows_it():
    step, alpha = 0.17, 0.03
    params, x, y = problem(NET, CE)
    ws = weights(params)
    z = run_forward(ws, x, np.tanh)[1][1:-1]
    first = clamped_forces(ws, x, y, z, CE)[0]
    for _ in range(4):  # activities and weights at once, both from the values before the step
        force, change, _ = clamped_forces(ws, x, y, z, CE)
        z = [a - step * g for a, g in zip(z, force, strict=True)]
        ws = [(w - alpha * g, b - alpha * h) for (w, b), (g, h) in zip(ws, change, strict=True)]
    force, _, energy = clamped_forces(ws, x, y, z, CE)
    options = {"steps": 4, "step_size": step}
    rule = incremental_predictive_coding(NET, CE, **options, weight_step=alpha)
    grads, state = learn(rule, params, x, y)
    sgd = optax.sgd(alpha)
    updates, _ = sgd.update(grads, sgd.init(params))
    same(optax.apply_updates(params, updates), ws, rtol=1e-12)
    want = [norm(force) / norm(first), energy]
    np.testing.assert_allclose([state.residual, state.energy], want, rtol=1e-10)
    still = incremental_predictive_coding(NET, CE, **options, weight_step=1e-9)
    assert distance(learn(still, params, x, y)[0], grads) > 1e-3  # the changes in between matter


def test_the_deep_linear_energy_is_that_of_the_theory():
    net = jb.serial(jb.dense(6), jb.dense(5), jb.dense(3))
    params, x, y = problem(net, HALF)
    params = jax.tree.map(lambda p: p * float(p.ndim > 1), params)  # without biases
    run = jax.jit(
        lambda n: relaxed(clamped, net, HALF, params, x, y, steps=n, step_size=0.2)[1]
    )  # fmt: skip
    w1, w2, w3 = (np.asarray(p["kernel"]) for p in params)
    r = np.asarray(y) - np.asarray(x) @ w1 @ w2 @ w3
    s = np.eye(3) + w3.T @ w3 + (w2 @ w3).T @ (w2 @ w3)
    want = np.sum(r * np.linalg.solve(s, r.T).T) / (2 * 7)
    np.testing.assert_allclose(run(2000).energy, want, rtol=1e-12)
    assert run(2000).residual < 1e-12
    np.testing.assert_allclose(run(0).energy, np.sum(r**2) / (2 * 7), rtol=1e-12)
    assert run(5).energy > 1.01 * want  # control: not at equilibrium


@pytest.mark.parametrize(
    "net, shape", [(NET, (4,)), (convnet(), (9, 9, 2))], ids=["mlp", "conv"]
)  # fmt: skip
@pytest.mark.slow
def test_clamped_is_not_backprop(net, shape):
    params, x, y = problem(net, CE, shape=shape)
    truth = exact(net, CE, params, x, y)

    @jax.jit
    def after(steps):
        z, _ = relaxed(clamped, net, CE, params, x, y, steps=steps, step_size=0.1)
        return weight_gradient(clamped(forward_pass(net, params, x), CE, y), params, z)

    def cosine(a, b):
        a, b = (np.concatenate([np.ravel(p) for p in jax.tree.leaves(t)]) for t in (a, b))
        return a @ b / np.sqrt(a @ a * (b @ b))

    start = after(0)  # the last layer is exact before the first step, and the others learn nothing
    assert distance(start[-1], truth[-1]) < 1e-12
    assert all(np.all(abs(p) < 1e-14) for p in jax.tree.leaves(start[:-1]))
    grads = [after(n) for n in (10, 100, 1000)]
    for i, p in enumerate(params):
        if p:
            falling = [cosine(g[i], truth[i]) for g in grads]
            assert min(falling) < 0.999, (i, falling)
            assert shape != (4,) or np.all(np.diff(falling) < 0), (i, falling)


@pytest.mark.parametrize("make", [clamped_predictive_coding, incremental_predictive_coding])
def test_a_single_layer_learns_by_the_delta_rule(make):
    net = jb.serial(jb.flatten(), jb.dense(3))
    params, x, y = problem(net, HALF)
    grads, state = learn(make(net, HALF, steps=1), params, x, y)
    assert distance(grads, exact(net, HALF, params, x, y)) < 1e-14 and state.residual == 0


@pytest.mark.parametrize(
    "make, wrong",
    [
        (clamped_predictive_coding, {"step_size": -0.1}),
        (clamped_predictive_coding, {"steps": 1.5}),
        (incremental_predictive_coding, {"weight_step": 0.0}),
        (incremental_predictive_coding, {"step_size": float("nan")}),
    ],
)
def test_numbers_out_of_range_are_named(make, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        make(NET, CE, **wrong)
    with pytest.raises(TypeError, match=r"descent must be a function.*got 'safe'"):
        make(NET, CE, descent="safe")
