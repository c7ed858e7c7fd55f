"""Rules that compare phases: one free phase, phases that differ at the output, their difference.

    g_l = - sum_k weight_k dPhi/dW_l(s^k),    Phi = sum_l g^(l-L) <s_l, C_l(s_{l-1})>

Every phase k starts from the same free equilibrium. Each weight learns from the states at its two
ends.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import examples_of, split_key
from jaxbrain.core.requirements import require_count, require_wide
from jaxbrain.core.types import LearningRule, Network, Params, RuleInit
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.energy.reach import require_feedback
from jaxbrain.learning.energy.symmetric import (
    Output,
    States,
    System,
    activate_output,
    equilibrium_network,
    free_equilibrium,
    interaction,
    relax,
    residual,
    symmetric_system,
)

_MOST_MOTION = 0.1  # of the states, in the last sweep


class Residuals(NamedTuple):
    """Convergence of the phases: the change in the last sweep, relative to the states.

    |s - s before| / |s| over the batch; 0 is an equilibrium. With 0.1 or more the units still move,
    or have no equilibrium: lower the feedback gain, or take more steps.

    Attributes:
      free: of the phase without target.
      nudged: of the phases that are compared, the worst of them.
    """

    free: jax.Array
    nudged: jax.Array

    def notices(self) -> dict[str, jax.Array]:
        """Phases that did not reach their equilibrium."""
        text = (
            "the units still moved by a tenth of their activity or more in the last sweep of a "
            "phase: its end is no equilibrium; take more steps, or a lower feedback_gain where the "
            "rule has one"
        )
        return {text: ~(jnp.maximum(self.free, self.nudged) < _MOST_MOTION)}


class Phases(NamedTuple):
    """The phases that are compared.

    Attributes:
      points: ``(key, dtype) -> (points [k], weights [k])``, such as the nudges of the phases, and
        their weights in the gradient.
      output: ``(system, point, start, y) -> (h, s_L) -> s_L``: the update of the output units of
        one example for their input h, given their state at the start.
    """

    points: Callable[[jax.Array | None, Any], tuple[jax.Array, jax.Array]]
    output: Callable[[System, jax.Array, jax.Array, Any], Output]


def nudged(error: Callable[[jax.Array, Any], jax.Array]) -> Callable[..., Output]:
    """The output of `Phases` for nudges: s_L <- f_L(h - beta error(s_L, y)).

    The nudge acts within the nonlinearity; otherwise the gradient is biased.
    """

    def output(system: System, beta: jax.Array, start: jax.Array, y: Any) -> Output:
        return lambda h, s: activate_output(system, h - beta * error(s, y))

    return output


class Relaxation(NamedTuple):
    """Numbers of a relaxation: the feedback gain, sweeps of the free and of the nudged phases."""

    feedback_gain: float | jax.Array
    steps: int
    nudged_steps: int


def nudged_rule(
    name: str,
    net: Network,
    loss: Loss,
    points: Callable[[jax.Array, jax.Array | None], tuple[jax.Array, jax.Array]],
    beta: float | jax.Array,
    relaxation: Relaxation,
    *,
    gradient: Callable[[Loss], Callable[[jax.Array, Any], jax.Array]] = jax.grad,
) -> LearningRule:
    """The rule of the phases with ``(nudges, weights) = points(beta, key)``.

    The error of the output is ``gradient(loss)``.
    """
    require_count(name, "nudged_steps", relaxation.nudged_steps)
    system = symmetric_system(net, name, relaxation.feedback_gain, loss)

    def nudges(key: jax.Array | None, dtype: Any) -> tuple[jax.Array, jax.Array]:
        return points(jnp.asarray(beta).astype(dtype), key)

    phases = Phases(nudges, nudged(gradient(loss)))
    return contrast_rule(name, system, loss, phases, *relaxation[1:], nudge=beta)


def no_residuals(net: Network) -> RuleInit:
    """The ``init`` of a rule whose state holds `Residuals`, in the dtype of its output."""

    def init(key: jax.Array, params: Params, x: Any) -> Residuals:
        zero = jnp.zeros((), jax.eval_shape(net.apply, params, x).dtype)
        return Residuals(zero, zero)

    return init


def contrast_rule(
    name: str,
    system: System,
    loss: Loss,
    phases: Phases,
    steps: int,
    contrast_steps: int,
    *,
    nudge: float | jax.Array,
) -> LearningRule:
    """The rule of a symmetric network and the phases that it compares, which differ by a nudge."""
    require_count(name, "steps", steps)
    reach = functools.partial(
        require_feedback, name, len(system.units), system.feedback_gain, nudge
    )
    reach(jax.dtypes.canonicalize_dtype(float))  # before a training, which traces the numbers
    network = equilibrium_network(system.net, feedback_gain=system.feedback_gain, steps=steps)
    n_layers = len(system.net.layers)

    def free(params: Params, x: Any, key: Any) -> tuple:
        return free_equilibrium(system, params, _layer_keys(key, n_layers), x, steps=steps)

    def phase(params: Params, drive: jax.Array, s: States, y: Any, key: Any, point: Any) -> tuple:
        output, keys = phases.output(system, point, s[-1], y), _layer_keys(key, n_layers)
        return relax(system, params, keys, drive, s, output, steps=contrast_steps)

    def grads(
        params: Params, state: Residuals, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Residuals]:
        keys = _example_keys(key, x)
        drive, s, change = jax.vmap(free, (None, 0, 0))(params, x, keys)
        require_wide(name, s[-1])
        reach(s[-1].dtype)
        value = chain.batch_loss(loss, s[-1], y)
        points, weights = phases.points(key, s[-1].dtype)
        p, drive, s = _like(points, (params, drive, s))
        each = jax.vmap(phase, (None, 0, 0, 0, 0, None))
        s, changes = jax.vmap(each, (None, None, None, None, None, 0))(p, drive, s, y, keys, points)
        gradient = _difference(system, p, (_like(points, x), s, keys), weights)
        gradient = jax.tree.map(lambda g, p: jnp.real(g).astype(p.dtype), gradient, params)
        worst = jnp.max(jax.vmap(residual)(*changes))
        return value, gradient, Residuals(residual(*change), worst)

    return LearningRule(no_residuals(network), grads, network)


def _difference(system: System, params: Params, ends: tuple, weights: jax.Array) -> Params:
    """The weighted sum of -dPhi/dW over the phases, its mean over the batch.

    `ends` are the inputs, the states of every phase, and the keys: all that meets at a weight.
    """

    def phi(params: Params, x: Any, s: States, key: Any) -> jax.Array:
        return interaction(system, params, _layer_keys(key, len(system.net.layers)), x, s)

    def total(params: Params) -> jax.Array:
        each = jax.vmap(jax.vmap(phi, (None, 0, 0, 0)), (None, None, 0, None))(params, *ends)
        return -jnp.sum(weights @ each) / each.shape[1]

    return jax.grad(total, holomorphic=jnp.iscomplexobj(weights))(params)


def _example_keys(key: jax.Array | None, x: Any) -> jax.Array | None:
    """The keys of the examples, those of ``batch(net)``."""
    if key is None:
        return None
    return jax.random.split(jax.random.clone(key), examples_of(x))


def _layer_keys(key: jax.Array | None, n: int) -> Any:
    """The keys of the layers of one example; cloned, because every phase has the same noise."""
    return split_key(None if key is None else jax.random.clone(key), n)


def _like(points: jax.Array, tree: Any) -> Any:
    """The tree with complex floats, if the points are complex."""

    def cast(a: Any) -> Any:
        return a.astype(points.dtype) if jnp.issubdtype(a.dtype, jnp.inexact) else a

    return jax.tree.map(cast, tree) if jnp.iscomplexobj(points) else tree
