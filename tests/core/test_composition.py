"""The combinators, against the functions they stand for."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.composition import constructor, example, is_affine, split_key
from jaxbrain.core.types import Cell, Network

new_key = partial(jax.random.key, 3)
X = jnp.array([0.3, -1.2, 0.7])
NET = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(2))
PARAMS = NET.init(new_key(), X)


def noisy():
    """A layer that shows its key."""

    def apply(params, x, *, key=None):
        return x if key is None else x + jax.random.normal(key, x.shape)

    return Network(lambda key, x: (), apply)


def test_serial_is_composition():
    first, _, last = PARAMS
    want = jnp.tanh(X @ first["kernel"] + first["bias"]) @ last["kernel"] + last["bias"]
    np.testing.assert_allclose(NET.apply(PARAMS, X), want, rtol=1e-6)
    assert len(PARAMS) == 3 and PARAMS[1] == ()


def test_equal_layers_start_with_different_weights():
    params = jb.serial(jb.dense(3), jb.dense(3)).init(new_key(), X)
    assert not np.allclose(params[0]["kernel"], params[1]["kernel"])
    params = jb.parallel(jb.dense(3), jb.dense(3)).init(new_key(), X)
    assert not np.allclose(params[0]["kernel"], params[1]["kernel"])


def test_another_key_starts_elsewhere():
    other = NET.init(jax.random.key(4), X)
    assert not np.allclose(PARAMS[0]["kernel"], other[0]["kernel"])


@pytest.mark.parametrize("compose", [jb.serial, jb.parallel])
def test_each_part_gets_its_own_noise(compose):
    net = compose(noisy(), noisy())
    y = net.apply(((), ()), jnp.zeros(3), key=new_key())
    k0, k1 = jax.random.split(new_key(), 2)
    a, b = jax.random.normal(k0, (3,)), jax.random.normal(k1, (3,))
    want = a + b if compose is jb.serial else jnp.concatenate([a, b])
    np.testing.assert_allclose(y, want, rtol=1e-6)


def test_each_example_gets_its_own_noise():
    y = jb.batch(noisy()).apply((), jnp.zeros((3, 2)), key=new_key())
    want = [jax.random.normal(k, (2,)) for k in jax.random.split(new_key(), 3)]
    np.testing.assert_allclose(y, jnp.stack(want), rtol=1e-6)
    np.testing.assert_array_equal(jb.batch(noisy()).apply((), jnp.ones((3, 2))), 1.0)


@pytest.mark.parametrize(
    "wrap",
    [jb.residual, lambda n: jb.with_precision(n, jnp.float32)],
    ids=["residual", "precision"],
)
def test_wrappers_pass_the_key_on(wrap):
    plain, noise = jnp.zeros(3), jax.random.normal(new_key(), (3,))
    np.testing.assert_allclose(wrap(noisy()).apply((), plain, key=new_key()), noise, rtol=1e-6)
    np.testing.assert_allclose(wrap(noisy()).apply((), plain), 0.0)


def test_parallel_combines_as_told():
    net = jb.parallel(jb.dense(3), jb.elementwise(jnp.sin), combine=lambda ys: ys[0] - 2 * ys[1])
    params = net.init(new_key(), X)
    want = X @ params[0]["kernel"] + params[0]["bias"] - 2 * jnp.sin(X)
    np.testing.assert_allclose(net.apply(params, X), want, rtol=1e-6)
    joined = jb.parallel(jb.dense(3), jb.elementwise(jnp.sin)).apply(params, X)
    np.testing.assert_allclose(joined[3:], jnp.sin(X), rtol=1e-6)


def test_names_tell_what_is_not_the_default():
    one = jb.dense(3)
    assert repr(jb.parallel(one, one)) == "parallel(dense(3), dense(3))"
    assert repr(jb.parallel(one, combine=sum)) == "parallel(dense(3), combine=sum)"
    assert (
        repr(jb.with_precision(one, jnp.bfloat16)) == "with_precision(dense(3), jax.numpy.bfloat16)"
    )
    half = jb.with_precision(one, jnp.float16, output=jnp.float16)
    assert repr(half) == ("with_precision(dense(3), jax.numpy.float16, output=jax.numpy.float16)")


@pytest.mark.parametrize("scale", [1, 0.25, jnp.float32(2)])
def test_residual_adds_its_input(scale):
    net = jb.residual(jb.dense(3), scale=scale)
    params = net.init(new_key(), X)
    want = X + scale * (X @ params["kernel"] + params["bias"])
    np.testing.assert_allclose(net.apply(params, X), want, rtol=1e-5)
    traced = jax.jit(lambda s: jb.residual(jb.dense(3), scale=s).apply(params, X))(scale)
    np.testing.assert_allclose(traced, want, rtol=1e-5)
    pixels = jb.residual(jb.elementwise(lambda n: n), scale=0.5)
    assert pixels.apply((), jnp.array([2, 5])).tolist() == [3.0, 7.5]


def test_the_variance_of_scaled_blocks_does_not_grow_with_their_number():
    """E |y|^2 = (1 + scale^2)^n |x|^2 over the weights of n linear blocks, with any width."""
    x = jnp.ones(8)

    @partial(jax.jit, static_argnums=0)
    def squares(n, scale):
        net = jb.repeated(jb.residual(jb.dense(8), scale=scale), n)
        keys = jax.random.split(new_key(), 500)
        return jax.vmap(lambda k: jnp.mean(jnp.square(net.apply(net.init(k, x), x))))(keys)

    for n in (8, 256):
        each = np.asarray(squares(n, n**-0.5), float)
        error = each.std() / np.sqrt(len(each))
        assert abs(each.mean() - (1 + 1 / n) ** n) < 3 * error < 0.6
    assert squares(8, 1.0).mean() > 100  # the control: 2^n


def test_batch_of_a_batch():
    x = jnp.arange(24.0).reshape(2, 4, 3) / 24
    y = jb.batch(jb.batch(NET)).apply(PARAMS, x)
    np.testing.assert_allclose(y[1, 2], NET.apply(PARAMS, x[1, 2]), rtol=1e-5)
    made = jb.batch(NET).init(new_key(), x[0])
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), made, PARAMS))


def test_precision_is_that_of_the_computation():
    seen = []

    def look(x):
        seen.append(x.dtype)
        return x

    inner = jb.serial(jb.dense(64), jb.elementwise(look), jb.dense(2))
    net = jb.with_precision(inner, jnp.bfloat16)
    params = net.init(new_key(), X)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float32"}
    seen.clear()  # what init traced
    y, exact = net.apply(params, X), inner.apply(params, X)
    assert seen[0] == jnp.bfloat16 and y.dtype == jnp.float32
    assert 0 < np.max(np.abs(y - exact)) < 0.05
    half = jb.with_precision(inner, jnp.bfloat16, output=jnp.float16).apply(params, X)
    assert half.dtype == jnp.float16
    grads = jax.grad(lambda p: jnp.sum(net.apply(p, X)))(params)
    assert grads[0]["kernel"].dtype == jnp.float32


def test_precision_leaves_integers_alone():
    net = jb.with_precision(jb.embed(5, 2), jnp.bfloat16)
    params = net.init(new_key(), jnp.array(1))
    np.testing.assert_allclose(net.apply(params, jnp.array(1)), params["table"][1], rtol=1e-2)


AFFINE = [
    jb.dense(3),
    jb.conv(2, (3,), padding="VALID"),
    jb.flatten(),
    jb.avg_pool((2,)),
    jb.serial(jb.dense(3), jb.dense(2)),
    jb.with_precision(jb.dense(3), "bfloat16"),
]
NOT_AFFINE = [
    jb.elementwise(jnp.tanh),
    jb.elementwise(jax.nn.relu),
    jb.elementwise(jnp.square),
    jb.max_pool((2,)),
    jb.layer_norm(),
    jb.serial(jb.dense(3), jb.elementwise(jnp.abs)),
    jb.self_association(2),
]


@pytest.mark.parametrize("net", AFFINE, ids=repr)
def test_affine_is_its_network_and_refuses_others(net):
    x = jnp.arange(12.0).reshape(6, 2)
    layer = jb.affine(net)
    params = layer.init(new_key(), x)
    np.testing.assert_array_equal(layer.apply(params, x), net.apply(net.init(new_key(), x), x))
    layer.init(new_key(), jnp.arange(12).reshape(6, 2))  # pixels
    assert is_affine(layer) and is_affine(jb.with_precision(layer, "bfloat16"))
    assert constructor(layer) is constructor(net) and not is_affine(net)


@pytest.mark.parametrize("net", NOT_AFFINE, ids=repr)
def test_affine_refuses_what_is_not_linear(net):
    with pytest.raises(ValueError, match=r"affine: .* is not linear in its input up to a bias"):
        jb.affine(net).init(new_key(), jnp.ones((6, 2)))
    with pytest.raises(ValueError, match=r"dense.* was made for 2"):
        jb.affine(jb.with_precision(jb.elementwise(short), "float32")).init(new_key(), X)


def short(x):
    return jb.dense(1).apply({"kernel": jnp.ones((2, 1)), "bias": jnp.ones(1)}, x)


def test_lift_is_the_same_function_at_every_step():
    cell, xs = jb.lift(NET), jnp.stack([X, 2 * X, -X])
    assert isinstance(cell, Cell)
    carry = cell.carry(PARAMS, X)
    carry, ys = jax.lax.scan(lambda c, x: cell.step(PARAMS, c, x), carry, xs)
    np.testing.assert_allclose(ys, jb.batch(NET).apply(PARAMS, xs), rtol=1e-5)
    assert carry == () and cell.project is None
    _, y = jb.lift(noisy()).step((), (), jnp.zeros(3), key=new_key())
    np.testing.assert_allclose(y, jax.random.normal(new_key(), (3,)))


def test_example_and_split_key():
    shapes = example({"a": np.zeros((5, 2)), "b": jax.ShapeDtypeStruct((5,), jnp.int32)})
    assert shapes["a"].shape == (2,) and shapes["b"].shape == () and shapes["b"].dtype == jnp.int32
    assert split_key(None, 2) == [None, None]
    assert len(split_key(new_key(), 3)) == 3


PLAIN = [
    (lambda: jb.serial(), TypeError, r"serial\(\) needs at least one network"),
    (
        lambda: jb.serial(jb.dense(3), jnp.tanh),
        TypeError,
        r"serial: layers\[1\].*jb.elementwise\(jax.numpy.tanh\)",
    ),
    (
        lambda: jb.serial([jb.dense(3)]),
        TypeError,
        r"serial: layers\[0\] must be a Network such as .*, got a list; .*jb.serial\(\*layers\)",
    ),
    (
        lambda: jb.parallel(jb.dense(3), None),
        TypeError,
        r"parallel: branches\[1\] must be a Network such as .*, got None",
    ),
    (lambda: jb.parallel(jb.dense(3), merge=sum), TypeError, "merge"),
    (
        lambda: jb.residual(NET, scale=-0.5),
        ValueError,
        "residual: scale must be positive, got -0.5",
    ),
    (lambda: jb.residual(3), TypeError, "residual: net must be a Network such as .*, got 3"),
    (
        lambda: jb.batch(jnp.tanh),
        TypeError,
        r"batch: net must be a Network .*, got jax.numpy.tanh; .*jb.elementwise\(jax.numpy.tanh\)",
    ),
    (lambda: jb.lift("net"), TypeError, "lift: net must be a Network such as .*, got 'net'"),
    (lambda: jb.with_precision(NET, jnp.int32), TypeError, "compute must be a floating dtype"),
    (lambda: jb.with_precision(NET, None), TypeError, "compute must be a floating dtype"),
    (lambda: jb.with_precision(NET, jnp.float16, output=bool), TypeError, "output must be a float"),
    (lambda: NET.apply(PARAMS[:2], X), ValueError, r"params of serial\(dense.* 3 entries.*got 2"),
    (lambda: NET.apply(PARAMS[0], X), ValueError, "got dict; make them with net.init"),
    (
        lambda: jb.residual(jb.dense(2)).apply(jb.dense(2).init(new_key(), X), X),
        ValueError,
        r"residual\(dense\(2\)\).*\(3,\).*\(2,\)",
    ),
    (lambda: NET.apply(PARAMS, X, new_key()), TypeError, "positional"),
    (lambda: NET.apply(PARAMS, X, train=True), TypeError, "train"),
]


@pytest.mark.parametrize("i", range(len(PLAIN)))
def test_errors_name_the_argument_and_the_fix(i):
    call, error, message = PLAIN[i]
    with pytest.raises(error, match=message):
        call()


def test_init_meets_the_wrong_shape_inside_a_chain():
    with pytest.raises(ValueError, match="needs one example of 3 axes"):
        jb.serial(jb.dense(3), jb.conv(2, 3)).init(new_key(), X)
