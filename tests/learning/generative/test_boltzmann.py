"""Restricted Boltzmann machines against the sum over all their states."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.config import label
from jaxbrain.learning.generative import boltzmann
from jaxbrain.learning.generative.boltzmann import bernoulli, gaussian, rbm
from tests.contract import KEYWORD, close, counter, equal, places, signature
from tests.theory import distance

pytestmark = pytest.mark.x64

V, H = 6, 4
RULES = {
    "contrastive_divergence": jb.learning.contrastive_divergence,
    "persistent_contrastive_divergence": jb.learning.persistent_contrastive_divergence,
}
rules = pytest.mark.parametrize("name", RULES)


def bits(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def machine(seed=0, scale=0.7):
    """W, b, c at generic values, as NumPy and as params."""
    r = np.random.default_rng(seed)
    w, b, c = r.normal(0, scale, (V, H)), r.normal(0, 0.5, V), r.normal(0, 0.5, H)
    params = {"kernel": w, "visible_bias": b, "hidden_bias": c}
    return (w, b, c), jax.tree.map(jnp.asarray, params)


def joint(w, b, c):
    """p(v, h) [64, 16], straight from the energy."""
    v, h = bits(V), bits(H)
    p = np.exp(v @ w @ h.T + (v @ b)[:, None] + (h @ c)[None])
    return p / p.sum()


def kernel_of_chain(w, b, c):
    """T[v, v'], one Gibbs step, from the conditionals."""
    v, h = bits(V), bits(H)
    up, down = sigmoid(v @ w + c), sigmoid(h @ w.T + b)
    p_h = np.prod(np.where(h[None] == 1, up[:, None], 1 - up[:, None]), axis=2)
    p_v = np.prod(np.where(v[None] == 1, down[:, None], 1 - down[:, None]), axis=2)
    return p_h @ p_v


def statistics(weights, w, c):
    """The expected gradient of F under a distribution over visible states, by hand."""
    v = bits(V)
    h = sigmoid(v @ w + c)
    return {
        "kernel": -np.einsum("n,ni,nj->ij", weights, v, h),
        "visible_bias": -weights @ v,
        "hidden_bias": -weights @ h,
    }


def minus(a, b):
    return jax.tree.map(np.subtract, a, b)


def empirical(states):
    """The distribution of binary states [n, V] over all 64."""
    codes = np.asarray(states).astype(int) @ (1 << np.arange(V))
    return np.bincount(codes, minlength=2**V) / len(codes)


def chi2(counts, p, n):
    """Pearson's statistic over its degrees of freedom: about 1 where counts come from p."""
    return np.sum((counts - p) ** 2 / p) * n / (len(p) - 1)


DATA = np.random.default_rng(5).dirichlet(np.full(2**V, 0.2))  # a distribution over images


def mean_nll(params):
    v = jnp.asarray(bits(V))
    free = jax.vmap(lambda v: boltzmann.free_energy(params, v))(v)
    return jnp.dot(jnp.asarray(DATA), free) + boltzmann.log_partition(params)


def test_energies_are_sums_over_all_states():
    (w, b, c), params = machine()
    v, h, p = jnp.asarray(bits(V)), jnp.asarray(bits(H)), joint(w, b, c)
    pairs = jax.vmap(
        lambda v: jax.vmap(lambda h: boltzmann.energy(params, v, h))(h)
    )(v)  # fmt: skip
    np.testing.assert_allclose(np.exp(-pairs) / np.exp(-pairs).sum(), p, rtol=1e-12)
    free = jax.vmap(lambda v: boltzmann.free_energy(params, v))(v)
    np.testing.assert_allclose(free, -np.log(np.exp(-pairs).sum(1)), rtol=1e-12)
    np.testing.assert_allclose(
        boltzmann.log_partition(params), np.log(np.exp(-pairs).sum()), rtol=1e-12
    )
    up = jb.batch(rbm(H)).apply(params, v)
    np.testing.assert_allclose(up, p @ bits(H) / p.sum(1, keepdims=True), rtol=1e-12)
    i = 37
    down = bernoulli().mean(params["visible_bias"], params["kernel"] @ up[i])
    np.testing.assert_allclose(boltzmann.reconstruct(params, v[i]), down, rtol=1e-12)
    big = jax.tree.map(lambda a: 1e3 * a, params)
    assert np.all(np.isfinite(jax.vmap(lambda v: boltzmann.free_energy(big, v))(v)))
    assert np.isfinite(boltzmann.log_partition(big))


@pytest.mark.slow
def test_likelihood_gradient_is_finite_difference_and_difference_of_expectations():
    (w, b, c), params = machine()
    grads = jax.grad(mean_nll)(params)
    model = joint(w, b, c).sum(1)
    close(
        grads,
        jax.tree.map(jnp.asarray, minus(statistics(DATA, w, c), statistics(model, w, c))),
        1e-11,
        1e-13,
    )
    for name, at in (("kernel", (2, 1)), ("visible_bias", (3,)), ("hidden_bias", (0,))):
        shift = lambda e: {**params, name: params[name].at[at].add(e)}  # noqa: B023, E731
        slope = (mean_nll(shift(1e-5)) - mean_nll(shift(-1e-5))) / 2e-5
        np.testing.assert_allclose(grads[name][at], slope, rtol=1e-7)
    far = minus(statistics(DATA, w, c), statistics(joint(*machine(1)[0]).sum(1), w, c))
    assert distance(far, grads) > 0.3  # the model's own distribution matters


@pytest.fixture(scope="module")
def sampled():
    """The mean of many gradients at the data, for k = 1 and 3."""
    _, params = machine()
    n = 60_000
    x = jnp.asarray(bits(V))[jax.random.choice(jax.random.key(1), 2**V, (n,), p=jnp.asarray(DATA))]
    found = {}
    for k in (1, 3):
        rule = jb.learning.contrastive_divergence(rbm(H), steps=k)
        found[k] = rule.grads(params, (), x, x, key=jax.random.key(k))[1]
    return empirical(x), found


@pytest.mark.slow
def test_cd_k_is_its_expectation_and_tends_to_the_likelihood(sampled):
    w, b, c = machine()[0]
    data, found = sampled
    t, model = kernel_of_chain(w, b, c), joint(w, b, c).sum(1)
    np.testing.assert_allclose(model @ t, model, rtol=1e-10)
    expected = {
        k: minus(statistics(data, w, c), statistics(data @ np.linalg.matrix_power(t, k), w, c))
        for k in (1, 3, 10, 100)
    }
    exact = minus(statistics(data, w, c), statistics(model, w, c))
    far = {k: distance(g, exact) for k, g in expected.items()}
    assert far[1] > 1.5 * far[3] > 1.5 * far[10] and far[100] < 1e-6
    assert 0.05 < far[1] < 0.6
    for k in (1, 3):  # four standard errors of a mean of 60,000 products of bits are 0.008
        for name, g in found[k].items():
            assert np.max(np.abs(g - expected[k][name])) < 0.008
        assert distance(found[k], expected[k]) < 0.2 * distance(expected[1], expected[3])


def test_gibbs_chain_keeps_the_distribution_of_the_machine():
    (w, b, c), params = machine()
    n, model = 50_000, joint(w, b, c).sum(1)
    keys = jax.random.split(jax.random.key(4), n)
    step = jax.jit(
        jax.vmap(lambda v, k: boltzmann.gibbs(params, v, key=k, steps=1))
    )  # fmt: skip
    codes = jax.random.choice(jax.random.key(3), 2**V, (n,), p=jnp.asarray(model))
    after = empirical(step(jnp.asarray(bits(V))[codes], keys))
    assert chi2(after, model, n) < 1.6
    ones = empirical(step(jnp.ones((n, V)), keys))  # one step from elsewhere: not there yet
    assert chi2(ones, kernel_of_chain(w, b, c)[-1], n) < 1.6
    assert chi2(ones, model, n) > 10


@pytest.mark.slow
def test_persistent_chains_reach_the_distribution_of_the_machine():
    (w, b, c), params = machine(scale=1.4)
    n, model = 20_000, joint(w, b, c).sum(1)
    rule = jb.learning.persistent_contrastive_divergence(rbm(H), chains=n)
    start = rule.init(jax.random.key(0), params, jnp.zeros(V))
    bias = sigmoid(b)
    p = np.prod(np.where(bits(V) == 1, bias, 1 - bias), axis=1)
    assert chi2(empirical(start), p, n) < 1.6 and chi2(empirical(start), model, n) > 10
    x = jnp.asarray(bits(V)[:8])

    def step(state, key):
        _, grads, state = rule.grads(params, state, x, x, key=key)
        return state, grads

    end, grads = jax.lax.scan(step, start, jax.random.split(jax.random.key(2), 20))
    assert chi2(empirical(end), model, n) < 1.6
    first, last = (jax.tree.map(lambda g: g[i], grads) for i in (0, -1))  # noqa: B023
    weights = np.r_[np.full(8, 1 / 8), np.zeros(2**V - 8)]
    exact = minus(statistics(weights, w, c), statistics(model, w, c))
    assert distance(last, exact) < 0.02 < 0.04 < distance(first, exact)
    at = minus(statistics(weights, w, c), statistics(empirical(end), w, c))
    close(last, jax.tree.map(jnp.asarray, at), 1e-9, 1e-12)


@pytest.mark.parametrize("std", [1.0, 0.6])
def test_gaussian_units_against_an_integral(std):
    w, b, c = np.array([[0.8, -1.1, 0.4]]), np.array([0.3]), np.array([-0.2, 0.5, 0.1])
    params = jax.tree.map(jnp.asarray, {"kernel": w, "visible_bias": b, "hidden_bias": c})
    units, v = gaussian(std), np.linspace(-12, 12, 20_001)
    h = bits(3)
    weight = np.exp(-((v[:, None] - b) ** 2) / (2 * std**2) + v[:, None] * (h @ w[0]) + h @ c)
    free = jax.vmap(lambda v: boltzmann.free_energy(params, v, visible=units))(v[:, None])
    np.testing.assert_allclose(free, -np.log(weight.sum(1)), rtol=1e-10)
    z = np.trapezoid(weight.sum(1), v)
    np.testing.assert_allclose(boltzmann.log_partition(params, visible=units), np.log(z), rtol=1e-9)
    means = np.trapezoid(v[:, None] * weight, v, axis=0) / np.trapezoid(weight, v, axis=0)
    for state, mean in zip(h, means, strict=True):
        drive = params["kernel"] @ state
        np.testing.assert_allclose(units.mean(params["visible_bias"], drive)[0], mean, atol=1e-9)
    keys = jax.random.split(jax.random.key(0), 20_000)
    samples = jax.vmap(lambda k: units.sample(k, params["visible_bias"], drive))(keys)
    assert abs(samples.mean() - means[-1]) < 5 * std / np.sqrt(20_000)
    assert abs(samples.std() - std) < 5 * std / np.sqrt(40_000)
    np.testing.assert_allclose(
        rbm(3).apply(params, jnp.array([v[12_345]])), (weight[12_345] @ h) / weight[12_345].sum(),
        rtol=1e-10,
    )  # fmt: skip


@pytest.mark.parametrize("units", [bernoulli(), gaussian(0.7)], ids=repr)
def test_mean_is_the_slope_of_the_log_partition_and_the_loss_is_the_reconstruction(units):
    (w, b, c), params = machine()
    drive = jnp.linspace(-2.0, 2.0, V)
    slope = jax.grad(units.log_partition, argnums=1)(params["visible_bias"], drive)
    np.testing.assert_allclose(units.mean(params["visible_bias"], drive), slope, rtol=1e-12)
    x = jax.random.uniform(jax.random.key(1), (5, V))
    up = sigmoid(np.asarray(x) @ w + c)
    if units == bernoulli():
        p = sigmoid(up @ w.T + b)
        want = -(np.asarray(x) * np.log(p) + (1 - np.asarray(x)) * np.log(1 - p))
    else:
        error = np.asarray(x) - b - 0.49 * up @ w.T
        want = error**2 / (2 * 0.49) + np.log(0.7 * np.sqrt(2 * np.pi))
    rule = jb.learning.contrastive_divergence(rbm(H), visible=units)
    loss, _, _ = rule.grads(params, (), x, x, key=jax.random.key(2))
    np.testing.assert_allclose(loss, want.sum(1).mean(), rtol=1e-12)


@pytest.mark.slow
def test_gaussian_cd_is_unbiased_where_the_data_are_the_machine():
    """At the machine's own samples both terms have one expectation, whatever k is."""
    _, params = machine(scale=0.4)
    units, keys = gaussian(0.8), jax.random.split(jax.random.key(0), 8_000)
    dreams = jax.vmap(
        lambda k: boltzmann.gibbs(params, jnp.zeros(V), key=k, steps=15, visible=units)
    )
    x = dreams(keys)
    rule = lambda units: jb.learning.contrastive_divergence(rbm(H), visible=units)  # noqa: E731
    size = lambda g: max(float(jnp.max(jnp.abs(a))) for a in jax.tree.leaves(g))  # noqa: E731
    assert size(rule(units).grads(params, (), x, x, key=jax.random.key(1))[1]) < 0.03
    assert size(rule(gaussian(0.5)).grads(params, (), x, x, key=jax.random.key(1))[1]) > 0.1


@rules
def test_likelihood_rises_in_training_over_seeds(name):
    x = jnp.asarray(np.repeat([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 16, axis=0).astype(float))
    rule = RULES[name](rbm(H))
    decaying = optax.sgd(optax.linear_schedule(0.2, 0.0, 400))

    def likelihood(params):
        free = jax.vmap(lambda v: boltzmann.free_energy(params, v))(x)
        return -jnp.mean(free) - boltzmann.log_partition(params)

    def train(key):
        record = lambda state: likelihood(state.params)  # noqa: E731
        return jb.run(rule, decaying, (x, x), key=key, epochs=200, batch_size=16, record=record)[
            1
        ].record

    rise = jax.jit(jax.vmap(train))(jax.random.split(jax.random.key(0), 3))
    assert np.all(rise[:, 0] < -4.1)  # from 6 log 1/2 = -4.16
    assert np.all(rise[:, -1] > -1.8)  # towards log 1/2 = -0.69, the best there is
    assert len(np.unique(rise[:, -1])) == 3


@rules
@pytest.mark.slow
def test_contract(name):
    make, x = RULES[name], jnp.asarray(bits(V)[:8])
    rule, params = make(rbm(H), steps=2), machine()[1]
    again = make(rbm(H), visible=bernoulli(), steps=2)
    assert signature(rule.init) == places("key", "params", "x")
    assert signature(rule.grads) == places("params", "state", "x", "y") + KEYWORD
    assert rule == again and hash(rule) == hash(again) and jax.tree.leaves(rule) == []
    others = (make(rbm(H)), make(rbm(3), steps=2), make(rbm(H), visible=gaussian(), steps=2))
    assert all(rule != other for other in others)
    assert gaussian(0.5) == gaussian(0.5) != gaussian(0.6)
    assert label(rule) == name and rule.network == rbm(H) and label(rbm(H)) == "rbm"
    assert repr(gaussian(0.5)) == "gaussian(0.5)"
    state = rule.init(jax.random.key(3), params, x[0])
    equal(state, rule.init(jax.random.key(3), params, jax.ShapeDtypeStruct((V,), "float64")))
    traced = counter(lambda rule, p, s, key: rule.grads(p, s, x, x, key=key))
    run = jax.jit(traced)
    result = run(rule, params, state, jax.random.key(1))
    equal(run(again, params, state, jax.random.key(1)), result)
    assert traced.traces == 1
    close(rule.grads(params, state, x, -x, key=jax.random.key(1)), result)  # y is ignored
    loss, grads, after = result
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, params) and loss.shape == ()
    assert distance(run(rule, params, state, jax.random.key(2))[1], grads) > 0.01
    with pytest.raises(ValueError, match=f"{name} needs a key"):
        jax.eval_shape(rule.grads, params, state, x, x)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)


