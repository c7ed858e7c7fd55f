"""A chain as a network of symmetric couplings: units that settle together instead of in turn.

The layers that lead from one activation to the next couple two groups of units, and the same
weights carry signals both ways: up by the layers, down by their own pullback.

    E = sum_l g^(l-L) [rho*_l(s_l) - <s_l, C_l(s_{l-1})>],    s_0 = x

rho*_l is what makes s_l = f_l(input of l) the minimum of E over s_l, C_l the coupling, and g the
feedback: the gain of the way down. With g = 1 it is the network of equilibrium propagation, and as
g goes to 0 that of the chain. Pooling is part of a coupling. The maximum of a window is linear only
while the same unit wins: what comes down goes to the winner, and units that tie may take turns for
ever, which the residual shows. All is written for one example.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jaxbrain.core.composition import constructor, serial, split_key
from jaxbrain.core.config import configured, made_by
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Network, Params
from jaxbrain.learning import chain
from jaxbrain.networks.convolution import avg_pool, conv, max_pool
from jaxbrain.networks.layers import dense, dropout, elementwise, flatten

States = list[jax.Array]
Output = Callable[[jax.Array, jax.Array], jax.Array]

_WEIGHTED = (dense, conv)
_LINEAR = (avg_pool, max_pool, flatten, dropout)


class Units(NamedTuple):
    """A group of units: ``layers[start:stop]`` bring its input, ``[stop:end]`` activate it."""

    start: int
    stop: int
    end: int


class System(NamedTuple):
    """A chain, its groups of units from the first to the output, and the gain of the way down."""

    net: Network
    units: tuple[Units, ...]
    feedback: float | jax.Array


def symmetric_system(net: Network, rule: str, feedback: float | jax.Array) -> System:
    """The chain as a symmetric network; one that settles is taken for the chain it is made of.

    Raises:
      ValueError: if net is not a flat chain with a hidden layer, or a layer is no linear coupling.
    """
    if isinstance(net, Network) and made_by(net, equilibrium):
        net = serial(*net.layers)
    chain.require_hidden(net, rule, "whose units settle")
    kinds = [constructor(layer) for layer in net.layers]
    first = next(i for i, layer in enumerate(net.layers) if chain.has_weights(layer))
    for i, (layer, made) in enumerate(zip(net.layers, kinds, strict=True)):
        allowed = _WEIGHTED if chain.has_weights(layer) else (*_LINEAR, elementwise)
        if made not in allowed and (i > first or chain.has_weights(layer)):
            raise ValueError(
                f"{rule} needs symmetric weights: layer {i}, {layer}, is no linear coupling whose "
                "transpose carries signals back; use jb.dense, jb.conv, pooling, jb.flatten, "
                "jb.dropout and jb.elementwise activations, or jb.backprop"
            )
    units = _groups(net, kinds, first)
    if not any(chain.has_weights(net.layers[i]) for i in range(units[-1].start, units[-1].stop)):
        raise ValueError(
            f"{rule}: the output units need weights of their own, but {net} ends in "
            f"{net.layers[-1]} after an activation; end with jb.dense(...), or put the activation "
            "last"
        )
    return System(net, units, feedback)


def _groups(net: Network, kinds: list[Any], first: int) -> tuple[Units, ...]:
    """A group ends with its activations, or where the next weights begin."""
    units, start, n = [], 0, len(kinds)
    while start < n:
        stop = max(start, first) + (start <= first)
        while stop < n and kinds[stop] is not elementwise:
            before = range(max(start, first), stop)
            if kinds[stop] in _WEIGHTED and any(kinds[i] in _WEIGHTED for i in before):
                break
            stop += 1
        end = stop
        while end < n and kinds[end] is elementwise:
            end += 1
        units.append(Units(start, stop, end))
        start = end
    return tuple(units)


def couple(system: System, params: Params, keys: Any, group: int, s: Any) -> jax.Array:
    """C_l(s_{l-1}): the input of a group of units from the one below."""
    start, stop, _ = system.units[group]
    for i in range(start, stop):
        # cloned: one mask, on the way up and down, at every sweep
        k = None if isinstance(keys, list) else jax.random.clone(keys)[i]
        s = system.net.layers[i].apply(params[i], s, key=k)
    return s


def activate(system: System, group: int, h: jax.Array) -> jax.Array:
    """f_l(h)."""
    _, stop, end = system.units[group]
    for layer in system.net.layers[stop:end]:
        h = layer.apply((), h)
    return h


def feed_forward(system: System, params: Params, keys: Any, x: Any) -> tuple[jax.Array, States]:
    """The input of the first units, and the states of all in one pass without the way down."""
    drive = couple(system, params, keys, 0, x)
    states = [activate(system, 0, drive)]
    for group in range(1, len(system.units)):
        h = couple(system, params, keys, group, states[-1])
        states.append(activate(system, group, h))
    return drive, states


def sweep(
    system: System, params: Params, keys: Any, drive: jax.Array, s: States, output: Output
) -> States:
    """Every group once, from the output down: with f_l monotone, no step raises the energy.

    s_l <- f_l(C_l(s_{l-1}) + g C_{l+1}^T(s_{l+1})), and output(h, s_L) for the last
    """
    s, last = list(s), len(system.units) - 1
    for group in reversed(range(last + 1)):
        h = couple(system, params, keys, group, s[group - 1]) if group else drive
        if group == last:
            s[group] = output(h, s[group])
            continue
        _, pull = jax.vjp(lambda a, g=group: couple(system, params, keys, g + 1, a), s[group])
        h = h + as_number(system.feedback, h) * pull(s[group + 1])[0]
        s[group] = activate(system, group, h)
    return s


def settle(
    system: System,
    params: Params,
    keys: Any,
    drive: jax.Array,
    s: States,
    output: Output,
    *,
    steps: int,
) -> tuple[States, tuple[jax.Array, jax.Array]]:
    """Sweeps towards the fixed point; also |what the last sweep moved|^2 and |s|^2."""

    def once(_: int, last_two: tuple[States, States]) -> tuple[States, States]:
        return sweep(system, params, keys, drive, last_two[0], output), last_two[0]

    after, before = jax.lax.fori_loop(0, steps, once, (s, s))
    moved = sum(jnp.sum(jnp.abs(a - b) ** 2) for a, b in zip(after, before, strict=True))
    size = sum(jnp.sum(jnp.abs(a) ** 2) for a in after)
    return after, (jnp.asarray(moved), jnp.asarray(size))


def residual(moved: jax.Array, size: jax.Array) -> jax.Array:
    """|s - s before the last sweep| / |s| over a whole batch."""
    moved, size = jnp.sum(moved), jnp.sum(size)
    return jnp.sqrt(moved / jnp.where(size > 0, size, 1))


def interaction(system: System, params: Params, keys: Any, x: Any, s: States) -> jax.Array:
    """Phi = sum_l g^(l-L) <s_l, C_l(s_{l-1})>; its gradient in the weights is local."""
    total = jnp.zeros((), s[-1].dtype)
    for group, below in enumerate([x, *s[:-1]]):
        gain = as_number(system.feedback, total) ** (group + 1 - len(s))
        total += gain * jnp.sum(s[group] * couple(system, params, keys, group, below))
    return total


def relax(
    system: System, params: Params, keys: Any, x: Any, *, steps: int
) -> tuple[jax.Array, States, tuple[jax.Array, jax.Array]]:
    """The free equilibrium, from the feed-forward states: the first input, s and how it settled."""
    last = len(system.units) - 1
    drive, s = feed_forward(system, params, keys, x)

    def output(h: jax.Array, _: jax.Array) -> jax.Array:
        return activate(system, last, h)

    return drive, *settle(system, params, keys, drive, s, output, steps=steps)


@configured
def equilibrium(system: System, steps: int) -> Network:
    """The network that predicts by settling: the output units of its free equilibrium."""
    net = system.net

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        keys = split_key(key, len(net.layers))
        return relax(system, params, keys, x, steps=steps)[1][-1]

    return Network(net.init, apply, net.layers)


def require_numbers(rule: str, positive: dict[str, Any], counts: dict[str, Any]) -> None:
    """Refuse gains and nudges that are not positive, and steps that are no positive integers."""
    for name, value in positive.items():
        require_positive(rule, name, value)
    for name, value in counts.items():
        require_count(rule, name, value)
