"""The Hopfield network of graded units, in continuous time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import xlog1py

from jaxbrain.core.config import configured
from jaxbrain.core.eager import loops
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Info, Memory
from jaxbrain.memory.factors import Weights, local_fields
from jaxbrain.memory.hopfield_network import coupled, require_cue
from jaxbrain.memory.patterns import require_size
from jaxbrain.memory.storage import Storage, outer_product, storing


class _Flow(NamedTuple):
    """A state of the network: potentials u, their derivative du/dt, Euler steps made."""

    u: jax.Array
    slope: jax.Array
    steps: jax.Array


@configured
def graded_hopfield(
    *,
    storage: Callable[[jax.Array], Any] | Storage = outer_product,
    gain: float | jax.Array = 10.0,
    self_coupling: float | jax.Array = 0.0,
    dt: float | jax.Array = 0.1,
    tolerance: float = 1e-4,
    max_steps: int = 1000,
) -> Memory:
    """The graded Hopfield network: a cue flows down the energy to a fixed point.

    du/dt = -u + W v,  v = tanh(gain u)
    E(v) = -1/2 v W v + 1/gain sum_i (v_i artanh v_i + 1/2 log(1 - v_i^2))

    Time is in membrane time constants; for small Euler steps the energy always falls. The cue is
    the first u. A fixed point solves v = tanh(gain W v). For a large gain it approaches +1 and -1
    and the network becomes `hopfield`; below gain = 1 / (largest eigenvalue of W) only v = 0 is
    left. params are the weights ``[n, n]``, the state is v ``[n]``, from -1 to 1.

    Hopfield (1984), doi 10.1073/pnas.81.10.3088.

    Args:
      storage: as in `hopfield`.
      gain: slope of the units at v = 0.
      self_coupling: fraction of the diagonal of the weights that takes part.
      dt: Euler step.
      tolerance: a recall ends where no |du/dt| is above it.
      max_steps: maximum number of Euler steps.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> weights, cue = jnp.array([[0.0, 1.0], [1.0, 0.0]]), jnp.array([1.0, 0.0])
      >>> state, info = graded_hopfield(gain=2.0).recall(weights, cue)
      >>> bool(jnp.allclose(state, jnp.tanh(2.0 * weights @ state), atol=1e-3))
      True
    """
    store, add = storing("graded_hopfield", storage)
    require_positive("graded_hopfield", "gain", gain)
    require_positive("graded_hopfield", "self_coupling", self_coupling, zero=True)
    require_positive("graded_hopfield", "dt", dt)
    require_positive("graded_hopfield", "tolerance", tolerance)
    require_count("graded_hopfield", "max_steps", max_steps)

    @loops(check=lambda params, cue, **_: require_cue("cue", cue, params))
    def recall(
        params: Weights, cue: jax.Array, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Info]:
        weights, u = coupled(params, self_coupling), require_cue("cue", cue, params)
        steepness, step = as_number(gain, u), as_number(dt, u)

        def flow(u: jax.Array, steps: jax.Array) -> _Flow:
            return _Flow(u, local_fields(weights, jnp.tanh(steepness * u)) - u, steps)

        def euler(now: _Flow) -> _Flow:
            return flow(now.u + step * now.slope, now.steps + 1)

        def unfinished(now: _Flow) -> jax.Array:
            return (jnp.max(jnp.abs(now.slope)) > tolerance) & (now.steps < max_steps)

        end = lax.while_loop(unfinished, euler, flow(u, jnp.int32(0)))
        v, converged = jnp.tanh(steepness * end.u), jnp.max(jnp.abs(end.slope)) <= tolerance
        return v, Info(end.steps, converged, _energy(weights, v, steepness))

    def energy(params: Weights, state: jax.Array) -> jax.Array:
        v = require_size("state", state, params.shape[-1]).astype(params.dtype)
        return _energy(coupled(params, self_coupling), v, as_number(gain, v))

    return Memory(store, recall, energy, add)


def _energy(weights: Weights, v: jax.Array, gain: jax.Array) -> jax.Array:
    # the integral of artanh from 0 to v, which is log 2 at v = +-1, where artanh is infinite
    integral = 0.5 * (xlog1py(1 + v, v) + xlog1py(1 - v, -v))
    return -0.5 * jnp.sum(v * local_fields(weights, v)) + jnp.sum(integral) / gain
