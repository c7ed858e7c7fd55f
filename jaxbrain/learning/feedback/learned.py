"""Learned feedback: Kolen-Pollack and the weight mirror align feedback with forward weights."""

import functools
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax
from jax.nn.initializers import Initializer

from jaxbrain.core.composition import example, require_linear
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    require_count,
    require_fraction,
    require_key,
    require_positive,
)
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.auxiliary import optimize
from jaxbrain.learning.feedback.fixed import carry_back, draw_like

_NOISE = 0x3177  # separates the keys of the mirror's noise from those of the network's


class LearnedFeedback(NamedTuple):
    """Feedback weights and the state of their optimizer.

    Attributes:
      feedback: B, in the structure of params.
      opt_state: of the optimizer of B.
    """

    feedback: Params
    opt_state: Any


@configured
def kolen_pollack(
    net: Network,
    loss: Loss,
    *,
    decay: float | jax.Array = 3e-4,
    optimizer: optax.GradientTransformation = optax.adam(1e-3),
    feedback_init: Initializer | None = None,
) -> LearningRule:
    """Kolen-Pollack: feedback weights with the changes and the decay of the forward weights.

    delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l), G_l = a_{l-1}^T delta_l,
    g_l = G_l + decay W_l, and B_l changes by G_l + decay B_l

    W and B get the same changes, so the decay removes their difference: with ``optax.sgd(rate)``
    for both, W - B shrinks by exactly 1 - rate decay in each step, and the rule becomes
    back-propagation. With ``decay=0`` and ``optax.adamw`` for both it shrinks by exactly
    1 - rate weight_decay. Biases and the scales of a normalization belong to one neuron: they are
    shared and do not decay. The state is a `LearnedFeedback`; the loss has no decay in it.

    Args:
      decay: of both weights, as part of their gradient; not negative.
      optimizer: an optax transformation for B, the one that trains the network.
      feedback_init: initializer of each B_l; None: B is drawn like the network's own weights. Give
        one if these are zero at the start.

    Source: Kolen and Pollack 1994, doi 10.1109/ICNN.1994.374486; Akrout et al. 2019,
    arXiv 1904.05391.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net, sgd = jb.serial(jb.dense(1), jb.dense(1)), optax.sgd(0.5)
      >>> rule = kolen_pollack(net, jb.losses.half_mse, decay=0.2, optimizer=sgd)
      >>> x = y = jax.numpy.ones((1, 1))
      >>> before = jb.init_state(rule, sgd, x[0], key=jax.random.key(0))
      >>> after, loss = jb.step(rule, sgd)(before, (x, y))
      >>> def gap(state):
      ...     return state.params[1]["kernel"] - state.rule_state.feedback[1]["kernel"]
      >>> round(float((gap(after) / gap(before))[0, 0]), 5)  # 1 - 0.5 * 0.2
      0.9
    """
    chain.require_chain(net, "kolen_pollack", loss)
    require_positive("kolen_pollack", "decay", decay, zero=True)

    def init(key: jax.Array, params: Params, x: Any) -> LearnedFeedback:
        feedback = draw_like(key, net, feedback_init, params, x)
        return LearnedFeedback(feedback, optimizer.init(feedback))

    def grads(
        params: Params, state: LearnedFeedback, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, LearnedFeedback]:
        feedback = _kernels_of(state.feedback, params)
        value, changes = carry_back(net, loss, params, feedback, x, y, key=key)
        decayed = _decayed(changes, state.feedback, decay)
        learned = optimize(optimizer, decayed, state.opt_state, state.feedback, value)
        return value, _decayed(changes, params, decay), LearnedFeedback(*learned)

    return LearningRule(init, grads, net)


