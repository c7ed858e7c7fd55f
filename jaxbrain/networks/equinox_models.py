"""Models of equinox as networks, and back."""

import inspect
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import affine, serial
from jaxbrain.core.config import configured, without_weights
from jaxbrain.core.functions import takes
from jaxbrain.core.types import Network, Params
from jaxbrain.networks.foreign import (
    Foreign,
    drawer,
    is_a,
    library,
    named_leaves,
    of_dataclass,
    require_model,
    require_one_each,
    with_leaves,
)
from jaxbrain.networks.layers import elementwise

_EXAMPLE = "eqx.nn.MLP(4, 3, 8, 2, key=key)"


@checked
def from_equinox(model: Any) -> Network:
    """A model of equinox as a network, which every learning rule takes.

    Args:
      model: an ``eqx.nn.Sequential`` or ``eqx.nn.MLP`` becomes a chain of its layers, with
        activations as `elementwise`; any other module becomes one layer. Its ``inference`` flags
        are set where there is no key.

    Returns:
      A network whose ``init`` draws new weights, normal with the mean and standard deviation of
      each array of the model: by it rules draw feedback weights too. `equinox_params` gives the
      weights of the model, `to_equinox` puts trained ones back. Those of ``Linear`` and ``Conv``
      are named and laid out as in `dense` and `conv`, those of other modules go by their path.

    Raises:
      ImportError: if equinox is not installed.
      TypeError: if model is not an ``eqx.Module``.
      ValueError: if the model has a state, such as ``BatchNorm``, or is an ``MLP`` whose layers
        cannot be taken apart.

    Examples:
      >>> import equinox as eqx, jax, jaxbrain as jb  # doctest: +SKIP
      >>> model = eqx.nn.MLP(64, 10, 128, 1, key=jax.random.key(0))  # doctest: +SKIP
      >>> rule = jb.predictive_coding(from_equinox(model), loss)  # doctest: +SKIP
      >>> len(rule.network.layers)  # dense, activation, dense  # doctest: +SKIP
      3
    """
    eqx = library("from_equinox", "equinox", "equinox")
    require_model("from_equinox", model, eqx.Module, _EXAMPLE)
    _refuse_state(eqx, model)
    layers = tuple(_layers(eqx, model))
    return serial(*layers) if _is_chain(eqx, model) else layers[0]


@checked
def to_equinox(model: Any, params: Params) -> Any:
    """The model of equinox with other weights, such as trained ones.

    Args:
      model: what `from_equinox` made a network of.
      params: of that network.

    Raises:
      ValueError: if params are not those of such a network.

    Examples:
      >>> state, history = jb.fit(rule, optimizer, data, key=key, epochs=1)  # doctest: +SKIP
      >>> trained = to_equinox(model, state.params)  # an eqx.nn.MLP  # doctest: +SKIP
    """
    eqx = library("to_equinox", "equinox", "equinox")
    require_model("to_equinox", model, eqx.Module, _EXAMPLE)
    if not _is_chain(eqx, model):
        return _with_params(eqx, model, params, "to_equinox")
    parts = sum(1 for _ in _layers(eqx, model))
    return _rebuilt(eqx, model, iter(require_one_each("to_equinox", params, parts)))


@checked
def equinox_params(model: Any) -> Params:
    """The weights of a model of equinox as params of its network, such as pre-trained ones.

    Args:
      model: what `from_equinox` makes a network of.

    Examples:
      >>> start = jb.init_state(rule, optimizer, x[0], key=key)  # doctest: +SKIP
      >>> start = start._replace(params=equinox_params(model))  # doctest: +SKIP
      >>> state, _ = jb.fit(rule, optimizer, data, state=start, **settings)  # doctest: +SKIP
    """
    eqx = library("equinox_params", "equinox", "equinox")
    require_model("equinox_params", model, eqx.Module, _EXAMPLE)
    if not _is_chain(eqx, model):
        return _params(eqx, model)
    return tuple(_own_params(eqx, model))


@configured
def equinox_layer(model: Foreign) -> Network:
    """One module of equinox as a layer.

    Args:
      model: the module, in a `Foreign`.
    """
    return _network(model)


@without_weights
@configured
def equinox_function(model: Foreign) -> Network:
    """One module of equinox without weights as a layer, such as a pooling.

    Args:
      model: the module, in a `Foreign`.
    """
    return _network(model)


def _network(foreign: Foreign) -> Network:
    eqx, model = library("from_equinox", "equinox", "equinox"), foreign.model
    with_key, draw = takes(type(model).__call__, "key"), drawer(_params(eqx, model))

    def init(key: jax.Array, x: Any) -> Params:
        return draw(key)

    def apply(params: Params, x: jax.Array, *, key: jax.Array | None = None) -> Any:
        module = _with_params(eqx, model, params)
        module = eqx.nn.inference_mode(module) if key is None else module
        return module(x, key=key) if with_key else module(x)

    return Network(init, apply)


def _is_chain(eqx: Any, model: Any) -> bool:
    return is_a(model, eqx.nn.Sequential, eqx.nn.MLP)


