"""Hopfield's network of graded units, in continuous time."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import xlog1py

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Memory
from jaxbrain.memory.hopfield_network import coupled, require_cue
from jaxbrain.memory.patterns import Info, require_size
from jaxbrain.memory.storage import Storage, as_add, as_storage, hebb, warn_of_load


@configured
def graded_hopfield(
    *,
    storage: Callable[[jax.Array], jax.Array] | Storage = hebb,
    gain: float | jax.Array = 10.0,
    self_coupling: float | jax.Array = 0.0,
    time_step: float | jax.Array = 0.1,
    tolerance: float = 1e-4,
    max_steps: int = 1000,
) -> Memory:
    """A Hopfield network of graded units: a cue flows down the energy to a fixed point.

    du/dt = -u + W v,  v = tanh(gain u)
    E(v) = -1/2 v W v + 1/gain sum_i (v_i artanh v_i + 1/2 log(1 - v_i^2))

    Time is in units of the units' time constant; the flow is followed by Euler's steps, along which
    the energy falls as long as they are small. The cue is the first u; it may hold 0 where a bit is
    not known. A fixed point solves v = tanh(gain W v) and nears +1 and -1 as the gain grows, where
    the network becomes `hopfield`; below gain = 1 / (largest eigenvalue of W) only v = 0 is left.

    Hopfield (1984), doi 10.1073/pnas.81.10.3088.

    Args:
      storage: as of `hopfield`.
      gain: slope of the units at rest.
      self_coupling: the share of the weights' diagonal that counts.
      time_step: of Euler's method.
      tolerance: at rest where no |du/dt| is above it.
      max_steps: of Euler's method at most.

    Returns:
      A Memory whose recall returns v ``[n]``, from -1 to 1; params are the weights ``[n, n]``.

    Raises:
      TypeError: if storage is no function.
      ValueError: if a number is not positive.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> memory = graded_hopfield()
      >>> patterns = jax.random.rademacher(jax.random.key(0), (3, 100), dtype=jnp.float32)
      >>> params = memory.store(patterns)
      >>> state, info = memory.recall(params, patterns[0].at[:20].set(0.0))
      >>> bool(jnp.max(jnp.abs(state - patterns[0])) < 0.01), bool(info.converged)
      (True, True)
    """
    rule = as_storage("graded_hopfield", storage)
    require_positive("graded_hopfield", "gain", gain)
    require_positive("graded_hopfield", "self_coupling", self_coupling, zero=True)
    require_positive("graded_hopfield", "time_step", time_step)
    require_positive("graded_hopfield", "tolerance", tolerance)
    require_count("graded_hopfield", "max_steps", max_steps)

    def store(patterns: jax.Array) -> jax.Array:
        warn_of_load("graded_hopfield", rule, patterns)
        return rule.store(patterns)

    def recall(
        params: jax.Array, cue: jax.Array, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Info]:
        u = require_cue("cue", cue, params)
        weights = coupled(params, self_coupling)
        slope, dt = as_number(gain, u), as_number(time_step, u)

        def step(carry: tuple) -> tuple:
            u, flow, steps = carry
            u = u + dt * flow
            return u, weights @ jnp.tanh(slope * u) - u, steps + 1

        def moves(carry: tuple) -> jax.Array:
            _, flow, steps = carry
            return (jnp.max(jnp.abs(flow)) > tolerance) & (steps < max_steps)

        start = (u, weights @ jnp.tanh(slope * u) - u, jnp.int32(0))
        u, flow, steps = lax.while_loop(moves, step, start)
        v = jnp.tanh(slope * u)
        rests = jnp.max(jnp.abs(flow)) <= tolerance
        return v, Info(steps, rests, _energy(weights, v, slope))

    def energy(params: jax.Array, state: jax.Array) -> jax.Array:
        v = require_size("state", state, params.shape[-1]).astype(params.dtype)
        return _energy(coupled(params, self_coupling), v, as_number(gain, v))

    return Memory(store, recall, energy, as_add(rule))


def _energy(weights: jax.Array, v: jax.Array, gain: jax.Array) -> jax.Array:
    # the integral of artanh from 0 to v, which is log 2 at v = +-1, where artanh is infinite
    integral = 0.5 * (xlog1py(1 + v, v) + xlog1py(1 - v, -v))
    return -0.5 * jnp.sum(v * (weights @ v)) + jnp.sum(integral) / gain
