"""Target propagation and its difference form: equations in NumPy, and limits of exact inverses."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import chain, difference_target_propagation, target_propagation
from tests.theory import CE, HALF, distance, output_error, problem, same, weights
from tests.theory import run_forward as forward

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
BOTH = {"plain": target_propagation, "difference": difference_target_propagation}
both = pytest.mark.parametrize("name", BOTH)
ETA, SIGMA, RATE = 0.7, 0.3, 0.1


def deep(*widths, activation=jnp.tanh):
    layers = []
    for width in widths:
        layers += [jb.dense(width), jb.elementwise(activation)]
    return jb.serial(*layers, jb.dense(3))


def identity(z):
    return z


def generic(state):
    """Inverses with biases at generic values, too."""
    leaves, tree = jax.tree.flatten(state.params)
    keys = jax.random.split(new_key(), len(leaves))
    moved = [v + 0.3 * jax.random.normal(k, v.shape) for k, v in zip(keys, leaves, strict=True)]
    return state._replace(params=jax.tree.unflatten(tree, moved))


def paper(name, ws, inverses, x, y, loss):
    """Every gradient and every new inverse, in NumPy; blocks count from 0."""
    z, a = forward(ws, x, np.tanh)
    n, last = len(x), len(ws) - 1
    error = output_error(loss, a[-1], y)
    grads = {last: (a[last].T @ error, error.sum(0))}
    signal = n * error @ ws[last][0].T  # dL/dh of one example
    target = a[last] - ETA * signal
    learned = []
    for j in reversed(range(last)):
        delta = (a[j + 1] - target) * (1 - np.tanh(z[j]) ** 2) / (ETA * n)
        grads[j] = (a[j].T @ delta, delta.sum(0))
        if j == 0:
            break
        v, c = np.asarray(inverses[j - 1]["layer"]["kernel"]), np.asarray(inverses[j - 1]["bias"])
        down = np.tanh(target @ v.T + c[None])
        target = down if name == "plain" else a[j] + down - np.tanh(a[j + 1] @ v.T + c[None])
        noise = jax.random.normal(jax.random.fold_in(new_key(), j - 1), a[j].shape, "float64")
        corrupt = a[j] + SIGMA * np.asarray(noise)
        u = np.tanh(corrupt @ ws[j][0] + ws[j][1][None])
        back = np.tanh(u @ v.T + c[None])
        slope = (back - corrupt) * (1 - back**2) / n
        value = np.sum((back - corrupt) ** 2) / (2 * n)
        learned.append((v - RATE * slope.T @ u, c - RATE * slope.sum(0), value))
    return [grads[j] for j in range(last + 1)], learned[::-1]


@pytest.mark.parametrize(("name", "loss"), [("plain", CE), ("difference", HALF)])
def test_target_propagation_is_its_equation(name, loss):
    net = deep(3, 3, 3)  # of one width: the target of a wrong layer would fit
    params, x, y = problem(net, loss)
    make = partial(BOTH[name], net, loss, optimizer=optax.sgd(RATE), noise=SIGMA)
    state = generic(make().init(jax.random.key(9), params, x[0]))
    assert [v["layer"]["kernel"].shape for v in state.params] == [(3, 3), (3, 3)]

    @jax.jit
    def run(eta):
        return make(target_step=eta).grads(params, state, x, y, key=new_key())

    value, grads, after = run(ETA)
    want, learned = paper(name, weights(params), state.params, x, y, loss)
    same(grads, want)
    for inverse, (v, c, error), reached in zip(
        after.params, learned, after.reconstruction, strict=True
    ):
        np.testing.assert_allclose(inverse["layer"]["kernel"], v, rtol=1e-9)
        np.testing.assert_allclose(inverse["bias"], c, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(reached, error, rtol=1e-10)
    output = forward(weights(params), x, np.tanh)[1][-1]
    mean = np.mean([loss(o, t) for o, t in zip(output, y, strict=True)])
    np.testing.assert_allclose(value, mean, rtol=1e-12)
    halved = run(ETA / 2)[1]
    assert distance(halved[0], grads[0]) > 1e-3 and distance(halved[4:], grads[4:]) < 1e-12


def exact_inverses(state, params):
    """u -> (u - b) W^-1 of square linear blocks."""
    inverses = []
    for v, (w, b) in zip(state.params, weights(params)[1:-1], strict=True):
        back = np.linalg.inv(w)
        inverses.append({"layer": {**v["layer"], "kernel": back.T}, "bias": -b @ back})
    return state._replace(params=tuple(inverses))


@pytest.mark.slow
def test_exact_inverses_give_gauss_newton_targets():
    """For one example and a layer's weights alone: the Gauss-Newton step J^+ dL/dh_H, times
    |input|^2 + 1, J the Jacobian of the last hidden activity in them (Meulemans et al. 2020)."""
    net = deep(4, 4, 4, activation=identity)
    params, x, y = problem(net, HALF, n=1)
    rule = difference_target_propagation(net, HALF, target_step=ETA, noise=0.0)
    state = exact_inverses(rule.init(new_key(), params, x[0]), params)
    grads = jax.jit(rule.grads)(params, state, x, y)[1]
    _z, a = forward(weights(params), x, identity)
    error = output_error(HALF, a[-1], y)[0] @ np.asarray(params[6]["kernel"]).T

    def top(part, i):
        return chain.forward(net, (*params[:i], part, *params[i + 1 :]), x)[5][0]

    for j, i in enumerate((0, 2, 4)):
        jacobian = jax.jit(jax.jacobian(top), static_argnums=1)(params[i], i)
        rows = np.concatenate(
            [np.asarray(jacobian[k]).reshape(4, -1) for k in ("kernel", "bias")], axis=1
        )
        step = np.linalg.pinv(rows) @ error * (np.sum(a[j] ** 2) + 1)
        got = np.concatenate([np.ravel(grads[i][k]) for k in ("kernel", "bias")])
        np.testing.assert_allclose(got, step, rtol=1e-9, atol=1e-12)
    exact = jb.backprop(net, HALF).grads(params, (), x, y)[1]
    assert distance(grads[4:], exact[4:]) < 1e-12 and distance(grads[0], exact[0]) > 0.1
    plain = jax.jit(target_propagation(net, HALF, target_step=ETA, noise=0.0).grads)
    assert distance(plain(params, state, x, y)[1], grads) < 1e-10  # nothing left to take out
    moved = [{**v, "bias": v["bias"] + 1.0} for v in state.params]
    wrong = state._replace(params=tuple(moved))
    assert distance(jax.jit(rule.grads)(params, wrong, x, y)[1], grads) < 1e-10  # the difference
    assert distance(plain(params, wrong, x, y)[1][0], grads[0]) > 0.1  # the control


def linear_conv():
    act = jb.elementwise(identity)
    return jb.serial(
        jb.conv(3, 3), act, jb.conv(4, 3, stride=2), act, jb.avg_pool(2), jb.flatten(),
        jb.dense(5), jb.dropout(0.4), jb.dense(3),
    )  # fmt: skip


LINEAR = {
    "dense": (lambda: deep(6, 5, 4, activation=identity), (4,)),
    "conv": (linear_conv, (8, 8, 2)),
}


@pytest.mark.parametrize(
    ("name", "key"),
    [("dense", lambda: None), ("conv", new_key)],
    ids=["dense", "conv with dropout"],
)
@pytest.mark.slow
def test_transposed_inverses_of_linear_blocks_give_backprop(name, key):
    """g_l(u) = W_l^T u + c: whatever its bias and however long the step."""
    net, shape = LINEAR[name][0](), LINEAR[name][1]
    params, x, y = problem(net, CE, shape=shape)
    rule = difference_target_propagation(net, CE, target_step=ETA, noise=0.0)
    run = jax.jit(rule.grads)
    drawn = rule.init(new_key(), params, x[0])
    starts = [start for start, _ in chain.blocks(params)][1:-1]
    state = drawn._replace(
        params=tuple(
            {"layer": params[i], "bias": v["bias"] + 1.0}
            for i, v in zip(starts, drawn.params, strict=True)
        )
    )
    value, exact, _ = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y, key=key())
    got = run(params, state, x, y, key=key())
    assert abs(got[0] - value) < 1e-12 and distance(got[1], exact) < 1e-12
    random = run(params, drawn, x, y, key=key())[1]
    assert distance(random[0], exact[0]) > 0.3  # the control: the inverses do matter
    plain = jax.jit(target_propagation(net, CE, target_step=ETA, noise=0.0).grads)
    assert distance(plain(params, state, x, y, key=key())[1][0], exact[0]) > 0.3


@both
def test_with_one_hidden_block_it_is_backprop(name):
    net = deep(6)
    params, x, y = problem(net, CE)
    rule = BOTH[name](net, CE)
    state = rule.init(new_key(), params, x[0])
    assert state.params == () and state.reconstruction.shape == (0,)
    exact = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y)[1]
    assert distance(jax.jit(rule.grads)(params, state, x, y)[1], exact) < 1e-12
    alone = jb.serial(jb.dense(3))
    params, x, y = problem(alone, CE)
    rule = BOTH[name](alone, CE)
    got = rule.grads(params, rule.init(new_key(), params, x[0]), x, y)[1]
    assert distance(got, jb.backprop(alone, CE).grads(params, (), x, y)[1]) < 1e-12


@both
def test_target_propagation_refuses(name):
    rule, title = BOTH[name], BOTH[name].__name__
    net = deep(6, 5)
    with pytest.raises(ValueError, match=f"{title}: target_step must be positive, got 0"):
        rule(net, CE, target_step=0)
    with pytest.raises(ValueError, match=f"{title}: noise must not be negative, got -1"):
        rule(net, CE, noise=-1)
    params, x, y = problem(net, CE)
    noisy, quiet = rule(net, CE), rule(net, CE, noise=0.0)
    state = noisy.init(new_key(), params, x[0])
    with pytest.raises(ValueError, match=rf"{title} needs a key.*noise=0\.0.*key=key"):
        jax.eval_shape(noisy.grads, params, state, x, y)
    jax.eval_shape(quiet.grads, params, state, x, y)


@both
@pytest.mark.slow
def test_target_propagation_trains_hidden_layers(name, digits):
    """With the hidden layers frozen this network reaches 0.93."""
    train, test = digits
    act = jb.elementwise(jnp.tanh)
    net = jb.serial(jb.dense(64), act, jb.dense(32), act, jb.dense(10))
    with jax.enable_x64(False):
        state, _ = jb.fit(
            BOTH[name](net, CE), optax.adam(3e-3), train,
            key=new_key(), epochs=15, batch_size=32, progress=False,
        )  # fmt: skip
        scores = jb.evaluate(net, state.params, test, {"accuracy": jb.accuracy})
    assert scores["accuracy"] > 0.955
