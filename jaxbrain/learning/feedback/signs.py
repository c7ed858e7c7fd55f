"""Sign symmetry: feedback weights with the signs of the forward weights.

    g_l = a_{l-1}^T delta_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l), B_l = |M_l| * sign(W_l)

The three rules differ in the magnitudes |M|: one number for each layer, random and fixed, or random
and drawn for each batch. Biases and the scales of a normalization belong to one neuron and are used
as they are. With the magnitudes of the weights themselves the rules are back-propagation.
"""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.nn.initializers import Initializer

from jaxbrain.core.composition import example
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Loss, Network, Params, RuleInit
from jaxbrain.learning import chain
from jaxbrain.learning.feedback.fixed import carry_back, draw_like

_MAGNITUDES = 0x516E  # separates the keys of the magnitudes from those of the network's noise


@configured
def sign_symmetry(
    net: Network, loss: Loss, *, scale: float | jax.Array | None = None
) -> LearningRule:
    """Sign symmetry with one magnitude for each layer (uSF).

    g_l = a_{l-1}^T delta_l, delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l), B_l = s_l sign(W_l)

    Biases and the scales of a normalization are used as they are. The state is s_l, a scalar for
    each leaf of params.

    Args:
      scale: s of every layer; positive. None: s_l is the root mean square of the initial weights,
        so that the error neither vanishes nor explodes. Give one if these are zero.

    Source: Liao, Leibo and Poggio 2016, arXiv 1510.05067 (there s = 1); scaled, Xiao et al. 2018,
    arXiv 1811.03567, and Moskovitz et al. 2018, arXiv 1812.06488.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(2, bias_init=None))
      >>> rule = sign_symmetry(net, jb.losses.half_mse)
      >>> params = ({"kernel": jax.numpy.array([[7.0, -1.0]])},)
      >>> rule.init(jax.random.key(0), params, jax.numpy.ones(1))[0]["kernel"].tolist()
      5.0
    """
    chain.require_chain(net, "sign_symmetry", loss)
    if scale is not None:
        require_positive("sign_symmetry", "scale", scale)

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        def magnitude(w: jax.Array) -> jax.Array:
            if scale is None:
                return jnp.sqrt(jnp.mean(jnp.square(w)))
            return jnp.asarray(scale).astype(w.dtype)

        return jax.tree.map(magnitude, params)

    return _with_fixed_magnitudes(net, loss, init)


@configured
def fixed_random_sign_symmetry(
    net: Network, loss: Loss, *, feedback_init: Initializer | None = None
) -> LearningRule:
    """Sign symmetry with fixed random magnitudes (frSF).

    As `sign_symmetry`, with B_l = |M_l| * sign(W_l) and M_l drawn once. The state is |M|, in the
    structure of params.

    Args:
      feedback_init: initializer of each M_l; None: M is drawn like the network's own weights. Give
        one if these are zero at the start.

    Source: Liao, Leibo and Poggio 2016, arXiv 1510.05067; Moskovitz et al. 2018, arXiv 1812.06488.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, minus = jb.serial(jb.dense(2)), jax.nn.initializers.constant(-0.5)
      >>> rule = fixed_random_sign_symmetry(net, jb.losses.half_mse, feedback_init=minus)
      >>> x = jax.numpy.ones(1)
      >>> params = net.init(jax.random.key(0), x)
      >>> rule.init(jax.random.key(1), params, x)[0]["kernel"].tolist()
      [[0.5, 0.5]]
    """
    chain.require_chain(net, "fixed_random_sign_symmetry", loss)

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        return jax.tree.map(jnp.abs, draw_like(key, net, feedback_init, params, x))

    return _with_fixed_magnitudes(net, loss, init)


@configured
def batch_random_sign_symmetry(
    net: Network, loss: Loss, *, feedback_init: Initializer | None = None
) -> LearningRule:
    """Sign symmetry with random magnitudes that are drawn for each batch (brSF).

    As `fixed_random_sign_symmetry`, with M_l drawn from the key of each batch; without state.

    Args:
      feedback_init: initializer of each M_l; None: M is drawn like the network's own weights. Give
        one if these are zero at the start.

    Source: Liao, Leibo and Poggio 2016, arXiv 1510.05067; Moskovitz et al. 2018, arXiv 1812.06488.

    Examples:
      >>> import jaxbrain as jb
      >>> rule = batch_random_sign_symmetry(jb.serial(jb.dense(2)), jb.losses.half_mse)
      >>> x = y = jax.numpy.ones((1, 2))
      >>> rule.grads((), (), x, y)
      Traceback (most recent call last):
        ...
      ValueError: batch_random_sign_symmetry needs a key: it draws magnitudes for each batch; ...
    """
    chain.require_chain(net, "batch_random_sign_symmetry", loss)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        key = require_key("batch_random_sign_symmetry", key, "it draws magnitudes for each batch")
        jax.eval_shape(net.apply, params, example(x))  # refuses x before it is drawn for
        draw = jax.random.fold_in(jax.random.clone(key), _MAGNITUDES)
        magnitudes = draw_like(draw, net, feedback_init, params, example(x))
        feedback = _with_signs(params, jax.tree.map(jnp.abs, magnitudes))
        value, changes = carry_back(net, loss, params, feedback, x, y, key=key)
        return value, changes, state

    return LearningRule(chain.no_state, grads, net)


def _with_fixed_magnitudes(net: Network, loss: Loss, init: RuleInit) -> LearningRule:
    """The rule whose state, drawn by init, holds the magnitudes of the feedback."""

    def grads(
        params: Params, state: Params, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Params]:
        feedback = _with_signs(params, state)
        value, changes = carry_back(net, loss, params, feedback, x, y, key=key)
        return value, changes, state

    return LearningRule(init, grads, net)


def _with_signs(params: Params, magnitudes: Params) -> Params:
    """The magnitudes with the signs of the kernels; leaves with one axis are used as they are."""

    def signed(w: jax.Array, magnitude: jax.Array) -> jax.Array:
        return w if w.ndim < 2 else jnp.sign(w) * magnitude.astype(w.dtype)

    return jax.tree.map(signed, params, magnitudes)
