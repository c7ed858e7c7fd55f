"""A closed loop with everything in it, for tests of the loop and its perturbations."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import jaxbrain as jb
from jaxbrain.motor import TaskInput, closed_loop, point_mass, with_gain

new_key = partial(jax.random.key, 0)
TIME, UNITS, DELAY, MASS, DT = 14, 5, 3, 2.0, 0.01
START = np.array([0.02, 0.4])
CURL = np.array([[0.3, 7.0], [-5.0, 0.2]])


def controller():
    return jb.cells.stack(with_gain(jb.cells.elman(UNITS)), jb.lift(jb.dense(2)))


@functools.cache
def problem():
    """Inputs with cues, forces and a field, and params that push."""
    cue = jax.random.normal(jax.random.key(1), (TIME, 2))
    force = jax.random.normal(jax.random.key(2), (TIME, 2))
    start, field = (jnp.broadcast_to(a, (TIME, *a.shape)) for a in (START, CURL))
    inputs = TaskInput(cue, start, force, field)
    params = loop().init(new_key(), jax.tree.map(lambda a: a[0], inputs))
    params[1]["bias"] = jnp.array([3.0, -2.0])
    return inputs, params


def loop(perturbation=None, delay_steps=DELAY, **options):
    return closed_loop(
        controller(),
        point_mass(mass=MASS, dt=DT),
        delay_steps=delay_steps,
        perturbation=perturbation,
        **options,
    )


def run(perturbation=None, params=None, key=None, **options):
    inputs, usual = problem()
    net = jb.cells.unroll(loop(perturbation, **options))
    return net.apply(usual if params is None else params, inputs, key=key)


plain = functools.cache(jax.jit(run))


def close(a, b, atol=1e-12):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-11, atol=atol), a, b)


def differ(a, b):
    return max(
        float(jnp.abs(p - q).max()) for p, q in zip(*map(jax.tree.leaves, (a, b)), strict=True)
    )
