"""Feedback weights that learn to mirror the forward ones, without being told what these are."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax
from jax.nn.initializers import Initializer

from jaxbrain.core.composition import example
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import (
    as_number,
    require_count,
    require_fraction,
    require_key,
    require_positive,
)
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.feedback.fixed import carry_back, draw_like

_NOISE = 0x3177  # separates the keys of the mirror's noise from those of the network's


class LearnedFeedback(NamedTuple):
    """Feedback weights and what their optimiser remembers.

    Attributes:
      feedback: B, in the treedef of params.
      opt_state: of the optimiser of B.
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
    """Feedback weights that get the same changes as the forward ones, and decay with them.

    delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l), G_l = a_{l-1}^T delta_l,
    g_l = G_l + decay W_l in place of dL/dW_l, and G_l + decay B_l changes B_l

    With the same changes only the decay tells W from B, and it takes the difference away: with
    ``optax.sgd(rate)`` for both, W - B shrinks by exactly 1 - rate decay a step, and what is left
    is back-propagation. With ``decay=0`` and ``optax.adamw`` for both it shrinks by exactly
    1 - rate weight_decay. Biases and the scales of a normalisation belong to one neuron: they are
    used as they are and do not decay.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      decay: of both weights, as part of their gradient; not negative.
      optimizer: any optax transformation, for B: the one that trains the network.
      feedback_init: initialiser of each B_l in the shape of the kernel of its layer; None: B is
        drawn like the network's own weights. Give one where these begin at zero.

    Returns:
      A LearningRule whose state is a `LearnedFeedback`. The loss it reports has no decay in it.

    Raises:
      ValueError: if net is not a flat chain, or decay is negative.
      TypeError: if optimizer is not an optax transformation.

    Source: Kolen and Pollack 1994, doi 10.1109/ICNN.1994.374486; Akrout et al. 2019,
    arXiv 1904.05391.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> sgd = optax.sgd(0.5)
      >>> rule = kolen_pollack(
      ...     net, jb.losses.softmax_cross_entropy, decay=0.2, optimizer=sgd)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> before = jb.init_state(rule, sgd, x[0], key=jax.random.key(0))
      >>> after, loss = jb.step(rule, sgd)(before, (x, y))
      >>> def gap(state):
      ...     feedback = state.rule_state.feedback
      ...     return abs(state.params[2]["kernel"] - feedback[2]["kernel"]).sum()
      >>> round(float(gap(after) / gap(before)), 5)
      0.9
    """
    chain.require_chain(net, "kolen_pollack")
    require_positive("kolen_pollack", "decay", decay, zero=True)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            "kolen_pollack: optimizer must be an optax transformation such as optax.sgd(0.1), got "
            f"{type(optimizer).__name__}"
        )
    update = optax.with_extra_args_support(optimizer).update

    def init(key: jax.Array, params: Params, x: Any) -> LearnedFeedback:
        feedback = draw_like(net, feedback_init, key, params, x)
        return LearnedFeedback(feedback, optimizer.init(feedback))

    def grads(
        params: Params, state: LearnedFeedback, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, LearnedFeedback]:
        way_back = _kernels_of(state.feedback, params)
        value, changes = carry_back(net, loss, params, way_back, x, y, key=key)
        back = _decayed(changes, state.feedback, decay)
        with jax.numpy_dtype_promotion("standard"):  # optax's adam mixes integers and floats
            step, opt_state = update(back, state.opt_state, state.feedback, value=value)
            feedback = optax.apply_updates(state.feedback, step)
        return value, _decayed(changes, params, decay), LearnedFeedback(feedback, opt_state)

    return LearningRule(init, grads, net)


