"""Inputs of any shape and dtype: an answer of the right shape, or a refusal in jaxbrain's words.

Nothing is compiled: shapes are found by tracing, where all checks of shapes and dtypes are.
"""

import warnings

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from tests.fuzz.strategies import KEY, arrays, fuzz, like, shapes_or_refusal
from tests.tables import CELLS, LOSSES, MEMORIES, METRICS, NETWORKS, RULES, chain

FEW = pytest.param(4, id="few")
MANY = pytest.param(60, id="many", marks=pytest.mark.slow)
number_of_examples = pytest.mark.parametrize("examples", [FEW, MANY])
CE = jb.losses.softmax_cross_entropy


OURS = [name for name in NETWORKS if name != "from_functions"]  # whose functions are the user's


@pytest.mark.parametrize("name", OURS)
@number_of_examples
def test_a_network_answers_or_refuses(name, examples):
    case = NETWORKS[name]
    net = case.make()

    @fuzz(arrays(case.shape, case.dtype), arrays(case.shape, case.dtype), examples=examples)
    def check(x, other):
        params = shapes_or_refusal(net.init, KEY, x)
        if params is None:
            return
        y = shapes_or_refusal(net.apply, params, x)
        noisy = shapes_or_refusal(lambda p, x, k: net.apply(p, x, key=k), params, x, KEY)
        assert y == noisy
        shapes_or_refusal(net.apply, params, other)

    check()


@pytest.mark.parametrize("name", CELLS)
@number_of_examples
def test_a_cell_steps_or_refuses(name, examples):
    make, shape = CELLS[name]
    cell = make()

    @fuzz(arrays(shape, "float32"), arrays(shape, "float32"), examples=examples)
    def check(x, other):
        params = shapes_or_refusal(cell.init, KEY, x)
        carry = None if params is None else shapes_or_refusal(cell.carry, params, x)
        if carry is None:
            return
        stepped = shapes_or_refusal(cell.step, params, carry, x)
        if stepped is not None and x.dtype == "float32":
            assert stepped[0] == carry, "a scan needs a carry that keeps its shape and dtype"
        shapes_or_refusal(cell.step, params, carry, other)

    check()


@pytest.mark.parametrize("name", RULES)
@number_of_examples
def test_a_rule_answers_or_refuses(name, examples):
    net = chain()
    rule = RULES[name].make(net, CE)
    one = jax.ShapeDtypeStruct((4,), "float32")
    params = jax.eval_shape(net.init, KEY, one)
    state = jax.eval_shape(rule.init, KEY, params, one)

    def grads(x, y, key):
        return rule.grads(*jax.tree.map(jnp.zeros_like, (params, state)), x, y, key=key)

    @fuzz(arrays((6, 4), "float32"), arrays((6,), "int32"), examples=examples)
    def check(x, y):
        found = shapes_or_refusal(grads, x, y, KEY)
        if found is not None:
            assert found[0].shape == () and jnp.issubdtype(found[0].dtype, jnp.floating)
            assert jax.tree.map(jnp.shape, found[1]) == jax.tree.map(jnp.shape, params)

    check()


@pytest.mark.parametrize("name", MEMORIES)
@number_of_examples
def test_a_memory_recalls_or_refuses(name, examples):
    case = MEMORIES[name]
    memory = case.make()
    patterns = case.patterns(jax.random.key(3))
    params = jax.eval_shape(memory.store, patterns)
    cue = case.cue(patterns)

    @fuzz(like(patterns), like(cue), like(case.answer(patterns)), examples=examples)
    def check(patterns, cue, state):
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # more than it holds
            shapes_or_refusal(memory.store, patterns)
        recalled = shapes_or_refusal(lambda p, c, k: memory.recall(p, c, key=k), params, cue, KEY)
        assert recalled is None or recalled[1].steps.shape == ()
        if memory.energy is not None:
            energy = shapes_or_refusal(memory.energy, params, state)
            assert energy is None or energy.shape == ()
        if memory.add is not None:
            shapes_or_refusal(memory.add, params, cue)

    check()


@pytest.mark.parametrize("name", [*LOSSES, *METRICS])
@number_of_examples
def test_a_loss_is_a_number_or_refused(name, examples):
    function = getattr(jb.losses, name) if name in LOSSES else getattr(jb.metrics, name)

    @fuzz(arrays((4,), "float32"), arrays((4,), "float32"), st.booleans(), examples=5 * examples)
    def check(prediction, target, label):
        if "complex64" in (prediction.dtype, target.dtype):
            return  # holomorphic equilibrium propagation takes losses of complex predictions
        if label and prediction.shape:
            target = jax.ShapeDtypeStruct(prediction.shape[:-1], "int32")
        value = shapes_or_refusal(function, prediction, target)
        assert value is None or (value.shape == () and jnp.issubdtype(value.dtype, jnp.floating))

    check()
