"""Generalized latent equilibrium: errors run back in real time through prospective neurons."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxbrain.cells.composition import stack
from jaxbrain.cells.prospective import low_pass, prospective_neurons
from jaxbrain.core.composition import serial, split_key
from jaxbrain.core.config import configured, made_by
from jaxbrain.core.requirements import as_number, require_positive
from jaxbrain.core.types import Cell, Loss, Network, Params
from jaxbrain.learning.outputs import require_matching_loss
from jaxbrain.networks.layers import elementwise


@configured
def generalized_latent_equilibrium(
    cell: Cell, loss: Loss, *, nudge: float | jax.Array = 0.0
) -> Cell:
    """Generalized latent equilibrium (GLE): back-propagation through slow neurons in real time.

    tau du/dt = -u + net(r_below) - nudge e,  r = f(u + tau_r du/dt)
    tau_r dv/dt = -v + f' dL/dr,  e = v + tau dv/dt,  g = d net / dW^T e

    dL/dr is the slope of the loss at the output layer, and d net / dr^T e of the layer above. In
    each step rates go up, then errors down; the membranes feel the errors of the step before.
    Without a nudge g is the gradient of back-propagation where tau_r = tau, and for slow inputs
    with any times. Else the error has the phase shift of the adjoint, atan(w tau) - atan(w tau_r)
    at each layer, so that g approximates back-propagation through time; the gain differs.

    Args:
      cell: `jaxbrain.cells.prospective_neurons`, or a `jaxbrain.cells.stack` of them.
      loss: of one step.
      nudge: strength of the errors in the membranes; 0: they teach and do not act.

    Returns:
      An online rule with the params of cell. Its carry is that of cell, and v and e of each layer.

    Raises:
      ValueError: if cell has other layers.

    Source: Ellenberger, Haider et al. 2025, doi 10.1038/s41467-025-66666-z.

    Examples:
      >>> import jaxbrain as jb
      >>> layers = (jb.cells.prospective_neurons(jb.dense(n), tau=0.1, tau_r=0.1) for n in (4, 1))
      >>> rule, now = generalized_latent_equilibrium(
      ...     jb.cells.stack(*layers), jb.losses.half_mse), (jnp.ones(2), jnp.ones(1))
      >>> params = rule.init(jax.random.key(0), now)
      >>> _, (loss, grads) = rule.step(params, rule.carry(params, now), now)
      >>> net = jb.serial(jb.dense(4), jb.dense(1))  # its back-propagation, in the first step
      >>> exact = jax.grad(lambda p: jb.losses.half_mse(net.apply(p, now[0]), now[1]))(params)
      >>> jnp.allclose(grads[0]["kernel"], exact[0]["kernel"]).item()
      True
    """
    name = "generalized_latent_equilibrium"
    stacked = made_by(cell, stack)
    layers = _layers(name, cell)
    require_matching_loss(name, _instantaneous(layers[-1]), loss)
    require_positive(name, "nudge", nudge, zero=True)

    def init(key: jax.Array, x: Any) -> Params:
        return cell.init(key, x[0])

    def carry(params: Params, x: Any) -> tuple[Any, tuple]:
        start = cell.carry(params, x[0])
        us = start if stacked else (start,)
        return start, tuple((jnp.zeros_like(u), jnp.zeros_like(u)) for u in us)

    def step(params: Params, carry: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        rate, target = x
        us, traces = carry
        us, weights = (us, params) if stacked else ((us,), (params,))
        keys = split_key(key, len(layers)) if stacked else [key]
        after, pulls = [], []
        for layer, p, u, (_, e), k in zip(layers, weights, us, traces, keys, strict=True):
            current, pull = jax.vjp(lambda p, r: layer["net"].apply(p, r, key=k), p, rate)  # noqa: B023
            current = current - as_number(nudge, e) * e
            u, ahead = low_pass(u, current, layer["tau"], layer["tau_r"], layer["dt"])
            rate, slope = jax.vjp(layer["activation"] or (lambda ahead: ahead), ahead)
            after.append(u)
            pulls.append((slope, pull))
        value, error = jax.value_and_grad(loss)(rate, target)
        grads, errors = [], []
        for layer, (v, _), (slope, pull) in reversed([*zip(layers, traces, pulls, strict=True)]):
            v, e = low_pass(v, slope(error)[0], layer["tau_r"], layer["tau"], layer["dt"])
            change, error = pull(e)
            grads.insert(0, change)
            errors.insert(0, (v, e))
        us, changes = (tuple(after), tuple(grads)) if stacked else (after[0], grads[0])
        return (us, tuple(errors)), (value, changes)

    return Cell(init, carry, step)


def _instantaneous(layer: dict[str, Any]) -> Network:
    """The function of a layer of prospective neurons with tau_r = tau."""
    f = layer["activation"]
    return layer["net"] if f is None else serial(layer["net"], elementwise(f))


def _layers(name: str, cell: Cell) -> list[dict[str, Any]]:
    """The arguments of each layer of a cell; refuse other cells."""
    cells = (cell,)
    if made_by(cell, stack):
        cells = cell.config.arguments  # pyright: ignore[reportOptionalMemberAccess]
    for layer in cells:
        if not made_by(layer, prospective_neurons):
            raise ValueError(
                f"{name} teaches layers of prospective neurons, got {layer}; make each layer by "
                "jb.cells.prospective_neurons(net, ...), and join them by one jb.cells.stack"
            )
    return [layer.config.parameters for layer in cells]  # pyright: ignore[reportOptionalMemberAccess]
