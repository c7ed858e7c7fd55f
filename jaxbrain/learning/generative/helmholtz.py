"""Helmholtz machines: a recognition and a generative network that learn from each other.

    recognition:  q(s_l = 1 | s_{l-1}) = s(s_{l-1} R_l + r_l),  s_0 = x
    generation:   p(s_{l-1} = 1 | s_l) = s(s_l G_l + g_l)

All units are binary. The units at the top have biases of their own, the prior.
"""

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import constructor
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_key
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning.chain import no_state
from jaxbrain.learning.generative.visible_units import bernoulli_draw
from jaxbrain.losses import binary_cross_entropy
from jaxbrain.networks.parts import align, as_float, float_like, require_features

__all__ = [
    "free_energy",
    "generate",
    "helmholtz_machine",
    "log_generative",
    "log_recognition",
    "recognize",
    "wake_sleep",
]


def __dir__() -> list[str]:
    return __all__


@configured
def helmholtz_machine(*units: int, kernel_init: Initializer = lecun_normal()) -> Network:
    """Helmholtz machine, as a network from the visible units to the top of the recognition.

    The network gives the probabilities of the top for probabilities in between; with a key, it
    draws every layer. `units` are those of the hidden layers, bottom first. The params are
    ``{"recognition", "generative", "prior"}``: twice a ``{"kernel", "bias"}`` of each layer, bottom
    first, and the biases of the top. Biases start at zero.

    Raises:
      ValueError: if there is no hidden layer; at init, if the input is not a vector.

    Source: Dayan, Hinton, Neal and Zemel 1995, doi 10.1162/neco.1995.7.5.889.

    Examples:
      >>> params = helmholtz_machine(4, 2).init(jax.random.key(0), jnp.ones(6))
      >>> [layer["kernel"].shape for layer in params["recognition"]]
      [(6, 4), (4, 2)]
      >>> [layer["kernel"].shape for layer in params["generative"]]
      [(4, 6), (2, 4)]
    """
    if not units:
        raise ValueError(
            "helmholtz_machine needs at least one hidden layer, as helmholtz_machine(32, 8)"
        )
    units = tuple(require_count("helmholtz_machine", f"units[{i}]", n) for i, n in enumerate(units))
    name = f"helmholtz_machine({', '.join(map(str, units))})"

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs vectors [visible], got shape {x.shape}; use x.ravel()")
        dtype = float_like(x)

        def layer(key: jax.Array, inputs: int, outputs: int) -> Params:
            kernel = kernel_init(key, (inputs, outputs), dtype)
            return {"kernel": kernel, "bias": jnp.zeros(outputs, dtype)}

        bounds = list(pairwise((*x.shape, *units)))
        keys = list(jax.random.split(key, 2 * len(bounds)))
        up, down = zip(keys[::2], bounds, strict=True), zip(keys[1::2], bounds, strict=True)
        return {
            "recognition": tuple(layer(k, below, above) for k, (below, above) in up),
            "generative": tuple(layer(k, above, below) for k, (below, above) in down),
            "prior": jnp.zeros(units[-1], dtype),
        }

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features(name, x, params["recognition"][0]["kernel"].shape[0])
        return _bottom_up(params, x, key)[-1]

    return Network(init, apply, ())


@checked
def recognize(key: Key, params: Params, x: jax.Array) -> tuple[jax.Array, ...]:
    """A sample of the recognition network: the states of all layers, x first and the top last.

    Args:
      key: of the states.
      params, x: of a `helmholtz_machine`; ``[visible]``.

    Examples:
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jnp.ones(3))
      >>> [len(s) for s in recognize(jax.random.key(1), params, jnp.ones(3))]
      [3, 2]
    """
    return _bottom_up(params, x, key)


@checked
def generate(key: Key, params: Params) -> tuple[jax.Array, ...]:
    """A sample of the generative network: the states of all layers, visible first and top last.

    Args:
      key: of the states.
      params: of a `helmholtz_machine`.

    Examples:
      >>> params = helmholtz_machine(4, 2).init(jax.random.key(0), jnp.ones(6))
      >>> [state.shape for state in generate(jax.random.key(1), params)]
      [(6,), (4,), (2,)]
    """
    keys = jax.random.split(key, len(params["generative"]) + 1)
    states = [bernoulli_draw(keys[-1], jax.nn.sigmoid(params["prior"]))]
    for layer, k in zip(params["generative"][::-1], keys[:-1], strict=True):
        states.append(bernoulli_draw(k, jax.nn.sigmoid(_drive(layer, states[-1]))))
    return tuple(states[::-1])


@checked
def log_generative(params: Params, states: tuple[jax.Array, ...]) -> jax.Array:
    """Log probability under the generative network, log p(s_n) + sum_l log p(s_{l-1} | s_l).

    Args:
      params: of a `helmholtz_machine`.
      states: of all layers, visible first; visible values between 0 and 1 are probabilities.

    Examples:
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jnp.ones(3))
      >>> round(float(log_generative(params, (jnp.ones(3), jnp.zeros(2)))), 4)  # 5 log 1/2
      -3.4657
    """
    total = -binary_cross_entropy(params["prior"], states[-1])
    for layer, below, above in zip(params["generative"], states[:-1], states[1:], strict=True):
        total -= binary_cross_entropy(_drive(layer, above), below)
    return total


