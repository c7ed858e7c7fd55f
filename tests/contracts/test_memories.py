"""Every memory through one list of properties."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from jaxbrain.memory import Info
from tests.contract import KEYWORD, close, counter, equal, places, signature
from tests.tables import MEMORIES

new_key = partial(jax.random.key, 3)
memories = pytest.mark.parametrize("name", MEMORIES)


def stored(name):
    case = MEMORIES[name]
    memory, patterns = case.make(), case.patterns(new_key())
    return case, memory, patterns, memory.store(patterns)


def recall(case, memory):
    key = jax.random.key(5) if case.key else None
    return lambda params, cue: memory.recall(params, cue, key=key)


@memories
def test_memory_signatures(name):
    memory = MEMORIES[name].make()
    assert signature(memory.store) == places("patterns")
    assert signature(memory.recall) == places("params", "cue") + KEYWORD
    assert memory.energy is None or signature(memory.energy) == places("params", "state")
    assert memory.add is None or signature(memory.add) == places("params", "pattern")


@memories
def test_memory_is_static_and_equal_when_rebuilt(name):
    make = MEMORIES[name].make
    a, b = make(), make()
    assert jax.tree.leaves(a) == []
    assert a == b and hash(a) == hash(b)
    assert all(a != other.make() for key, other in MEMORIES.items() if key != name)
    assert "0x" not in repr(a)


@memories
def test_memory_answers_a_stored_cue(name):
    """Also: the info is what the docstring says, and the energy that of the state."""
    case, memory, patterns, params = stored(name)
    state, info = recall(case, memory)(params, case.cue(patterns))
    close(state, case.answer(patterns), atol=max(case.tolerance, 1e-6))
    assert isinstance(info, Info)
    assert jnp.issubdtype(info.steps.dtype, jnp.integer) and info.steps.shape == ()
    assert info.converged.dtype == bool and info.converged.shape == ()
    assert (info.energy is None) == (memory.energy is None)
    if memory.energy is not None:
        close(info.energy, memory.energy(params, state), rtol=1e-5, atol=1e-5)


@memories
def test_memory_compiled_and_mapped(name):
    """jit is eager, vmap over cues is a loop, storing compiles, equal memories trace once."""
    case, memory, patterns, params = stored(name)
    close(jax.jit(memory.store)(patterns), params, atol=1e-5)
    cue, again = case.cue(patterns), recall(case, memory)
    alone = again(params, cue)
    close(jax.jit(again)(params, cue), alone, atol=1e-5)
    cues = jax.tree.map(lambda c: jnp.stack([c, -c]), cue)
    both = jax.jit(jax.vmap(again, in_axes=(None, 0)))(params, cues)
    close(jax.tree.map(lambda leaf: leaf[0], both), alone, atol=1e-5)

    traced = counter(lambda memory, params, cue: recall(case, memory)(params, cue)[0])
    compiled = jax.jit(traced)
    for made in (memory, case.make()):
        compiled(made, params, cue)
    assert traced.traces == 1


@memories
def test_memory_adds_one_pattern(name):
    _, memory, patterns, params = stored(name)
    if memory.add is None:
        pytest.skip("the memory stores all at once")
    fewer = memory.store(jax.tree.map(lambda p: p[:-1], patterns))
    more = jax.jit(memory.add)(fewer, jax.tree.map(lambda p: p[-1], patterns))
    close(more, params, atol=1e-5)


@memories
def test_memory_refuses_a_cue_of_another_size(name):
    case, memory, patterns, params = stored(name)
    cue = jax.tree.map(lambda c: jnp.concatenate([c, c]), case.cue(patterns))
    with pytest.raises(ValueError, match="cue"):
        recall(case, memory)(params, cue)
    equal(params, memory.store(patterns))