@configured
def weight_mirror(
    net: Network,
    loss: Loss,
    *,
    rate: float | jax.Array = 0.01,
    decay: float | jax.Array = 0.01,
    noise: float | jax.Array = 1.0,
    samples: int = 32,
    feedback_init: Initializer | None = None,
) -> LearningRule:
    """Feedback weights that learn the forward ones from noise, in a phase of its own.

    delta_l = (delta_{l+1} B_{l+1}^T) * f'(z_l), g_l = a_{l-1}^T delta_l in place of dL/dW_l;
    then B_l <- (1 - decay) B_l + rate <xi^T (xi W_l)>, xi ~ N(0, noise^2)

    The correlation of noise at a layer's input with the answer at its output is noise^2 W_l, so B
    goes to (rate noise^2 / decay) W: at the defaults to W. The average is over `samples` draws
    and, in a convolution, the places where a weight is used; one average of n draws through m
    inputs has a relative error of sqrt((m + 1) / n), and B averages over about 2 / decay of them:
    a smaller decay is more exact, and slower to follow W. The bias has no part in the answer.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      rate: of the mirror; positive.
      decay: of B, a batch; from 0 to 1.
      noise: the standard deviation of xi; positive.
      samples: draws of xi a batch; a positive integer.
      feedback_init: initialiser of each B_l in the shape of the kernel of its layer; None: B is
        drawn like the network's own weights.

    Returns:
      A LearningRule whose state is B, in the treedef of params, which needs a key for its
      gradients. Those of the first layer stay as they are: nothing is carried back through it.

    Raises:
      ValueError: if net is not a flat chain or a number is out of its range, or at trace time if
        there is no key.

    Source: Akrout et al. 2019, arXiv 1904.05391.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> rule = weight_mirror(
      ...     net, jb.losses.softmax_cross_entropy, rate=1.0, decay=1.0, samples=4000)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y, key=jax.random.key(2))
      >>> bool(abs(state[2]["kernel"] - params[2]["kernel"]).max() < 0.1)
      True
    """
    chain.require_chain(net, "weight_mirror")
    require_positive("weight_mirror", "rate", rate)
    require_positive("weight_mirror", "noise", noise)
    require_fraction("weight_mirror", "decay", decay)
    require_count("weight_mirror", "samples", samples)

    def init(key: jax.Array, params: Params, x: Any) -> Params:
        return draw_like(net, feedback_init, key, params, x)

    def grads(
        params: Params, state: Params, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Params]:
        key = require_key("weight_mirror", key, "the mirror learns from noise")
        value, changes = carry_back(net, loss, params, _kernels_of(state, params), x, y, key=key)
        parts = zip(net.layers, params, state, _inputs(net, params, example(x)), strict=True)
        draw = jax.random.fold_in(jax.random.clone(key), _NOISE)
        first = chain.blocks(params)[0][0] if chain.blocks(params) else 0
        after = []
        for i, (layer, w, b, a) in enumerate(parts):
            if i > first and any(leaf.ndim > 1 for leaf in jax.tree.leaves(w)):
                k = jax.random.fold_in(draw, i)
                seen = mirror(layer, w, a, noise=noise, samples=samples, key=k)
                b = jax.tree.map(follow, b, seen)
            after.append(b)
        return value, changes, tuple(after)

    def follow(b: jax.Array, seen: jax.Array) -> jax.Array:
        return (
            b
            if b.ndim < 2
            else b - as_number(decay, b) * b + as_number(rate, b) * seen.astype(b.dtype)
        )

    return LearningRule(init, grads, net)


def mirror(
    layer: Network,
    params: Params,
    x: Any,
    *,
    noise: float | jax.Array = 1.0,
    samples: int,
    key: jax.Array,
) -> Params:
    """The correlation of noise at a layer's input with the answer to it at its output.

    <xi^T (f(xi) - f(0))>, xi ~ N(0, noise^2): on average noise^2 W for a dense layer or convolution

    Args:
      layer: a network of one example, linear in its input up to a bias.
      params: of layer.
      x: one input or its shape; floating.
      noise: the standard deviation of xi.
      samples: how many xi to average over.
      key: of xi.

    Returns:
      The average, in the treedef of params.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> layer, x = jb.dense(3), jax.numpy.ones(2)
      >>> params = layer.init(jax.random.key(0), x)
      >>> seen = mirror(layer, params, x, samples=10_000, key=jax.random.key(1))
      >>> bool(abs(seen["kernel"] - params["kernel"]).max() < 0.1)
      True
    """
    xi = jax.random.normal(key, (samples, *x.shape), x.dtype)
    xi, silent = as_number(noise, xi) * xi, jnp.zeros((1, *x.shape), x.dtype)
    answer = chain.on_batch(layer, params, xi, None) - chain.on_batch(layer, params, silent, None)
    total = chain.pull_params(layer, params, xi, answer)
    # a convolution uses a weight in many places, and in fewer where it reaches into the padding
    places = chain.pull_params(layer, params, jnp.ones_like(silent), jnp.ones_like(answer[:1]))
    return jax.tree.map(lambda t, n: t / (samples * jnp.where(n > 0, n, 1)), total, places)


def _kernels_of(feedback: Params, params: Params) -> Params:
    """Feedback kernels; a bias or a scale belongs to one neuron, which knows it."""
    return jax.tree.map(lambda b, w: b if w.ndim > 1 else w, feedback, params)


def _inputs(net: Network, params: Params, x: Any) -> list[Any]:
    """What each layer takes, for one example x."""
    shapes = []
    for layer, p in zip(net.layers, params, strict=True):
        shapes.append(x)
        x = jax.eval_shape(layer.apply, p, x)
    return shapes


def _decayed(changes: Params, weights: Params, decay: float | jax.Array) -> Params:
    return jax.tree.map(
        lambda g, w: g if w.ndim < 2 else g + as_number(decay, g) * w, changes, weights
    )
