"""The laminar cortex: spread of activity, Dale's law, inputs, output, lesions."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.motor import (
    MOTOR,
    SENSORY,
    Cortex,
    cortex_rates,
    cortical_layers,
    laminar_cortex,
    layer_activity,
)

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)
INPUTS, UNITS = 3, 44
LEAK = {"dt": 0.013, "tau": 0.07}
A = 0.013 / 0.07
EXCITATORY = ("L2/3e", "L4e", "L5Ae", "L5Be", "L6e")


@pytest.fixture(scope="module")
def layers():
    return cortical_layers(new_key(), UNITS)


@pytest.fixture(scope="module")
def cell(layers):
    return laminar_cortex(layers, **LEAK)


@pytest.fixture(scope="module")
def params(cell):
    return generic(cell)


def generic(cell):
    """Params of both signs with nothing at zero, also where the wiring has nothing."""
    params = jax.jit(cell.init)(new_key(), jnp.ones(INPUTS))
    keys = iter(jax.random.split(jax.random.key(1), 3))
    return {n: a + 0.3 * jax.random.normal(next(keys), a.shape) for n, a in params.items()}


def active(cell, params):
    """A carry in which every unit fires, so that every path shows."""
    carry = cell.carry(params, jnp.ones(INPUTS))
    state = 3 + jax.random.uniform(jax.random.key(2), carry.state.shape)
    gain = 0.5 + jax.random.uniform(jax.random.key(3), carry.state.shape)
    return carry._replace(state=state, gain=gain)


XS = np.random.default_rng(0).normal(size=(12, INPUTS))
STEP = jax.jit(lambda cell, params, carry, x, key=None: cell.step(params, carry, x, key=key))


@jax.jit
def run(cell, params, carry, xs):
    """Outputs of a sequence, and the rates of all units."""

    def step(carry, x):
        carry, y = cell.step(params, carry, x)
        return carry, (y, cortex_rates(carry))

    return jax.lax.scan(step, carry, xs)[1]


# ---- activity


@jax.jit
def evoked(cell, starts, gains):
    """Mean rates ``[gains, starts, units]`` in the time after a pulse, with random weights."""
    x = jnp.zeros(1)
    params = cell.init(new_key(), x)

    def step(carry, _):
        carry = cell.step(params, carry, x)[0]
        return carry, cortex_rates(carry)

    def one(state, gain):
        carry = cell.carry(params, x)._replace(state=state, gain=gain)
        return jax.lax.scan(step, carry, None, 60)[1].mean(axis=0)

    return jax.vmap(jax.vmap(one, (0, None)), (None, 0))(starts, gains)


def responses(wiring, seed):
    """What a pulse to each excitatory population evokes in the others, without inhibition and
    with it."""
    layers = cortical_layers(jax.random.key(seed), 150, wiring=wiring)
    starts = np.stack([np.isin(np.arange(150), np.r_[layers.slices[n]]) for n in EXCITATORY])
    gains = np.stack([layers.signs > 0, np.ones(150)])
    found = evoked(laminar_cortex(layers), starts.astype(float), gains.astype(float))
    at = [list(layers.slices).index(name) for name in EXCITATORY]
    found = np.asarray(layer_activity(layers, found))[..., at]
    return found.sum(axis=-1) - np.diagonal(found, axis1=1, axis2=2)


def test_input_to_upper_layers_spreads_and_input_to_lower_ones_does_not():
    for seed in range(2):
        for found in responses(MOTOR, seed):
            assert found[0] > 1.7 * found[1:].max(), found
            assert found[0] > 3 * found[-1], found
    for found in responses(MOTOR._replace(chances=MOTOR.chances.T), 0):
        assert found[0] < found[1:].max() / 1.7, found


# ---- the cell


def test_a_step_is_its_equation(layers):
    tau = np.linspace(0.02, 0.1, UNITS)
    cell = laminar_cortex(layers, dt=0.013, tau=tau, noise=0.3)
    params = generic(cell)
    carry = active(cell, params)
    carry = carry._replace(state=carry.state * jnp.where(jnp.arange(UNITS) % 3 == 0, -1, 1))
    p = {n: np.asarray(v) for n, v in params.items()}
    x, g, a = np.asarray(carry.state), np.asarray(carry.gain), 0.013 / tau
    rates = g * np.maximum(x, 0)
    recurrent = layers.signs[:, None] * layers.mask * np.abs(p["recurrent"])
    given = rates @ recurrent + XS[0] @ (p["kernel"] * layers.inputs[None]) + p["bias"]
    expected = x + a * (given - x)
    after, y = STEP(cell, params, carry, XS[0])
    np.testing.assert_allclose(after.state, expected, rtol=1e-12)
    np.testing.assert_array_equal(after.gain, g)
    where = layers.slices["L5Be"]
    np.testing.assert_allclose(y, (g * np.maximum(expected, 0))[where], rtol=1e-12)
    assert np.abs(expected - (x + 0.2 * (given - x))).max() > 0.1
    noisy = STEP(cell, params, carry, XS[0], new_key())[0].state
    xi = jax.random.normal(new_key(), (UNITS,), float)
    np.testing.assert_allclose(noisy, expected + np.sqrt(2 * a) * 0.3 * xi, rtol=1e-12)


def test_a_gain_multiplies_rates_and_not_currents():
    carry = Cortex(jnp.array([-1.0, 0.5, 2.0]), jnp.array([0.5, 0.0, 2.0]))
    expected = np.array([0.5, 0, 2]) * np.log1p(np.exp([-1, 0.5, 2]))
    np.testing.assert_allclose(cortex_rates(carry, activation=jax.nn.softplus), expected)


def influence(cell, params):
    """d state_j / d state_i of one step, from rows i to columns j, without the leak."""
    carry = active(cell, params)

    def after(state):
        return cell.step(params, carry._replace(state=state), jnp.zeros(INPUTS))[0].state

    return np.asarray(jax.jit(jax.jacobian(after))(carry.state)).T - (1 - A) * np.eye(UNITS)


def obeys(found, mask, signs):
    """Whether the influences are those of a wiring under Dale's law."""
    return np.array_equal(np.sign(found.round(12)), mask * signs[:, None])