@rules
@pytest.mark.parametrize("units", [bernoulli(), gaussian()], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int32"])
def test_types_are_kept(name, units, dtype):
    rule, x = RULES[name](rbm(H), visible=units), jnp.ones((3, V), dtype)
    params = rule.network.init(jax.random.key(0), x[0])
    state = rule.init(jax.random.key(0), params, x[0])
    loss, grads, after = jax.eval_shape(
        lambda *a: rule.grads(*a, key=jax.random.key(1)), params, state, x, x
    )
    shapes = lambda tree: jax.tree.map(lambda a: (a.shape, a.dtype.name), tree)  # noqa: E731
    assert shapes(grads) == shapes(params) and shapes(after) == shapes(state)
    kept = "float32" if dtype == "int32" else dtype
    assert loss.dtype == kept and {a.dtype for a in jax.tree.leaves(grads)} == {jnp.dtype(kept)}


def test_key_draws_hidden_states():
    _, params = machine()
    x = jnp.asarray(bits(V)[13])
    draw = jax.vmap(lambda k: rbm(H).apply(params, x, key=k))
    states = np.asarray(draw(jax.random.split(jax.random.key(0), 20_000)))
    assert set(np.unique(states)) == {0.0, 1.0}
    np.testing.assert_allclose(states.mean(0), rbm(H).apply(params, x), atol=0.018)


def test_refusals():
    cd = jb.learning.contrastive_divergence
    with pytest.raises(ValueError, match=r"restricted Boltzmann machine, and serial.*rbm\(64\)"):
        cd(jb.serial(jb.dense(3)))
    with pytest.raises(TypeError, match="net must be a Network, got int"):
        cd(3)
    with pytest.raises(TypeError, match=r"visible must be a Visible.*got bernoulli"):
        cd(rbm(3), visible=bernoulli)
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        cd(rbm(3), steps=0)
    with pytest.raises(ValueError, match=r"chains must be a positive integer, got 1\.5"):
        jb.learning.persistent_contrastive_divergence(rbm(3), chains=1.5)
    with pytest.raises(ValueError, match=r"rbm: hidden must be a positive integer, got -1"):
        rbm(-1)
    with pytest.raises(ValueError, match=r"needs vectors \[visible\], got shape \(2, 2\)"):
        rbm(3).init(jax.random.key(0), jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="made for 6 input features"):
        rbm(H).apply(machine()[1], jnp.ones(5))
    with pytest.raises(ValueError, match="std must be positive, got 0"):
        gaussian(0.0)
    with pytest.raises(ValueError, match="at most 16 hidden units, got 17"):
        boltzmann.log_partition(rbm(17).init(jax.random.key(0), jnp.ones(2)))
    x = 255 * jnp.ones((4, V), "float32")
    with pytest.raises(jb.NonFiniteError):  # pixels that nobody scaled
        jb.fit(cd(rbm(3)), optax.sgd(0.1), (x, x), key=jax.random.key(0), epochs=1)
