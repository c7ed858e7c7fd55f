"""Every public network, loss, metric and rule through one list of properties.

What is added to the library stands in one of the tables below, or in EXEMPT with the reason.
"""

import inspect
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.network import Network

KEY = jax.random.key(1)
TANH = jb.elementwise(jnp.tanh)


class Case(NamedTuple):
    """How to build a network, and what it takes."""

    make: object
    shape: tuple
    dtype: str = "float32"
    noisy: bool = False


def chain():
    return jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dropout(0.3), jb.dense(3))


# the first word is the public name
NETWORKS = {
    "dense": Case(lambda: jb.dense(3), (4,)),
    "dense without bias": Case(lambda: jb.dense(3, bias_init=None), (4,)),
    "dense of rows": Case(lambda: jb.dense(3, kernel_init=jax.nn.initializers.normal(0.4)), (2, 4)),
    "conv": Case(lambda: jb.conv(3, (3, 2), stride=(2, 1)), (5, 6, 2)),
    "conv padded": Case(lambda: jb.conv(2, (3,), padding=((1, 0),)), (5, 2)),
    "max_pool": Case(lambda: jb.max_pool(2), (4, 6, 2)),
    "avg_pool": Case(lambda: jb.avg_pool((3, 2), stride=2, padding="SAME"), (5, 6, 2)),
    "elementwise": Case(lambda: jb.elementwise(jax.nn.relu), (4,)),
    "flatten": Case(lambda: jb.flatten(), (2, 3)),
    "embed": Case(lambda: jb.embed(7, 3), (5,), "int32"),
    "dropout": Case(lambda: jb.dropout(0.3), (6,), noisy=True),
    "layer_norm": Case(lambda: jb.layer_norm(epsilon=1e-3), (2, 6)),
    "serial": Case(chain, (4,), noisy=True),
    "parallel": Case(lambda: jb.parallel(jb.dense(3), jb.dropout(0.3)), (4,), noisy=True),
    "residual": Case(
        lambda: jb.residual(jb.serial(jb.dense(4), jb.dropout(0.2))), (4,), noisy=True
    ),
    "batch": Case(lambda: jb.batch(chain()), (2, 4), noisy=True),
    "with_precision": Case(lambda: jb.with_precision(chain(), jnp.bfloat16), (4,), noisy=True),
}
CELLS = {"lift": (lambda: jb.lift(chain()), (4,))}
LOSSES = {
    "half_mse": ("prediction", lambda k: jax.random.normal(k, (4,))),
    "mse": ("prediction", lambda k: jax.random.normal(k, (4,))),
    "binary_cross_entropy": ("logits", lambda k: jax.random.uniform(k, (4,))),
    "softmax_cross_entropy": ("logits", lambda k: jax.random.randint(k, (), 0, 4)),
}
METRICS = {
    "accuracy": ("logits", (4,), lambda k: jax.random.randint(k, (), 0, 4)),
    "binary_accuracy": (
        "probability",
        (1,),
        lambda k: jax.random.bernoulli(k, 0.5, (1,)).astype("float32"),
    ),
}
RULES = {
    "backprop": (lambda net, loss: jb.backprop(net, loss), False),
    "feedback_alignment": (lambda net, loss: jb.feedback_alignment(net, loss), True),
    "direct_feedback_alignment": (lambda net, loss: jb.direct_feedback_alignment(net, loss), True),
    "predictive_coding": (
        lambda net, loss: jb.predictive_coding(net, loss, nudge=0.1, steps=4, step_size=0.2),
        False,
    ),
}
EXEMPT = {
    "Cell": "a type", "LearningRule": "a type", "Network": "a type",
    "ChunkInfo": "a type", "History": "a type", "TrainState": "a type",
    "NonFiniteError": "an error",
    "evaluate": "test_metrics", "summary": "test_summary",
    "fit": "test_fit", "init_state": "test_training", "run": "test_training",
    "step": "test_training",
}  # fmt: skip
CE = jb.losses.softmax_cross_entropy

networks = pytest.mark.parametrize("name", NETWORKS)
rules = pytest.mark.parametrize("name", RULES)
losses = pytest.mark.parametrize("name", LOSSES)


