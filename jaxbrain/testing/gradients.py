"""Checks of learning rules against a reference gradient: exact, in the mean, after relaxation."""

from functools import partial
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.analysis.columns import cells, columns, layer_names
from jaxbrain.analysis.estimators import Estimate, bias_and_variance
from jaxbrain.analysis.gradient_similarity import layer_pairs, similarity
from jaxbrain.core.annotations import Key, Pytree
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import example
from jaxbrain.core.config import label
from jaxbrain.core.types import LearningRule, Params


@checked
def relative_error(a: Params, b: Params) -> jax.Array:
    """Relative error of a gradient in each layer that has weights.

    |a_l - b_l| / |b_l|

    Args:
      a: a gradient, in the structure of params.
      b: the reference gradient, of the same structure.

    Returns:
      ``[layers]``; 0 where both are zero, infinite where only b is.

    Examples:
      >>> import jax.numpy as jnp
      >>> relative_error((jnp.array([3.0, 6.0]),), (jnp.array([3.0, 4.0]),)).round(3).tolist()
      [0.4...]
    """

    def one(u: jax.Array, v: jax.Array) -> jax.Array:
        apart, length = jnp.linalg.norm(u - v), jnp.linalg.norm(v)
        alone = jnp.where(apart == 0, 0, jnp.inf)
        return jnp.where(length == 0, alone, apart / jnp.where(length == 0, 1, length))

    return jnp.stack([one(u, v) for u, v in layer_pairs("gradient check", a, b)])


@checked
def check_gradient(
    rule: LearningRule,
    params: Params,
    data: tuple[Any, Any],
    *,
    reference: LearningRule | None = None,
    state: Pytree = None,
    key: Key | None = None,
    rtol: float = 1e-4,
) -> jax.Array:
    """Check of a rule's gradient against a reference gradient, layer by layer.

    |g_l - r_l| <= rtol |r_l| for every layer l

    Take params at generic values: at zero biases, or where layers are small multiples of each
    other, wrong rules agree. In float64 (``with jax.enable_x64(True)``) rtol may be 1e-9.

    Args:
      rule: the rule to check.
      params: of its network.
      data: one batch ``(x [batch, ...], y [batch, ...])``.
      reference: the rule of the reference gradient; None: ``jax.grad`` of the loss that the rule
        reports, which is back-propagation where that is the loss of the prediction.
      state: of the rule, such as the feedback weights for which it should agree; None draws one.
      key: of both; needed where the rule is random or the network noisy.
      rtol: the largest relative error allowed in a layer.

    Returns:
      ``[layers]``, the relative errors.

    Raises:
      AssertionError: if the error of a layer is larger, with a table of all layers.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dense(3))
      >>> x, y = jax.random.normal(jax.random.key(0), (5, 4)), jax.numpy.arange(5) % 3
      >>> params = net.init(jax.random.key(1), x[0])
      >>> rule = jb.feedback_alignment(net, jb.losses.softmax_cross_entropy)
      >>> errors = check_gradient(rule, params, (x, y), state=params)  # symmetric feedback
      >>> check_gradient(rule, params, (x, y))
      Traceback (most recent call last):
      AssertionError: check_gradient: feedback_alignment departs from jax.grad of its loss...
    """
    other = _gradient_of_loss(rule) if reference is None else reference
    first, base = example(data[0]), jax.random.key(0) if key is None else key
    state = rule.init(jax.random.clone(base), params, first) if state is None else state

    @jax.jit
    def both(params: Params, state: Any, data: Any) -> Any:
        same = None if key is None else jax.random.clone(key)
        _, ours, _ = rule.grads(params, state, *data, key=key)
        start = state if reference is None else other.init(jax.random.clone(base), params, first)
        _, theirs, _ = other.grads(params, start, *data, key=same)
        return relative_error(ours, theirs), similarity(ours, theirs)

    errors, found = both(params, state, data)
    wrong = [not error <= rtol for error in np.asarray(errors)]  # nan is wrong too
    if any(wrong):
        measured = [cells(found.angle, ".3g"), cells(found.norm_ratio, ".4g")]
        measured += [cells(found.sign_agreement, ".3f"), cells(errors, ".2e")]
        headings = ("layer", "angle", "norm ratio", "signs", "relative error", "")
        _fail(
            f"check_gradient: {label(rule)} departs from {_name(reference)} by more than "
            f"rtol={rtol:g}",
            columns(headings, _rows(rule, params, measured, wrong)),
        )
    return errors


