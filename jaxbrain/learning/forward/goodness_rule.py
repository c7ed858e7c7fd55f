"""Forward-forward: each layer learns high goodness on positive and low on negative samples."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import example, split_key
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.forward.labels import draw_label, likely_label
from jaxbrain.learning.outputs import require_matching_loss
from jaxbrain.networks.parts import as_float

Negatives = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
Drawing = Callable[[jax.Array, jax.Array], jax.Array]

_NEGATIVES = 0xFF  # separates the draw of wrong labels from the network's own noise
_EPSILON = 1e-8  # in the normalization of a block's input: a silent block stays silent


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
    """Forward-forward: each hidden block tells the true label from a wrong one by its goodness.

    L_l = softplus(-s (g_l(x+) - threshold)) + softplus(s (g_l(x-) - threshold)), g_l = mean(h_l^2)

    x+ is the input with the true label drawn into it, x- with a wrong one. `goodness` normalizes
    the input of each block, so neither goodness nor a gradient crosses its border. s g_l is the sum
    of squares of the paper for s = number of units. The last layer is the readout of its section
    3.3: it learns by the ordinary loss from the last hidden block under a neutral label, 1/classes
    each, and its guesses select the wrong labels. The loss is the sum of all local losses.

    The network of the rule is `goodness_network`, with the params of net: predict with
    ``rule.network``. The gradient needs a key. Targets are integer labels or one-hot.

    A convolution sees a label only where it is drawn: for images use ``draw=overlay_label``, else a
    chain of convolutions stays near chance, and strides instead of pooling, which blurs the label.

    Args:
      net: a chain whose output is ``[classes]``, with a hidden layer and inputs that are numbers.
      loss: of the readout.
      threshold: between positive and negative goodness; positive, and below 1 for tanh.
      sharpness: s, the slope of the local losses; positive.
      negatives: ``(key, logits [classes], label []) -> label``, never the true one: `likely_label`,
        or `any_label`, which learns more slowly.
      draw: ``(x, label [classes]) -> x``: `draw_label` or, for images, `overlay_label`.

    Raises:
      ValueError: at trace time, if `draw_label` gets an input with no more entries than classes.

    Source: Hinton 2022, arXiv 2212.13345.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> forward_forward(net, jb.losses.softmax_cross_entropy).network == goodness_network(net)
      True
    """
    chain.require_hidden(net, "forward_forward", "whose activity tells right from wrong")
    chain.refuse_tokens(net, "forward_forward", "the label is drawn into the input")
    require_matching_loss("forward_forward", net, loss)
    require_positive("forward_forward", "threshold", threshold)
    require_positive("forward_forward", "sharpness", sharpness)

    def local_losses(params: Params, x: Any, y: Any, labels: Any, keys: Any) -> jax.Array:
        logits, right, wrong = jax.vmap(
            lambda a, label, k: _under_labels(net, draw, negatives, params, a, label, k)
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

    return LearningRule(chain.no_state, grads, goodness_network(net, draw=draw))


@configured
def goodness_network(net: Network, *, draw: Drawing = draw_label) -> Network:
    """A classifier by goodness: the goodness of each label that is drawn into the input.

    out_c = sum_{l > 1} g_l(x with label c), or g_1 if there is one hidden block

    The largest of ``[classes]`` is the predicted label; params are those of net.

    Args:
      net: a chain as in `forward_forward`.
      draw: ``(x, label [classes]) -> x``, that of training.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = goodness_network(jb.serial(jb.dense(8), jb.dense(3)))
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(4))
      >>> net.apply(params, jax.numpy.ones(4)).shape
      (3,)
    """

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        x = as_float(x, jnp.float32)

        def vote(label: jax.Array) -> jax.Array:
            own = None if key is None else jax.random.clone(key)
            values, _ = goodness(net, params, draw(x, label), key=own)
            return jnp.sum(values[1:] if len(values) > 1 else values)

        return jax.vmap(vote)(jnp.eye(_classes(net, draw, params, x), dtype=x.dtype))

    return Network(net.init, apply, net.layers)


@checked
def goodness(
    net: Network, params: Params, x: jax.Array, *, key: Key | None = None
) -> tuple[jax.Array, jax.Array]:
    """The mean square activity of each hidden block, and the output of the last block.

    g_l = mean(h_l^2), h_l = f_l(h_{l-1} / sqrt(mean(h_{l-1}^2))), without gradient through h_{l-1}

    Args:
      net: a chain with a hidden layer.
      params: of net.
      x: ``[...]``, with a label drawn into it.
      key: noise of the network; None is deterministic.

    Returns:
      g ``[hidden blocks]``, and the output of net on the last, normalized activity.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> net = jb.serial(jb.dense(2, bias_init=None), jb.dense(1, bias_init=None))
      >>> params = ({"kernel": jnp.array([[3.0, 1.0]])}, {"kernel": jnp.ones((2, 1))})
      >>> values, output = goodness(net, params, jnp.ones(1))
      >>> values.tolist(), round(float(output[0] ** 2), 4)  # ((3 + 1) / sqrt(5))^2
      ([5.0], 3.2)
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


def _under_labels(
    net: Network,
    draw: Drawing,
    negatives: Negatives,
    params: Params,
    x: jax.Array,
    label: jax.Array,
    keys: Any,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The logits under a neutral label, and the goodness under the true and a wrong one."""
    noise, choice = keys
    classes = _classes(net, draw, params, x)

    def under(label: jax.Array) -> tuple[jax.Array, jax.Array]:
        return goodness(net, params, draw(x, label.astype(x.dtype)), key=jax.random.clone(noise))

    logits = under(jnp.full(classes, 1 / classes))[1]
    wrong = negatives(choice, jax.lax.stop_gradient(logits), label)
    (right, wrong), _ = jax.vmap(under)(jax.nn.one_hot(jnp.stack([label, wrong]), classes))
    return logits, right, wrong


def _classes(net: Network, draw: Drawing, params: Params, x: Any) -> int:
    """The number of classes; refuse an output or an input that is too small for labels."""
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
