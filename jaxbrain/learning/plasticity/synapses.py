"""Plasticities as cells: one from its equation, one with a third factor, the sum along trains."""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal

from jaxbrain.cells.parts import retention
from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import on_device
from jaxbrain.core.config import configured
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import Cell
from jaxbrain.networks.parts import as_float, float_like

Change = Callable[[jax.Array, Any, jax.Array, jax.Array, Any], tuple[Any, jax.Array]]


@configured
def local_rule(name: str, change: Change, carry: Callable[[jax.Array], Any] | None = None) -> Cell:
    """A plasticity from its equation, with the shapes checked.

    Args:
      name: of the rule, for messages.
      change: ``(w, carry, pre, post, modulator) -> (carry, change [pre, post])``.
      carry: ``(w) -> carry`` before the first presentation; None: nothing is carried.

    Examples:
      >>> def anti_hebb(w, carry, pre, post, modulator):
      ...     return carry, -pre[:, None] * post[None]
      >>> rule = local_rule("anti_hebb", anti_hebb)
      >>> rule.step(jnp.zeros((1, 2)), (), (jnp.ones(1), jnp.array([1.0, 2.0]), None))[1].tolist()
      [[-1.0, -2.0]]
    """

    def init(key: jax.Array, x: Any) -> jax.Array:
        pre, post, _ = x
        return lecun_normal()(key, (pre.shape[-1], post.shape[-1]), float_like(pre))

    def start(params: jax.Array, x: Any) -> Any:
        w = _weights(name, params)
        return () if carry is None else carry(w)

    def step(
        params: jax.Array, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        w, modulator = _weights(name, params), x[2]
        pre, post = (on_device(name, *named) for named in zip(("pre", "post"), x, strict=False))
        if w.shape != (*pre.shape, *post.shape):
            raise ValueError(
                f"{name}: params must be the weights [pre, post] of activities pre [pre] and post "
                f"[post] of one presentation, got {w.shape} for {pre.shape} and {post.shape}; "
                "jax.vmap over presentations"
            )
        if modulator is not None:
            modulator = on_device(name, "modulator", modulator)
        return change(w, carry, as_float(pre, w.dtype), as_float(post, w.dtype), modulator)

    return Cell(init, start, step)


def _weights(name: str, params: Any) -> jax.Array:
    """The weights of a plasticity, ``[pre, post]``, as floats."""
    w = on_device(name, "params", params)
    if w.ndim != 2:
        raise ValueError(f"{name}: params must be the weights [pre, post], got {w.shape}")
    return as_float(w, float)


@configured
def modulated(
    plasticity: Cell, *, tau: float | jax.Array = 0.0, dt: float | jax.Array = 1.0
) -> Cell:
    """A three-factor rule: a plasticity leaves an eligibility trace, a modulator makes the change.

    e <- exp(-dt / tau) e + dw(pre, post), change = modulator e

    tau = 0 keeps no trace. The modulator is the reward of a step, a scalar or ``[post]``; for the
    concentration d(t) of dopamine, dw/dt = d e, give d dt. The carry is that of the plasticity and
    e ``[pre, post]``.

    Args:
      plasticity: one of two factors with the change dw, such as `hebb` or `pair_stdp`.
      tau, dt: time constant of the eligibility trace, not negative, and the time step.

    Source: Izhikevich 2007, doi 10.1093/cercor/bhl152; Florian 2007, doi
    10.1162/neco.2007.19.6.1468; Gerstner et al. 2018, doi 10.3389/fncir.2018.00053.

    Examples:
      >>> import jaxbrain as jb
      >>> rule = modulated(jb.learning.plasticity.hebb(), tau=10.0)
      >>> w, one, none = jnp.zeros((1, 1)), jnp.ones(1), jnp.zeros(1)
      >>> carry, change = rule.step(w, rule.carry(w, (one, one, 0.0)), (one, one, 0.0))
      >>> carry, late = rule.step(w, carry, (none, none, 2.0))
      >>> float(change[0, 0]), round(float(late[0, 0]), 4)  # 2 exp(-1/10)
      (0.0, 1.8097)
    """
    require_positive("modulated", "dt", dt)
    require_positive("modulated", "tau", tau, zero=True)
    name = f"modulated({plasticity})"

    def carry(params: jax.Array, x: Any) -> tuple[Any, jax.Array]:
        return plasticity.carry(params, (*x[:2], None)), jnp.zeros_like(_weights(name, params))

    def step(
        params: jax.Array, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        w, (pre, post, modulator) = _weights(name, params), x
        factor = None if modulator is None else on_device(name, "modulator", modulator)
        if factor is None or factor.shape not in ((), w.shape[1:]):
            got = "none" if factor is None else f"shape {factor.shape}"
            raise ValueError(
                f"{name} needs a modulator, a scalar or one for each of the postsynaptic units "
                f"{w.shape[1:]}, got {got}; pass (pre, post, modulator), under fit as y"
            )
        inner, trace = carry
        inner, change = plasticity.step(params, inner, (pre, post, None), key=key)
        trace = retention(tau, dt, w) * trace + change
        factor = as_float(factor, w.dtype)
        return (inner, trace), trace * (factor[None] if factor.ndim else factor)

    return Cell(plasticity.init, carry, step)


@checked
@compiled_once("plasticity")
def total_change(
    plasticity: Cell,
    params: jax.Array,
    pre: jax.Array,
    post: jax.Array,
    modulator: Any = None,
    *,
    key: Key | None = None,
) -> tuple[Any, jax.Array]:
    """The carry after two trains, and the sum of all changes along them, at the same weights.

    Args:
      plasticity: the rule.
      params: the weights ``[pre, post]``.
      pre, post: spikes or rates, ``[time, pre]`` and ``[time, post]``.
      modulator: None, a scalar for all steps, or ``[time, ...]``.
      key: for the noise of the plasticity, if it has any.

    Examples:
      >>> import jaxbrain as jb
      >>> rule = jb.learning.plasticity.pair_stdp(a_plus=1.0, tau_plus=20.0)
      >>> pre, post = (jnp.zeros((50, 1)).at[time].set(1.0) for time in (10, 20))
      >>> carry, change = total_change(rule, jnp.zeros((1, 1)), pre, post)
      >>> round(float(change[0, 0]), 4)  # exp(-10/20)
      0.6065
    """
    steps = jnp.shape(pre)[:1]
    scanned = modulator is not None and jnp.ndim(modulator) > 0
    trains = (pre, post, modulator if scanned else None)
    for name, train in zip(("post", "modulator"), trains[1:], strict=True):
        if train is not None and jnp.shape(train)[:1] != steps:
            raise ValueError(
                f"total_change: {name} must lead with the {steps} time steps of pre, got shape "
                f"{jnp.shape(train)}; repeat a modulator that is the same at every step"
            )

    def step(state: tuple[Any, jax.Array], now: Any) -> tuple[tuple[Any, jax.Array], None]:
        (a, b, m), i = now
        carry, total = state
        noise = None if key is None else jax.random.fold_in(key, i)
        m = m if scanned else modulator
        carry, change = plasticity.step(params, carry, (a, b, m), key=noise)
        return (carry, total + change), None

    start = plasticity.carry(params, (pre[0], post[0], None)), jnp.zeros_like(params)
    return jax.lax.scan(step, start, (trains, jnp.arange(steps[0])))[0]
