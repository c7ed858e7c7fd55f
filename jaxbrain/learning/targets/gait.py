"""GAIT-prop: targets by exact inverses of the layers, adjusted so that they are gradients."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.scipy.special import logit

from jaxbrain.core.composition import constructor, is_affine
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_count, require_positive, require_wide
from jaxbrain.core.types import LearningRule, Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.targets.inverses import is_elementwise
from jaxbrain.networks.convolution import avg_pool, conv, max_pool
from jaxbrain.networks.layers import dense, dropout, elementwise, flatten

Function = Callable[[jax.Array], jax.Array]
_MOST_AMPLIFIED = 1e3  # beyond, float32 often loses the direction of the smallest singular values


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
    """GAIT-prop: targets by inversion of the network, adjusted so that they are gradients.

    t_{l-1} = W_l^+ (f^-1(h_l + gamma_l D_l^2 (t_l - h_l)) - b_l), t_L = h_L - dL/dh_L
    g_l = h_{l-1}^T (D_l (h_l - t_l)) / (gamma_{l+1} ... gamma_L)
    D_l = f'(z_l); gamma_l: the largest |gamma_l (t_l - h_l)| of an example is `target_step`

    With orthogonal weights this is back-propagation: exactly for leaky_relu, else up to
    O(target_step). The inverse of a layer is its pseudo-inverse, by conjugate gradients on the
    layer and its transpose: dense layers need not be square, and convolutions work. Layers without
    weights and inverse (pooling, flatten, dropout) are inverted by their transpose A^T, because
    the inverse of the adjusted step is A^+ (A A^T) = A^T.

    Begin with orthogonal weights, ``jb.dense(64, kernel_init=jax.nn.initializers.orthogonal())``;
    in deep networks keep them so with `orthogonality`, because small singular values amplify
    targets, block after block: the state, `TargetDiagnostics`, shows by how much. On digits, two
    hidden layers learn as well without it. The loss is without the penalty. Activities must have 32
    bits or more.

    Args:
      net: a chain of dense, conv, pooling, flatten, dropout and invertible activations: `tanh`,
        `sigmoid`, `leaky_relu`, `elu`, `softplus`, `arctan`, `arcsinh`, `soft_sign` or `identity`
        of jax.nn and jax.numpy, or of `inverses`. Layers up to the first one with weights are
        never inverted and may be any.
      inverses: pairs (activation, its inverse), functions of one array.
      target_step: the distance of a target from the activity, before D^2; positive. Above 0.2 it
        may leave the range of an activation; a small step is lost to rounding: 1e-3 suits float32.
      orthogonality: weight of the `off_diagonal` penalty on every kernel, whose gradient is added;
        not negative.
      steps: of the conjugate gradients; fewer than the rank regularize.

    Source: Ahmad, van Gerven and Ambrogioni 2020, arXiv 2006.06438. There units that are left out
    of the next layer shrink the width and keep their activity; here pseudo-inverses do.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> act, init = jb.elementwise(jax.nn.leaky_relu), jax.nn.initializers.orthogonal()
      >>> net = jb.serial(jb.dense(2, kernel_init=init), act, jb.dense(1, kernel_init=init))
      >>> x, y = jax.numpy.ones((1, 2)), jax.numpy.ones((1, 1))
      >>> params = net.init(jax.random.key(0), x[0])
      >>> rules = (make(net, jb.losses.half_mse) for make in (gait_propagation, jb.backprop))
      >>> got, exact = (rule.grads(params, (), x, y)[1][0]["kernel"] for rule in rules)
      >>> float(abs(got - exact).max()) < 1e-3
      True
    """
    name = "gait_propagation"
    chain.require_chain(net, name, loss)
    require_positive(name, "target_step", target_step)
    require_positive(name, "orthogonality", orthogonality, zero=True)
    steps = require_count(name, "steps", steps)
    inverse_of = _require_invertible(net, inverses)
    free = not isinstance(orthogonality, Tracer) and orthogonality == 0

    def grads(
        params: Params, state: Any, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, TargetDiagnostics]:
        activities, keys = chain.forward(net, params, x, key=key), chain.layer_keys(net, x, key)
        require_wide(name, activities[-1])
        value, error = chain.loss_and_error(loss, activities[-1], y)
        n = jnp.asarray(error.shape[0], error.dtype)
        step = jnp.asarray(target_step, error.dtype)
        parts, signal, errors = chain.blocks(params), n * error, []
        gains = []
        for start, stop in reversed(parts):
            errors.append(signal / n)
            if start == parts[0][0]:
                break
            for i in reversed(range(start, stop)):
                layer, p, a, k = net.layers[i], params[i], activities[i], keys[i]
                if i == start:
                    pulled = chain.pull_input(layer, p, a, signal, key=k)
                    signal = pseudo_inverse(layer, p, a, signal, steps=steps, key=k)
                    gains.append(_size(signal) / _size(pulled))
                elif (inverse := inverse_of[i]) is None:
                    signal = chain.pull_input(layer, p, a, signal, key=k)
                else:
                    signal = _adjusted(layer, inverse, a, activities[i + 1], signal, step)
        changes = chain.block_gradients(net, params, activities, errors[::-1], keys)
        if not free:
            penalty = jax.grad(lambda p: sum(map(off_diagonal, _kernels(p))))(params)
            changes = jax.tree.map(
                lambda g, r: g + jnp.asarray(orthogonality, g.dtype) * r, changes, penalty
            )
        found = jnp.stack(gains[::-1]) if gains else jnp.zeros(0)
        return value, changes, TargetDiagnostics(found.astype(activities[-1].dtype))

    def init(key: jax.Array, params: Params, x: Any) -> TargetDiagnostics:
        inverted = max(len(chain.blocks(params)) - 1, 0)
        return TargetDiagnostics(jnp.ones(inverted, jax.eval_shape(net.apply, params, x).dtype))

    return LearningRule(init, grads, net)


class TargetDiagnostics(NamedTuple):
    """Amplification of targets by the inverses of the last batch.

    Attributes:
      amplification: |W_l^+ u| / |W_l^T u| of each block but the first: 1 if W_l is orthogonal.
    """

    amplification: jax.Array

    @property
    def total(self) -> jax.Array:
        """Amplification of the target of each block but the last, by all inverses above it."""
        return jnp.flip(jnp.cumprod(jnp.flip(self.amplification, -1), -1), -1)

    @property
    def unreached(self) -> jax.Array:
        """True for each block but the last whose target is amplified too much for a gradient."""
        return ~(self.total < _MOST_AMPLIFIED)

    def notices(self) -> dict[str, jax.Array]:
        """Blocks whose target is amplified too much."""
        text = (
            f"inverses of the weights above amplified the targets more than {_MOST_AMPLIFIED:g} "
            "times, so that they are no gradients; begin with orthogonal weights, "
            "jb.dense(64, kernel_init=jax.nn.initializers.orthogonal()), and keep them so with "
            "orthogonality"
        )
        return {text: self.unreached}


def off_diagonal(kernel: jax.Array) -> jax.Array:
    """The orthogonality penalty of a kernel, for rows or, if it is tall, columns of any length.

    sum_{i != j} (W W^T)_ij^2

    Args:
      kernel: ``[..., outputs]``; that of a convolution counts as ``[all inputs, outputs]``.

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
    """W^+ change: the smallest change of a linear layer's input that best gives that of its output.

    By conjugate gradients on the normal equations, for each example alone.

    Args:
      layer: linear in its input, up to a constant.
      params: of layer.
      x: its input ``[batch, ...]``.
      change: ``[batch, ...]`` at its output.
      steps: of the conjugate gradients; as many as the rank are exact, up to rounding.
      key: noise of the layer; None is deterministic.
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
        # below rounding the recurrence amplifies its own errors: stop
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
    flat = slope == 0  # saturated in this precision: f^-1(h) may be infinite
    target = h - gamma * jnp.square(slope) * signal
    moved = jax.vmap(inverse)(h) - jax.vmap(inverse)(target)
    return jnp.where(flat, 0, moved / gamma)


def _size(a: jax.Array) -> jax.Array:
    """|a|, whose squares would overflow; 1 for an array of zeros, which passes nothing on."""
    largest = jnp.max(jnp.abs(a))
    scale = jnp.where(largest == 0, 1, largest)
    return jnp.where(largest == 0, 1, scale * jnp.linalg.norm((a / scale).ravel()))


def _kernels(params: Params) -> list[jax.Array]:
    return [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]


def _identity(x: jax.Array) -> jax.Array:
    return x


def _leaky_relu_inverse(y: jax.Array) -> jax.Array:
    return jnp.where(y >= 0, y, 100 * y)


def _elu_inverse(y: jax.Array) -> jax.Array:
    return jnp.where(y > 0, y, jnp.log1p(jnp.minimum(y, 0)))


def _softplus_inverse(y: jax.Array) -> jax.Array:
    return y + jnp.log(-jnp.expm1(-y))


def _soft_sign_inverse(y: jax.Array) -> jax.Array:
    return y / (1 - jnp.abs(y))


_KNOWN: tuple[tuple[Function, Function], ...] = (
    (jnp.tanh, jnp.arctanh),
    (jax.lax.tanh, jnp.arctanh),
    (jax.nn.sigmoid, logit),
    (jax.lax.logistic, logit),
    (jax.nn.leaky_relu, _leaky_relu_inverse),
    (jax.nn.elu, _elu_inverse),
    (jax.nn.softplus, _softplus_inverse),
    (jax.nn.soft_sign, _soft_sign_inverse),
    (jax.nn.identity, _identity),
    (jnp.arctan, jnp.tan),
    (jnp.arcsinh, jnp.sinh),
)


def _require_invertible(
    net: Network, inverses: tuple[tuple[Function, Function], ...]
) -> list[Function | None]:
    """For each layer the inverse of its activation; None for a layer inverted by its transpose."""
    name = "gait_propagation"
    known = {elementwise(f): inverse for f, inverse in (*_KNOWN, *inverses)}
    first = next((i for i, layer in enumerate(net.layers) if chain.has_weights(layer)), 0)
    for i, layer in enumerate(net.layers):
        if i <= first:  # never inverted
            continue
        if is_elementwise(layer) and layer not in known:
            raise ValueError(
                f"{name} inverts activations, and no inverse of layer {i}, {layer}, is known; "
                "relu has none: use jb.elementwise(jax.nn.leaky_relu) or jnp.tanh; for one of "
                "your own pass inverses=((activation, its_inverse),)"
            )
        linear = constructor(layer) in _LINEAR or is_affine(layer)
        if not linear and not is_elementwise(layer):
            raise ValueError(
                f"{name} inverts every layer above the first with weights, and layer {i}, "
                f"{layer}, cannot be inverted: use "
                f"{', '.join(make.__name__ for make in _LINEAR)} or invertible activations, "
                "jb.affine(layer) to declare a linear layer of your own, or use jb.backprop"
            )
    return [known.get(layer) for layer in net.layers]


_LINEAR = (dense, conv, avg_pool, max_pool, flatten, dropout)