def sample(case, seed=0):
    if case.dtype == "int32":
        return jax.random.randint(jax.random.key(seed), case.shape, 0, 7)
    return jax.random.normal(jax.random.key(seed), case.shape, case.dtype)


def abstract(case, dtype=None):
    return jax.ShapeDtypeStruct(case.shape, dtype or case.dtype)


def close(a, b, rtol=2e-5, atol=2e-6):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert u.shape == v.shape and u.dtype == v.dtype
        np.testing.assert_allclose(np.float64(u), np.float64(v), rtol=rtol, atol=atol)


def equal(a, b):
    close(a, b, 0, 0)


def signature(function):
    return [
        (p.name, p.kind.name, None if p.default is p.empty else repr(p.default))
        for p in inspect.signature(function).parameters.values()
    ]


BY_PLACE, BY_NAME = "POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY"


def places(*names):
    return [(name, BY_PLACE, None) for name in names]


KEYWORD = [("key", BY_NAME, "None")]


# ---- networks


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
    assert repr(a) == a.name == repr(b) and "0x" not in repr(a) and " at " not in repr(a)
    assert isinstance(a.layers, tuple) and all(isinstance(part, Network) for part in a.layers)


@networks
def test_network_from_an_example_and_from_its_shape(name):
    case = NETWORKS[name]
    net = case.make()
    params = net.init(KEY, sample(case))
    equal(params, net.init(KEY, abstract(case)))
    equal(params, net.init(KEY, np.asarray(sample(case))))
    close(params, jax.jit(net.init, static_argnums=1)(KEY, abstract(case)))
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(params))


@networks
def test_network_compiled_mapped_repeated(name):
    """jit is eager, vmap is a loop, no key is deterministic, a key repeats itself."""
    case = NETWORKS[name]
    net, x = case.make(), sample(case)
    params = net.init(KEY, x)
    quiet, noisy = net.apply(params, x), net.apply(params, x, key=KEY)
    run = jax.jit(lambda net, p, x, key=None: net.apply(p, x, key=key))
    loose = {"rtol": 2e-2, "atol": 2e-2} if name == "with_precision" else {}
    close(run(net, params, x), quiet, **loose)
    close(run(net, params, x, KEY), noisy, **loose)
    equal(net.apply(params, x), quiet)
    equal(net.apply(params, x, key=KEY), noisy)
    assert (not np.array_equal(quiet, noisy)) == case.noisy
    xs = jnp.stack([x, sample(case, 1), sample(case, 2)])
    mapped = jb.batch(net).apply(params, xs)
    close(mapped, jnp.stack([net.apply(params, x) for x in xs]), **loose)


@networks
def test_network_in_half_precision(name):
    case = NETWORKS[name]
    if case.dtype != "float32":
        return
    net, x = case.make(), abstract(case, jnp.bfloat16)
    params = jax.eval_shape(lambda: net.init(KEY, x))
    y = jax.eval_shape(net.apply, params, x)
    noisy = jax.eval_shape(lambda p, x: net.apply(p, x, key=KEY), params, x)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} <= {"bfloat16"}
    assert y.dtype == noisy.dtype == ("float32" if name == "with_precision" else "bfloat16")


@networks
def test_network_has_finite_gradients(name):
    case = NETWORKS[name]
    net, x = case.make(), sample(case)
    params = net.init(KEY, x)
    grads = jax.grad(lambda p: jnp.sum(net.apply(p, x, key=KEY).astype("float32")))(params)
    assert jax.tree.structure(grads) == jax.tree.structure(params)
    assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(grads))


def counter(f):
    def counted(*args):
        counted.traces += 1
        return f(*args)

    counted.traces = 0
    return counted


@networks
def test_network_rebuilt_compiles_nothing(name):
    case = NETWORKS[name]
    f = counter(lambda net, p, x: net.apply(p, x))
    params = case.make().init(KEY, sample(case))
    compiled = jax.jit(f)
    for _ in range(3):
        compiled(case.make(), params, sample(case))
    assert f.traces == 1
    static = jax.jit(f, static_argnums=0)
    for _ in range(2):
        static(case.make(), params, sample(case))
    assert f.traces == 2


