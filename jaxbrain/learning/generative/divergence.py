"""Contrastive divergence: learning rules of restricted Boltzmann machines.

    g = E_data[dF(v)/dw] - E_model[dF(v)/dw]

For the weights, minus the mean of v h over the data plus that over samples of the model, with
probabilities for h. The rules differ in their samples. They ignore targets: give the data twice,
``jb.fit(rule, optimizer, (x, x), ...)``. The loss that they report is the reconstruction error, the
mean of - log p(v | h) at h = p(h | v), which they do not descend. They need a key.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import constructor
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_key
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import no_state
from jaxbrain.learning.generative.boltzmann import free_energy, gibbs, hidden_drive, rbm
from jaxbrain.learning.generative.visible_units import Visible, bernoulli
from jaxbrain.networks.parts import as_float


@configured
def contrastive_divergence(
    net: Network, *, visible: Visible = bernoulli(), steps: int = 1
) -> LearningRule:
    """Contrastive divergence (CD-k): statistics of the data minus those after k Gibbs steps.

    g = E_data[dF(v)/dw] - E_k[dF(v)/dw], k Gibbs steps that start at the data

    As k grows this becomes the gradient of the mean - log p(v). At k = 1 it is biased, and is the
    gradient of no function.

    Args:
      visible: the kind of visible units of the `rbm`, `bernoulli` or `gaussian`.
      steps: k; an integer.

    Raises:
      ValueError: if net is not an `rbm`.

    Source: Hinton 2002, doi 10.1162/089976602760128018.

    Examples:
      >>> from jaxbrain.learning.generative import boltzmann
      >>> rule, x = contrastive_divergence(boltzmann.rbm(4)), jnp.zeros((2, 3))
      >>> zeros = jax.tree.map(jnp.zeros_like, rule.network.init(jax.random.key(0), x[0]))
      >>> loss, grads, _ = rule.grads(zeros, (), x, x, key=jax.random.key(1))
      >>> round(float(loss), 4)  # 3 log 2
      2.0794
    """
    name = "contrastive_divergence"
    _check_arguments(name, net, visible, steps=steps)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        x, key = as_float(x, params["kernel"].dtype), require_key(name, key, "it samples")
        samples = _run_chains(key, params, x, steps, visible)
        loss = _reconstruction_error(params, x, visible)
        return loss, _contrast(params, x, samples, visible), state

    return LearningRule(no_state, grads, net)


@configured
def persistent_contrastive_divergence(
    net: Network, *, visible: Visible = bernoulli(), steps: int = 1, chains: int = 64
) -> LearningRule:
    """Persistent contrastive divergence (PCD): Gibbs chains that continue from update to update.

    g = E_data[dF(v)/dw] - E_chains[dF(v)/dw], the chains k Gibbs steps further at each update

    While the weights change slowly, the chains stay near the distribution of the model, and g is
    near the gradient of the likelihood. Where they change fast, the chains lag and the likelihood
    oscillates: decrease the learning rate, ``optax.sgd(optax.linear_schedule(0.1, 0.0, steps))``.
    The reconstruction error may rise while the likelihood rises.

    The state holds the chains ``[chains, visible]``, drawn from the visible biases at first.

    Args:
      visible: the kind of visible units of the `rbm`, `bernoulli` or `gaussian`.
      steps: k, between two updates; an integer.
      chains: their number.

    Raises:
      ValueError: if net is not an `rbm`.

    Source: Tieleman 2008, doi 10.1145/1390156.1390290.

    Examples:
      >>> from jaxbrain.learning.generative import boltzmann
      >>> rule = persistent_contrastive_divergence(boltzmann.rbm(4), chains=10)
      >>> params = rule.network.init(jax.random.key(0), jnp.ones(3))
      >>> rule.init(jax.random.key(1), params, jnp.ones(3)).shape
      (10, 3)
    """
    name = "persistent_contrastive_divergence"
    _check_arguments(name, net, visible, steps=steps, chains=chains)

    def init(key: jax.Array, params: Params, x: Any) -> jax.Array:
        bias = params["visible_bias"]
        keys = jax.random.split(key, chains)
        return jax.vmap(lambda k: visible.sample(k, bias, jnp.zeros_like(bias)))(keys)

    def grads(
        params: Params, state: jax.Array, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, jax.Array]:
        x, key = as_float(x, params["kernel"].dtype), require_key(name, key, "it samples")
        state = _run_chains(key, params, state, steps, visible)
        loss = _reconstruction_error(params, x, visible)
        return loss, _contrast(params, x, state, visible), state

    return LearningRule(init, grads, net)


def _run_chains(
    key: jax.Array, params: Params, v: jax.Array, steps: int, visible: Visible
) -> jax.Array:
    """One Gibbs chain from each row of v."""
    keys = jax.random.split(key, len(v))
    return jax.vmap(lambda k, v: gibbs(k, params, v, steps=steps, visible=visible))(keys, v)


def _contrast(params: Params, data: jax.Array, samples: jax.Array, visible: Visible) -> Params:
    """The gradient of F(data) - F(samples)."""

    def mean(params: Params, v: jax.Array) -> jax.Array:
        return jnp.mean(jax.vmap(lambda one: free_energy(params, one, visible=visible))(v))

    return jax.grad(lambda p: mean(p, data) - mean(p, samples))(params)


def _reconstruction_error(params: Params, data: jax.Array, visible: Visible) -> jax.Array:
    """The mean of - log p(v | h) at h = p(h | v)."""
    bias = params["visible_bias"]

    def error(v: jax.Array) -> jax.Array:
        drive = jnp.dot(params["kernel"], jax.nn.sigmoid(hidden_drive(params, v)))
        return visible.energy(bias, v) - jnp.dot(v, drive) + visible.log_partition(bias, drive)

    return jnp.mean(jax.vmap(error)(data))


def _check_arguments(rule: str, net: Any, visible: Any, **counts: int) -> None:
    """Refuse other networks than an `rbm`, other visible units than a Visible, and bad counts."""
    if constructor(net) is not rbm:
        raise ValueError(
            f"{rule} trains a restricted Boltzmann machine, got {net}; build it as "
            "jb.learning.generative.boltzmann.rbm(64), and a deep one with "
            "jb.learning.generative.belief.train_stack"
        )
    for name, value in counts.items():
        require_count(rule, name, value)
