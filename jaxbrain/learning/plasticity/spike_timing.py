"""Spike-timing-dependent plasticity (STDP): pairs and triplets of spikes. Times in ms.

Plasticities as in `jaxbrain.learning.plasticity`, for one time step of dt; pre and post are 1 where
a unit spikes in that step, else 0. They use no modulator, where nothing else is said. The carry is
the traces, which decay by exp(-dt / tau) a step. They hold the spikes of earlier steps: two spikes
in one step are not a pair. `total_change` runs a rule along spike trains.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.cells.parts import retention
from jaxbrain.core.arguments import checked
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import Cell
from jaxbrain.learning.plasticity.synapses import local_rule, modulated


@checked
def everywhere(w: jax.Array) -> jax.Array:
    """A change that does not depend on the weights ``[pre, post]`` (additive STDP): ones.

    Args:
      w: the weights.

    Examples:
      >>> everywhere(jnp.zeros((1, 2))).tolist()
      [[1.0, 1.0]]
    """
    return jnp.ones_like(w)


@configured
def pair_stdp(
    *,
    a_plus: float | jax.Array = 0.005,
    a_minus: float | jax.Array = 0.00525,
    tau_plus: float | jax.Array = 20.0,
    tau_minus: float | jax.Array = 20.0,
    dt: float | jax.Array = 1.0,
    potentiation: Callable[[jax.Array], jax.Array] = everywhere,
    depression: Callable[[jax.Array], jax.Array] = everywhere,
) -> Cell:
    """Pair STDP, all to all: pre before post potentiates, post before pre depresses.

    dw = f+(w) A+ exp(-D / tau+) for each pair with D = t_post - t_pre > 0
    dw = -f-(w) A- exp(D / tau-) for each pair with D < 0

    The carry is one trace for each unit, r ``[pre]`` and o ``[post]``: a postsynaptic spike adds
    A+ r, a presynaptic spike subtracts A- o.

    Args:
      a_plus, a_minus: A+ and A-; in Song et al. A+ is 0.005 of the largest weight.
      tau_plus, tau_minus, dt: time constants of the traces, and the time step.
      potentiation, depression: f+ and f-, such as 1 - w and w for soft bounds.

    Source: Song, Miller and Abbott 2000, doi 10.1038/78829; Morrison, Diesmann and Gerstner 2008,
    doi 10.1007/s00422-008-0233-1.

    Examples:
      >>> rule, w = pair_stdp(a_plus=1.0, a_minus=0.5, tau_minus=10.0), jnp.zeros((1, 1))
      >>> spike, none = jnp.ones(1), jnp.zeros(1)
      >>> carry, _ = rule.step(w, rule.carry(w, (spike, none, None)), (none, spike, None))
      >>> carry, change = rule.step(w, carry, (spike, none, None))
      >>> round(float(change[0, 0]), 4)  # - exp(-1/10) / 2
      -0.4524
    """
    for name, value in (("tau_plus", tau_plus), ("tau_minus", tau_minus), ("dt", dt)):
        require_positive("pair_stdp", name, value)

    def carry(w: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros(w.shape[0], w.dtype), jnp.zeros(w.shape[1], w.dtype)

    def change(w: jax.Array, traces: tuple, pre: jax.Array, post: jax.Array, _: Any) -> Any:
        r, o = traces
        up, down = r[:, None] * post[None], pre[:, None] * o[None]
        traces = _next_traces((r, o), (pre, post), (tau_plus, tau_minus), dt)
        return traces, a_plus * potentiation(w) * up - a_minus * depression(w) * down

    return local_rule("pair_stdp", change, carry)


class Triplet(NamedTuple):
    """Amplitudes and time constants of triplet STDP.

    Attributes:
      a2_plus: A2+, potentiation by a pair pre-post.
      a3_plus: A3+, potentiation by a triplet post-pre-post.
      a2_minus: A2-, depression by a pair post-pre.
      a3_minus: A3-, depression by a triplet pre-post-pre.
      tau_x: time constant of the slow trace of pre.
      tau_y: time constant of the slow trace of post.
      tau_plus: time constant of the fast trace of pre.
      tau_minus: time constant of the fast trace of post.
    """

    a2_plus: float | jax.Array
    a3_plus: float | jax.Array
    a2_minus: float | jax.Array
    a3_minus: float | jax.Array
    tau_x: float | jax.Array
    tau_y: float | jax.Array
    tau_plus: float | jax.Array = 16.8
    tau_minus: float | jax.Array = 33.7


# Pfister and Gerstner 2006, tables 3 and 4, all-to-all. tau_x has no effect where A3- is 0.
VISUAL_CORTEX = Triplet(5e-10, 6.2e-3, 7e-3, 2.3e-4, 101.0, 125.0)
VISUAL_CORTEX_MINIMAL = Triplet(0.0, 6.5e-3, 7.1e-3, 0.0, 101.0, 114.0)
HIPPOCAMPUS = Triplet(6.1e-3, 6.7e-3, 1.6e-3, 1.4e-3, 946.0, 27.0)
HIPPOCAMPUS_MINIMAL = Triplet(5.3e-3, 8e-3, 3.5e-3, 0.0, 946.0, 40.0)


@configured
def triplet_stdp(
    *, constants: Triplet = VISUAL_CORTEX_MINIMAL, dt: float | jax.Array = 1.0
) -> Cell:
    """Triplet STDP, all to all: a pair changes more if another spike came shortly before.

    at a postsynaptic spike: dw = r1 (A2+ + A3+ o2)
    at a presynaptic spike: dw = -o1 (A2- + A3- r2)

    The carry is the traces r1, r2 of pre with tau+ and tau_x, o1, o2 of post with tau- and tau_y.
    Unlike pair STDP it has the frequency dependence of pairing experiments.

    Args:
      constants: `VISUAL_CORTEX` and `HIPPOCAMPUS` are the fits of the full model,
        `VISUAL_CORTEX_MINIMAL` and `HIPPOCAMPUS_MINIMAL` those with the fewest terms. Change one
        number by ``VISUAL_CORTEX._replace(tau_y=40.0)``.
      dt: time step.

    Source: Pfister and Gerstner 2006, doi 10.1523/JNEUROSCI.1425-06.2006.

    Examples:
      >>> rule, w = triplet_stdp(), jnp.zeros((1, 1))
      >>> carry = rule.carry(w, (jnp.ones(1), jnp.ones(1), None))
      >>> changes = []
      >>> for pre, post in ((0, 1), (1, 0), (0, 1)):  # post-pre-post: pair -, triplet +
      ...     carry, change = rule.step(w, carry, (jnp.array([pre]), jnp.array([post]), None))
      ...     changes.append(round(float(change[0, 0]), 5))
      >>> changes
      [0.0, -0.00689, 0.00602]
    """
    c = constants
    times = {n: v for n, v in c._asdict().items() if n.startswith("tau")}
    for name, value in (*times.items(), ("dt", dt)):
        require_positive("triplet_stdp", name, value)

    def carry(w: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(jnp.zeros(size, w.dtype) for size in (*w.shape[:1] * 2, *w.shape[1:] * 2))

    def change(w: jax.Array, traces: tuple, pre: jax.Array, post: jax.Array, _: Any) -> Any:
        r1, r2, o1, o2 = traces
        up = r1[:, None] * (post * (c.a2_plus + c.a3_plus * o2))[None]
        down = (pre * (c.a2_minus + c.a3_minus * r2))[:, None] * o1[None]
        taus = (c.tau_plus, c.tau_x, c.tau_minus, c.tau_y)
        return _next_traces(traces, (pre, pre, post, post), taus, dt), up - down

    return local_rule("triplet_stdp", change, carry)


@configured
def reward_modulated_stdp(
    *,
    tau_eligibility: float | jax.Array = 1000.0,
    a_plus: float | jax.Array = 0.005,
    a_minus: float | jax.Array = 0.00525,
    tau_plus: float | jax.Array = 20.0,
    tau_minus: float | jax.Array = 20.0,
    dt: float | jax.Array = 1.0,
) -> Cell:
    """Reward-modulated STDP: pair STDP leaves a trace, from which a later reward makes the change.

    c <- exp(-dt / tau_c) c + dw_STDP(pre, post), change = reward c

    The same as ``modulated(pair_stdp(...), tau=tau_eligibility)``.

    Args:
      tau_eligibility: tau_c, not negative; 1 s in Izhikevich's model.
      a_plus, a_minus, tau_plus, tau_minus, dt: as in `pair_stdp`.

    Source: as `modulated`.

    Examples:
      >>> from jaxbrain.learning.plasticity import total_change
      >>> rule = reward_modulated_stdp(a_plus=1.0)
      >>> pre, post, reward = (jnp.zeros(1500).at[time].set(1.0) for time in (10, 20, 1020))
      >>> _, change = total_change(rule, jnp.zeros((1, 1)), pre[:, None], post[:, None], reward)
      >>> round(float(change[0, 0]), 4)  # exp(-10/20) exp(-1000/1000)
      0.2231
    """
    stdp = pair_stdp(a_plus=a_plus, a_minus=a_minus, tau_plus=tau_plus, tau_minus=tau_minus, dt=dt)
    require_positive("reward_modulated_stdp", "tau_eligibility", tau_eligibility, zero=True)
    return modulated(stdp, tau=tau_eligibility, dt=dt)


def _next_traces(traces: tuple, spikes: tuple, taus: tuple, dt: Any) -> tuple:
    """The traces before the next step: with the spikes of this one, then decayed."""
    rows = zip(traces, spikes, taus, strict=True)
    return tuple(retention(tau, dt, trace) * (trace + spike) for trace, spike, tau in rows)
