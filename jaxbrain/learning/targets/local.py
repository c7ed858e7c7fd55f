"""Local losses: every hidden block learns from the error of a readout of its own."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.composition import batch, example, serial
from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.auxiliary import optimize
from jaxbrain.learning.outputs import require_matching_loss
from jaxbrain.networks.layers import dense, elementwise, flatten


class Readouts(NamedTuple):
    """Readouts of the hidden blocks and the state of their optimizer.

    Attributes:
      params: of the readout of each hidden block.
      opt_state: of the optimizer that trains them.
      loss: of each readout on the last batch, ``[hidden blocks]``.
    """

    params: tuple[Params, ...]
    opt_state: Any
    loss: jax.Array


@configured
def linear_readout(hidden: jax.ShapeDtypeStruct, output: jax.ShapeDtypeStruct) -> Network:
    """A dense readout from all units of a block to a prediction in the shape of the output.

    Args:
      hidden: shape of the block's output for one example.
      output: shape of the network's output for one example.

    Examples:
      >>> import jax
      >>> hidden, output = (jax.ShapeDtypeStruct(s, "float32") for s in ((4, 4, 8), (2, 3)))
      >>> net = linear_readout(hidden, output)
      >>> params = jax.eval_shape(net.init, jax.random.key(0), hidden)
      >>> params[1]["kernel"].shape, jax.eval_shape(net.apply, params, hidden).shape
      ((128, 6), (2, 3))
    """
    layers = [flatten(), dense(output.size)]
    if len(output.shape) != 1:
        layers.append(elementwise(functools.partial(jnp.reshape, shape=output.shape)))
    return serial(*layers)


@configured
def local_losses(
    net: Network,
    loss: Loss,
    *,
    readout: Callable[[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct], Network] = linear_readout,
    optimizer: optax.GradientTransformation = optax.adam(1e-3),
) -> LearningRule:
    """Local losses: every hidden block predicts the target through a readout of its own.

    g_l = d/dW_l L(r_l(f_l(h_{l-1})), y), h_{l-1} held; the last block: d/dW L(f(h), y)

    A block is a layer with weights and the layers without after it. No error crosses a block, so
    each is trained greedily. The readouts learn inside ``grads``; with
    ``optimizer=optax.set_to_zero()`` they are the fixed random classifiers of Mostafa et al. The
    state is a `Readouts`; the loss is that of the network's own output.

    Args:
      readout: from the shapes of a block's output and of the network's output, as
        ``jax.ShapeDtypeStruct`` of one example, to a Network from the one to the other. Pool first
        where feature maps are large.
      optimizer: an optax transformation, for the readouts.

    Source: Nøkland and Eidnes 2019, arXiv 1901.06656 (the prediction loss); Mostafa et al. 2018,
    doi 10.3389/fnins.2018.00608.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(3)), jax.numpy.ones(4)
      >>> rule = local_losses(net, jb.losses.softmax_cross_entropy)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> [part[1]["kernel"].shape for part in state.params]
      [(8, 3)]
    """
    chain.require_chain(net, "local_losses", loss)

    def init(key: jax.Array, params: Params, x: Any) -> Readouts:
        hidden = chain.block_shapes(net, params, x)[:-1]
        output = jax.eval_shape(net.apply, params, x)
        keys = jax.random.split(key, max(len(hidden), 1))
        nets = [readout(h, output) for h in hidden]
        for part in nets:
            require_matching_loss("local_losses", part, loss)
        drawn = tuple(part.init(k, h) for part, k, h in zip(nets, keys, hidden, strict=False))
        return Readouts(drawn, optimizer.init(drawn), jnp.zeros(len(drawn), output.dtype))

    def local(params: Params, h: jax.Array, y: Any, output: Any) -> jax.Array:
        part = batch(readout(example(h), output))
        return chain.batch_loss(loss, part.apply(params, h), y)

    def grads(
        params: Params, state: Readouts, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Readouts]:
        activities, keys = chain.forward(net, params, x, key=key), chain.layer_keys(net, x, key)
        value, error = chain.loss_and_error(loss, activities[-1], y)
        hidden = [activities[stop] for _, stop in chain.blocks(params)[:-1]]
        output = example(activities[-1])
        values, slopes, errors = [], [], []
        for r, h in zip(state.params, hidden, strict=True):
            own, (slope, back) = jax.value_and_grad(local, argnums=(0, 1))(r, h, y, output)
            values.append(own)
            slopes.append(slope)
            errors.append(back)
        changes = chain.block_gradients(net, params, activities, [*errors, error], keys)
        if not hidden:
            return value, changes, state
        losses, slopes = jnp.stack(values), tuple(slopes)
        learned = optimize(optimizer, slopes, state.opt_state, state.params, jnp.sum(losses))
        return value, changes, Readouts(*learned, losses)

    return LearningRule(init, grads, net)
