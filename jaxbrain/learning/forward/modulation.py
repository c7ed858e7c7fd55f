"""PEPITA: weights change by the difference between two forward passes."""

from typing import Any

import jax
from jax.nn.initializers import Initializer, variance_scaling

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_wide
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.networks.parts import as_float

# 0.05 times the uniform initializer of He et al.: +-0.05 sqrt(6 / inputs)
SMALL = variance_scaling(2 * 0.05**2, "fan_out", "uniform")


@configured
def pepita(net: Network, loss: Loss, *, feedback_init: Initializer = SMALL) -> LearningRule:
    """PEPITA: two forward passes, the second with the projected error added to the input.

    x' = x + e F,   g_1 = x'^T (h_1 - h'_1),   g_l = h'_{l-1}^T (h_l - h'_l),   g_L = h'_{L-1}^T e'

    h are the activities of the first pass and h' those of the second; e = dL/doutput of the first
    and e' of the second, as in the authors' code. h_l is the last activity of a block in the shape
    of its layer's output: after the activation, before pooling. A convolution sums over positions.
    The state is F ``[outputs, inputs]``. Activities must have 32 bits or more.

    Args:
      net: a chain whose inputs are numbers, not tokens.
      feedback_init: initializer of F. Its scale matters: 10 times the default stays near chance.

    Source: Dellaferrera and Kreiman 2022, arXiv 2201.11665.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(3)), jax.numpy.ones(4)
      >>> rule = pepita(net, jb.losses.softmax_cross_entropy)
      >>> rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x).shape
      (3, 4)
    """
    chain.require_chain(net, "pepita", loss)
    chain.refuse_tokens(net, "pepita", "the error is added to the input")

    def init(key: jax.Array, params: Params, x: Any) -> jax.Array:
        output = jax.eval_shape(net.apply, params, x)
        return feedback_init(key, (output.size, x.size), output.dtype)

    def grads(
        params: Params, state: jax.Array, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, jax.Array]:
        first = chain.forward(net, params, as_float(x, state.dtype), key=key)
        value, error = chain.loss_and_error(loss, first[-1], y)
        require_wide("pepita", value)
        n = len(error)
        projected = n * error.reshape(n, -1) @ state  # the error of each example, not of the mean
        modulated = first[0] + projected.reshape(first[0].shape).astype(first[0].dtype)
        second = chain.forward(net, params, modulated, key=key)
        signal = chain.loss_and_error(loss, second[-1], y)[1]
        keys = chain.layer_keys(net, x, key)
        changes = list(params)
        for start, stop in reversed(chain.blocks(params)):
            if stop == len(net.layers):
                for i in reversed(range(start + 1, stop)):
                    signal = chain.pull_input(
                        net.layers[i], params[i], second[i], signal, key=keys[i]
                    )
            else:
                at = _last_of_shape(second, start + 1, stop)
                signal = (first[at] - second[at]) / n
            changes[start] = chain.pull_params(
                net.layers[start], params[start], second[start], signal, key=keys[start]
            )
        return value, tuple(changes), state

    return LearningRule(init, grads, net)


def _last_of_shape(activities: list[jax.Array], at: int, stop: int) -> int:
    """The index of the last activity up to `stop` in the shape of activity `at`."""
    while at < stop and activities[at + 1].shape == activities[at].shape:
        at += 1
    return at
