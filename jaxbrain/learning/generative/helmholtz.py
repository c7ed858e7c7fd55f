"""The Helmholtz machine: one network recognises, one dreams, and each learns from the other.

    up:    q(s_l = 1 | s_{l-1}) = s(s_{l-1} R_l + r_l),  s_0 = x
    down:  p(s_{l-1} = 1 | s_l) = s(s_l G_l + g_l)

All units are binary; the units at the top have biases of their own, the prior.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal

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
def helmholtz_machine(*sizes: int, kernel_init: Initializer = lecun_normal()) -> Network:
    """A Helmholtz machine as a network from what is seen to its highest causes.

    Args:
      *sizes: units of the hidden layers, bottom first.
      kernel_init: initialiser of all kernels; biases begin at zero.

    Returns:
      A network ``[visible] -> [top]`` with params ``{"recognition", "generative", "prior"}``: a
      tuple of ``{"kernel", "bias"}`` a layer, bottom first, twice, and the biases of the top.
      It answers with the probabilities of the top, those of the layers below being passed on as
      they are; with a key, every layer is drawn.

    Raises:
      ValueError: if there is no hidden layer or a size is not positive; at init, if the input is
        no vector.

    Source: Dayan, Hinton, Neal and Zemel 1995, doi 10.1162/neco.1995.7.5.889.

    Examples:
      >>> import jax
      >>> net = helmholtz_machine(4, 2)
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(6))
      >>> [layer["kernel"].shape for layer in params["recognition"]]
      [(6, 4), (4, 2)]
      >>> [layer["kernel"].shape for layer in params["generative"]]
      [(4, 6), (2, 4)]
    """
    if not sizes:
        raise ValueError(
            "helmholtz_machine needs at least one hidden layer, as helmholtz_machine(32, 8)"
        )
    sizes = tuple(require_count("helmholtz", f"sizes[{i}]", n) for i, n in enumerate(sizes))
    name = f"helmholtz_machine({', '.join(map(str, sizes))})"

    def init(key: jax.Array, x: Any) -> Params:
        if len(x.shape) != 1:
            raise ValueError(f"{name} needs vectors [visible], got shape {x.shape}; use x.ravel()")
        dtype = float_like(x)

        def layer(key: jax.Array, inputs: int, outputs: int) -> Params:
            kernel = kernel_init(key, (inputs, outputs), dtype)
            return {"kernel": kernel, "bias": jnp.zeros(outputs, dtype)}

        bounds = list(zip((*x.shape, *sizes), sizes, strict=False))
        keys = jax.random.split(key, (len(bounds), 2))
        return {
            "recognition": tuple(layer(k[0], a, b) for k, (a, b) in zip(keys, bounds, strict=True)),
            "generative": tuple(layer(k[1], b, a) for k, (a, b) in zip(keys, bounds, strict=True)),
            "prior": jnp.zeros(sizes[-1], dtype),
        }

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        require_features(name, x, params["recognition"][0]["kernel"].shape[0])
        return _climb(params, x, key)[-1]

    return Network(init, apply, ())


def recognize(params: Params, x: jax.Array, *, key: jax.Array) -> tuple[jax.Array, ...]:
    """Draw causes of what is seen, layer by layer upwards.

    Args:
      params: of a `helmholtz` network.
      x: ``[visible]``.
      key: of the states.

    Returns:
      The states of all layers, x first and the top last.

    Examples:
      >>> import jax
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jnp.ones(3))
      >>> [len(s) for s in recognize(params, jnp.ones(3), key=jax.random.key(1))]
      [3, 2]
    """
    return _climb(params, x, key)


def generate(params: Params, *, key: jax.Array) -> tuple[jax.Array, ...]:
    """Dream: draw the top from the prior, and every layer from the one above.

    Args:
      params: of a `helmholtz` network.
      key: of the dream.

    Returns:
      The states of all layers, the visible one first and the top last.

    Examples:
      >>> import jax
      >>> params = helmholtz_machine(4, 2).init(jax.random.key(0), jax.numpy.ones(6))
      >>> [state.shape for state in generate(params, key=jax.random.key(1))]
      [(6,), (4,), (2,)]
    """
    keys = jax.random.split(key, len(params["generative"]) + 1)
    states = [bernoulli_draw(keys[-1], jax.nn.sigmoid(params["prior"]))]
    for layer, k in zip(params["generative"][::-1], keys[:-1], strict=True):
        states.append(bernoulli_draw(k, jax.nn.sigmoid(_drive(layer, states[-1]))))
    return tuple(states[::-1])


def log_generative(params: Params, states: tuple[jax.Array, ...]) -> jax.Array:
    """How likely the dreaming half finds a state of all layers.

    log p(s) = log p(s_n) + sum_l log p(s_{l-1} | s_l)

    Args:
      params: of a `helmholtz` network.
      states: of all layers, visible first; visible values between 0 and 1 are probabilities.

    Returns:
      A scalar.

    Examples:
      >>> import jax
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jnp.ones(3))
      >>> round(float(log_generative(params, (jnp.ones(3), jnp.zeros(2)))), 4)  # 5 log 1/2
      -3.4657
    """
    total = -binary_cross_entropy(params["prior"], states[-1])
    for layer, below, above in zip(params["generative"], states[:-1], states[1:], strict=True):
        total -= binary_cross_entropy(_drive(layer, above), below)
    return total


def log_recognition(params: Params, states: tuple[jax.Array, ...]) -> jax.Array:
    """How likely the recognising half finds the hidden states, given the visible ones.

    log q(s_1..s_n | s_0) = sum_l log q(s_l | s_{l-1})

    Args:
      params: of a `helmholtz` network.
      states: of all layers, visible first.

    Returns:
      A scalar.

    Examples:
      >>> import jax
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jnp.ones(3))
      >>> round(float(log_recognition(params, (jnp.zeros(3), jnp.ones(2)))), 4)  # 2 log 1/2
      -1.3863
    """
    total = jnp.zeros((), params["prior"].dtype)
    for layer, below, above in zip(params["recognition"], states[:-1], states[1:], strict=True):
        total -= binary_cross_entropy(_drive(layer, below), above)
    return total


def free_energy(params: Params, x: jax.Array, *, key: jax.Array) -> jax.Array:
    """One sample of the variational free energy, the description length of an example in nats.

    F = log q(h | x) - log p(x, h), h ~ q(h | x)

    Its expectation is - log p(x) + KL(q(h | x) | p(h | x)), an upper bound of - log p(x); the
    expectation of exp(-F) is p(x).

    Args:
      params: of a `helmholtz` network.
      x: ``[visible]``.
      key: of the hidden states; ``jax.vmap`` over keys gives the samples of an average.

    Returns:
      A scalar.

    Examples:
      >>> import jax
      >>> params = helmholtz_machine(2).init(jax.random.key(0), jax.numpy.ones(3))
      >>> zeros = jax.tree.map(jax.numpy.zeros_like, params)
      >>> round(float(free_energy(zeros, jax.numpy.ones(3), key=jax.random.key(1))), 4)  # 3 log 2
      2.0794
    """
    states = recognize(params, x, key=key)
    return log_recognition(params, states) - log_generative(params, states)


@configured
def wake_sleep(net: Network) -> LearningRule:
    """Awake, learn to dream what was seen; asleep, learn to recognize what was dreamt.

    wake: s ~ q(. | x), dG = - s_l^T (s_{l-1} - p(s_{l-1} | s_l))
    sleep: s ~ p, dR = - s_{l-1}^T (s_l - q(s_l | s_{l-1}))

    Each is a local delta rule. The wake phase descends the free energy of the data; the sleep
    phase descends KL(p | q) over dreams instead of KL(q | p) over data, so that the two together
    descend no one function, and the bound may stall or rise for a while.

    Args:
      net: a `helmholtz` network.

    Returns:
      A LearningRule without state, for examples ``[visible]`` in 0..1. It dreams as many examples
      as the batch holds. Targets are ignored: give the data twice, ``jb.fit(rule, optimizer,
      (x, x), ...)``. The loss it reports is the mean of one sample of the `free_energy` each.

    Raises:
      TypeError: if net is not a Network.
      ValueError: if net is no `helmholtz` network, or at trace time if there is no key.

    Source: Hinton, Dayan, Frey and Neal 1995, doi 10.1126/science.7761831.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> rule = wake_sleep(helmholtz_machine(4, 2))
      >>> x = jax.numpy.tile(jax.numpy.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), (8, 1))
      >>> state, history = jb.fit(rule, optax.adam(0.1), (x, x), key=jax.random.key(0), epochs=20)
      >>> bool(history.loss[-1] < history.loss[0])
      True
    """
    if not isinstance(net, Network):
        raise TypeError(f"wake_sleep: net must be a Network, got {type(net).__name__}")
    if constructor(net) is not helmholtz_machine:
        raise ValueError(
            f"wake_sleep teaches a Helmholtz machine, and {net} is none; build it as "
            "jb.learning.generative.helmholtz.helmholtz_machine(32, 8), hidden sizes bottom first"
        )

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        key = require_key("wake_sleep", key, "it samples")
        wake_key, sleep_key = jax.random.split(key)
        awake = jax.vmap(lambda one, k: recognize(params, one, key=k))(
            as_float(x, params["prior"].dtype), jax.random.split(wake_key, len(x))
        )
        asleep = jax.vmap(lambda k: generate(params, key=k))(jax.random.split(sleep_key, len(x)))

        def surprise(p: Params) -> jax.Array:
            seen = jax.vmap(lambda s: log_generative(p, s))(awake)
            dreamt = jax.vmap(lambda s: log_recognition(p, s))(asleep)
            return -jnp.mean(seen) - jnp.mean(dreamt)

        chosen = jnp.mean(jax.vmap(lambda s: log_recognition(params, s))(awake))
        explained = jnp.mean(jax.vmap(lambda s: log_generative(params, s))(awake))
        return chosen - explained, jax.grad(surprise)(params), state

    return LearningRule(no_state, grads, net)


def _drive(layer: Params, x: jax.Array) -> jax.Array:
    """The log odds of a layer, x W + b."""
    total = jnp.dot(x, layer["kernel"])
    return total + align(layer["bias"], total)


def _climb(params: Params, x: jax.Array, key: jax.Array | None) -> tuple[jax.Array, ...]:
    states = [as_float(x, params["prior"].dtype)]
    for i, layer in enumerate(params["recognition"]):
        p = jax.nn.sigmoid(_drive(layer, states[-1]))
        states.append(p if key is None else bernoulli_draw(jax.random.fold_in(key, i), p))
    return tuple(states)
