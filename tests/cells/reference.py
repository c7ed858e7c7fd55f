"""Helpers of the tests of cells: generic parameters, a loop in NumPy, the check of an equation."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxbrain.cells import scan, unroll

TIME, INPUTS, UNITS = 7, 3, 4


def generic(tree, seed=0, scale=0.7):
    """The same tree with a value of its own everywhere: biases of zero would hide mistakes."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(scale * rng.normal(size=a.shape), a.dtype), tree)


def sequence(steps=TIME, inputs=INPUTS):
    return jnp.asarray(np.random.default_rng(1).normal(size=(steps, inputs)))


def arrays(tree):
    return jax.tree.map(np.asarray, tree)


def numpy_loop(step, params, carry, xs):
    """``step(params, carry, x) -> (carry, y)`` of NumPy over a sequence."""
    ys = []
    for x in xs:
        carry, y = step(params, carry, x)
        ys.append(y)
    return carry, np.stack(ys)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def affine(p, x, h):
    return x @ p["kernel"] + h @ p["recurrent"] + p["bias"]


def check_equation(cell, step, xs):
    """From a generic carry; with the gates in another order the result is another."""
    params = generic(cell.init(jax.random.key(0), xs[0]))
    carry = generic(cell.carry(params, xs[0]), 2)
    ours = scan(cell, params, carry, xs)
    theirs = numpy_loop(step, arrays(params), arrays(carry), np.asarray(xs))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    turned = {**params, "bias": params["bias"][::-1], "kernel": params["kernel"][:, ::-1]}
    other = numpy_loop(step, arrays(turned), arrays(carry), np.asarray(xs))[1]
    assert np.abs(other - np.asarray(ours[1])).max() > 0.05


# ---- spiking cells


def spiking_params(cell, scale=0.4):
    params = jax.jit(cell.init)(jax.random.key(0), jnp.ones(INPUTS))
    keys = iter(jax.random.split(jax.random.key(1), 6))
    return {n: a + scale * jax.random.normal(next(keys), a.shape) for n, a in params.items()}


def positive_sequence(steps=60):
    return jnp.abs(jax.random.normal(jax.random.key(2), (steps, INPUTS)))


def carries(cell, params, xs):
    """The carry and the output of every step."""

    def one(carry, x):
        carry, y = cell.step(params, carry, x)
        return carry, (carry, y)

    return arrays(jax.lax.scan(one, cell.carry(params, xs[0]), xs)[1])


def driven(cell, currents, steps):
    """Spikes ``[currents, steps]`` of one unit each under constant currents."""
    params = {"kernel": jnp.ones((1, 1)), "bias": jnp.zeros(1)}

    def one(current):
        return unroll(cell).apply(params, jnp.full((steps, 1), current))[:, 0]

    return np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(currents)))
