"""Bias and variance of stochastic gradient estimators."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.analysis.gradient_similarity import layer_vectors
from jaxbrain.core.annotations import Key, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import tree_on_device
from jaxbrain.core.composition import example
from jaxbrain.core.eager import compiled_once
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import LearningRule, Params

_STATE = 0x57A7E  # separates the key of the states from those of the samples


class Estimate(NamedTuple):
    """Bias and variance of samples g_1..g_n of a gradient against a reference gradient r.

    All are ``[layers with weights]``; m is the mean of the samples, v their variance.

    Attributes:
      bias: |m - r|; of an unbiased rule about the standard error, not 0.
      standard_error: of m: sqrt(v / n).
      variance: v = sum over the weights of the layer of the variance of g.
      cosine: of the angle between m and r.
      scale: m . r / |r|^2, the length of m along r: 1 for an unbiased rule.
      scale_error: the standard error of scale.
      norm: |r|.
    """

    bias: jax.Array
    standard_error: jax.Array
    variance: jax.Array
    cosine: jax.Array
    scale: jax.Array
    scale_error: jax.Array
    norm: jax.Array


class _Moments(NamedTuple):
    """Moments of one layer over some samples of d = g - r, squares about the mean."""

    count: jax.Array  # []
    mean: jax.Array  # [weights], of d
    square: jax.Array  # [], of |d - mean|^2
    along: jax.Array  # [], of ((d - mean) . u)^2, u a fixed reference gradient
    reference: jax.Array  # [weights], mean of r


@checked
def bias_and_variance(
    key: Key,
    rule: LearningRule,
    reference: LearningRule,
    params: Params,
    data: tuple[Any, Any],
    *,
    samples: int,
    state: Pytree = None,
    at_once: int = 32,
) -> Estimate:
    """Bias and variance of a stochastic rule's gradient against a reference rule, layer by layer.

    bias = |mean_k g_k - r|, variance = sum_i var_k g_ki, standard error = sqrt(variance / samples)

    Each sample has its own key. Where the network itself is noisy (dropout) both rules get the same
    noise, and the variance is that of g_k - r_k: of the rule alone.

    Args:
      key: of the samples, and of the rule's state where none is given.
      rule: the stochastic rule.
      reference: the rule whose gradient it estimates, such as ``jb.backprop``.
      params: of the network.
      data: one batch ``(x [batch, ...], y [batch, ...])``, the same for all samples.
      samples: number of gradients drawn; at least 2.
      state: of the rule, the same for all samples; None draws one.
      at_once: samples computed together; memory is that of as many gradients.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dense(3))
      >>> rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.numpy.ones((5, 4)), jax.numpy.zeros(5, int)
      >>> params, key = net.init(jax.random.key(0), x[0]), jax.random.key(1)
      >>> found = bias_and_variance(key, rule, rule, params, (x, y), samples=3)
      >>> found.bias.tolist(), found.variance.tolist()
      ([0.0, 0.0], [0.0, 0.0])
    """
    require_count("bias_and_variance", "samples", samples)
    require_count("bias_and_variance", "at_once", at_once)
    if samples < 2:
        raise ValueError(f"samples must be at least 2 to have a variance, got {samples}")
    data = tree_on_device("bias_and_variance", "data", data)
    return _estimates((rule, reference), params, state, data, key, samples, at_once)


@compiled_once("rules", "samples", "at_once")
def _estimates(
    rules: tuple[LearningRule, LearningRule],
    params: Params,
    state: Any,
    data: tuple[Any, Any],
    key: jax.Array,
    samples: int,
    at_once: int,
) -> Estimate:
    rule, reference = rules
    first = example(data[0])
    state_key = jax.random.fold_in(key, _STATE)
    reference_state = reference.init(jax.random.clone(state_key), params, first)
    state = rule.init(state_key, params, first) if state is None else state

    def reference_gradient(k: jax.Array) -> list[jax.Array]:
        return _exact(reference.grads(params, reference_state, *data, key=k)[1])

    def sample(k: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
        theirs = reference_gradient(jax.random.clone(k))  # under the same noise of the network
        _, ours, _ = rule.grads(params, state, *data, key=k)
        return [g - r for g, r in zip(_exact(ours), theirs, strict=True)], theirs

    keys = jax.random.split(key, samples)
    directions = reference_gradient(jax.random.clone(keys[0]))
    every = zip(_moments(sample, keys, directions, at_once), directions, strict=True)
    return Estimate(*map(jnp.stack, zip(*[_estimate(m, u) for m, u in every], strict=True)))


def _exact(tree: Params) -> list[jax.Array]:
    """The layers as vectors of at least 32 bits: half precision is too coarse for long sums."""
    vectors = layer_vectors("bias_and_variance", tree)
    return [v if v.dtype.itemsize >= 4 else v.astype("float32") for v in vectors]


def _moments(
    sample: Callable, keys: jax.Array, directions: list[jax.Array], at_once: int
) -> list[_Moments]:
    """Over all samples, some at a time; the last group is padded and the surplus masked."""
    samples = keys.shape[0]
    groups = -(-samples // at_once)
    size = -(-samples // groups)

    def group(d: jax.Array, r: jax.Array, u: jax.Array, there: jax.Array) -> _Moments:
        count = jnp.sum(there, dtype=d.dtype)
        mean = jnp.sum(jnp.where(there, d, 0), 0) / count
        d = jnp.where(there, d - mean[None], 0)
        reference = jnp.sum(jnp.where(there, r, 0), 0) / count
        return _Moments(count, mean, jnp.sum(d * d), jnp.sum((d @ u) ** 2), reference)

    def add(total: list[_Moments], index: jax.Array) -> tuple[list[_Moments], None]:
        # The surplus repeats the last key.
        ds, rs = jax.vmap(sample)(jax.random.clone(keys[jnp.minimum(index, samples - 1)]))
        there = (index < samples)[:, None]
        parts = zip(total, ds, rs, directions, strict=True)
        return [_merge(m, group(d, r, u, there), u) for m, d, r, u in parts], None

    nothing = [
        _Moments(*(jnp.zeros(shape, u.dtype) for shape in ((), u.shape, (), (), u.shape)))
        for u in directions
    ]
    return jax.lax.scan(add, nothing, jnp.arange(groups * size).reshape(groups, size))[0]


def _merge(a: _Moments, b: _Moments, u: jax.Array) -> _Moments:
    """The moments of two groups together, without cancellation (Chan, Golub and LeVeque 1983)."""
    count = a.count + b.count
    share, weight = b.count / count, a.count * b.count / count
    step = b.mean - a.mean
    return _Moments(
        count,
        a.mean + share * step,
        a.square + b.square + weight * jnp.sum(step**2),
        a.along + b.along + weight * (step @ u) ** 2,
        a.reference + share * (b.reference - a.reference),
    )


def _estimate(found: _Moments, u: jax.Array) -> Estimate:
    """From the moments of d = g - r: the mean of g is that of d plus that of r."""
    r, mean = found.reference, found.mean + found.reference
    variance = found.square / (found.count - 1)
    power = jnp.sum(u**2)
    power = jnp.where(power == 0, 1, power)
    along = found.along / (found.count - 1)
    lengths = jnp.linalg.norm(mean) * jnp.linalg.norm(r)
    return Estimate(
        bias=jnp.linalg.norm(found.mean),
        standard_error=jnp.sqrt(variance / found.count),
        variance=variance,
        cosine=mean @ r / jnp.where(lengths == 0, 1, lengths),
        scale=1 + found.mean @ u / power,
        scale_error=jnp.sqrt(along / found.count) / power,
        norm=jnp.linalg.norm(r),
    )
