"""Plasticity of rates: the equations in loops, and the theorem behind each rule."""

from math import comb

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning.plasticity import hebbian
from jaxbrain.learning.plasticity.rule import plastic
from tests.theory import CE, HALF, distance, problem

pytestmark = pytest.mark.x64

RNG = np.random.default_rng(3)
W, X, Y, T = (RNG.normal(size=shape) for shape in ((4, 3), 4, 3, 3))


def by_index(f):
    return np.array([[f(i, j) for j in range(3)] for i in range(4)])


SIGNS = np.array([1.0, -1.0, 1.0]) * np.where(np.abs(Y) > 0.1, 1, -1) * np.sign(Y)
EQUATIONS = {
    "hebb": (None, lambda i, j: X[i] * Y[j]),
    "oja": (None, lambda i, j: Y[j] * (X[i] - Y[j] * W[i, j])),
    "sanger": (
        None,
        lambda i, j: Y[j] * (X[i] - sum(Y[k] * W[i, k] for k in range(j + 1))),
    ),
    "oja_subspace": (None, lambda i, j: Y[j] * (X[i] - sum(Y[k] * W[i, k] for k in range(3)))),
    "delta": (T, lambda i, j: X[i] * (T[j] - Y[j])),
    "perceptron": (SIGNS, lambda i, j: X[i] * SIGNS[j] * (SIGNS[j] * Y[j] <= 0)),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_equation_at_generic_values(name):
    modulator, f = EQUATIONS[name]
    rule = getattr(hebbian, name)()
    carry, change = rule.step(jnp.array(W), (), (jnp.array(X), jnp.array(Y), modulator))
    assert carry == ()
    np.testing.assert_allclose(change, by_index(f), rtol=1e-13, atol=1e-14)
    others = [by_index(g) for other, (_, g) in EQUATIONS.items() if other != name]
    assert all(np.abs(change - other).max() > 0.1 for other in others)


def test_labels_are_one_hot_targets():
    w, x, y = jnp.array(W), jnp.array(X), jnp.array(Y)
    hot = np.array([0.0, 1.0, 0.0])
    for rule, target in ((hebbian.delta(), hot), (hebbian.perceptron(), 2 * hot - 1)):
        np.testing.assert_array_equal(
            rule.step(w, (), (x, y, jnp.array(1)))[1], rule.step(w, (), (x, y, target))[1]
        )


CORRELATION = np.diag([3.0, 1.8, 1.0, 0.5, 0.2])
TURN = np.linalg.qr(np.random.default_rng(4).normal(size=(5, 5)))[0]
DATA = np.random.default_rng(5).normal(size=(100, 5)) @ np.sqrt(CORRELATION) @ TURN.T
VECTORS = np.linalg.eigh(DATA.T @ DATA / 100)[1][:, ::-1]


def learned(rule, units=3, *, rate=0.1, epochs=800, batch=100):
    """The weights after a presentation of all DATA at once, many times."""
    rule = plastic(jb.dense(units, bias_init=None), rule)
    x = jnp.array(DATA)
    state, history = jb.run(
        rule, optax.sgd(rate), (x, x), key=jax.random.key(1), epochs=epochs, batch_size=batch
    )
    return np.asarray(state.params["kernel"]), np.asarray(history.loss)


def overlap(w):
    """|cos| of each unit with each eigenvector."""
    return np.abs(VECTORS.T @ w) / np.linalg.norm(w, axis=0)


@pytest.mark.slow
def test_oja_finds_the_first_component_with_length_one():
    w, _ = learned(hebbian.oja())
    np.testing.assert_allclose(np.linalg.norm(w, axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(overlap(w)[0], 1, atol=1e-6)
    w, _ = learned(hebbian.oja(), rate=2e-3, epochs=40, batch=1)  # online, one at a time
    np.testing.assert_allclose(np.linalg.norm(w, axis=0), 1, atol=1e-2)
    np.testing.assert_allclose(overlap(w)[0], 1, atol=1e-2)
    w, _ = learned(hebbian.hebb(), epochs=30)
    assert np.linalg.norm(w, axis=0).min() > 100


def test_sanger_finds_the_components_in_order():
    w, losses = learned(hebbian.sanger())
    np.testing.assert_allclose(overlap(w)[:3], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(w.T @ w, np.eye(3), atol=1e-6)
    rest = np.linalg.eigvalsh(DATA.T @ DATA / 100)[:2].sum() / 2
    np.testing.assert_allclose(losses[-1], rest, rtol=1e-6)  # the least that 3 units can leave
    w, _ = learned(hebbian.oja_subspace())
    assert np.abs(overlap(w)[:3] - np.eye(3)).max() > 0.1


def test_oja_subspace_spans_the_principal_subspace():
    w, _ = learned(hebbian.oja_subspace())
    want = VECTORS[:, :3] @ VECTORS[:, :3].T
    np.testing.assert_allclose(w @ w.T, want, atol=1e-6)
    w, _ = learned(hebbian.oja())
    assert np.abs(w @ w.T / 3 - want).max() > 0.1


def test_the_threshold_of_bcm_is_a_running_mean_of_squares():
    rule, kept = hebbian.bcm(tau=7.0, threshold=0.4), np.exp(-1 / 7)
    w, theta, want = jnp.array(W), jnp.full(3, 0.4), np.full(3, 0.4)
    np.testing.assert_array_equal(rule.carry(w, (X, Y, None)), theta)
    for n in range(5):
        x, y = np.cos(X + n), np.sin(Y + n)
        theta, change = rule.step(w, theta, (jnp.array(x), jnp.array(y), None))
        np.testing.assert_allclose(change, by_index(lambda i, j: x[i] * y[j] * (y[j] - want[j])))  # noqa: B023
        want = kept * want + (1 - kept) * y**2
        np.testing.assert_allclose(theta, want, rtol=1e-13)


def presented(rule, w, patterns, *, rate, epochs):
    """Patterns in turn to units post = x W; also the last carry."""

    def step(state, x):
        w, carry = state
        carry, change = rule.step(w, carry, (x, x @ w, None))
        return (w + rate * change, carry), None

    start = (w, rule.carry(w, (patterns[0], w[0], None)))
    return jax.jit(lambda s, xs: jax.lax.scan(step, s, xs)[0])(
        start, jnp.tile(patterns, (epochs, 1))
    )


@pytest.mark.parametrize("inputs", [2, 4])
@pytest.mark.slow
def test_bcm_selects_one_of_several_inputs(inputs):
    patterns = jnp.eye(inputs) if inputs == 2 else jnp.eye(4) + 0.3 * jnp.array(TURN[:4, :4])
    starts = jnp.linalg.solve(patterns, jax.random.uniform(jax.random.key(0), (inputs, 9)) + 0.1)
    # the threshold of a long memory sees all inputs equally often
    rule = hebbian.bcm(tau=200.0)
    w, theta = presented(rule, starts, patterns, rate=2e-3, epochs=20000)
    answers = np.asarray(patterns @ w)
    chosen = answers.argmax(0)
    np.testing.assert_allclose(answers, inputs * np.eye(inputs)[:, chosen], atol=0.1)
    np.testing.assert_allclose(theta, inputs, rtol=0.03)  # theta = E[y^2] = n^2 / n
    if inputs == 2:
        np.testing.assert_array_equal(chosen, np.asarray(starts).argmax(0))
        # answering to both alike is a fixed point too, but not a stable one
        both = hebbian.bcm(tau=200.0, threshold=1.0)
        w, _ = presented(both, jnp.ones((2, 1)), patterns, rate=2e-3, epochs=5)
        np.testing.assert_allclose(w, 1, atol=1e-12)
        w, _ = presented(both, jnp.array([[1.01], [0.99]]), patterns, rate=2e-3, epochs=20000)
        assert abs(float(w[0, 0] - w[1, 0])) > 1.9


def test_bcm_oscillates_where_the_threshold_is_slower_than_the_weights():
    # rate * tau * |x|^2 = 0.8 and 1.1 about the selective state, where the Jacobian of (y, theta)
    # has the trace rate |x|^2 - 1/tau and a positive determinant
    start, patterns = jnp.array([[1.9], [0.1]]), jnp.eye(2)
    for tau, settles in ((400.0, True), (550.0, False)):
        w, theta = presented(hebbian.bcm(tau=tau), start, patterns, rate=2e-3, epochs=20000)
        off = abs(float(w[0, 0]) - 2) + abs(float(theta[0]) - 2)
        assert off < 0.02 if settles else off > 0.5


def mistakes(x, targets, epochs):
    """The perceptron on examples [P, N] in turn: the mistakes of each epoch, and the weights."""
    rule = hebbian.perceptron()

    def one(w, example):
        x, t = example
        y = x @ w
        _, change = rule.step(w, (), (x, y, t))
        return w + change, jnp.any(change != 0)

    def epoch(w, _):
        w, wrong = jax.lax.scan(one, w, (x, targets))
        return w, jnp.sum(wrong)

    w, wrong = jax.lax.scan(epoch, jnp.zeros((x.shape[1], 1)), length=epochs)
    return wrong, w


@pytest.mark.slow
def test_a_perceptron_makes_no_more_mistakes_than_novikoff_allows():
    x = jax.random.normal(jax.random.key(0), (20, 40, 5))
    teacher = jax.random.normal(jax.random.key(1), (20, 5, 1))
    teacher = teacher / jnp.linalg.norm(teacher, axis=1, keepdims=True)
    margins = x @ teacher
    x = x + jnp.sign(margins) * 0.2 * jnp.swapaxes(teacher, 1, 2)  # a margin of 0.2 at least
    wrong, w = jax.jit(jax.vmap(lambda x, t: mistakes(x, t, 60)))(x, jnp.sign(margins))
    gamma = jnp.abs(x @ teacher).min((1, 2))
    bound = jnp.square(jnp.linalg.norm(x, axis=2).max(1) / gamma)
    wrong = np.asarray(wrong)
    assert np.all(wrong.sum(1) <= np.asarray(bound)) and np.all(wrong.sum(1) > 0)
    assert np.all(wrong[:, -1] == 0) and np.all(jnp.sign(x @ w) == jnp.sign(margins))
    wrong, _ = jax.jit(jax.vmap(lambda x, t: mistakes(x, t, 60)))(x, -jnp.sign(margins[::-1]))
    assert np.all(np.asarray(wrong)[:, -1] > 0)  # labels of another teacher: no line separates them


LONG = jax.jit(jax.vmap(lambda x, t: mistakes(x, t, 2000)))


@pytest.mark.slow
def test_a_perceptron_stores_half_of_the_problems_at_twice_its_inputs():
    draws, inputs = 200, 10
    for patterns in (15, 20, 25):
        kx, kt = jax.random.split(jax.random.key(patterns))
        x = jax.random.normal(kx, (draws, 25, inputs))
        x = jnp.where(jnp.arange(25)[None, :, None] < patterns, x, 0)  # the rest teaches nothing
        t = jax.random.rademacher(kt, (draws, 25, 1), "float64")
        wrong, _ = LONG(x, t)
        cover = 2 * sum(comb(patterns - 1, k) for k in range(inputs)) / 2**patterns
        error = np.sqrt(cover * (1 - cover) / draws)
        solved = np.asarray(wrong)[:, -1] == 0
        assert abs(solved.mean() - cover) < 2 * error
        assert patterns != 20 or cover == 0.5


def test_delta_is_the_gradient_of_half_the_squared_error():
    net = jb.dense(3)
    params, x, y = problem(jb.serial(net), HALF)
    value, want, _ = jb.backprop(net, HALF).grads(params[0], (), x, y)
    loss, grads, _ = plastic(net, hebbian.delta(), loss=HALF).grads(params[0], (), x, y)
    assert distance(grads, want) < 1e-15 and loss == value
    _, grads, _ = plastic(net, hebbian.hebb(), loss=HALF).grads(params[0], (), x, y)
    assert distance(grads, want) > 0.1


def test_delta_of_a_softmax_is_the_gradient_of_the_cross_entropy():
    linear = jb.serial(jb.dense(3))
    params, x, y = problem(linear, CE)
    _, want, _ = jb.backprop(linear, CE).grads(params, (), x, y)
    for output, near in ((jax.nn.softmax, True), (jnp.tanh, False)):
        net = jb.serial(jb.dense(3), jb.elementwise(output))
        rule = plastic(net, hebbian.delta())
        state = rule.init(jax.random.key(0), (*params, ()), x[0])
        _, grads, _ = rule.grads((*params, ()), state, x, y)
        assert (distance(grads[0], want[0]) < 1e-14) == near


def covariance_of(rule, x, y):
    """The changes [time, in, out] along examples in turn."""
    w = jnp.zeros((x.shape[1], y.shape[1]))
    start = rule.carry(w, (x[0], y[0], None))
    return jax.lax.scan(lambda c, xy: rule.step(w, c, (*xy, None)), start, (x, y))[1]


def test_covariance_adds_up_to_the_sample_covariance():
    x = 2 + jax.random.normal(jax.random.key(0), (50, 3))
    y = x @ jnp.array(W)[:3] - 1 + jax.random.normal(jax.random.key(1), (50, 3))
    want = np.cov(x.T, y.T, bias=True)[:3, 3:]
    changes = covariance_of(hebbian.covariance(tau=jnp.inf), x, y)
    np.testing.assert_allclose(changes.mean(0), want, rtol=1e-12)
    np.testing.assert_array_equal(changes[0], 0)
    assert np.abs(np.einsum("ti,tj->ij", x, y) / 50 - want).max() > 1  # hebb: the means count


@pytest.mark.parametrize("tau", [np.inf, 4.0])
def test_covariance_in_expectation(tau):
    n = 4000
    x = 2 + jax.random.normal(jax.random.key(2), (n, 12 if tau == np.inf else 40, 1))
    y = 0.7 * x - 3 + 0.1 * jax.random.normal(jax.random.key(3), x.shape)
    changes = jax.jit(jax.vmap(lambda x, y: covariance_of(hebbian.covariance(tau=tau), x, y)))(x, y)
    last = np.asarray(changes)[:, -1, 0, 0]
    kept = np.exp(-1 / tau)
    want = 0.7 * (1 if tau == np.inf else 2 * kept / (1 + kept))
    error = last.std() / np.sqrt(n)
    assert abs(last.mean() - want) < 3 * error < 0.06
    assert abs(np.mean(x[:, -1] * y[:, -1]) - want) > 50 * error


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hebbian.bcm(tau=0.0), "bcm: tau must be positive, got 0.0"),
        (lambda: hebbian.covariance(tau=-1.0), "covariance: tau must be positive"),
        (
            lambda: hebbian.delta().step(jnp.array(W), (), (X, Y, None)),
            "delta learns from a target: pass it as the modulator, under fit as y",
        ),
        (
            lambda: hebbian.perceptron().step(jnp.array(W), (), (X, Y, jnp.ones(2))),
            r"perceptron needs targets in the shape of the output, \(3,\)",
        ),
        (
            lambda: hebbian.oja().step(jnp.array(W), (), (X[None], Y[None], None)),
            r"oja: params must be the weights \[pre, post\] .* \(1, 4\) and \(1, 3\); jax.vmap",
        ),
    ],
)
def test_what_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
