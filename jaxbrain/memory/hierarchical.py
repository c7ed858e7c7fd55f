"""Hierarchical associative memory: a graph of layers and synapses with one scalar energy.

    E = sum_a [x_a . g_a - L_a(x_a)] + sum_s E_s(g_a, g_b, ...),   g_a = dL_a/dx_a

    dx_a/dt = -dE/dg_a = -sum_s dE_s/dg_a - x_a

A layer a is a Lagrangian L_a (see `jaxbrain.memory.lagrangians`). A synapse s is a scalar function
of the activations of the layers that it connects; its negative gradient is their input. If the
Lagrangians are convex, the energy never rises. Time is in time constants of the layers.
"""

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.arguments import checked
from jaxbrain.core.config import Config, configured, static
from jaxbrain.core.eager import loops
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Info, Memory, Params
from jaxbrain.memory.lagrangians import Lagrangian, identity, softmax
from jaxbrain.memory.modern import add_row
from jaxbrain.memory.patterns import require_rows, require_size
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
        step of your own, differentiable, is ``x + step_size * descent``.
      relax: ``(params, states, *, step_size=0.1, max_steps=1000, tolerance=1e-4)
        -> (states, Info)``: Euler steps until no state changes by more than the tolerance. A
        dictionary of step sizes gives each layer its own time constant; 0 clamps a layer.
      config: what it was made from; None for one made by hand.
    """

    activations: Callable[[States], States]
    energy: Callable[[Params, States], jax.Array]
    descent: Callable[[Params, States], States]
    relax: Callable[..., tuple[States, Info]]
    config: Config | None = None


@configured
def hierarchy(neurons: Mapping[str, Lagrangian], synapses: Sequence[Synapse]) -> Hierarchy:
    """Energy and dynamics of layers that are connected by synapses.

    E = sum_a [x_a . g_a - L_a(x_a)] + sum_s E_s(params_s, g_a, g_b, ...)

    States are ``{name: array}``, of any shapes that the synapses take.

    Args:
      neurons: Lagrangian of each layer, by its name.
      synapses: pairs of the names of the connected layers, one or more, and a function
        ``(params, *activations) -> scalar``, such as ``(("visible", "hidden"), bilinear)``.

    Source: Krotov 2021, arXiv 2107.06446.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> from jaxbrain.memory import lagrangians
      >>> layers = {"seen": lagrangians.tanh, "cause": lagrangians.softmax}
      >>> net = hierarchy(layers, [(("seen", "cause"), bilinear)])
      >>> params = (4.0 * jnp.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]]),)
      >>> states = {"seen": jnp.array([1.0, 1.0, 0.0]), "cause": jnp.zeros(2)}
      >>> states, info = net.relax(params, states)
      >>> net.activations(states)["cause"].round(2).tolist()
      [1.0, 0.0]
    """
    neurons = dict(neurons)
    synapses = tuple((tuple(names), function) for names, function in synapses)
    connected = {name for names, _ in synapses for name in names}
    if not connected <= set(neurons):
        raise ValueError(
            f"hierarchy: synapses must connect layers among {sorted(neurons)}, "
            f"got {sorted(connected - set(neurons))}"
        )

    def activations(states: States) -> States:
        _require_layers("states", states, neurons)
        return {name: jax.grad(neurons[name])(x) for name, x in states.items()}

    def synaptic(params: Params, g: States) -> jax.Array:
        if len(params) != len(synapses):
            raise ValueError(
                f"hierarchy: params must be a tuple of {len(synapses)} entries, one per synapse, "
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

    @loops("step_size", "max_steps", "tolerance")
    def relaxed(
        params: Params,
        states: States,
        *,
        step_size: Any = 0.1,
        max_steps: int = 1000,
        tolerance: float | jax.Array = 1e-4,
    ) -> tuple[States, Info]:
        require_count("hierarchy", "max_steps", max_steps)
        require_positive("hierarchy", "tolerance", tolerance, zero=True)
        sizes = _step_sizes(step_size, neurons)

        def euler(states: States, step: jax.Array) -> States:
            change = descent(params, states)
            return {n: x + as_number(sizes[n], x) * change[n] for n, x in states.items()}

        def at_rest(before: States, after: States) -> jax.Array:
            changes = (jnp.max(jnp.abs(before[name] - x)) for name, x in after.items())
            return jnp.all(jnp.stack([c <= as_number(tolerance, c) for c in changes]))

        states, steps, converged = relax(euler, states, max_steps, at_rest)
        return states, Info(steps, converged, energy(params, states))

    return Hierarchy(activations, energy, descent, relaxed)


@checked
def bilinear(weights: jax.Array, g: jax.Array, h: jax.Array) -> jax.Array:
    """Synapse between all units of two layers; an energy makes it symmetric.

    E = -h . W g

    Args:
      weights: W ``[h, g]``.
      g: activations of the first layer.
      h: activations of the second layer.

    Examples:
      >>> import jax.numpy as jnp
      >>> float(bilinear(jnp.eye(2), jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])))
      -11.0
    """
    return -jnp.vdot(h, weights @ g)


@configured
def hidden_layer(hidden: Lagrangian) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Synapse of a layer with itself through a fast hidden layer.

    E = -L_hidden(W g): the energy of `bilinear` and the hidden layer when it has reached its input

    Args:
      hidden: Lagrangian of the hidden layer.

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
    """Associative memory of two layers: visible units and a fast hidden unit for each pattern.

    dx/dt = W^T f(W g) - x,  g = dL_visible/dx,  f = dL_hidden/dh,  h = W g
    E(x) = x.g - L_visible(x) - L_hidden(W g)

    identity and softmax: `modern_hopfield` without its constants. A hidden layer without bound
    (`relu`, `repu`) needs bounded visible units: `tanh`, `spherical`, `normalized`.

    params are ``{"patterns"}``, W ``[patterns, units]``. Cue and state are x, not the activation.

    Args:
      visible: Lagrangian of the visible units, convex.
      hidden: Lagrangian of the hidden units, convex. A sharper one separates more similar patterns:
        ``functools.partial(lagrangians.softmax, beta=8.0)``.
      step_size: Euler step, positive. Up to 1 the energy never rises; at 1 the state becomes its
        input.
      max_steps: maximum number of steps.
      tolerance: recall ends where no state changes by more.

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
        return {"patterns": require_rows("patterns", patterns)}

    @loops()
    def recall(params: Params, cue: Any, *, key: jax.Array | None = None) -> tuple[Any, Info]:
        patterns = params["patterns"]
        x = require_size("cue", cue, patterns.shape[1]).astype(patterns.dtype)
        options = {"step_size": step_size, "max_steps": max_steps, "tolerance": tolerance}
        states, info = net.relax((patterns,), {"visible": x}, **options)
        return states["visible"], info

    def energy(params: Params, state: Any) -> jax.Array:
        patterns = params["patterns"]
        x = require_size("state", state, patterns.shape[1]).astype(patterns.dtype)
        return net.energy((patterns,), {"visible": x})

    return Memory(store, recall, energy, add_row)


def _sum(scalars: Iterable[jax.Array]) -> jax.Array:
    return functools.reduce(operator.add, scalars)


def _step_sizes(step_size: Any, neurons: Mapping[str, Any]) -> dict[str, Any]:
    """One step size for each layer."""
    shared = not isinstance(step_size, Mapping)
    sizes: dict[str, Any] = dict.fromkeys(neurons, step_size) if shared else {**step_size}
    _require_layers("step_size", sizes, neurons)
    for name, size in sizes.items():
        require_positive("hierarchy", f"step_size of {name}", size, zero=True)
    return sizes


def _require_layers(name: str, given: Any, neurons: Mapping[str, Any]) -> None:
    if not isinstance(given, Mapping) or set(given) != set(neurons):
        got = sorted(given) if isinstance(given, Mapping) else type(given).__name__
        raise ValueError(f"hierarchy: {name} must be a dictionary of {sorted(neurons)}, got {got}")
