"""Restricted Boltzmann machines: one layer of hidden causes for what is seen.

    p(v, h) = exp(-E(v, h)) / Z,   E = e(v; b) - c.h - v W h

The hidden units are binary. The visible ones are a `Visible`: their term e of the energy, and what
follows from it. Because the weights enter as v W h whatever the visible units are, the hidden
probabilities are always s(c + v W), which is what the network `rbm` computes.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer, normal

from jaxbrain.core.config import configured
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
def rbm(hidden: int, *, kernel_init: Initializer = normal(0.01)) -> Network:
    """A restricted Boltzmann machine as a network from what is seen to its hidden causes.

    p(h_j = 1 | v) = s(c_j + sum_i v_i W_ij)

    Args:
      hidden: the number of binary hidden units.
      kernel_init: initialiser of W ``[visible, hidden]``; the biases b and c begin at zero.

    Returns:
      A network ``[visible] -> [hidden]`` with params ``{"kernel", "visible_bias", "hidden_bias"}``:
      probabilities; with a key, binary states drawn from them.

    Raises:
      ValueError: if hidden is not positive, or at init if the input is no vector.

    Source: Smolensky 1986, "Information processing in dynamical systems: harmony theory".

    Examples:
      >>> import jax
      >>> machine = rbm(3)
      >>> params = machine.init(jax.random.key(0), jax.numpy.ones(5))
      >>> {name: leaf.shape for name, leaf in params.items()}
      {'kernel': (5, 3), 'hidden_bias': (3,), 'visible_bias': (5,)}
    """
    hidden = require_count("rbm", "hidden", hidden)
    name = f"rbm({hidden})"

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs vectors [visible], got shape {x.shape}; use x.ravel()")
        dtype = float_like(x)
        return {
            "kernel": kernel_init(key, (*x.shape, hidden), dtype),
            "hidden_bias": jnp.zeros(hidden, dtype),
            "visible_bias": jnp.zeros(x.shape, dtype),
        }

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features(name, x, params["kernel"].shape[0])
        p = jax.nn.sigmoid(hidden_drive(params, x))
        return p if key is None else bernoulli_draw(key, p)

    return Network(init, apply, ())


def energy(
    params: Params, v: jax.Array, h: jax.Array, *, visible: Visible = bernoulli()
) -> jax.Array:
    """The energy of a joint state: the lower, the more probable.

    E(v, h) = e(v; b) - c.h - v W h

    Args:
      params: of an `rbm`.
      v: ``[visible]``.
      h: ``[hidden]``.
      visible: the kind of visible units.

    Returns:
      A scalar.

    Examples:
      >>> import jax
      >>> params = rbm(2, kernel_init=jax.nn.initializers.ones).init(jax.random.key(0), jnp.ones(3))
      >>> float(energy(params, jnp.array([1.0, 0.0, 1.0]), jnp.array([0.0, 1.0])))
      -2.0
    """
    drive = hidden_drive(params, v)
    return visible.energy(params["visible_bias"], v) - jnp.dot(h, drive)


def free_energy(params: Params, v: jax.Array, *, visible: Visible = bernoulli()) -> jax.Array:
    """What is left of the energy when the hidden units are summed out.

    F(v) = - log sum_h exp(-E(v, h)) = e(v; b) - sum_j log(1 + exp(c_j + sum_i v_i W_ij))

    Args:
      params: of an `rbm`.
      v: ``[visible]``.
      visible: the kind of visible units.

    Returns:
      A scalar; p(v) is proportional to exp(-F(v)).

    Examples:
      >>> import jax
      >>> params = rbm(3).init(jax.random.key(0), jax.numpy.ones(5))
      >>> round(float(free_energy(params, jax.numpy.zeros(5))), 4)  # - 3 log 2
      -2.0794
    """
    v = as_float(v, params["kernel"].dtype)
    softplus = jax.nn.softplus(hidden_drive(params, v))
    return visible.energy(params["visible_bias"], v) - jnp.sum(softplus)


def log_partition(params: Params, *, visible: Visible = bernoulli()) -> jax.Array:
    """The exact logarithm of Z, by adding up all states of the hidden units: for small machines.

    log Z = log sum_h exp(c.h + A(b, W h)), A the log partition of the visible units

    Args:
      params: of an `rbm` with at most 16 hidden units.
      visible: the kind of visible units.

    Returns:
      A scalar; differentiable, so that ``jax.grad`` of log p(v) = - F(v) - log Z is exact.

    Raises:
      ValueError: if there are more than 16 hidden units.

    Examples:
      >>> import jax
      >>> params = rbm(3).init(jax.random.key(0), jax.numpy.ones(5))
      >>> zeros = jax.tree.map(jax.numpy.zeros_like, params)
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


