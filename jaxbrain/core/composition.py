"""Composition of networks: each combinator returns a network or a cell."""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.core.config import configured, made_by
from jaxbrain.core.eager import loops
from jaxbrain.core.inits import plain_init
from jaxbrain.core.requirements import as_number, is_traced, require_positive
from jaxbrain.core.types import Cell, Network, Params


@configured
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
      serial(dense(8), elementwise(jax.numpy.tanh), dense(3))
      >>> params = net.init(jax.random.key(0), jax.ShapeDtypeStruct((4,), "float32"))
      >>> net.apply(params, jax.numpy.ones(4)).shape
      (3,)
    """
    _require_some("serial", layers)

    def init(key: jax.Array, x: Any) -> tuple[Params, ...]:
        params = []
        for k, layer in zip(jax.random.split(key, len(layers)), layers, strict=True):
            params.append(plain_init(layer)(k, x))
            x = jax.eval_shape(layer.apply, params[-1], x)
        return tuple(params)

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_length("serial", params, layers)
        keys = split_key(key, len(layers))
        for layer, p, k in zip(layers, params, keys, strict=True):
            x = layer.apply(p, x, key=k)
        return x

    return Network(init, apply, layers)


def concatenate(outputs: tuple[jax.Array, ...]) -> jax.Array:
    """Join the outputs of `parallel` along their last axis."""
    return jnp.concatenate(outputs, axis=-1)


@configured
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
    _require_some("parallel", branches)

    def init(key: jax.Array, x: Any) -> tuple[Params, ...]:
        keys = jax.random.split(key, len(branches))
        return tuple(plain_init(branch)(k, x) for branch, k in zip(branches, keys, strict=True))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        _require_length("parallel", params, branches)
        parts = zip(branches, params, split_key(key, len(branches)), strict=True)
        return combine(tuple(branch.apply(p, x, key=k) for branch, p, k in parts))

    return Network(init, apply, branches)


@configured
def residual(net: Network, *, scale: float | jax.Array = 1.0) -> Network:
    """A residual block: the output of a network is added to its input.

    y = x + scale net(x)

    With ``scale=n**-0.5`` in each of n blocks whose networks keep the variance of their input, it
    grows by (1 + 1/n)^n, less than e, at any depth. The changes of all weights together do not
    depend on n either: the best learning rate of SGD is that of a shallow network. With Adam it
    falls with n, in the limit as n^-1/2. A branch should end with its weights, activation first:
    else its outputs have a mean, and the means of n blocks add up.

    Args:
      net: a network whose output has the shape of its input; its params are used as they are.
      scale: of the branch; positive.

    Returns:
      A network with the params of net.

    Raises:
      TypeError: if net is not a Network.
      ValueError: if scale is not positive; at trace time, if the output's shape is not the input's.

    Source: He et al. 2016, doi 10.1109/CVPR.2016.90; the scale: Yang et al. 2023, arXiv 2310.02244,
    and for predictive coding Innocenti et al. 2025, arXiv 2505.13124.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> act = jb.elementwise(jax.nn.relu)
      >>> block = residual(jb.serial(act, jb.dense(4)), scale=64**-0.5)
      >>> net, x = jb.repeated(block, 64), jax.numpy.ones(4)
      >>> net.apply(net.init(jax.random.key(0), x), x).shape
      (4,)
    """
    require_positive("residual", "scale", scale)

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        y = net.apply(params, x, key=key)
        if y.shape != x.shape:
            raise ValueError(
                f"residual({net}): the output must have the shape of the input, {x.shape}, "
                f"but it is {y.shape}; end the inner network with a layer of that size"
            )
        if is_traced(scale) or scale != 1:
            y = y if jnp.issubdtype(y.dtype, jnp.inexact) else y.astype(jnp.result_type(float))
            y = as_number(scale, y) * y
        # integer inputs, such as pixels, in the dtype of the output
        return (x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(y.dtype)) + y

    return Network(net.init, apply, net.layers)


@configured
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

    def init(key: jax.Array, x: Any) -> Params:
        return plain_init(net)(key, example(x))

    @loops()
    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        if key is None:
            return jax.vmap(lambda one: net.apply(params, one))(x)
        keys = jax.random.split(key, examples_of(x))
        return jax.vmap(lambda one, k: net.apply(params, one, key=k))(x, keys)

    return Network(init, apply, net.layers)


@configured
def with_precision(net: Network, compute: Any, *, output: Any = jnp.float32) -> Network:
    """Mixed precision: parameters, computation and output in float types of their own.

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
    compute, output = (_floating(d, n) for d, n in ((compute, "compute"), (output, "output")))

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> Any:
        return _cast(net.apply(_cast(params, compute), _cast(x, compute), key=key), output)

    return Network(net.init, apply, net.layers)


