"""Restricted Boltzmann machines: one layer of hidden causes, learned by dreaming against the data.

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

from jaxbrain.layers import align, as_float, float_like, positive, require_features
from jaxbrain.learning.requirements import kind, require_key
from jaxbrain.learning.visible import Visible, bernoulli, flip, gaussian
from jaxbrain.network import LearningRule, Network, Params

_MOST_HIDDEN = 16  # 65,536 states

__all__ = [
    "Visible",
    "bernoulli",
    "contrastive_divergence",
    "energy",
    "free_energy",
    "gaussian",
    "gibbs",
    "log_partition",
    "persistent_contrastive_divergence",
    "rbm",
    "reconstruct",
]


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
    hidden = positive("rbm", "hidden", hidden)
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
        return p if key is None else flip(key, p)

    return Network(init, apply, (), name)


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
    positive("gibbs", "steps", steps)

    def step(v: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
        up, down = jax.random.split(key)
        drive = jnp.dot(params["kernel"], _hidden(params, v, up))
        return visible.sample(down, params["visible_bias"], drive), None

    v = as_float(v, params["kernel"].dtype)
    return jax.lax.scan(step, v, jax.random.split(key, steps))[0]


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
      >>> rule = contrastive_divergence(rbm(4))
      >>> x = jax.numpy.tile(jax.numpy.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), (8, 1))
      >>> state, history = jb.fit(rule, optax.adam(0.1), (x, x), key=jax.random.key(0), epochs=20)
      >>> bool(history.loss[-1] < history.loss[0])
      True
    """
    name = "contrastive_divergence"
    _check_arguments(name, net, visible, steps=steps)

    def init(key: jax.Array, params: Params, x: Any) -> tuple:
        return ()

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        x, key = as_float(x, params["kernel"].dtype), require_key(name, key, "it samples")
        dreams = _run_chains(params, x, key, steps, visible)
        return *_contrast(params, x, dreams, visible), state

    return LearningRule(init, grads, net, name)


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
      >>> rule, x = persistent_contrastive_divergence(rbm(4), chains=10), jax.numpy.ones((2, 3))
      >>> params = rule.network.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> loss, grads, state = rule.grads(params, state, x, x, key=jax.random.key(2))
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

    return LearningRule(init, grads, net, name)


def hidden_drive(params: Params, v: jax.Array) -> jax.Array:
    """The log odds of the hidden units, c + v W."""
    total = jnp.dot(as_float(v, params["kernel"].dtype), params["kernel"])
    return total + align(params["hidden_bias"], total)


def _hidden(params: Params, v: jax.Array, key: jax.Array | None) -> jax.Array:
    p = jax.nn.sigmoid(hidden_drive(params, v))
    return p if key is None else flip(key, p)


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
        bias, drive = params["visible_bias"], jnp.dot(params["kernel"], _hidden(params, v, None))
        at_once = visible.energy(bias, v) - jnp.dot(v, drive)
        return at_once + visible.log_partition(bias, drive)

    return jnp.mean(jax.vmap(surprise)(data)), jax.grad(contrast)(params)


def _check_arguments(rule: str, net: Any, visible: Any, **counts: int) -> None:
    if not isinstance(net, Network):
        raise TypeError(f"{rule}: net must be a Network, got {type(net).__name__}")
    if kind(net) != "rbm":
        raise ValueError(
            f"{rule} teaches a restricted Boltzmann machine, and {net} is none; build it as "
            "jb.learning.boltzmann.rbm(64), and a deep one with jb.learning.belief.stack"
        )
    if not isinstance(visible, Visible):
        raise TypeError(
            f"{rule}: visible must be a Visible, such as jb.learning.boltzmann.gaussian(), called, "
            f"got {getattr(visible, '__name__', type(visible).__name__)}"
        )
    for name, value in counts.items():
        positive(rule, name, value)
