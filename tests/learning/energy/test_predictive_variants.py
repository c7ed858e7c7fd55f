"""Variants of predictive coding: equations in NumPy, and identities, each with a control."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.energy import inference
from jaxbrain.learning.energy.predictive import settle
from jaxbrain.learning.energy.predictive_clamped import clamped, clamped_energy, settle_clamped
from jaxbrain.learning.energy.predictive_exact import learn_in_time
from tests.theory import (
    CE,
    HALF,
    convnet,
    distance,
    mlp,
    output_error,
    problem,
    run_forward,
    same,
    tanh_slope,
    weights,
)

pytestmark = pytest.mark.x64

losses = pytest.mark.parametrize("loss", [HALF, CE], ids=["half", "ce"])
chains = pytest.mark.parametrize(
    "net, shape", [(mlp(jnp.tanh), (4,)), (convnet(), (9, 9, 2))], ids=["mlp", "conv"]
)


def learn(rule, params, x, y):
    return jax.jit(lambda p: rule.grads(p, None, x, y)[1:])(params)


def exact(net, loss, params, x, y):
    return jax.jit(lambda p: jb.backprop(net, loss).grads(p, (), x, y)[1])(params)


def forces(ws, x, y, z, loss):
    """dF/dz of the clamped energy, and dF/dW, by hand; e_L = -dL/df_L."""
    inputs = [np.asarray(x), *z]
    pre = [a @ w + b[None] for a, (w, b) in zip(inputs, ws, strict=True)]
    errors = [a - np.tanh(p) for a, p in zip(z, pre[:-1], strict=True)]
    deltas = [e * tanh_slope(p) for e, p in zip(errors, pre, strict=False)]
    deltas.append(-output_error(loss, pre[-1], y) * len(x))
    force = [e - deltas[i + 1] @ ws[i + 1][0].T for i, e in enumerate(errors)]
    return force, [(-a.T @ d, -d.sum(0)) for a, d in zip(inputs, deltas, strict=True)]


def mean(grads, n):
    return [(w / n, b / n) for w, b in grads]


@losses
@pytest.mark.slow
def test_clamped_is_its_equations(loss):
    net = mlp(jnp.tanh)
    params, x, y = problem(net, loss)
    ws = weights(params)
    z = run_forward(ws, x, np.tanh)[1][1:-1]
    for _ in range(3):
        z = [a - 0.17 * g for a, g in zip(z, forces(ws, x, y, z, loss)[0], strict=True)]
    rule = jb.learning.clamped_predictive_coding(net, loss, steps=3, step_size=0.17)
    grads, state = learn(rule, params, x, y)
    same(grads, mean(forces(ws, x, y, z, loss)[1], 7))
    latents, info = settle_clamped(net, loss, params, x, y, steps=3, step_size=0.17)
    for got, want in zip(latents, z, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)
    free = clamped_energy(net, loss, params, latents, x, y)
    np.testing.assert_allclose([info.energy, state.energy], free / 7, rtol=1e-12)


@pytest.mark.slow
def test_incremental_is_its_equations_and_sgd_follows_it():
    net, step, alpha = mlp(jnp.tanh), 0.17, 0.03
    params, x, y = problem(net, CE)
    ws = weights(params)
    z = run_forward(ws, x, np.tanh)[1][1:-1]
    for _ in range(4):  # activities and weights at once, both from where they stood
        force, change = forces(ws, x, y, z, CE)
        z = [a - step * g for a, g in zip(z, force, strict=True)]
        ws = [
            (w - alpha * g / 7, b - alpha * h / 7)
            for (w, b), (g, h) in zip(ws, change, strict=True)
        ]
    rule = jb.learning.incremental_predictive_coding(
        net, CE, steps=4, step_size=step, weight_step=alpha
    )
    sgd = optax.sgd(alpha)
    updates, _ = sgd.update(learn(rule, params, x, y)[0], sgd.init(params))
    same(optax.apply_updates(params, updates), ws, rtol=1e-12)
    still = jb.learning.incremental_predictive_coding(
        net, CE, steps=4, step_size=step, weight_step=1e-9
    )
    moved, held = learn(rule, params, x, y)[0], learn(still, params, x, y)[0]
    assert distance(held, moved) > 1e-3  # it matters that the weights change in between


@losses
@pytest.mark.slow
def test_the_gap_to_backprop_is_of_the_order_of_the_nudge_squared(loss):
    net = mlp(jnp.tanh)
    params, x, y = problem(net, loss)

    def gaps(make):
        def gap(nudge):
            rule = make(net, loss, nudge=nudge, steps=2500, step_size=0.25)
            return rule.grads(params, None, x, y)[1:]

        grads, state = jax.jit(jax.vmap(gap))(jnp.array([1e-1, 1e-2, 1e-3]))
        assert np.all(state.residual < 1e-7)  # it has settled: what is left is the nudge
        each = [jax.tree.map(lambda g, i=i: g[i], grads) for i in range(3)]
        truth = exact(net, loss, params, x, y)
        return np.log10([distance(g, truth) for g in each])

    slopes = -np.diff(gaps(jb.learning.centered_predictive_coding))
    assert abs(slopes[0] - 2) < 0.3 and abs(slopes[1] - 2) < 0.05, slopes
    one_sided = -np.diff(gaps(jb.learning.predictive_coding))
    assert np.all(one_sided < 1.2), one_sided


def test_the_deep_linear_energy_is_that_of_the_theory():
    net = jb.serial(jb.dense(6), jb.dense(5), jb.dense(3))
    params, x, y = problem(net, HALF)
    params = jax.tree.map(lambda p: p * float(p.ndim > 1), params)  # without biases
    run = jax.jit(lambda n: settle_clamped(net, HALF, params, x, y, steps=n, step_size=0.2)[1])
    w1, w2, w3 = (np.asarray(p["kernel"]) for p in params)
    r = np.asarray(y) - np.asarray(x) @ w1 @ w2 @ w3
    s = np.eye(3) + w3.T @ w3 + (w2 @ w3).T @ (w2 @ w3)
    want = np.sum(r * np.linalg.solve(s, r.T).T) / (2 * 7)
    np.testing.assert_allclose(run(2000).energy, want, rtol=1e-12)
    assert run(2000).residual < 1e-12
    np.testing.assert_allclose(run(0).energy, np.sum(r**2) / (2 * 7), rtol=1e-12)
    assert run(5).energy > 1.01 * want  # control: not settled


@chains
@pytest.mark.slow
def test_clamped_is_not_backprop(net, shape):
    params, x, y = problem(net, CE, shape=shape)
    truth = exact(net, CE, params, x, y)

    @jax.jit
    def after(steps):
        z, _ = settle_clamped(net, CE, params, x, y, steps=steps, step_size=0.1)
        return jax.grad(lambda p: clamped_energy(net, CE, p, z, x, y) / 7)(params)

    def cosine(a, b):
        a, b = (np.concatenate([np.ravel(p) for p in jax.tree.leaves(t)]) for t in (a, b))
        return a @ b / np.sqrt(a @ a * (b @ b))

    start = after(0)
    assert distance(start[-1], truth[-1]) < 1e-12  # the last layer is exact before settling,
    assert all(
        np.all(abs(p) < 1e-14) for p in jax.tree.leaves(start[:-1])
    )  # and nothing else learns
    grads = [after(n) for n in (10, 100, 1000)]
    for i, p in enumerate(params):
        if p:
            falling = [cosine(g[i], truth[i]) for g in grads]
            assert min(falling) < 0.999, (i, falling)
            assert shape != (4,) or np.all(np.diff(falling) < 0), (i, falling)


@losses
@chains
@pytest.mark.slow
def test_fixed_predictions_settle_to_backprop(net, shape, loss):
    params, x, y = problem(net, loss, shape=shape)
    truth = exact(net, loss, params, x, y)
    gaps, hidden = {}, sum(map(bool, params)) - 1
    for steps, size in (100, 0.5), (100, 1.5), (hidden, 1.0), (3, 0.5):
        rule = jb.learning.fixed_prediction_coding(net, loss, steps=steps, step_size=size)
        grads, state = learn(rule, params, x, y)
        gaps[steps, size] = distance(grads, truth), state.residual
    assert all(max(gaps[k]) < 1e-12 for k in gaps if k != (3, 0.5)), gaps
    assert min(gaps[3, 0.5]) > 1e-2, gaps


@pytest.mark.slow
def test_fixed_predictions_are_their_equations():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    ws = weights(params)
    z, a = run_forward(ws, x, np.tanh)
    top = -output_error(CE, a[-1], y) * 7
    slopes = [tanh_slope(p) for p in z[:-1]] + [1]
    errors = [np.zeros_like(h) for h in a[1:-1]]

    def drive(errors):
        above = [e * s for e, s in zip([*errors[1:], top], slopes[1:], strict=True)]
        return [d @ w.T - e for d, (w, _), e in zip(above, ws[1:], errors, strict=True)]

    first = drive(errors)
    for _ in range(3):
        errors = [e + 0.3 * d for e, d in zip(errors, drive(errors), strict=True)]
    deltas = [e * s / 7 for e, s in zip([*errors, top], slopes, strict=True)]
    rule = jb.learning.fixed_prediction_coding(net, CE, steps=3, step_size=0.3)
    grads, state = learn(rule, params, x, y)
    same(grads, [(-i.T @ d, -d.sum(0)) for i, d in zip(a[:-1], deltas, strict=True)])
    norm = [np.sqrt(sum(np.sum(d**2) for d in ds)) for ds in (drive(errors), first)]
    np.testing.assert_allclose(state.residual, norm[0] / norm[1], rtol=1e-10)
    value = float(rule.grads(params, None, x, y)[0])
    energy = value + sum(np.sum(e**2) for e in errors) / 14
    np.testing.assert_allclose(state.energy, energy, rtol=1e-10)


@losses
@chains
@pytest.mark.slow
def test_zero_divergence_is_backprop_at_its_times_only(net, shape, loss):
    params, x, y = problem(net, loss, shape=shape)
    truth = exact(net, loss, params, x, y)
    grads, _ = learn(jb.learning.zero_divergence_inference_learning(net, loss), params, x, y)
    assert distance(grads, truth) < 1e-14

    def at(step_size, times):
        blocks = inference.block_functions(net, params, x, None)
        start = inference.feed_forward(blocks, params, x)[:-1]
        hierarchy, options = clamped(blocks, loss, y), {"step_size": step_size, "times": times}
        run = jax.jit(lambda p: learn_in_time(hierarchy, p, start, x, scale=1 / 7, **options)[0])
        return distance(run(params), truth)

    if loss is HALF:
        return
    *above, first = range(sum(map(bool, params)))
    times = [first, *reversed(above)]
    assert at(1, times) < 1e-14
    assert at(0.9, times) > 1e-2  # another step size
    assert at(1, [first + 1, *times[1:]]) > 1e-3  # the first layer too late
    assert at(1, [*times[:-1], 1]) > 1e-3  # the last


def test_zero_divergence_with_weights_that_change_at_their_times():
    """As published: W_l is changed in place, in the midst of the inference."""
    net, alpha = mlp(jnp.tanh), 0.3
    params, x, y = problem(net, CE)
    ws = start = weights(params)
    z = run_forward(ws, x, np.tanh)[1][1:-1]
    for t in range(3):
        force, change = forces(ws, x, y, z, CE)
        g, h = change[2 - t]
        ws = [(w - alpha * g / 7, b - alpha * h / 7) if i == 2 - t else (w, b)
              for i, (w, b) in enumerate(ws)]  # fmt: skip
        z = [a - d for a, d in zip(z, force, strict=True)]
    rule = jb.learning.zero_divergence_inference_learning(net, CE)
    moved = [((w - v) / alpha, (b - c) / alpha) for (w, b), (v, c) in zip(start, ws, strict=True)]
    same(learn(rule, params, x, y)[0], moved, rtol=1e-8)


@pytest.mark.parametrize("make", [settle, settle_clamped], ids=["nudged", "clamped"])
@pytest.mark.slow
def test_backtracking_never_raises_the_energy(make):
    net = mlp(jnp.tanh)
    nudge = {"nudge": 0.5} if make is settle else {}

    def path(descent):
        @jax.jit
        @jax.vmap
        def run(gain, step_size, seed):
            kp, kx, ky = jax.random.split(jax.random.key(seed), 3)
            x = jax.random.normal(kx, (5, 4), "float64")
            params = jax.tree.map(lambda p: gain * p, net.init(kp, x[0]))
            y = 3 * jax.random.normal(ky, (5, 3), "float64")
            after = [
                make(net, HALF, params, x, y, **nudge, steps=n, step_size=step_size,
                     descent=descent)[1].energy
                for n in (0, 1, 2, 4, 8)
            ]  # fmt: skip
            return jnp.stack(after)

        gains, sizes = np.meshgrid([0.5, 2.0, 8.0], [0.1, 1.0, 30.0, 1e6])
        return run(jnp.array(gains.ravel()), jnp.array(sizes.ravel()), jnp.arange(12))

    safe, wild = path(inference.backtracking), path(inference.fixed_step)
    assert np.all(np.isfinite(safe)) and np.all(np.diff(safe) <= 1e-12 * safe[:, :1])
    assert np.all(safe[:, -1] < safe[:, 0])  # it moves, too
    rises = np.any(~(np.diff(wild) <= 0), axis=1)
    assert rises[6:].all() and not rises[0]  # control: step sizes of 30 and more


@pytest.mark.slow
def test_backtracking_is_for_each_example_and_leaves_a_good_step_alone():
    def bowls(z):
        return jnp.array([1.0, 50.0]) * jnp.sum(z[0] ** 2, axis=1)

    z = [jnp.array([[1.0, 2.0], [1.0, 2.0]])]
    out = inference.backtracking(bowls, z, 0.25)[0]
    np.testing.assert_allclose(out[0], inference.fixed_step(bowls, z, 0.25)[0][0])
    size = 0.25 / 2**4  # 1 - 2 c s >= -1 needs s <= 1 / 50
    np.testing.assert_allclose(out[1], (1 - 100 * size) * z[0][1])
    stuck = inference.backtracking(lambda a: jnp.sum(jnp.abs(a[0]), axis=1), [0 * z[0]], 1.0)
    assert np.all(stuck[0] == 0)


@pytest.mark.parametrize(
    "name",
    ["predictive_coding", "centered_predictive_coding", "clamped_predictive_coding",
     "incremental_predictive_coding"],
)  # fmt: skip
def test_every_variant_takes_a_descent(name):
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    make = getattr(jb.learning, name)
    safe = make(net, CE, steps=5, step_size=40.0, descent=inference.backtracking)
    wild = make(net, CE, steps=5, step_size=40.0)
    assert learn(safe, params, x, y)[1].residual < 1 < learn(wild, params, x, y)[1].residual
    with pytest.raises(TypeError, match=f"{name}: descent must be a function.*got 'safe'"):
        make(net, CE, descent="safe")


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("centered_predictive_coding", {"nudge": 0.0}),
        ("centered_predictive_coding", {"steps": 0}),
        ("clamped_predictive_coding", {"step_size": -0.1}),
        ("clamped_predictive_coding", {"steps": 1.5}),
        ("fixed_prediction_coding", {"step_size": 2.0}),
        ("fixed_prediction_coding", {"steps": True}),
        ("incremental_predictive_coding", {"weight_step": 0.0}),
        ("incremental_predictive_coding", {"step_size": float("nan")}),
        ("zero_divergence_inference_learning", {}),
    ],
    ids=str,
)
def test_what_a_variant_cannot_do_is_named(name, wrong):
    make = getattr(jb.learning, name)
    for key in wrong:
        with pytest.raises(ValueError, match=f"{name}: {key} must be"):
            make(mlp(jnp.tanh), CE, **wrong)
    nested = jb.serial(jb.serial(jb.dense(3)), jb.dense(2))
    with pytest.raises(ValueError, match=f"{name} needs a flat chain.*unpack"):
        make(nested, CE)


@pytest.mark.parametrize("name", ["clamped", "incremental", "fixed", "zero"])
def test_a_single_layer_learns_by_the_delta_rule(name):
    net = jb.serial(jb.flatten(), jb.dense(3))
    params, x, y = problem(net, HALF)
    make = {
        "clamped": jb.learning.clamped_predictive_coding,
        "fixed": jb.learning.fixed_prediction_coding,
        "zero": jb.learning.zero_divergence_inference_learning,
        "incremental": lambda *a: jb.learning.incremental_predictive_coding(*a, steps=1),
    }[name]
    grads, state = learn(make(net, HALF), params, x, y)
    assert distance(grads, exact(net, HALF, params, x, y)) < 1e-14 and state.residual == 0
