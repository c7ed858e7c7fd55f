"""Bodies and plasticities: inputs of any shape and dtype step, or are refused in our words."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.motor import Action
from tests.fuzz.changes import CHANGES, changed_in_turn
from tests.fuzz.strategies import arrays, fuzz, numbers, of_users, shapes_or_refusal
from tests.tables.parts import PARTS, PLASTICITIES

BODIES = ("point_mass", "two_link_arm", "muscled_arm", "arm26")
number_of_examples = pytest.mark.parametrize(
    "examples", [pytest.param(4, id="few"), pytest.param(150, id="many", marks=pytest.mark.slow)]
)


def shape(tree):
    return jax.tree.map(lambda a: (jnp.shape(a), jnp.result_type(a)), tree)


@pytest.mark.parametrize("name", BODIES)
@number_of_examples
def test_a_body_moves_or_refuses(name, examples):
    plant = PARTS[name]()
    good = Action(jnp.zeros(plant.commands), jnp.zeros(2))
    state = plant.carry((), good)
    dtypes = arrays((plant.commands,), "float32"), arrays((2,), "float32")

    @fuzz(*dtypes, arrays((2,), "float32"), examples=examples)
    def check(command, force, position):
        action = Action(command, force)
        start = shapes_or_refusal(plant.carry, (), action)
        moved = shapes_or_refusal(plant.step, (), state, action)
        if moved is not None:
            assert shape(moved[0]) == shape(state), "a scan needs a state that keeps its type"
            assert start is not None, "step takes what carry refuses"
        placed = shapes_or_refusal(plant.place, (), position)
        if placed is not None:
            assert jax.tree.map(jnp.shape, placed) == jax.tree.map(jnp.shape, state)

    check()


@pytest.mark.parametrize("name", PLASTICITIES)
@number_of_examples
def test_a_plasticity_changes_weights_or_refuses(name, examples):
    cell = PLASTICITIES[name]()
    w = arrays((3, 2), "float32")

    @fuzz(w, arrays((3,), "float32"), arrays((2,), "float32"), arrays((2,), "float32"),
          examples=examples)  # fmt: skip
    def check(w, pre, post, modulator):
        for now in ((pre, post, modulator), (pre, post, None)):
            carry = shapes_or_refusal(cell.carry, w, now)
            if carry is None:
                continue
            found = shapes_or_refusal(cell.step, w, carry, now)
            if found is not None:
                assert found[1].shape == w.shape, "a change of another shape"
            if found is not None and {a.dtype for a in (w, pre, post)} == {jnp.dtype("float32")}:
                assert shape(found[0]) == shape(carry)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_a_body_takes_any_kind_of_value_or_refuses(name):
    plant = PARTS[name]()
    given = [np.full(plant.commands, 0.5, "float32"), np.ones(2, "float32")]
    for command, force in changed_in_turn(given, CHANGES):
        action = Action(command, force)
        state = of_users(plant.carry, (), action)
        moved = None if state is None else of_users(plant.step, (), state, action)
        if moved is not None:
            assert shape(moved[0]) == shape(state)
    for (position,) in changed_in_turn([np.array([0.0, 0.4], "float32")], CHANGES):
        of_users(plant.place, (), position)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLASTICITIES)
def test_a_plasticity_takes_any_kind_of_value_or_refuses(name):
    cell = PLASTICITIES[name]()
    given = [np.ones(size, "float32") for size in ((3, 2), (3,), (2,), (2,))]
    for w, pre, post, modulator in changed_in_turn(given, CHANGES):
        now = (pre, post, modulator)
        carry = of_users(cell.carry, w, now)
        found = None if carry is None else of_users(cell.step, w, carry, now)
        if found is not None:
            assert found[1].shape == np.shape(w)


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_ordinary_commands_and_forces_move_a_body_to_finite_states(name):
    """Two seconds of constant torques, excitations and forces, out of any range of muscles."""
    plant = PARTS[name]()

    @jax.jit
    def moved(command, force):
        action = Action(command, force)
        steps = lambda state, _: plant.step((), state, action)  # noqa: E731
        state, hands = jax.lax.scan(steps, plant.carry((), action), None, 200)
        return state, hands, plant.sensory_feedback((), state)

    @fuzz(numbers((plant.commands,), 5), numbers((2,), 5), examples=100)
    def check(command, force):
        for leaf in jax.tree.leaves(moved(command, force)):
            assert np.isfinite(leaf).all()

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", PLASTICITIES)
def test_ordinary_activities_change_weights_by_finite_numbers(name):
    cell = PLASTICITIES[name]()
    w, pre, post = jnp.ones((3, 2)), jnp.ones(3), jnp.ones(2)
    alone = of_users(cell.step, w, of_users(cell.carry, w, (pre, post, None)), (pre, post, None))
    total = jax.jit(functools.partial(jb.learning.plasticity.total_change, cell))

    @fuzz(numbers((3, 2), 9), numbers((5, 3), 9), numbers((5, 2), 9), numbers((5, 2), 9),
          examples=100)  # fmt: skip
    def check(w, pre, post, third):
        for leaf in jax.tree.leaves(total(w, pre, post, third if alone is None else None)):
            assert np.isfinite(leaf).all()

    check()


def test_the_right_inputs_are_not_refused():
    """Negative control: a fuzz of refusals alone would pass."""
    for name in BODIES:
        plant = PARTS[name]()
        action = Action(jnp.zeros(plant.commands), jnp.zeros(2))
        state = shapes_or_refusal(plant.carry, (), action)
        assert shapes_or_refusal(plant.step, (), state, action) is not None
    x, y, w = jnp.ones(3), jnp.ones(2), jnp.ones((3, 2))
    for make in PLASTICITIES.values():
        for modulator in (y, jnp.ones(())):
            now = x, y, modulator
            carry = shapes_or_refusal(make().carry, w, now)
            if carry is not None and shapes_or_refusal(make().step, w, carry, now) is not None:
                break
        else:
            pytest.fail("refused")
    assert jb.learning.plasticity.hebb().step(w, (), (x, y, None))[1].shape == (3, 2)