def _layers(eqx: Any, model: Any) -> Iterator[Network]:
    if is_a(model, eqx.nn.Sequential):
        for layer in model.layers:
            yield from _layers(eqx, layer)
    elif is_a(model, eqx.nn.MLP):
        _refuse_stacked(eqx, model)
        for layer, activation in zip(model.layers, _activations(eqx, model), strict=True):
            yield _layer(eqx, layer)
            if activation is not None:
                yield elementwise(activation)
    else:
        yield _layer(eqx, model)


def _activations(eqx: Any, model: Any) -> list[Any]:
    """The activation after each layer of an MLP; None after the last one by default."""
    default = inspect.signature(eqx.nn.MLP).parameters["final_activation"].default
    final = None if model.final_activation is default else model.final_activation
    return [*(model.activation for _ in model.layers[1:]), final]


def _layer(eqx: Any, model: Any) -> Network:
    if isinstance(model, eqx.nn.Lambda) and not isinstance(model.fn, eqx.Module):
        return elementwise(model.fn)
    if isinstance(model, eqx.nn.Identity):
        return elementwise(_same)
    foreign = of_dataclass(model, eqx.Module)
    if _is_affine(eqx, model):
        return affine(equinox_layer(foreign))
    make = equinox_layer if _params(eqx, model) else equinox_function
    return make(foreign)


def _same(x: jax.Array) -> jax.Array:
    return x


def _is_affine(eqx: Any, model: Any) -> bool:
    known = type(model).__module__.startswith("equinox.")
    return known and isinstance(model, eqx.nn.Linear | eqx.nn.Conv)


def _params(eqx: Any, model: Any) -> dict[str, jax.Array]:
    """The weights of a module; those of a linear one in the layout of `dense` and `conv`."""
    if not _is_affine(eqx, model):
        return named_leaves(eqx.filter(model, eqx.is_inexact_array))
    params = {"kernel": jnp.moveaxis(model.weight, (0, 1), (-1, -2))}
    return params if model.bias is None else params | {"bias": model.bias.reshape(-1)}


def _with_params(eqx: Any, model: Any, params: Params, function: str = "from_equinox") -> Any:
    if not _is_affine(eqx, model):
        arrays, rest = eqx.partition(model, eqx.is_inexact_array)
        return eqx.combine(with_leaves(function, arrays, params), rest)
    params = with_leaves(function, _params(eqx, model), params)
    weights = [jnp.moveaxis(params["kernel"], (-1, -2), (0, 1))]
    if model.bias is not None:
        weights.append(params["bias"].reshape(model.bias.shape))
    return eqx.tree_at(lambda m: [m.weight, m.bias][: len(weights)], model, weights)


def _own_params(eqx: Any, model: Any) -> Iterator[Params]:
    """The params of each layer of a chain."""
    if is_a(model, eqx.nn.Sequential):
        for layer in model.layers:
            yield from _own_params(eqx, layer)
    elif is_a(model, eqx.nn.MLP):
        for layer, activation in zip(model.layers, _activations(eqx, model), strict=True):
            yield _params(eqx, layer)
            if activation is not None:
                yield ()
    elif isinstance(model, eqx.nn.Lambda | eqx.nn.Identity):
        yield ()
    else:
        yield _params(eqx, model)


def _rebuilt(eqx: Any, model: Any, params: Iterator[Params]) -> Any:
    """The model with weights from the params of its layers, one after the other."""
    if is_a(model, eqx.nn.Sequential):
        layers = tuple(_rebuilt(eqx, layer, params) for layer in model.layers)
    elif is_a(model, eqx.nn.MLP):
        layers = []
        for layer, activation in zip(model.layers, _activations(eqx, model), strict=True):
            layers.append(_with_params(eqx, layer, next(params)))
            if activation is not None:
                next(params)
        layers = tuple(layers)
    else:
        own = next(params)
        return _with_params(eqx, model, own) if jax.tree.leaves(own) else model
    return eqx.tree_at(lambda m: m.layers, model, layers)


def _refuse_state(eqx: Any, model: Any) -> None:
    def has_state(part: Any) -> bool:
        return isinstance(part, eqx.nn.StateIndex)

    if any(map(has_state, jax.tree.leaves(model, is_leaf=has_state))):
        raise ValueError(
            "from_equinox: the model has a state that it changes, as BatchNorm and SpectralNorm "
            "have, and a network is a function of its params alone; use eqx.nn.LayerNorm or "
            "eqx.nn.GroupNorm"
        )


def _refuse_stacked(eqx: Any, model: Any) -> None:
    activations = (model.activation, model.final_activation)
    learned = any(map(eqx.is_array, jax.tree.leaves(activations)))
    if learned or getattr(model, "scan", False):
        what = "activations with weights" if learned else "its layers stacked, by scan=True"
        raise ValueError(
            f"from_equinox: an eqx.nn.MLP with {what} cannot be taken apart; write it as "
            "eqx.nn.Sequential of its layers"
        )
