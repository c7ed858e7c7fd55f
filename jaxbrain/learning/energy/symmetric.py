"""A chain as a network of symmetric couplings: its units relax together instead of in turn.

The layers from one activation to the next couple two groups of units, and the same weights carry
signals in both directions: up by the layers, down by their pullback.

    E = sum_l g^(l-L) [rho*_l(s_l) - <s_l, C_l(s_{l-1})>],    s_0 = x

C_l is the coupling. rho*_l makes s_l = f_l(input of l) the minimum of E over s_l. g is the feedback
gain: with g = 1 this is the network of equilibrium propagation, and as g goes to 0 it becomes the
chain. Pooling is part of a coupling. The maximum of a window is linear only while the same unit
wins: the signal from above goes to the winner, and units that tie may alternate without end, which
the residual shows. All functions are of one example.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.core.composition import constructor, is_affine, serial, split_key
from jaxbrain.core.config import configured, made_by
from jaxbrain.core.requirements import as_number, require_count, require_positive
from jaxbrain.core.types import Loss, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.outputs import require_matching_loss
from jaxbrain.networks.convolution import avg_pool, conv, max_pool
from jaxbrain.networks.layers import dense, dropout, elementwise, flatten

States = list[jax.Array]
Output = Callable[[jax.Array, jax.Array], jax.Array]  # (h, s_L) -> s_L

_WEIGHTED = (dense, conv)
_LINEAR = (avg_pool, max_pool, flatten, dropout)


class Units(NamedTuple):
    """A group of units: the input of ``layers[start:stop]``, the activation of ``[stop:end]``."""

    start: int
    stop: int
    end: int


class System(NamedTuple):
    """A chain, its groups of units from the first to the output, and the feedback gain."""

    net: Network
    units: tuple[Units, ...]
    feedback_gain: float | jax.Array


@configured
def equilibrium_network(
    net: Network, *, feedback_gain: float | jax.Array = 0.1, steps: int = 10
) -> Network:
    """A chain that predicts by relaxation: the output units of its free equilibrium.

    s_l <- f_l(C_l(s_{l-1}) + g C_{l+1}^T(s_{l+1})), from the output down, `steps` times

    It is the network of the rules that compare equilibria, with the parameters of the chain.

    Args:
      net: a chain as in `equilibrium_propagation`.
      feedback_gain: g; positive.
      steps: sweeps over all groups of units, from the feed-forward states.

    Examples:
      >>> import jaxbrain as jb
      >>> layer, one = jb.dense(1, bias_init=None), jnp.ones(1)
      >>> net = equilibrium_network(jb.serial(layer, layer), feedback_gain=0.5, steps=30)
      >>> params = ({"kernel": one[None]}, {"kernel": one[None]})
      >>> round(float(net.apply(params, one)[0]), 3)  # s = x + g s
      2.0
    """
    require_count("equilibrium_network", "steps", steps)
    system = symmetric_system(net, "equilibrium_network", feedback_gain)

    def apply(params: Params, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        keys = split_key(key, len(system.net.layers))
        return free_equilibrium(system, params, keys, x, steps=steps)[1][-1]

    return Network(system.net.init, apply, system.net.layers)


def symmetric_system(
    net: Network, rule: str, feedback_gain: float | jax.Array, loss: Loss | None = None
) -> System:
    """The chain as a symmetric network; an `equilibrium_network` counts as its chain.

    Raises:
      ValueError: if net is not a chain with a hidden layer, a layer is not a linear coupling,
        or the gain is not positive.
    """
    require_positive(rule, "feedback_gain", feedback_gain)
    if isinstance(net, Network) and made_by(net, equilibrium_network):
        net = serial(*net.layers)
    chain.require_hidden(net, rule, "whose units relax")
    require_matching_loss(rule, net, loss)
    kinds = list(map(_kind, net.layers))
    first = next(i for i, layer in enumerate(net.layers) if chain.has_weights(layer))
    for i, (layer, made) in enumerate(zip(net.layers, kinds, strict=True)):
        allowed = _WEIGHTED if chain.has_weights(layer) else (*_LINEAR, elementwise)
        if made not in allowed and (i > first or chain.has_weights(layer)):
            raise ValueError(
                f"{rule} needs symmetric weights: layer {i}, {layer}, is not a linear coupling "
                "whose transpose carries signals back; use jb.dense, jb.conv, pooling, jb.flatten, "
                "jb.dropout and jb.elementwise activations, jb.affine(layer) to declare a linear "
                "layer of your own, or jb.backprop"
            )
    units = _groups(kinds, first)
    if not any(chain.has_weights(net.layers[i]) for i in range(units[-1].start, units[-1].stop)):
        raise ValueError(
            f"{rule}: the output units need weights of their own, but {net} ends in "
            f"{net.layers[-1]} after an activation; end with jb.dense(...), or put the activation "
            "last"
        )
    return System(net, units, feedback_gain)


def _kind(layer: Network) -> Any:
    """The constructor of a layer; one that is declared `affine` couples like dense or flatten."""
    if is_affine(layer):
        return dense if chain.has_weights(layer) else flatten
    return constructor(layer)


def _groups(kinds: list[Any], first: int) -> tuple[Units, ...]:
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
    """C_l(s_{l-1}): the input of a group of units from the group below."""
    start, stop, _ = system.units[group]
    for i in range(start, stop):
        # cloned, because all sweeps have one mask, upwards and downwards
        k = None if isinstance(keys, list) else jax.random.clone(keys)[i]
        s = system.net.layers[i].apply(params[i], s, key=k)
    return s


def activate(system: System, group: int, h: jax.Array) -> jax.Array:
    """f_l(h)."""
    _, stop, end = system.units[group]
    for layer in system.net.layers[stop:end]:
        h = layer.apply((), h)
    return h


def activate_output(system: System, h: jax.Array) -> jax.Array:
    """f_L(h)."""
    return activate(system, len(system.units) - 1, h)


def feed_forward(system: System, params: Params, keys: Any, x: Any) -> tuple[jax.Array, States]:
    """The input of the first units, and the states of all in one pass without feedback."""
    drive = couple(system, params, keys, 0, x)
    states = [activate(system, 0, drive)]
    for group in range(1, len(system.units)):
        h = couple(system, params, keys, group, states[-1])
        states.append(activate(system, group, h))
    return drive, states


def sweep(
    system: System, params: Params, keys: Any, drive: jax.Array, s: States, output: Output
) -> States:
    """One update of every group, from the output down; none raises the energy if f_l is monotone.

    s_l <- f_l(C_l(s_{l-1}) + g C_{l+1}^T(s_{l+1})), and output(h, s_L) for the last
    """
    s, last = list(s), len(system.units) - 1
    for group in reversed(range(last + 1)):
        h = couple(system, params, keys, group, s[group - 1]) if group else drive
        if group == last:
            s[group] = output(h, s[group])
            continue
        _, pull = jax.vjp(lambda a, g=group: couple(system, params, keys, g + 1, a), s[group])
        h = h + as_number(system.feedback_gain, h) * pull(s[group + 1])[0]
        s[group] = activate(system, group, h)
    return s


def relax(
    system: System,
    params: Params,
    keys: Any,
    drive: jax.Array,
    s: States,
    output: Output,
    *,
    steps: int,
) -> tuple[States, tuple[jax.Array, jax.Array]]:
    """Sweeps towards the fixed point; also |change in the last sweep|^2 and |s|^2."""

    def once(_: int, last_two: tuple[States, States]) -> tuple[States, States]:
        return sweep(system, params, keys, drive, last_two[0], output), last_two[0]

    after, before = jax.lax.fori_loop(0, steps, once, (s, s))
    moved = sum(jnp.sum(jnp.abs(a - b) ** 2) for a, b in zip(after, before, strict=True))
    size = sum(jnp.sum(jnp.abs(a) ** 2) for a in after)
    return after, (jnp.asarray(moved), jnp.asarray(size))


def free_equilibrium(
    system: System, params: Params, keys: Any, x: Any, *, steps: int
) -> tuple[jax.Array, States, tuple[jax.Array, jax.Array]]:
    """The equilibrium without target: the input of the first units, and the results of `relax`."""
    drive, s = feed_forward(system, params, keys, x)

    def output(h: jax.Array, _: jax.Array) -> jax.Array:
        return activate_output(system, h)

    return drive, *relax(system, params, keys, drive, s, output, steps=steps)


def residual(moved: jax.Array, size: jax.Array) -> jax.Array:
    """|s - s before the last sweep| / |s| over a whole batch."""
    moved, size = jnp.sum(moved), jnp.sum(size)
    return jnp.sqrt(moved / jnp.where(size > 0, size, 1))


def interaction(system: System, params: Params, keys: Any, x: Any, s: States) -> jax.Array:
    """Phi = sum_l g^(l-L) <s_l, C_l(s_{l-1})>; its gradient in the weights is local."""
    total = jnp.zeros((), s[-1].dtype)
    for group, below in enumerate([x, *s[:-1]]):
        gain = as_number(system.feedback_gain, total) ** (group + 1 - len(s))
        total += gain * jnp.sum(s[group] * couple(system, params, keys, group, below))
    return total
