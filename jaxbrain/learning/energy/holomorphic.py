"""Holomorphic equilibrium propagation: the derivative at nudge 0 from finite complex nudges."""

from collections.abc import Callable

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jaxbrain.core.composition import constructor
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_integer, require_positive
from jaxbrain.core.types import LearningRule, Network
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.complex_errors import Error, error_of
from jaxbrain.learning.energy.two_phases import Relaxation, nudged_rule
from jaxbrain.networks.convolution import max_pool
from jaxbrain.networks.layers import elementwise


@configured
def holomorphic_equilibrium_propagation(
    net: Network,
    loss: Loss,
    *,
    radius: float | jax.Array = 0.5,
    points: int = 4,
    feedback_gain: float | jax.Array = 0.1,
    steps: int = 10,
    nudged_steps: int = 5,
    error: Error | None = None,
) -> LearningRule:
    """Equilibrium propagation with nudges on a circle in the complex plane.

    g_l = - 1/(N r) sum_k exp(-2 pi i k / N) dPhi/dW_l(s^(beta_k)), beta_k = r exp(2 pi i k / N)

    By Cauchy's formula this is the derivative at nudge 0, with an error that falls geometrically
    with N: r may be large. N = 2 is `centered_equilibrium_propagation`. Of two conjugate points one
    is computed. Complex arithmetic makes a step several times slower than a centered one.

    Args:
      net: a chain as in `equilibrium_propagation`, with holomorphic activations (``jnp.tanh``,
        ``jax.nn.sigmoid``, ``jax.nn.silu``; not relu) and without `max_pool`.
      radius: r = |beta|; positive.
      points: N on the circle; an integer above 1.
      feedback_gain, steps, nudged_steps: as in `equilibrium_propagation`.
      error: ``(prediction, target) -> dL/dprediction`` of one example, for complex predictions;
        needed where the loss is not one of ``jb.losses``.

    Raises:
      ValueError: if a layer is not holomorphic, or a loss of your own comes without error.

    Source: Laborieux and Zenke 2022, arXiv 2209.00530.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones((1, 1))
      >>> net, params = jb.serial(layer, layer), ({"kernel": one}, {"kernel": one})
      >>> options = {"points": 8, "feedback_gain": 0.5, "steps": 50, "nudged_steps": 50}
      >>> rule = holomorphic_equilibrium_propagation(net, jb.losses.half_mse, radius=0.1, **options)
      >>> grads = rule.grads(params, None, one, 4 * one)[1]
      >>> [round(float(g["kernel"][0, 0]), 2) for g in grads]  # exact, as far as float32 goes
      [-4.0, -12.0]
    """
    name = "holomorphic_equilibrium_propagation"
    require_positive(name, "radius", radius)
    points = require_integer(name, "points", points, at_least=2)

    def on_circle(r: jax.Array, key: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        k = np.arange(points // 2 + 1)
        turn = np.exp(2j * np.pi * k / points)
        twice = np.where((k == 0) | (2 * k == points), 1, 2)  # for the conjugate point too
        wide = jnp.dtype(f"complex{16 * r.dtype.itemsize}")
        r = r.astype(wide)
        return r * jnp.asarray(turn, wide), jnp.asarray(twice / turn / points, wide) / r

    relaxation = Relaxation(feedback_gain, steps, nudged_steps)
    rule = nudged_rule(
        name, net, loss, on_circle, radius, relaxation, gradient=lambda loss: error_of(loss, error)
    )
    for i, layer in enumerate(rule.network.layers):
        _require_holomorphic(name, i, layer)
    return rule


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
    """True if f has Cauchy's integrals over small circles: the value at the center, and 0.

    A kink on the real line breaks them; complex derivatives on either side do not show it.
    """
    turn = np.exp(2j * np.pi * np.arange(32) / 32)[None]
    center, wide = np.linspace(-3, 3, 31)[:, None], jnp.complex64
    with jax.ensure_compile_time_eval():
        try:
            inside = f(jnp.asarray(center, wide))[:, 0].astype(wide)
            on_circle = f(jnp.asarray(center + 0.2 * turn, wide)).astype(wide)
        except (TypeError, ValueError, NotImplementedError):
            return False
        mean = jnp.mean(on_circle, axis=1) - inside
        moment = jnp.mean(on_circle * jnp.asarray(turn, wide), axis=1)
        around = jnp.maximum(jnp.abs(mean), jnp.abs(moment))
        if isinstance(around, jax.core.Tracer):
            return True  # traced values are not checked
        return bool(jnp.all(around < 1e-4 * (1 + jnp.abs(inside))))
