"""Contrastive divergence: a Boltzmann machine learns by dreaming against the data."""

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
    """Raise the probability of the data, lower that of where the chain drifts from them.

    g = E_data[dF(v)/dw] - E_k[dF(v)/dw], v of the second after k Gibbs steps from the data

    For the weights, minus the mean of v h over the data plus that over the reconstructions, with
    probabilities for h. As k grows it becomes the gradient of the mean - log p(v); at k = 1 it is
    biased, and is the gradient of no function.

    Args:
      net: an `rbm`.
      visible: the kind of visible units, `bernoulli` or `gaussian`.
      steps: k, of the Gibbs chain; static.

    Returns:
      A LearningRule without state, for examples ``[visible]``. Targets are ignored: give the data
      twice, ``jb.fit(rule, optimizer, (x, x), ...)``. The loss it reports is the mean over the
      batch of - log p(v | h) at h = p(h | v), the error of the reconstruction, which is not what
      the gradient descends: it usually falls along with it.

    Raises:
      TypeError: if net is not a Network, or visible no Visible.
      ValueError: if net is no `rbm`, steps is not positive, or at trace time if there is no key.

    Source: Hinton 2002, doi 10.1162/089976602760128018.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> from jaxbrain.learning.generative import boltzmann
      >>> rule = contrastive_divergence(boltzmann.rbm(4))
      >>> x = jax.numpy.tile(jax.numpy.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), (8, 1))
      >>> state, history = jb.fit(rule, optax.adam(0.1), (x, x), key=jax.random.key(0), epochs=20)
      >>> bool(history.loss[-1] < history.loss[0])
      True
    """
    name = "contrastive_divergence"
    _check_arguments(name, net, visible, steps=steps)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        x, key = as_float(x, params["kernel"].dtype), require_key(name, key, "it samples")
        dreams = _run_chains(params, x, key, steps, visible)
        return *_contrast(params, x, dreams, visible), state

    return LearningRule(no_state, grads, net)


@configured
def persistent_contrastive_divergence(
    net: Network, *, visible: Visible = bernoulli(), steps: int = 1, chains: int = 64
) -> LearningRule:
    """Contrastive divergence whose chains never return to the data: they dream on between steps.

    g = E_data[dF(v)/dw] - E_chains[dF(v)/dw], the chains k Gibbs steps further at each update

    While the weights change slowly the chains stay near the machine's own distribution, so that
    this follows the likelihood. Where they change fast the chains fall behind and the likelihood
    swings: let the learning rate shrink, ``optax.sgd(optax.linear_schedule(0.1, 0.0, steps))``.

    Args:
      net: an `rbm`.
      visible: the kind of visible units, `bernoulli` or `gaussian`.
      steps: k, Gibbs steps between two updates; static.
      chains: how many (the fantasy particles).

    Returns:
      A LearningRule whose state are the chains ``[chains, visible]``, drawn from the visible
      biases at first. Targets are ignored, as in `contrastive_divergence`, and the loss is the
      same error of the reconstruction, which may well rise while the likelihood does too.

    Raises:
      TypeError: if net is not a Network, or visible no Visible.
      ValueError: if net is no `rbm`, a number is not positive, or at trace time if there is no key.

    Source: Tieleman 2008, doi 10.1145/1390156.1390290.

    Examples:
      >>> import jax
      >>> from jaxbrain.learning.generative import boltzmann
      >>> rule = persistent_contrastive_divergence(boltzmann.rbm(4), chains=10)
      >>> x = jax.numpy.ones((2, 3))
      >>> params = rule.network.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> loss, grads, state = jax.jit(rule.grads)(params, state, x, x, key=jax.random.key(2))
      >>> state.shape
      (10, 3)
    """
    name = "persistent_contrastive_divergence"
    _check_arguments(name, net, visible, steps=steps, chains=chains)

    def init(key: jax.Array, params: Params, x: Any) -> jax.Array:
        bias = params["visible_bias"]
        sample = lambda k: visible.sample(k, bias, jnp.zeros_like(bias))  # noqa: E731
        return jax.vmap(sample)(jax.random.split(key, chains))

    def grads(
        params: Params, state: jax.Array, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, jax.Array]:
        x, key = as_float(x, params["kernel"].dtype), require_key(name, key, "it samples")
        state = _run_chains(params, state, key, steps, visible)
        return *_contrast(params, x, state, visible), state

    return LearningRule(init, grads, net)


def _run_chains(
    params: Params, v: jax.Array, key: jax.Array, steps: int, visible: Visible
) -> jax.Array:
    keys = jax.random.split(key, len(v))
    move = lambda v, k: gibbs(params, v, key=k, steps=steps, visible=visible)  # noqa: E731
    return jax.vmap(move)(v, keys)


def _contrast(
    params: Params, data: jax.Array, dreams: jax.Array, visible: Visible
) -> tuple[jax.Array, Params]:
    """The error of the reconstruction of the data, and the gradient of F(data) - F(dreams)."""

    def contrast(params: Params) -> jax.Array:
        mean = lambda v: jnp.mean(  # noqa: E731
            jax.vmap(lambda one: free_energy(params, one, visible=visible))(v)
        )
        return mean(data) - mean(dreams)

    def surprise(v: jax.Array) -> jax.Array:
        bias, drive = (
            params["visible_bias"],
            jnp.dot(params["kernel"], jax.nn.sigmoid(hidden_drive(params, v))),
        )
        at_once = visible.energy(bias, v) - jnp.dot(v, drive)
        return at_once + visible.log_partition(bias, drive)

    return jnp.mean(jax.vmap(surprise)(data)), jax.grad(contrast)(params)


def _check_arguments(rule: str, net: Any, visible: Any, **counts: int) -> None:
    if not isinstance(net, Network):
        raise TypeError(f"{rule}: net must be a Network, got {type(net).__name__}")
    if constructor(net) is not rbm:
        raise ValueError(
            f"{rule} teaches a restricted Boltzmann machine, and {net} is none; build it as "
            "jb.learning.generative.boltzmann.rbm(64), and a deep one with "
            "jb.learning.generative.belief.stack"
        )
    if not isinstance(visible, Visible):
        raise TypeError(
            f"{rule}: visible must be a Visible, called, such as "
            "jb.learning.generative.boltzmann.gaussian(), "
            f"got {getattr(visible, '__name__', type(visible).__name__)}"
        )
    for name, value in counts.items():
        require_count(rule, name, value)
