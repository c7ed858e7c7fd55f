"""Lesions and stimulation of a controller: exact, reversible, and any other change of its carry."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.motor import TaskInput
from jaxbrain.motor import perturbations as perturb
from tests.motor.control.loops import TIME, UNITS, close, differ, plain, problem, run


class Gains(NamedTuple):
    """A carry that can be silenced."""

    gain: jax.Array


pytestmark = pytest.mark.x64


@pytest.fixture(autouse=True, scope="module")
def known_problem():
    problem()  # not under a trace


def test_a_lesion_is_exact():
    params = problem()[1]
    out = np.array([0, 3])

    @jax.jit
    def lesioned(params, gain):
        return run(perturb.silence(out, gain=gain, part=(0,)), params=params)

    cut = jax.tree.map(jnp.array, params)
    cut[0]["recurrent"] = cut[0]["recurrent"].at[out].set(0.0)  # rows are presynaptic
    cut[1]["kernel"] = cut[1]["kernel"].at[out].set(0.0)
    found, other = lesioned(params, 0.0), lesioned(cut, 1.0)
    close((found.hand, found.command), (other.hand, other.command), atol=0)
    assert differ(found.hand, plain().hand) > 1e-5

    def outcome(params):
        return jnp.sum(lesioned(params, 0.0).command ** 2)

    of = jax.jit(jax.grad(outcome))(params)
    rest = np.setdiff1d(np.arange(UNITS), out)
    unheard = of[0]["recurrent"][out], of[1]["kernel"][out], of[0]["kernel"][:, out]
    heard = of[0]["recurrent"][np.ix_(rest, rest)], of[1]["kernel"][rest], of[0]["kernel"][:, rest]
    assert not any(np.any(a) for a in unheard) and all(np.abs(a).min() > 0 for a in heard)
    assert differ(lesioned(params, 0.5).command, found.command) > 1e-6


def test_a_lesion_can_be_undone_and_a_pulse_of_current_too():
    cooled = run(
        perturb.during(perturb.silence(1, part=(0,)), 4, 7, after=perturb.set_gain(1.0, part=(0,)))
    )
    np.testing.assert_array_equal(
        cooled.controller[0].gain[:, 1] == 0, np.isin(np.arange(TIME), (4, 5, 6))
    )
    lasting = run(perturb.during(perturb.silence(1, part=(0,)), 4, 7))
    assert not lasting.controller[0].gain[4:, 1].any()
    pushed = run(perturb.during(perturb.stimulate(np.array([2]), 0.3, part=(0,)), 4, 5))
    state, usual = pushed.controller[0].state, plain().controller[0].state
    close(state[4] - usual[4], 0.3 * np.eye(UNITS)[2])
    close(pushed.command[:5], plain().command[:5])
    assert differ(pushed.command[5], plain().command[5]) > 1e-4


def test_any_part_of_a_carry_can_be_changed():
    carry = {"a": (jnp.ones(2), TaskInput(*[jnp.zeros(2)] * 4))}
    signals = plain()._replace(controller=carry)
    after = perturb.on_controller(lambda c: c + 7.0, part=("a", 1, "force"))(0, signals).controller
    assert after["a"][1].force.tolist() == [7.0, 7.0] and not after["a"][1].cue.any()
    by_number = perturb.on_controller(lambda c: c + 7.0, part=("a", 1, 2))(0, signals).controller
    close(by_number, after)


def test_units_that_are_not_there_are_refused():
    signals = plain()._replace(controller=jnp.zeros(3))
    for units in (3, -4, [0, 5], slice(3, 9), np.ones(4, bool), True, 1.0, None, "all"):
        for lesion in (lambda u: perturb.stimulate(u, 1.0), lambda u: perturb.silence(u)):
            controller = Gains(jnp.ones(3)) if lesion(0) == perturb.silence(0) else jnp.zeros(3)
            with pytest.raises(ValueError, match=r"units must be a slice, .* of the 3 units, got"):
                lesion(units)(0, signals._replace(controller=controller))
    for units, wanted in ((2, [0, 0, 1]), (-1, [0, 0, 1]), ([0, 2], [1, 0, 1]), ([], [0, 0, 0])):
        where = np.array(units, int)
        assert perturb.stimulate(where, 1.0)(0, signals).controller.tolist() == wanted
    ones = jax.jit(lambda u: perturb.stimulate(u, 1.0)(0, signals).controller)(jnp.array([1]))
    assert ones.tolist() == [0, 1, 0]
