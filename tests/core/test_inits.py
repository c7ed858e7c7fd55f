"""The init of networks and cells: one draw, one program for equal ones, checks that still speak."""

import logging
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn.initializers import orthogonal, zeros

import jaxbrain as jb
from jaxbrain.core.inits import plain_init
from tests.compilations import programs
from tests.contract import close, equal
from tests.tables import CELLS, NETWORKS

X = jax.ShapeDtypeStruct((4,), "float32")


def new_key(seed=0):
    return jax.random.key(seed)


def draws(init, x):
    return str(jax.make_jaxpr(lambda key: init(key, x))(new_key())).count("random_bits[")


def chain(**options):
    return jb.serial(jb.dense(5, **options), jb.elementwise(jnp.tanh), jb.dense(3, **options))


CASES = {name: (case.make, case.shape, case.dtype) for name, case in NETWORKS.items()}
CASES |= {f"cell {name}": (make, shape, "float32") for name, (make, shape) in CELLS.items()}


@pytest.mark.parametrize("name", CASES)
def test_it_draws_once(name):
    make, shape, dtype = CASES[name]
    assert draws(make().init, jax.ShapeDtypeStruct(shape, dtype)) <= 1


def test_parts_draw_with_the_whole():
    net = jb.serial(chain(), jb.residual(jb.serial(jb.dense(3), chain())))
    assert draws(net.init, X) == 1 < draws(plain_init(net), X)
    params = net.init(new_key(), X)
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim == 2]
    numbers = np.concatenate([np.ravel(kernel) for kernel in kernels])
    assert len(kernels) == 5 and len(np.unique(numbers)) == len(numbers)


def test_equal_networks_share_a_program():
    params = chain(kernel_init=orthogonal()).init(new_key(), X)
    with programs() as found:
        equal(params, chain(kernel_init=orthogonal()).init(new_key(), X))
        other = chain(kernel_init=orthogonal()).init(new_key(1), X)
    assert found.traced == found.compiled == 0
    assert not np.any(other[0]["kernel"] == params[0]["kernel"])
    with programs() as found:
        chain(kernel_init=orthogonal()).init(new_key(), jnp.ones(6))
    assert found.compiled


def test_a_captured_value_that_changed_is_seen():
    table = {"scale": 1.0}

    def init(key, shape, dtype):
        return jnp.full(shape, table["scale"], dtype)

    net = jb.dense(2, kernel_init=init)
    assert float(net.init(new_key(), X)["kernel"][0, 0]) == 1.0
    table["scale"] = 3.0
    assert float(net.init(new_key(), X)["kernel"][0, 0]) == 3.0


def test_an_object_of_a_user_is_looked_at_each_time():
    class Scale:
        value = 1.0

        def __call__(self, key, shape, dtype):
            return self.value * jax.random.normal(key, shape, dtype)

    scale = Scale()
    net = jb.dense(2, kernel_init=scale)
    once = net.init(new_key(), X)["kernel"]
    close(once, jax.jit(net.init)(new_key(), jnp.ones(4))["kernel"])
    scale.value = 3.0
    close(net.init(new_key(), X)["kernel"], 3 * once)
    close(jax.jit(lambda key: net.init(key, X))(new_key())["kernel"], 3 * once)


@pytest.mark.parametrize("make", [chain, lambda: jb.cells.gru(7)])
def test_it_compiles_few_programs(make, caplog):
    key, value = new_key(), make()
    jax.clear_caches()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        value.init(key, jax.ShapeDtypeStruct((9,), "float32"))
    lines = [r.getMessage() for r in caplog.records if "Finished XLA compilation" in r.getMessage()]
    assert 1 <= len(lines) <= 3, lines


def test_it_is_the_same_under_all_transformations():
    net, x, seeds = chain(), jnp.arange(4.0), jnp.arange(2)
    each = [net.init(new_key(seed), X) for seed in (0, 1)]
    many = jax.jit(jax.vmap(lambda seed: net.init(jax.random.key(seed), X)))(seeds)
    close(jax.tree.map(lambda *leaves: jnp.stack(leaves), *each), many)
    close(each[0], jax.jit(net.init)(new_key(), x))
    close(each[0], net.init(new_key(), x))
    close(each[0], net.init(new_key(), [1.0, 2.0, 3.0, 4.0]))
    equal(each[0], net.init(jax.random.PRNGKey(0), X))
    shapes = jax.eval_shape(net.init, new_key(), x)
    assert jax.tree.map(jnp.shape, each[0]) == jax.tree.map(lambda a: a.shape, shapes)


@pytest.mark.x64
def test_dtypes_of_the_input():
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        params = chain().init(new_key(), jax.ShapeDtypeStruct((4,), dtype))
        assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {dtype}
        kernel = np.asarray(params[0]["kernel"], "float64")
        assert 0.2 < kernel.std() < 0.8 and len(np.unique(kernel)) > 16


@pytest.mark.parametrize("make", [jb.cells.gru, jb.cells.lstm])
def test_each_gate_is_orthogonal(make):
    units = 4
    cell = make(units, kernel_init=jax.nn.initializers.orthogonal())
    params = cell.init(new_key(), X)
    for part in ("recurrent", "kernel"):
        blocks = np.split(np.asarray(params[part]), params[part].shape[1] // units, 1)
        for block in blocks:
            np.testing.assert_allclose(block @ block.T, np.eye(units), atol=1e-5)
        for a, b in pairwise(blocks):
            assert np.abs(a - b).max() > 0.1


def test_a_function_of_the_host_works_as_it_would_with_a_key():
    def host(key, shape, dtype):
        seed = int(jax.random.key_data(key)[-1])
        return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)

    net = chain(kernel_init=host)
    a, b = net.init(new_key(0), X), net.init(new_key(1), X)
    equal(a, plain_init(net)(new_key(0), X))
    assert not np.any(a[0]["kernel"] == b[0]["kernel"])
    cell = jb.cells.gru(3, kernel_init=host, recurrent_init=zeros).init(new_key(), X)
    assert len(np.unique(cell["kernel"])) == cell["kernel"].size


def test_networks_made_by_hand():
    def init(key, x):
        return {"w": jax.random.normal(key, x.shape), "scale": 2.0, "mean": jnp.mean(x)}

    part = jb.Network(init, lambda params, x, *, key=None: params["scale"] * x)
    params = jb.parallel(part, jb.dense(3)).init(new_key(), jnp.full(4, 3.0))
    assert params[0]["w"].shape == (4,) and params[0]["scale"] == 2.0 and params[0]["mean"] == 3.0


def test_an_input_that_is_no_array_is_still_refused():
    for wrong in (3.0, {1, 2}, object()):
        with pytest.raises(TypeError, match=r"dense\(5\)|an array of numbers|needs an array"):
            chain().init(new_key(), wrong)
    with pytest.raises(TypeError, match="init: key must be a random key, got 0"):
        chain().init(0, X)


def test_parameters_that_are_no_numbers_are_refused():
    def full(value):
        return jax.nn.initializers.constant(value)

    with pytest.raises(ValueError, match=r"made nan in params\[0\]\['bias'\]"):
        chain(bias_init=full(jnp.nan)).init(new_key(), X)
    masked = chain(bias_init=full(-jnp.inf)).init(new_key(), X)
    assert np.all(np.isneginf(masked[0]["bias"]))
    cell = jb.cells.ctrnn(3, dt=0.1, tau=full(0.1), kernel_init=zeros, recurrent_init=zeros)
    with pytest.raises(ValueError, match="a learned tau must start longer than dt"):
        jb.cells.unroll(cell).init(new_key(), jnp.ones((5, 2)))