@pytest.mark.parametrize("name", CELLS)
def test_cell(name):
    make, shape = CELLS[name]
    cell, x = make(), jnp.ones(shape)
    assert signature(cell.init) == places("key", "x")
    assert signature(cell.carry) == places("params", "x")
    assert signature(cell.step) == places("params", "carry", "x") + KEYWORD
    assert cell == make() and hash(cell) == hash(make()) and jax.tree.leaves(cell) == []
    assert repr(cell) == cell.name
    params = cell.init(KEY, x)
    carry = cell.carry(params, x)
    after, y = cell.step(params, carry, x)
    assert jax.tree.structure(carry) == jax.tree.structure(after)
    close(jax.jit(cell.step)(params, carry, x)[1], y)


# ---- losses and metrics


@losses
def test_loss(name):
    loss, (first, target) = getattr(jb.losses, name), LOSSES[name]
    assert signature(loss) == places(first, "target")
    z, y = jax.random.normal(KEY, (4,)), target(jax.random.key(5))
    value = loss(z, y)
    assert value.shape == () and value.dtype == jnp.float32 and value > 0
    close(jax.jit(loss)(z, y), value)
    zs, ys = jnp.stack([z, -z, 3 * z]), jnp.stack([y, y, y])
    close(jax.vmap(loss)(zs, ys), jnp.stack([loss(z, y) for z in zs]))
    half = loss(z.astype(jnp.bfloat16), y)
    assert half.dtype == jnp.bfloat16 and abs(float(half) - float(value)) < 0.05 * float(value)
    for big in (0.0, 1e4, -1e4):
        at, slope = jax.value_and_grad(loss)(jnp.full(4, big).at[0].set(-big), y)
        assert np.isfinite(at) and np.all(np.isfinite(slope)) and at >= 0
    with pytest.raises(ValueError, match="target"):
        loss(z, jnp.ones((4, 1)))


@pytest.mark.parametrize("name", METRICS)
def test_metric(name):
    metric, (first, shape, target) = getattr(jb.metrics, name), METRICS[name]
    assert signature(metric) == places(first, "target")
    z, y = jax.random.normal(KEY, shape), target(KEY)
    value = metric(z, y)
    assert value.shape == () and value.dtype == jnp.float32 and float(value) in (0.0, 1.0)
    close(jax.jit(metric)(z, y), value)
    zs, ys = jnp.stack([z, -z]), jnp.stack([y, y])
    close(jax.vmap(metric)(zs, ys), jnp.stack([metric(z, y) for z in zs]))
    assert metric(z.astype(jnp.bfloat16), y).dtype == jnp.bfloat16


# ---- rules


def setting(name, dtype="float32"):
    net = jb.serial(jb.dense(5), TANH, jb.dropout(0.3), jb.dense(3))
    rule = RULES[name][0](net, CE)
    x = jax.random.normal(jax.random.key(2), (6, 4), "float32").astype(dtype)
    y = jnp.arange(6, dtype="int32") % 3
    params = net.init(KEY, x[0])
    return rule, params, rule.init(jax.random.key(3), params, x[0]), x, y


@rules
def test_rule_signatures_and_identity(name):
    rule, params, _, x, _ = setting(name)
    again = setting(name)[0]
    assert signature(rule.init) == places("key", "params", "x")
    assert signature(rule.grads) == places("params", "state", "x", "y") + KEYWORD
    assert rule == again and hash(rule) == hash(again) and jax.tree.leaves(rule) == []
    assert rule != RULES[name][0](jb.serial(jb.dense(3)), CE)
    assert rule != RULES[name][0](rule.network, jb.losses.half_mse)
    assert all(rule != setting(other)[0] for other in RULES if other != name)
    assert repr(rule) == rule.name == name
    assert rule.network == setting(name)[0].network
    state = rule.init(KEY, params, x[0])
    equal(state, rule.init(KEY, params, jax.ShapeDtypeStruct((4,), "float32")))
    other = jax.tree.leaves(rule.init(jax.random.key(8), params, x[0]))
    pairs = zip(jax.tree.leaves(state), other, strict=True)
    assert any(not np.array_equal(a, b) for a, b in pairs) == RULES[name][1]  # drawn at random?


