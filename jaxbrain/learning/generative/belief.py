"""Deep belief networks: Boltzmann machines trained greedily, each on what the one below makes of
the data. Read upwards the stack is a chain that recognises, read downwards one that dreams."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import batch, serial
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.generative.boltzmann import gibbs, hidden_drive
from jaxbrain.learning.generative.visible_units import Visible, bernoulli, bernoulli_draw
from jaxbrain.networks.layers import dense, elementwise

__all__ = [
    "down",
    "dream",
    "stack",
    "transpose",
    "unroll",
]


def __dir__() -> list[str]:
    return __all__


def stack(
    rules: Sequence[LearningRule],
    x: jax.Array,
    *,
    train: Callable[[LearningRule, jax.Array, jax.Array], Params],
    key: jax.Array,
) -> tuple[Params, ...]:
    """Train one machine after the other, each on the hidden probabilities of the one below.

    x_0 = x, w_l = train(rules[l], x_l), x_{l+1} = p(h | x_l; w_l)

    Args:
      rules: one a layer, bottom first: `contrastive_divergence` of an `rbm` each, say. Only the
        lowest should have Gaussian visible units.
      x: ``[examples, visible]``.
      train: ``(rule, data [examples, features], key) -> params`` of ``rule.network``.
      key: split among the layers.

    Returns:
      The params of the machines, bottom first.

    Raises:
      TypeError: if an entry is no LearningRule.
      ValueError: if there is none.

    Source: Hinton, Osindero and Teh 2006, doi 10.1162/neco.2006.18.7.1527; for networks that go on
    with back-propagation, Bengio et al. 2007, NIPS 19.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> def train(rule, x, key):
      ...     return jb.fit(rule, optax.adam(0.1), (x, x), key=key, epochs=2)[0].params
      >>> rules = [jb.learning.contrastive_divergence(rbm(n)) for n in (4, 2)]
      >>> x = jax.numpy.tile(jax.numpy.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), (8, 1))
      >>> machines = stack(rules, x, train=train, key=jax.random.key(0))
      >>> [params["kernel"].shape for params in machines]
      [(3, 4), (4, 2)]
    """
    if not rules:
        raise ValueError("stack: rules must hold at least one LearningRule, got none")
    for i, rule in enumerate(rules):
        if not isinstance(rule, LearningRule):
            raise TypeError(
                f"stack: rules[{i}] must be a LearningRule, such as "
                f"jb.learning.contrastive_divergence(machine), got {type(rule).__name__}"
            )
    machines = []
    for rule, k in zip(rules, jax.random.split(key, len(rules)), strict=True):
        machines.append(train(rule, x, k))
        x = batch(rule.network).apply(machines[-1], x)
    return tuple(machines)


def unroll(machines: Sequence[Params]) -> tuple[Network, tuple[Params, ...]]:
    """The way up as a chain of dense layers and sigmoids, for any learning rule to go on with.

    Args:
      machines: params of the machines, bottom first, from `stack`.

    Returns:
      ``serial(dense, sigmoid, dense, sigmoid, ...)`` and its params; put a last layer behind it,
      ``jb.serial(*net.layers, jb.dense(10))``.

    Raises:
      ValueError: if the machines do not fit onto each other.

    Examples:
      >>> import jax
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> below = rbm(4).init(jax.random.key(0), jax.numpy.ones(3))
      >>> net, params = unroll([below, transpose(below)])
      >>> net
      serial(dense(4), sigmoid, dense(3), sigmoid)
      >>> net.apply(params, jax.numpy.ones(3)).shape
      (3,)
    """
    _require_fitting("unroll", machines)
    layers, params = [], []
    for machine in machines:
        layers += [dense(machine["kernel"].shape[1]), elementwise(jax.nn.sigmoid)]
        params += [{"kernel": machine["kernel"], "bias": machine["hidden_bias"]}, ()]
    return serial(*layers), tuple(params)


def transpose(machine: Params) -> Params:
    """A machine turned over, to start the next one from: as many units on top as below.

    What it finds likely as its visible states is what the machine below finds likely as its hidden
    ones. From there on, whatever makes those better explained makes the data better explained: the
    variational bound of the stack begins at the likelihood of the machine below and rises.

    Args:
      machine: params of a machine with Bernoulli units.

    Returns:
      Params of a machine ``[hidden] -> [visible]``.

    Source: Hinton, Osindero and Teh 2006, doi 10.1162/neco.2006.18.7.1527, section 4.

    Examples:
      >>> import jax
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> transpose(rbm(4).init(jax.random.key(0), jax.numpy.ones(3)))["kernel"].shape
      (4, 3)
    """
    return {
        "kernel": machine["kernel"].T,
        "hidden_bias": machine["visible_bias"],
        "visible_bias": machine["hidden_bias"],
    }


def down(
    machines: Sequence[Params],
    h: jax.Array,
    *,
    visible: Visible = bernoulli(),
    key: jax.Array | None = None,
) -> jax.Array:
    """From a state of the top to what it looks like at the bottom.

    h_l = s(b_{l+1} + W_{l+1} h_{l+1}), down to the mean of the visible units

    Args:
      machines: params of the machines, bottom first.
      h: ``[top]``.
      visible: the kind of visible units of the lowest machine.
      key: draws the layers in between; None uses their probabilities.

    Returns:
      The mean of the visible units ``[visible]``.

    Raises:
      ValueError: if the machines do not fit onto each other.

    Examples:
      >>> import jax
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> machines = [rbm(n).init(jax.random.key(n), jnp.ones(m)) for m, n in ((4, 3), (3, 2))]
      >>> down(machines, jnp.ones(2)).shape
      (4,)
    """
    _require_fitting("down", machines)
    for level, machine in reversed(list(enumerate(machines))[1:]):
        h = jax.nn.sigmoid(machine["visible_bias"] + jnp.dot(machine["kernel"], h))
        h = h if key is None else bernoulli_draw(jax.random.fold_in(key, level), h)
    return visible.mean(machines[0]["visible_bias"], jnp.dot(machines[0]["kernel"], h))


def dream(
    machines: Sequence[Params],
    start: jax.Array,
    *,
    key: jax.Array,
    steps: int,
    visible: Visible = bernoulli(),
) -> jax.Array:
    """A sample of the deep belief network: Gibbs sampling in the top machine, then one pass down.

    Args:
      machines: params of the machines, bottom first; of one machine, its own Gibbs sampling.
      start: a visible state of the top machine ``[features]``: random bits, or what the layers
        below make of an example; enough steps forget it.
      key: of the whole dream.
      steps: of the Gibbs chain; static.
      visible: the kind of visible units of the lowest machine.

    Returns:
      The mean of the visible units ``[visible]`` given the sampled layer above them.

    Raises:
      ValueError: if the machines do not fit onto each other, or steps is not positive.

    Examples:
      >>> import jax
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> below = rbm(4).init(jax.random.key(0), jax.numpy.ones(3))
      >>> machines = [below, transpose(below)]
      >>> dream(machines, jax.numpy.ones(4), key=jax.random.key(1), steps=10).shape
      (3,)
    """
    _require_fitting("dream", machines)
    chain_key, top_key, down_key = jax.random.split(key, 3)
    kind = visible if len(machines) == 1 else bernoulli()
    state = gibbs(machines[-1], start, key=chain_key, steps=steps, visible=kind)
    h = bernoulli_draw(top_key, jax.nn.sigmoid(hidden_drive(machines[-1], state)))
    return down(machines, h, visible=visible, key=down_key)


def _require_fitting(function: str, machines: Any) -> None:
    if isinstance(machines, dict) or not machines:
        raise ValueError(
            f"{function}: machines must be the params of the machines, bottom first, as stack "
            f"returns them, got {'one; write [params]' if machines else 'none'}"
        )
    shapes = [machine["kernel"].shape for machine in machines]
    for i, (below, above) in enumerate(pairwise(shapes)):
        if below[1] != above[0]:
            raise ValueError(
                f"{function}: machines[{i + 1}] sees {above[0]} units, but machines[{i}] has "
                f"{below[1]} hidden ones; give them bottom first, as stack returns them"
            )
