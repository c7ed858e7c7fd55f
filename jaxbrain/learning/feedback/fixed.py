"""Fixed random feedback: feedback alignment, direct feedback alignment and target projection.

`carry_back` is the backward pass of all rules with feedback weights: it propagates the error layer
by layer through feedback parameters, a tree like the parameters. Direct rules project a signal from
the output to every hidden block by a matrix B_l ``[outputs, units]``; their state is the tuple of
these matrices, one for each hidden block.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain


def carry_back(
    net: Network,
    loss: Loss,
    params: Params,
    feedback: Params,
    x: Any,
    y: Any,
    *,
    key: jax.Array | None = None,
) -> tuple[jax.Array, Params]:
    """The mean loss, and back-propagation with feedback parameters in the backward pass.

    g_l = a_{l-1}^T delta_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l)

    With B = W it is exact. An error passes a composed layer by its pullback with parameters B. The
    feedback parameters of the first layer are not used.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(1, bias_init=None), jb.dense(1, bias_init=None))
      >>> def kernels(*values):
      ...     return tuple({"kernel": jax.numpy.full((1, 1), value)} for value in values)
      >>> x = y = jax.numpy.ones((1, 1))  # the output is 3, the error 2
      >>> _, grads = carry_back(net, jb.losses.half_mse, kernels(1.0, 3.0), kernels(0.0, 5.0), x, y)
      >>> [float(g["kernel"][0, 0]) for g in grads]
      [10.0, 2.0]
    """
    activities = chain.forward(net, params, x, key=key)
    value, signal = chain.loss_and_error(loss, activities[-1], y)
    keys = chain.layer_keys(net, x, key)
    changes = []
    for i in reversed(range(len(net.layers))):
        layer, a, k = net.layers[i], activities[i], keys[i]
        changes.append(chain.pull_params(layer, params[i], a, signal, key=k))
        if i:
            signal = chain.pull_input(layer, feedback[i], a, signal, key=k)
    return value, tuple(reversed(changes))


def draw_like(
    key: jax.Array, net: Network, initializer: Initializer | None, params: Params, x: Any
) -> Params:
    """Random weights in the structure of params, by ``net.init`` or by an initializer of kernels.

    The initializer draws kernels only; leaves with one axis (biases, scales) are those of params.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(2)), jax.numpy.ones(1)
      >>> params = net.init(jax.random.key(0), x)
      >>> ones = jax.nn.initializers.ones
      >>> draw_like(jax.random.key(1), net, ones, params, x)[0]["kernel"].tolist()
      [[1.0, 1.0]]
    """
    if initializer is None:
        return net.init(key, x)
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(key, max(len(leaves), 1))
    drawn = [
        initializer(k, leaf.shape, leaf.dtype) if leaf.ndim > 1 else leaf
        for k, leaf in zip(keys, leaves, strict=False)
    ]
    return jax.tree.unflatten(treedef, drawn)


@configured
def feedback_alignment(
    net: Network, loss: Loss, *, feedback_init: Initializer | None = None
) -> LearningRule:
    """Feedback alignment: back-propagation with fixed random weights in the backward pass.

    g_l = a_{l-1}^T delta_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l)

    During training the forward weights align with B, and g with the gradient. The state is B, in
    the structure of params; with params as the state the rule is back-propagation.

    Args:
      feedback_init: initializer of each B_l; None: B is drawn like the network's own weights. Give
        one if these are zero at the start.

    Source: Lillicrap et al. 2016, doi 10.1038/ncomms13276.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(3)), jax.numpy.ones(4)
      >>> rule = feedback_alignment(net, jb.losses.softmax_cross_entropy)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> [b["kernel"].shape for b in state]
      [(4, 8), (8, 3)]
    """
    chain.require_chain(net, "feedback_alignment", loss)

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        return draw_like(key, net, feedback_init, params, x)

    def grads(
        params: Params, state: Params, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Params]:
        value, changes = carry_back(net, loss, params, state, x, y, key=key)
        return value, changes, state

    return LearningRule(init, grads, net)


@configured
def direct_feedback_alignment(
    net: Network, loss: Loss, *, feedback_init: Initializer = lecun_normal()
) -> LearningRule:
    """Direct feedback alignment: fixed random projections of the output error to hidden layers.

    g_l = a_{l-1}^T delta_l, delta_l = (e B_l) * f'(z_l), e = dL/doutput

    L is the mean over the batch: hidden updates are those of the source divided by the batch size,
    so a learning rate that was published for SGD does not transfer.

    Args:
      feedback_init: initializer of each B_l ``[outputs, units]``; the state is the tuple of them.

    Source: Nøkland 2016, arXiv 1609.01596.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(3)), jax.numpy.ones(4)
      >>> rule = direct_feedback_alignment(net, jb.losses.softmax_cross_entropy)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> [b.shape for b in state]
      [(3, 8)]
    """
    return _direct("direct_feedback_alignment", net, loss, feedback_init, _error)


@configured
def direct_random_target_projection(
    net: Network, loss: Loss, *, feedback_init: Initializer = lecun_normal()
) -> LearningRule:
    """Direct random target projection: fixed random projections of the target to hidden layers.

    g_l = a_{l-1}^T delta_l, delta_l = -(y* B_l) * f'(z_l) / batch

    Of a one-hot target y*, -y* has the sign of the error. So hidden layers learn before the output
    is known; the last layer learns from the error. The signal never fades: weights grow throughout
    training and saturate their units, so use wide layers and small steps. A target of 0 teaches
    nothing: give a single output targets of -1 and 1, or use two outputs. As in
    `direct_feedback_alignment`, hidden updates are the source's divided by the batch size.

    Args:
      feedback_init: initializer of each B_l ``[outputs, units]``; the state is the tuple of them.

    Source: Frenkel, Lefebvre and Bol 2021, doi 10.3389/fnins.2021.629892, arXiv 1909.01311.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(3)), jax.numpy.ones(4)
      >>> rule = direct_random_target_projection(net, jb.losses.softmax_cross_entropy)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> [b.shape for b in state]
      [(3, 8)]
    """
    return _direct("direct_random_target_projection", net, loss, feedback_init, _target)


def _error(rule: str, error: jax.Array, output: jax.Array, y: Any) -> jax.Array:
    return error


def _target(rule: str, error: jax.Array, output: jax.Array, y: Any) -> jax.Array:
    return -chain.target_vectors(rule, y, output) / output.shape[0]


def _direct(
    name: str,
    net: Network,
    loss: Loss,
    feedback_init: Initializer,
    signal: Callable[[str, jax.Array, jax.Array, Any], jax.Array],
) -> LearningRule:
    """A rule that projects a signal to every hidden block; the last block learns from the error."""
    chain.require_chain(net, name, loss)

    def init(key: jax.Array, params: Params, x: Any) -> tuple[jax.Array, ...]:
        *hidden, output = chain.block_shapes(net, params, x) or [x]
        keys = jax.random.split(key, max(len(hidden), 1))
        return tuple(
            feedback_init(k, (output.size, h.size), h.dtype)
            for k, h in zip(keys, hidden, strict=False)
        )

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        activities = chain.forward(net, params, x, key=key)
        value, error = chain.loss_and_error(loss, activities[-1], y)
        projected = signal(name, error, activities[-1], y).reshape(error.shape[0], -1)
        errors = [*(projected @ b for b in state), error]
        keys = chain.layer_keys(net, x, key)
        return value, chain.block_gradients(net, params, activities, errors, keys), state

    return LearningRule(init, grads, net)
