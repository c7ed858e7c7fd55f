"""The state of a training: made from a key, and checked where a training goes on."""

import functools
from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxbrain.core.arguments import explained
from jaxbrain.core.arrays import is_numbers, on_device, require_arrays
from jaxbrain.core.compiled import MOST, compiled
from jaxbrain.core.composition import example
from jaxbrain.core.latest import Latest
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import is_traced, require_random_key
from jaxbrain.core.types import LearningRule, Params
from jaxbrain.training.arguments import require_rule
from jaxbrain.training.optimizers import init_optimizer, require_optimizer

_RESTART = (
    "start it from these parameters: state=jb.init_state(rule, optimizer, x[0], key=key, "
    "params=state.params)"
)
_OWNERS = {
    "params": (
        "network and data",
        "train without state=, or with the network that the state was made for",
    ),
    "rule_state": ("rule", _RESTART),
    "opt_state": ("optimizer", _RESTART),
}

_THREEFRY = "threefry2x32"  # the usual kind of keys

# The types for which a state was right: to look at the shapes again would take a third of the time
# of a small training.
_PASSED: Latest[Hashable, bool] = Latest(MOST)


class TrainState(NamedTuple):
    """Everything that the next step needs, in one pytree.

    Attributes:
      params: of the network.
      opt_state: of the optax optimizer.
      rule_state: of the learning rule.
      key: stays the same; step k uses ``fold_in(key, k)``, so that a resumed run repeats itself.
        The words of the key, uint32 ``[2]``, as a typed key that a program returns costs 25 Python
        calls a step; keys of other kinds than threefry stay typed.
      step: ``[]`` int32, the steps done.
    """

    params: Params
    opt_state: Any
    rule_state: Any
    key: jax.Array
    step: jax.Array


@explained
def init_state(
    rule: LearningRule,
    optimizer: optax.GradientTransformation,
    x: Any,
    *,
    key: jax.Array,
    params: Params = None,
) -> TrainState:
    """The state before the first step.

    Args:
      rule: what teaches.
      optimizer: any optax transformation.
      x: one example or its ``jax.ShapeDtypeStruct``.
      key: of params, rule and all later noise.
      params: of the network, to start from, which are copied; None draws them.

    Returns:
      A TrainState with step 0. Its arrays are its own, so that a `step` may take their memory.

    Raises:
      TypeError: if an argument is of another kind, with the fix.

    Examples:
      >>> import jax, jaxbrain as jb, optax
      >>> rule = jb.backprop(jb.dense(1), jb.losses.mse)
      >>> int(init_state(rule, optax.sgd(0.1), jax.numpy.ones(3), key=jax.random.key(0)).step)
      0
    """
    require_rule("init_state", rule, optimizer)
    require_optimizer("init_state", optimizer)
    key = require_random_key("init_state", key)
    x = jax.tree.map(_example, x, is_leaf=is_numbers)
    require_arrays("init_state", "x", x)
    if params is not None:
        require_arrays("init_state", "params", params)
    params_key, rule_key, key = jax.random.split(key, 3)
    params = rule.network.init(params_key, x) if params is None else params
    state = state_of(rule, optimizer, x, params, rule_key, key)
    return state if is_traced(state) else jax.device_put(state, may_alias=False)


def state_of(
    rule: LearningRule,
    optimizer: optax.GradientTransformation,
    x: Any,
    params: Params,
    rule_key: jax.Array,
    key: jax.Array,
) -> TrainState:
    """The first state of given parameters, with a key for the rule and one for all later noise."""
    rule_state = rule.init(rule_key, params, x)
    words = jax.random.key_data(key) if jax.random.key_impl(key) == _THREEFRY else key
    return TrainState(params, init_optimizer(optimizer, params), rule_state, words, jnp.int32(0))


def noise_key(state: TrainState) -> jax.Array:
    """The typed key of all noise of a training."""
    typed = jnp.issubdtype(state.key.dtype, jax.dtypes.prng_key)
    return state.key if typed else jax.random.wrap_key_data(state.key, impl=_THREEFRY)


