"""The loop of a recall: it counts the update that changes nothing, and stops at the maximum."""

import jax
import jax.numpy as jnp
import pytest

from jaxbrain.memory.relaxation import relax


def halve(state, step):
    return state // 2


@pytest.mark.parametrize(
    ("most", "state", "steps", "converged"),
    [(1, 4, 1, False), (3, 1, 3, False), (4, 0, 4, False), (5, 0, 5, True), (99, 0, 5, True)],
)
def test_updates_until_nothing_changes(most, state, steps, converged):
    found = jax.jit(lambda x: relax(halve, x, most, jnp.array_equal))(jnp.int32(8))
    assert tuple(part.item() for part in found) == (state, steps, converged)


def test_the_update_gets_its_number():
    found, steps, _ = relax(
        lambda x, step: x + step, jnp.int32(0), 4, lambda a, b: jnp.bool_(False)
    )
    assert (int(found), int(steps)) == (0 + 1 + 2 + 3, 4)
