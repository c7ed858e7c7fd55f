"""Boltzmann machines by enumeration: all states of a small machine in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np


def bits(n):
    """All binary states [2^n, n]; unit i is bit i of the row number."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(float)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def machine(visible, hidden, seed=0, scale=0.7):
    """Params at generic values."""
    r = np.random.default_rng(seed)
    params = {
        "kernel": r.normal(0, scale, (visible, hidden)),
        "visible_bias": r.normal(0, 0.5, visible),
        "hidden_bias": r.normal(0, 0.5, hidden),
    }
    return jax.tree.map(jnp.asarray, params)


def arrays(params):
    """W, b and c as NumPy."""
    return tuple(np.asarray(params[n]) for n in ("kernel", "visible_bias", "hidden_bias"))


def joint(params):
    """p(v, h) [2^visible, 2^hidden], straight from the energy."""
    w, b, c = arrays(params)
    v, h = bits(len(b)), bits(len(c))
    p = np.exp(v @ w @ h.T + (v @ b)[:, None] + (h @ c)[None])
    return p / p.sum()


def factors(states, p):
    """Probability of binary states [m, units] under independent units [n, units]: [n, m]."""
    return np.prod(np.where(states[None] == 1, p[:, None], 1 - p[:, None]), axis=2)


def up(params):
    """p(h | v) [2^visible, 2^hidden], from the conditionals."""
    w, b, c = arrays(params)
    return factors(bits(len(c)), sigmoid(bits(len(b)) @ w + c))


def down(params):
    """p(v | h) [2^hidden, 2^visible], from the conditionals."""
    w, b, c = arrays(params)
    return factors(bits(len(b)), sigmoid(bits(len(c)) @ w.T + b))


def statistics(params, v, weights=None):
    """The mean gradient of the free energy over visible states, by hand."""
    w, _, c = arrays(params)
    weights = np.full(len(v), 1 / len(v)) if weights is None else weights
    h = sigmoid(v @ w + c)
    return {
        "kernel": -np.einsum("n,ni,nj->ij", weights, v, h),
        "visible_bias": -weights @ v,
        "hidden_bias": -weights @ h,
    }


def minus(a, b):
    return jax.tree.map(np.subtract, a, b)


def frequencies(states):
    """The distribution of binary states [n, units] over all 2^units."""
    states = np.asarray(states).astype(int)
    units = states.shape[1]
    return np.bincount(states @ (1 << np.arange(units)), minlength=2**units) / len(states)


def chi2(found, p, n):
    """Pearson's statistic over its degrees of freedom: about 1 where n samples come from p."""
    return np.sum((found - p) ** 2 / p) * n / (len(p) - 1)