def require_state(function: str, program: Program, state: Any, x: Any) -> None:
    """Refuse a state that `init_state` would not make for this rule, optimizer and data.

    Structure, shapes and dtypes are compared, no number. The shapes of a program are traced once.

    Args:
      function: the name of the caller's function.
      program: of ``(rule, optimizer, ...)``.
      state: the argument of the caller.
      x: inputs ``[examples, ...]``.

    Raises:
      TypeError: if state is no TrainState of one training.
      ValueError: naming the first array that differs, and the fix.
    """
    require_one_state(function, state)
    types = _types((program, state, x))
    if _PASSED.get(types):
        return
    network = Program(program.value[0].network)
    try:
        drawn = draw_params.shapes(network, x, _key())[0]
    except Exception:  # a network whose init needs more than shapes: its params are the user's
        drawn = state.params
    _require_same("params", state.params, drawn, function)
    fresh = first_state.shapes(program, state.params, x, _key(), _key())
    for part in ("rule_state", "opt_state"):
        _require_same(part, getattr(state, part), getattr(fresh, part), function)
    _PASSED.put(types, True)


def _types(tree: Any) -> Hashable:
    """The structure of a pytree and the types of its leaves: all that the check depends on."""
    leaves, structure = jax.tree.flatten(tree)
    types = ((getattr(leaf, "shape", ()), getattr(leaf, "dtype", type(leaf))) for leaf in leaves)
    return structure, tuple(types)


@functools.cache
def _key() -> jax.ShapeDtypeStruct:
    return jax.eval_shape(jax.random.key, 0)


@compiled()
def draw_params(network: Program, x: Any, key: jax.Array) -> tuple[Params, jax.Array, jax.Array]:
    """Parameters and keys as `init_state` draws them, in a program that rules share."""
    params_key, rule_key, key = jax.random.split(key, 3)
    return network.value.init(params_key, example(x)), rule_key, key


@compiled()
def first_state(
    program: Program, params: Params, x: Any, rule_key: jax.Array, key: jax.Array
) -> TrainState:
    """The state of `init_state` with these parameters, for inputs ``[examples, ...]``."""
    rule, optimizer, *_ = program.value
    return state_of(rule, optimizer, example(x), params, rule_key, key)


def _require_same(part: str, given: Any, wanted: Any, function: str) -> None:
    wrong = _difference(part, given, wanted, dtypes=part != "params")
    owner, fix = _OWNERS[part]
    if wrong:
        raise ValueError(f"{function}: state is not of this {owner}: {wrong}; {fix}")


def _example(x: Any) -> Any:
    """One example as an array; its shape alone stays as it is."""
    return x if isinstance(x, jax.ShapeDtypeStruct) else on_device("init_state", "x", x)


def require_one_state(function: str, state: Any) -> None:
    """Refuse anything but the TrainState of one training."""
    require_train_state(function, state)
    if jnp.shape(state.step):
        raise ValueError(
            f"{function}: state holds a population of {jnp.shape(state.step)} trainings; take one, "
            "jax.tree.map(lambda a: a[0], state), or jax.vmap the function"
        )


def require_train_state(function: str, state: Any) -> None:
    """Refuse anything but a TrainState, of one training or of a population, that still exists."""
    if isinstance(state, TrainState):
        if any(map(_is_deleted, jax.tree.leaves(state))):
            raise ValueError(
                f"{function}: the memory of this state was given to a later one (donate_argnums); "
                "pass the state that step returned, or keep a copy of this one before: "
                "jax.tree.map(jnp.copy, state)"
            )
        return
    pair = isinstance(state, tuple | list) and state and isinstance(state[0], TrainState)
    kind = "(state, history)" if pair else type(state).__name__
    fix = "for parameters: jb.init_state(rule, optimizer, x[0], key=key, params=params)"
    fix = "take the state of that pair: result[0]" if pair else fix
    raise TypeError(f"{function}: state must be a TrainState, got {kind}; {fix}")


def _is_deleted(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and not is_traced(leaf) and leaf.is_deleted()


def _difference(name: str, given: Any, wanted: Any, *, dtypes: bool = True) -> str:
    """The first array in which two pytrees differ, in words; "" where there is none."""
    if jax.tree.structure(given) == jax.tree.structure(wanted):
        pairs = zip(jax.tree.leaves(given), jax.tree.leaves(wanted), strict=True)
        if all(_type(a, dtypes) == _type(b, dtypes) for a, b in pairs):
            return ""
    a, b = _leaves(name, given), _leaves(name, wanted)
    for path in b:
        if path not in a:
            return f"{path} is missing"
    for path in a:
        if path not in b:
            return f"{path} does not belong to it"
    for path, leaf in a.items():
        if _type(leaf, dtypes) != _type(b[path], dtypes):
            return f"{path} is {_show(leaf)}, expected {_show(b[path])}"
    return f"{name} is {type(given).__name__} of another structure"


def _leaves(name: str, tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {name + jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def _type(leaf: Any, dtypes: bool) -> tuple:
    return jnp.shape(leaf), jnp.result_type(leaf) if dtypes else None


def _show(leaf: Any) -> str:
    return f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}"
