"""Equal layers one after another, compiled once."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import split_key
from jaxbrain.core.config import configured
from jaxbrain.core.eager import loops
from jaxbrain.core.inits import plain_init
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Network, Params


@configured
def repeated(net: Network, times: int) -> Network:
    """A chain of equal networks, each with weights of its own, in one compiled loop.

    y = net_n(... net_2(net_1(x)))

    It computes what `serial` of so many copies does, and compiles in the time of one. To learning
    rules it is one layer: rules that are local to a layer take the derivative within it.

    Args:
      net: a network whose output has the shape and the dtype of its input.
      times: n.

    Returns:
      A network whose params are those of net with a leading axis ``[times, ...]``.

    Raises:
      TypeError: if net is not a Network.
      ValueError: at trace time, if the output has another shape or dtype than the input.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> block = jb.residual(jb.serial(jb.dense(4), jb.elementwise(jnp.tanh)))
      >>> net, x = repeated(block, 64), jnp.ones(4)
      >>> params = net.init(jax.random.key(0), x)
      >>> params[0]["kernel"].shape, net.apply(params, x).shape
      ((64, 4, 4), (4,))
    """
    require_count("repeated", "times", times)

    def init(key: jax.Array, x: Any) -> Params:
        keys = jax.random.split(key, times)
        return jax.vmap(lambda k: plain_init(net)(k, x))(keys)

    @loops()
    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        for leaf in jax.tree.leaves(params):
            if jnp.shape(leaf)[:1] != (times,):
                raise ValueError(
                    f"params of repeated({net}, {times}) must be arrays [{times}, ...], got the "
                    f"shape {jnp.shape(leaf)}; make them with net.init(key, x)"
                )

        def one(x: Any, now: tuple[Params, Any]) -> tuple[Any, None]:
            p, k = now
            y = net.apply(p, x, key=k)
            if jax.tree.map(jax.typeof, y) != jax.tree.map(jax.typeof, x):
                raise ValueError(
                    f"repeated({net}, {times}): the output must be as the input, "
                    f"{jax.typeof(x)}, but it is {jax.typeof(y)}; end the network with a layer of "
                    "that size, and begin before it with one that gives floats"
                )
            return y, None

        keys = None if key is None else split_key(key, times)
        return jax.lax.scan(one, x, (params, keys), length=times)[0]

    return Network(init, apply)
