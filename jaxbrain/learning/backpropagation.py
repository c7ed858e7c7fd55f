"""Back-propagation: the exact gradient of any network."""

from typing import Any

import jax

from jaxbrain.core.composition import examples_of
from jaxbrain.core.config import configured
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning.chain import mean_loss, no_state, require_targets
from jaxbrain.learning.outputs import require_matching_loss


@configured
def backprop(net: Network, loss: Loss) -> LearningRule:
    """Back-propagation: the gradient of the mean loss, by ``jax.grad``.

    dL/dW_l = a_{l-1}^T delta_l, delta_l = (delta_{l+1} W_{l+1}^T) * f'(z_l)

    Any network of one example can be taught, a chain or not.

    Source: Rumelhart, Hinton and Williams 1986, doi 10.1038/323533a0.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.dense(1)
      >>> rule = backprop(net, jb.losses.half_mse)
      >>> x, y = jax.numpy.array([[1.0, 2.0]]), jax.numpy.array([[1.0]])
      >>> params = {"kernel": jax.numpy.zeros((2, 1)), "bias": jax.numpy.zeros(1)}
      >>> value, grads, state = jax.jit(rule.grads)(params, (), x, y)
      >>> float(value), grads["kernel"][:, 0].tolist()
      (0.5, [-1.0, -2.0])
    """
    require_matching_loss("backprop", net, loss)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        examples = examples_of(x)
        require_targets(examples, y)
        keys = None if key is None else jax.random.split(key, examples)

        # one vmap over network and loss: two would transpose the layout of sequences in between
        def of_batch(p: Params) -> jax.Array:
            def of_one(x: Any, y: Any, k: jax.Array | None) -> jax.Array:
                return loss(net.apply(p, x, key=k), y)

            return mean_loss(jax.vmap(of_one)(x, y, keys))

        value, gradient = jax.value_and_grad(of_batch)(params)
        return value, gradient, state

    return LearningRule(no_state, grads, net)
