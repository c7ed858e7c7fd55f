"""Every supervised rule on a model of another library: the updates of the chain of jaxbrain."""

import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from tests.tables import RULES

pytestmark = pytest.mark.x64
PAGE = Path(__file__).parents[2] / "docs/models.md"
NATIVE = jb.serial(
    jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(3)
)
LECUN = jax.nn.initializers.lecun_normal()
LABELS = jnp.array([0, 2, 1])
ORDINARY = {
    ("equinox", "feedback_alignment"), ("linen", "predictive_coding"), ("nnx", "gait_propagation"),
}  # fmt: skip


def equinox(params):
    eqx = pytest.importorskip("equinox")
    sizes, keys = [(4, 5), (5, 4), (4, 3)], jax.random.split(jax.random.key(1), 4)
    layers = [eqx.nn.Linear(*size, key=key) for size, key in zip(sizes, keys, strict=False)]
    model = eqx.nn.MLP(4, 3, 5, 2, activation=jnp.tanh, key=keys[3])
    model = jb.to_equinox(eqx.tree_at(lambda m: m.layers, model, tuple(layers)), params)
    return jb.from_equinox(model), jb.equinox_params(model), partial(jb.to_equinox, model)


def linen(params):
    nn = pytest.importorskip("flax.linen")
    dense = partial(nn.Dense, param_dtype=float)
    model = nn.Sequential([dense(5), jnp.tanh, dense(4), jnp.tanh, dense(3)])
    own = jb.linen_params(model, jb.to_linen(model, params))
    return jb.from_linen(model), own, lambda p: partial(model.apply, jb.to_linen(model, p))


def nnx(params):
    nnx = pytest.importorskip("flax.nnx")
    first, second, third = (nnx.Linear(i, o, rngs=nnx.Rngs(0)) for i, o in ((4, 5), (5, 4), (4, 3)))
    model = jb.to_nnx(nnx.Sequential(first, jnp.tanh, second, jnp.tanh, third), params)
    return jb.from_nnx(model), jb.nnx_params(model), partial(jb.to_nnx, model)


def taught(name, net, params, x, state=None):
    # drawn for each batch: by the same initializer
    options = {"feedback_init": LECUN} if name == "batch_random_sign_symmetry" else {}
    make = partial(getattr(jb.learning, name), **options) if options else RULES[name].make
    rule = make(net, jb.losses.softmax_cross_entropy)
    drawn = rule.init(jax.random.key(1), params, x[0])
    state = drawn if state is None else state
    return drawn, rule.grads(params, state, x, LABELS, key=jax.random.key(2))


def cases():
    for name in RULES:
        for model in (equinox, linen, nnx):
            slow = [] if (model.__name__, name) in ORDINARY else [pytest.mark.slow]
            yield pytest.param(name, model, marks=slow, id=f"{model.__name__}-{name}")


@pytest.mark.parametrize("name, model", list(cases()))
def test_a_rule_gives_a_foreign_model_the_updates_of_the_native_chain(name, model):
    x = jax.random.normal(jax.random.key(3), (3, 4))
    params = NATIVE.init(jax.random.key(0), x[0])
    net, own, put_back = model(params)
    jax.tree.map(np.testing.assert_array_equal, own[::2], params[::2])
    state, wanted = taught(name, NATIVE, params, x)
    drawn, results = taught(name, net, own, x, state)
    assert jax.tree.map(jnp.shape, drawn) == jax.tree.map(jnp.shape, state)
    close = partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-9)
    jax.tree.map(close, jax.tree.leaves(results), jax.tree.leaves(wanted))
    assert any(jnp.abs(leaf).max() > 1e-4 for leaf in jax.tree.leaves(results[1]))
    after = jax.tree.map(lambda p, g: p - 0.1 * g, own, results[1])
    wanted_after = jax.tree.map(lambda p, g: p - 0.1 * g, params, wanted[1])
    close(put_back(after)(x[0]), NATIVE.apply(wanted_after, x[0]))


@pytest.mark.parametrize(
    "model", [equinox, *(pytest.param(model, marks=pytest.mark.slow) for model in (linen, nnx))]
)
def test_feedback_weights_are_drawn_and_not_those_of_the_model(model):
    x = jax.random.normal(jax.random.key(3), (3, 4))
    net, own, _ = model(NATIVE.init(jax.random.key(0), x[0]))
    rule = jb.feedback_alignment(net, jb.losses.softmax_cross_entropy)
    feedback = rule.init(jax.random.key(1), own, x[0])
    for part, weights in zip(feedback[::2], own[::2], strict=True):
        assert np.abs(part["kernel"] - weights["kernel"]).min() > 1e-5
        assert 0.3 < part["kernel"].std() / weights["kernel"].std() < 3


def test_a_rule_that_needs_linear_layers_says_how_to_declare_them():
    eqx = pytest.importorskip("equinox")

    class Tilted(eqx.Module):
        linear: eqx.nn.Linear

        def __call__(self, x):
            return self.linear(x[::-1])

    own = jb.from_equinox(Tilted(eqx.nn.Linear(4, 5, key=jax.random.key(0))))
    for make in (jb.learning.equilibrium_propagation, jb.learning.gait_propagation):
        loss = jb.losses.softmax_cross_entropy
        with pytest.raises(ValueError, match=r"jb.affine\(layer\)"):
            make(jb.serial(jb.dense(4), own, jb.elementwise(jnp.tanh), jb.dense(3)), loss)
    net = jb.serial(jb.affine(own), jb.elementwise(jnp.tanh), jb.dense(3))
    x = jax.random.normal(jax.random.key(3), (3, 4))
    params = net.init(jax.random.key(0), x[0])
    _, (_, grads, _) = taught("equilibrium_propagation", net, params, x)
    kernel = params[0]["linear.weight"].T[::-1]
    native = ({"kernel": kernel, "bias": params[0]["linear.bias"]}, *params[1:])
    chain = jb.serial(jb.dense(5), jb.elementwise(jnp.tanh), jb.dense(3))
    _, (_, wanted, _) = taught("equilibrium_propagation", chain, native, x)
    got = grads[0]["linear.weight"].T[::-1]
    np.testing.assert_allclose(got, wanted[0]["kernel"], rtol=1e-6)


@pytest.mark.slow
def test_the_page_about_models_runs():
    pytest.importorskip("equinox"), pytest.importorskip("flax")
    names = {}
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
            exec(block, names)
        x = jax.ShapeDtypeStruct((5, 4), "float32")
        params = names["net"].init(jax.random.key(9), x)
    assert len(params) == 4 and len(names["history"].loss) == 5
    assert names["history"].loss[-1] < names["history"].loss[0]
    assert names["logits"].shape == (5000, 10)
