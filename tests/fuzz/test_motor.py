"""Bodies and plasticities: inputs of any shape and dtype step, or are refused in our words."""

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from jaxbrain.motor import Action
from tests.fuzz.strategies import arrays, fuzz, shapes_or_refusal
from tests.tables.parts import PARTS, PLASTICITIES

BODIES = ("point_mass", "two_link_arm", "muscled_arm", "arm26")


def shape(tree):
    return jax.tree.map(lambda a: (jnp.shape(a), jnp.result_type(a)), tree)


@pytest.mark.parametrize("name", BODIES)
def test_a_body_moves_or_refuses(name):
    plant = PARTS[name]()
    good = Action(jnp.zeros(plant.commands), jnp.zeros(2))
    state = plant.carry((), good)
    dtypes = arrays((plant.commands,), "float32"), arrays((2,), "float32")

    @fuzz(*dtypes, arrays((2,), "float32"), examples=4)
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
def test_a_plasticity_changes_weights_or_refuses(name):
    cell = PLASTICITIES[name]()
    w = arrays((3, 2), "float32")

    @fuzz(w, arrays((3,), "float32"), arrays((2,), "float32"), arrays((2,), "float32"),
          examples=4)  # fmt: skip
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
