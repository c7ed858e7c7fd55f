"""Surrogate data for null distributions: they keep simple statistics of a recording, no others.

Each function takes activity ``[conditions, time, units]`` and returns a sampler, from a key to
activity of the same shape.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxbrain.analysis.entropy import maximum_entropy_variances
from jaxbrain.analysis.values import require_activity, require_in_range
from jaxbrain.core.annotations import AsArray
from jaxbrain.core.arguments import checked

Sampler = Callable[[jax.Array], jax.Array]


class Marginals(NamedTuple):
    """First and second moments of activity over conditions, time and units.

    Attributes:
      mean: ``[conditions, time, units]``, the sum of the main effects of each.
      conditions: ``[conditions, conditions]``, products of the residuals, summed over time and
        units.
      time: ``[time, time]``, the same over conditions and units.
      units: ``[units, units]``, the same over conditions and time.
    """

    mean: jax.Array
    conditions: jax.Array
    time: jax.Array
    units: jax.Array


@checked
def condition_shuffle(activity: AsArray) -> Sampler:
    """Surrogates with the conditions of each unit permuted, independently of the other units.

    The time courses of single units and their means over conditions are kept; correlations of
    units and the dimensionality of the population are lost. A structure that `maximum_entropy`
    surrogates have too may seem special against these: use `maximum_entropy` for the test.

    Args:
      activity: ``[conditions, time, units]``.

    Source: the permutation in Michaels et al. 2016, doi 10.1371/journal.pcbi.1005175, without its
    matching of covariances.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> sample = condition_shuffle(jnp.arange(6.0).reshape(3, 1, 2))
      >>> sorted(sample(jax.random.key(0))[:, 0, 1].tolist())
      [1.0, 3.0, 5.0]
    """
    activity = _require_tensor("condition_shuffle", activity)

    def sample(key: jax.Array) -> jax.Array:
        keys = jax.random.split(key, activity.shape[2])
        return jax.vmap(jax.random.permutation, in_axes=(0, 2), out_axes=2)(keys, activity)

    return sample


@checked
def condition_inversion(activity: AsArray) -> Sampler:
    """Surrogates with half of each unit's conditions inverted about their first state.

    x(t) -> 2 x(0) - x(t), for half of the conditions, drawn for each unit

    The first state and the size of the changes of each unit are kept; the relation between the
    first state and the states that follow is lost.

    Args:
      activity: ``[conditions, time, units]``, the first time that of preparation.

    Source: after the first shuffle control of Churchland et al. 2012, doi 10.1038/nature11129.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> sample = condition_inversion(jnp.tile(jnp.array([1.0, 4.0])[None, :, None], (2, 1, 1)))
      >>> sorted(sample(jax.random.key(0))[..., 0].tolist())  # 2 * 1 - 4
      [[1.0, -2.0], [1.0, 4.0]]
    """
    activity = _require_tensor("condition_inversion", activity)
    conditions, _, units = activity.shape
    inverted = 2 * activity[:, :1] - activity

    def sample(key: jax.Array) -> jax.Array:
        half = jnp.arange(conditions) < conditions // 2
        keys = jax.random.split(key, units)
        chosen = jax.vmap(jax.random.permutation, in_axes=(0, None), out_axes=1)(keys, half)
        return jnp.where(chosen[:, None], inverted, activity)

    return sample


@checked
def maximum_entropy(activity: AsArray) -> Sampler:
    """Surrogates of maximum entropy with given means and covariances (tensor maximum entropy).

    vec X ~ N(vec mean, U D U'),  U = U_c (x) U_t (x) U_n the eigenvectors of the covariances,
    D_ijk = 1 / (a_i + b_j + c_k),  sum_jk D_ijk = eigenvalue i over conditions, and so on

    On average the smoothness in time, the correlations of units and the similarity of conditions
    are those of the activity. A structure that these surrogates lack is more than these moments.

    Args:
      activity: ``[conditions, time, units]``.

    Source: Elsayed and Cunningham 2017, doi 10.1038/nn.4617.

    Examples:
      >>> import jax
      >>> activity = jax.random.normal(jax.random.key(0), (4, 5, 3)).cumsum(axis=1)
      >>> maximum_entropy(activity)(jax.random.key(1)).shape
      (4, 5, 3)
    """
    mean, *covariances = _marginals("maximum_entropy", activity)
    values, bases = zip(*map(jnp.linalg.eigh, covariances), strict=True)
    deviation = jnp.sqrt(maximum_entropy_variances(values))

    def sample(key: jax.Array) -> jax.Array:
        drawn = deviation * jax.random.normal(key, deviation.shape, deviation.dtype)
        return mean + jnp.einsum("ijk,ci,tj,nk->ctn", drawn, *bases)

    return sample


@checked
def marginal_covariances(activity: AsArray) -> Marginals:
    """Moments that surrogates of `maximum_entropy` share with the activity.

    mean = m_c + m_t + m_n - 2 m (means over the other axes; m of all),  R = X - mean,
    covariance over units = sum_ct R_ct R_ct', and so on; all have the same trace

    Args:
      activity: ``[conditions, time, units]``.

    Source: Elsayed and Cunningham 2017, doi 10.1038/nn.4617.

    Examples:
      >>> import jax.numpy as jnp
      >>> found = marginal_covariances(jnp.arange(8.0).reshape(2, 2, 2) ** 2)
      >>> [float(jnp.trace(covariance)) for covariance in found[1:]]
      [168.0, 168.0, 168.0]
    """
    return _marginals("marginal_covariances", activity)


def _marginals(function: str, activity: jax.Array) -> Marginals:
    activity = _require_tensor(function, activity)
    effects = [activity.mean(axis=axes, keepdims=True) for axes in ((1, 2), (0, 2), (0, 1))]
    mean = jnp.broadcast_to(-2 * activity.mean(), activity.shape)
    for effect in effects:
        mean = mean + jnp.broadcast_to(effect, activity.shape)
    rest = activity - mean
    forms = ("ctn,dtn->cd", "ctn,csn->ts", "ctn,ctm->nm")
    covariances = [jnp.einsum(form, rest, rest) for form in forms]
    require_in_range(function, "activity", covariances)
    return Marginals(mean, *covariances)


def _require_tensor(function: str, activity: jax.Array) -> jax.Array:
    activity = require_activity(function, "activity", activity, 3)
    if activity.ndim != 3 or activity.shape[0] < 2:
        raise ValueError(
            f"{function}: activity must be [conditions, time, units] of at least two conditions, "
            f"got shape {list(activity.shape)}"
        )
    return activity
