"""What the adapters share: content of models, weights by name."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.core import structure
from jaxbrain.networks import foreign


@dataclasses.dataclass
class Model:
    weight: object
    inner: object = None
    size: int = 3

    def __call__(self, x):
        return x


class Other(Model):
    def __call__(self, x):
        return 2 * x


def made(*args, **kwargs):
    return foreign.of_dataclass(Model(*args, **kwargs), Model)


def test_models_are_equal_by_class_and_content():
    same = [made(jnp.ones(2), (Model(jnp.zeros(1)), jnp.tanh)) for _ in range(2)]
    assert structure.key(same[0]) == structure.key(same[1])
    others = [
        made(jnp.ones(2), (Model(jnp.ones(1)), jnp.tanh)),
        made(jnp.ones(2), (Model(jnp.zeros(1)), jnp.sin)),
        made(jnp.ones(2), (Model(jnp.zeros(1)), jnp.tanh), size=4),
        made(jnp.ones(2, int), (Model(jnp.zeros(1)), jnp.tanh)),
        foreign.of_dataclass(Other(jnp.ones(2), (Model(jnp.zeros(1)), jnp.tanh)), Model),
    ]
    assert all(structure.key(same[0]) != structure.key(other) for other in others)
    assert repr(made({"a": np.ones(1)}, 2)).startswith("Model(weight={'a': <float64[1]")


def test_a_subclass_that_is_called_otherwise_is_no_kind_of_it():
    assert foreign.is_a(Model(1), Model) and not foreign.is_a(Other(1), Model)
    assert foreign.is_a(Other(1), Model, Other)


def test_weights_by_name_go_back_to_their_places():
    tree = {"b": (jnp.ones(2), {"c": jnp.zeros((2, 3))}), "a": None}
    named = foreign.named_leaves(tree)
    assert sorted(named) == ["b.0", "b.1.c"]
    again = foreign.with_leaves("f", tree, {name: 2 + leaf for name, leaf in named.items()})
    jax.tree.map(lambda new, old: np.testing.assert_array_equal(new, 2 + old), again, tree)
    for wrong, message in [
        ({"b.0": named["b.0"]}, r"f: params must be a dict of \['b.0', 'b.1.c'\], got \['b.0'\]"),
        ((), "got tuple"),
        (named | {"b.1.c": jnp.ones((3, 2))}, r"a b.1.c of shape \(2, 3\), and .* \(3, 2\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            foreign.with_leaves("f", tree, wrong)


def test_new_weights_have_the_mean_and_deviation_of_the_old_ones():
    rng = np.random.default_rng(0)
    old = {"w": rng.uniform(1, 3, (60, 50)).astype("float32"), "b": np.full(3, 0.7, "float32")}
    draw = foreign.drawer(old | {"none": np.zeros((0, 2), "float32")})
    first, other = draw(jax.random.key(0)), draw(jax.random.key(1))
    np.testing.assert_array_equal(first["b"], old["b"])
    assert first["none"].shape == (0, 2) and first["w"].dtype == np.float32
    np.testing.assert_allclose(first["w"].mean(), 2, atol=0.06)
    np.testing.assert_allclose(first["w"].std(), 3**-0.5, rtol=0.05)
    assert not np.array_equal(first["w"], other["w"])
    half = foreign.drawer({"w": jnp.asarray(old["w"], "bfloat16")})(jax.random.key(0))["w"]
    assert half.dtype == "bfloat16" and abs(float(half.astype("float32").mean()) - 2) < 0.06
    with pytest.raises(ValueError, match=r"whose arrays are traced .* outside of jax\.jit"):
        jax.jit(foreign.drawer)(old)
    assert abs(np.corrcoef(first["w"].ravel(), old["w"].ravel())[0, 1]) < 0.06
