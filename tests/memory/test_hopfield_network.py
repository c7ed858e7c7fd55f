"""The Hopfield network: updates by hand, energy, equilibrium distribution."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory import asynchronous, heat_bath, hopfield, outer_product, synchronous
from tests.memory.spin_glass import draw, energy, symmetric

pytestmark = pytest.mark.x64


new_key = partial(jax.random.key, 1)


def sweeps_by_hand(w, s, order, sweeps):
    """The states after each unit's update ``[sweeps * n + 1, n]``."""
    states = [s.copy()]
    for i in list(order) * sweeps:
        s = s.copy()
        field = w[i] @ s
        s[i] = np.sign(field) if field != 0 else s[i]
        states.append(s)
    return np.array(states)


@pytest.mark.parametrize("n", [1, 7, 50])
@pytest.mark.parametrize("drawn", [False, True], ids=["index", "random"])
def test_asynchronous_is_unit_after_unit(n, drawn):
    recall = jax.jit(asynchronous, static_argnums=3)
    order = np.array(jax.random.permutation(new_key(), n)) if drawn else np.arange(n)
    for seed in range(4):
        w, s = symmetric(seed, n), draw(n, seed + 50)
        if seed == 3:
            s[: n // 2] = 0
        states = sweeps_by_hand(w, s, order, 20)
        ends = states[::n]
        want = 1 + next(k for k in range(20) if np.array_equal(ends[k], ends[k + 1]))
        for limit in (1, 20):
            state, field, steps, converged = recall(w, s, new_key() if drawn else None, limit)
            np.testing.assert_allclose(field, w @ state, atol=1e-12)
            np.testing.assert_array_equal(state, ends[limit])
            assert int(steps) == min(want, limit) and bool(converged) == (want <= limit)


@pytest.mark.slow
def test_the_order_is_drawn_from_the_key():
    w, s = symmetric(0, 60), draw(60)
    ends = {bytes(np.array(asynchronous(w, s, k, 50)[0])) for k in jax.random.split(new_key(), 5)}
    assert len(ends) > 1


def test_the_energy_never_rises_along_asynchronous_recall():
    """Over random symmetric memories and starts; in synchronous steps it does rise."""
    n, rises = 40, 0
    one = jax.jit(jax.vmap(lambda w, s: asynchronous(w, s, None, 1)[0]))
    together = jax.jit(jax.vmap(lambda w, s: synchronous(w, s, None, 1)[0]))
    w = np.stack([symmetric(seed, n) for seed in range(60)])
    s = u = draw((60, n))
    levels = jax.vmap(energy)
    for _ in range(12):
        after, jumped = one(w, s), together(w, u)
        change = np.array(levels(w, after) - levels(w, s))
        moved = np.any(np.array(after != s), axis=1)
        assert np.all(change[moved] < 0) and np.all(change[~moved] == 0)
        rises += np.sum(np.array(levels(w, jumped) - levels(w, u)) > 1e-9)
        s, u = after, jumped
    assert rises > 10
    for seed in range(5):
        path = sweeps_by_hand(w[seed], draw(n, seed), range(n), 3)
        assert np.all(np.diff([energy(w[seed], p) for p in path]) <= 1e-12)


def test_recall_converges_in_single_precision():
    """Fields that are zero but for rounding are ties."""
    with jax.enable_x64(False):
        x = jnp.asarray(draw((4, 21), 1), jnp.float32)
        cues = jnp.asarray(draw((200, 21), 3), jnp.float32)
        memory = hopfield()
        states, info = jax.jit(jax.vmap(memory.recall, (None, 0)))(outer_product(x), cues)
        assert bool(jnp.all(info.converged))
        sums = np.array(x).astype(int)
        fields = np.array(states).astype(int) @ (sums.T @ sums - 4 * np.eye(21, dtype=int))
        assert np.all(fields * np.array(states) >= 0) and np.any(fields == 0)


def test_synchronous_is_its_equation():
    w, s = symmetric(2, 30), draw(30)
    want, before = s, None
    for step in range(1, 60):
        last, before, want = before, want, np.sign(w @ want)
        found = synchronous(w, s, None, step)
        if np.array_equal(want, last):  # a cycle of two states: it stopped before
            assert int(found.steps) == step - 1 and not bool(found.converged)
            np.testing.assert_array_equal(found.state, before)
            break
        np.testing.assert_array_equal(found.state, want)
        np.testing.assert_allclose(found.field, w @ want, atol=1e-12)
        assert int(found.steps) == step
        assert bool(found.converged) == np.array_equal(want, before)
        if bool(found.converged):
            break
    again = synchronous(w, s, None, 1000)
    assert int(again.steps) == int(found.steps) and again.converged == found.converged


@pytest.mark.slow
def test_synchronous_stops_in_a_cycle():
    w = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    memory = hopfield(update=synchronous)
    state, info = memory.recall(w, jnp.array([1.0, -1.0]))
    assert not bool(info.converged) and int(info.steps) == 1
    state, info = hopfield().recall(w, jnp.array([1.0, -1.0]))
    assert bool(info.converged) and float(info.energy) == -1 and state[0] == state[1]


def boltzmann(w, temperature):
    states = np.array(list(itertools.product([-1.0, 1.0], repeat=len(w))))
    chances = np.exp([-energy(w, s) / temperature for s in states])
    return states, chances / chances.sum()


@pytest.mark.parametrize("n", [4, 40])
def test_heat_bath_has_boltzmanns_equilibrium(n):
    """Four units by enumeration; of forty, in blocks, only the last four are coupled."""
    w, temperature, chains = symmetric(5, 4) * 2, 1.3, 8_000
    whole = np.zeros((n, n))
    whole[-4:, -4:] = w
    sample = jax.jit(jax.vmap(lambda k: heat_bath(temperature)(whole, jnp.ones(n), k, 8)[0][-4:]))
    seen = np.array(sample(jax.random.split(new_key(), chains)))
    counts = np.bincount((seen > 0) @ [8, 4, 2, 1], minlength=16) / chains
    chances = boltzmann(w, temperature)[1]
    error = np.sqrt(chances * (1 - chances) / chains)
    assert np.all(np.abs(counts - chances) < 4.5 * error)
    assert np.any(np.abs(counts - boltzmann(w, 1.25 * temperature)[1]) > 4.5 * error)


@pytest.mark.slow
def test_heat_bath_without_heat_is_asynchronous():
    for n in (30, 70):
        w, s = symmetric(1, n), draw(n)
        cold = heat_bath(1e-9)(w, s, new_key(), 30)
        still = asynchronous(w, s, None, 30)
        np.testing.assert_array_equal(cold.state, still.state)
        np.testing.assert_allclose(cold.field, w @ cold.state, atol=1e-12)
        assert int(cold.steps) == 30 and bool(cold.converged)
        warm = heat_bath(1.0)(w, s, new_key(), 30)
        assert not bool(warm.converged) and bool(jnp.any(warm.state != still.state))


@pytest.mark.slow
def test_heat_melts_a_memory():
    """One pattern: mean field theory m = tanh(m / T), without magnetization above T = 1."""
    n, x = 400, draw(400)
    w = outer_product(x[None])
    for temperature, want in ((0.5, 0.957), (1.5, 0.0)):
        update = heat_bath(temperature)
        run = jax.jit(jax.vmap(lambda k, u=update: u(w, jnp.asarray(x), k, 40)[0] @ x / n))
        assert abs(np.mean(run(jax.random.split(new_key(), 40)))) == pytest.approx(want, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_energy_is_the_formula_with_a_share_of_the_diagonal(share):
    """Of any state, and of the end of a recall."""
    w, s = symmetric(0, 5) + np.diag([0.3, -0.2, 0.5, 0.1, 0.4]), draw(5, 3)
    want = symmetric(0, 5) + share * np.diag([0.3, -0.2, 0.5, 0.1, 0.4])
    memory = hopfield(self_coupling=share)
    np.testing.assert_allclose(memory.energy(w, s), energy(want, s), rtol=1e-12)
    state, info = jax.jit(memory.recall)(w, s)
    np.testing.assert_allclose(info.energy, energy(want, np.asarray(state)), rtol=1e-12)
    assert abs(energy(want, s) - energy(want * (1 - np.eye(5)), s)) >= 0.1 * share


@pytest.mark.slow
def test_recall_takes_a_share_of_the_diagonal():
    x = draw((20, 40))
    params, s = jb.memory.storkey(x), draw(40, 9)
    bare = params - np.diag(np.diag(params))
    for share, want in ((0.0, bare), (1.0, params), (0.25, 0.25 * params + 0.75 * bare)):
        memory = hopfield(self_coupling=share)
        np.testing.assert_allclose(memory.energy(params, s), energy(want, s), rtol=1e-12)
        state, info = memory.recall(params, s)
        np.testing.assert_array_equal(state, asynchronous(want, s, None, 100)[0])
        np.testing.assert_allclose(info.energy, energy(want, state), rtol=1e-12)


@pytest.mark.slow
def test_unknown_bits_are_completed():
    x = draw((5, 100))
    memory = hopfield()
    params = memory.store(x)
    state, info = memory.recall(params, np.where(np.arange(100) < 60, 0, x[2]).astype(int))
    np.testing.assert_array_equal(state, x[2])
    assert bool(info.converged)
    nothing, _ = memory.recall(params, np.zeros(100))
    np.testing.assert_array_equal(nothing, 0)


def test_wrong_arguments_are_refused():
    memory, params = hopfield(), jnp.zeros((4, 4))
    with pytest.raises(ValueError, match=r"cue must hold \+1, -1, and 0 .* got 0.5"):
        memory.recall(params, np.array([1.0, 0.5, 1, 1]))
    with pytest.raises(ValueError, match="got nan"):
        memory.recall(params, np.array([1.0, np.nan, 1, 1]))
    with pytest.raises(ValueError, match=r"cue must have the shape \(4,\)"):
        memory.recall(params, np.ones((2, 4)))
    with pytest.raises(ValueError, match="heat_bath needs a key"):
        hopfield(update=heat_bath(1.0)).recall(params, np.ones(4))
    with pytest.raises(TypeError, match=r"update must be a function, .*heat_bath"):
        hopfield(update=heat_bath)
    with pytest.raises(TypeError, match="update must be a function"):
        hopfield(update="synchronous")
    for wrong in ({"self_coupling": -1.0}, {"max_steps": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            hopfield(**wrong)
    with pytest.raises(ValueError, match="temperature must be positive"):
        heat_bath(0.0)
    for wrong in ("gain", "dt", "tolerance", "max_steps"):
        with pytest.raises(ValueError, match=wrong):
            jb.memory.graded_hopfield(**{wrong: 0})


@pytest.mark.slow
def test_temperature_and_gain_may_be_swept():
    w, s = symmetric(3, 20), draw(20)

    def melted(t):
        return hopfield(update=heat_bath(t), max_steps=5).recall(w, s, key=new_key())[0]

    def graded(g):
        return jb.memory.graded_hopfield(gain=g).recall(w, s)[0]

    for f in (melted, graded):
        both = jax.vmap(f)(jnp.array([0.5, 4.0]))
        np.testing.assert_allclose(both[1], f(4.0), atol=1e-10)
        assert bool(jnp.any(both[0] != both[1]))
