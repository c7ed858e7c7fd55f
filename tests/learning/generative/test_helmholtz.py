"""Helmholtz machines and wake-sleep against the sum over all states of all layers."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.config import label
from jaxbrain.learning.generative import helmholtz as hm
from tests.contract import KEYWORD, close, counter, equal, places, signature
from tests.learning.generative.exact_machines import sigmoid
from tests.theory import distance

pytestmark = pytest.mark.x64

SIZES = (4, 3, 2)  # visible, middle, top
NET = hm.helmholtz_machine(3, 2)
RULE = jb.learning.wake_sleep(NET)
X = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0]], float)


def bits(n):
    return np.array(list(product((0.0, 1.0), repeat=n)))


def generic(seed=0):
    """Parameters at generic values."""
    shapes = jax.eval_shape(NET.init, jax.random.key(0), jnp.zeros(4))
    r = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(r.normal(0, 0.8, a.shape)), shapes)


def bernoulli(p, s):
    return np.sum(s * np.log(p) + (1 - s) * np.log(1 - p), axis=-1)


def tables(params):
    """All states of all layers with log p and log q of each, by hand."""
    p = jax.tree.map(np.asarray, params)
    (r1, r2), (g1, g2) = p["recognition"], p["generative"]
    up = lambda layer, s: sigmoid(s @ layer["kernel"] + layer["bias"])  # noqa: E731
    grid = bits(sum(SIZES))
    x, h, t = grid[:, :4], grid[:, 4:7], grid[:, 7:]
    log_p = bernoulli(sigmoid(p["prior"]), t) + bernoulli(up(g2, t), h) + bernoulli(up(g1, h), x)
    log_q = bernoulli(up(r1, x), h) + bernoulli(up(r2, h), t)
    return (x, h, t), log_p, log_q, (up(r1, x), up(r2, h), up(g1, h), up(g2, t), p["prior"])


def same_rows(x, example):
    return np.all(x == example, axis=1)


def exact_gradients(params):
    """The expectations of both phases: delta rules summed over all states, by hand."""
    (x, h, t), log_p, log_q, (q1, q2, p1, p2, prior) = tables(params)
    wake = sum(same_rows(x, e) * np.exp(log_q) for e in X) / len(X)
    sleep = np.exp(log_p)
    rule = lambda w, below, error: {  # noqa: E731
        "kernel": -np.einsum("n,ni,nj->ij", w, below, error),
        "bias": -w @ error,
    }
    return {
        "recognition": (rule(sleep, x, h - q1), rule(sleep, h, t - q2)),
        "generative": (rule(wake, h, x - p1), rule(wake, t, h - p2)),
        "prior": -wake @ (t - sigmoid(prior)),
    }


def test_each_half_learns_from_the_samples_of_the_other():
    """Large biases make the states certain: both phases by hand."""
    r = np.random.default_rng(0)
    sure = lambda *signs: 40.0 * np.array(signs)  # noqa: E731
    r1, r2, g1, g2 = (r.normal(0, 0.5, shape) for shape in ((4, 3), (3, 2), (3, 4), (2, 3)))
    rb1, rb2, prior = sure(1, -1, 1), sure(-1, 1), sure(1, 1)
    gb1, gb2 = sure(-1, 1, 1, -1), sure(1, 1, -1)
    layer = lambda kernel, bias: {"kernel": kernel, "bias": bias}  # noqa: E731
    params = {
        "recognition": (layer(r1, rb1), layer(r2, rb2)),
        "generative": (layer(g1, gb1), layer(g2, gb2)),
        "prior": prior,
    }
    on = lambda bias: (bias > 0).astype(float)  # noqa: E731
    x = X[0]
    recognized, generated = (x, on(rb1), on(rb2)), (on(gb1), on(gb2), on(prior))

    def delta(before, after):
        return {"kernel": -np.outer(before, after), "bias": -after}

    s, d = recognized, generated
    want = {
        "recognition": (delta(d[0], d[1] - on(rb1)), delta(d[1], d[2] - on(rb2))),
        "generative": (delta(s[1], s[0] - on(gb1)), delta(s[2], s[1] - on(gb2))),
        "prior": -(s[2] - on(prior)),
    }
    params, xs = jax.tree.map(jnp.asarray, params), jnp.asarray([x, x])
    loss, grads, _ = jax.jit(RULE.grads)(params, (), xs, xs, key=jax.random.key(0))
    close(grads, jax.tree.map(jnp.asarray, want), 1e-12, 1e-12)
    wrong = (s[0] - on(gb1)) @ (s[1] @ g1 + gb1)
    wrong += (s[1] - on(gb2)) @ (s[2] @ g2 + gb2) + (s[2] - on(prior)) @ prior
    np.testing.assert_allclose(loss, -wrong, rtol=1e-12)  # - log p(x, s), and log q(s | x) = 0
    assert np.any(want["recognition"][0]["kernel"] != delta(s[0], s[1] - on(rb1))["kernel"])


def test_the_halves_are_distributions_and_their_logarithms_are_these():
    params = generic()
    states, log_p, log_q, _ = tables(params)
    states = tuple(jnp.asarray(s) for s in states)
    np.testing.assert_allclose(np.exp(log_p).sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_q).sum(), 2**4, rtol=1e-12)
    score = jax.jit(lambda f: jax.vmap(lambda s: f(params, s))(states), static_argnums=0)
    np.testing.assert_allclose(score(hm.log_generative), log_p, rtol=1e-12)
    np.testing.assert_allclose(score(hm.log_recognition), log_q, rtol=1e-12)


@pytest.mark.slow
def test_free_energy_is_a_bound_and_its_exponential_unbiased():
    params, example = generic(), X[0]
    (x, _, _), log_p, log_q, _ = tables(params)
    here = same_rows(x, example)
    likelihood = np.exp(log_p[here]).sum()
    bound = np.sum(np.exp(log_q[here]) * (log_q - log_p)[here])
    keys = jax.random.split(jax.random.key(0), 40_000)
    draw = jax.vmap(lambda k: hm.free_energy(k, params, jnp.asarray(example)))
    free = np.asarray(jax.jit(draw)(keys))
    error = lambda a: 4 * a.std() / np.sqrt(len(a))  # noqa: E731
    assert abs(free.mean() - bound) < error(free) < 0.1 * (bound + np.log(likelihood))
    weights = np.exp(-free)
    assert abs(weights.mean() - likelihood) < error(weights) < 0.3 * likelihood
    assert bound > -np.log(likelihood) + 0.1
    posterior = np.exp(log_p[here]) / likelihood  # at the exact posterior the bound is tight
    tight = np.sum(posterior * (np.log(posterior) - log_p[here]))
    np.testing.assert_allclose(tight, -np.log(likelihood), rtol=1e-12)


@pytest.mark.slow
def test_wake_and_sleep_gradients_are_their_expectations():
    params, n = generic(), 40_000
    x = jnp.tile(jnp.asarray(X), (n // 3, 1))
    grads = jax.jit(RULE.grads)(params, (), x, x, key=jax.random.key(1))[1]
    exact = exact_gradients(params)
    assert distance(grads["generative"], exact["generative"]) < 0.03
    assert distance(grads["prior"], exact["prior"]) < 0.03
    assert distance(grads["recognition"], exact["recognition"]) < 0.03
    assert all(distance(exact_gradients(generic(1))[part], exact[part]) > 0.3 for part in exact)

    def wake(p):  # - E_q log p, by enumeration
        (s, _, _), log_p, _, _ = tables({**params, **p})
        log_q = tables(params)[2]
        return -sum(np.sum((np.exp(log_q) * log_p)[same_rows(s, e)]) for e in X) / len(X)

    def sleep(p):  # - E_p log q
        return -np.sum(np.exp(tables(params)[1]) * tables({**params, **p})[2])

    for value, part in ((wake, "generative"), (sleep, "recognition")):
        moved = lambda e: {part: jax.tree.map(lambda a: a + e, params[part])}  # noqa: B023, E731
        slope = (value(moved(1e-5)) - value(moved(-1e-5))) / 2e-5
        np.testing.assert_allclose(
            sum(np.sum(g) for g in jax.tree.leaves(exact[part])), slope, rtol=1e-7
        )


@pytest.mark.slow
def test_samples_are_those_of_the_two_halves():
    params, n = generic(), 40_000
    (x, _, _), log_p, log_q, _ = tables(params)
    keys = jax.random.split(jax.random.key(3), n)
    codes = lambda s: np.concatenate(s, 1).astype(int) @ (1 << np.arange(9)[::-1])  # noqa: E731
    count = lambda s: np.bincount(codes(s), minlength=2**9) / n  # noqa: E731
    generated = count(jax.jit(jax.vmap(lambda k: hm.generate(k, params)))(keys))
    top = np.exp(log_p) > 1e-3
    chi2 = lambda f, p, keep: np.mean((f - p)[keep] ** 2 / p[keep]) * n  # noqa: E731
    assert chi2(generated, np.exp(log_p), top) < 1.5
    recognize = jax.jit(jax.vmap(lambda k: hm.recognize(k, params, jnp.asarray(X[0]))))
    recognized = count(recognize(jax.random.split(jax.random.key(4), n)))
    here = same_rows(x, X[0])
    assert recognized[~here].sum() == 0 and chi2(recognized, np.exp(log_q), here) < 1.8
    posterior = np.where(here, np.exp(log_p), 0) / np.exp(log_p)[here].sum()
    assert chi2(recognized, posterior, here) > 100  # q is not the posterior


@pytest.mark.slow
def test_bound_and_likelihood_improve_in_training():
    x = jnp.asarray(np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 16, axis=0).astype(float))

    def exact(params):
        (s, _, _), log_p, log_q, _ = tables(params)
        rows = [same_rows(s, e) for e in np.asarray(x[::16])]
        bound = [np.sum(np.exp(log_q[r]) * (log_p - log_q)[r]) for r in rows]
        return np.mean([np.log(np.exp(log_p[r]).sum()) for r in rows]), np.mean(bound)

    def train(key):
        return jb.run(RULE, optax.adam(0.02), (x, x), key=key, epochs=600, batch_size=16)

    states, history = jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(0), 3))
    for i in range(3):
        before = exact(NET.init(jax.random.key(i + 1), x[0]))
        after = exact(jax.tree.map(lambda a: a[i], states.params))  # noqa: B023
        assert before[1] <= before[0] and after[1] <= after[0] + 1e-12
        assert after[0] > -1.4 and after[1] > -1.5  # of log 1/2 = -0.69 at best
        assert before[0] < -2
    assert np.all(history.loss[:, -20:].mean(1) < 1.5)


@pytest.mark.slow
def test_contract():
    again = jb.learning.wake_sleep(hm.helmholtz_machine(3, 2))
    assert signature(RULE.init) == places("key", "params", "x")
    assert signature(RULE.grads) == places("params", "state", "x", "y") + KEYWORD
    assert again == RULE and hash(RULE) == hash(again) and jax.tree.leaves(RULE) == []
    assert jb.learning.wake_sleep(hm.helmholtz_machine(3, 3)) != RULE
    assert label(RULE) == "wake_sleep" and RULE.network == NET
    assert repr(NET) == "learning.generative.helmholtz.helmholtz_machine(3, 2)"
    params, x = generic(), jnp.asarray(X)
    traced = counter(lambda rule, p, key: rule.grads(p, (), x, x, key=key))
    run = jax.jit(traced)
    result = run(RULE, params, jax.random.key(1))
    equal(run(again, params, jax.random.key(1)), result)
    assert traced.traces == 1
    close(RULE.grads(params, (), x, -x, key=jax.random.key(1)), result)  # y is ignored
    assert distance(run(RULE, params, jax.random.key(2))[1], result[1]) > 0.01
    with pytest.raises(ValueError, match="wake_sleep needs a key"):
        jax.eval_shape(RULE.grads, params, (), x, x)
    p = NET.apply(params, x[0])
    h = sigmoid(X[0] @ params["recognition"][0]["kernel"] + params["recognition"][0]["bias"])
    want = h @ params["recognition"][1]["kernel"] + params["recognition"][1]["bias"]
    np.testing.assert_allclose(p, sigmoid(want), rtol=1e-12)
    assert set(np.asarray(NET.apply(params, x[0], key=jax.random.key(0))).tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int32"])
def test_types_are_kept(dtype):
    x = jnp.ones((3, 4), dtype)
    params = NET.init(jax.random.key(0), x[0])
    grads = lambda p: RULE.grads(p, (), x, x, key=jax.random.key(1))  # noqa: E731
    loss, grads, after = jax.eval_shape(grads, params)
    shapes = lambda tree: jax.tree.map(lambda a: (a.shape, a.dtype.name), tree)  # noqa: E731
    assert shapes(grads) == shapes(params) and after == ()
    kept = "float32" if dtype == "int32" else dtype
    assert loss.dtype == kept and {a.dtype for a in jax.tree.leaves(grads)} == {jnp.dtype(kept)}


def test_what_a_machine_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"Helmholtz machine, got dense\(3\)"):
        jb.learning.wake_sleep(jb.dense(3))
    with pytest.raises(TypeError, match=r"net must be a Network .*, got '"):
        jb.learning.wake_sleep("net")
    with pytest.raises(ValueError, match="at least one hidden layer"):
        hm.helmholtz_machine()
    with pytest.raises(ValueError, match=r"units\[1\] must be a positive integer, got 0"):
        hm.helmholtz_machine(3, 0)
    with pytest.raises(ValueError, match=r"needs vectors \[visible\], got shape \(2, 2\)"):
        NET.init(jax.random.key(0), jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="made for 4 input features"):
        NET.apply(generic(), jnp.ones(5))
    x = 255 * jnp.ones((4, 4), "float32")
    with pytest.raises(jb.NonFiniteError):  # pixels that are not scaled
        jb.fit(RULE, optax.sgd(0.1), (x, x), key=jax.random.key(0), epochs=1)
