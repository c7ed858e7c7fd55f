"""Rules that carry the error back through weights other than the forward ones."""

from typing import Any

import jax
from jax.nn.initializers import Initializer, lecun_normal

from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.network import LearningRule, Network, Params


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
      >>> value, grads, state = rule.grads(params, state, x, y)
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    chain.require_chain(net, "feedback_alignment")

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        if feedback_init is None:
            return net.init(key, x)
        leaves, treedef = jax.tree.flatten(params)
        keys = jax.random.split(key, max(len(leaves), 1))
        drawn = [
            feedback_init(k, leaf.shape, leaf.dtype) if leaf.ndim > 1 else leaf
            for k, leaf in zip(keys, leaves, strict=False)
        ]
        return jax.tree.unflatten(treedef, drawn)

    def grads(
        params: Params, state: Params, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Params]:
        activities = chain.forward(net, params, x, key=key)
        value, signal = chain.loss_and_error(loss, activities[-1], y)
        keys = chain.layer_keys(net, x, key)
        changes = []
        for i in reversed(range(len(net.layers))):
            layer, a, k = net.layers[i], activities[i], keys[i]
            changes.append(chain.pull_params(layer, params[i], a, signal, key=k))
            if i:
                signal = chain.pull_input(layer, state[i], a, signal, key=k)
        return value, tuple(reversed(changes)), state

    return LearningRule(init, grads, net, "feedback_alignment")


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
    chain.require_chain(net, "direct_feedback_alignment")

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
        flat = error.reshape(error.shape[0], -1)
        changes = list(params)
        parts = chain.blocks(params)
        for j, (start, stop) in enumerate(parts):
            last = j == len(parts) - 1
            signal = error if last else (flat @ state[j]).reshape(activities[stop].shape)
            for i in reversed(range(start + 1, stop)):
                signal = chain.pull_input(
                    net.layers[i], params[i], activities[i], signal, key=keys[i]
                )
            changes[start] = chain.pull_params(
                net.layers[start], params[start], activities[start], signal, key=keys[start]
            )
        return value, tuple(changes), state

    return LearningRule(init, grads, net, "direct_feedback_alignment")
