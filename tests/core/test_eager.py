"""Eager calls: what is compiled once, what is called as it is, and that nothing else changes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core import eager
from jaxbrain.core.config import configured

X = jnp.arange(3.0)


@pytest.fixture(autouse=True)
def no_check_of_keys():
    """It traces programs by itself."""
    with jax.debug_key_reuse(False):
        yield


@pytest.fixture
def power():
    """A function that is compiled once, and what it was called with."""
    seen = []

    @eager.compiled_once("times", "of")
    def power(x, times, of=None, *, key=None):
        seen.append(x)
        x = x if of is None else of(x)
        return jax.lax.fori_loop(0, times, lambda _, y: y * x, jnp.ones_like(x))

    return power, seen


def test_calls_with_equal_shapes_are_traced_once(power):
    call, seen = power
    for x in (X, X + 1, np.ones(3, "float32")):
        np.testing.assert_allclose(call(x, 2), np.asarray(x) ** 2)
    np.testing.assert_allclose(call(x=X, times=2, key=None), X**2)
    assert len(seen) == 2  # by place, and by name
    call(X, 3)
    call(X[:2], 3)
    assert len(seen) == 4


def test_another_value_of_a_static_argument_is_another_program():
    params = {"kernel": jnp.ones((1, 1)), "recurrent": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
    for activation in (jnp.tanh, jnp.negative):
        cell = jb.cells.elman(1, activation=activation)
        last, _ = jb.cells.scan(cell, params, jnp.zeros(1), jnp.ones((2, 1)))
        np.testing.assert_allclose(last, activation(jnp.ones(1)), rtol=1e-6)


def test_numbers_keep_their_weak_type(power):
    assert power[0](2.0, 2).weak_type and power[0](2, 2).weak_type
    assert not power[0](np.float32(2), 2).weak_type


@pytest.mark.parametrize(
    "given",
    [np.array([1e300]), jax.ShapeDtypeStruct((3,), "float32"), "words", [X, X], 2**40],
    ids=["too large", "shape", "text", "list of arrays", "integer"],
)
def test_what_a_program_would_not_take_comes_as_it_is(given):
    seen = []
    eager.compiled_once()(lambda x: seen.append(x))(given)
    whole = isinstance(given, list)
    assert all(isinstance(x, jax.core.Tracer) for x in seen[0]) if whole else seen[0] is given


def test_nothing_is_compiled_within_a_transformation(power):
    call, _ = power
    square = lambda x: call(x, 2)  # noqa: E731
    before = len(eager._run.kept)
    assert "pjit" not in str(jax.make_jaxpr(square)(X)).split("fori")[0].split("while")[0]
    np.testing.assert_allclose(jax.jit(square)(X), X**2)
    np.testing.assert_allclose(jax.vmap(square)(X), X**2)
    np.testing.assert_allclose(jax.jvp(square, (X,), (X,))[1], 2 * X**2)
    np.testing.assert_allclose(jax.jit(lambda y: y + call(X, 2))(X), X**2 + X)  # of a constant
    # of what a closure captured, which no argument shows
    assert jax.grad(lambda w: jnp.sum(call(X, 2, of=lambda x: w * x)))(2.0) == 20
    np.testing.assert_allclose(
        jax.vmap(lambda w: call(X, 1, of=lambda x: w * x))(X), np.outer(X, X)
    )
    assert len(eager._run.kept) == before


def test_disable_jit_runs_it_op_by_op(power):
    call, seen = power
    with jax.disable_jit():
        call(X, 2)
    assert not isinstance(seen[0], jax.core.Tracer)


def test_a_function_that_needs_numbers_gets_them(power):
    call, seen = power

    def host(x):
        return np.asarray(x) * 2 if float(x[1]) > 0 else x

    np.testing.assert_allclose(call(X, 1, of=host), 2 * X)
    assert seen[-1] is X


def test_errors_are_those_of_the_function(power):
    with pytest.raises(TypeError, match=r"power\(\) missing .* 'times'|missing a required"):
        power[0](X)

    def refuse(x):
        raise ValueError("power: of must be positive")

    with pytest.raises(ValueError, match=r"^power: of must be positive$") as caught:
        power[0](X, 1, of=refuse)
    assert caught.value.__context__ is None


def test_a_variable_of_the_user_that_changes_is_seen(power):
    """A stale value would be a silent mistake."""
    call, _ = power
    scale = 2.0

    def scaled(x):
        return scale * x

    np.testing.assert_allclose(call(X, 1, of=scaled), 2 * X)
    scale = 3.0
    np.testing.assert_allclose(call(X, 1, of=scaled), 3 * X)


def test_a_jitted_function_is_kept(power):
    call, seen = power
    double, triple = (jax.jit(lambda x, factor=factor: factor * x) for factor in (2, 3))
    for of, factor in ((double, 2), (double, 2), (triple, 3)):
        np.testing.assert_allclose(call(X, 1, of=of), factor * X)
    assert len(seen) == 2


def test_a_rule_sees_a_changed_variable_of_its_loss():
    weight = 1.0
    rule = jb.backprop(jb.serial(jb.dense(1)), lambda p, y: weight * jnp.sum((p - y) ** 2))
    params = ({"kernel": jnp.ones((3, 1)), "bias": jnp.zeros(1)},)
    once = rule.grads(params, (), X[None], jnp.zeros((1, 1)))[0]
    weight = 2.0
    assert rule.grads(params, (), X[None], jnp.zeros((1, 1)))[0] == 2 * once


class Scale:
    """An object that may change without notice."""

    factor = 2.0

    def __call__(self, x):
        return self.factor * x


def test_an_object_that_may_change_is_called_as_it_is(power):
    call, seen = power
    scale = Scale()
    for factor in (2.0, 3.0):
        scale.factor = factor
        np.testing.assert_allclose(call(X, 1, of=scale), factor * X)
        np.testing.assert_allclose(call(X, 1, of=scale.__call__), factor * X)
        partial = functools.partial(Scale.__call__, scale)
        np.testing.assert_allclose(call(X, 1, of=partial), factor * X)
    assert not any(isinstance(x, jax.core.Tracer) for x in seen)


def test_marked_functions_of_a_constructor_and_equal_values():
    traced = []

    @configured
    def made(units):
        @eager.loops()
        def apply(params, x, *, key=None):
            traced.append(units)
            return jax.lax.fori_loop(0, units, lambda _, y: y + params, x)

        return jb.Network(lambda key, x: (), apply)

    for units in (2, 2, 3):
        assert float(made(units).apply(1.0, jnp.float32(0))) == units
        assert made(units).apply(1.0, [0.0, 1.0]).shape == (2,)  # the door reads lists
        with pytest.raises(TypeError, match=r"made.apply: key must be a random key, got 0"):
            made(units).apply(1.0, 1.0, key=0)
    assert traced == [2, 2, 3, 3]  # two shapes each


def test_checks_of_values_come_first_at_every_call():
    memory = jb.memory.hopfield()
    params = memory.store(jnp.ones((1, 20)))
    for _ in range(2):
        memory.recall(params, jnp.ones(20))
        with pytest.raises(ValueError, match="cue must hold"):
            memory.recall(params, jnp.full(20, 0.5))
    for _ in range(2):
        with pytest.warns(UserWarning, match="more than it can hold") as caught:
            memory.store(jnp.ones((9, 4)))
        assert caught[0].filename == __file__


def test_arrays_stay_on_their_device_and_sharding(power):
    device = jax.devices()[0]
    mesh = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.NamedSharding(mesh, jax.P("x"))
    assert power[0](jax.device_put(X, sharding), 2).sharding.is_equivalent_to(sharding, 1)
    assert power[0](jax.device_put(X, device), 2).committed


def test_programs_of_fresh_functions_are_bounded(power):
    for i in range(eager._run.kept.most + 3):
        power[0](X, 1, of=lambda x, i=i: x + i) if i < 3 else eager._run.kept.put(i, len)
    assert len(eager._run.kept) == eager._run.kept.most
