"""Synaptic intelligence: importance of weights from the loss that each has reduced.

It wraps an optax optimizer, where a gradient meets the step that is made of it. At the end of a
task the path integral of each weight becomes its importance.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.arguments import checked
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.core.types import Params


class SynapticState(NamedTuple):
    """State of `synaptic_intelligence`.

    Attributes:
      inner: state of the wrapped optimizer.
      path: reduction of the loss by each weight during this task.
      anchor: weights at the start of this task.
      importance: of each weight for the tasks before.
    """

    inner: Any
    path: Params
    anchor: Params
    importance: Params


@checked
def synaptic_intelligence(
    optimizer: optax.GradientTransformation, *, strength: float | jax.Array = 0.1
) -> optax.GradientTransformationExtraArgs:
    """Synaptic intelligence around an optimizer: weights that reduced the loss are held.

    path_i <- path_i - g_i dtheta_i
    step on g_i + 2 strength importance_i (theta_i - anchor_i)

    g is the gradient of the task alone, dtheta the step that is taken. For small steps on all data
    the sum of the paths over the weights is the reduction of the loss.

    Args:
      optimizer: any optax transformation that makes a step of a gradient.
      strength: c, not negative; of order 1 or below, as the importance has the scale of the loss.

    Returns:
      An optax transformation with a `SynapticState`. Its update needs params, as `jaxbrain.fit`
      gives them; `end_task` ends a task.

    Source: Zenke, Poole and Ganguli 2017, arXiv 1703.04200.

    Examples:
      >>> import jax.numpy as jnp, optax
      >>> optimizer, params = synaptic_intelligence(optax.sgd(0.1)), jnp.array([1.0, 1.0])
      >>> state = optimizer.init(params)
      >>> updates, state = optimizer.update(jnp.array([2.0, 0.0]), state, params)
      >>> state.path.tolist()  # -(2 * -0.2), and nothing of the second weight
      [0.4000000059604645, 0.0]
    """
    require_positive("synaptic_intelligence", "strength", strength, zero=True)
    inner, strength = optax.with_extra_args_support(optimizer), jnp.asarray(strength)

    def init(params: Params) -> SynapticState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        # copies, as a program that donates its state must not get one array twice
        return SynapticState(
            inner.init(params), zeros, jax.tree.map(jnp.array, params),
            jax.tree.map(jnp.zeros_like, params),
        )  # fmt: skip

    def update(
        updates: Params, state: Any, params: Params = None, **extra: Any
    ) -> tuple[Params, SynapticState]:
        if params is None:
            raise ValueError(
                "synaptic_intelligence needs the weights: optimizer.update(grads, state, params)"
            )
        pulled = jax.tree.map(
            lambda g, f, p, a: g + 2 * as_number(strength, g) * f * (p - a),
            updates, state.importance, params, state.anchor,
        )  # fmt: skip
        steps, inner_state = inner.update(pulled, state.inner, params, **extra)
        path = jax.tree.map(lambda w, g, s: w - g * s, state.path, updates, steps)
        return steps, state._replace(inner=inner_state, path=path)

    return optax.GradientTransformationExtraArgs(init, update)


@checked
def end_task(
    state: SynapticState, params: Params, *, damping: float | jax.Array = 1e-3
) -> SynapticState:
    """The state after a task: paths become importance, and the next task begins.

    importance_i <- max(0, importance_i + path_i / ((theta_i - anchor_i)^2 + damping))
    anchor <- theta, path <- 0

    The importance is never negative, as in the code of the authors.

    Args:
      state: of `synaptic_intelligence`; of a training it is ``state.opt_state``.
      params: weights at the end of the task.
      damping: xi, positive; bounds the importance of weights that hardly moved.

    Source: Zenke, Poole and Ganguli 2017, arXiv 1703.04200.

    Examples:
      >>> import jax.numpy as jnp, optax
      >>> state = synaptic_intelligence(optax.sgd(0.1)).init(jnp.array([0.0]))
      >>> state = end_task(state._replace(path=jnp.array([3.0])), jnp.array([1.0]), damping=0.5)
      >>> state.importance.tolist(), state.anchor.tolist(), state.path.tolist()
      ([2.0], [1.0], [0.0])
    """
    if not isinstance(state, SynapticState):
        raise TypeError(
            f"end_task: state must be a SynapticState, got {type(state).__name__}; of a training "
            "with synaptic_intelligence it is state.opt_state"
        )
    require_positive("end_task", "damping", damping)

    def importance(f: jax.Array, w: jax.Array, p: jax.Array, a: jax.Array) -> jax.Array:
        return jnp.maximum(f + w / (jnp.square(p - a) + as_number(damping, p)), 0)

    return SynapticState(
        state.inner,
        jax.tree.map(jnp.zeros_like, state.path),
        jax.tree.map(jnp.array, params),
        jax.tree.map(importance, state.importance, state.path, params, state.anchor),
    )
