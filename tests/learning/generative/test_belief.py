"""Deep belief networks: greedy training, the variational bound, both passes, samples."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.generative import belief, boltzmann
from jaxbrain.learning.generative.boltzmann import gaussian, rbm
from tests.learning.generative.exact_machines import (
    arrays,
    bits,
    chi2,
    down,
    factors,
    frequencies,
    joint,
    machine,
    sigmoid,
    up,
)
from tests.theory import distance

pytestmark = pytest.mark.x64

V, H = 4, 3
SIGMOID = jb.elementwise(jax.nn.sigmoid)
DATA = np.random.default_rng(5).dirichlet(np.full(2**V, 0.3))  # a distribution over images


def visible_distribution(params):
    """p(v) of one machine, by adding up all states."""
    return joint(params).sum(1)


def likelihood_and_bound(below, above):
    """E_data of log p(v) of the stack of two, and of its variational bound."""
    q, p, prior = up(below), down(below), visible_distribution(above)
    bound = np.sum(q * (np.log(p.T) + np.log(prior)[None] - np.log(q)), axis=1)
    return DATA @ np.log(prior @ p), DATA @ bound


def test_the_bound_starts_at_the_machine_below_and_rises():
    below = machine(V, H, scale=1.0)
    alone = DATA @ np.log(visible_distribution(below))
    start = belief.transpose(below)
    np.testing.assert_allclose(likelihood_and_bound(below, start), [alone, alone], rtol=1e-12)
    other = likelihood_and_bound(below, machine(H, V, seed=3, scale=1.0))
    assert other[1] < other[0] - 1e-3 and other[1] < alone  # any other start costs
    seen = jnp.asarray(DATA @ up(below))  # q(h) over the data

    @jax.jit
    @jax.grad
    def slope(params):
        free = jax.vmap(lambda h: boltzmann.free_energy(params, h))(jnp.asarray(bits(H)))
        return jnp.dot(seen, free) + boltzmann.log_partition(params)

    above, bounds, likelihoods = start, [alone], [alone]
    for _ in range(40):  # the exact gradient of the machine above
        above = jax.tree.map(lambda p, g: p - 0.2 * g, above, slope(above))
        likelihood, bound = likelihood_and_bound(below, above)
        likelihoods.append(likelihood)
        bounds.append(bound)
    assert np.all(np.diff(bounds) > 0) and bounds[-1] > alone + 0.01
    assert np.all(np.array(likelihoods) >= np.array(bounds) - 1e-12)


def test_samples_have_the_distribution_of_the_network():
    machines = (machine(V, H, scale=1.0), machine(H, 2, seed=1, scale=1.0))
    want, n = visible_distribution(machines[1]) @ down(machines[0]), 20_000

    @jax.jit
    @jax.vmap
    def draw(key):
        k1, k2 = jax.random.split(key)
        mean = belief.sample(k1, machines, jnp.ones(H), steps=20)
        return jax.random.bernoulli(k2, mean)

    found = frequencies(draw(jax.random.split(jax.random.key(0), n)))
    assert chi2(found, want, n) < 2.3 < 5 < chi2(found, visible_distribution(machines[0]), n)


def test_samples_of_one_machine_are_those_of_its_own_chain():
    one = machine(3, 2, scale=0.5)
    units = gaussian(0.5)
    draw = lambda k: belief.sample(k, (one,), jnp.zeros(3), steps=20, visible=units)  # noqa: E731
    means = np.asarray(jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 10_000)))
    h = bits(2)
    w, b, c = arrays(one)
    weight = np.exp(h @ c + h @ w.T @ b + 0.125 * np.sum((h @ w.T) ** 2, axis=1))
    want = (weight / weight.sum()) @ (b + 0.25 * h @ w.T)
    np.testing.assert_allclose(means.mean(0), want, atol=0.01)
    assert np.max(np.abs(want - b)) > 0.02


def test_the_pass_up_is_a_chain_and_the_pass_down_its_mirror():
    machines = (machine(V, H, scale=1.0), machine(H, 2, seed=1, scale=1.0))
    net, params = belief.to_network(machines)
    assert net == jb.serial(jb.dense(H), SIGMOID, jb.dense(2), SIGMOID)
    x = jnp.asarray(bits(V)[11])
    fresh = net.init(jax.random.key(0), x)
    assert jax.tree.structure(fresh) == jax.tree.structure(params)
    top = rbm(2).apply(machines[1], rbm(H).apply(machines[0], x))
    np.testing.assert_allclose(net.apply(params, x), top, rtol=1e-12)
    (w0, b0, _), (w1, b1, _) = map(arrays, machines)
    middle = sigmoid(b1 + w1 @ np.asarray(top))
    want = sigmoid(b0 + w0 @ middle)
    np.testing.assert_allclose(belief.top_down(machines, top), want, rtol=1e-12)
    draw = jax.jit(jax.vmap(lambda k: belief.top_down(machines, top, key=k)))
    drawn = draw(jax.random.split(jax.random.key(0), 4000))
    exact = factors(bits(H), middle[None])[0] @ sigmoid(b0 + bits(H) @ w0.T)
    np.testing.assert_allclose(drawn.mean(0), exact, atol=0.02)
    assert np.max(np.abs(exact - want)) > 1e-3


def test_each_machine_learns_the_activities_of_the_machine_below():
    x = jnp.asarray(bits(V))
    seen = []

    def train(key, rule, data):
        seen.append((rule, data))
        return rule.network.init(key, data[0])

    rules = [jb.learning.contrastive_divergence(rbm(n)) for n in (5, 3)]
    machines = belief.train_stack(jax.random.key(0), rules, x, train=train)
    assert [rule for rule, _ in seen] == rules
    np.testing.assert_array_equal(seen[0][1], x)
    np.testing.assert_allclose(seen[1][1], jb.batch(rbm(5)).apply(machines[0], x))
    again = belief.train_stack(jax.random.key(1), rules, x, train=train)
    assert distance(again[0]["kernel"], machines[0]["kernel"]) > 0.5


@pytest.mark.slow
def test_what_a_stack_learns_can_be_fine_tuned_by_any_rule(digits):
    (x, y), test = digits
    x = x[:512]

    def train(key, rule, data):
        return jb.fit(rule, optax.adam(1e-2), (data, data), key=key, epochs=15)[0].params

    cd = jb.learning.contrastive_divergence
    machines = belief.train_stack(jax.random.key(0), [cd(rbm(32)), cd(rbm(24))], x, train=train)
    below, params = belief.to_network(machines)
    net = jb.serial(*below.layers, jb.dense(10))
    rule, optimizer = jb.backprop(net, jb.losses.softmax_cross_entropy), optax.adam(1e-2)
    state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(1))
    state = state._replace(params=(*params, state.params[-1]))
    state, _ = jb.fit(rule, optimizer, (x, y[:512]), key=jax.random.key(2), epochs=20, state=state)
    assert jb.evaluate(net, state.params, test, {"a": jb.accuracy})["a"] > 0.85


def test_what_does_not_fit_is_refused():
    fitting = (machine(V, H), machine(H, 2))
    with pytest.raises(ValueError, match="at least one LearningRule, got none"):
        belief.train_stack(jax.random.key(0), [], jnp.ones((2, V)), train=lambda *_: None)
    with pytest.raises(TypeError, match=r"rules\[0\] must be a LearningRule.*got .*rbm"):
        belief.train_stack(jax.random.key(0), [rbm(3)], jnp.ones((2, V)), train=lambda *_: None)
    with pytest.raises(
        ValueError, match=r"machines\[1\] has 4 visible units, but machines\[0\] has 2"
    ):
        belief.to_network(fitting[::-1])
    with pytest.raises(TypeError, match="top_down: machines must be a sequence, got"):
        belief.top_down(fitting[0], jnp.ones(H))
    with pytest.raises(ValueError, match=r"sample: machines .* got none"):
        belief.sample(jax.random.key(0), (), jnp.ones(H), steps=1)
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        belief.sample(jax.random.key(0), fitting, jnp.ones(H), steps=0)
