"""The motor system: cortex, basal ganglia and thalamus in a loop, and a spinal cord; times in s."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.cells.parts import fit_input
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import as_number, require_count, require_positive, require_times
from jaxbrain.core.types import Cell, Params
from jaxbrain.motor.brain.cortex import Cortex, cortex_rates, laminar_cortex
from jaxbrain.motor.brain.layers import Layers
from jaxbrain.motor.brain.nuclei import BasalGanglia, basal_ganglia
from jaxbrain.networks.parts import float_like

_REST = -3.0  # bias of the motor neurons: an excitation of 0.05


class MotorSystem(NamedTuple):
    """The carry of `motor_system`.

    Attributes:
      cortex: its currents and the gain of each unit.
      ganglia: the nuclei, and dopamine.
      thalamus: currents of the relay ``[channels]``.
    """

    cortex: Cortex
    ganglia: BasalGanglia
    thalamus: jax.Array


@configured
def motor_system(
    layers: Layers,
    commands: int,
    *,
    channels: int = 8,
    dt: float = 0.01,
    tau: float | jax.Array = 0.05,
    noise: float | jax.Array = 0.0,
    dopamine: float | jax.Array = 0.2,
    inhibition: float | jax.Array = 1.0,
    kernel_init: Initializer = lecun_normal(),
) -> Cell:
    """Cortex, basal ganglia and thalamus in a loop that commands muscles.

    salience  s = sigmoid(r_5A S + u K_s + b_s)                    corticostriatal
    ganglia   y = GPi of `basal_ganglia`(s), under dopamine
    thalamus  h' = h + dt/tau (-h + r_6 T + u K_t + b_t - k y),  z = relu(h)
    cortex    r_5B = `laminar_cortex`(u, z), which enter layers 1, 2/3 and 5A
    spine     command = sigmoid(r_5B O + b_o)

    The excitatory units of layer 5A alone project to the striatum, those of layer 6 to the
    thalamus, those of layer 5B to the motor neurons. The basal ganglia inhibit the thalamus where
    no channel is selected; with less dopamine they inhibit more, and movements are slower and
    fewer. Channels of the ganglia and of the thalamus correspond. Rates are those of the step
    before, except from ganglia to thalamus and from 5B to spine.

    Args:
      layers: from `cortical_layers`, with populations "L5Ae" and "L6e"; their output, "L5Be" in
        the motor cortex, projects to the spine.
      commands: the number of motor neurons, one a muscle.
      channels: of the basal ganglia and the thalamus.
      dt: the time step, in s.
      tau: of cortex and thalamus, in s; not shorter than dt.
      noise: standard deviation of the cortical currents under noise alone.
      dopamine: in the first carry, 0 to 1.
      inhibition: k, of the thalamus by the output of the ganglia; not negative.

    Returns:
      A Cell ``[inputs] -> [commands]`` with commands 0 to 1, whose carry is a `MotorSystem`;
      params ``{"cortex", "striatum", "thalamus", "spine"}``.

    Raises:
      ValueError: if layers lack one of the populations.

    Source: the loop, Alexander, DeLong and Strick 1986, doi 10.1146/annurev.ne.09.030186.002041;
      its places in the layers of mouse motor cortex, Hooks et al. 2013, doi
      10.1523/JNEUROSCI.4338-12.2013; the parts as their own functions say.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> layers = jb.motor.cortical_layers(jax.random.key(0), 60)
      >>> cell, x = motor_system(layers, 6), jax.numpy.ones(3)
      >>> params = cell.init(jax.random.key(1), x)
      >>> carry, command = cell.step(params, cell.carry(params, x), x)
      >>> command.shape, carry.ganglia.gpi.shape
      ((6,), (8,))
    """
    commands = require_count("motor_system", "commands", commands)
    channels = require_count("motor_system", "channels", channels)
    require_times("motor_system", 1, {"tau": tau}, dt)
    require_positive("motor_system", "inhibition", inhibition, zero=True)
    cortex = laminar_cortex(layers, dt=dt, tau=tau, noise=noise, kernel_init=kernel_init)
    ganglia = basal_ganglia(dt=dt, dopamine=dopamine)
    striatal, thalamic = _projections(layers)
    name = f"motor_system({len(layers.signs)} units, {commands})"

    def carry(params: Params, x: Any) -> MotorSystem:
        dtype = params["spine"]["kernel"].dtype
        still = jnp.zeros((channels,), dtype)
        entering = jax.ShapeDtypeStruct((params["cortex"]["kernel"].shape[0],), dtype)
        start = cortex.carry(params["cortex"], entering)
        return MotorSystem(start, ganglia.carry((), still), still)

    def step(params: Params, carry: MotorSystem, x: Any, *, key: jax.Array | None = None) -> Any:
        x = fit_input(name, params["striatum"], x)
        rates, relayed = cortex_rates(carry.cortex), jax.nn.relu(carry.thalamus)
        salience = jax.nn.sigmoid(_current(params["striatum"], rates[striatal], x))
        nuclei, inhibited = ganglia.step((), carry.ganglia, salience)
        current = _current(params["thalamus"], rates[thalamic], x)
        current = current - as_number(inhibition, current) * inhibited
        a = as_number(dt, current) / as_number(tau, current)
        thalamus = carry.thalamus + a * (current - carry.thalamus)
        inner, output = cortex.step(
            params["cortex"], carry.cortex, jnp.concatenate([x, relayed]), key=key
        )
        spine = output @ params["spine"]["kernel"] + params["spine"]["bias"]
        return MotorSystem(inner, nuclei, thalamus), jax.nn.sigmoid(spine)

    init = _init(cortex, layers, commands, channels, kernel_init)
    return Cell(init, carry, step)


def _init(
    cortex: Cell, layers: Layers, commands: int, channels: int, kernel_init: Initializer
) -> Callable[[jax.Array, Any], Params]:
    """Kernels between the parts; initially the thalamus is active and the spine nearly silent."""
    names = ("L5Ae", "L6e", layers.output)
    slices = [layers.slices[name] for name in names]
    corticostriatal, corticothalamic, corticospinal = (s.stop - s.start for s in slices)

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(
                f"motor_system: x of one step must have the shape [inputs], got {tuple(x.shape)}; "
                "a sequence is [time, inputs] and takes jb.cells.unroll(cell)"
            )
        keys, dtype = jax.random.split(key, 6), float_like(x)
        entering = jax.ShapeDtypeStruct((x.shape[0] + channels,), dtype)

        def kernel(which: int, rows: int, columns: int = channels) -> jax.Array:
            return kernel_init(keys[which], (rows, columns), dtype)

        return {
            "cortex": cortex.init(keys[0], entering),
            "striatum": {
                "cortical": kernel(1, corticostriatal),
                "kernel": kernel(2, x.shape[0]),
                "bias": jnp.zeros(channels, dtype),
            },
            "thalamus": {
                "cortical": kernel(3, corticothalamic),
                "kernel": kernel(4, x.shape[0]),
                "bias": jnp.ones(channels, dtype),
            },
            "spine": {
                "kernel": kernel(5, corticospinal, commands),
                "bias": jnp.full(commands, _REST, dtype),
            },
        }

    return init


def _current(params: Params, cortical: jax.Array, x: jax.Array) -> jax.Array:
    """The current of cortical rates and external input."""
    return cortical @ params["cortical"] + x @ params["kernel"] + params["bias"]


def _projections(layers: Layers) -> tuple[slice, slice]:
    """The corticostriatal and the corticothalamic units."""
    missing = {"L5Ae", "L6e"} - set(layers.slices)
    if missing:
        raise ValueError(
            f"motor_system: layers must have the populations L5Ae and L6e, {sorted(missing)} "
            f"missing of {list(layers.slices)}; take wiring=jb.motor.MOTOR"
        )
    return layers.slices["L5Ae"], layers.slices["L6e"]
