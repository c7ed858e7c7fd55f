"""Plasticity as the learning rule of dense layers and convolutions, for `jb.fit`.

The gradient is minus the change, so that ``optax.sgd(learning_rate)`` adds learning_rate * change.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import constructor, examples_of, serial
from jaxbrain.core.config import configured
from jaxbrain.core.types import Cell, LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.plasticity.synapses import total_change
from jaxbrain.networks.convolution import conv, patches
from jaxbrain.networks.layers import dense
from jaxbrain.networks.parts import as_float


@configured
def plastic(net: Network, plasticity: Cell, *, loss: Loss | None = None) -> LearningRule:
    """A plasticity as the learning rule of layers: one example is one presentation.

    g = - mean_b change(W, pre_b, post_b, y_b)

    pre is the input of a layer and post its output after the activations that follow and keep its
    shape. Each layer learns from its own pair. For a convolution each place of each example is a
    presentation: pre is the patch below the kernel, and W the kernel as ``[patch, features]``. The
    bias is the weight of one more input, which is always 1. The modulator is y: a target for
    `delta` and `perceptron`, a reward for `modulated`; for the others give x again. The state is
    the carry of each layer, such as the threshold of `bcm`, which passes through the presentations
    of a batch in their order and on to the next batch.

    Args:
      net: a dense layer or convolution, or a flat `serial` of them and layers without weights.
      plasticity: the rule.
      loss: ``(prediction, y) -> scalar``, only reported. None: the reconstruction error
        1/2 |pre - W post|^2, summed over the layers.

    Examples:
      >>> import jax, optax, jaxbrain as jb
      >>> x = jax.random.normal(jax.random.key(0), (200, 3)) * jax.numpy.array([[3.0, 1.0, 1.0]])
      >>> rule = plastic(jb.dense(1, bias_init=None), jb.learning.plasticity.oja())
      >>> state, history = jb.run(
      ...     rule, optax.sgd(0.01), (x, x), key=jax.random.key(1), epochs=20, batch_size=20)
      >>> abs(state.params["kernel"][:, 0]).round(1).tolist()  # the first principal component
      [1.0, 0.0, 0.0]
    """

    def present(w: jax.Array, carry: Any, pre: Any, post: Any, y: Any, key: Any) -> Any:
        places = len(pre) // examples_of(y)

        def change(carry: Any, now: Any) -> tuple[Any, jax.Array]:
            pre, post, i = now
            modulator = jax.tree.map(lambda leaf: jnp.asarray(leaf)[i // places], y)
            noise = None if key is None else jax.random.fold_in(key, i)
            return plasticity.step(w, carry, (pre, post, modulator), key=noise)

        presentations = (pre, post, jnp.arange(len(pre)))
        if not jax.tree.leaves(carry):
            return carry, jnp.mean(jax.vmap(lambda now: change((), now)[1])(presentations), axis=0)

        def add(state: Any, now: Any) -> tuple[Any, None]:
            carry, step = change(state[0], now)
            return (carry, state[1] + step), None

        (carry, total), _ = jax.lax.scan(add, (carry, jnp.zeros_like(w)), presentations)
        return carry, total / len(pre)

    def start(w: jax.Array, pre: Any, post: Any) -> Any:
        return plasticity.carry(w, (pre, post, None))

    return _rule("plastic", net, plasticity, loss, (present, start, True), (dense, conv))


@configured
def plastic_in_time(net: Network, plasticity: Cell, *, loss: Loss | None = None) -> LearningRule:
    """A plasticity as the learning rule of dense layers whose examples are trains in time.

    g = - mean_b sum_t change(W, pre_b(t), post_b(t), y_b(t))

    As `plastic`, but an example x is ``[time, inputs]``. Its traces start at zero, and the weights
    are the same for all its steps. Biases do not learn, because they have no spike times. The
    modulator y is a scalar for the whole train or ``[time, ...]``.

    Args:
      net, plasticity, loss: as in `plastic`, from ``[time, inputs]`` to ``[time, outputs]``.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> spikes = jb.elementwise(lambda v: (v > 0.5).astype(v.dtype))
      >>> net = jb.serial(jb.dense(2, bias_init=None), spikes)
      >>> rule = plastic_in_time(net, jb.learning.plasticity.pair_stdp())
      >>> x = jax.random.bernoulli(jax.random.key(0), 0.1, (4, 100, 3)).astype("float32")
      >>> params = net.init(jax.random.key(1), x[0])
      >>> jax.jit(rule.grads)(params, (), x, x)[1][0]["kernel"].shape
      (3, 2)
    """

    def present(w: jax.Array, carry: Any, pre: Any, post: Any, y: Any, key: Any) -> Any:
        def one(pre: Any, post: Any, y: Any, i: Any) -> jax.Array:
            noise = None if key is None else jax.random.fold_in(key, i)
            return total_change(plasticity, w, pre, post, y, key=noise)[1]

        return carry, jnp.mean(jax.vmap(one)(pre, post, y, jnp.arange(len(pre))), axis=0)

    def start(w: jax.Array, pre: Any, post: Any) -> tuple:
        return ()

    return _rule("plastic_in_time", net, plasticity, loss, (present, start, False), (dense,))


def _rule(
    name: str,
    net: Network,
    plasticity: Cell,
    loss: Loss | None,
    how: tuple[Any, Any, bool],
    kinds: tuple[Any, ...],
) -> LearningRule:
    """A rule for each layer; how: its change, its first carry, True if the bias learns."""
    layers = serial(net) if isinstance(net, Network) and not net.layers else net
    chain.require_chain(layers, name, loss)
    _require_synapses(name, layers, kinds)
    present, start, bias = how

    def pairs(params: Params, a: list[Any]) -> list[tuple[jax.Array, jax.Array]]:
        return [
            _pair(layers.layers[begin], params[begin], a[begin : end + 1], bias)
            for begin, end in chain.blocks(params)
        ]

    def init(key: jax.Array, params: Params, x: Any) -> tuple:
        params = params if layers is net else (params,)

        def first(params: Params, x: Any) -> Any:
            found = pairs(params, chain.forward(layers, params, x[None]))
            return jax.tree.map(lambda a: a[0], found)

        shapes = jax.eval_shape(first, params, x)
        weights = [_weights(params[begin], bias) for begin, _ in chain.blocks(params)]
        return tuple(start(w, *pair) for w, pair in zip(weights, shapes, strict=True))

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        params = params if layers is net else (params,)
        a = chain.forward(layers, params, x, key=key)
        chain.require_targets(len(a[-1]), y)
        noise = None if key is None else jax.random.fold_in(key, 1)
        carries, changes, unexplained = list(state), list(params), jnp.zeros((), a[-1].dtype)
        learning = [begin for begin, _ in chain.blocks(params)]
        for i, (at, (pre, post)) in enumerate(zip(learning, pairs(params, a), strict=True)):
            w, carry = _weights(params[at], bias), state[i] if state else ()
            carry, change = present(w, carry, pre, post, y, noise)
            carries[i : i + 1] = [carry] if state else []
            changes[at] = _as_gradient(params[at], change)
            unexplained += _unexplained(_weights(params[at], False), pre, post)
        value = unexplained if loss is None else chain.batch_loss(loss, a[-1], y)
        return value, tuple(changes) if layers is net else changes[0], tuple(carries)

    return LearningRule(init, grads, net)


def _weights(params: Params, bias: bool) -> jax.Array:
    """The weights ``[pre, post]`` of a layer; with bias the last row is its bias."""
    w = params["kernel"]
    w = w.reshape(-1, w.shape[-1])
    return jnp.concatenate([w, params["bias"][None]]) if bias and "bias" in params else w


def _pair(
    layer: Network, params: Params, activities: list[Any], bias: bool
) -> tuple[jax.Array, jax.Array]:
    """Pre- and postsynaptic activities of a layer, one presentation a row; with bias a constant.

    activities: the input of the layer, its output, and those of the layers without weights after.
    """
    pre, first = as_float(activities[0], params["kernel"].dtype), activities[1]
    post = [*itertools.takewhile(lambda a: a.shape == first.shape, activities[1:])][-1]
    if constructor(layer) is conv:
        pre = patches(layer, pre)
        pre, post = (a.reshape(-1, a.shape[-1]) for a in (pre, post))
    if bias and "bias" in params:
        pre = jnp.concatenate([pre, jnp.ones((*pre.shape[:-1], 1), pre.dtype)], axis=-1)
    return pre, post


def _as_gradient(params: Params, change: jax.Array) -> Params:
    """Minus the change, in the structure of the params; zero for a bias that does not learn."""
    kernel = params["kernel"]
    inputs = kernel.size // kernel.shape[-1]
    grads = {"kernel": -change[:inputs].reshape(kernel.shape)}
    if "bias" in params:
        learns = change.shape[0] > inputs
        grads["bias"] = -change[inputs] if learns else jnp.zeros_like(params["bias"])
    return grads


def _unexplained(w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
    """1/2 |pre - W post|^2, the mean over the presentations."""
    rest = pre[..., : len(w)] - post @ w.T
    return 0.5 * jnp.sum(jnp.square(rest)) / len(rest)


def _require_synapses(rule: str, net: Network, kinds: tuple[Any, ...]) -> None:
    """Refuse a chain with weights in layers of other kinds."""
    known = " or ".join(kind.__name__ for kind in kinds)
    trained = [layer for layer in net.layers if chain.has_weights(layer)]
    if not trained:
        raise ValueError(f"{rule} needs a layer of {known}, and {net} has none: jb.dense(8)")
    for layer in trained:
        if constructor(layer) not in kinds:
            raise ValueError(
                f"{rule} changes synapses [pre, post], and {layer} has other weights; use "
                f"{known} layers, or jb.backprop"
            )
