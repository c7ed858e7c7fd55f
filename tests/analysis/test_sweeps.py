"""Sweeps against one outcome at a time."""

import re
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.analysis import field_sweep, lesion_sweep
from jaxbrain.motor import TaskInput, closed_loop, point_mass, with_gain
from jaxbrain.motor.control import perturbations as perturb

pytestmark = pytest.mark.x64

START, TARGET = np.array([0.01, 0.38]), np.array([0.07, 0.46])  # 0.1 m

new_key = partial(jax.random.key, 0)


def test_a_lesion_sweep_is_one_lesion_at_a_time():
    cell = jb.cells.stack(with_gain(jb.cells.elman(6)), jb.lift(jb.dense(2)))
    inputs = TaskInput(
        jnp.ones((9, 1)), jnp.tile(START, (9, 1)), jnp.ones((9, 2)), jnp.zeros((9, 2, 2))
    )

    def loop(perturbation=None):
        return jb.cells.unroll(
            closed_loop(cell, point_mass(), delay_steps=1, perturbation=perturbation)
        )

    params = loop().init(new_key(), inputs)
    params[1]["bias"] = jnp.ones(2)

    def outcome(gain):
        signals = loop(perturb.set_gain(gain, part=(0,))).apply(params, inputs)
        return {"end": signals.hand.position[-1], "rates": signals.controller[0].state}

    masks = {"head": slice(0, 2), "tail": [4, 5], "odd": np.arange(6) % 2 == 1}
    found = jax.jit(lambda: lesion_sweep(outcome, masks, units=6))()
    found = {name: found[name] for name in ("intact", *masks)}
    one_of = jax.jit(outcome)
    assert list(lesion_sweep(jnp.sum, masks, units=6)) == ["intact", *masks]
    for name, where in {"intact": slice(0, 0), **masks}.items():
        gain = np.ones(6)
        gain[where] = 0
        for a, b in zip(*map(jax.tree.leaves, (found[name], one_of(gain))), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-14)
    ends = np.stack([row["end"] for row in found.values()])
    assert np.abs(ends[0] - np.asarray(loop().apply(params, inputs).hand.position[-1])).max() == 0
    assert np.abs(np.diff(np.sort(ends[:, 0]))).min() > 1e-7, "every lesion is another movement"

    @jax.jit
    def weakened(gain):
        return jnp.sum(lesion_sweep(outcome, masks, units=6, gain=gain)["head"]["end"])

    slope = (weakened(0.3 + 1e-5) - weakened(0.3 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(weakened)(0.3), slope, rtol=1e-5)
    strengths = [-1.0, 0.0, 3.0]

    @jax.jit
    def hand(strength):
        return loop(perturb.curl_field(strength)).apply(params, inputs).hand

    swept, one = field_sweep(hand, strengths), hand(3.0)
    np.testing.assert_allclose(swept.position[2], one.position, atol=1e-14)
    assert np.abs(swept.position[0] - one.position).max() > 1e-6


def test_a_sweep_in_batches_is_the_sweep_and_holds_no_more_at_once():
    weights, doses = jnp.arange(6.0), jnp.linspace(-1, 1, 7)
    whole = {"each": slice(0, 6), "odd": [1, 3, 5], "one": [2], "two": [4, 5]}
    lesion = partial(lesion_sweep, lambda gain: {"sum": gain @ weights}, whole, units=6)
    once = lesion()
    for size in (1, 2, 5, 9):  # with a remainder and without, and more than there are
        chex.assert_trees_all_close(lesion(batch_size=size), once, atol=1e-15)
        np.testing.assert_allclose(field_sweep(jnp.sin, doses, batch_size=size), jnp.sin(doses))
    for size, held in ((None, {"7"}), (3, {"3", "1"})):
        program = jax.make_jaxpr(lambda x, n=size: field_sweep(jnp.sin, x, batch_size=n))(doses)
        assert set(re.findall(r"f64\[(\d+)\] = sin", str(program))) == held


REFUSALS = {
    "groups": (lambda: lesion_sweep(len, [1], units=2), TypeError, "groups must be a dict"),
    "intact": (lambda: lesion_sweep(len, {"intact": [0]}, units=2), ValueError, "intact"),
    "empty": (lambda: lesion_sweep(len, {"a": slice(1, 1)}, units=2), ValueError, "'a' must have"),
    "beyond": (lambda: lesion_sweep(len, {"a": [2]}, units=2), ValueError, "'a' of 2 units"),
    "too far": (lambda: lesion_sweep(len, {"a": slice(1, 3)}, units=2), ValueError, "0 to 1"),
    "batch": (lambda: lesion_sweep(len, {}, units=2, batch_size=0), ValueError, "batch_size"),
    "batches": (lambda: field_sweep(abs, [1.0], batch_size=1.5), ValueError, "batch_size"),
    "doses": (lambda: field_sweep(abs, 1.0), ValueError, r"strengths must be \[n\]"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_say_what_is_wrong(case):
    act, kind, message = REFUSALS[case]
    with pytest.raises(kind, match=message):
        act()