def reconstruct(
    params: Params,
    v: jax.Array,
    *,
    visible: Visible = bernoulli(),
    key: jax.Array | None = None,
) -> jax.Array:
    """What is seen, as the hidden units would have it: up and down again.

    E[v' | h], h = p(h | v); with a key, h is drawn from it

    Args:
      params: of an `rbm`.
      v: ``[visible]``.
      visible: the kind of visible units.
      key: of the hidden states; None uses their probabilities.

    Returns:
      The mean of the visible units ``[visible]``.

    Examples:
      >>> import jax
      >>> params = rbm(2, kernel_init=jax.nn.initializers.ones).init(jax.random.key(0), jnp.ones(3))
      >>> [round(float(mean), 2) for mean in reconstruct(params, jnp.ones(3))]
      [0.87, 0.87, 0.87]
    """
    h = _hidden(params, v, key)
    return visible.mean(params["visible_bias"], jnp.dot(params["kernel"], h))


def gibbs(
    params: Params,
    v: jax.Array,
    *,
    key: jax.Array,
    steps: int,
    visible: Visible = bernoulli(),
) -> jax.Array:
    """Alternating Gibbs sampling: the machine dreams on from a state.

    h ~ p(h | v), v ~ p(v | h), `steps` times

    Args:
      params: of an `rbm`.
      v: where the chain is ``[visible]``; under ``jax.vmap`` with a key each, many chains.
      key: of the chain.
      steps: how many times up and down; static.
      visible: the kind of visible units.

    Returns:
      The visible state after so many steps ``[visible]``.

    Source: Geman and Geman 1984, doi 10.1109/TPAMI.1984.4767596.

    Examples:
      >>> import jax
      >>> params = rbm(3).init(jax.random.key(0), jax.numpy.ones(5))
      >>> gibbs(params, jax.numpy.ones(5), key=jax.random.key(1), steps=10).shape
      (5,)
    """
    require_count("gibbs", "steps", steps)

    def step(v: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
        up, down = jax.random.split(key)
        drive = jnp.dot(params["kernel"], _hidden(params, v, up))
        return visible.sample(down, params["visible_bias"], drive), None

    v = as_float(v, params["kernel"].dtype)
    return jax.lax.scan(step, v, jax.random.split(key, steps))[0]


def hidden_drive(params: Params, v: jax.Array) -> jax.Array:
    """The log odds of the hidden units.

    c + v W

    Args:
      params: of an `rbm`.
      v: ``[visible]``.

    Returns:
      ``[hidden]``.

    Examples:
      >>> import jax
      >>> params = rbm(2, kernel_init=jax.nn.initializers.ones).init(jax.random.key(0), jnp.ones(3))
      >>> hidden_drive(params, jnp.ones(3)).tolist()
      [3.0, 3.0]
    """
    total = jnp.dot(as_float(v, params["kernel"].dtype), params["kernel"])
    return total + align(params["hidden_bias"], total)


def _hidden(params: Params, v: jax.Array, key: jax.Array | None) -> jax.Array:
    p = jax.nn.sigmoid(hidden_drive(params, v))
    return p if key is None else bernoulli_draw(key, p)
