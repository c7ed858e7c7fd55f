"""Feedback weights that learn differences, so that target propagation becomes back-propagation.

    g_l(u) = V_l^T s_l(u), V_l down the gradient of
    |g_l(h_l + n) - g_l(h_l)|^2 / 2 - <e, g_l(f_l(h_{l-1} + e)) - g_l(h_l)>

e and n are noise. For small noise the loss is |J_g - J_f^T|^2 / 2 and a constant. V_l^T is the
pullback of block l at its input, with weights V_l of its own, and s_l are its activations.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_key, require_positive, require_wide
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.auxiliary import optimize
from jaxbrain.learning.targets.inverses import Inverses, is_elementwise
from jaxbrain.learning.targets.propagation import Inversion, difference, target_rule


@configured
def local_difference_reconstruction(
    net: Network,
    loss: Loss,
    *,
    optimizer: optax.GradientTransformation = optax.adam(1e-3),
    target_step: float | jax.Array = 0.1,
    noise: float | jax.Array = 0.1,
    steps: int = 1,
) -> LearningRule:
    """Difference target propagation with local difference reconstruction (L-DRL).

    t_{l-1} = h_{l-1} + g_l(t_l) - g_l(h_l), g_l(u) = V_l^T s_l(u), t_H = h_H - eta dL/dh_H
    loss of V_l: (|g_l(h_l + n) - g_l(h_l)|^2 / 2 - <e, g_l(f_l(h_{l-1} + e)) - g_l(h_l)>) / sigma^2
    with e, n ~ N(0, sigma^2); gradient of block l: as in `target_propagation`

    The loss is least where the Jacobian of the feedback is the transpose of that of the block: for
    linear blocks at V_l = W_l, where the rule is back-propagation. The reconstruction of
    `difference_target_propagation` is least at an inverse instead. s_l are the `elementwise` layers
    of block l, V_l^T the pullback of its other layers at h_{l-1}, with weights V_l in place of W_l.
    The state is an `Inverses`, with params V_l. With two hidden blocks or more the gradient needs a
    key. Activities must have 32 bits or more.

    Args:
      optimizer: an optax transformation, for V. It should follow the weights of the network.
      target_step: eta, the distance of the first target from the activity; positive.
      noise: sigma; positive.
      steps: of V on each batch, with noise of their own. On digits, 5 reach a cosine of 0.9 to the
        gradient in two epochs, 1 does in eight.

    Source: Ernoult et al. 2022, arXiv 2201.13415.

    Examples:
      >>> import jaxbrain as jb
      >>> net, x = jb.serial(jb.dense(8), jb.dense(6), jb.dense(3)), jnp.ones(4)
      >>> rule = local_difference_reconstruction(net, jb.losses.softmax_cross_entropy)
      >>> state = rule.init(jax.random.key(1), net.init(jax.random.key(0), x), x)
      >>> jax.tree.map(jnp.shape, state.params)  # of the second block: it has the shape of W
      ({'bias': (6,), 'kernel': (8, 6)},)
    """
    name = "local_difference_reconstruction"
    require_positive(name, "noise", noise)
    require_count(name, "steps", steps)

    def init(key: jax.Array, params: Params, x: Any) -> Inverses:
        drawn = net.init(key, x)
        weights = tuple(drawn[start] for start, _ in chain.blocks(params)[1:-1])
        dtype = jax.eval_shape(net.apply, params, x).dtype
        return Inverses(weights, optimizer.init(weights), jnp.zeros(len(weights), dtype))

    def decoder(
        params: Params, state: Inverses, j: int, activities: list[Any], keys: Any
    ) -> Callable[[Any], Any]:
        return _feedback(net, chain.blocks(params)[j + 1], state.params[j], activities, keys)

    def learn(
        params: Params, state: Inverses, activities: list[Any], keys: Any, key: jax.Array | None
    ) -> Inverses:
        require_wide(name, activities[-1])
        if not state.params:
            return state
        key = require_key(name, key, "its feedback learns from noise")

        def step(t: Any, state: Inverses) -> Inverses:
            pairs = []
            for j, (part, weights) in enumerate(
                zip(chain.blocks(params)[1:-1], state.params, strict=True)
            ):
                k = jax.random.fold_in(jax.random.fold_in(jax.random.clone(key), t), j)
                objective = _objective(net, params, part, activities, keys, noise, k)
                pairs.append(jax.value_and_grad(objective)(weights))
            values, slopes = zip(*pairs, strict=True)
            losses = jnp.stack(values)
            learned = optimize(optimizer, slopes, state.opt_state, state.params, jnp.sum(losses))
            return Inverses(*learned, losses.astype(state.reconstruction.dtype))

        return jax.lax.fori_loop(0, steps, step, state)

    return target_rule(name, net, loss, Inversion(init, decoder, learn, difference), target_step)


def _feedback(
    net: Network, part: tuple[int, int], weights: Params, activities: list[Any], keys: Any
) -> Callable[[Any], Any]:
    """g_l: the activations of a block, then the pullback of its other layers."""
    start, stop = part

    def decode(u: Any) -> Any:
        for i in reversed(range(start, stop)):
            layer, a = net.layers[i], activities[i]
            if is_elementwise(layer) and a.shape == u.shape:
                u = chain.on_batch(layer, (), u, None)
            else:
                u = chain.pull_input(layer, weights if i == start else (), a, u, key=keys[i])
        return u

    return decode


def _objective(
    net: Network,
    params: Params,
    part: tuple[int, int],
    activities: list[Any],
    keys: Any,
    noise: float | jax.Array,
    key: jax.Array,
) -> Callable[[Params], jax.Array]:
    """The loss of the feedback weights of a block, its mean over the batch."""
    start, stop = part
    h, output = activities[start], activities[stop]
    sigma = jnp.asarray(noise, h.dtype)
    below, above = (
        jax.random.normal(k, a.shape, a.dtype)
        for k, a in zip(jax.random.split(key), (h, output), strict=True)
    )
    moved = h + sigma * below
    for i in range(start, stop):
        moved = chain.on_batch(net.layers[i], params[i], moved, keys[i])

    def objective(weights: Params) -> jax.Array:
        g = _feedback(net, part, weights, activities, keys)
        carried, seen = (g(u) - g(output) for u in (moved, output + sigma * above))
        each = jnp.square(seen / sigma) / 2 - below * (carried / sigma)
        return jnp.sum(each) / h.shape[0]

    return objective
