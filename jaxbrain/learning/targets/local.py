"""Local losses: every hidden block has a classifier of its own, and no error crosses a block."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.composition import batch, serial
from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.targets.inverses import learn
from jaxbrain.networks.layers import dense, elementwise, flatten


class Readouts(NamedTuple):
    """What `local_losses` carries from batch to batch.

    Attributes:
      params: of the readout of each hidden block.
      opt_state: of the optimiser that trains them.
      loss: of each readout on the last batch, ``[hidden blocks]``.
    """

    params: tuple[Params, ...]
    opt_state: Any
    loss: jax.Array


@configured
def linear_readout(hidden: jax.ShapeDtypeStruct, output: jax.ShapeDtypeStruct) -> Network:
    """One dense layer from all units of a block to a prediction in the shape of the output."""
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
    """Every hidden block predicts the target through a readout of its own and learns from that.

    g_l = d/dW_l L(r_l(f_l(h_{l-1})), y), h_{l-1} held; the last block: d/dW L(f(h), y)

    A block is a layer with weights and the layers without after it. No error crosses a block:
    depth adds nothing that each step alone, greedily, does not find useful. The readouts learn
    inside ``grads``; ``optimizer=optax.set_to_zero()`` leaves them as they were drawn, the fixed
    random classifiers of Mostafa et al. The loss reported is that of the network's own output.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      readout: from the shapes of a block's output and of the network's, as
        ``jax.ShapeDtypeStruct`` of one example, to a Network from the one to the other; pool first
        where convolutions are large.
      optimizer: an optax transformation, for the readouts.

    Returns:
      A LearningRule whose state is the `Readouts`.

    Raises:
      ValueError: if net is not a flat chain.

    Source: Nøkland and Eidnes 2019, arXiv 1901.06656 (the prediction loss); Mostafa et al. 2018,
    doi 10.3389/fnins.2018.00608.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> rule = local_losses(net, jb.losses.softmax_cross_entropy)
      >>> x = jax.numpy.ones(4)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> [part[1]["kernel"].shape for part in state.params]
      [(8, 3)]
    """
    chain.require_chain(net, "local_losses")

    def readouts(hidden: list[Any], output: Any) -> list[Network]:
        return [readout(h, output) for h in hidden]

    def init(key: jax.Array, params: Params, x: Any) -> Readouts:
        hidden, output = (
            chain.block_shapes(net, params, x)[:-1],
            jax.eval_shape(net.apply, params, x),
        )
        keys = jax.random.split(key, max(len(hidden), 1))
        drawn = tuple(
            part.init(k, h)
            for part, k, h in zip(readouts(hidden, output), keys, hidden, strict=False)
        )
        return Readouts(drawn, optimizer.init(drawn), jnp.zeros(len(drawn), output.dtype))

    def grads(
        params: Params, state: Readouts, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Readouts]:
        activities, keys = chain.forward(net, params, x, key=key), chain.layer_keys(net, x, key)
        value, error = chain.loss_and_error(loss, activities[-1], y)
        hidden = [activities[stop] for _, stop in chain.blocks(params)[:-1]]
        shapes = [jax.ShapeDtypeStruct(h.shape[1:], h.dtype) for h in hidden]
        output = jax.ShapeDtypeStruct(activities[-1].shape[1:], activities[-1].dtype)
        losses, slopes, errors = [], [], []
        for part, r, h in zip(readouts(shapes, output), state.params, hidden, strict=True):

            def local(r: Params, h: Any, part: Network = part) -> jax.Array:
                return chain.batch_loss(loss, batch(part).apply(r, h), y)

            here, (slope, back) = jax.value_and_grad(local, argnums=(0, 1))(r, h)
            losses.append(here)
            slopes.append(slope)
            errors.append(back)
        changes = chain.block_gradients(net, params, activities, [*errors, error], keys)
        if not hidden:
            return value, changes, state
        learned, opt_state = learn(optimizer, tuple(slopes), state.opt_state, state.params)
        return value, changes, Readouts(learned, opt_state, jnp.stack(losses))

    return LearningRule(init, grads, net)
