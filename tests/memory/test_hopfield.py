"""Hopfield's network: its updates by hand, its energy, its equilibrium; the graded network."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory import asynchronous, heat_bath, hopfield, outer_product, synchronous

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 1)


def symmetric(seed, n):
    """Random couplings of both signs, without a diagonal: a spin glass."""
    w = np.random.default_rng(seed).normal(size=(n, n))
    w = (w + w.T) / np.sqrt(2 * n)
    np.fill_diagonal(w, 0)
    return w


def draw(shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], shape)


def energy(w, s):
    return -0.5 * s @ w @ s


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
@pytest.mark.parametrize("key", [None, new_key()], ids=["index", "random"])
def test_asynchronous_is_unit_after_unit(n, key):
    recall = jax.jit(asynchronous, static_argnums=3)
    order = np.arange(n) if key is None else np.array(jax.random.permutation(key, n))
    for seed in range(4):
        w, s = symmetric(seed, n), draw(n, seed + 50)
        if seed == 3:
            s[: n // 2] = 0
        states = sweeps_by_hand(w, s, order, 20)
        ends = states[::n]
        want = 1 + next(k for k in range(20) if np.array_equal(ends[k], ends[k + 1]))
        for limit in (1, 20):
            state, field, steps, converged = recall(w, s, key, limit)
            np.testing.assert_allclose(field, w @ state, atol=1e-12)
            np.testing.assert_array_equal(state, ends[limit])
            assert int(steps) == min(want, limit) and bool(converged) == (want <= limit)


@pytest.mark.slow
def test_the_order_is_drawn_from_the_key():
    w, s = symmetric(0, 60), draw(60)
    ends = {bytes(np.array(asynchronous(w, s, k, 50)[0])) for k in jax.random.split(new_key(), 5)}
    assert len(ends) > 1


def test_the_energy_never_rises_along_asynchronous_recall():
    """Over random symmetric memories and starts; all units at once it does rise."""
    n, rises = 40, 0
    one = jax.jit(jax.vmap(lambda w, s: asynchronous(w, s, None, 1)[0]))
    at_once = jax.jit(jax.vmap(lambda w, s: synchronous(w, s, None, 1)[0]))
    w = np.stack([symmetric(seed, n) for seed in range(60)])
    s = u = draw((60, n))
    levels = jax.vmap(energy)
    for _ in range(12):
        after, jumped = one(w, s), at_once(w, u)
        change = np.array(levels(w, after) - levels(w, s))
        moved = np.any(np.array(after != s), axis=1)
        assert np.all(change[moved] < 0) and np.all(change[~moved] == 0)
        rises += np.sum(np.array(levels(w, jumped) - levels(w, u)) > 1e-9)
        s, u = after, jumped
    assert rises > 10
    for seed in range(5):
        path = sweeps_by_hand(w[seed], draw(n, seed), range(n), 3)
        assert np.all(np.diff([energy(w[seed], p) for p in path]) <= 1e-12)


def test_recall_comes_to_rest_in_single_precision():
    """Fields of zero, which rounding makes a little more or less, are ties."""
    with jax.enable_x64(False):
        x = jnp.asarray(draw((4, 21), 1), jnp.float32)
        cues = jnp.asarray(draw((200, 21), 3), jnp.float32)
        memory = hopfield()
        states, info = jax.jit(jax.vmap(memory.recall, (None, 0)))(outer_product(x), cues)
        assert bool(jnp.all(info.converged))
        sums = np.array(x).astype(int)
        fields = np.array(states).astype(int) @ (sums.T @ sums - 4 * np.eye(21, dtype=int))
        assert np.all(fields * np.array(states) >= 0) and np.any(fields == 0)


def test_synchronous_is_all_units_at_once():
    w, s = symmetric(2, 30), draw(30)
    want, before = s, None
    for step in range(1, 60):
        last, before, want = before, want, np.sign(w @ want)
        found = synchronous(w, s, None, step)
        if np.array_equal(want, last):  # back where it was two steps ago: it stopped before
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
    """One pattern: mean field theory m = tanh(m / T), without magnetisation above T = 1."""
    n, x = 400, draw(400)
    w = outer_product(x[None])
    for temperature, want in ((0.5, 0.957), (1.5, 0.0)):
        update = heat_bath(temperature)
        run = jax.jit(jax.vmap(lambda k, u=update: u(w, jnp.asarray(x), k, 40)[0] @ x / n))
        assert abs(np.mean(run(jax.random.split(new_key(), 40)))) == pytest.approx(want, abs=0.03)


@pytest.mark.slow
def test_self_coupling_is_a_share_of_the_diagonal():
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
def test_unknown_bits_are_filled_in():
    x = draw((5, 100))
    memory = hopfield()
    params = memory.store(x)
    state, info = memory.recall(params, np.where(np.arange(100) < 60, 0, x[2]).astype(int))
    np.testing.assert_array_equal(state, x[2])
    assert bool(info.converged)
    nothing, _ = memory.recall(params, np.zeros(100))
    np.testing.assert_array_equal(nothing, 0)


def test_mistakes_are_refused():
    memory, params = hopfield(), jnp.zeros((4, 4))
    with pytest.raises(ValueError, match=r"cue must hold \+1, -1, and 0 .* got 0.5"):
        memory.recall(params, np.array([1.0, 0.5, 1, 1]))
    with pytest.raises(ValueError, match="got nan"):
        memory.recall(params, np.array([1.0, np.nan, 1, 1]))
    with pytest.raises(ValueError, match=r"cue must have the shape \(4,\)"):
        memory.recall(params, np.ones((2, 4)))
    with pytest.raises(ValueError, match="heat_bath needs a key"):
        hopfield(update=heat_bath(1.0)).recall(params, np.ones(4))
    with pytest.raises(TypeError, match="update must have a temperature"):
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


@pytest.mark.parametrize("gain", [1.5, 3.0])
@pytest.mark.slow
def test_graded_comes_to_rest_at_a_fixed_point(gain):
    w = symmetric(4, 30)
    memory = jb.memory.graded_hopfield(gain=gain, tolerance=1e-9, max_steps=5000)
    v, info = memory.recall(w, draw(30))
    assert bool(info.converged) and int(info.steps) < 5000
    np.testing.assert_allclose(v, np.tanh(gain * w @ np.array(v)), atol=1e-7)
    assert np.abs(v).max() > 0.5
    np.testing.assert_allclose(jax.grad(memory.energy, 1)(w, v), 0, atol=1e-6)
    _, stopped = jb.memory.graded_hopfield(gain=gain, max_steps=3).recall(w, draw(30))
    assert not bool(stopped.converged) and int(stopped.steps) == 3


@pytest.mark.slow
def test_graded_follows_the_equation_and_its_energy_falls():
    w, gain, dt = symmetric(6, 25), 3.0, 0.05
    u, v, levels = draw(25, 7), None, []
    memory = jb.memory.graded_hopfield(gain=gain, dt=dt, tolerance=1e-12)
    for _ in range(29):
        u = u + dt * (-u + w @ np.tanh(gain * u))
        v = np.tanh(gain * u)
        integral = v * np.arctanh(v) + 0.5 * np.log(1 - v**2)
        levels.append(float(memory.energy(w, v)))
        np.testing.assert_allclose(levels[-1], energy(w, v) + integral.sum() / gain, rtol=1e-9)
    limited = jb.memory.graded_hopfield(gain=gain, dt=dt, tolerance=1e-12, max_steps=29)
    np.testing.assert_allclose(limited.recall(w, draw(25, 7))[0], v, atol=1e-12)
    assert np.all(np.diff(levels) < 0)
    # steps that are too large climb: two units that inhibit each other, on the diagonal
    pair = jnp.array([[0.0, -1.0], [-1.0, 0.0]])
    start, big = jnp.ones(2), {"gain": 5.0, "dt": 2.0, "tolerance": 1e-12}
    ends = [jb.memory.graded_hopfield(max_steps=k, **big).recall(pair, start)[1] for k in (1, 2, 3)]
    assert max(float(b.energy - a.energy) for a, b in itertools.pairwise(ends)) > -1e-9


def test_graded_energy_is_finite_at_the_corners():
    w, s = symmetric(8, 10), draw(10)
    value = jb.memory.graded_hopfield(gain=4.0).energy(w, s)
    np.testing.assert_allclose(value, energy(w, s) + 10 * np.log(2) / 4, rtol=1e-12)


def test_graded_with_a_high_gain_is_hopfield():
    x = draw((5, 100))
    cue = np.where(np.arange(100) < 20, -x[0], x[0])
    params = outer_product(x)
    v, _ = jb.memory.graded_hopfield(gain=200.0).recall(params, cue)
    np.testing.assert_allclose(v, hopfield().recall(params, cue)[0], atol=1e-6)
    flat, _ = jb.memory.graded_hopfield(gain=0.3).recall(params, cue)
    np.testing.assert_allclose(flat, 0, atol=1e-2)
