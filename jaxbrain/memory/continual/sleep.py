"""Sleep replay consolidation: Hebbian plasticity of a spiking network that runs on noise."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import constructor
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import as_number, require_fraction, require_positive
from jaxbrain.core.types import Network, Params
from jaxbrain.learning.chain import has_weights, require_chain
from jaxbrain.networks.layers import dense

_WIDTH = 1e-3  # of the step between weights that change and weights that do not


@checked
@compiled_once("net", "thresholds", "increase", "decrease", "retention")
def sleep_replay(
    key: Key,
    net: Network,
    params: Params,
    rates: jax.Array,
    *,
    thresholds: tuple[float, ...],
    increase: float | jax.Array = 1e-3,
    decrease: float | jax.Array = 1e-3,
    retention: float | jax.Array = 0.999,
) -> tuple[Params, jax.Array]:
    """Sleep replay consolidation: spontaneous spikes change the weights, without data.

    At each step, layer after layer, for the input spikes x and the spikes s of the layer:

    v <- retention v + W^T x;  s = [v >= threshold];  v <- 0 where s
    W_ij <- W_ij + increase h(W_ij)  where s_j and x_i
    W_ij <- W_ij - decrease h(W_ij)  where s_j and not x_i

    h(w) = 2 / (1 + exp(w / 0.001)), from the code of the authors, is near 2 for negative weights,
    1 at 0, near 0 for positive weights. So sleep changes inhibition only: it weakens between units
    that fire together and strengthens elsewhere. Tasks that were overwritten but not erased can
    come back: on digits, two classes a task, the accuracy over all ten classes rose from 0.20 to
    0.51. It depends on the settings: 3 of 4 that were tried had no effect.

    Args:
      key: of the input spikes.
      net: a chain of dense layers with ReLU or similar units; biases take no part and are best left
        out: ``jb.dense(n, bias_init=None)``.
      params: of net.
      rates: ``[steps, inputs]``, the probability of a spike of each input: the mean of the data, or
        random windows of it.
      thresholds: one for each dense layer.
      increase: of a weight between two units that fire.
      decrease: of a weight from a silent input to a unit that fires.
      retention: fraction of the potential of a unit that is kept from step to step.

    Returns:
      The new params, and the mean number of spikes per unit and step ``[dense layers]``, which is
      between 0.001 and 0.5 for good thresholds.

    Source: Tadros, Krishnan, Ramyaa and Bazhenov 2022, doi 10.1038/s41467-022-34938-7; h from
    their code, github.com/tmtadros/SleepReplayConsolidation.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> net, params = jb.serial(jb.dense(1)), ({"kernel": jnp.array([[1.0], [-0.5]])},)
      >>> rates = jnp.array([[1.0, 0.0]])  # the first input fires, and with it the unit
      >>> after, fired = sleep_replay(
      ...     jax.random.key(0), net, params, rates, thresholds=(0.9,), decrease=0.25)
      >>> after[0]["kernel"][:, 0].tolist(), float(fired[0])
      ([1.0, -1.0], 1.0)
    """
    layers = _dense_layers(net)
    if len(thresholds) != len(layers):
        raise ValueError(
            f"thresholds must be {len(layers)}, one for each dense layer, got {len(thresholds)}"
        )
    require_positive("sleep_replay", "increase", increase, zero=True)
    require_positive("sleep_replay", "decrease", decrease, zero=True)
    require_fraction("sleep_replay", "retention", retention)
    kernels = [params[i]["kernel"] for i in layers]
    if jnp.ndim(rates) != 2 or jnp.shape(rates)[1] != len(kernels[0]):
        raise ValueError(
            f"rates must be [steps, inputs] with {len(kernels[0])} inputs, got {jnp.shape(rates)}"
        )

    def layer(w: jax.Array, v: jax.Array, threshold: Any, spikes: jax.Array) -> tuple:
        v = as_number(retention, v) * v + spikes.astype(w.dtype) @ w
        fired = v >= as_number(threshold, v)
        size = jnp.where(spikes[:, None], as_number(increase, w), -as_number(decrease, w))
        change = jnp.where(fired[None], size * 2 * jax.nn.sigmoid(-w / _WIDTH), 0)
        return w + change, jnp.where(fired, 0, v), fired

    def step(carry: tuple, now: tuple) -> tuple[tuple, jax.Array]:
        rate, key = now
        spikes, after, active = jax.random.bernoulli(key, rate), [], []
        for w, v, threshold in zip(*carry, thresholds, strict=True):
            w, v, spikes = layer(w, v, threshold, spikes)
            after.append((w, v))
            active.append(jnp.mean(spikes, dtype=w.dtype))
        new_kernels, potentials = zip(*after, strict=True)
        return (new_kernels, potentials), jnp.stack(active)

    silent = tuple(jnp.zeros(w.shape[1], w.dtype) for w in kernels)
    keys = jax.random.split(key, len(rates))
    (kernels, _), active = jax.lax.scan(step, (tuple(kernels), silent), (rates, keys))
    return _replaced(params, layers, kernels), jnp.mean(active, axis=0)


def _dense_layers(net: Network) -> list[int]:
    """Places of the layers with weights; refuse any that are not dense."""
    require_chain(net, "sleep_replay")
    layers = [i for i, layer in enumerate(net.layers) if has_weights(layer)]
    for i in layers:
        if constructor(net.layers[i]) is not dense:
            raise ValueError(
                f"sleep_replay needs dense layers, but layer {i} is {net.layers[i]}; let the dense "
                "layers after it sleep: jb.serial(*net.layers[i:])"
            )
    return layers


def _replaced(params: Params, layers: list[int], kernels: Any) -> Params:
    new = dict(zip(layers, kernels, strict=True))
    return tuple({**p, "kernel": new[i]} if i in new else p for i, p in enumerate(params))
