"""PEPITA: the error is added to the input, and what a second pass changes is what is learned."""

from typing import Any

import jax
from jax.nn.initializers import Initializer, variance_scaling

from jaxbrain.core.composition import constructor
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_wide
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.networks.layers import embed
from jaxbrain.networks.parts import as_float

# 0.05 times He's uniform: +-0.05 sqrt(6 / inputs)
SMALL = variance_scaling(2 * 0.05**2, "fan_out", "uniform")


@configured
def pepita(net: Network, loss: Loss, *, feedback_init: Initializer = SMALL) -> LearningRule:
    """Two forward passes, the second with the error on the input; no way back.

    x' = x + e F,   g_1 = x'^T (h_1 - h'_1),   g_l = h'_{l-1}^T (h_l - h'_l),   g_L = h'_{L-1}^T e'

    h are the activities of the first pass and h' those of the second; e = dL/doutput of the first
    (softmax(output) - target for the cross-entropy), e' that of the second, as in the authors'
    code. h_l is the last activity of a block in the shape of its layer's output: after the
    activation, before pooling. A convolution sums over positions, as its gradient does.

    Args:
      net: a flat `serial` chain whose output is ``[outputs]``.
      loss: ``(prediction, target) -> scalar`` of one example.
      feedback_init: initialiser of F ``[outputs, inputs]``. Its scale matters: 10 times the
        default leaves the network at chance.

    Returns:
      A LearningRule whose state is F.

    Raises:
      ValueError: if net is not a flat chain, or begins with an embedding.
      TypeError: at trace time, if the network answers in half precision.

    Source: Dellaferrera and Kreiman 2022, arXiv 2201.11665.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = jb.learning.pepita(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> state.shape
      (3, 4)
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    chain.require_chain(net, "pepita")
    refuse_tokens("pepita", net, "the error is added to the input")

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
        modulation = n * error.reshape(n, -1) @ state  # the error of each example, not of the mean
        modulated = first[0] + modulation.reshape(first[0].shape).astype(first[0].dtype)
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


def refuse_tokens(rule: str, net: Network, why: str) -> None:
    """Refuse a chain over tokens."""
    for layer in net.layers:
        if constructor(layer) is embed:
            raise ValueError(
                f"{rule} needs inputs that are numbers, {why}, and {net} takes tokens; begin with "
                "jb.dense or jb.conv on embedded inputs, or use jb.backprop"
            )


def _last_of_shape(activities: list[jax.Array], at: int, stop: int) -> int:
    """The last activity up to `stop` that still has the shape it has at `at`."""
    while at < stop and activities[at + 1].shape == activities[at].shape:
        at += 1
    return at
