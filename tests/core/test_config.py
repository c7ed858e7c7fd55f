"""Config: what a value was made from, and what follows from it."""

import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core.config import Function, label, made_by
from jaxbrain.core.structure import key


@pytest.mark.parametrize(
    "values",
    [
        (True, 1, 1.0),
        (0, False),
        (0.0, -0.0),
        (0j, complex(-0.0, 0.0)),
        (np.float32(0.0), np.float32(-0.0), 0.0),
        ("1", 1),
        ((1,), (1.0,), [1]),
        (None, 0),
        ({"a": 1}, {"b": 1}),
        (frozenset({1}), frozenset({1.0}), {1}),
        (np.ones(2), np.ones(2, "float32"), np.ones((2, 1)), np.zeros(2)),
        (jnp.ones(2), np.ones(2, "float32")),
        (jax.random.key(0), jax.random.key(1), jax.random.PRNGKey(0)),
        (slice(1), slice(1, None, 1)),
        (jnp.float32, jnp.dtype("float32"), "float32"),
    ],
    ids=str,
)
def test_values_that_make_other_programs_are_told_apart(values):
    keys = [key(value) for value in values]
    assert len(set(keys)) == len(values)
    assert [key(value) for value in values] == keys


def test_nan_is_equal_to_itself():
    assert key(float("nan")) == key(float("nan")) and hash(key(np.nan)) == hash(key(np.nan))


def test_functions_of_users_count_by_identity():
    def make(n):
        return lambda x: x * n

    f = make(2)
    assert key(make(2)) != key(make(2)) and key(f) == key(f)
    assert key(functools.partial(f, 3)) == key(functools.partial(f, 3))
    assert key(functools.partial(f, 3)) != key(functools.partial(f, 4))
    assert key(functools.partial(f, a=3)) != key(functools.partial(f, b=3))
    assert jb.elementwise(f) == jb.elementwise(f) != jb.elementwise(make(2))


def test_frozen_dataclasses_count_by_their_fields():
    import dataclasses

    @dataclasses.dataclass(frozen=True)
    class Leaky:
        slope: float

        def __call__(self, x):
            return jnp.where(x > 0, x, self.slope * x)

    made = [jb.elementwise(Leaky(slope)) for slope in (1, 1.0, True, 0.0, -0.0)]
    assert len(set(made)) == 5 and jb.elementwise(Leaky(1)) == made[0]
    assert len({repr(net) for net in made}) == 5


@pytest.mark.parametrize("kind", [list, np.array])
def test_what_is_changed_later_does_not_change_the_value(kind):
    mask = kind([[1.0, 0.0], [0.0, 1.0]])
    cell = jb.cells.connected(jb.cells.gru(2), mask)
    before = repr(cell), hash(cell)
    mask[0][0] = 0.0
    assert (repr(cell), hash(cell)) == before
    x = jnp.ones(3)
    params = cell.init(jax.random.key(0), x)
    again = jb.cells.connected(jb.cells.gru(2), kind([[1.0, 0.0], [0.0, 1.0]]))
    assert again == cell != jb.cells.connected(jb.cells.gru(2), mask)
    carry = jnp.array([0.3, -0.2])
    np.testing.assert_array_equal(cell.step(params, carry, x)[1], again.step(params, carry, x)[1])


def test_options_at_their_default_are_left_out():
    assert jb.layer_norm(epsilon=1e-5) == jb.layer_norm()
    assert repr(jb.dense(3, kernel_init=jax.nn.initializers.lecun_normal())) == "dense(3)"
    assert jb.dense(features=3) == jb.dense(3)
    assert jb.dense(3).config.parameters["bias_init"] is jax.nn.initializers.zeros