@configured
def weight_mirror(
    net: Network,
    loss: Loss,
    *,
    learning_rate: float | jax.Array = 0.01,
    decay: float | jax.Array = 0.01,
    noise: float | jax.Array = 1.0,
    samples: int = 32,
    feedback_init: Initializer | None = None,
) -> LearningRule:
    """Weight mirror: feedback weights learn the forward weights from noise, in a separate phase.

    delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l), g_l = a_{l-1}^T delta_l;
    then B_l <- (1 - decay) B_l + learning_rate <xi^T (xi W_l)>, xi ~ N(0, noise^2)

    The correlation of noise at a layer's input with the response at its output is noise^2 W_l, so B
    approaches (learning_rate noise^2 / decay) W: with the defaults W. It is averaged over `samples`
    draws and, in a convolution, over the places where a weight is used. The average of n draws
    through m inputs has a relative error of sqrt((m + 1) / n), and B averages over about 2 / decay
    of them: a smaller decay is more exact and follows W more slowly. The response is without bias.
    The gradient needs a key. The state is B, in the structure of params; the B of the first layer
    stays as it is, because nothing is propagated through it. Above it, layers with kernels must be
    linear.

    Args:
      learning_rate: of the mirror; positive.
      decay: part of B that is lost in each batch; from 0 to 1.
      noise: standard deviation of xi; positive.
      samples: draws of xi in each batch.
      feedback_init: initializer of each B_l; None: B is drawn like the network's own weights.

    Source: Akrout et al. 2019, arXiv 1904.05391.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.dense(3))
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> options = {"learning_rate": 1.0, "decay": 1.0, "samples": 4000}
      >>> rule = weight_mirror(net, jb.losses.softmax_cross_entropy, **options)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y, key=jax.random.key(2))
      >>> float(abs(state[1]["kernel"] - params[1]["kernel"]).max()) < 0.1
      True
    """
    chain.require_chain(net, "weight_mirror", loss)
    require_positive("weight_mirror", "learning_rate", learning_rate)
    require_positive("weight_mirror", "noise", noise)
    require_fraction("weight_mirror", "decay", decay)
    require_count("weight_mirror", "samples", samples)

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        return draw_like(key, net, feedback_init, params, x)

    def grads(
        params: Params, state: Params, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Params]:
        key = require_key("weight_mirror", key, "the mirror learns from noise")
        value, changes = carry_back(net, loss, params, _kernels_of(state, params), x, y, key=key)
        inputs = chain.layer_shapes(net, params, example(x))
        keys = jax.random.fold_in(jax.random.clone(key), _NOISE)
        learned = list(state)
        for i, _ in chain.blocks(params)[1:]:
            if any(leaf.ndim > 1 for leaf in jax.tree.leaves(params[i])):
                k = jax.random.fold_in(keys, i)
                layer, w, a = net.layers[i], params[i], inputs[i]
                _require_linear(layer, w, a)
                estimate = mirror(k, layer, w, a, noise=noise, samples=samples)
                learned[i] = jax.tree.map(follow, state[i], estimate)
        return value, changes, tuple(learned)

    def follow(b: jax.Array, estimate: jax.Array) -> jax.Array:
        if b.ndim < 2:
            return b
        change = as_number(learning_rate, b) * estimate.astype(b.dtype)
        return b - as_number(decay, b) * b + change

    return LearningRule(init, grads, net)


def _require_linear(layer: Network, params: Params, x: Any) -> None:
    """Refuse a layer that is not linear in its input and in its weights, up to a bias."""
    here = jnp.zeros(x.shape, x.dtype)
    message = (
        "weight_mirror reads a kernel from the response of its layer to noise, for which the layer "
        f"must be linear in its input and have one kernel: {layer} is not; unpack it into single "
        "layers, or use jb.learning.kolen_pollack"
    )
    require_linear(lambda a: layer.apply(params, a), x, message)
    require_linear(lambda p: layer.apply(p, here), params, message)


def mirror(
    key: jax.Array,
    layer: Network,
    params: Params,
    x: Any,
    *,
    noise: float | jax.Array = 1.0,
    samples: int,
) -> Params:
    """The correlation of noise at a layer's input with the response at its output.

    <xi^T (xi W)>, xi ~ N(0, noise^2): on average noise^2 W for a dense layer or convolution

    Args:
      key: of xi.
      layer: a network of one example, linear in its input up to a bias.
      params: of layer.
      x: one input or its shape; floating.
      noise: standard deviation of xi.
      samples: number of xi to average over.

    Returns:
      The average, in the structure of params.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> layer, x = jb.dense(3), jax.numpy.ones(2)
      >>> params = layer.init(jax.random.key(0), x)
      >>> estimate = mirror(jax.random.key(1), layer, params, x, samples=10_000)
      >>> float(abs(estimate["kernel"] - params["kernel"]).max()) < 0.1
      True
    """
    xi = jax.random.normal(key, (samples, *x.shape), x.dtype)
    xi = as_number(noise, xi) * xi
    # without bias, and without what passes by the kernel, as in a residual layer
    kernels = jax.tree.map(lambda w: w if w.ndim > 1 else jnp.zeros_like(w), params)
    along = functools.partial(jax.jvp, lambda p: chain.on_batch(layer, p, xi, None))
    response = along((params,), (kernels,))[1]
    total = chain.pull_params(layer, params, xi, response)
    # a convolution uses a weight in many places, but in fewer where it reaches into the padding
    places = chain.pull_params(layer, params, jnp.ones_like(xi[:1]), jnp.ones_like(response[:1]))
    return jax.tree.map(lambda t, n: t / (samples * jnp.where(n > 0, n, 1)), total, places)


def _kernels_of(feedback: Params, params: Params) -> Params:
    """Feedback kernels with the biases and scales of params, which belong to one neuron each."""
    return jax.tree.map(lambda b, w: b if w.ndim > 1 else w, feedback, params)


def _decayed(changes: Params, weights: Params, decay: float | jax.Array) -> Params:
    return jax.tree.map(
        lambda g, w: g if w.ndim < 2 else g + as_number(decay, g) * w, changes, weights
    )