def test_dales_law_and_wiring_hold_for_any_params_and_under_training(cell, params, layers):
    assert obeys(influence(cell, params), layers.mask, layers.signs)
    flipped = np.where(np.arange(UNITS) == layers.slices["L4e"].start, -1, 1) * layers.signs
    assert not obeys(influence(cell, params), layers.mask, flipped)
    assert not obeys(influence(cell, params), layers.mask.T, layers.signs)

    def loss(params):
        return ((run(cell, params, cell.carry(params, XS[0]), XS)[0] - 1) ** 2).mean()

    optimizer = optax.sgd(0.5)
    state, first = optimizer.init(params), loss(params)
    change = jax.jit(jax.grad(loss))
    trained = params
    for _ in range(5):
        updates, state = optimizer.update(change(trained), state)
        trained = optax.apply_updates(trained, updates)
    assert loss(trained) < first
    assert obeys(influence(cell, trained), layers.mask, layers.signs)
    kept = (layers.mask == 0)[..., None]
    np.testing.assert_array_equal(
        np.asarray(trained["recurrent"])[kept[..., 0]],
        np.asarray(params["recurrent"])[kept[..., 0]],
    )


@pytest.mark.parametrize("wiring", [MOTOR, SENSORY], ids=["motor", "sensory"])
def test_inputs_reach_only_their_layers(wiring):
    layers = cortical_layers(new_key(), UNITS, wiring=wiring)
    cell = laminar_cortex(layers, **LEAK)
    params = generic(cell)
    carry = active(cell, params)
    slopes = jax.jacobian(lambda x: STEP(cell, params, carry, x)[0].state)(jnp.asarray(XS[0]))
    reached = {n: bool(np.any(slopes[s])) for n, s in layers.slices.items()}
    assert reached == {n: n in wiring.inputs for n in layers.slices}
    assert np.all(np.asarray(slopes)[layers.inputs == 1] != 0)
    wanted = {"L1i", "L2/3e", "L2/3i", "L5Ae", "L5Ai"}
    assert set(MOTOR.inputs) == wanted != set(SENSORY.inputs)


