"""Self-contrastive forward-forward: a sample with itself is positive, with another negative."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import split_key
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.outputs import require_matching_loss
from jaxbrain.networks.parts import as_float, standardized

_PARTNERS = 0x5C  # separates the draw of negative partners from the network's own noise
_EPSILON = 1e-5  # in the standardization of a block's input


@configured
def self_contrastive_forward_forward(
    net: Network,
    loss: Loss,
    *,
    threshold: float | jax.Array = 0.5,
    negative_threshold: float | jax.Array = 0.5,
    sharpness: float | jax.Array = 10.0,
) -> LearningRule:
    """Self-contrastive forward-forward (SCFF): each hidden block tells pairs [x, x] from [x, x'].

    L_l = softplus(s (theta - g_l(x, x))) + softplus(s (g_l(x, x') - theta')), g_l = mean(h_l^2)

    A pair meets the same weights twice: the output of the first layer is the mean of its outputs
    for both samples (their sum in the paper, whose weights are half of these). x' is another sample
    of the batch, at a random distance which is the same for all: the gradient needs a key. The
    input of each block is standardized, mean 0 and variance 1 over one example, and has no
    gradient, so that nothing crosses its border. Hidden blocks use no labels. The last block learns
    by the ordinary loss from the last hidden block for [x, x]. The loss is the sum of all local
    losses. The network of the rule is `standardized_network`, with the params of net: predict with
    ``rule.network``.

    Args:
      net: a chain with a hidden layer and inputs that are numbers.
      loss: of the last block, the readout.
      threshold: theta, which positive goodness is to exceed; below 1 for tanh.
      negative_threshold: theta', below which negative goodness is to be.
      sharpness: s, the slope of the local losses.

    Raises:
      ValueError: if a number is not positive; at trace time, if a batch has one example.

    Source: Chen et al. 2025, doi 10.1038/s41467-025-61037-0.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = self_contrastive_forward_forward(net, jb.losses.softmax_cross_entropy)
      >>> params, x = net.init(jax.random.key(0), jnp.ones(4)), jnp.eye(4)
      >>> key = jax.random.key(1)
      >>> grads = [rule.grads(params, (), x, jnp.full(4, n), key=key)[1] for n in (0, 1)]
      >>> [jnp.array_equal(*(g[i]["kernel"] for g in grads)).item() for i in (0, 2)]
      [True, False]
    """
    name = "self_contrastive_forward_forward"
    chain.require_hidden(net, name, "which tells a pair of one sample from a pair of two")
    chain.refuse_tokens(net, name, "they are standardized")
    require_matching_loss(name, net, loss)
    numbers = {"threshold": threshold, "negative_threshold": negative_threshold}
    for argument, value in {**numbers, "sharpness": sharpness}.items():
        require_positive(name, argument, value)

    def local_losses(
        params: Params, x: jax.Array, y: Any, keys: Any, shift: jax.Array
    ) -> jax.Array:
        s, above, below = (
            jnp.asarray(number, x.dtype) for number in (sharpness, threshold, negative_threshold)
        )
        first, *rest = [start for start, _ in chain.blocks(params)]
        both, total = [x], jnp.zeros((), x.dtype)
        for i, (layer, p, k) in enumerate(zip(net.layers, params, keys, strict=True)):
            if i in rest:
                right, wrong = (jnp.mean(jnp.square(h), axis=_axes(h)) for h in both)
                losses = jax.nn.softplus(s * (above - right)) + jax.nn.softplus(s * (wrong - below))
                total += jnp.mean(losses)
            if i == first or i in rest:
                both = [standardized(jax.lax.stop_gradient(h), _axes(h), _EPSILON) for h in both]
            both = [chain.on_batch(layer, p, h, k) for h in both]
            if i == first:
                both = [both[0], (both[0] + jnp.roll(both[0], shift, axis=0)) / 2]
        return chain.batch_loss(loss, both[0], y) + total

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        chain.refuse_weights(name, y)
        x = as_float(x, jnp.float32)
        if len(x) < 2:
            raise ValueError(
                f"{name}: a batch must have two examples or more, each to be "
                "paired with another, got one; raise batch_size"
            )
        key = require_key(name, key, "it draws negative partners")
        keys = chain.layer_keys(net, x, key)
        shift = jax.random.randint(jax.random.fold_in(key, _PARTNERS), (), 1, len(x))
        value, changes = jax.value_and_grad(local_losses)(params, x, y, keys, shift)
        return value, changes, state

    return LearningRule(chain.no_state, grads, standardized_network(net))


@configured
def standardized_network(net: Network) -> Network:
    """A chain in which the input of each block is standardized over one example.

    h_l = f_l((h_{l-1} - mean(h_{l-1})) / std(h_{l-1}))

    Args:
      net: a chain; params are those of net.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = standardized_network(jb.serial(jb.dense(1, bias_init=None)))
      >>> params = ({"kernel": jnp.array([[1.0], [0.0]])},)
      >>> net.apply(params, jnp.array([7.0, 3.0])).round(3).tolist()
      [1.0]
    """
    chain.require_chain(net, "standardized_network")

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> jax.Array:
        x = as_float(x, jnp.float32)
        keys = split_key(key, len(net.layers))
        for layer, p, k in zip(net.layers, params, keys, strict=True):
            if jax.tree.leaves(p):
                x = standardized(x, tuple(range(x.ndim)), _EPSILON)
            x = layer.apply(p, x, key=k)
        return x

    return Network(net.init, apply, net.layers)


def _axes(h: jax.Array) -> tuple[int, ...]:
    """The axes of one example of a batch."""
    return tuple(range(1, h.ndim))