def test_a_name_is_the_call_that_makes_the_value():
    net = jb.serial(
        jb.dense(3, bias_init=None),
        jb.elementwise(jax.nn.relu),
        jb.conv(2, (3, 3), padding="VALID"),
        jb.parallel(jb.dense(1), jb.dense(2), combine=jnp.concatenate),
        jb.with_precision(jb.dense(1), jnp.bfloat16),
        jb.elementwise(functools.partial(jax.nn.leaky_relu, negative_slope=0.1)),
    )
    space = {name: getattr(jb, name) for name in jb.__all__}
    assert eval(repr(net), {**space, "jax": jax, "functools": functools}) == net
    rule = jb.backprop(net, jb.losses.mse)
    assert eval(repr(rule), {**space, "jax": jax, "functools": functools}) == rule


def test_functions_without_a_name_are_shown_by_their_address():
    functions = [lambda x, n=n: x * n for n in range(3)]
    assert len({repr(jb.elementwise(f)) for f in functions}) == 3


def test_traced_options_are_shown_and_compared_as_what_they_are():
    def rate(r):
        one, other = jb.dropout(r), jb.dropout(r)
        assert one == other != jb.dropout(r + 1 - 1) and "<traced float32[]" in repr(one)
        return r

    jax.vmap(rate)(jnp.ones(2) / 2)


def test_a_long_chain_and_a_deep_one():
    def long(last):
        return jb.serial(*[jb.dense(3) for _ in range(150)], jb.dense(last))

    assert long(2) == long(2) != long(3) and len({long(2), long(2), long(3)}) == 2

    def deep(depth):
        net = jb.dense(3)
        for _ in range(depth):
            net = jb.residual(jb.serial(net, jb.dense(3)))
        return net

    assert deep(30) == deep(30) != deep(31)


class Counted:
    """An activation that counts how often it is hashed."""

    hashed = 0

    def __call__(self, x):
        return jnp.tanh(x)

    def __hash__(self):
        Counted.hashed += 1
        return 7

    def __eq__(self, other):
        return isinstance(other, Counted)


def test_a_value_is_looked_at_once_however_often_it_is_used():
    net = jb.serial(jb.elementwise(Counted()))
    for _ in range(5):
        net = jb.serial(net, jb.residual(net), jb.dense(3))
    hash(net)
    first = Counted.hashed
    for _ in range(100):
        hash(net)
    assert Counted.hashed == first < 20


def test_a_function_that_knows_what_it_was_made_from():
    spike = jb.cells.surrogate.arctan(scale=3.0)
    assert isinstance(spike, Function) and spike == jb.cells.surrogate.arctan(scale=3.0)
    assert spike != jb.cells.surrogate.arctan() and pickle.loads(pickle.dumps(spike)) == spike
    assert repr(spike) == "cells.surrogate.arctan(scale=3.0)" and spike.__name__ == "arctan"
    assert jax.jit(spike)(jnp.ones(2)).tolist() == [1.0, 1.0]
    assert jax.vmap(jax.grad(spike))(jnp.zeros(2)).tolist() == [1.5, 1.5]

    @functools.wraps(spike)
    def mine(v):
        return -spike(v)

    assert not hasattr(mine, "config")  # a wrapper is another function


def test_a_constructor_of_ones_own():
    @jb.configured
    def block(features, *, slope=0.1):
        """A block of mine."""
        return jb.serial(jb.dense(features), jb.elementwise(lambda x: jnp.maximum(x, slope * x)))

    assert block(3) == block(3) != block(3, slope=0.2)
    assert made_by(block(3), block) and not made_by(block(3), jb.serial)
    assert label(block(3)) == "block" and block.__doc__ == "A block of mine."
    assert label(block(3)._replace(layers=())) == "Network"

    @jb.configured
    def wrong():
        return 3

    with pytest.raises(TypeError, match=r"wrong is decorated with jaxbrain\.configured.*int"):
        wrong()


def test_values_made_by_hand_compare_by_their_functions():
    def apply(params, x, *, key=None):
        return x

    def init(key, x):
        return ()

    assert jb.Network(init, apply) == jb.Network(init, apply)
    assert jb.Network(init, apply) != jb.Network(init, lambda params, x, *, key=None: x)
    assert jb.Network(init, apply) != jb.elementwise(jnp.tanh)
    assert hash(jb.Network(init, apply)) == hash(jb.Network(init, apply))
