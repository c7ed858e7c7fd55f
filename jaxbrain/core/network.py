"""The types, and what composes them: every combinator returns the type it takes.

A network is a named tuple of pure functions over a parameter pytree, written for one example.
All types are static pytrees without leaves: they cross ``jax.jit`` as ordinary arguments, and two
that were built with equal arguments are equal, so the second compiles nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp

from jaxbrain.core import closures

Params = Any
T = TypeVar("T", bound=type)


class Apply(Protocol):
    """``(params, x, *, key=None) -> y`` for one example; no key: deterministic."""

    def __call__(self, params: Params, x: Any, /, *, key: jax.Array | None = None) -> Any: ...


def static(cls: T) -> T:
    """Register a named tuple of functions as a leafless pytree that compares by configuration."""

    def equal(self: Any, other: Any) -> bool:
        same_type = type(self) is type(other)
        return self is other or (same_type and closures.key(self) == closures.key(other))

    methods = {
        "__eq__": equal,
        "__ne__": lambda self, other: not equal(self, other),
        "__hash__": lambda self: hash(closures.key(self)),
        "__repr__": lambda self: self.name,
    }
    for name, method in methods.items():
        setattr(cls, name, method)
    return jax.tree_util.register_static(cls)


@static
class Network(NamedTuple):
    """A function with parameters.

    Attributes:
      init: ``(key, x) -> params``; x is one example or a ``jax.ShapeDtypeStruct`` of it.
      apply: ``(params, x, *, key=None) -> y`` for one example. A key means noise: without one,
        dropout and neural noise are off.
      layers: the parts of a chain; ``params[i]`` belongs to ``layers[i]``.
      name: what ``repr`` shows.
    """

    init: Callable[[jax.Array, Any], Params]
    apply: Apply
    layers: tuple["Network", ...] = ()
    name: str = "network"


@static
class Cell(NamedTuple):
    """Whatever has a state in time: a recurrent cell, a spiking neuron, a body, fast weights.

    Attributes:
      init: ``(key, x) -> params``; x is the input of one step or its ``jax.ShapeDtypeStruct``.
      carry: ``(params, x) -> carry`` before the first step.
      step: ``(params, carry, x, *, key=None) -> (carry, y)``, the order of ``jax.lax.scan``.
      project: optional ``(params, xs) -> xs``: the part of the step that needs no carry, done for
        the whole sequence in one product before the scan.
      name: what ``repr`` shows.
    """

    init: Callable[[jax.Array, Any], Params]
    carry: Callable[[Params, Any], Any]
    step: Callable[..., tuple[Any, Any]]
    project: Callable[[Params, Any], Any] | None = None
    name: str = "cell"


@static
class LearningRule(NamedTuple):
    """A ``value_and_grad`` with a state: its gradients go into any optax optimiser.

    Attributes:
      init: ``(key, params, x) -> state``: feedback weights, running traces; ``()`` is none. x is
        one example or its ``jax.ShapeDtypeStruct``, as for ``Network.init``.
      grads: ``(params, state, x, y, *, key=None) -> (loss, grads, state)`` over a batch; the loss
        is the mean over the batch, grads has the treedef of params.
      network: what it teaches and what predicts.
      name: what ``repr`` shows.
    """

    init: Callable[[jax.Array, Params, Any], Any]
    grads: Callable[..., tuple[jax.Array, Params, Any]]
    network: Network
    name: str = "rule"


@static
class Memory(NamedTuple):
    """An associative memory: from a part, or from something like it, to the whole.

    Attributes:
      store: ``(patterns) -> params``; patterns ``[n, ...]``, or a pair of keys and values where one
        thing is to recall another.
      recall: ``(params, cue, *, key=None) -> (state, info)`` for one cue; what the info holds is
        in `jaxbrain.memory.Info`. A key means noise; a memory that cannot do without says so.
      energy: ``(params, state) -> scalar``, which never rises along a recall without noise; None
        where the memory has none.
      add: optional ``(params, pattern) -> params``: one pattern more, without the others.
      name: what ``repr`` shows.
    """

    store: Callable[[Any], Params]
    recall: Callable[..., tuple[Any, Any]]
    energy: Callable[[Params, Any], jax.Array] | None
    add: Callable[[Params, Any], Params] | None = None
    name: str = "memory"


def serial(*layers: Network) -> Network:
    """A chain: each layer's output is the next one's input.

    y = layers[n-1](... layers[1](layers[0](x)))

    Args:
      *layers: networks of one example.

    Returns:
      A network whose params are a tuple, one entry per layer.

    Raises:
      TypeError: if a layer is not a Network.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = serial(jb.dense(8), jb.elementwise(jax.numpy.tanh), jb.dense(3))
      >>> net
      serial(dense(8), tanh, dense(3))
      >>> params = net.init(jax.random.key(0), jax.ShapeDtypeStruct((4,), "float32"))
      >>> net.apply(params, jax.numpy.ones(4)).shape
      (3,)
    """
    _require_networks("serial", layers)
    name = f"serial({', '.join(map(repr, layers))})"

    def init(key: jax.Array, x: Any) -> tuple[Params, ...]:
        params = []
        for k, layer in zip(jax.random.split(key, len(layers)), layers, strict=True):
            params.append(layer.init(k, x))
            x = jax.eval_shape(layer.apply, params[-1], x)
        return tuple(params)

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_length(name, params, layers)
        keys = split_key(key, len(layers))
        for layer, p, k in zip(layers, params, keys, strict=True):
            x = layer.apply(p, x, key=k)
        return x

    return Network(init, apply, layers, name)


def concatenate(outputs: tuple[jax.Array, ...]) -> jax.Array:
    """Join the outputs of `parallel` along their last axis."""
    return jnp.concatenate(outputs, axis=-1)


def parallel(
    *branches: Network, combine: Callable[[tuple[Any, ...]], Any] = concatenate
) -> Network:
    """Several networks on the same input, their outputs combined by a function.

    y = combine((branches[0](x), ..., branches[n-1](x)))

    Args:
      *branches: networks of one example.
      combine: from the tuple of outputs to the output; `concatenate` joins the last axis.

    Returns:
      A network whose params are a tuple, one entry per branch.

    Raises:
      TypeError: if a branch is not a Network.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = parallel(jb.dense(2), jb.dense(3))
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(4))
      >>> net.apply(params, jax.numpy.ones(4)).shape
      (5,)
    """
    _require_networks("parallel", branches)
    inner = list(map(repr, branches))
    if combine is not concatenate:
        inner.append(f"combine={getattr(combine, '__name__', type(combine).__name__)}")
    name = f"parallel({', '.join(inner)})"

    def init(key: jax.Array, x: Any) -> tuple[Params, ...]:
        keys = jax.random.split(key, len(branches))
        return tuple(branch.init(k, x) for branch, k in zip(branches, keys, strict=True))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_length(name, params, branches)
        parts = zip(branches, params, split_key(key, len(branches)), strict=True)
        return combine(tuple(branch.apply(p, x, key=k) for branch, p, k in parts))

    return Network(init, apply, branches, name)


def residual(net: Network) -> Network:
    """A shortcut around a network: what it computes is added to its input.

    y = x + net(x)

    Args:
      net: a network whose output has the shape of its input; its params are used as they are.

    Returns:
      A network with the params of net.

    Raises:
      TypeError: if net is not a Network.
      ValueError: at trace time, if the output's shape is not the input's.

    Source: He et al. 2016, doi 10.1109/CVPR.2016.90.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = residual(jb.dense(4))
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(4))
      >>> net.apply(params, jax.numpy.ones(4)).shape
      (4,)
    """
    _require_networks("residual", (net,))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        y = net.apply(params, x, key=key)
        if y.shape != x.shape:
            raise ValueError(
                f"residual({net}): the output must have the shape of the input, {x.shape}, "
                f"but it is {y.shape}; end the inner network with a layer of that size"
            )
        # integer inputs, such as pixels, in the type of what is added to them
        return (x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(y.dtype)) + y

    return Network(net.init, apply, net.layers, f"residual({net})")


def batch(net: Network) -> Network:
    """The same network on a batch: ``jax.vmap`` over the leading axis, params shared.

    Args:
      net: a network of one example.

    Returns:
      A network of ``[batch, ...]`` with the params of net; with a key, each example gets its own.

    Raises:
      TypeError: if net is not a Network.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.dense(3)
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(4))
      >>> batch(net).apply(params, jax.numpy.ones((10, 4))).shape
      (10, 3)
    """
    _require_networks("batch", (net,))

    def init(key: jax.Array, x: Any) -> Params:
        return net.init(key, example(x))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        if key is None:
            return jax.vmap(lambda one: net.apply(params, one))(x)
        keys = jax.random.split(key, jax.tree.leaves(x)[0].shape[0])
        return jax.vmap(lambda one, k: net.apply(params, one, key=k))(x, keys)

    return Network(init, apply, net.layers, f"batch({net})")


def with_precision(net: Network, compute: Any, *, output: Any = jnp.float32) -> Network:
    """Compute in one float type, keep the parameters in another, answer in a third.

    Args:
      net: any network.
      compute: the dtype that floating params and inputs are cast to, such as ``jnp.bfloat16``.
      output: the dtype of the floating outputs.

    Returns:
      A network whose params keep the dtype that net.init gives them.

    Raises:
      TypeError: if net is not a Network, or a dtype is not floating.

    Source: mixed precision, Micikevicius et al. 2018, arXiv 1710.03740.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = with_precision(jb.dense(3), jax.numpy.bfloat16)
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(4))
      >>> params["kernel"].dtype.name, net.apply(params, jax.numpy.ones(4)).dtype.name
      ('float32', 'float32')
    """
    _require_networks("with_precision", (net,))
    compute, output = (_floating(d, n) for d, n in ((compute, "compute"), (output, "output")))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        return _cast(net.apply(_cast(params, compute), _cast(x, compute), key=key), output)

    options = "" if output == jnp.float32 else f", output={output.name}"
    name = f"with_precision({net}, {compute.name}{options})"
    return Network(net.init, apply, net.layers, name)


def lift(net: Network) -> Cell:
    """A network as a Cell without memory: the same function at every step.

    Args:
      net: a network of one example.

    Returns:
      A Cell with an empty carry.

    Raises:
      TypeError: if net is not a Network.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> cell, x = lift(jb.dense(3)), jax.numpy.ones(4)
      >>> params = cell.init(jax.random.key(0), x)
      >>> carry, y = cell.step(params, cell.carry(params, x), x)
      >>> carry, y.shape
      ((), (3,))
    """
    _require_networks("lift", (net,))

    def carry(params: Params, x: Any) -> tuple:
        return ()

    def step(params: Params, carry: tuple, x: Any, *, key: jax.Array | None = None) -> Any:
        return carry, net.apply(params, x, key=key)

    return Cell(net.init, carry, step, None, f"lift({net})")


def example(x: Any) -> Any:
    """The shape and dtype of one example of a batch ``[batch, ...]``."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(jnp.shape(a)[1:], jnp.result_type(a)), x)