@configured
def affine(net: Network) -> Network:
    """A layer declared to be linear in its input up to a bias, as `dense` and `conv` are.

    y = A x + b

    Rules that need such a layer take it then: the energy-based rules, whose signals go back through
    the transpose of A, and those that invert it. The layer computes what net computes.

    Args:
      net: a network of one example.

    Returns:
      A network with the params of net. Its ``init`` looks at the operations of net.apply.

    Raises:
      TypeError: if net is not a Network.
      ValueError: in ``init``, if the output is not linear in the input up to a bias.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = affine(jb.elementwise(jax.numpy.tanh))
      >>> net.init(jax.random.key(0), jax.numpy.ones(4))
      Traceback (most recent call last):
      ...
      ValueError: affine: elementwise(jax.numpy.tanh) is not linear in its input up to a bias; ...
    """

    def init(key: jax.Array, x: Any) -> Params:
        params = plain_init(net)(key, x)
        _require_affine(net, params, x)
        return params

    return Network(init, net.apply, net.layers)


def is_affine(net: Network) -> bool:
    """True for a network that `affine` made, within `with_precision`.

    Examples:
      >>> import jaxbrain as jb
      >>> is_affine(affine(jb.dense(1))), is_affine(jb.dense(1))
      (True, False)
    """
    while net.config is not None and made_by(net, with_precision):
        net = net.config.parameters["net"]
    return made_by(net, affine)


@configured
def lift(net: Network) -> Cell:
    """A network as a Cell without state: the same function at every step.

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

    def carry(params: Params, x: Any) -> tuple:
        return ()

    def step(params: Params, carry: tuple, x: Any, *, key: jax.Array | None = None) -> Any:
        return carry, net.apply(params, x, key=key)

    return Cell(net.init, carry, step)


def constructor(net: Network) -> Callable[..., Any] | None:
    """The function that made a network, within `with_precision` and `affine`; None if by hand.

    Examples:
      >>> import jaxbrain as jb
      >>> constructor(with_precision(jb.dense(3), "bfloat16")) is jb.dense
      True
    """
    while net.config is not None and net.config.make in (with_precision, affine):
        net = net.config.parameters["net"]
    return None if net.config is None else net.config.make


def example(x: Any) -> Any:
    """The shape and dtype of one example of a batch ``[batch, ...]``."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(jnp.shape(a)[1:], jnp.result_type(a)), x)


def examples_of(x: Any) -> int:
    """The number of examples in a batch ``[batch, ...]``; refuse a single number."""
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(x)]
    if not shapes or not all(shapes):
        raise ValueError(
            f"x must be a batch [batch, ...] of examples, got shapes {shapes}; for one example "
            "give x[None]"
        )
    return shapes[0][0]


def split_key(key: jax.Array | None, n: int) -> Any:
    """Split a key into n keys; without a key, n times None."""
    return [None] * n if key is None else jax.random.split(key, n)


def _require_some(where: str, parts: tuple[Network, ...]) -> None:
    if not parts:
        raise TypeError(f"{where}() needs at least one network, got none")


def _require_length(name: str, params: Any, parts: tuple[Network, ...]) -> None:
    if not isinstance(params, tuple | list) or len(params) != len(parts):
        is_chain = isinstance(params, tuple | list)
        got = f"{len(params)} entries" if is_chain else type(params).__name__
        raise ValueError(
            f"params of {name}({', '.join(map(repr, parts))}) must be a tuple of {len(parts)} "
            f"entries, one a layer, got {got}; make them with net.init(key, x)"
        )


def _require_affine(net: Network, params: Params, x: Any) -> None:
    """Refuse a network whose output JAX cannot transpose as a linear function of its input."""

    def apply(x: Any) -> Any:
        return net.apply(params, x)

    def as_float(a: Any) -> jax.ShapeDtypeStruct:
        dtype = jnp.result_type(a)
        is_float = jnp.issubdtype(dtype, jnp.inexact)
        return jax.ShapeDtypeStruct(jnp.shape(a), dtype if is_float else jnp.float32)

    x = jax.tree.map(as_float, x)
    require_linear(
        apply,
        x,
        f"affine: {net} is not linear in its input up to a bias; declare only the layer before the "
        "activation, and give the activation a layer of its own: jb.elementwise(function)",
    )


def require_linear(function: Callable[[Any], Any], at: Any, message: str) -> None:
    """Refuse a function that JAX cannot transpose: one that is not linear up to a constant."""
    y = jax.eval_shape(function, at)  # with its own errors
    try:
        jax.eval_shape(jax.linear_transpose(function, at), y)
    except Exception as error:  # of the first operation without a transpose
        raise ValueError(message) from error


def _floating(dtype: Any, name: str) -> Any:
    known = None
    if dtype is not None:
        with contextlib.suppress(TypeError, ValueError):
            known = jnp.dtype(dtype)
    if known is None or not jnp.issubdtype(known, jnp.floating):
        raise TypeError(f"{name} must be a floating dtype such as jnp.bfloat16, got {dtype!r:.80}")
    return known


def _cast(tree: Any, dtype: Any) -> Any:
    def cast(a: Any) -> Any:
        return a.astype(dtype) if jnp.issubdtype(jnp.result_type(a), jnp.floating) else a

    return jax.tree.map(cast, tree)
