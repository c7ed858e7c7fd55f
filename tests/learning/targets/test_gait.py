"""GAIT-prop: back-propagation where weights are orthogonal, and its equation where they are not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.learning import gait_propagation
from jaxbrain.learning.targets import gait
from tests.theory import CE, HALF, distance, output_error, problem, same, weights
from tests.theory import run_forward as forward

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 2)
ORTHOGONAL = jax.nn.initializers.orthogonal()
DELTA = jax.nn.initializers.delta_orthogonal()


def mlp(activation, widths=(4, 4, 4), init=ORTHOGONAL):
    act, layers = jb.elementwise(activation), []
    for width in widths[:-1]:
        layers += [jb.dense(width, kernel_init=init), act]
    return jb.serial(*layers, jb.dense(widths[-1], kernel_init=init))


def convnet(activation):
    """Kernels that are rotations of the channels, and everything that may stand between."""
    act = jb.elementwise(activation)
    return jb.serial(
        jb.conv(3, 3, kernel_init=DELTA), act, jb.conv(4, 3, kernel_init=DELTA), act,
        jb.max_pool(2), jb.dropout(0.3), jb.conv(5, 3, kernel_init=DELTA), act, jb.avg_pool(2),
        jb.flatten(), jb.dense(6, kernel_init=ORTHOGONAL), act,
        jb.dense(3, kernel_init=ORTHOGONAL),
    )  # fmt: skip


def drawn(net, shape=(4,), loss=CE):
    """As initialised, with biases at generic values."""
    _, x, y = problem(net, loss, shape=shape)
    params = net.init(new_key(), x[0])
    move = lambda p: p if p.ndim > 1 else p + 0.3 * jax.random.normal(new_key(), p.shape)  # noqa: E731
    return jax.tree.map(move, params), x, y


def both(net, params, x, y, key=lambda: None, **options):
    """The gradients of the rule and of back-propagation."""
    got = jax.jit(gait_propagation(net, CE, **options).grads)(params, (), x, y, key=key())
    want = jax.jit(jb.backprop(net, CE).grads)(params, (), x, y, key=key())
    assert abs(got[0] - want[0]) < 1e-12 and got[2] == ()
    return got[1], want[1]


NETS = {
    "square": (lambda f: mlp(f), (4,)),
    "any width": (lambda f: mlp(f, (5, 8, 3)), (4,)),
    "convolutions": (convnet, (8, 8, 2)),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.slow
def test_with_orthogonal_weights_gait_is_backprop(name):
    make, shape = NETS[name]
    net = make(jax.nn.leaky_relu)
    params, x, y = drawn(net, shape)
    got, want = both(net, params, x, y, new_key, target_step=1e-4)
    assert distance(got, want) < 1e-11
    bend = lambda p: p + 0.3 * jnp.cos(jnp.arange(p.size)).reshape(p.shape)  # noqa: E731
    got, want = both(net, jax.tree.map(bend, params), x, y, new_key, target_step=1e-4)
    assert distance(got[0], want[0]) > 0.1  # the control


@pytest.mark.slow
def test_where_activations_bend_the_error_is_of_the_order_of_the_step():
    net = mlp(jnp.tanh)
    params, x, y = drawn(net)
    errors = []
    for step in (1e-2, 1e-3, 1e-4):
        got, want = both(net, params, x, y, target_step=step)
        errors.append(distance(got[0], want[0]))
        assert distance(got[2:], want[2:]) < 1e-2 * 10 * step / 1e-2
    assert errors[0] < 2e-2
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 10, rtol=0.1)


def paper(ws, x, y, step, adjust):
    """The equations in NumPy, with pseudo-inverses by singular values."""
    z, a = forward(ws, x, np.tanh)
    n, last, scale, grads = len(x), len(ws) - 1, 1.0, []
    target = a[-1] - n * output_error(HALF, a[-1], y)
    for j in reversed(range(len(ws))):
        slope = np.ones_like(z[j]) if j == last else 1 - np.tanh(z[j]) ** 2
        delta = slope * (a[j + 1] - target) / (scale * n)
        grads.append((a[j].T @ delta, delta.sum(0)))
        if j == last:
            moved = target
        else:
            gamma = step / np.abs(target - a[j + 1]).max(1, keepdims=True)
            scale = scale * gamma
            moved = np.arctanh(a[j + 1] + gamma * adjust(slope) * (target - a[j + 1]))
        # the nearest input: for a wide layer all of z is reached, for a tall one the least change
        target = a[j] + (moved - z[j]) @ np.linalg.pinv(ws[j][0])
    return grads[::-1]


def test_gait_is_its_equation():
    net = mlp(jnp.tanh, (6, 5, 3), jax.nn.initializers.lecun_normal())
    params, x, y = problem(net, HALF)
    x = 0.3 * x  # away from saturation, so that the unadjusted target stays in the range of tanh
    rule = gait_propagation(net, HALF, target_step=1e-2, steps=12)
    grads = jax.jit(rule.grads)(params, (), x, y)[1]
    same(grads, paper(weights(params), x, y, 1e-2, np.square), rtol=1e-6)
    unadjusted = paper(weights(params), x, y, 1e-2, np.ones_like)
    assert np.abs(weights(grads)[0][0] / unadjusted[0][0] - 1).max() > 0.1  # the control
    few = gait_propagation(net, HALF, target_step=1e-2, steps=2)
    assert distance(jax.jit(few.grads)(params, (), x, y)[1][0], grads[0]) > 1e-3


@pytest.mark.parametrize("layer", [jb.conv(2, 2), jb.conv(3, 2, padding="VALID")], ids=repr)
@pytest.mark.slow
def test_pseudo_inverse_of_a_convolution(layer):
    x = jax.random.normal(new_key(), (5, 3, 3, 2))
    params = layer.init(new_key(), x[0])
    rows = jax.jacobian(lambda a: layer.apply(params, a).ravel())(x[0]).reshape(-1, 18)
    change = jax.random.normal(jax.random.key(5), (5, *layer.apply(params, x[0]).shape))
    got = gait.pseudo_inverse(layer, params, x, change, steps=60)
    want = np.asarray(change).reshape(5, -1) @ np.linalg.pinv(rows).T
    np.testing.assert_allclose(got.reshape(5, -1), want, rtol=1e-6, atol=1e-8)
    zero = jax.tree.map(jnp.zeros_like, params)
    assert not np.any(gait.pseudo_inverse(layer, zero, x, change, steps=3))


@pytest.mark.parametrize("pair", gait._KNOWN, ids=lambda pair: pair[0].__name__)
def test_known_inverses_undo_their_activation(pair):
    f, undo = pair
    z = jnp.linspace(-1.5, 1.5, 12)
    np.testing.assert_allclose(undo(f(z)), z, rtol=1e-10, atol=1e-14)
    layer = jb.elementwise(f)
    slope = jax.vmap(jax.grad(f))(z)[None]
    signal = jnp.cos(z)[None]
    got = gait._adjusted(layer, undo, z[None], f(z)[None], signal, 1e-6)
    np.testing.assert_allclose(got, slope * signal, rtol=1e-5, atol=1e-9)


def test_amplified_targets_are_reported():
    """Small singular values amplify block after block; orthogonal weights do not."""
    net = mlp(jnp.tanh, (3,) * 5)
    _, x, y = problem(net, HALF)
    params, run = net.init(new_key(), x[0]), jax.jit(gait_propagation(net, HALF, steps=3).grads)
    info = run(params, (), x, y)[2]
    np.testing.assert_allclose(info.amplification, np.ones(4), rtol=1e-9)
    assert not info.unreached.any()
    squeezed = jnp.diag(jnp.array([1.0, 1.0, 0.05]))
    params = [{**p, "kernel": p["kernel"] @ squeezed} if p else p for p in params]
    info = run(tuple(params), (), x, y)[2]
    total = np.cumprod(info.amplification[::-1])[::-1]
    np.testing.assert_allclose(info.total, total, rtol=1e-9)
    assert info.unreached.tolist() == (total > 1e3).tolist() == [True, True, False, False]
    assert [flag.tolist() for flag in info.notices().values()] == [info.unreached.tolist()]


@pytest.mark.slow
def test_saturated_units_and_zero_weights_pass_nothing_on():
    """In float32 tanh reaches 1, whose inverse is infinite."""
    with jax.enable_x64(False):
        net = mlp(jnp.tanh)
        x = jnp.array([[1.0, -2.0, 30.0, -40.0]], "float32") * 10
        params = net.init(new_key(), x[0])
        loud = jax.tree.map(lambda p: 20 * p, params)
        silent = jax.tree.map(jnp.zeros_like, params)
        grads = jax.jit(gait_propagation(net, CE).grads)
        for p in (loud, (*params[:4], silent[4])):
            got = grads(p, (), x, jnp.zeros(1, int))[1]
            assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(got))
            assert not np.any(got[0]["kernel"]) and np.any(got[4]["bias"])


def test_the_penalty_is_that_of_the_paper():
    """d/dW sum_{i != j} (W W^T)_ij^2 = 4 off(W W^T) W, of columns where the kernel is tall."""
    net = mlp(jax.nn.leaky_relu, (6, 2, 3), jax.nn.initializers.lecun_normal())
    params, x, y = problem(net, CE)

    @jax.jit
    def run(weight):
        return gait_propagation(net, CE, orthogonality=weight).grads(params, (), x, y)

    plain, bound = run(0.0), run(0.3)
    assert bound[0] == plain[0]
    for (w, b), (g, c), (w0, _) in zip(
        weights(bound[1]), weights(plain[1]), weights(params), strict=True
    ):
        wide = w0 if w0.shape[0] <= w0.shape[1] else w0.T
        gram = wide @ wide.T
        want = 4 * (gram - np.diag(np.diag(gram))) @ wide
        np.testing.assert_allclose(w - g, 0.3 * (want if wide is w0 else want.T), atol=1e-12)
        np.testing.assert_array_equal(b, c)


def cube(x):
    return x**3


def cube_root(y):
    return jnp.cbrt(y)


def test_gait_refuses_what_it_cannot_invert():
    def make(*layers, **options):
        return gait_propagation(jb.serial(*layers), CE, **options)

    relu, act = jb.elementwise(jax.nn.relu), jb.elementwise(jnp.tanh)
    with pytest.raises(
        ValueError, match=r"no inverse of layer 1, elementwise\(jax.nn.relu\), is known.*leaky_relu"
    ):
        make(jb.dense(4), relu, jb.dense(3))
    with pytest.raises(ValueError, match=r"no inverse of layer 1, elementwise\(.*cube.*inverses="):
        make(jb.dense(4), jb.elementwise(cube), jb.dense(3))
    make(jb.dense(4), jb.elementwise(cube), jb.dense(3), inverses=((cube, cube_root),))
    make(relu, jb.layer_norm(), act, jb.dense(3))  # below the first weights nothing is inverted
    with pytest.raises(
        ValueError, match=r"layer 2, layer_norm\(\), cannot be inverted: use dense, conv"
    ):
        make(jb.dense(4), act, jb.layer_norm(), jb.dense(3))
    own = jb.from_functions(jb.dense(4).init, lambda params, x: x @ params["kernel"])
    with pytest.raises(ValueError, match=r"layer 2, .*jb.affine\(layer\) to declare"):
        make(jb.dense(4), act, own, jb.dense(3))
    make(jb.dense(4), act, jb.affine(own), jb.dense(3))
    with pytest.raises(TypeError, match=r"gait_propagation: inverses\[0\] must be 2 values, got"):
        make(jb.dense(4), act, jb.dense(3), inverses=(cube,))
    with pytest.raises(ValueError, match=r"layer 1, serial\(dense\(4\)\), cannot be inverted"):
        make(jb.dense(3), jb.serial(jb.dense(4)))
    for name, value, what in (
        ("target_step", 0, "be positive"),
        ("orthogonality", -1, "not be negative"),
        ("steps", 0, "be a positive integer"),
    ):
        with pytest.raises(ValueError, match=f"gait_propagation: {name} must {what}, got {value}"):
            make(jb.dense(4), act, jb.dense(3), **{name: value})


@pytest.mark.slow
def test_gait_trains_hidden_layers(digits):
    """From weights that are not orthogonal; with the hidden layers frozen this reaches 0.93."""
    train, test = digits
    net = mlp(jnp.tanh, (64, 32, 10), jax.nn.initializers.lecun_normal())
    with jax.enable_x64(False):
        state, _ = jb.fit(
            gait_propagation(net, CE, steps=10), optax.adam(3e-3), train,
            key=new_key(), epochs=15, batch_size=32, progress=False,
        )  # fmt: skip
        scores = jb.evaluate(net, state.params, test, {"accuracy": jb.accuracy})
    assert scores["accuracy"] > 0.955
