"""Forward-forward: every layer learns by itself to be active on data and quiet on what is none."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import example, split_key
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.forward.modulation import refuse_tokens
from jaxbrain.networks.parts import as_float

Negatives = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
Drawing = Callable[[jax.Array, jax.Array], jax.Array]

_NEGATIVES = 0xFF  # separates the draw of wrong labels from the network's own noise
_IMAGE = 0.7  # of an image that stays under the wave of a label
_EPSILON = 1e-8  # a silent layer stays silent


def likely_label(key: jax.Array, logits: jax.Array, label: jax.Array) -> jax.Array:
    """A wrong label, as likely as the readout takes it to be the right one: hard negatives.

    Args:
      key: of the draw.
      logits: ``[classes]``, of the readout.
      label: the true label ``[]``.

    Returns:
      A label ``[]``, never the true one.

    Source: Hinton 2022, arXiv 2212.13345, section 3.3.
    """
    true = jnp.arange(len(logits)) == label
    return jax.random.categorical(key, jnp.where(true, -jnp.inf, logits)).astype(label.dtype)


def any_label(key: jax.Array, logits: jax.Array, label: jax.Array) -> jax.Array:
    """A wrong label, all equally likely.

    Args:
      key: of the draw.
      logits: ``[classes]``, whose values do not matter.
      label: the true label ``[]``.

    Returns:
      A label ``[]``, never the true one.
    """
    return likely_label(key, jnp.zeros_like(logits), label)


def draw_label(x: jax.Array, label: jax.Array) -> jax.Array:
    """An input whose first entries are the label, as bright as its brightest one.

    Args:
      x: ``[...]``, of more entries than there are classes.
      label: ``[classes]``: one-hot, or any distribution.

    Returns:
      ``[...]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> draw_label(jnp.array([1.0, 2.0, -3.0, 4.0]), jnp.array([0.0, 1.0])).tolist()
      [0.0, 4.0, -3.0, 4.0]
    """
    drawn = x.reshape(-1).at[: len(label)].set(jnp.max(jnp.abs(x)) * label)
    return drawn.reshape(x.shape)


def overlay_label(x: jax.Array, label: jax.Array) -> jax.Array:
    """An image under the wave of its label, which is everywhere: for convolutions.

    x' = 0.7 x + 0.3 max|x| sum_c label_c w_c,  w_c = cos(2 pi f_c (p cos a_c + q sin a_c))

    The wave of class c runs in a direction of its own, a_c = pi c / classes, f_c = 1, 2 or 3 times
    over the image, p and q in 0..1 along its height and width.

    Args:
      x: ``[height, width, ...]``.
      label: ``[classes]``: one-hot, or any distribution.

    Returns:
      ``[height, width, ...]``.

    Raises:
      ValueError: if x has no height and width.

    Source: Scodellaro et al. 2023, arXiv 2312.14924.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> overlay_label(jnp.ones((8, 8, 1)), jax.nn.one_hot(2, 10)).shape
      (8, 8, 1)
    """
    if x.ndim < 2:
        raise ValueError(f"overlay_label: x must be [height, width, ...], got shape {x.shape}")
    height, width = x.shape[:2]
    classes = jnp.arange(len(label), dtype=x.dtype)
    angle, times = jnp.pi * classes / len(label), 1 + classes % 3
    p = (jnp.arange(height, dtype=x.dtype) / height)[:, None, None]
    q = (jnp.arange(width, dtype=x.dtype) / width)[None, :, None]
    path = p * jnp.cos(angle)[None, None] + q * jnp.sin(angle)[None, None]
    wave = jnp.cos(2 * jnp.pi * times[None, None] * path) @ label
    wave = wave.reshape(height, width, *[1] * (x.ndim - 2))
    return _IMAGE * x + (1 - _IMAGE) * jnp.max(jnp.abs(x)) * wave


@configured
def forward_forward(
    net: Network,
    loss: Loss,
    *,
    threshold: float | jax.Array = 0.5,
    sharpness: float | jax.Array = 40.0,
    negatives: Negatives = likely_label,
    draw: Drawing = draw_label,
) -> LearningRule:
    """Each hidden block tells the true label from a wrong one by its activity; no way back.

    L_l = softplus(-s (g_l(x+) - threshold)) + softplus(s (g_l(x-) - threshold)), g_l = mean(h_l^2)

    x+ is the input with the true label drawn into it, x- with a wrong one (`draw_label`). A block
    is a layer with weights and what follows it; its input is scaled to mean square 1, so no
    goodness is passed on, and no gradient is. s times the goodness is a sum of squares, as in the
    paper, where s is the number of units.

    A network made for any other rule has a last layer whose outputs are the classes, too few to
    hold a goodness. It is the readout of section 3.3: it learns by the ordinary loss, from the
    last hidden block (normalised) under a neutral label, 1/classes each. Its guesses choose the
    wrong labels that are hard to tell; it does not predict.

    The network of the rule predicts: it draws each label in turn and returns its goodness, summed
    over the hidden blocks but the first (over the only one, if there is one), ``[classes]``, so
    the largest is the predicted label. Its params are those of net, whose own output would be that
    of a layer in an unusual state: predict with ``rule.network``.

    A convolution sees the label only where it is drawn: over images draw it everywhere,
    ``draw=jb.learning.goodness.overlay_label``, else a chain of convolutions stays near chance.
    Use strides instead of pooling, which blurs the label (three convolutions with ReLU on the
    digits of scikit-learn: .92 after 20 epochs; with pooling .3).

    Args:
      net: a flat `serial` chain whose output is ``[classes]``, with at least one hidden layer.
      loss: ``(prediction, target) -> scalar`` of one example; of the readout.
      threshold: between the goodness of data and of what is none; positive. Below 1 for tanh, whose
        goodness is.
      sharpness: how fast the two part (s); positive.
      negatives: ``(key, logits [classes], label []) -> label``, never the true one: `likely_label`,
        or `any_label`, which learns more slowly.
      draw: ``(x, label [classes]) -> x``: `draw_label` or, for images, `overlay_label`.

    Returns:
      A LearningRule without state, whose gradient needs a key. Targets are integer labels or
      one-hot. The loss it reports is the sum of all local ones: of each block, and the readout's.

    Raises:
      ValueError: if net is not a flat chain, has no hidden layer or begins with an embedding, or
        a number is not positive; at trace time, without a key, if the output is not ``[classes]``,
        or if an input has no more entries than there are classes.

    Source: Hinton 2022, arXiv 2212.13345.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = jb.learning.forward_forward(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> value, grads, _ = jax.jit(rule.grads)(params, (), x, y, key=jax.random.key(1))
      >>> rule.network.apply(params, x[0]).shape
      (3,)
    """
    chain.require_hidden(net, "forward_forward", "whose activity tells right from wrong")
    refuse_tokens("forward_forward", net, "the label is drawn into the input")
    require_positive("forward_forward", "threshold", threshold)
    require_positive("forward_forward", "sharpness", sharpness)

    def local_losses(params: Params, x: Any, y: Any, labels: Any, keys: Any) -> jax.Array:
        logits, right, wrong = jax.vmap(
            lambda a, label, k: _views(net, draw, negatives, params, a, label, k)
        )(x, labels, keys)
        s, theta = (jnp.asarray(number, right.dtype) for number in (sharpness, threshold))
        hidden = jax.nn.softplus(s * (theta - right)) + jax.nn.softplus(s * (wrong - theta))
        return chain.batch_loss(loss, logits, y) + jnp.sum(jnp.mean(hidden, axis=0))

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        key = require_key("forward_forward", key, "it draws wrong labels")
        x = as_float(x, jnp.float32)
        _classes(net, draw, params, example(x))
        output = jax.eval_shape(lambda: chain.forward(net, params, x)[-1])
        labels = jnp.argmax(chain.target_vectors("forward_forward", y, output), axis=-1)
        # the noise of batch(net), the same in all three passes of an example
        noise = jax.random.split(jax.random.clone(key), len(x))
        draws = jax.random.split(jax.random.fold_in(key, _NEGATIVES), len(x))
        value, changes = jax.value_and_grad(local_losses)(params, x, y, labels, (noise, draws))
        return value, changes, state

    return LearningRule(chain.no_state, grads, _predictor(net, draw))


def goodness(
    net: Network, params: Params, x: jax.Array, *, key: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """The mean square activity of each hidden block, each on the normalised output of the last.

    g_l = mean(h_l^2), h_l = f_l(h_{l-1} / sqrt(mean(h_{l-1}^2))), no gradient through h_{l-1}

    Args:
      net: a flat `serial` chain with a hidden layer.
      params: of net.
      x: ``[...]``, with a label drawn into it.
      key: noise of the network; None is deterministic.

    Returns:
      g ``[hidden blocks]``, and the output of the last block.
    """
    ends = [start for start, _ in chain.blocks(params)][1:]
    keys = split_key(key, len(net.layers))
    values = []
    for i, (layer, p, k) in enumerate(zip(net.layers, params, keys, strict=True)):
        if i in ends:
            values.append(jnp.mean(jnp.square(x)))
            x = jax.lax.stop_gradient(x)
            x = x * jax.lax.rsqrt(jnp.mean(jnp.square(x)) + jnp.asarray(_EPSILON, x.dtype))
        x = layer.apply(p, x, key=k)
    return jnp.stack(values), x


def _views(
    net: Network,
    draw: Drawing,
    negatives: Negatives,
    params: Params,
    x: jax.Array,
    label: jax.Array,
    keys: Any,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """One example under a neutral, the true and a wrong label: logits, goodness and goodness."""
    noise, choice = keys
    classes = _classes(net, draw, params, x)

    def seen(drawn: jax.Array) -> tuple[jax.Array, jax.Array]:
        labelled = draw(x, drawn.astype(x.dtype))
        return goodness(net, params, labelled, key=jax.random.clone(noise))

    logits = seen(jnp.full(classes, 1 / classes))[1]
    wrong = negatives(choice, jax.lax.stop_gradient(logits), label)
    (right, wrong), _ = jax.vmap(seen)(jax.nn.one_hot(jnp.stack([label, wrong]), classes))
    return logits, right, wrong


def _predictor(net: Network, draw: Drawing) -> Network:
    """The goodness of every label, from the params of net."""

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        x = as_float(x, jnp.float32)

        def vote(label: jax.Array) -> jax.Array:
            own = None if key is None else jax.random.clone(key)
            values, _ = goodness(net, params, draw(x, label), key=own)
            return jnp.sum(values[1:] if len(values) > 1 else values)

        return jax.vmap(vote)(jnp.eye(_classes(net, draw, params, x), dtype=x.dtype))

    return Network(net.init, apply, net.layers)


def _classes(net: Network, draw: Drawing, params: Params, x: Any) -> int:
    """The number of classes, if one label fits into one input."""
    shape = jax.eval_shape(net.apply, params, x).shape
    if len(shape) != 1 or shape[0] < 2:
        raise ValueError(
            f"forward_forward needs one output for each class, [classes], got shape {shape} of one "
            f"example from {net}; end it with jb.dense(classes), two for a yes-no question"
        )
    if draw is draw_label and x.size <= shape[0]:
        raise ValueError(
            f"forward_forward draws the label into the first {shape[0]} entries of the input, "
            f"which has only {x.size}; append that many zeros to x"
        )
    return shape[0]
