"""Deep belief networks: stacked Boltzmann machines, trained greedily from the bottom.

Each machine learns the hidden activities of the machine below. Read upwards the stack is a chain of
layers; read downwards it generates data. `machines` are the params of the machines, bottom first.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import batch, serial
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.generative.boltzmann import gibbs, hidden_drive
from jaxbrain.learning.generative.visible_units import Visible, bernoulli, bernoulli_draw
from jaxbrain.networks.layers import dense, elementwise

__all__ = [
    "sample",
    "to_network",
    "top_down",
    "train_stack",
    "transpose",
]


def __dir__() -> list[str]:
    return __all__


@checked
def train_stack(
    key: Key,
    rules: Sequence[LearningRule],
    x: jax.Array,
    *,
    train: Callable[[jax.Array, LearningRule, jax.Array], Params],
) -> tuple[Params, ...]:
    """Greedy training: each machine learns the hidden probabilities of the machine below.

    x_0 = x, w_l = train(key_l, rules[l], x_l), x_{l+1} = p(h | x_l; w_l)

    Args:
      key: split among the machines.
      rules: of each machine, bottom first, such as `contrastive_divergence` of an `rbm`. Only the
        lowest machine may have Gaussian visible units.
      x: ``[examples, visible]``.
      train: ``(key, rule, data [examples, features]) -> params`` of ``rule.network``.

    Source: Hinton, Osindero and Teh 2006, doi 10.1162/neco.2006.18.7.1527; as a start for
    back-propagation, Bengio et al. 2007, NIPS 19.

    Examples:
      >>> import jaxbrain as jb, optax
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> def train(key, rule, x):
      ...     return jb.fit(rule, optax.adam(0.1), (x, x), key=key, epochs=2)[0].params
      >>> rules = [jb.learning.contrastive_divergence(rbm(n)) for n in (4, 2)]
      >>> machines = train_stack(jax.random.key(0), rules, jnp.eye(3), train=train)
      >>> [params["kernel"].shape for params in machines]
      [(3, 4), (4, 2)]
    """
    if not rules:
        raise ValueError("train_stack: rules must hold at least one LearningRule, got none")
    for i, rule in enumerate(rules):
        if not isinstance(rule, LearningRule):
            raise TypeError(
                f"train_stack: rules[{i}] must be a LearningRule, such as "
                f"jb.learning.contrastive_divergence(machine), got {type(rule).__name__}"
            )
    machines = []
    for rule, k in zip(rules, jax.random.split(key, len(rules)), strict=True):
        machines.append(train(k, rule, x))
        x = batch(rule.network).apply(machines[-1], x)
    return tuple(machines)


@checked
def to_network(machines: Sequence[Params]) -> tuple[Network, tuple[Params, ...]]:
    """The stack as a feed-forward chain with its params, for any learning rule to continue.

    Add an output layer: ``jb.serial(*net.layers, jb.dense(10))``.

    Args:
      machines: of `train_stack`.

    Examples:
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> below = rbm(4).init(jax.random.key(0), jnp.ones(3))
      >>> to_network([below, transpose(below)])[0]
      serial(dense(4), elementwise(jax.nn.sigmoid), dense(3), elementwise(jax.nn.sigmoid))
    """
    _require_fitting("to_network", machines)
    layers, params = [], []
    for machine in machines:
        layers += [dense(machine["kernel"].shape[1]), elementwise(jax.nn.sigmoid)]
        params += [{"kernel": machine["kernel"], "bias": machine["hidden_bias"]}, ()]
    return serial(*layers), tuple(params)


@checked
def transpose(machine: Params) -> Params:
    """A machine with visible and hidden units exchanged: the start of the machine above.

    Its visible distribution is the hidden distribution of the machine below. The variational bound
    of the stack therefore starts at the log likelihood of the machine below, and rises as the
    machine above learns.

    Args:
      machine: params of a machine with Bernoulli units.

    Source: Hinton, Osindero and Teh 2006, doi 10.1162/neco.2006.18.7.1527, section 4.

    Examples:
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> transpose(rbm(4).init(jax.random.key(0), jnp.ones(3)))["kernel"].shape
      (4, 3)
    """
    return {
        "kernel": machine["kernel"].T,
        "hidden_bias": machine["visible_bias"],
        "visible_bias": machine["hidden_bias"],
    }


@checked
def top_down(
    machines: Sequence[Params],
    h: jax.Array,
    *,
    visible: Visible = bernoulli(),
    key: Key | None = None,
) -> jax.Array:
    """The mean of the visible units ``[visible]`` for a state of the top hidden units.

    h_l = s(b_{l+1} + W_{l+1} h_{l+1}), down to the mean of the visible units

    Args:
      machines: of `train_stack`.
      h: ``[top]``.
      visible: the visible units of the lowest machine.
      key: of binary states of the layers in between; None takes their probabilities.

    Examples:
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> machines = [rbm(n).init(jax.random.key(n), jnp.ones(m)) for m, n in ((4, 3), (3, 2))]
      >>> top_down(machines, jnp.ones(2)).shape
      (4,)
    """
    _require_fitting("top_down", machines)
    for level, machine in reversed(list(enumerate(machines))[1:]):
        h = jax.nn.sigmoid(machine["visible_bias"] + jnp.dot(machine["kernel"], h))
        h = h if key is None else bernoulli_draw(jax.random.fold_in(key, level), h)
    return visible.mean(machines[0]["visible_bias"], jnp.dot(machines[0]["kernel"], h))


@checked
def sample(
    key: Key,
    machines: Sequence[Params],
    start: jax.Array,
    *,
    steps: int,
    visible: Visible = bernoulli(),
) -> jax.Array:
    """A sample of the deep belief network: Gibbs sampling in the top machine, then one pass down.

    The result is the mean of the visible units given the sampled layer above them.

    Args:
      key: of the whole sample.
      machines: of `train_stack`; a single machine is sampled by its own Gibbs chain.
      start: visible state of the top machine ``[features]``: random bits, or the activities that
        an example causes there. The chain forgets it after enough steps.
      steps: of the Gibbs chain.
      visible: the visible units of the lowest machine.

    Examples:
      >>> from jaxbrain.learning.generative.boltzmann import rbm
      >>> below = rbm(4).init(jax.random.key(0), jnp.ones(3))
      >>> sample(jax.random.key(1), [below, transpose(below)], jnp.ones(4), steps=10).shape
      (3,)
    """
    _require_fitting("sample", machines)
    chain_key, top_key, down_key = jax.random.split(key, 3)
    top_units = visible if len(machines) == 1 else bernoulli()
    state = gibbs(chain_key, machines[-1], start, steps=steps, visible=top_units)
    h = bernoulli_draw(top_key, jax.nn.sigmoid(hidden_drive(machines[-1], state)))
    return top_down(machines, h, visible=visible, key=down_key)


def _require_fitting(function: str, machines: Any) -> None:
    """Refuse no machine, and layers of different sizes."""
    if not machines:
        raise ValueError(
            f"{function}: machines must be the params of the machines, bottom first, as "
            "train_stack returns them, got none"
        )
    shapes = [machine["kernel"].shape for machine in machines]
    for i, (below, above) in enumerate(pairwise(shapes)):
        if below[1] != above[0]:
            raise ValueError(
                f"{function}: machines[{i + 1}] has {above[0]} visible units, but machines[{i}] "
                f"has {below[1]} hidden units; give them bottom first, as train_stack returns them"
            )
