"""Plasticity as the learning rule of dense layers, for `jb.fit`.

The gradient is minus the change, so that ``optax.sgd(learning_rate)`` adds learning_rate * change.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import constructor, serial
from jaxbrain.core.config import configured
from jaxbrain.core.types import Cell, LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.plasticity.synapses import total_change
from jaxbrain.networks.layers import dense
from jaxbrain.networks.parts import as_float


@configured
def plastic(net: Network, plasticity: Cell, *, loss: Loss | None = None) -> LearningRule:
    """A plasticity as the learning rule of dense layers: one example is one presentation.

    g = - mean_b change(W, pre_b, post_b, y_b)

    pre is the input of a dense layer and post its output after the activations that follow. Each
    dense layer learns from its own pair. The bias is the weight of one more input, which is always
    1. The modulator is y: a target for `delta` and `perceptron`, a reward for `modulated`; for the
    others give x again. The state is the carry of each layer, such as the threshold of `bcm`, which
    passes through the examples of a batch in their order and on to the next batch.

    Args:
      net: a dense layer, or a flat `serial` of dense layers and layers without weights.
      plasticity: the rule.
      loss: ``(prediction, y) -> scalar``, only reported. None: the reconstruction error
        1/2 |pre - W post|^2, summed over the dense layers.

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
        def change(carry: Any, now: Any) -> tuple[Any, jax.Array]:
            *x, i = now
            noise = None if key is None else jax.random.fold_in(key, i)
            return plasticity.step(w, carry, tuple(x), key=noise)

        examples = (pre, post, y, jnp.arange(len(pre)))
        if not jax.tree.leaves(carry):
            return carry, jnp.mean(jax.vmap(lambda x: change((), x)[1])(examples), axis=0)

        def add(state: Any, x: Any) -> tuple[Any, None]:
            carry, step = change(state[0], x)
            return (carry, state[1] + step), None

        (carry, total), _ = jax.lax.scan(add, (carry, jnp.zeros_like(w)), examples)
        return carry, total / len(pre)

    def start(w: jax.Array, pre: Any, post: Any) -> Any:
        return plasticity.carry(w, (pre, post, None))

    return _rule("plastic", net, plasticity, loss, (present, start, True))


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

    return _rule("plastic_in_time", net, plasticity, loss, (present, start, False))


def _rule(
    name: str, net: Network, plasticity: Cell, loss: Loss | None, how: tuple[Any, Any, bool]
) -> LearningRule:
    """A rule for each dense layer; how: its change, its first carry, True if the bias learns."""
    layers = serial(net) if isinstance(net, Network) and not net.layers else net
    chain.require_chain(layers, name, loss)
    _require_dense(name, layers)
    present, start, bias = how

    def synapses(p: Params, pre: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Weights and inputs of a layer, its bias a weight from a constant input."""
        pre = as_float(pre, p["kernel"].dtype)
        if not (bias and "bias" in p):
            return p["kernel"], pre
        ones = jnp.ones((*pre.shape[:-1], 1), pre.dtype)
        return jnp.concatenate([p["kernel"], p["bias"][None]]), jnp.concatenate([pre, ones], -1)

    def init(key: jax.Array, params: Params, x: Any) -> tuple:
        params = params if layers is net else (params,)
        inputs = jax.eval_shape(lambda p, a: chain.forward(layers, p, a[None]), params, x)
        carries = []
        for begin, end in chain.blocks(params):
            shape = jax.eval_shape(lambda p, a: synapses(p, a)[1][0], params[begin], inputs[begin])
            w = synapses(params[begin], jnp.zeros(inputs[begin].shape, inputs[begin].dtype))[0]
            carries.append(start(w, shape, jax.eval_shape(lambda a: a[0], inputs[end])))
        return tuple(carries)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        params = params if layers is net else (params,)
        a = chain.forward(layers, params, x, key=key)
        noise = None if key is None else jax.random.fold_in(key, 1)
        carries, changes = list(state), list(params)
        for i, (begin, end) in enumerate(chain.blocks(params)):
            w, pre = synapses(params[begin], a[begin])
            carry = state[i] if state else ()
            carry, change = present(w, carry, pre, a[end], y, noise)
            carries[i : i + 1] = [carry] if state else []
            changes[begin] = _as_gradient(params[begin], change)
        value = _unexplained(params, a) if loss is None else chain.batch_loss(loss, a[-1], y)
        return value, tuple(changes) if layers is net else changes[0], tuple(carries)

    return LearningRule(init, grads, net)


def _as_gradient(params: Params, change: jax.Array) -> Params:
    """Minus the change, in the structure of the params; zero for a bias that does not learn."""
    inputs = params["kernel"].shape[0]
    grads = {"kernel": -change[:inputs]}
    if "bias" in params:
        learns = change.shape[0] > inputs
        grads["bias"] = -change[inputs] if learns else jnp.zeros_like(params["bias"])
    return grads


def _unexplained(params: Params, activities: list[Any]) -> jax.Array:
    """1/2 |pre - W post|^2, the mean over the batch, summed over the dense layers."""
    total = jnp.zeros((), activities[-1].dtype)
    for begin, end in chain.blocks(params):
        pre = as_float(activities[begin], params[begin]["kernel"].dtype)
        rest = pre - activities[end] @ params[begin]["kernel"].T
        total += 0.5 * jnp.sum(jnp.square(rest)) / len(rest)
    return total


def _require_dense(rule: str, net: Network) -> None:
    trained = [layer for layer in net.layers if chain.has_weights(layer)]
    if not trained:
        raise ValueError(f"{rule} needs a dense layer, and {net} has none: jb.serial(jb.dense(8))")
    for layer in trained:
        if constructor(layer) is not dense:
            raise ValueError(
                f"{rule} changes synapses [pre, post], and {layer} has other weights; use dense "
                "layers (on patches of an image instead of a convolution), or jb.backprop"
            )
