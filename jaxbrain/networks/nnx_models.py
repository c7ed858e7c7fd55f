"""Models of flax.nnx as networks, and back."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

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
    require_model,
    require_one_each,
    with_leaves,
)
from jaxbrain.networks.layers import elementwise

_EXAMPLE = "nnx.Linear(4, 3, rngs=nnx.Rngs(0))"


class Split(NamedTuple):
    """A module of nnx in parts that do not change.

    Attributes:
      graph: its structure, from ``nnx.split``.
      params: its ``nnx.Param``.
      rest: its other variables: the streams of random numbers.
      call: the ``__call__`` of its class.
    """

    graph: Any
    params: Any
    rest: Any
    call: Any


@checked
def from_nnx(model: Any) -> Network:
    """A module of flax.nnx as a network, which every learning rule takes.

    Args:
      model: an ``nnx.Sequential`` becomes a chain of its layers, with functions as `elementwise`;
        any other module becomes one layer. It is copied: what happens to it later changes nothing.
        With a key all its random streams start from the key, in ``train`` mode; without a key it is
        called in ``eval`` mode.

    Returns:
      A network whose ``init`` draws new weights, normal with the mean and standard deviation of
      each array of the model: by it rules draw feedback weights too. The params of a layer are a
      dict of its ``nnx.Param`` by their path: `nnx_params` gives those of the model, `to_nnx` puts
      trained ones back.

    Raises:
      ImportError: if flax is not installed.
      TypeError: if model is not an ``nnx.Module``.
      ValueError: if the model has a state, such as ``BatchNorm``.

    Examples:
      >>> import jax, jaxbrain as jb  # doctest: +SKIP
      >>> from flax import nnx  # doctest: +SKIP
      >>> rngs = nnx.Rngs(0)  # doctest: +SKIP
      >>> model = nnx.Sequential(nnx.Linear(64, 10, rngs=rngs), nnx.relu)  # doctest: +SKIP
      >>> from_nnx(model).layers[1]  # doctest: +SKIP
      elementwise(jax.nn.relu)
    """
    nnx = library("from_nnx", "flax.nnx", "flax")
    require_model("from_nnx", model, nnx.Module, _EXAMPLE)
    copy = nnx.clone(model)
    _set_noise(copy, False)
    layers = tuple(_layers(nnx, copy))
    return serial(*layers) if is_a(model, nnx.Sequential) else layers[0]


@checked
def to_nnx(model: Any, params: Params) -> Any:
    """A copy of the nnx module with other weights, such as trained ones.

    Args:
      model: what `from_nnx` made a network of; it stays as it is.
      params: of that network.

    Raises:
      ValueError: if params are not those of such a network.

    Examples:
      >>> state, history = jb.fit(rule, optimizer, data, key=key, epochs=1)  # doctest: +SKIP
      >>> trained = to_nnx(model, state.params)  # doctest: +SKIP
    """
    nnx = library("to_nnx", "flax.nnx", "flax")
    require_model("to_nnx", model, nnx.Module, _EXAMPLE)
    if not is_a(model, nnx.Sequential):
        return _with_params(nnx, _split(nnx, model), params)
    parts = sum(1 for _ in _layers(nnx, model))
    return _rebuilt(nnx, model, iter(require_one_each("to_nnx", params, parts)))


@checked
def nnx_params(model: Any) -> Params:
    """The weights of an nnx module as params of its network, such as pre-trained ones.

    Args:
      model: what `from_nnx` makes a network of.

    Examples:
      >>> start = jb.init_state(rule, optimizer, x[0], key=key)  # doctest: +SKIP
      >>> start = start._replace(params=nnx_params(model))  # doctest: +SKIP
      >>> state, _ = jb.fit(rule, optimizer, data, state=start, **settings)  # doctest: +SKIP
    """
    nnx = library("nnx_params", "flax.nnx", "flax")
    require_model("nnx_params", model, nnx.Module, _EXAMPLE)
    own = tuple(_own_params(nnx, nnx.clone(model)))
    return own if is_a(model, nnx.Sequential) else own[0]


@configured
def nnx_layer(model: Foreign) -> Network:
    """One module of nnx as a layer.

    Args:
      model: the module, in a `Foreign`.
    """
    return _network(model)


@without_weights
@configured
def nnx_function(model: Foreign) -> Network:
    """One module of nnx without weights as a layer, such as a dropout.

    Args:
      model: the module, in a `Foreign`.
    """
    return _network(model)


def _network(foreign: Foreign) -> Network:
    nnx, split = library("from_nnx", "flax.nnx", "flax"), foreign.model
    draw = drawer(_params(nnx, split))

    def init(key: jax.Array, x: Any) -> Params:
        return draw(key)

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        module = _with_params(nnx, split, params, key)
        _set_noise(module, key is not None)
        if key is None or not takes(split.call, "rngs"):
            return module(x)
        return module(x, rngs=nnx.Rngs(jax.random.clone(key)))

    return Network(init, apply)


def _layers(nnx: Any, model: Any) -> Iterator[Network]:
    if is_a(model, nnx.Sequential):
        for layer in model.layers:
            yield from _layers(nnx, layer)
    elif isinstance(model, nnx.Module):
        yield _layer(nnx, model)
    else:
        yield elementwise(model)


def _layer(nnx: Any, model: Any) -> Network:
    split = _split(nnx, model)
    foreign = Foreign(type(model), _content(nnx, model, {}, ""), split)
    layer = nnx_layer(foreign) if jax.tree.leaves(split.params) else nnx_function(foreign)
    return affine(layer) if type(model) in (nnx.Linear, nnx.Conv) else layer


def _content(nnx: Any, value: Any, met: dict[int, str], path: str) -> Any:
    """The attributes of a module and of those within it; what is met twice refers to the first."""
    if isinstance(value, nnx.Variable | nnx.Pytree):
        if id(value) in met:
            return f"as {met[id(value)]}"
        met[id(value)] = path
    if isinstance(value, nnx.Variable):
        return type(value).__name__, value.get_value()
    if isinstance(value, nnx.Pytree):
        names = [name for name in vars(value) if not name.startswith("_pytree__")]
        parts = {n: _content(nnx, getattr(value, n), met, f"{path}.{n}") for n in names}
        return parts if not path else Foreign(type(value), parts, None)
    return value


def _split(nnx: Any, model: Any) -> Split:
    """The module in parts; refuse one that changes."""
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    variables = dict(nnx.to_flat_state(rest)).values()
    others = sorted({type(v).__name__ for v in variables if not isinstance(v, nnx.RngState)})
    if others:
        raise ValueError(
            f"from_nnx: the module has a state that it changes, {', '.join(others)}, as BatchNorm "
            "has, and a network is a function of its params alone; use nnx.LayerNorm or "
            "nnx.GroupNorm"
        )
    return Split(graph, params, rest, type(model).__call__)


def _set_noise(module: Any, noisy: bool) -> None:
    """The switch of ``module.train()`` and ``module.eval()``, without running averages."""
    module.set_attributes(deterministic=not noisy, raise_if_not_found=False)


def _params(nnx: Any, split: Split) -> dict[str, jax.Array]:
    return named_leaves(nnx.to_pure_dict(split.params))


def _own_params(nnx: Any, model: Any) -> Iterator[Params]:
    """The params of each layer of a sequence."""
    if is_a(model, nnx.Sequential):
        for layer in model.layers:
            yield from _own_params(nnx, layer)
    else:
        yield _params(nnx, _split(nnx, model)) if isinstance(model, nnx.Module) else ()


def _with_params(nnx: Any, split: Split, params: Params, key: jax.Array | None = None) -> Any:
    """A module with these weights, whose random streams start from the key."""
    leaves, structure = jax.tree.flatten(split.rest)
    if key is not None:
        leaves = [
            jax.random.fold_in(jax.random.clone(key), i) if _is_key(leaf) else leaf
            for i, leaf in enumerate(leaves)
        ]
    # unflattened, so that the variables belong to the trace in which the module is called
    rest = jax.tree.unflatten(structure, leaves)
    named = with_leaves("from_nnx", nnx.to_pure_dict(split.params), params)
    weights = jax.tree.unflatten(jax.tree.structure(split.params), jax.tree.leaves(named))
    return nnx.merge(split.graph, weights, rest)


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _rebuilt(nnx: Any, model: Any, params: Iterator[Params]) -> Any:
    """The model with weights from the params of its layers, one after the other."""
    if is_a(model, nnx.Sequential):
        return nnx.Sequential(*(_rebuilt(nnx, layer, params) for layer in model.layers))
    own = next(params)
    return _with_params(nnx, _split(nnx, model), own) if jax.tree.leaves(own) else model
