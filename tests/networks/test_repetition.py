"""Equal layers in one loop: the chain that they stand for, their draws, their program, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb

BLOCK = jb.residual(jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dropout(0.3)))
X = jnp.arange(4.0)


@pytest.mark.x64
def test_a_repetition_is_a_chain_of_copies():
    net, copies = jb.repeated(BLOCK, 3), jb.serial(BLOCK, BLOCK, BLOCK)
    params = net.init(jax.random.key(0), X)
    apart = tuple(jax.tree.map(lambda a, i=i: a[i], params) for i in range(3))
    y = net.apply(params, X)
    np.testing.assert_allclose(y, copies.apply(apart, X), rtol=1e-12)
    noisy = net.apply(params, X, key=jax.random.key(1))
    np.testing.assert_allclose(noisy, copies.apply(apart, X, key=jax.random.key(1)), rtol=1e-12)
    assert not np.allclose(noisy, y)
    swapped = jax.tree.map(lambda a: a[::-1], params)  # the order counts
    assert not np.allclose(net.apply(swapped, X), y)


def test_copies_are_drawn_independently_in_one_draw():
    net = jb.repeated(jb.dense(20), 40)
    x = jnp.ones(20)
    kernels = np.asarray(net.init(jax.random.key(0), x)["kernel"]).reshape(40, -1)
    assert abs(np.corrcoef(kernels) - np.eye(40)).max() < 0.25
    np.testing.assert_allclose(kernels.var(), 1 / 20, rtol=0.05)
    assert str(jax.make_jaxpr(net.init)(jax.random.key(0), x)).count("random_bits") == 1


@pytest.mark.parametrize("function", ["init", "apply", "grad"])
def test_the_program_does_not_grow_with_depth(function):
    def size(times):
        net = jb.serial(jb.repeated(BLOCK, times), jb.dense(2))
        params = jax.eval_shape(net.init, jax.random.key(0), X)
        jaxprs = {
            "init": lambda: jax.make_jaxpr(net.init)(jax.random.key(0), X),
            "apply": lambda: jax.make_jaxpr(net.apply)(params, X),
            "grad": lambda: jax.make_jaxpr(jax.grad(lambda p: net.apply(p, X).sum()))(params),
        }
        return str(jaxprs[function]()).count(" = ")

    assert size(2) == size(64)


@pytest.mark.parametrize("make", [jb.feedback_alignment, jb.learning.predictive_coding])
def test_local_rules_see_one_layer(make):
    """Within it they take the derivative: its gradient for an error is that of the copies."""
    loss, rest = jb.losses.half_mse, (jb.dense(4), jb.dense(2))
    deep = jb.serial(rest[0], jb.repeated(jb.dense(4), 2), rest[1])
    rule = make(deep, loss)
    params = deep.init(jax.random.key(0), X)
    state = rule.init(jax.random.key(1), params, X)
    grads = rule.grads(params, state, X[None], jnp.ones((1, 2)))[1]
    assert grads[1]["kernel"].shape == (2, 4, 4)
    assert all(float(jnp.abs(g).max()) > 0 for g in grads[1]["kernel"])


@pytest.mark.parametrize(
    ("net", "x", "message"),
    [(jb.dense(3), X, "the output must be as the input"),
     (jb.dense(4), jnp.arange(4), "begin before it with one that gives floats")],
)  # fmt: skip
def test_an_output_that_is_no_input_is_refused(net, x, message):
    params = jb.repeated(net, 2).init(jax.random.key(0), x)
    with pytest.raises(ValueError, match=message):
        jb.repeated(net, 2).apply(params, x)


def test_params_of_another_depth_are_refused():
    params = jb.repeated(BLOCK, 2).init(jax.random.key(0), X)
    with pytest.raises(ValueError, match=r"must be arrays \[3, ...\].*net.init"):
        jb.repeated(BLOCK, 3).apply(params, X)


@pytest.mark.parametrize("times", [0, -1, 2.5, True])
def test_a_count_is_a_positive_integer(times):
    with pytest.raises((TypeError, ValueError), match="times"):
        jb.repeated(BLOCK, times)
