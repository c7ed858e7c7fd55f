"""Spike codes and readouts."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cells import lif, unroll
from tests.cells.reference import driven, positive_sequence, spiking_params

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)
RUN = jax.jit(lambda net, params, xs: net.apply(params, xs))
UNITS = 5
TAU = np.array([3.0, 5.0, 8.0, 11.0, 20.0])


def test_poisson_spikes():
    rates = jnp.array([0.0, 5.0, 40.0, 100.0])  # per second
    spikes = np.asarray(jb.cells.poisson_encode(new_key(), rates, 20_000, dt=0.01))
    chance = np.array([0.0, 0.05, 0.4, 1.0])
    error = np.sqrt(chance * (1 - chance) / 20_000)
    assert spikes.shape == (20_000, 4) and set(np.unique(spikes)) == {0.0, 1.0}
    assert np.all(np.abs(spikes.mean(axis=0) - chance) <= 4 * error)
    counts = spikes.reshape(400, 50, 4).sum(axis=1)[:, 1:3]
    fano = counts.var(axis=0) / counts.mean(axis=0)
    np.testing.assert_allclose(fano, 1 - chance[1:3], rtol=0.25)  # a Bernoulli process
    after = spikes[1:, 2][spikes[:-1, 2] == 1].mean()
    assert abs(after - 0.4) < 4 * error[2] / math.sqrt(0.4)  # no memory
    again = jb.cells.poisson_encode(new_key(), rates, 20_000, dt=0.01)
    np.testing.assert_array_equal(spikes, again)


def test_latency_is_the_first_spike_of_a_leaky_neuron():
    x = np.array([0.0, 0.1, 0.25, 0.26, 0.3, 0.47, 0.9, 0.97, 1.0])
    tau, dt, steps = 6.0, 0.7, 25
    spikes = jb.cells.latency_encode(x, steps, tau=tau, threshold=0.25, dt=dt)
    alpha = math.exp(-dt / tau)
    cell = lif(1, tau=tau, dt=dt, threshold=0.25, recurrent_init=None)
    neurons = driven(cell, (1 - alpha) * x, steps)
    first = (np.cumsum(neurons, axis=1) == 1) & (neurons == 1)
    np.testing.assert_array_equal(np.asarray(spikes).T, first)
    assert np.asarray(spikes).sum(axis=0).tolist() == [0, 0, 0, 0 if steps < 28 else 1] + [1] * 5
    later = jb.cells.latency_encode(x, steps, tau=7.0, threshold=0.25, dt=dt)
    assert np.any(later != spikes)
    assert jb.cells.latency_encode(jnp.ones((2, 3), "int32"), 4).shape == (4, 2, 3)


def test_readouts():
    cell = jb.cells.leaky_integrator(2, tau=TAU[:2], dt=0.5)
    params, xs = spiking_params(cell), positive_sequence(9)
    y, expected = np.zeros(2), []
    for x in np.asarray(xs):
        y = np.exp(-0.5 / TAU[:2]) * y + x @ params["kernel"] + params["bias"]
        expected.append(y)
    ys = RUN(unroll(cell), params, xs)
    np.testing.assert_allclose(ys, expected, rtol=1e-12)
    assert np.abs(ys - np.cumsum(xs @ params["kernel"] + params["bias"][None], axis=0)).max() > 0.1
    rates = jb.cells.rate_readout(dt=0.25).apply((), jnp.array([[1, 0], [1, 1], [0, 0], [1, 0]]))
    assert rates.tolist() == [3.0, 1.0]


REFUSED = [
    (lambda: jb.cells.poisson_encode(new_key(), jnp.array([0.5, 1.2]), 5), "1 / dt.*0.5 to 1.2"),
    (lambda: jb.cells.poisson_encode(new_key(), jnp.array([-0.1]), 5), "shorter steps"),
    (lambda: jb.cells.poisson_encode(new_key(), jnp.array([0.1]), 0), "steps must be a positive"),
    (lambda: jb.cells.latency_encode(jnp.array([0, 255]), 5), "from 0 to 1, got 0 to 255"),
    (lambda: jb.cells.latency_encode(jnp.array([-0.1]), 5), "got -0.1 to -0.1; scale it"),
    (lambda: jb.cells.latency_encode(jnp.array([jnp.nan]), 5), "x must be from 0 to 1, got nan"),
    (lambda: jb.cells.poisson_encode(new_key(), jnp.array([jnp.nan]), 5), "rates must be from 0"),
    (lambda: jb.cells.latency_encode(jnp.ones(2), 5, tau=0.5), "dt must be at most tau"),
    (lambda: jb.cells.latency_encode(jnp.ones(2), 5, threshold=0.0), "threshold must be positive"),
    (lambda: jb.cells.leaky_integrator(2, dt=21.0), "dt must be at most tau"),
    (lambda: jb.cells.rate_readout(dt=0.0), "dt must be positive"),
    (lambda: jb.cells.rate_readout().apply((), jnp.ones((0, 2))), "empty sequence"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
