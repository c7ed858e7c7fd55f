"""Target propagation: learned inverses give every hidden block a target instead of an error.

A block is a layer with weights and the layers without after it. H is the last hidden block.

    t_H = h_H - eta dL/dh_H; below, t_{l-1} follows from t_l by the inverse g_l (`inverses`)
    gradient of block l: that of |f_l(h_{l-1}) - t_l|^2 / (2 eta), h_{l-1} held

So block H and the output block have their exact gradients. With one hidden block there is no
inverse, and the rules are back-propagation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Loss, Network, Params, RuleInit
from jaxbrain.learning import chain
from jaxbrain.learning.targets.inverses import Inverses, decoder, draw, reconstruct

# (inverse g_l, h_{l-1}, h_l, t_l - h_l) -> t_{l-1} - h_{l-1}
Propagate = Callable[[Callable[[Any], Any], Any, Any, Any], Any]


class Inversion(NamedTuple):
    """The inverses of the hidden blocks but the first.

    Attributes:
      init: as of a rule; its state holds the inverses.
      decoder: ``(params, state, j, activities, keys) -> g`` of block j + 1.
      learn: ``(params, state, activities, keys, key) -> state``.
      propagate: the offset of a target from its activity, one block down.
    """

    init: RuleInit
    decoder: Callable[[Params, Inverses, int, list[Any], Any], Callable[[Any], Any]]
    learn: Callable[[Params, Inverses, list[Any], Any, jax.Array | None], Inverses]
    propagate: Propagate


@configured
def target_propagation(
    net: Network,
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation = optax.adam(1e-3),
    target_step: float | jax.Array = 3.0,
    noise: float | jax.Array = 0.1,
) -> LearningRule:
    """Target propagation: the target of a hidden block is the inverse of the target above it.

    t_{l-1} = g_l(t_l), t_H = h_H - eta dL/dh_H
    g_l is trained on |g_l(f_l(h + e)) - (h + e)|^2 / 2, e ~ N(0, noise^2)
    gradient of block l: that of |f_l(h_{l-1}) - t_l|^2 / (2 eta), h_{l-1} held

    The error of reconstruction enters the target as if it were an error of the network, divided by
    eta. A small eta loses the signal in it (on digits, hidden layers of 128 and 64 then learn worse
    than frozen ones); a large one leaves the range of the activations, which does less harm.
    Convolutions suffer most, because they discard more. `difference_target_propagation` removes
    this error: prefer it. The state is an `Inverses`. With two hidden blocks or more the gradient
    needs a key, unless noise is 0.

    Args:
      optimizer: an optax transformation, for the inverses.
      target_step: eta, the distance of the first target from the activity; positive.
      noise: standard deviation at the input of a block while its inverse learns; not negative.

    Source: Bengio 2014, arXiv 1407.7906; Lee et al. 2015, arXiv 1412.7525.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(6), jb.dense(3)), jax.numpy.ones(4)
      >>> rule = target_propagation(net, jb.losses.softmax_cross_entropy)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> jax.tree.map(jax.numpy.shape, state.params)
      ({'bias': (8,), 'layer': {'bias': (6,), 'kernel': (8, 6)}},)
    """

    def propagate(decode: Callable[[Any], Any], below: Any, h: Any, offset: Any) -> Any:
        return decode(h + offset) - below

    name = "target_propagation"
    return _rule(name, net, loss, propagate, optimizer, target_step=target_step, noise=noise)


@configured
def difference_target_propagation(
    net: Network,
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation = optax.adam(1e-3),
    target_step: float | jax.Array = 0.1,
    noise: float | jax.Array = 0.1,
) -> LearningRule:
    """Difference target propagation: target propagation without the error of reconstruction.

    t_{l-1} = h_{l-1} + g_l(t_l) - g_l(h_l), t_H = h_H - eta dL/dh_H

    The rest is as in `target_propagation`. For small eta the signal of block l is
    J_g J_g ... dL/dh_H. With exact inverses that is a Gauss-Newton target (Meulemans et al. 2020);
    with inverses whose Jacobian is the transpose of the block's it is back-propagation:
    `local_difference_reconstruction` learns those.
    Gauss-Newton targets have another scale than gradients: train with an optimizer that is
    invariant to it, such as Adam.

    Args:
      optimizer: an optax transformation, for the inverses.
      target_step: eta, the distance of the first target from the activity; positive.
      noise: standard deviation at the input of a block while its inverse learns; not negative.

    Source: Lee et al. 2015, arXiv 1412.7525; Meulemans et al. 2020, arXiv 2006.14331.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(6), jb.dense(3)), jax.numpy.ones(4)
      >>> rule = difference_target_propagation(net, jb.losses.softmax_cross_entropy)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> state.reconstruction.shape
      (1,)
    """
    name = "difference_target_propagation"
    return _rule(name, net, loss, difference, optimizer, target_step=target_step, noise=noise)


def difference(decode: Callable[[Any], Any], below: Any, h: Any, offset: Any) -> Any:
    """g_l(t_l) - g_l(h_l): no error of reconstruction."""
    return decode(h + offset) - decode(h)


def _rule(
    name: str,
    net: Network,
    loss: Loss,
    propagate: Propagate,
    optimizer: optax.GradientTransformation,
    *,
    target_step: Any,
    noise: Any,
) -> LearningRule:
    """The rule of inverses that learn to reconstruct."""
    require_positive(name, "noise", noise, zero=True)
    quiet = not isinstance(noise, Tracer) and noise == 0

    def init(key: jax.Array, params: Params, x: Any) -> Inverses:
        return draw(key, net, optimizer, params, x)

    def invert(
        params: Params, state: Inverses, j: int, activities: list[Any], keys: Any
    ) -> Callable[[Any], Any]:
        parts = chain.blocks(params)[j : j + 2]
        return decoder(net, parts, state.params[j], activities[slice(*parts[1])], keys)

    def learn(
        params: Params, state: Inverses, activities: list[Any], keys: Any, key: jax.Array | None
    ) -> Inverses:
        hidden = [activities[start] for start, _ in chain.blocks(params)[1:-1]]
        if hidden and not quiet:
            require_key(name, key, "its inverses learn under noise, unless built with noise=0.0")
            hidden = corrupt(hidden, key)
        return reconstruct(net, optimizer, params, state, hidden, keys)

    def corrupt(hidden: list[jax.Array], key: jax.Array | None) -> list[jax.Array]:
        noisy = []
        for j, h in enumerate(hidden):
            k = jax.random.fold_in(jax.random.clone(key), j)
            noisy.append(h + jnp.asarray(noise, h.dtype) * jax.random.normal(k, h.shape, h.dtype))
        return noisy

    return target_rule(name, net, loss, Inversion(init, invert, learn, propagate), target_step)


def target_rule(
    name: str, net: Network, loss: Loss, inversion: Inversion, target_step: float | jax.Array
) -> LearningRule:
    """The rule whose targets go down through the inverses of the hidden blocks."""
    chain.require_chain(net, name, loss)
    require_positive(name, "target_step", target_step)

    def grads(
        params: Params, state: Inverses, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Inverses]:
        activities, keys = chain.forward(net, params, x, key=key), chain.layer_keys(net, x, key)
        value, error = chain.loss_and_error(loss, activities[-1], y)
        parts = chain.blocks(params)
        errors = [error]
        if len(parts) > 1:
            errors.append(through_block(params, activities, keys, parts[-1], error))
        # times the size of the batch: the step of one example does not depend on the others
        scale = jnp.asarray(target_step, error.dtype) * error.shape[0]
        offset = -scale * errors[-1]
        for j in reversed(range(len(state.params))):
            start, stop = parts[j + 1]
            decode = inversion.decoder(params, state, j, activities, keys)
            offset = inversion.propagate(decode, activities[start], activities[stop], offset)
            errors.append(-offset / scale)
        changes = chain.block_gradients(net, params, activities, errors[::-1], keys)
        return value, changes, inversion.learn(params, state, activities, keys, key)

    def through_block(params: Params, activities: Any, keys: Any, part: Any, error: Any) -> Any:
        for i in reversed(range(*part)):
            error = chain.pull_input(net.layers[i], params[i], activities[i], error, key=keys[i])
        return error

    return LearningRule(inversion.init, grads, net)
