"""Rules that teach through fixed random weights, and the way back that all such rules share.

What is carried back layer by layer passes through feedback params: a tree like the params, of any
origin (`carry_back`). What is sent straight to every hidden layer is projected by a matrix.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss


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
    """Back-propagation with other params on the way back; with the params themselves, exact.

    g_l = a_{l-1}^T delta_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l)

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      params: of net.
      feedback: B, in the treedef of params; those of the first layer are not used.
      x: ``[batch, ...]``.
      y: ``[batch, ...]``.
      key: noise of the network; None is deterministic.

    Returns:
      The mean loss and g.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.dense(3))
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> loss = jb.losses.softmax_cross_entropy
      >>> value, grads = carry_back(net, loss, params, params, x, y)
      >>> exact = jb.backprop(net, loss).grads(params, (), x, y)[1]
      >>> bool(abs(grads[0]["kernel"] - exact[0]["kernel"]).max() < 1e-6)
      True
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
    net: Network, initializer: Initializer | None, key: jax.Array, params: Params, x: Any
) -> Params:
    """Random weights in the treedef of params: as net.init draws them, or by an initialiser.

    An initialiser draws the kernels; biases and scales, which have one axis, are those of params.

    Args:
      net: the network of params.
      initializer: of each kernel; None: ``net.init``.
      key: of the draw.
      params: of net.
      x: one example or its shape.

    Returns:
      A tree like params.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(2)), jax.numpy.ones(1)
      >>> params = net.init(jax.random.key(0), x)
      >>> ones = jax.nn.initializers.ones
      >>> draw_like(net, ones, jax.random.key(1), params, x)[0]["kernel"].tolist()
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
    """Back-propagation with fixed random weights on the way back.

    g_l = a_{l-1}^T delta_l in place of dL/dW_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l)

    The forward weights come to align with B, and g with the gradient.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      feedback_init: initialiser of each B_l in the shape of the kernel of its layer; None: B is
        drawn like the network's own weights. Give one where these begin at zero.

    Returns:
      A LearningRule whose state is B, in the treedef of params. With the state set to params it
      is back-propagation.

    Raises:
      ValueError: if net is not a flat chain.

    Source: Lillicrap et al. 2016, doi 10.1038/ncomms13276.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = feedback_alignment(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    chain.require_chain(net, "feedback_alignment")

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        return draw_like(net, feedback_init, key, params, x)

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
    """The output error, projected straight to every hidden layer by fixed random weights.

    g_l = a_{l-1}^T delta_l in place of dL/dW_l, delta_l = (e B_l) * f'(z_l), e = dL/doutput

    Args:
      net: a flat `serial` chain whose output is ``[outputs]``.
      loss: ``(prediction, target) -> scalar`` of one example.
      feedback_init: initialiser of each B_l ``[outputs, units of layer l]``.

    Returns:
      A LearningRule whose state is the tuple of B_l, one a hidden layer with weights.

    Raises:
      ValueError: if net is not a flat chain.

    Source: Nøkland 2016, arXiv 1609.01596.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = direct_feedback_alignment(net, jb.losses.softmax_cross_entropy)
      >>> x = jax.numpy.ones(4)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> [b.shape for b in state]
      [(3, 8)]
    """
    return _direct("direct_feedback_alignment", net, loss, feedback_init, _the_error)


@configured
def direct_random_target_projection(
    net: Network, loss: Loss, *, feedback_init: Initializer = lecun_normal()
) -> LearningRule:
    """The target, projected to every hidden layer by fixed random weights: no error is needed.

    g_l = a_{l-1}^T delta_l in place of dL/dW_l, delta_l = -(y* B_l) * f'(z_l) / batch

    Where direct feedback alignment sends -dL/doutput, target minus prediction for the usual
    losses, this sends the target alone: of one-hot labels it has the sign of the error, and never
    fades. Hidden layers learn before the output is known; the last layer learns from the error.
    Their weights grow as long as training lasts, and saturate their units: take wide layers and
    small steps (with 16 hidden units and Adam at 0.01 some runs on digits fail). A target of 0
    teaches nothing: a single output of 0 or 1 needs targets of -1 and 1, or two outputs.

    Args:
      net: a flat `serial` chain whose output is ``[outputs]``.
      loss: ``(prediction, target) -> scalar`` of one example; teaches the last layer.
      feedback_init: initialiser of each B_l ``[outputs, units of layer l]``.

    Returns:
      A LearningRule whose state is the tuple of B_l, one a hidden layer with weights.

    Raises:
      ValueError: if net is not a flat chain, or at trace time if the targets are neither labels
        nor in the shape of the output.

    Source: Frenkel, Lefebvre and Bol 2021, doi 10.3389/fnins.2021.629892, arXiv 1909.01311.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = direct_random_target_projection(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> [b.shape for b in state]
      [(3, 8)]
    """
    return _direct("direct_random_target_projection", net, loss, feedback_init, _the_target)


def _the_error(rule: str, error: jax.Array, output: jax.Array, y: Any) -> jax.Array:
    return error


def _the_target(rule: str, error: jax.Array, output: jax.Array, y: Any) -> jax.Array:
    return -chain.target_vectors(rule, y, output) / output.shape[0]


def _direct(
    name: str,
    net: Network,
    loss: Loss,
    feedback_init: Initializer,
    sent: Callable[[str, jax.Array, jax.Array, Any], jax.Array],
) -> LearningRule:
    """The last layer learns from the error, every other from a projection of what is sent."""
    chain.require_chain(net, name)

    def init(key: jax.Array, params: Params, x: Any) -> tuple[jax.Array, ...]:
        shapes = chain.block_shapes(net, params, x)
        hidden = shapes[:-1]
        keys = jax.random.split(key, max(len(hidden), 1))
        return tuple(
            feedback_init(k, (shapes[-1].size, h.size), h.dtype)
            for k, h in zip(keys, hidden, strict=False)
        )

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        activities = chain.forward(net, params, x, key=key)
        value, error = chain.loss_and_error(loss, activities[-1], y)
        keys = chain.layer_keys(net, x, key)
        flat = sent(name, error, activities[-1], y).reshape(error.shape[0], -1)
        changes = chain.block_gradients(
            net, params, activities, [*(flat @ b for b in state), error], keys
        )
        return value, changes, state

    return LearningRule(init, grads, net)
