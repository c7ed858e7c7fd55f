"""Check of the contract of learning rules, on which `jaxbrain.fit` and `jaxbrain.run` rely."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.analysis.columns import layer_names
from jaxbrain.analysis.gradient_similarity import layer_vectors
from jaxbrain.core.annotations import Inputs, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import example
from jaxbrain.core.config import label
from jaxbrain.core.types import LearningRule, Params
from jaxbrain.training.data import as_pair

_CLOSE = 1e-3  # relative: the same sum in another order, after a relaxation too


class _Trial(NamedTuple):
    """A rule at work on one batch."""

    rule: LearningRule
    x: Any
    y: Any
    key: jax.Array
    noise: jax.Array | None  # the key of its gradients: None if it can do without

    def start(self, key: jax.Array) -> tuple[Params, Any]:
        params_key, state_key = jax.random.split(key)
        params = self.rule.network.init(params_key, example(self.x))
        return params, self.rule.init(state_key, params, example(self.x))

    def grads(self, params: Params, state: Any) -> tuple[jax.Array, Params, Any]:
        noise = None if self.noise is None else jax.random.clone(self.noise)
        return self.rule.grads(params, state, self.x, self.y, key=noise)

    def whole(self, key: jax.Array) -> tuple[jax.Array, Params, Any]:
        """From one key to (loss, grads, state)."""
        return self.grads(*self.start(key))


@checked
def check_rule(
    rule: LearningRule,
    x: Inputs,
    y: Inputs,
    *,
    key: Key | None = None,
    any_order: bool = True,
    untrained: Sequence[int] = (),
) -> None:
    """Check of the contract of a learning rule: every rule can take the place of another.

    The gradients have the structure, shapes and dtypes of params, the state keeps its own (a scan
    carries it), the loss is one number; all are finite, and every layer gets a gradient. The
    results are the same with and without ``jax.jit``, under ``jax.vmap`` over seeds and seed by
    seed, for the same key, and for any order of the examples.

    Args:
      rule: the rule to check.
      x: a small batch ``[batch, ...]``, at least two examples at generic values.
      y: its targets ``[batch, ...]``.
      key: of params, state and noise; None: ``jax.random.key(0)``.
      any_order: True if the order of the examples must not matter. It is not checked for rules
        that need a key, as they may draw for each example.
      untrained: layers, as places in params, that should get no gradient.

    Raises:
      AssertionError: if the rule breaks the contract, with the place.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.tanh), jb.dense(3))
      >>> x, y = jax.random.normal(jax.random.key(0), (5, 4)), jax.numpy.arange(5) % 3
      >>> rule = jb.feedback_alignment(net, jb.losses.softmax_cross_entropy)
      >>> check_rule(rule, x, y)
      >>> forgetful = rule._replace(init=lambda key, params, x: ())
      >>> check_rule(forgetful._replace(grads=lambda p, s, x, y, *, key=None: (0.0, p, x)), x, y)
      Traceback (most recent call last):
      AssertionError: check_rule: LearningRule: the state must keep its structure...
    """
    if not isinstance(rule, LearningRule):
        raise TypeError(f"check_rule: rule must be a LearningRule, got {type(rule).__name__}")
    x, y = jax.tree.map(jnp.asarray, as_pair("check_rule", "(x, y)", (x, y)))
    if len(jax.tree.leaves(x)[0]) < 2:
        raise ValueError("check_rule: x must be a batch of at least two examples")
    key = jax.random.key(0) if key is None else key
    trial = _Trial(rule, x, y, key, _noise(rule, x, y, key))
    _check_shapes(trial)
    params, state = jax.jit(trial.start)(jax.random.clone(key))
    together = jax.jit(trial.grads)
    found = together(params, state)
    _check_values(trial, params, found, untrained)
    _same(rule, "jax.jit must not change", trial.grads(params, state), found)
    _same(rule, "the same key must give the same", together(params, state), found, exact=True)
    _check_seeds(trial)
    if any_order and trial.noise is None:
        backwards = jax.tree.map(lambda a: a[::-1], (x, y))
        turned = jax.jit(lambda p, s: rule.grads(p, s, *backwards))(params, state)
        _same(rule, "the order of the examples must not change", turned[:2], found[:2])


def _noise(rule: LearningRule, x: Any, y: Any, key: jax.Array) -> jax.Array | None:
    """None if the rule can do without a key."""
    noise = jax.random.fold_in(key, 1)
    try:
        jax.eval_shape(_Trial(rule, x, y, key, None).whole, key)
    except Exception:
        # If this fails too, the missing key is not the reason.
        jax.eval_shape(_Trial(rule, x, y, key, noise).whole, key)
        return noise
    return None


def _check_shapes(trial: _Trial) -> None:
    rule = trial.rule
    params, state = jax.eval_shape(trial.start, trial.key)
    first = jax.tree.map(lambda a: a[0], trial.x)
    from_array = jax.eval_shape(rule.init, trial.key, params, first)
    _shapes(rule, "init must make one state from an example and from its shape", from_array, state)
    loss, grads, after = jax.eval_shape(trial.grads, params, state)
    if not hasattr(loss, "shape") or loss.shape != ():
        _fail(rule, f"the loss must be one number [], got shape {jax.tree.map(jnp.shape, loss)}")
    if not jnp.issubdtype(loss.dtype, jnp.floating):
        _fail(rule, f"the loss must be a floating-point number, got {loss.dtype}")
    _shapes(rule, "the state must keep its structure, shapes and dtypes", after, state)
    _shapes(rule, "grads must have the structure, shapes and dtypes of params", grads, params)


def _check_values(trial: _Trial, params: Params, found: Any, untrained: Sequence[int]) -> None:
    loss, grads, state = found
    for what, tree in (("the loss", loss), ("the gradient", grads), ("the state", state)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if jnp.issubdtype(leaf.dtype, jnp.inexact) and not bool(jnp.all(jnp.isfinite(leaf))):
                _fail(trial.rule, f"{what}{jax.tree_util.keystr(path)} is not finite")
    names = layer_names(trial.rule.network, params)
    for name, vector in zip(names, layer_vectors("check_rule", grads), strict=True):
        if int(name.split()[0]) not in untrained and not bool(jnp.any(vector != 0)):
            _fail(
                trial.rule,
                f"layer {name} gets no gradient; if it should not: "
                f"check_rule(..., untrained=({name.split()[0]},))",
            )


def _check_seeds(trial: _Trial) -> None:
    keys = jax.random.split(jax.random.clone(trial.key), 2)
    every, one = jax.jit(jax.vmap(trial.whole))(jax.random.clone(keys)), jax.jit(trial.whole)
    for i in range(2):
        alone = jax.tree.map(lambda a, i=i: a[i], every)
        _same(trial.rule, "jax.vmap over seeds must not change", alone, one(keys[i]))


def _shapes(rule: LearningRule, what: str, got: Any, wanted: Any) -> None:
    import chex  # here, because it takes a tenth of a second, which only tests should pay

    try:
        chex.assert_trees_all_equal_structs(got, wanted)
        chex.assert_trees_all_equal_shapes_and_dtypes(got, wanted)
    except AssertionError as error:
        _fail(rule, f"{what}; tree 0 is found, tree 1 expected: {' '.join(str(error).split())}")


def _same(rule: LearningRule, what: str, got: Any, wanted: Any, *, exact: bool = False) -> None:
    pairs = zip(jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(wanted), strict=True)
    for (path, a), b in pairs:
        if jnp.issubdtype(b.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
        allowed = 0 if exact else _CLOSE * np.linalg.norm(b) + 1e-6
        apart = np.linalg.norm(a - b)
        if not apart <= allowed:
            part = ("loss", "grads", "state")[path[0].idx]  # pyright: ignore[reportAttributeAccessIssue]
            place = part + jax.tree_util.keystr(path[1:])
            _fail(rule, f"{what} {place}, which differs by {apart:.2g}")


def _fail(rule: LearningRule, what: str) -> None:
    raise AssertionError(f"check_rule: {label(rule)}: {what}")
