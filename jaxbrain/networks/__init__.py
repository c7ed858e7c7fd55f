"""Layers: networks of one example, to compose with `serial`.

Constructors refuse sizes that are not positive integers, and inputs that do not fit the weights
raise when the network is traced. ``kernel_init`` and ``bias_init`` initialize a layer's kernel and
bias, by default with ``lecun_normal()`` and zeros of ``jax.nn.initializers``; without a
``bias_init`` (None) there is no bias. An initializer is any function ``(key, shape, dtype)`` of its
key alone. All random numbers of an ``init`` come from one draw, whatever is composed, and outside
of ``jax.jit`` equal networks share one compiled program (`jaxbrain.core.inits`).
"""

from jaxbrain.networks.association import associative_lookup, associative_pool, self_association
from jaxbrain.networks.by_hand import from_functions
from jaxbrain.networks.convolution import avg_pool, conv, max_pool
from jaxbrain.networks.equinox_models import equinox_params, from_equinox, to_equinox
from jaxbrain.networks.layers import dense, dropout, elementwise, embed, flatten, layer_norm
from jaxbrain.networks.linen_models import from_linen, linen_params, to_linen
from jaxbrain.networks.nnx_models import from_nnx, nnx_params, to_nnx
from jaxbrain.networks.repetition import repeated
from jaxbrain.networks.summary_table import summary

__all__ = [
    "associative_lookup",
    "associative_pool",
    "avg_pool",
    "conv",
    "dense",
    "dropout",
    "elementwise",
    "embed",
    "equinox_params",
    "flatten",
    "from_equinox",
    "from_functions",
    "from_linen",
    "from_nnx",
    "layer_norm",
    "linen_params",
    "max_pool",
    "nnx_params",
    "repeated",
    "self_association",
    "summary",
    "to_equinox",
    "to_linen",
    "to_nnx",
]


def __dir__() -> list[str]:
    return __all__
