"""Associative memory from Lagrangians: any graph of layers with one scalar energy.

    E = sum_a [x_a . g_a - L_a(x_a)] + sum_s E_s(g_a, g_b, ...),   g_a = dL_a/dx_a

    dx_a/dt = -dE/dg_a = -sum_s dE_s/dg_a - x_a

A layer is a Lagrangian (see `jaxbrain.memory.lagrangians`), a synapse any scalar function of the
activations that it joins: its gradient is the input of a layer. Where the Lagrangians are convex
the energy never rises.
"""

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Memory, Params
from jaxbrain.memory.lagrangians import Lagrangian, identity, softmax
from jaxbrain.memory.modern import append, require_patterns
from jaxbrain.memory.patterns import Info, require_size
from jaxbrain.memory.relaxation import relax

States = dict[str, jax.Array]
Synapse = tuple[Sequence[str], Callable[..., jax.Array]]


@static
class Hierarchy(NamedTuple):
    """A graph of layers as pure functions; params are a tuple, one entry per synapse.

    Attributes:
      activations: ``(states) -> activations``, dictionaries by the names of the layers.
      energy: ``(params, states) -> scalar``.
      descent: ``(params, states) -> -dE/dg``: the input of each layer less its state. An Euler
        step of one's own, differentiable, is ``x + step_size * descent``.
      settle: ``(params, states, *, step_size=0.1, max_steps=1000, tolerance=1e-4)
        -> (states, Info)``: Euler steps until no state moves more than the tolerance. A dictionary
        of step sizes gives each layer its own time constant; one of 0 clamps it.
      config: what it was made from; None for one made by hand.
    """

    activations: Callable[[States], States]
    energy: Callable[[Params, States], jax.Array]
    descent: Callable[[Params, States], States]
    settle: Callable[..., tuple[States, Info]]
    config: Config | None = None


@configured
def hierarchy(neurons: Mapping[str, Lagrangian], synapses: Sequence[Synapse]) -> Hierarchy:
    """The energy and the dynamics of layers that synapses join.

    E = sum_a [x_a . g_a - L_a(x_a)] + sum_s E_s(params_s, g_a, g_b, ...)

    Args:
      neurons: the Lagrangian of each layer, by its name.
      synapses: pairs of the names of the layers joined and ``(params, *activations) -> scalar``,
        such as ``(("visible", "hidden"), bilinear)``; as many layers as you like.

    Returns:
      A `Hierarchy`. Its states are ``{name: array}``, of any shapes that the synapses take.

    Raises:
      ValueError: if a synapse joins a layer that is not there, or at trace time if states or params
        are not one for each layer or synapse.

    Source: Krotov 2021, arXiv 2107.06446.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> from jaxbrain.memory import lagrangians
      >>> net = hierarchy(
      ...     {"seen": lagrangians.tanh, "cause": lagrangians.softmax},
      ...     [(("seen", "cause"), bilinear)])
      >>> params = (4.0 * jnp.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]]),)
      >>> states = {"seen": jnp.array([1.0, 1.0, 0.0]), "cause": jnp.zeros(2)}
      >>> states, info = net.settle(params, states)
      >>> net.activations(states)["cause"].round(2).tolist(), bool(info.converged)
      ([1.0, 0.0], True)
    """
    neurons = dict(neurons)
    synapses = tuple((tuple(names), function) for names, function in synapses)
    joined = {name for names, _ in synapses for name in names}
    if not joined <= set(neurons):
        raise ValueError(
            f"hierarchy: synapses must join layers among {sorted(neurons)}, "
            f"got {sorted(joined - set(neurons))}"
        )
    label = f"hierarchy({', '.join(neurons)})"

    def activations(states: States) -> States:
        _require_layers(label, "states", states, neurons)
        return {name: jax.grad(neurons[name])(x) for name, x in states.items()}

    def synaptic(params: Params, g: States) -> jax.Array:
        if len(params) != len(synapses):
            raise ValueError(
                f"{label}: params must be a tuple of {len(synapses)} entries, one a synapse, "
                f"got {len(params)}"
            )
        parts = zip(params, synapses, strict=True)
        return _sum(f(p, *(g[name] for name in names)) for p, (names, f) in parts)

    def energy(params: Params, states: States) -> jax.Array:
        g = activations(states)
        layers = (jnp.sum(x * g[name]) - neurons[name](x) for name, x in states.items())
        return _sum(layers) + synaptic(params, g)

    def descent(params: Params, states: States) -> States:
        rise = jax.grad(synaptic, argnums=1)(params, activations(states))
        return {name: -rise[name] - x for name, x in states.items()}

    def settle(
        params: Params,
        states: States,
        *,
        step_size: Any = 0.1,
        max_steps: int = 1000,
        tolerance: float | jax.Array = 1e-4,
    ) -> tuple[States, Info]:
        require_count(label, "max_steps", max_steps)
        require_positive(label, "tolerance", tolerance, zero=True)
        sizes = _step_sizes(label, step_size, neurons)

        def euler(states: States, step: jax.Array) -> States:
            change = descent(params, states)
            return {n: x + as_number(sizes[n], x) * change[n] for n, x in states.items()}

        def at_rest(before: States, after: States) -> jax.Array:
            moves = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b)), before, after)
            return jnp.all(
                jnp.stack([m <= as_number(tolerance, m) for m in jax.tree.leaves(moves)])
            )

        states, steps, still = relax(euler, states, max_steps, at_rest)
        return states, Info(steps, still, energy(params, states))

    return Hierarchy(activations, energy, descent, settle)


