"""Deep belief networks: the stack, its way up, its way down, and the bound that greed improves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.generative import belief, boltzmann
from jaxbrain.learning.generative.boltzmann import gaussian, rbm
from tests.theory import distance

pytestmark = pytest.mark.x64

V, H = 4, 3
SIGMOID = jb.elementwise(jax.nn.sigmoid)
DATA = np.random.default_rng(5).dirichlet(np.full(2**V, 0.3))  # a distribution over images


def bits(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def machine(visible, hidden, seed=0, scale=1.0):
    r = np.random.default_rng(seed)
    params = {
        "kernel": r.normal(0, scale, (visible, hidden)),
        "visible_bias": r.normal(0, 0.5, visible),
        "hidden_bias": r.normal(0, 0.5, hidden),
    }
    return jax.tree.map(jnp.asarray, params)


def factors(states, p):
    """Probability of binary states [m, units] under independent units [n, units]: [n, m]."""
    return np.prod(np.where(states[None] == 1, p[:, None], 1 - p[:, None]), axis=2)


def visible_distribution(params):
    """p(v) of one machine, by adding up all states."""
    w, b, c = (np.asarray(params[n]) for n in ("kernel", "visible_bias", "hidden_bias"))
    v, h = bits(w.shape[0]), bits(w.shape[1])
    p = np.exp(v @ w @ h.T + (v @ b)[:, None] + (h @ c)[None])
    return p.sum(1) / p.sum()


def way_down(params):
    """p(v | h), [h, v]."""
    drive = bits(params["kernel"].shape[1]) @ np.asarray(params["kernel"]).T
    return factors(bits(V), sigmoid(drive + np.asarray(params["visible_bias"])))


def likelihood_and_bound(below, above):
    """E_data of log p(v) of the stack of two, and of its variational bound."""
    down, prior = way_down(below), visible_distribution(above)
    w, c = np.asarray(below["kernel"]), np.asarray(below["hidden_bias"])
    q = factors(bits(H), sigmoid(bits(V) @ w + c))
    bound = np.sum(q * (np.log(down.T) + np.log(prior)[None] - np.log(q)), axis=1)
    return DATA @ np.log(prior @ down), DATA @ bound


def test_the_bound_starts_at_the_machine_below_and_rises():
    below = machine(V, H)
    alone = DATA @ np.log(visible_distribution(below))
    start = belief.transpose(below)
    np.testing.assert_allclose(likelihood_and_bound(below, start), [alone, alone], rtol=1e-12)
    other = likelihood_and_bound(below, machine(H, V, seed=3))
    assert other[1] < other[0] - 1e-3 and other[1] < alone  # any other start costs

    w, c = np.asarray(below["kernel"]), np.asarray(below["hidden_bias"])
    seen = jnp.asarray(DATA @ factors(bits(H), sigmoid(bits(V) @ w + c)))  # q(h) over the data

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


def test_dreams_have_the_distribution_of_the_network():
    machines = (machine(V, H), machine(H, 2, seed=1))
    want = visible_distribution(machines[1]) @ way_down(machines[0])
    n = 20_000

    @jax.jit
    @jax.vmap
    def dream(key):
        k1, k2 = jax.random.split(key)
        mean = belief.dream(machines, jnp.ones(H), key=k1, steps=20)
        return jax.random.bernoulli(k2, mean)

    seen = np.asarray(dream(jax.random.split(jax.random.key(0), n))).astype(int)
    found = np.bincount(seen @ (1 << np.arange(V)), minlength=2**V) / n
    chi2 = lambda p: np.sum((found - p) ** 2 / p) * n / (2**V - 1)  # noqa: E731
    assert chi2(want) < 2.3 < 5 < chi2(visible_distribution(machines[0]))


def test_dream_of_one_machine_is_its_own_sampling():
    one = machine(3, 2, scale=0.5)
    units = gaussian(0.5)
    dream = lambda k: belief.dream((one,), jnp.zeros(3), key=k, steps=20, visible=units)  # noqa: E731
    means = np.asarray(jax.jit(jax.vmap(dream))(jax.random.split(jax.random.key(0), 10_000)))
    h = bits(2)
    w, b, c = (np.asarray(one[n]) for n in ("kernel", "visible_bias", "hidden_bias"))
    weight = np.exp(h @ c + h @ w.T @ b + 0.125 * np.sum((h @ w.T) ** 2, axis=1))
    want = (weight / weight.sum()) @ (b + 0.25 * h @ w.T)
    np.testing.assert_allclose(means.mean(0), want, atol=0.01)
    assert np.max(np.abs(want - b)) > 0.02


def test_way_up_is_a_chain_and_way_down_its_mirror():
    machines = (machine(V, H), machine(H, 2, seed=1))
    net, params = belief.unroll(machines)
    assert net == jb.serial(jb.dense(H), SIGMOID, jb.dense(2), SIGMOID)
    x = jnp.asarray(bits(V)[11])
    fresh = net.init(jax.random.key(0), x)
    assert jax.tree.structure(fresh) == jax.tree.structure(params)
    up = rbm(2).apply(machines[1], rbm(H).apply(machines[0], x))
    np.testing.assert_allclose(net.apply(params, x), up, rtol=1e-12)
    (b0, w0), (b1, w1) = (
        (np.asarray(m["visible_bias"]), np.asarray(m["kernel"])) for m in machines
    )  # fmt: skip
    want = sigmoid(b0 + w0 @ sigmoid(b1 + w1 @ np.asarray(up)))
    np.testing.assert_allclose(belief.down(machines, up), want, rtol=1e-12)
    drawn = jax.vmap(lambda k: belief.down(machines, up, key=k))(
        jax.random.split(jax.random.key(0), 4000)
    )
    exact = factors(bits(H), sigmoid(b1 + w1 @ np.asarray(up))[None])[0] @ sigmoid(
        b0 + bits(H) @ w0.T
    )
    np.testing.assert_allclose(drawn.mean(0), exact, atol=0.02)
    assert np.max(np.abs(exact - want)) > 1e-3


def test_stack_trains_each_on_the_activities_of_the_one_below():
    x = jnp.asarray(bits(V))
    seen = []

    def train(rule, data, key):
        seen.append((rule, data))
        return rule.network.init(key, data[0])

    rules = [jb.learning.contrastive_divergence(rbm(n)) for n in (5, 3)]
    machines = belief.stack(rules, x, train=train, key=jax.random.key(0))
    assert [rule for rule, _ in seen] == rules
    np.testing.assert_array_equal(seen[0][1], x)
    np.testing.assert_allclose(seen[1][1], jb.batch(rbm(5)).apply(machines[0], x))
    again = belief.stack(rules, x, train=train, key=jax.random.key(1))
    assert distance(again[0]["kernel"], machines[0]["kernel"]) > 0.5


@pytest.mark.slow
def test_what_a_stack_learned_can_be_fine_tuned_by_any_rule(digits):
    (x, y), test = digits
    x = x[:512]

    def train(rule, data, key):
        return jb.fit(rule, optax.adam(1e-2), (data, data), key=key, epochs=15)[0].params

    cd = jb.learning.contrastive_divergence
    machines = belief.stack([cd(rbm(32)), cd(rbm(24))], x, train=train, key=jax.random.key(0))
    below, params = belief.unroll(machines)
    net = jb.serial(*below.layers, jb.dense(10))
    rule, optimizer = jb.backprop(net, jb.losses.softmax_cross_entropy), optax.adam(1e-2)
    state = jb.init_state(rule, optimizer, x[0], key=jax.random.key(1))
    state = state._replace(params=(*params, state.params[-1]))
    state, _ = jb.fit(rule, optimizer, (x, y[:512]), key=jax.random.key(2), epochs=20, state=state)
    assert jb.evaluate(net, state.params, test, {"a": jb.accuracy})["a"] > 0.85


def test_refusals():
    fitting = (machine(V, H), machine(H, 2))
    with pytest.raises(ValueError, match="at least one LearningRule, got none"):
        belief.stack([], jnp.ones((2, V)), train=lambda *_: None, key=jax.random.key(0))
    with pytest.raises(TypeError, match=r"rules\[0\] must be a LearningRule.*got Network"):
        belief.stack([rbm(3)], jnp.ones((2, V)), train=lambda *_: None, key=jax.random.key(0))
    with pytest.raises(ValueError, match=r"machines\[1\] sees 4 units, but machines\[0\] has 2"):
        belief.unroll(fitting[::-1])
    with pytest.raises(ValueError, match=r"down: machines.*write \[params\]"):
        belief.down(fitting[0], jnp.ones(H))
    with pytest.raises(ValueError, match=r"dream: machines .* got none"):
        belief.dream((), jnp.ones(H), key=jax.random.key(0), steps=1)
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        belief.dream(fitting, jnp.ones(H), key=jax.random.key(0), steps=0)
