"""Models of flax.linen as networks, and back."""

import inspect
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import affine, serial
from jaxbrain.core.config import configured, without_weights
from jaxbrain.core.types import Network, Params
from jaxbrain.networks.foreign import (
    Foreign,
    is_a,
    library,
    of_dataclass,
    require_model,
    require_one_each,
)
from jaxbrain.networks.layers import elementwise

_EXAMPLE = "nn.Dense(3)"
_TRAINS = ("train", "training", "is_training")  # arguments that are True where there is noise


@checked
def from_linen(model: Any) -> Network:
    """A module of flax.linen as a network, which every learning rule takes.

    Args:
      model: an ``nn.Sequential`` becomes a chain of its layers, with functions as `elementwise`;
        any other module becomes one layer. It is called with one example. With a key it gets that
        of ``dropout``, and ``deterministic=False`` or ``train=True`` if it takes them; without a
        key the opposite.

    Returns:
      A network whose ``init`` draws with the initializers of the model. Its params are those of
      the library for each layer: `linen_params` takes them from variables, `to_linen` makes
      variables of them.

    Raises:
      ImportError: if flax is not installed.
      TypeError: if model is not an ``nn.Module``.
      ValueError: in ``init``, if the model has a state, such as ``BatchNorm``.

    Examples:
      >>> import flax.linen as nn, jax, jaxbrain as jb  # doctest: +SKIP
      >>> model = nn.Sequential([nn.Dense(128), nn.relu, nn.Dense(10)])  # doctest: +SKIP
      >>> from_linen(model).layers[1]  # doctest: +SKIP
      elementwise(jax.nn.relu)
    """
    linen = library("from_linen", "flax.linen", "flax")
    require_model("from_linen", model, linen.Module, _EXAMPLE)
    layers = tuple(_layers(linen, model.clone()))
    return serial(*layers) if is_a(model, linen.Sequential) else layers[0]


@checked
def to_linen(model: Any, params: Params) -> dict[str, Any]:
    """The variables of a linen module from the params of its network: ``{"params": ...}``.

    Args:
      model: what `from_linen` made a network of.
      params: of that network.

    Raises:
      ValueError: if params have another number of layers.

    Examples:
      >>> state, history = jb.fit(rule, optimizer, data, key=key, epochs=1)  # doctest: +SKIP
      >>> logits = model.apply(to_linen(model, state.params), x)  # doctest: +SKIP
    """
    linen = library("to_linen", "flax.linen", "flax")
    require_model("to_linen", model, linen.Module, _EXAMPLE)
    if not is_a(model, linen.Sequential):
        return {"params": params}
    parts = sum(1 for _ in _layers(linen, model))
    return {"params": _joined(linen, model, iter(require_one_each("to_linen", params, parts)))}


@checked
def linen_params(model: Any, variables: Any) -> Params:
    """The params of the network of a linen module from variables, such as pre-trained ones.

    Args:
      model: what `from_linen` makes a network of.
      variables: ``{"params": ...}``, of ``model.init``.

    Raises:
      ValueError: if there are other variables, such as those of ``BatchNorm``.

    Examples:
      >>> start = jb.init_state(rule, optimizer, x[0], key=key)  # doctest: +SKIP
      >>> start = start._replace(params=linen_params(model, variables))  # doctest: +SKIP
      >>> state, _ = jb.fit(rule, optimizer, data, state=start, **settings)  # doctest: +SKIP
    """
    linen = library("linen_params", "flax.linen", "flax")
    require_model("linen_params", model, linen.Module, _EXAMPLE)
    params = _only_params(variables)
    return tuple(_split(linen, model, params)) if is_a(model, linen.Sequential) else params


@configured
def linen_layer(model: Foreign) -> Network:
    """One module of linen as a layer.

    Args:
      model: the module, in a `Foreign`.
    """
    return _network(model)


@without_weights
@configured
def linen_function(model: Foreign) -> Network:
    """One module of linen without weights as a layer, such as a dropout.

    Args:
      model: the module, in a `Foreign`.
    """
    return _network(model)


def _network(foreign: Foreign) -> Network:
    errors, model = library("from_linen", "flax.errors", "flax"), foreign.model

    def init(key: jax.Array, x: Any) -> Params:
        one = jax.tree.map(lambda a: jnp.zeros(jnp.shape(a), jnp.result_type(a)), x)
        return _only_params(model.init(key, one, **_mode(model, False)))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        rngs = {} if key is None else {"rngs": {"dropout": key}}
        try:
            return model.apply({"params": params}, x, **_mode(model, key is not None), **rngs)
        except errors.InvalidRngError as error:
            raise ValueError(
                f"from_linen: {type(model).__name__} draws random numbers other than by the key of "
                "dropout, or draws without a key; let its __call__ take deterministic or train, "
                f"which are set by the key ({error})"
            ) from error

    return Network(init, apply)


def _mode(model: Any, noisy: bool) -> dict[str, bool]:
    """The arguments of a call with or without noise, of those that the module takes."""
    wanted = {"deterministic": not noisy} | dict.fromkeys(_TRAINS, noisy)
    taken = inspect.signature(type(model).__call__).parameters
    return {name: value for name, value in wanted.items() if name in taken}


def _layers(linen: Any, model: Any) -> Iterator[Network]:
    if is_a(model, linen.Sequential):
        for layer in model.layers:
            yield from _layers(linen, layer)
    elif isinstance(model, linen.Module):
        yield _layer(linen, model)
    else:
        yield elementwise(model)


def _layer(linen: Any, model: Any) -> Network:
    # a flag of the module would forbid the argument of the call
    flags = {name: None for name in _mode(model, False) if getattr(model, name, None) is not None}
    model = model.clone(**flags) if flags else model
    foreign = of_dataclass(model, linen.Module)
    if type(model) is linen.Dropout:
        return linen_function(foreign)
    layer = linen_layer(foreign)
    return affine(layer) if type(model) in (linen.Dense, linen.Conv) else layer


def _split(linen: Any, model: Any, params: Any) -> Iterator[Params]:
    """The params of each layer of a sequence."""
    for i, layer in enumerate(model.layers):
        own = params.get(f"layers_{i}", {})
        if is_a(layer, linen.Sequential):
            yield from _split(linen, layer, own)
        else:
            yield own if isinstance(layer, linen.Module) else ()


def _joined(linen: Any, model: Any, params: Iterator[Params]) -> dict[str, Any]:
    """The params of a sequence from those of its layers, one after the other."""
    found = {}
    for i, layer in enumerate(model.layers):
        nested = is_a(layer, linen.Sequential)
        own = _joined(linen, layer, params) if nested else next(params)
        if jax.tree.leaves(own):
            found[f"layers_{i}"] = own
    return found


def _only_params(variables: Any) -> Params:
    """The params of variables; refuse those of a module with a state."""
    others = sorted(set(variables) - {"params"})
    if others:
        raise ValueError(
            f"from_linen: the module has a state that it changes, {', '.join(others)}, as BatchNorm"
            " has, and a network is a function of its params alone; use nn.LayerNorm or "
            "nn.GroupNorm"
        )
    return dict(variables.get("params", {}))