def bilinear(weights: jax.Array, g: jax.Array, h: jax.Array) -> jax.Array:
    """The synapse between all units of two layers; it is symmetric, as an energy makes it.

    E = -h . W g

    Args:
      weights: W ``[h, g]``.
      g: activations of the first layer.
      h: activations of the second layer.

    Returns:
      A scalar.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(bilinear(jnp.eye(2), jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])))
      -11.0
    """
    return -jnp.vdot(h, weights @ g)


@configured
def hidden_layer(hidden: Lagrangian) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The synapse of one layer with itself that a fast hidden layer makes.

    E = -L_hidden(W g): what is left of `bilinear` and the hidden layer where that is at its input

    Args:
      hidden: the Lagrangian of the hidden layer.

    Returns:
      ``(weights, g) -> scalar``.

    Source: Krotov and Hopfield 2021, arXiv 2008.06996.

    Examples:
      >>> import jax.numpy as jnp
      >>> from jaxbrain.memory import lagrangians
      >>> synapse = hidden_layer(lagrangians.relu)
      >>> float(synapse(jnp.eye(2), jnp.array([1.0, -2.0])))
      -0.5
    """

    def synapse(weights: jax.Array, g: jax.Array) -> jax.Array:
        return -hidden(weights @ g)

    return synapse


@configured
def hierarchical_memory(
    *,
    visible: Lagrangian = identity,
    hidden: Lagrangian = softmax,
    step_size: float | jax.Array = 1.0,
    max_steps: int = 100,
    tolerance: float | jax.Array = 1e-4,
) -> Memory:
    """Patterns in the synapses between visible units and a fast hidden layer with one unit each.

    dx/dt = W^T f(W g) - x,  g = dL_visible/dx,  f = dL_hidden/dh,  h = W g

    E(x) = x.g - L_visible(x) - L_hidden(W g)

    identity and softmax: `modern_hopfield`, without its constants. With a hidden layer that grows
    without bound (`relu`, `repu`), take visible units that do not: `tanh`, `spherical`,
    `layer_norm`.

    Args:
      visible: the Lagrangian of the visible units, convex.
      hidden: the Lagrangian of the hidden units, convex; a sharper one keeps patterns apart that
        are nearer: ``functools.partial(lagrangians.softmax, beta=8.0)``.
      step_size: of Euler, positive. From 0 to 1 the energy never rises; at 1 the state becomes
        its input.
      max_steps: steps at most.
      tolerance: the recall ends where no state moves more than this.

    Returns:
      A memory of ``[patterns, features]`` with params ``{"patterns"}``. Cue and state are the x of
      the visible units, not their activations ``jax.grad(visible)(x)``. It makes no noise: a key
      changes nothing. ``add`` appends: the shapes of the params grow.

    Raises:
      ValueError: if step_size or max_steps is not positive, tolerance is negative, or at trace time
        if patterns or a cue do not have the shape.

    Source: Krotov and Hopfield 2021, arXiv 2008.06996.

    Examples:
      >>> import functools, jax.numpy as jnp
      >>> from jaxbrain.memory import lagrangians
      >>> hidden = functools.partial(lagrangians.softmax, beta=9.0)
      >>> memory = hierarchical_memory(visible=lagrangians.spherical, hidden=hidden)
      >>> params = memory.store(jnp.array([[1.0, 0.0], [0.0, 1.0]]))
      >>> memory.recall(params, jnp.array([0.6, 0.4]))[0].round(2).tolist()
      [1.0, 0.0]
    """
    where = "hierarchical_memory"
    require_positive(where, "step_size", step_size)
    require_count(where, "max_steps", max_steps)
    require_positive(where, "tolerance", tolerance, zero=True)
    net = hierarchy({"visible": visible}, [(("visible",), hidden_layer(hidden))])

    def store(patterns: Any) -> Params:
        return {"patterns": require_patterns(patterns)}

    def recall(params: Params, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        patterns = params["patterns"]
        x = require_size("cue", cue, patterns.shape[1]).astype(patterns.dtype)
        options = {"step_size": step_size, "max_steps": max_steps, "tolerance": tolerance}
        states, info = net.settle((patterns,), {"visible": x}, **options)
        return states["visible"], info

    def energy(params: Params, state: Any) -> jax.Array:
        patterns = params["patterns"]
        x = require_size("state", state, patterns.shape[1]).astype(patterns.dtype)
        return net.energy((patterns,), {"visible": x})

    def add(params: Params, pattern: Any) -> Params:
        return append(params, pattern)

    return Memory(store, recall, energy, add)


def _sum(scalars: Iterable[jax.Array]) -> jax.Array:
    return functools.reduce(operator.add, scalars)


def _name(lagrangian: Any) -> str:
    """Of a partial application, the function's name and its options."""
    name = getattr(getattr(lagrangian, "func", lagrangian), "__name__", "lagrangian")
    options = getattr(lagrangian, "keywords", {})
    shown = (f"{k}={v!r}" for k, v in options.items() if not isinstance(v, Tracer))
    return f"{name}({', '.join(shown)})" if options else name


def _step_sizes(label: str, step_size: Any, neurons: Mapping[str, Any]) -> dict[str, Any]:
    """One step size for each layer."""
    shared = not isinstance(step_size, Mapping)
    sizes: dict[str, Any] = dict.fromkeys(neurons, step_size) if shared else {**step_size}
    _require_layers(label, "step_size", sizes, neurons)
    for name, size in sizes.items():
        require_positive(label, f"step_size of {name}", size, zero=True)
    return sizes


def _require_layers(label: str, name: str, given: Any, neurons: Mapping[str, Any]) -> None:
    if not isinstance(given, Mapping) or set(given) != set(neurons):
        got = sorted(given) if isinstance(given, Mapping) else type(given).__name__
        raise ValueError(f"{label}: {name} must be a dictionary of {sorted(neurons)}, got {got}")
