"""`jaxbrain.check` of loops and populations of one's own, and the causes that an error names."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = X[:, :1]


def chain(outputs):
    return jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(outputs))


REGRESSION = jb.backprop(chain(1), jb.losses.mse)


def fit(data, rule=REGRESSION, optimizer=None):
    return jb.fit(
        rule, optimizer or optax.sgd(0.1), data, key=jax.random.key(0), epochs=4, batch_size=4
    )


def test_the_causes_that_apply_are_named():
    """A loss that is lost before the first update has nothing to do with the learning rate."""

    def lost(prediction, target):
        return jnp.sum(prediction) + jnp.log(target[0] - 1)

    with pytest.raises(jb.NonFiniteError) as caught:
        fit((X, np.zeros_like(Y)), jb.backprop(chain(1), lost))
    assert "label, target or token" in str(caught.value) and "rate" not in str(caught.value)
    with pytest.raises(jb.NonFiniteError) as caught:
        fit((X, Y), optimizer=optax.sgd(1e38))
    assert "smaller learning rate" in str(caught.value) and "float" not in str(caught.value)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_named_as_a_cause(kind):
    """The eps of Adam is 0 in float16: 0 / 0 where a gradient is 0."""
    data = (jnp.zeros((10, 3), kind), jnp.ones((10, 1), kind))
    optimizer = optax.adam(0.1) if kind == "float16" else optax.sgd(1e38)
    with pytest.raises(jb.NonFiniteError, match=f"parameters are {kind}.*with_precision") as caught:
        fit(data, optimizer=optimizer)
    assert ("eps of optax.adam" in str(caught.value)) == (kind == "float16")


def population(rates, make=optax.sgd):
    def train(key, rate):
        return jb.run(REGRESSION, make(rate), (X, Y), key=key, epochs=3, batch_size=None)

    keys = jax.random.split(jax.random.key(0), len(rates))
    return jax.jit(jax.vmap(train))(keys, jnp.array(rates))


def test_the_lost_members_of_a_population_are_named():
    state, history = population([0.01, 1e38, 0.1, 1e38])
    with pytest.raises(jb.NonFiniteError, match=r"2 of 4 trainings are lost \(1, 3\)") as caught:
        jb.check(state, history)
    assert caught.value.members.tolist() == [[1], [3]]
    assert caught.value.step == 1 and "params[0]['kernel']" in str(caught.value)
    assert caught.value.state is state
    good = jax.tree.map(lambda a: a[jnp.array([0, 2])], (state, history))
    assert jb.check(*good) is None  # the others are as they were
    folded = jax.tree.map(lambda a: a.reshape(2, 2, *a.shape[1:]), (state, history.step_loss))
    with pytest.raises(jb.NonFiniteError, match=r"are lost \(\(0, 1\), \(1, 1\)\)"):
        jb.check(*folded)


def test_a_population_with_flat_weights_is_the_same():
    """An optimizer that works element by element does not see the shapes."""
    flat = population([0.01, 0.1], lambda rate: optax.flatten(optax.adam(rate)))
    plain = population([0.01, 0.1], optax.adam)
    for a, b in zip(*(jax.tree.leaves((s.params, h)) for s, h in (flat, plain)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert not np.allclose(plain[1].loss[0], plain[1].loss[1])


def test_a_loop_of_ones_own():
    state = jb.init_state(REGRESSION, optax.sgd(0.1), X[0], key=jax.random.key(0))
    assert jb.check(state, [1.0, 2.0]) is None
    with pytest.raises(jb.NonFiniteError, match=r"the loss \[1\] is inf") as caught:
        jb.check(state, [1.0, np.inf])
    assert caught.value.step == 1 and caught.value.members is None
    lost = state._replace(params=jax.tree.map(lambda a: a * jnp.nan, state.params))
    with pytest.raises(jb.NonFiniteError, match=r"parameter is not finite.*params\[0\]\['bias'\]"):
        jb.check(lost, [1.0])
    with pytest.raises(TypeError, match="check: values cannot be looked at under a trace"):
        jax.jit(jb.check)(state, jnp.ones(2))
