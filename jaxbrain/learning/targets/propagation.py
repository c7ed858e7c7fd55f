"""Rules that give every hidden block a target instead of an error, carried down by learned
inverses of the blocks above it.

A block is a layer with weights and the layers without after it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_key, require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.targets.inverses import Inverses, decoder, draw, reconstruct

# from decode, the block's input and output, and how far the target is from the output:
# how far the target of the input is from the input
Carry = Callable[[Callable[[Any], Any], Any, Any, Any], Any]


@configured
def target_propagation(
    net: Network,
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation = optax.adam(1e-3),
    target_step: float | jax.Array = 3.0,
    noise: float | jax.Array = 0.1,
) -> LearningRule:
    """Targets for the hidden blocks, carried down by learned inverses.

    t_{l-1} = g_l(t_l), t_H = h_H - eta dL/dh_H, H the last hidden block
    g_l(u) = s_{l-1}(V_l^T u + c_l), trained on |g_l(f_l(h + e)) - (h + e)|^2 / 2, e ~ N(0, noise^2)
    gradient of block l: that of |f_l(h_{l-1}) - t_l|^2 / (2 eta), h_{l-1} held

    The last block and the last hidden one so have their exact gradients; with one hidden block
    there is no inverse, and the rule is back-propagation. Below, what an inverse fails to
    reconstruct enters the target as if it were an error, divided by eta: a small eta drowns the
    signal in it (on digits, hidden layers of 128 and 64 then learn worse than frozen ones), a
    large one leaves the range of the activations, which does less harm. Convolutions, which
    throw more away, suffer most. `difference_target_propagation` takes that error out: prefer it.

    The inverse g_l pulls u back through the block without its activations (a convolution by its
    transpose, a maximum by its switches, flatten by reshaping) with weights V_l of its own;
    s_{l-1} are the activations of the block below, so that it answers in their range.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      optimizer: an optax transformation, for the inverses.
      target_step: eta, how far the first target is from the activity; positive.
      noise: standard deviation at the input of a block while its inverse learns; not negative.

    Returns:
      A LearningRule whose state is the `Inverses`. With two hidden blocks or more, grads needs a
      key for the noise, unless that is 0.

    Raises:
      ValueError: if net is not a flat chain or a number is out of range; at trace time, if there
        is noise to draw and no key.

    Source: Bengio 2014, arXiv 1407.7906; Lee et al. 2015, arXiv 1412.7525.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> act = jb.elementwise(jax.numpy.tanh)
      >>> net = jb.serial(jb.dense(8), act, jb.dense(6), act, jb.dense(3))
      >>> rule = target_propagation(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y, key=jax.random.key(2))
      >>> [inverse["layer"]["kernel"].shape for inverse in state.params]
      [(8, 6)]
    """

    def carry(decode: Callable[[Any], Any], below: Any, h: Any, shift: Any) -> Any:
        return decode(h + shift) - below

    name = "target_propagation"
    return _rule(name, net, loss, carry, optimizer, target_step=target_step, noise=noise)


@configured
def difference_target_propagation(
    net: Network,
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation = optax.adam(1e-3),
    target_step: float | jax.Array = 0.1,
    noise: float | jax.Array = 0.1,
) -> LearningRule:
    """Target propagation that does not mind what the inverses fail to reconstruct.

    t_{l-1} = h_{l-1} + g_l(t_l) - g_l(h_l), t_H = h_H - eta dL/dh_H, H the last hidden block

    All else is as in `target_propagation`: inverses, their training, and the gradient of
    |f_l(h_{l-1}) - t_l|^2 / (2 eta). For small eta the signal of block l is J_g J_g ... dL/dh_H:
    with exact inverses that is a Gauss-Newton target (Meulemans et al. 2020), and with inverses
    whose Jacobian is the transpose of the block's it is back-propagation. Gauss-Newton targets
    are on another scale than gradients: train with an optimiser that does not mind, such as Adam.

    Args:
      net: a flat `serial` chain.
      loss: ``(prediction, target) -> scalar`` of one example.
      optimizer: an optax transformation, for the inverses.
      target_step: eta, how far the first target is from the activity; positive.
      noise: standard deviation at the input of a block while its inverse learns; not negative.

    Returns:
      A LearningRule whose state is the `Inverses`. With two hidden blocks or more, grads needs a
      key for the noise, unless that is 0.

    Raises:
      ValueError: if net is not a flat chain or a number is out of range; at trace time, if there
        is noise to draw and no key.

    Source: Lee et al. 2015, arXiv 1412.7525; Meulemans et al. 2020, arXiv 2006.14331.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> act = jb.elementwise(jax.numpy.tanh)
      >>> net = jb.serial(jb.dense(8), act, jb.dense(6), act, jb.dense(3))
      >>> rule = difference_target_propagation(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> state = rule.init(jax.random.key(1), params, x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, state, x, y, key=jax.random.key(2))
      >>> state.reconstruction.shape
      (1,)
    """

    def carry(decode: Callable[[Any], Any], below: Any, h: Any, shift: Any) -> Any:
        return decode(h + shift) - decode(h)

    name = "difference_target_propagation"
    return _rule(name, net, loss, carry, optimizer, target_step=target_step, noise=noise)


def _rule(
    name: str,
    net: Network,
    loss: Loss,
    carry: Carry,
    optimizer: optax.GradientTransformation,
    *,
    target_step: Any,
    noise: Any,
) -> LearningRule:
    chain.require_chain(net, name)
    require_positive(name, "target_step", target_step)
    require_positive(name, "noise", noise, zero=True)
    quiet = not isinstance(noise, Tracer) and noise == 0

    def init(key: jax.Array, params: Params, x: Any) -> Inverses:
        return draw(net, optimizer, key, params, x)

    def grads(
        params: Params, state: Inverses, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Inverses]:
        if state.params and not quiet:
            require_key(name, key, "its inverses learn under noise, unless built with noise=0.0")
        activities, keys = chain.forward(net, params, x, key=key), chain.layer_keys(net, x, key)
        value, error = chain.loss_and_error(loss, activities[-1], y)
        parts = chain.blocks(params)
        errors = [error]
        if len(parts) > 1:
            for i in reversed(range(parts[-1][0], len(net.layers))):
                error = chain.pull_input(
                    net.layers[i], params[i], activities[i], error, key=keys[i]
                )
            errors.append(error)
        # times the size of the batch: the step of one example does not depend on the others
        scale = jnp.asarray(target_step, error.dtype) * error.shape[0]
        shift = -scale * error
        for j in reversed(range(len(state.params))):
            start, stop = parts[j + 1]
            decode = decoder(net, parts[j : j + 2], state.params[j], activities[start:stop], keys)
            shift = carry(decode, activities[start], activities[stop], shift)
            errors.append(-shift / scale)
        changes = chain.block_gradients(net, params, activities, errors[::-1], keys)
        hidden = [activities[start] for start, _ in parts[1:-1]]
        hidden = hidden if quiet else corrupt(hidden, key)
        return value, changes, reconstruct(net, optimizer, params, state, hidden, keys)

    def corrupt(hidden: list[jax.Array], key: jax.Array | None) -> list[jax.Array]:
        noisy = []
        for j, h in enumerate(hidden):
            k = jax.random.fold_in(jax.random.clone(key), j)
            noisy.append(h + jnp.asarray(noise, h.dtype) * jax.random.normal(k, h.shape, h.dtype))
        return noisy

    return LearningRule(init, grads, net)