def test_only_layer_5b_projects_out(cell, params, layers):
    carry = active(cell, params)
    after, y = STEP(cell, params, carry, XS[0])
    where = layers.slices["L5Be"]
    np.testing.assert_array_equal(y, cortex_rates(after)[where])
    alone = jnp.zeros(UNITS).at[where].set(1.0)
    assert np.any(STEP(cell, params, carry._replace(gain=alone), XS[0])[1] > 0)
    assert not np.any(STEP(cell, params, carry._replace(gain=1 - alone), XS[0])[1])
    assert layers.output == "L5Be" and SENSORY.output == "L5e"


def test_a_lesion_is_a_network_without_the_layer(cell, params, layers):
    gone = layers.slices["L5Ae"]
    left = np.delete(np.arange(UNITS), gone)
    carry = cell.carry(params, XS[0])
    silent = carry._replace(gain=carry.gain.at[gone].set(0.0))
    y = run(cell, params, silent, XS)[0]
    slices = {"L5Be": slice(layers.slices["L5Be"].start - (gone.stop - gone.start), None)}
    slices["L5Be"] = slice(slices["L5Be"].start, slices["L5Be"].start + y.shape[1])
    mask = layers.mask[np.ix_(left, left)]
    small = laminar_cortex(
        layers._replace(
            mask=mask, signs=layers.signs[left], slices=slices, inputs=layers.inputs[left]
        ),
        **LEAK,
    )
    fewer = {
        "kernel": params["kernel"][:, left],
        "recurrent": params["recurrent"][np.ix_(left, left)],
        "bias": params["bias"][left],
    }
    expected = run(small, fewer, small.carry(fewer, XS[0]), XS)[0]
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    for gain in (1.0, 0.1):
        other = run(cell, params, carry._replace(gain=carry.gain.at[gone].set(gain)), XS)[0]
        assert np.abs(other - y).max() > 1e-3

    grads = jax.jit(jax.grad(lambda p, c: run(cell, p, c, XS)[0].sum()))
    for start, silenced in ((silent, True), (carry, False)):
        g = grads(params, start)
        parts = g["kernel"][:, gone], g["bias"][gone], g["recurrent"][gone], g["recurrent"][:, gone]
        assert all(np.any(part) != silenced for part in parts)
        assert np.any(g["recurrent"][left])


def test_gradients_flow_to_the_gain(cell, params):
    carry = active(cell, params)

    def total(gain):
        return run(cell, params, carry._replace(gain=gain), XS)[0].sum()

    slope = jax.jit(jax.grad(total))(carry.gain)
    for i in (0, 20, UNITS - 1):
        up, down = (total(carry.gain.at[i].add(h)) for h in (1e-6, -1e-6))
        np.testing.assert_allclose(slope[i], (up - down) / 2e-6, rtol=1e-5, atol=1e-7)
    assert np.count_nonzero(slope) > UNITS / 2


def test_it_begins_balanced():
    layers = cortical_layers(jax.random.key(5), 120)
    cell = laminar_cortex(layers, excitation=1.5)
    drawn = jax.jit(cell.init)(new_key(), jnp.ones(INPUTS))["recurrent"]
    signed = np.abs(drawn) * layers.mask * layers.signs[:, None]
    given, taken = (np.maximum(s * signed, 0).sum(axis=0) for s in (1, -1))
    both = (given > 0) & (taken > 0)
    np.testing.assert_allclose(given[both], taken[both], rtol=1e-12)
    np.testing.assert_allclose(given.mean(), 1.5)
    assert both.mean() > 0.7


