"""Sign symmetry: the way back shares only the signs of the forward weights.

The three rules differ in the magnitudes of the feedback: one number a layer, random and fixed, or
random and new for each batch.
"""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.nn.initializers import Initializer

from jaxbrain.core.composition import example
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.feedback.fixed import carry_back, draw_like

_MAGNITUDES = 0x516E  # separates the keys of the magnitudes from those of the network's noise


@configured
def sign_symmetry(
    net: Network, loss: Loss, *, scale: float | jax.Array | None = None
) -> LearningRule:
    """Back-propagation through the signs of the weights, all of one magnitude a layer (uSF).

    g_l = a_{l-1}^T delta_l in place of dL/dW_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l),
    B_l = s_l sign(W_l)

    Biases and the scales of a normalisation belong to one neuron and are used as they are.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      scale: s of every layer; positive. None: s_l is the root mean square of the weights that
        training starts from, so that the error neither fades nor explodes on its way. Give one
        where these begin at zero.

    Returns:
      A LearningRule whose state is s_l, ``[]`` for each leaf of params. With the state set to the
      magnitudes of params it is back-propagation.

    Raises:
      ValueError: if net is not a flat chain, or scale is not positive.

    Source: Liao, Leibo and Poggio 2016, arXiv 1510.05067 (there s = 1); scaled, Xiao et al. 2018,
    arXiv 1811.03567, and Moskovitz, Litwin-Kumar and Abbott 2018, arXiv 1812.06488.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = sign_symmetry(net, jb.losses.softmax_cross_entropy, scale=0.5)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y)
      >>> state[0]["kernel"].tolist(), grads[0]["kernel"].shape
      (0.5, (4, 8))
    """
    chain.require_chain(net, "sign_symmetry")
    if scale is not None:
        require_positive("sign_symmetry", "scale", scale)

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        def magnitude(w: jax.Array) -> jax.Array:
            if scale is None:
                return jnp.sqrt(jnp.mean(jnp.square(w)))
            return jnp.asarray(scale).astype(w.dtype)

        return jax.tree.map(magnitude, params)

    def grads(
        params: Params, state: Params, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Params]:
        feedback = _with_signs(params, state)
        value, changes = carry_back(net, loss, params, feedback, x, y, key=key)
        return value, changes, state

    return LearningRule(init, grads, net)


@configured
def fixed_random_sign_symmetry(
    net: Network, loss: Loss, *, feedback_init: Initializer | None = None
) -> LearningRule:
    """Back-propagation through the signs of the weights, with random magnitudes (frSF).

    g_l = a_{l-1}^T delta_l in place of dL/dW_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l),
    B_l = |M_l| * sign(W_l), M_l drawn once

    Biases and the scales of a normalisation belong to one neuron and are used as they are.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      feedback_init: initialiser of each M_l in the shape of the kernel of its layer; None: M is
        drawn like the network's own weights. Give one where these begin at zero.

    Returns:
      A LearningRule whose state is |M|, in the treedef of params. With the state set to the
      magnitudes of params it is back-propagation.

    Raises:
      ValueError: if net is not a flat chain.

    Source: Liao, Leibo and Poggio 2016, arXiv 1510.05067; Moskovitz, Litwin-Kumar and Abbott 2018,
    arXiv 1812.06488.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = fixed_random_sign_symmetry(net, jb.losses.softmax_cross_entropy)
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(4))
      >>> state = rule.init(jax.random.key(1), params, jax.numpy.ones(4))
      >>> bool((state[0]["kernel"] >= 0).all())
      True
    """
    chain.require_chain(net, "fixed_random_sign_symmetry")

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        return jax.tree.map(jnp.abs, draw_like(net, feedback_init, key, params, x))

    def grads(
        params: Params, state: Params, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Params]:
        feedback = _with_signs(params, state)
        value, changes = carry_back(net, loss, params, feedback, x, y, key=key)
        return value, changes, state

    return LearningRule(init, grads, net)


@configured
def batch_random_sign_symmetry(
    net: Network, loss: Loss, *, feedback_init: Initializer | None = None
) -> LearningRule:
    """Back-propagation through the signs of the weights, their magnitudes new each batch (brSF).

    g_l = a_{l-1}^T delta_l in place of dL/dW_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l),
    B_l = |M_l| * sign(W_l), M_l drawn for each batch

    Biases and the scales of a normalisation belong to one neuron and are used as they are.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      feedback_init: initialiser of each M_l in the shape of the kernel of its layer; None: M is
        drawn like the network's own weights. Give one where these begin at zero.

    Returns:
      A LearningRule without state, which needs a key for its gradients.

    Raises:
      ValueError: if net is not a flat chain, or at trace time if there is no key.

    Source: Liao, Leibo and Poggio 2016, arXiv 1510.05067; Moskovitz, Litwin-Kumar and Abbott 2018,
    arXiv 1812.06488.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = batch_random_sign_symmetry(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, (), x, y, key=jax.random.key(1))
      >>> state
      ()
    """
    chain.require_chain(net, "batch_random_sign_symmetry")

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        key = require_key("batch_random_sign_symmetry", key, "it draws magnitudes for each batch")
        draw = jax.random.fold_in(jax.random.clone(key), _MAGNITUDES)
        magnitudes = draw_like(net, feedback_init, draw, params, example(x))
        feedback = _with_signs(params, jax.tree.map(jnp.abs, magnitudes))
        value, changes = carry_back(net, loss, params, feedback, x, y, key=key)
        return value, changes, state

    return LearningRule(chain.no_state, grads, net)


def _with_signs(params: Params, magnitudes: Params) -> Params:
    """The magnitudes with the signs of the kernels; what has one axis is used as it is."""

    def signed(w: jax.Array, magnitude: jax.Array) -> jax.Array:
        return w if w.ndim < 2 else jnp.sign(w) * magnitude.astype(w.dtype)

    return jax.tree.map(signed, params, magnitudes)
