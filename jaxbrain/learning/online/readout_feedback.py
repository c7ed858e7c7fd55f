"""Feedback weights from the readout of a recurrent network to its units."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.annotations import Inputs, Key
from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.core.types import Network, Params


@static
class Feedback(NamedTuple):
    """The weights that carry the error from the readout to the cell.

    Attributes:
      init: ``(key, readout, y) -> held``, a tuple of the params that the feedback adds.
      weights: ``(readout params, held) -> params`` of the readout on the way back.
      change: ``(grads of the readout, readout params, held) -> (grads, grads of held)``.
      config: what it was made from; None for one made by hand.
    """

    init: Callable[[Key, Network, Inputs], tuple]
    weights: Callable[[Params, tuple], Params]
    change: Callable[[Params, Params, tuple], tuple[Params, tuple]]
    config: Config | None = None


@configured
def symmetric_feedback() -> Feedback:
    """Symmetric feedback: the weights W of the readout, for the exact learning signal.

    dL/dz = e W^T

    Examples:
      >>> symmetric_feedback().weights("readout", ())
      'readout'
    """
    return Feedback(
        lambda key, readout, y: (),
        lambda readout, held: readout,
        lambda grads, readout, held: (grads, ()),
    )


@configured
def random_feedback() -> Feedback:
    """Random feedback: fixed weights B, drawn like those of the readout.

    dL/dz = e B^T

    B is the third entry of the params. Its gradient is zero, so that only an optimizer with weight
    decay changes it.

    Source: Lillicrap et al. 2016, doi 10.1038/ncomms13276.

    Examples:
      >>> import jax.numpy as jnp
      >>> random_feedback().change(jnp.ones(2), jnp.ones(2), (jnp.ones(2),))[1][0].tolist()
      [0.0, 0.0]
    """
    return Feedback(
        lambda key, readout, y: (readout.init(key, y),),
        lambda readout, held: held[0],
        lambda grads, readout, held: (grads, jax.tree.map(jnp.zeros_like, held)),
    )


@configured
def adaptive_feedback(*, decay: float | jax.Array = 1e-3) -> Feedback:
    """Adaptive feedback: weights B that get the changes of the readout W and decay with it.

    g_W = G + decay W, g_B = G + decay B, G = dL/dW

    Under gradient descent W - B shrinks by the factor 1 - learning_rate decay a step, for any first
    B. B is the third entry of the params.

    Args:
      decay: of both, biases too; not negative.

    Raises:
      ValueError: if decay is negative.

    Source: Kolen and Pollack 1994, doi 10.1109/ICNN.1994.374486; as adaptive e-prop, Bellec et al.
    2020, doi 10.1038/s41467-020-17236-y.

    Examples:
      >>> import jax.numpy as jnp
      >>> g, held = adaptive_feedback(decay=0.5).change(jnp.ones(1), jnp.ones(1), (jnp.zeros(1),))
      >>> g.tolist(), held[0].tolist()
      ([1.5], [1.0])
    """
    require_positive("adaptive_feedback", "decay", decay, zero=True)

    def change(grads: Params, readout: Params, held: tuple) -> tuple[Params, tuple]:
        def decayed(weights: Params) -> Params:
            return jax.tree.map(lambda g, w: g + as_number(decay, w) * w, grads, weights)

        return decayed(readout), (decayed(held[0]),)

    return Feedback(
        lambda key, readout, y: (readout.init(key, y),),
        lambda readout, held: held[0],
        change,
    )