def test_it_begins_stable(cell):
    @jax.jit
    @jax.vmap
    def largest(key, scale):
        params = cell.init(key, jnp.ones(INPUTS))
        params = {**params, "recurrent": scale * params["recurrent"]}
        carry = cell.carry(params, XS[0])
        return run(cell, params, carry, jnp.ones((500, INPUTS)))[1].max()

    rates = largest(jax.random.split(new_key(), 8), jnp.ones(8))
    assert np.all(rates < 15) and np.all(rates > 0.1)
    assert np.any(~(largest(jax.random.split(new_key(), 8), jnp.full(8, 10.0)) < 1e6))


def test_transforms_types_and_names(cell, params, layers):
    assert cell == laminar_cortex(cortical_layers(new_key(), UNITS), **LEAK)
    assert cell != laminar_cortex(cortical_layers(jax.random.key(1), UNITS), **LEAK)
    assert repr(cell).startswith("motor.laminar_cortex(Layers(mask=<int8[44, 44]")
    assert repr(cell).endswith("output='L5Be'), dt=0.013, tau=0.07)")
    gains = jax.random.uniform(new_key(), (3, UNITS))
    carry = active(cell, params)
    many = jax.vmap(lambda gain: run(cell, params, carry._replace(gain=gain), XS)[0])(gains)
    np.testing.assert_allclose(many[1], run(cell, params, carry._replace(gain=gains[1]), XS)[0])
    single = jax.jit(laminar_cortex(layers, noise=0.1).init)(
        new_key(), jnp.ones(INPUTS, jnp.float32)
    )
    x = jnp.ones(INPUTS, jnp.float32)
    after, y = laminar_cortex(layers, noise=0.1, tau=np.full(UNITS, 0.05)).step(
        single, cell.carry(single, x), x, key=new_key()
    )
    assert {a.dtype for a in jax.tree.leaves((single, after, y))} == {jnp.dtype("float32")}

    def swept(tau, noise, excitation):
        cell = laminar_cortex(layers, tau=tau, noise=noise, excitation=excitation)
        params = cell.init(new_key(), x)
        return cell.step(params, cell.carry(params, x), x, key=new_key())[1].sum()

    slopes = jax.jit(jax.grad(swept, argnums=(0, 1)))(0.05, 0.1, 1.0)
    assert all(np.isfinite(s) and s != 0 for s in slopes)


def test_arguments_that_do_not_fit_are_refused(layers):
    with pytest.raises(TypeError, match="cortical_layers"):
        laminar_cortex(100)
    for wrong, match in (
        ({"mask": layers.mask[1:]}, "mask must be"),
        ({"signs": layers.signs * 2}, "signs must be"),
        ({"inputs": layers.inputs[1:]}, "layers.inputs must be"),
        ({"output": "L7e"}, "layers.output must be one of"),
    ):
        with pytest.raises(ValueError, match=match):
            laminar_cortex(layers._replace(**wrong))
    for wrong, match in (
        ({"dt": 0.06}, "dt must be at most tau"),
        ({"tau": np.ones(3)}, r"tau must be one number or of shape \(44,\)"),
        ({"noise": -1.0}, "noise must not be negative"),
        ({"excitation": 0.0}, "excitation must be positive"),
    ):
        with pytest.raises(ValueError, match=match):
            laminar_cortex(layers, **wrong)
    with pytest.raises(ValueError, match="made for 3 input features"):
        cell = laminar_cortex(layers)
        params = jb.motor.laminar_cortex(layers).init(new_key(), jnp.ones(INPUTS))
        cell.step(params, cell.carry(params, XS[0]), jnp.ones(4))
