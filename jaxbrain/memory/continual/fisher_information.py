"""Fisher information of the weights of a network: their importance for its predictions.

All functions average over examples the square of the gradient of each example. The square of the
gradient of a batch, often taken for it, is smaller: the gradients cancel before they are squared.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp

from jaxbrain import losses
from jaxbrain.core.annotations import Inputs, Key
from jaxbrain.core.arguments import checked
from jaxbrain.core.arrays import tree_on_device
from jaxbrain.core.compiled import compiled
from jaxbrain.core.composition import examples_of
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import require_count
from jaxbrain.core.types import Network, Params

Loss = Callable[[jax.Array, Any], jax.Array]


class _Predictive(NamedTuple):
    """The predictive distribution of an output.

    Attributes:
      scores: ``(output) -> [n, outputs]``, whose outer products sum to the Fisher information of
        the output.
      draw: ``(key, output) -> target``.
    """

    scores: Callable[[jax.Array], jax.Array]
    draw: Callable[[jax.Array, jax.Array], Any]


@checked
def fisher(
    net: Network,
    loss: Loss,
    params: Params,
    x: Inputs,
    *,
    outcomes: Inputs = None,
    batch_size: int = 32,
) -> Params:
    """The diagonal of the Fisher information, exact: expectation over the predicted targets.

    F_i = mean over x of sum_y p(y | x) (d log p(y | x) / d theta_i)^2

    The loss is -log p(y | x): of classes (`softmax_cross_entropy`), of independent bits
    (`binary_cross_entropy`), or of a Gaussian with variance 1 around the output (`half_mse`), for
    which F is the diagonal of J^T J. Times the number of examples it is their information.

    Args:
      params: of net.
      x: ``[examples, ...]``; targets are not needed.
      outcomes: ``[n, ...]``, all possible targets; required for any other loss -log p.
      batch_size: examples at a time; each needs memory for one gradient per outcome.

    Returns:
      A tree like params.

    Raises:
      ValueError: if the loss is not one of the three and outcomes are missing.

    Source: Kirkpatrick et al. 2017, arXiv 1612.00796; Martens 2014, arXiv 1412.1193.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> params = {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
      >>> found = fisher(jb.dense(1), jb.losses.half_mse, params, jnp.array([[1.0], [3.0]]))
      >>> float(found["kernel"][0, 0]), float(found["bias"][0])
      (5.0, 1.0)
    """
    _check("fisher", loss, outcomes, batch_size)
    data = tree_on_device("", "x", x), None
    return _mean(Program((net, loss)), _exact, params, data, outcomes, batch_size)


@checked
def sampled_fisher(
    key: Key,
    net: Network,
    loss: Loss,
    params: Params,
    x: Inputs,
    *,
    outcomes: Inputs = None,
    batch_size: int = 32,
) -> Params:
    """The diagonal of the Fisher information, estimated from one drawn target per example.

    F_i = mean over x of (d log p(y | x) / d theta_i)^2, y drawn from p(y | x)

    Its expectation is `fisher`. It is cheaper where there are many classes.

    Args:
      key: of the targets.
      params: as for `fisher`.
      x: as for `fisher`.
      outcomes: as for `fisher`.
      batch_size: as for `fisher`.

    Returns:
      A tree like params.

    Source: Martens 2014, arXiv 1412.1193.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> params = {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
      >>> net, loss, x = jb.dense(1), jb.losses.binary_cross_entropy, jnp.ones((10, 1))
      >>> found = sampled_fisher(jax.random.key(0), net, loss, params, x)
      >>> float(found["bias"][0])  # p (1 - p) at p = 1/2, of either target
      0.25
    """
    _check("sampled_fisher", loss, outcomes, batch_size)
    x = tree_on_device("", "x", x)
    data = x, jax.random.split(key, examples_of(x))
    return _mean(Program((net, loss)), _sampled, params, data, outcomes, batch_size)


@checked
def empirical_fisher(
    net: Network, loss: Loss, params: Params, x: Inputs, y: Inputs, *, batch_size: int = 32
) -> Params:
    """The empirical Fisher: mean square of the gradients at the given targets.

    F_i = mean over (x, y) of (d loss(x, y) / d theta_i)^2

    It is not the Fisher information, and vanishes where the network fits its targets: weights that
    are important for what is well learned look unimportant.

    Args:
      params: of net.
      x: ``[examples, ...]``.
      y: targets ``[examples, ...]``.
      batch_size: examples at a time.

    Returns:
      A tree like params.

    Source: Kunstner, Balles and Hennig 2019, arXiv 1905.12558.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> params = {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
      >>> x, y = jnp.ones((2, 1)), jnp.array([[1.0], [-1.0]])  # their gradients cancel
      >>> float(empirical_fisher(jb.dense(1), jb.losses.half_mse, params, x, y)["bias"][0])
      1.0
    """
    require_count("empirical_fisher", "batch_size", batch_size)
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves((x, y))]
    if len({shape[:1] for shape in shapes}) != 1:
        raise ValueError(f"y must have one target for each example of x, got shapes {shapes}")
    data = tree_on_device("", "x", x), tree_on_device("", "y", y)
    return _mean(Program((net, loss)), _empirical, params, data, None, batch_size)


@checked
def full_fisher(
    net: Network,
    loss: Loss,
    params: Params,
    x: Inputs,
    *,
    outcomes: Inputs = None,
    batch_size: int = 32,
) -> jax.Array:
    """The full matrix of the Fisher information, exact; for small networks.

    F = mean over x of sum_y p(y | x) g g^T, g = d log p(y | x) / d theta

    Args:
      params: as for `fisher`.
      x: as for `fisher`.
      outcomes: as for `fisher`.
      batch_size: as for `fisher`.

    Returns:
      ``[n, n]`` in the order of ``jax.flatten_util.ravel_pytree(params)``.

    Source: Amari 1998, doi 10.1162/089976698300017746.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> params = {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
      >>> full_fisher(jb.dense(1), jb.losses.half_mse, params, jnp.array([[1.0], [3.0]])).tolist()
      [[1.0, 2.0], [2.0, 5.0]]
    """
    _check("full_fisher", loss, outcomes, batch_size)
    data = tree_on_device("", "x", x), None
    return _mean(Program((net, loss)), _full, params, data, outcomes, batch_size)


Inner = tuple[Network, Loss, Any]


def _exact(inner: Inner, params: Params, x: Any, _: None) -> Params:
    return jax.tree.map(lambda g: jnp.sum(jnp.square(g), axis=0), _pull_back(inner, params, x))


def _full(inner: Inner, params: Params, x: Any, _: None) -> jax.Array:
    rows = jax.tree.leaves(_pull_back(inner, params, x))
    flat = jnp.concatenate([row.reshape(len(row), -1) for row in rows], axis=1)
    return flat.T @ flat


def _sampled(inner: Inner, params: Params, x: Any, key: jax.Array) -> Params:
    net, loss, outcomes = inner
    y = _predictive(loss, outcomes).draw(key, net.apply(params, x))
    return _empirical(inner, params, x, y)


def _empirical(inner: Inner, params: Params, x: Any, y: Any) -> Params:
    net, loss, _ = inner
    return jax.tree.map(jnp.square, jax.grad(lambda p: loss(net.apply(p, x), y))(params))


def _pull_back(inner: Inner, params: Params, x: Any) -> Params:
    """The scores of one example with respect to the weights ``[n, ...]``."""
    net, loss, outcomes = inner
    output, pull = jax.vjp(lambda p: net.apply(p, x), params)
    return jax.vmap(lambda score: pull(score)[0])(_predictive(loss, outcomes).scores(output))


@compiled(static_argnums=(1, 5))
def _mean(
    program: Program,
    f: Callable[..., Any],
    params: Params,
    data: Any,
    outcomes: Any,
    batch_size: int,
) -> Any:
    """The mean of f over examples; never more than batch_size results are held at once."""
    data = jax.tree.map(jnp.asarray, data)
    n = len(jax.tree.leaves(data)[0])
    if n == 0:
        raise ValueError("the Fisher information needs at least one example, got none")
    inner, size = (*program.value, outcomes), min(batch_size, n)
    whole = n - n % size

    def total(rows: Any) -> Any:
        found = jax.vmap(partial(f, inner, params))(*rows)
        return jax.tree.map(partial(jnp.sum, axis=0), found)

    def more(so_far: Any, rows: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, so_far, total(rows)), None

    # shapes only, as a slice of keys would use them
    first = jax.tree.map(lambda a: jax.ShapeDtypeStruct((1, *a.shape[1:]), a.dtype), data)
    found = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(total, first))
    blocks = jax.tree.map(lambda a: a[:whole].reshape(-1, size, *a.shape[1:]), data)
    found, _ = jax.lax.scan(more, found, blocks)
    if whole < n:
        found, _ = more(found, jax.tree.map(lambda a: a[whole:], data))
    return jax.tree.map(lambda a: a / n, found)


def _require_vector(output: jax.Array) -> None:
    if output.ndim != 1:
        raise ValueError(
            f"the Fisher information of classes needs logits of the shape [classes], got "
            f"{output.shape}; of a sequence take the steps as examples"
        )


def _classes(logits: jax.Array) -> jax.Array:
    """sqrt(p_k) (p - e_k): the gradient of the loss of class k, weighted by its probability."""
    _require_vector(logits)
    p = jax.nn.softmax(logits)
    return jnp.sqrt(p)[:, None] * (p[None] - jnp.eye(p.size, dtype=p.dtype))


def _bits(logits: jax.Array) -> jax.Array:
    flat = logits.ravel()
    slope = jnp.exp(0.5 * (jax.nn.log_sigmoid(flat) + jax.nn.log_sigmoid(-flat)))
    return jnp.diag(slope).reshape(flat.size, *logits.shape)


def _gaussian(output: jax.Array) -> jax.Array:
    return jnp.eye(output.size, dtype=output.dtype).reshape(output.size, *output.shape)


def _draw_bits(key: jax.Array, logits: jax.Array) -> jax.Array:
    return jax.random.bernoulli(key, jax.nn.sigmoid(logits)).astype(logits.dtype)


def _draw_gaussian(key: jax.Array, output: jax.Array) -> jax.Array:
    return output + jax.random.normal(key, output.shape, output.dtype)


_KNOWN = {
    losses.softmax_cross_entropy: _Predictive(_classes, jax.random.categorical),
    losses.binary_cross_entropy: _Predictive(_bits, _draw_bits),
    losses.half_mse: _Predictive(_gaussian, _draw_gaussian),
}


def _check(where: str, loss: Loss, outcomes: Any, batch_size: int) -> None:
    require_count(where, "batch_size", batch_size)
    if outcomes is None and loss not in _KNOWN:
        name = getattr(loss, "__name__", type(loss).__name__)
        known = ", ".join(known.__name__ for known in _KNOWN)
        raise ValueError(
            f"{where}: loss must be the negative log-likelihood of a target, one of {known}; for "
            f"{name} pass outcomes=, all possible targets, such as jnp.arange(classes)"
        )


def _predictive(loss: Loss, outcomes: Any) -> _Predictive:
    return _KNOWN[loss] if outcomes is None else _of_outcomes(loss, outcomes)


def _of_outcomes(loss: Loss, outcomes: Any) -> _Predictive:
    """The distribution p(y) = exp(-loss(output, y)), normalized over the outcomes."""

    def log_p(output: jax.Array) -> jax.Array:
        return jax.nn.log_softmax(-jax.vmap(partial(loss, output))(outcomes))

    def scores(output: jax.Array) -> jax.Array:
        root = jnp.exp(log_p(output) / 2)
        rows = jax.jacobian(log_p)(output)
        return rows * root.reshape(-1, *(1,) * (rows.ndim - 1))

    def draw(key: jax.Array, output: jax.Array) -> Any:
        k = jax.random.categorical(key, log_p(output))
        return jax.tree.map(lambda a: a[k], outcomes)

    return _Predictive(scores, draw)