@checked
def check_unbiased(
    key: Key,
    rule: LearningRule,
    params: Params,
    data: tuple[Any, Any],
    *,
    samples: int,
    reference: LearningRule | None = None,
    state: Pytree = None,
    z: float = 4.0,
) -> Estimate:
    """Check that a stochastic rule's gradient is unbiased: two z-tests in each layer.

    whole layer: |mean - r| <= z se, along r: |mean . r / |r|^2 - 1| <= z se_scale

    The first test finds a bias in any direction; the second is more sensitive to a wrong length.
    For an unbiased rule either test fails with at most the probability that a normal number is
    above z in magnitude, 6e-5 at z = 4, however its weights are correlated (Székely and Bakirov).
    If the samples are too few to tell the gradient from zero, the check fails and says so.

    Args:
      key: of the samples.
      rule: the rule to check.
      params: of its network.
      data: one batch ``(x [batch, ...], y [batch, ...])``; a small one needs fewer samples.
      samples: number of gradients drawn.
      reference: the rule of the reference gradient; None: ``jax.grad`` of the rule's own loss.
      state: of the rule; None draws one.
      z: standard errors allowed.

    Raises:
      AssertionError: if a layer is biased, or the samples are too few.

    Source: Székely and Bakirov 2003, doi 10.1007/s00440-003-0262-6.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dropout(0.5), jb.dense(3))
      >>> rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
      >>> x, y = jax.random.normal(jax.random.key(0), (5, 4)), jax.numpy.arange(5) % 3
      >>> params = net.init(jax.random.key(1), x[0])
      >>> found = check_unbiased(jax.random.key(2), rule, params, (x, y), samples=8)
      >>> found.bias.shape
      (2,)
    """
    other = _gradient_of_loss(rule) if reference is None else reference
    estimate = partial(bias_and_variance, key, rule, other, samples=samples, state=state)
    found = jax.jit(lambda params, data: estimate(params, data))(params, data)
    # A deterministic rule has an error of rounding, and no sampling error.
    least = 1e3 * jnp.finfo(found.norm.dtype).eps
    whole = found.bias / jnp.maximum(found.standard_error, least * found.norm / z)
    along = (found.scale - 1) / jnp.maximum(found.scale_error, least / z)
    whole, along = (jnp.where(found.bias == 0, 0, value) for value in (whole, along))
    blind = [bool(z * error > 1) for error in found.scale_error]
    wrong = [
        not (abs(a) <= z and abs(b) <= z)
        for a, b in zip(whole.tolist(), along.tolist(), strict=True)
    ]
    if any(wrong) or any(blind):
        measured = [cells(found.bias / found.norm, ".3g"), cells(whole, ".2f")]
        measured += [cells(found.scale, ".3g"), cells(along, "+.2f")]
        headings = ("layer", "bias / norm", "in s.e.", "scale", "in s.e. from 1", "")
        needed = samples * float(jnp.max(z * found.scale_error)) ** 2
        what = (
            f"{label(rule)} is biased against {_name(reference)}: beyond z={z:g} standard errors"
            if any(wrong)
            else f"{samples} samples of {label(rule)} cannot tell its gradient from zero; "
            f"take {2 * needed:,.0f} or more, or a smaller network or batch"
        )
        marks = wrong if any(wrong) else blind
        _fail(f"check_unbiased: {what}", columns(headings, _rows(rule, params, measured, marks)))
    return found


@checked
def check_relaxed(
    rule: LearningRule,
    params: Params,
    data: tuple[Any, Any],
    *,
    tolerance: float,
    state: Pytree = None,
    key: Key | None = None,
) -> jax.Array:
    """Check that the relaxation of a rule has reached its fixed point: small residuals.

    residual <= tolerance, for every field ``residual`` of the state after ``rule.grads``

    A rule that is defined at a fixed point is a different rule before it is reached. As weights
    grow in training, relaxation becomes slower: check the params after training too.

    Args:
      rule: a rule whose state holds, at any depth, a named tuple with a field ``residual``, such
        as `InferenceDiagnostics`.
      params: of its network.
      data: one batch ``(x [batch, ...], y [batch, ...])``.
      tolerance: the largest residual allowed.
      state: of the rule; None draws one.
      key: for the rule.

    Returns:
      ``[residuals]``

    Raises:
      AssertionError: if a residual is larger or not finite.
      ValueError: if the state holds no residual.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dense(3))
      >>> x, y = jax.random.normal(jax.random.key(0), (5, 4)), jax.numpy.arange(5) % 3
      >>> params = net.init(jax.random.key(1), x[0])
      >>> rule = jb.predictive_coding(net, jb.losses.softmax_cross_entropy, steps=400)
      >>> residuals = check_relaxed(rule, params, (x, y), tolerance=1e-3)
      >>> early = jb.predictive_coding(net, jb.losses.softmax_cross_entropy, steps=2)
      >>> check_relaxed(early, params, (x, y), tolerance=1e-3)
      Traceback (most recent call last):
      AssertionError: check_relaxed: predictive_coding is not at rest: residual 0.8...
    """
    base = jax.random.key(0) if key is None else key
    state = rule.init(jax.random.clone(base), params, example(data[0])) if state is None else state
    _, _, after = jax.jit(partial(rule.grads, key=key))(params, state, *data)
    nodes = jax.tree.leaves(after, is_leaf=lambda node: hasattr(node, "residual"))
    parts = [jnp.ravel(node.residual) for node in nodes if hasattr(node, "residual")]
    if not parts:
        raise ValueError(
            f"check_relaxed: the state of {label(rule)} holds no residual; return a named tuple "
            "with a field residual, such as jaxbrain.learning.InferenceDiagnostics"
        )
    residuals = jnp.concatenate(parts)
    if not np.all(np.asarray(residuals) <= tolerance):
        shown = ", ".join(f"{r:.3g}" for r in residuals.tolist())
        _fail(
            f"check_relaxed: {label(rule)} is not at rest: residual {shown}, above "
            f"tolerance={tolerance:g}; take more steps; if it grows with them, a smaller step size"
        )
    return residuals


def _gradient_of_loss(rule: LearningRule) -> LearningRule:
    """The gradient of the loss that a rule reports, as a rule."""

    def grads(
        params: Params, state: Any, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, Any]:
        value, found = jax.value_and_grad(lambda p: rule.grads(p, state, x, y, key=key)[0])(params)
        return value, found, state

    return LearningRule(rule.init, grads, rule.network)


def _name(reference: LearningRule | None) -> str:
    return "jax.grad of its loss" if reference is None else label(reference)


def _rows(
    rule: LearningRule, params: Params, measured: list[list[str]], wrong: list[bool]
) -> list[tuple[str, ...]]:
    names = layer_names(rule.network, params)
    marks = ["<- here" if mark else "" for mark in wrong]
    return list(zip(names, *measured, marks, strict=True))


def _fail(*lines: str) -> NoReturn:
    raise AssertionError("\n".join(lines))
