"""Sleep: the network runs by itself on noise, and what fires together is wired together."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import constructor
from jaxbrain.core.requirements import as_number, require_fraction, require_positive
from jaxbrain.core.types import Network, Params
from jaxbrain.learning.chain import has_weights, require_chain
from jaxbrain.networks.layers import dense

_WIDTH = 1e-3  # of the step between weights that change and weights that do not


def sleep_replay(
    net: Network,
    params: Params,
    rates: jax.Array,
    *,
    key: jax.Array,
    thresholds: tuple[float, ...],
    increase: float | jax.Array = 1e-3,
    decrease: float | jax.Array = 1e-3,
    decay: float | jax.Array = 0.999,
) -> tuple[Params, jax.Array]:
    """Sleep replay consolidation: spontaneous spikes change the weights, without any data.

    At each step, layer after layer, for the spikes x below and s of the layer itself:

    v <- decay v + W^T x; s = [v >= threshold]; v <- 0 where s
    W_ij <- W_ij + increase h(W_ij) where s_j and x_i
    W_ij <- W_ij - decrease h(W_ij) where s_j and not x_i

    h(w) = 2 / (1 + exp(w / 0.001)), from the authors' code, is next to 2 for negative weights, 1
    at 0, next to 0 for positive ones. So sleep leaves excitation as it is and reshapes inhibition:
    it lifts where unit and input fire together, deepens elsewhere. What was overwritten but not
    erased can come back: on digits, two classes a task, a ReLU network that knows the last two
    alone (0.20 of all ten) reached 0.51; most of the settings tried (3 of 4) gave nothing.

    Args:
      net: a flat `serial` of dense layers with ReLU or the like between; biases take no part, and
        are best left out: ``jb.dense(n, bias_init=None)``.
      params: of net.
      rates: ``[steps, inputs]``, the chance of each input to fire at each step: the mean of what
        was seen, or random windows of it.
      key: of the input's spikes.
      thresholds: one for each dense layer.
      increase: of a weight whose two ends fire.
      decrease: of a weight whose input is silent while its unit fires.
      decay: what is left of a unit's potential from step to step.

    Returns:
      The new params, and ``[dense layers]``: how often a unit of each layer fired at a step, which
      tells whether the thresholds are right: between 0.001 and 0.5.

    Raises:
      ValueError: if net is no chain of dense layers, or there are not as many thresholds.

    Source: Tadros, Krishnan, Ramyaa and Bazhenov 2022, doi 10.1038/s41467-022-34938-7; the step
    h of their code, github.com/tmtadros/SleepReplayConsolidation.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> net, params = jb.serial(jb.dense(1)), ({"kernel": jnp.array([[1.0], [-0.5]])},)
      >>> rates = jnp.array([[1.0, 0.0]])  # the first input fires, and with it the unit
      >>> after, fired = sleep_replay(
      ...     net, params, rates, key=jax.random.key(0), thresholds=(0.9,), decrease=0.25)
      >>> after[0]["kernel"][:, 0].tolist(), float(fired[0])
      ([1.0, -1.0], 1.0)
    """
    require_chain(net, "sleep_replay")
    layers = [i for i, layer in enumerate(net.layers) if has_weights(layer)]
    for i in layers:
        if constructor(net.layers[i]) is not dense:
            raise ValueError(
                f"sleep_replay runs on dense layers, and layer {i} is {net.layers[i]}; let the "
                "dense layers behind it sleep: jb.serial(*net.layers[i:])"
            )
    if len(thresholds) != len(layers):
        raise ValueError(
            f"thresholds must be {len(layers)}, one for each dense layer, got {len(thresholds)}"
        )
    require_positive("sleep_replay", "increase", increase, zero=True)
    require_positive("sleep_replay", "decrease", decrease, zero=True)
    require_fraction("sleep_replay", "decay", decay)
    kernels = [params[i]["kernel"] for i in layers]
    if jnp.ndim(rates) != 2 or jnp.shape(rates)[1] != len(kernels[0]):
        raise ValueError(
            f"rates must be [steps, inputs] with {len(kernels[0])} inputs, got {jnp.shape(rates)}"
        )

    def step(carry: tuple, now: tuple) -> tuple[tuple, jax.Array]:
        kernels, potentials = carry
        rate, key = now
        spikes = jax.random.bernoulli(key, rate)
        new_kernels, new_potentials, active = [], [], []
        for w, v, threshold in zip(kernels, potentials, thresholds, strict=True):
            v = as_number(decay, v) * v + spikes.astype(w.dtype) @ w
            fired = v >= as_number(threshold, v)
            step = jnp.where(spikes[:, None], as_number(increase, w), -as_number(decrease, w))
            change = jnp.where(fired[None], step * 2 * jax.nn.sigmoid(-w / _WIDTH), 0)
            new_kernels.append(w + change)
            new_potentials.append(jnp.where(fired, 0, v))
            active.append(jnp.mean(fired, dtype=w.dtype))
            spikes = fired
        return (new_kernels, new_potentials), jnp.stack(active)

    still = [jnp.zeros(w.shape[1], w.dtype) for w in kernels]
    keys = jax.random.split(key, len(rates))
    (kernels, _), active = jax.lax.scan(step, (kernels, still), (rates, keys))
    return _put(params, layers, kernels), jnp.mean(active, axis=0)


def _put(params: Params, layers: list[int], kernels: list[Any]) -> Params:
    found = list(params)
    for i, kernel in zip(layers, kernels, strict=True):
        found[i] = {**params[i], "kernel": kernel}
    return tuple(found)