@rules
def test_rule_gives_gradients_of_the_params(name):
    rule, params, state, x, y = setting(name)
    traced = counter(lambda rule, p, s, key=None: rule.grads(p, s, x, y, key=key))
    run = jax.jit(traced)
    loss, grads, after = run(rule, params, state)
    equal(run(setting(name)[0], params, state), (loss, grads, after))
    assert traced.traces == 1
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, params)
    assert jax.tree.structure(grads) == jax.tree.structure(params)
    assert loss.shape == () and np.isfinite(loss)
    assert all(np.all(np.isfinite(g)) and np.any(g != 0) for g in jax.tree.leaves(grads))
    close(rule.grads(params, state, x, y), (loss, grads, after))  # eager
    mean = np.mean([CE(rule.network.apply(params, a), b) for a, b in zip(x, y, strict=True)])
    np.testing.assert_allclose(loss, mean, rtol=1e-5)  # the feed-forward loss, whatever the rule
    noisy = run(rule, params, state, KEY)
    equal(run(rule, params, state, KEY), noisy)
    assert noisy[0] != loss


@rules
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("wide", [False, True], ids=["32", "64"])
def test_rule_keeps_the_type_of_its_state(name, dtype, wide):
    """Else no scan can carry it."""
    with jax.enable_x64(wide):
        rule, params, state, x, y = setting(name, dtype)
        loss, grads, after = jax.eval_shape(rule.grads, params, state, x, y)
    shapes = lambda tree: jax.tree.map(lambda a: (a.shape, a.dtype.name), tree)  # noqa: E731
    assert shapes(after) == shapes(state)
    assert shapes(grads) == shapes(params)
    assert loss.dtype == dtype


@rules
def test_rule_does_not_mind_the_order_of_the_batch(name):
    rule, params, state, x, y = setting(name)
    run = jax.jit(lambda x, y: rule.grads(params, state, x, y)[:2])
    order = jnp.array([3, 0, 5, 1, 4, 2])
    close(run(x[order], y[order]), run(x, y))


# ---- completeness and documentation


def public(module):
    """Public names of a module that are its own."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("jaxbrain")
    }


def test_every_public_name_is_in_a_table():
    tables = {name.split()[0] for name in NETWORKS} | set(CELLS) | set(RULES) | set(METRICS)
    missing = set(public(jb)) - tables - set(EXEMPT)
    assert not missing, f"in no table: {missing}"
    assert {n for n, v in public(jb.losses).items() if callable(v)} == set(LOSSES)
    assert set(public(jb.metrics)) - {"Closure", "Network", "require_pairs"} - set(EXEMPT) == set(
        METRICS
    )
    assert set(jb.learning.__all__) == set(RULES)
    assert set(public(jb)) <= set(jb.__all__)
    assert all(hasattr(jb, name) for name in jb.__all__)
    gone = set(EXEMPT) - set(public(jb))
    assert not gone, f"exempt but not there: {gone}"


DOCUMENTED = {
    f"{module.__name__}.{name}": value
    for module in (jb, jb.losses, jb.metrics, jb.learning, jb.analysis, jb.datasets, jb.checkpoint)
    for name, value in public(module).items()
    if value.__module__.startswith(module.__name__)
    and inspect.isfunction(value)
    and name != "require_pairs"  # for the modules of training
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_public_function_is_documented(name):
    function = DOCUMENTED[name]
    text = inspect.getdoc(function) or ""
    assert text, f"{name} has no docstring"
    assert "Examples:" in text and ">>>" in text, f"{name} has no example"
    assert text.splitlines()[0].rstrip().endswith((".", ":")), "the first line is no sentence"
    args = text.split("Args:")[1].split("\n\n")[0] if "Args:" in text else ""
    for parameter in inspect.signature(function).parameters:
        assert f"  {parameter}:" in args.replace("*", ""), f"{name}: {parameter} is not in Args"
    hints = set(function.__annotations__) - {"return"}
    assert hints == set(inspect.signature(function).parameters), f"{name} lacks type hints"
    assert "return" in function.__annotations__


def test_every_public_type_is_documented():
    for name, value in public(jb).items():
        if inspect.isclass(value):
            text = inspect.getdoc(value)
            assert text and not text.startswith(name + "("), f"{name} has no docstring"
            for field in getattr(value, "_fields", ()):
                assert f"  {field}:" in text, f"{name}: {field} is not in Attributes"
