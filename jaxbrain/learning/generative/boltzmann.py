"""Restricted Boltzmann machines: visible and binary hidden units with symmetric weights.

    p(v, h) = exp(-E(v, h)) / Z,   E = e(v; b) - c.h - v W h

A `Visible` gives the term e of the visible units and the functions that follow from it. The weights
enter as v W h for every kind of visible units. The hidden probabilities are therefore always
s(c + v W), which the network `rbm` computes.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, normal

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Network, Params
from jaxbrain.learning.generative.visible_units import Visible, bernoulli, bernoulli_draw, gaussian
from jaxbrain.networks.parts import align, as_float, float_like, require_features

_MOST_HIDDEN = 16  # 65,536 states

__all__ = [
    "Visible",
    "bernoulli",
    "energy",
    "free_energy",
    "gaussian",
    "gibbs",
    "hidden_drive",
    "log_partition",
    "rbm",
    "reconstruct",
]


def __dir__() -> list[str]:
    return __all__


@configured
def rbm(units: int, *, kernel_init: Initializer = normal(0.01)) -> Network:
    """Restricted Boltzmann machine, as a network from visible to binary hidden units.

    p(h_j = 1 | v) = s(c_j + sum_i v_i W_ij)

    The network gives these probabilities; with a key, binary states drawn from them. The params
    are W ``[visible, hidden]`` and the biases c and b, which start at zero.

    Source: Smolensky 1986, "Information processing in dynamical systems: harmony theory".

    Examples:
      >>> params = rbm(3).init(jax.random.key(0), jnp.ones(5))
      >>> {name: leaf.shape for name, leaf in params.items()}
      {'hidden_bias': (3,), 'kernel': (5, 3), 'visible_bias': (5,)}
    """
    units = require_count("rbm", "units", units)
    name = f"rbm({units})"

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs vectors [visible], got shape {x.shape}; use x.ravel()")
        dtype = float_like(x)
        return {
            "kernel": kernel_init(key, (*x.shape, units), dtype),
            "hidden_bias": jnp.zeros(units, dtype),
            "visible_bias": jnp.zeros(x.shape, dtype),
        }

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features(name, x, params["kernel"].shape[0])
        return _hidden(params, x, key)

    return Network(init, apply, ())


@checked
def energy(
    params: Params, v: jax.Array, h: jax.Array, *, visible: Visible = bernoulli()
) -> jax.Array:
    """Energy of a joint state, E(v, h) = e(v; b) - c.h - v W h.

    Args:
      params, v, h, visible: of an `rbm`; ``[visible]``; ``[hidden]``; the kind of visible units.

    Examples:
      >>> params = rbm(2, kernel_init=jax.nn.initializers.ones).init(jax.random.key(0), jnp.ones(3))
      >>> float(energy(params, jnp.array([1.0, 0.0, 1.0]), jnp.array([0.0, 1.0])))
      -2.0
    """
    return visible.energy(params["visible_bias"], v) - jnp.dot(h, hidden_drive(params, v))


@checked
def free_energy(params: Params, v: jax.Array, *, visible: Visible = bernoulli()) -> jax.Array:
    """Free energy of a visible state; p(v) = exp(-F(v)) / Z.

    F(v) = - log sum_h exp(-E(v, h)) = e(v; b) - sum_j log(1 + exp(c_j + sum_i v_i W_ij))

    Args:
      params, v, visible: of an `rbm`; ``[visible]``; the kind of visible units.

    Examples:
      >>> params = rbm(3).init(jax.random.key(0), jnp.ones(5))
      >>> round(float(free_energy(params, jnp.zeros(5))), 4)  # - 3 log 2
      -2.0794
    """
    v = as_float(v, params["kernel"].dtype)
    softplus = jax.nn.softplus(hidden_drive(params, v))
    return visible.energy(params["visible_bias"], v) - jnp.sum(softplus)


@checked
def log_partition(params: Params, *, visible: Visible = bernoulli()) -> jax.Array:
    """Exact log Z of a small machine, the sum over all hidden states.

    log Z = log sum_h exp(c.h + A(b, W h)), A the log partition function of the visible units

    ``jax.grad`` of log p(v) = - F(v) - log Z is the exact gradient of the likelihood.

    Args:
      params, visible: of an `rbm` with at most 16 hidden units; the kind of visible units.

    Raises:
      ValueError: if there are more than 16 hidden units.

    Examples:
      >>> params = rbm(3).init(jax.random.key(0), jnp.ones(5))
      >>> zeros = jax.tree.map(jnp.zeros_like, params)
      >>> round(float(log_partition(zeros)), 4)  # 8 log 2
      5.5452
    """
    kernel = params["kernel"]
    hidden = kernel.shape[1]
    if hidden > _MOST_HIDDEN:
        raise ValueError(
            f"log_partition adds up all states of at most {_MOST_HIDDEN} hidden units, got "
            f"{hidden}; compare free energies, in which Z cancels"
        )
    states = (np.arange(2**hidden)[:, None] >> np.arange(hidden)) & 1

    def weight(h: jax.Array) -> jax.Array:
        drive = jnp.dot(kernel, h)
        return jnp.dot(params["hidden_bias"], h) + visible.log_partition(
            params["visible_bias"], drive
        )

    return jax.nn.logsumexp(jax.vmap(weight)(jnp.asarray(states, kernel.dtype)))


@checked
def reconstruct(
    params: Params,
    v: jax.Array,
    *,
    visible: Visible = bernoulli(),
    key: Key | None = None,
) -> jax.Array:
    """Reconstruction of a visible state through the hidden units, E[v' | h] at h = p(h | v).

    Args:
      params, v, visible: of an `rbm`; ``[visible]``; the kind of visible units.
      key: of binary hidden states; None takes their probabilities.

    Examples:
      >>> params = rbm(2, kernel_init=jax.nn.initializers.ones).init(jax.random.key(0), jnp.ones(3))
      >>> [round(float(mean), 2) for mean in reconstruct(params, jnp.ones(3))]
      [0.87, 0.87, 0.87]
    """
    h = _hidden(params, v, key)
    return visible.mean(params["visible_bias"], jnp.dot(params["kernel"], h))


@checked
@compiled_once("steps", "visible")
def gibbs(
    key: Key,
    params: Params,
    v: jax.Array,
    *,
    steps: int,
    visible: Visible = bernoulli(),
) -> jax.Array:
    """Alternating Gibbs sampling, h ~ p(h | v) and v ~ p(v | h), `steps` times.

    Args:
      key: of the chain.
      params, v, visible: of an `rbm`; the start ``[visible]``; the kind of visible units.
      steps: pairs of draws; an integer.

    Source: Geman and Geman 1984, doi 10.1109/TPAMI.1984.4767596.

    Examples:
      >>> params = rbm(3).init(jax.random.key(0), jnp.ones(5))
      >>> keys, v = jax.random.split(jax.random.key(1), 10), jnp.ones((10, 5))
      >>> jax.vmap(lambda k, v: gibbs(k, params, v, steps=3))(keys, v).shape  # 10 chains
      (10, 5)
    """
    require_count("gibbs", "steps", steps)
    keys = jax.random.split(key, steps)

    def step(i: jax.Array, v: jax.Array) -> jax.Array:
        # cloned, because the check for reused keys counts the keys of a loop under vmap as used
        up, down = jax.random.split(jax.random.clone(keys[i]))
        drive = jnp.dot(params["kernel"], _hidden(params, v, up))
        return visible.sample(down, params["visible_bias"], drive)

    return jax.lax.fori_loop(0, steps, step, as_float(v, params["kernel"].dtype))


@checked
def hidden_drive(params: Params, v: jax.Array) -> jax.Array:
    """Log odds of the hidden units, c + v W.

    Args:
      params, v: of an `rbm`; ``[visible]``.

    Examples:
      >>> params = rbm(2, kernel_init=jax.nn.initializers.ones).init(jax.random.key(0), jnp.ones(3))
      >>> hidden_drive(params, jnp.ones(3)).tolist()
      [3.0, 3.0]
    """
    total = jnp.dot(as_float(v, params["kernel"].dtype), params["kernel"])
    return total + align(params["hidden_bias"], total)


def _hidden(params: Params, v: jax.Array, key: jax.Array | None) -> jax.Array:
    """Hidden probabilities; with a key, binary states."""
    p = jax.nn.sigmoid(hidden_drive(params, v))
    return p if key is None else bernoulli_draw(key, p)
