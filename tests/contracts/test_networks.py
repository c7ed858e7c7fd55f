"""Every public network and cell through one list of properties."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.types import Network
from tests.contract import KEYWORD, close, counter, equal, places, signature
from tests.tables import CELLS, NETWORKS, most_slow

new_key = partial(jax.random.key, 1)
networks = pytest.mark.parametrize("name", NETWORKS)
# What compiles is slow for what another row has too: "dense of rows" is a second "dense".
SAME_AS_OTHERS = {
    "lstm_peephole",
    "minimal_gated",
    "ugrnn",
    "leaky_rnn",
    "alif",
    "linear_attention",
}
ONE_OF_EACH = {name for name in (*NETWORKS, *CELLS) if " " not in name} - SAME_AS_OTHERS
compiled_networks = pytest.mark.parametrize("name", most_slow(NETWORKS, ONE_OF_EACH))


def sample(case, seed=0):
    if case.dtype == "int32":
        return jax.random.randint(jax.random.key(seed), case.shape, 0, 7)
    return jax.random.normal(jax.random.key(seed), case.shape, case.dtype)


def abstract(case, dtype=None):
    return jax.ShapeDtypeStruct(case.shape, dtype or case.dtype)


@networks
def test_network_signatures(name):
    net = NETWORKS[name].make()
    assert signature(net.init) == places("key", "x")
    assert [s[1:] for s in signature(net.apply)] == [s[1:] for s in places("p", "x") + KEYWORD]
    assert signature(net.apply) == places("params", "x") + KEYWORD


@networks
def test_network_is_static_and_equal_when_rebuilt(name):
    make = NETWORKS[name].make
    a, b = make(), make()
    assert jax.tree.leaves(a) == [] and jax.tree.structure(a) == jax.tree.structure(b)
    assert a == b and hash(a) == hash(b) and a == b and len({a, b}) == 1
    others = [other for key, other in NETWORKS.items() if key != name]
    assert all(a != other.make() for other in others)
    assert repr(a) == repr(b) and "0x" not in repr(a) and " at " not in repr(a)
    assert isinstance(a.layers, tuple) and all(isinstance(part, Network) for part in a.layers)


@compiled_networks
def test_network_from_an_example_and_from_its_shape(name):
    case = NETWORKS[name]
    net = case.make()
    params = net.init(new_key(), sample(case))
    equal(params, net.init(new_key(), abstract(case)))
    equal(params, net.init(new_key(), np.asarray(sample(case))))
    close(params, jax.jit(net.init, static_argnums=1)(new_key(), abstract(case)))
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(params))


@compiled_networks
def test_network_compiled_mapped_repeated(name):
    """jit is eager, vmap is a loop, no key is deterministic, a key repeats itself."""
    case = NETWORKS[name]
    net, x = case.make(), sample(case)
    params = net.init(new_key(), x)
    quiet, noisy = net.apply(params, x), net.apply(params, x, key=new_key())
    run = jax.jit(lambda net, p, x, key=None: net.apply(p, x, key=key))
    loose = {"rtol": 2e-2, "atol": 2e-2} if name == "with_precision" else {}
    close(run(net, params, x), quiet, **loose)
    close(run(net, params, x, new_key()), noisy, **loose)
    equal(net.apply(params, x), quiet)
    equal(net.apply(params, x, key=new_key()), noisy)
    assert (not np.array_equal(quiet, noisy)) == case.noisy
    xs = np.stack([x, sample(case, 1), sample(case, 2)])
    mapped = jax.jit(jb.batch(net).apply)(params, xs)
    close(mapped, jax.tree.map(lambda *a: np.stack(a), *[run(net, params, x) for x in xs]), **loose)


@compiled_networks
def test_network_in_half_precision(name):
    case = NETWORKS[name]
    if case.dtype != "float32":
        return
    net, x = case.make(), abstract(case, jnp.bfloat16)
    params = jax.eval_shape(lambda: net.init(new_key(), x))
    y = jax.eval_shape(net.apply, params, x)
    noisy = jax.eval_shape(lambda p, x: net.apply(p, x, key=new_key()), params, x)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} <= {"bfloat16"}
    assert y.dtype == noisy.dtype == ("float32" if name == "with_precision" else "bfloat16")


@compiled_networks
def test_network_has_finite_gradients(name):
    case = NETWORKS[name]
    net, x = case.make(), sample(case)
    params = net.init(new_key(), x)
    total = lambda p: jnp.sum(net.apply(p, x, key=new_key()).astype("float32"))  # noqa: E731
    grads = jax.jit(jax.grad(total))(params)
    assert jax.tree.structure(grads) == jax.tree.structure(params)
    assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(grads))


@compiled_networks
def test_network_rebuilt_traces_nothing(name):
    case = NETWORKS[name]
    f = counter(lambda net, p, x: net.apply(p, x))
    params = case.make().init(new_key(), sample(case))
    traced = jax.jit(f)
    for _ in range(3):
        traced.trace(case.make(), params, sample(case))
    assert f.traces == 1
    static = jax.jit(f, static_argnums=0)
    for _ in range(2):
        static.trace(case.make(), params, sample(case))
    assert f.traces == 2


@pytest.mark.parametrize("name", most_slow(CELLS, ONE_OF_EACH))
def test_cell(name):
    make, shape = CELLS[name]
    cell, x = make(), jnp.ones(shape)
    assert signature(cell.init) == places("key", "x")
    assert signature(cell.carry) == places("params", "x")
    assert signature(cell.step) == places("params", "carry", "x") + KEYWORD
    assert cell == make() and hash(cell) == hash(make()) and jax.tree.leaves(cell) == []
    params = cell.init(new_key(), x)
    carry = cell.carry(params, x)
    after, y = cell.step(params, carry, x)
    assert jax.tree.structure(carry) == jax.tree.structure(after)
    close(jax.jit(cell.step)(params, carry, x)[1], y)