@checked
def log_recognition(params: Params, states: tuple[jax.Array, ...]) -> jax.Array:
    """Log probability under the recognition network, sum_l log q(s_l | s_{l-1}), given s_0.

    Args:
      params: of a `helmholtz_machine`.
      states: of all layers, visible first.

    Examples:
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jnp.ones(3))
      >>> round(float(log_recognition(params, (jnp.zeros(3), jnp.ones(2)))), 4)  # 2 log 1/2
      -1.3863
    """
    total = jnp.zeros((), params["prior"].dtype)
    for layer, below, above in zip(params["recognition"], states[:-1], states[1:], strict=True):
        total -= binary_cross_entropy(_drive(layer, below), above)
    return total


@checked
def free_energy(key: Key, params: Params, x: jax.Array) -> jax.Array:
    """A sample of the variational free energy, the description length of an example in nats.

    F = log q(s | x) - log p(x, s), s ~ q(s | x)

    Its expectation is - log p(x) + KL(q(s | x) | p(s | x)), an upper bound of - log p(x). The
    expectation of exp(-F) is p(x).

    Args:
      key: of the hidden states.
      params, x: of a `helmholtz_machine`; ``[visible]``.

    Examples:
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jnp.ones(3))
      >>> zeros = jax.tree.map(jnp.zeros_like, params)
      >>> round(float(free_energy(jax.random.key(1), zeros, jnp.ones(3))), 4)  # 3 log 2
      2.0794
    """
    states = recognize(key, params, x)
    return log_recognition(params, states) - log_generative(params, states)


@configured
def wake_sleep(net: Network) -> LearningRule:
    """Wake-sleep: each half of a Helmholtz machine learns by delta rules from samples of the other.

    wake: s ~ q(. | x), dG_l = - s_l^T (s_{l-1} - p(s_{l-1} | s_l))
    sleep: s ~ p, dR_l = - s_{l-1}^T (s_l - q(s_l | s_{l-1}))

    The wake phase descends the free energy of the data. The sleep phase descends KL(p | q) over
    generated states instead of KL(q | p) over data. The two together descend no one function, and
    the bound may rise for a while. Each batch has as many generated states as examples.

    Examples are ``[visible]`` in 0..1. Targets are ignored: give the data twice, ``jb.fit(rule,
    optimizer, (x, x), ...)``. The loss is the mean of one `free_energy` of each example. It needs a
    key.

    Raises:
      ValueError: if net is not a `helmholtz_machine`.

    Source: Hinton, Dayan, Frey and Neal 1995, doi 10.1126/science.7761831.

    Examples:
      >>> rule, x = wake_sleep(helmholtz_machine(4, 2)), jnp.ones((5, 3))
      >>> zeros = jax.tree.map(jnp.zeros_like, rule.network.init(jax.random.key(0), x[0]))
      >>> loss, grads, _ = rule.grads(zeros, (), x, x, key=jax.random.key(1))
      >>> round(float(loss), 4), grads["generative"][0]["bias"].tolist()  # 3 log 2; 1/2 - x
      (2.0794, [-0.5, -0.5, -0.5])
    """
    if constructor(net) is not helmholtz_machine:
        raise ValueError(
            f"wake_sleep trains a Helmholtz machine, got {net}; build it as "
            "jb.learning.generative.helmholtz.helmholtz_machine(32, 8), hidden layers bottom first"
        )

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        key = require_key("wake_sleep", key, "it samples")
        wake_keys, sleep_keys = (jax.random.split(k, len(x)) for k in jax.random.split(key))
        recognized = jax.vmap(recognize, (0, None, 0))(wake_keys, params, x)
        generated = jax.vmap(generate, (0, None))(sleep_keys, params)

        def mean_log(log_probability: Any, params: Params, states: tuple) -> jax.Array:
            return jnp.mean(jax.vmap(log_probability, (None, 0))(params, states))

        def cost(params: Params) -> jax.Array:
            wake = mean_log(log_generative, params, recognized)
            sleep = mean_log(log_recognition, params, generated)
            return -wake - sleep

        posterior = mean_log(log_recognition, params, recognized)
        joint = mean_log(log_generative, params, recognized)
        return posterior - joint, jax.grad(cost)(params), state

    return LearningRule(no_state, grads, net)


def _drive(layer: Params, x: jax.Array) -> jax.Array:
    """The log odds of a layer, x W + b."""
    total = jnp.dot(x, layer["kernel"])
    return total + align(layer["bias"], total)


def _bottom_up(params: Params, x: jax.Array, key: jax.Array | None) -> tuple[jax.Array, ...]:
    """The recognition pass: probabilities of all layers; with a key, binary states."""
    states = [as_float(x, params["prior"].dtype)]
    for i, layer in enumerate(params["recognition"]):
        p = jax.nn.sigmoid(_drive(layer, states[-1]))
        states.append(p if key is None else bernoulli_draw(jax.random.fold_in(key, i), p))
    return tuple(states)