def split_key(key: jax.Array | None, n: int) -> Any:
    """Split a key into n; no key, no noise: n times None."""
    return [None] * n if key is None else jax.random.split(key, n)


def _require_networks(where: str, parts: tuple[Any, ...]) -> None:
    if not parts:
        raise TypeError(f"{where}() needs at least one network, got none")
    for i, part in enumerate(parts):
        if not isinstance(part, Network):
            fix = "; wrap a plain function: jb.elementwise(f)" if callable(part) else ""
            raise TypeError(
                f"{where}: argument {i} must be a Network, got {type(part).__name__}{fix}"
            )


def _require_length(name: str, params: Any, parts: tuple[Network, ...]) -> None:
    if not isinstance(params, tuple | list) or len(params) != len(parts):
        is_chain = isinstance(params, tuple | list)
        got = f"{len(params)} entries" if is_chain else type(params).__name__
        raise ValueError(
            f"params of {name} must be a tuple of {len(parts)} entries, one a layer, got {got}; "
            "make them with net.init(key, x)"
        )


def _floating(dtype: Any, name: str) -> Any:
    if dtype is None or not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"{name} must be a floating dtype such as jnp.bfloat16, got {dtype}")
    return jnp.dtype(dtype)


def _cast(tree: Any, dtype: Any) -> Any:
    def cast(a: Any) -> Any:
        return a.astype(dtype) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a

    return jax.tree.map(cast, tree)
