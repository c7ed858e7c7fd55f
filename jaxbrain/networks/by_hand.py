"""Networks of functions of the user, without a class of a library."""

from collections.abc import Callable
from typing import Any

import jax

from jaxbrain.core.config import configured
from jaxbrain.core.functions import takes
from jaxbrain.core.types import Network, Params


@configured
def from_functions(init: Callable[..., Any], apply: Callable[..., Any]) -> Network:
    """A pair of functions as a network, such as one of stax or of your own code.

    Args:
      init: ``(key, x) -> params`` for one example x.
      apply: ``(params, x) -> y`` for one example, or ``(params, x, *, key=None) -> y`` with noise
        where there is a key.

    Raises:
      TypeError: if one of them is not a function of these arguments.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> layer = from_functions(lambda key, x: jnp.ones(3), lambda params, x: params * x)
      >>> net = jb.serial(layer, jb.dense(1))
      >>> params = net.init(jax.random.key(0), jnp.ones(3))
      >>> net.apply(params, jnp.ones(3), key=jax.random.key(1)).shape
      (1,)
    """
    with_key = takes(apply, "key")

    def made(key: jax.Array, x: Any) -> Params:
        return init(key, x)

    def applied(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        return apply(params, x, key=key) if with_key else apply(params, x)

    return Network(made, applied)
