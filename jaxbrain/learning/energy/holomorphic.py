"""Holomorphic equilibrium propagation: the exact derivative from a finite nudge, by Cauchy."""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain import losses
from jaxbrain.core.composition import constructor
from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Network
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.symmetric import Output, System, require_numbers, symmetric_system
from jaxbrain.learning.energy.two_phases import Phases, contrast_rule, nudged
from jaxbrain.networks.convolution import max_pool
from jaxbrain.networks.layers import elementwise

Error = Callable[[jax.Array, Any], jax.Array]


@configured
def holomorphic_equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    radius: float | jax.Array = 0.5,
    points: int = 4,
    feedback: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
    error: Error | None = None,
) -> LearningRule:
    """Equilibrium propagation with nudges on a circle in the complex plane.

    g_l = - 1/(N r) sum_k exp(-2 pi i k / N) dPhi/dW_l(s^(beta_k)), beta_k = r exp(2 pi i k / N)

    By Cauchy's formula that is d/dbeta at 0, up to an error that falls geometrically with N: the
    nudge may be finite. N = 2 is `centered_equilibrium_propagation`. Of two conjugate points one is
    computed; complex arithmetic still makes a step several times slower than a centered one.

    Args:
      net: a chain as in `equilibrium_propagation`, with holomorphic activations (``jnp.tanh``,
        ``jax.nn.sigmoid``, ``jax.nn.silu``; not relu) and without `max_pool`.
      loss: ``(prediction, target) -> scalar`` of one example.
      radius: r = |beta|; positive.
      points: N on the circle; an integer above 1.
      feedback: the gain of the way down; positive.
      steps: sweeps of the free phase.
      nudged_steps: sweeps of each nudged phase.
      error: ``(prediction, target) -> dL/dprediction`` of one example, for complex predictions;
        needed where the loss is not one of ``jb.losses``.

    Returns:
      A LearningRule as `equilibrium_propagation`.

    Raises:
      ValueError: as `equilibrium_propagation`, or if a layer is not holomorphic or a loss of your
        own comes without error.
      TypeError: at trace time, if the network answers in half precision.

    Source: Laborieux and Zenke 2022, arXiv 2209.00530.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = holomorphic_equilibrium_propagation(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> grads[0]["kernel"].dtype.name
      'float32'
    """
    name = "holomorphic_equilibrium_propagation"
    require_numbers(
        name,
        {"radius": radius, "feedback": feedback},
        {"steps": steps, "nudged_steps": nudged_steps},
    )
    if not isinstance(points, int) or isinstance(points, bool) or points < 2:
        raise ValueError(f"{name}: points must be an integer above 1, got {points!r}")
    system = symmetric_system(net, name, feedback)
    for i, layer in enumerate(system.net.layers):
        _require_holomorphic(name, i, layer)
    slope = _error_of(loss) if error is None else error

    def on_circle(key: jax.Array | None, dtype: Any) -> tuple[jax.Array, jax.Array]:
        k = np.arange(points // 2 + 1)
        turn = np.exp(2j * np.pi * k / points)
        twice = np.where((k == 0) | (2 * k == points), 1, 2)  # for the conjugate, left out
        wide = jnp.dtype(f"complex{16 * dtype.itemsize}")
        r = jnp.asarray(radius).astype(wide)
        return r * jnp.asarray(turn, wide), jnp.asarray(twice / turn / points, wide) / r

    def output(system: System, beta: jax.Array, start: jax.Array, y: Any) -> Output:
        return nudged(system, beta, lambda s: slope(s, y))

    return contrast_rule(name, system, loss, Phases(on_circle, output), steps, nudged_steps)


def half_mse_error(prediction: jax.Array, target: Any) -> jax.Array:
    """p - t."""
    return prediction - _target(target, prediction)


def mse_error(prediction: jax.Array, target: Any) -> jax.Array:
    """2 (p - t) / K."""
    return 2 * (prediction - _target(target, prediction)) / prediction.size


def softmax_error(logits: jax.Array, target: Any) -> jax.Array:
    """softmax(z) - t, over the length of a sequence."""
    highest = jnp.max(jnp.real(logits), axis=-1, keepdims=True)
    z = jnp.exp(logits - highest.astype(logits.dtype))
    rows = logits.size // logits.shape[-1]
    return (z / jnp.sum(z, axis=-1, keepdims=True) - _target(target, logits)) / rows


def sigmoid_error(logits: jax.Array, target: Any) -> jax.Array:
    """sigmoid(z) - t."""
    return (1 + jnp.tanh(logits / 2)) / 2 - _target(target, logits)


_ERRORS = (
    (losses.half_mse, half_mse_error),
    (losses.mse, mse_error),
    (losses.softmax_cross_entropy, softmax_error),
    (losses.binary_cross_entropy, sigmoid_error),
)


def _target(target: Any, prediction: jax.Array) -> jax.Array:
    return chain.target_vectors("holomorphic_equilibrium_propagation", target, prediction)


def _error_of(loss: Loss) -> Error:
    for known, error in _ERRORS:
        if loss is known:
            return error
    raise ValueError(
        "holomorphic_equilibrium_propagation needs the derivative of the loss at complex "
        f"predictions, and {getattr(loss, '__name__', loss)} is none of jb.losses; give it: "
        "error=lambda prediction, target: ..., with functions that are holomorphic"
    )


def _require_holomorphic(name: str, i: int, layer: Network) -> None:
    made = constructor(layer)
    if made is max_pool:
        raise ValueError(
            f"{name}: layer {i}, {layer}, picks the largest, and complex numbers have no order; "
            "use jb.avg_pool, or centered_equilibrium_propagation"
        )
    if made is elementwise and not _has_mean_value(lambda z: layer.apply((), z)):
        raise ValueError(
            f"{name}: layer {i}, {layer}, is not holomorphic; use jnp.tanh, jax.nn.sigmoid or "
            "jax.nn.silu, or centered_equilibrium_propagation"
        )


def _has_mean_value(f: Callable[[jax.Array], jax.Array]) -> bool:
    """Whether f has Cauchy's integrals over small circles: f at the centre, and 0.

    A kink on the real line, which complex derivatives on either side would not show, breaks them.
    """
    turn = np.exp(2j * np.pi * np.arange(32) / 32)[None]
    centre, wide = np.linspace(-3, 3, 31)[:, None], jnp.complex64
    with jax.ensure_compile_time_eval():
        try:
            inside = f(jnp.asarray(centre, wide))[:, 0].astype(wide)
            on_circle = f(jnp.asarray(centre + 0.2 * turn, wide)).astype(wide)
        except (TypeError, ValueError, NotImplementedError):
            return False
        mean = jnp.mean(on_circle, axis=1) - inside
        moment = jnp.mean(on_circle * jnp.asarray(turn, wide), axis=1)
        around = jnp.maximum(jnp.abs(mean), jnp.abs(moment))
        if isinstance(around, jax.core.Tracer):
            return True  # it holds a number that is not known yet
        return bool(jnp.all(around < 1e-4 * (1 + jnp.abs(inside))))
