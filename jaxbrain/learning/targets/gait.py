"""Targets by exact inverses: a small step of the output, inverted block by block, so adjusted
that what arrives is the gradient."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.scipy.special import logit

from jaxbrain.core.composition import constructor
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.learning.targets.inverses import is_elementwise
from jaxbrain.networks.convolution import avg_pool, conv, max_pool
from jaxbrain.networks.layers import dense, dropout, elementwise, flatten

Function = Callable[[jax.Array], jax.Array]


@configured
def gait_propagation(
    net: Network,
    loss: Loss,
    *,
    inverses: tuple[tuple[Function, Function], ...] = (),
    target_step: float | jax.Array = 1e-3,
    orthogonality: float | jax.Array = 0.0,
    steps: int = 20,
) -> LearningRule:
    """Targets by inverting the network, adjusted so that they are gradients (GAIT-prop).

    t_{l-1} = W_l^+ (f^-1(h_l + gamma_l D_l^2 (t_l - h_l)) - b_l), t_L = h_L - dL/dh_L
    g_l = h_{l-1}^T (D_l (h_l - t_l)) / (gamma_{l+1} ... gamma_L) in place of dL/dW_l
    D_l = f'(z_l); gamma_l: the largest |gamma_l (t_l - h_l)| of an example is `target_step`

    With orthogonal weights this is back-propagation, up to O(target_step) where f bends between h
    and what is inverted: exact for leaky_relu. The inverse of a layer is its pseudo-inverse, by
    conjugate gradients on the layer and its transpose, so that dense layers need not be square and
    convolutions work: the part of a target that no input of the layer can reach is left out, and
    of the inputs that reach it the nearest is taken. Where rows or columns are orthonormal, it is
    the transpose. What has neither weights nor an inverse (pooling, flatten, dropout) is undone by
    its transpose A^T, which is what inverting its adjusted step comes to: A^+ (A A^T) = A^T.

    Begin orthogonal, ``jb.dense(64, kernel_init=jax.nn.initializers.orthogonal())``, and keep the
    weights there with `orthogonality` where the network is deep; far from it small singular values
    blow targets up. On digits, two hidden layers learn as well without the penalty.

    Args:
      net: a flat `serial` chain of dense, conv, pooling, flatten, dropout and invertible
        activations: `tanh`, `sigmoid`, `leaky_relu`, `elu`, `softplus`, `arctan`, `arcsinh`,
        `soft_sign` or `identity` of jax.nn and jax.numpy, or of `inverses`. What stands before
        the first activation is never inverted and may be anything.
      loss: ``(prediction, target) -> scalar`` of one example.
      inverses: pairs (activation, its inverse) of the user's own; functions of one array.
      target_step: how far a target is from the activity, before D^2, where it is inverted;
        positive. Above 0.2 it may leave the range of an activation; too small and it drowns in
        rounding: 1e-3 suits float32.
      orthogonality: weight of the `off_diagonal` penalty on every kernel, whose gradient is added;
        not negative.
      steps: of the conjugate gradients, a positive integer; fewer than the rank regularise.

    Returns:
      A LearningRule without state. The loss it reports is without the penalty.

    Raises:
      ValueError: if net is not a flat chain, a layer cannot be inverted, or a number is out of
        range.
      TypeError: at trace time, if the network answers in half precision, in which the step drowns.

    Source: Ahmad, van Gerven and Ambrogioni 2020, arXiv 2006.06438. There the width shrinks by
    units that are left out of the next layer and keep their activity; here by pseudo-inverses.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> act, orthogonal = jb.elementwise(jax.nn.leaky_relu), jax.nn.initializers.orthogonal()
      >>> net = jb.serial(jb.dense(8, kernel_init=orthogonal), act, jb.dense(3))
      >>> rule = gait_propagation(net, jb.losses.softmax_cross_entropy, orthogonality=0.1)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params = net.init(jax.random.key(0), x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, (), x, y)
      >>> jax.tree.structure(grads) == jax.tree.structure(params)
      True
    """
    name = "gait_propagation"
    chain.require_chain(net, name)
    require_positive(name, "target_step", target_step)
    require_positive(name, "orthogonality", orthogonality, zero=True)
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"{name}: steps must be a positive integer, got {steps!r}")
    undo = _require_invertible(net, inverses)
    free = not isinstance(orthogonality, Tracer) and orthogonality == 0

    def init(key: jax.Array, params: Params, x: Any) -> tuple:
        return ()

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        activities, keys = chain.forward(net, params, x, key=key), chain.layer_keys(net, x, key)
        if activities[-1].dtype.itemsize < 4:
            raise TypeError(
                f"{name} needs activities of 32 bits, got {activities[-1].dtype}: its small steps "
                "drown in fewer; give x in float32, and wrap no layer in jb.with_precision"
            )
        value, error = chain.loss_and_error(loss, activities[-1], y)
        n = jnp.asarray(error.shape[0], error.dtype)
        step = jnp.asarray(target_step, error.dtype)
        parts, signal, errors = chain.blocks(params), n * error, []
        for start, stop in reversed(parts):
            errors.append(signal / n)
            if start == parts[0][0]:
                break
            for i in reversed(range(start, stop)):
                layer, p, a, k = net.layers[i], params[i], activities[i], keys[i]
                if i == start:
                    signal = pseudo_inverse(layer, p, a, signal, steps=steps, key=k)
                elif (inverse := undo[i]) is None:
                    signal = chain.pull_input(layer, p, a, signal, key=k)
                else:
                    signal = _adjusted(layer, inverse, a, activities[i + 1], signal, step)
        changes = chain.block_gradients(net, params, activities, errors[::-1], keys)
        if not free:
            penalty = jax.grad(lambda p: sum(map(off_diagonal, _kernels(p))))(params)
            changes = jax.tree.map(
                lambda g, r: g + jnp.asarray(orthogonality, g.dtype) * r, changes, penalty
            )
        return value, changes, state

    return LearningRule(init, grads, net)


def off_diagonal(kernel: jax.Array) -> jax.Array:
    """How far a kernel is from orthogonal rows or, if it is tall, columns; their length is free.

    sum_{i != j} (W W^T)_ij^2

    Args:
      kernel: ``[..., outputs]``; that of a convolution counts as ``[all inputs, outputs]``.

    Returns:
      A scalar.

    Source: Ahmad et al. 2020, arXiv 2006.06438.

    Examples:
      >>> import jax
      >>> float(off_diagonal(jax.numpy.array([[1.0, 2.0, 0.0], [1.0, 0.0, 1.0]])))
      2.0
    """
    w = kernel.reshape(-1, kernel.shape[-1])
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    return jnp.sum(jnp.square(gram)) - jnp.sum(jnp.square(jnp.diagonal(gram)))


def pseudo_inverse(
    layer: Network,
    params: Params,
    x: jax.Array,
    change: jax.Array,
    *,
    steps: int,
    key: jax.Array | None = None,
) -> jax.Array:
    """The smallest change of a linear layer's input that comes nearest to a change of its output.

    W^+ change, by conjugate gradients on the normal equations, each example for itself.

    Args:
      layer: one that is linear in its input, up to a constant.
      params: of layer.
      x: its input ``[batch, ...]``.
      change: ``[batch, ...]`` at its output.
      steps: of the conjugate gradients; as many as the rank are exact, but for rounding.
      key: noise of the layer; None is deterministic.

    Returns:
      ``[batch, ...]`` in the shape of x.
    """

    def forward(v: jax.Array) -> jax.Array:
        return jax.jvp(lambda a: chain.on_batch(layer, params, a, key), (x,), (v,))[1]

    def transpose(u: jax.Array) -> jax.Array:
        return chain.pull_input(layer, params, x, u, key=key)

    def dot(u: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square(u), axis=tuple(range(1, u.ndim)), keepdims=True)

    def ratio(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)

    def descend(_: int, carry: tuple) -> tuple:
        found, left, residual, direction = carry
        image = forward(direction)
        # past rounding the recurrence feeds on its own errors and may grow
        length = jnp.where(dot(residual) > least, ratio(dot(residual), dot(image)), 0)
        found, left = found + length * direction, left - length * image
        after = transpose(left)
        direction = after + ratio(dot(after), dot(residual)) * direction
        return found, left, after, direction

    start = transpose(change)
    least = dot(start) * jnp.square(10 * jnp.finfo(start.dtype).eps)
    return jax.lax.fori_loop(0, steps, descend, (jnp.zeros_like(x), change, start, start))[0]


def _adjusted(
    layer: Network, inverse: Function, z: jax.Array, h: jax.Array, signal: jax.Array, step: Any
) -> jax.Array:
    """(f^-1(h) - f^-1(h - gamma D^2 signal)) / gamma, about D signal; gamma max |signal| = step."""
    size = jnp.max(jnp.abs(signal), axis=tuple(range(1, signal.ndim)), keepdims=True)
    gamma = step / jnp.where(size > 0, size, 1)
    slope = jax.jvp(lambda a: chain.on_batch(layer, (), a, None), (z,), (jnp.ones_like(z),))[1]
    flat = slope == 0  # saturated to the last digit: f^-1(h) may be infinite
    target = h - gamma * jnp.square(slope) * signal
    moved = jax.vmap(inverse)(h) - jax.vmap(inverse)(target)
    return jnp.where(flat, 0, moved / gamma)


def _kernels(params: Params) -> list[jax.Array]:
    return [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]


def _identity(x: jax.Array) -> jax.Array:
    return x


def _undo_leaky_relu(y: jax.Array) -> jax.Array:
    return jnp.where(y >= 0, y, 100 * y)


def _undo_elu(y: jax.Array) -> jax.Array:
    return jnp.where(y > 0, y, jnp.log1p(jnp.minimum(y, 0)))


def _undo_softplus(y: jax.Array) -> jax.Array:
    return y + jnp.log(-jnp.expm1(-y))


def _undo_soft_sign(y: jax.Array) -> jax.Array:
    return y / (1 - jnp.abs(y))


_KNOWN: tuple[tuple[Function, Function], ...] = (
    (jnp.tanh, jnp.arctanh),
    (jax.lax.tanh, jnp.arctanh),
    (jax.nn.sigmoid, logit),
    (jax.lax.logistic, logit),
    (jax.nn.leaky_relu, _undo_leaky_relu),
    (jax.nn.elu, _undo_elu),
    (jax.nn.softplus, _undo_softplus),
    (jax.nn.soft_sign, _undo_soft_sign),
    (jax.nn.identity, _identity),
    (jnp.arctan, jnp.tan),
    (jnp.arcsinh, jnp.sinh),
)


def _require_invertible(
    net: Network, inverses: tuple[tuple[Function, Function], ...]
) -> list[Function | None]:
    """For each layer the inverse of its activation, None for what is undone by its transpose."""
    name = "gait_propagation"
    for pair in inverses:
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(map(callable, pair))):
            raise ValueError(
                f"{name}: inverses must be pairs (activation, its inverse), "
                f"((jnp.tanh, jnp.arctanh),), got {pair!r}"
            )
    known = [(elementwise(f), undo) for f, undo in (*inverses, *_KNOWN)]
    found: list[Function | None] = []
    weights = 0
    for i, layer in enumerate(net.layers):
        made = constructor(layer)
        undo = next((undo for activation, undo in known if activation == layer), None)
        found.append(undo)
        weights += chain.has_weights(layer)
        if not weights or (weights == 1 and chain.has_weights(layer)):
            continue
        if is_elementwise(layer) and undo is None:
            raise ValueError(
                f"{name} inverts activations, and no inverse of layer {i}, {layer}, is known; "
                "relu has none: use jb.elementwise(jax.nn.leaky_relu) or jnp.tanh; for one of "
                "your own pass inverses=((activation, its_inverse),)"
            )
        if made not in _LINEAR and not is_elementwise(layer):
            raise ValueError(
                f"{name} inverts every layer above the first with weights, and layer {i}, "
                f"{layer}, is none of {', '.join(make.__name__ for make in _LINEAR)} and "
                "invertible activations; leave it out, or use jb.backprop"
            )
    return found


_LINEAR = (dense, conv, avg_pool, max_pool, flatten, dropout)
