"""Plasticity: what a synapse can know, made a weight change, and the way from there to `jb.fit`.

A plasticity is a `jb.Cell` from ``(pre, post, modulator)`` to a change that is to be ADDED:
``carry, change = cell.step(w, carry, (pre, post, modulator))`` with the weights w ``[pre, post]``,
the activities pre ``[pre]`` and post ``[post]`` of one presentation or one time step, and a third
factor: None, a scalar (reward), or a target ``[post]`` for the rules that learn from one. Traces
and thresholds are the carry. Learning rates are the optimiser's, time constants the rule's.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal

from jaxbrain.core.composition import constructor, serial
from jaxbrain.core.config import configured
from jaxbrain.core.requirements import require_positive
from jaxbrain.core.types import Cell, LearningRule, Network, Params
from jaxbrain.learning import chain
from jaxbrain.learning.chain import Loss
from jaxbrain.networks.layers import dense
from jaxbrain.networks.parts import as_float, float_like

Change = Callable[[jax.Array, Any, jax.Array, jax.Array, Any], tuple[Any, jax.Array]]


def local(name: str, change: Change, carry: Callable[[jax.Array], Any] | None = None) -> Cell:
    """A plasticity from its equation, with the shapes checked.

    Args:
      name: what ``repr`` shows.
      change: ``(w, carry, pre, post, modulator) -> (carry, change [pre, post])``.
      carry: ``(w) -> carry`` before the first presentation; None: nothing is carried.

    Returns:
      A Cell whose params are w ``[pre, post]``.

    Examples:
      >>> import jax.numpy as jnp
      >>> rule = local("anti", lambda w, carry, pre, post, _: (carry, -pre[:, None] * post[None]))
      >>> rule.step(jnp.zeros((1, 2)), (), (jnp.ones(1), jnp.array([1.0, 2.0]), None))[1].tolist()
      [[-1.0, -2.0]]
    """

    def init(key: jax.Array, x: Any) -> jax.Array:
        pre, post, _ = x
        return lecun_normal()(key, (pre.shape[-1], post.shape[-1]), float_like(pre))

    def start(params: jax.Array, x: Any) -> Any:
        return () if carry is None else carry(params)

    def step(
        params: jax.Array, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        pre, post, modulator = x
        if jnp.shape(params) != (*jnp.shape(pre), *jnp.shape(post)) or jnp.ndim(params) != 2:
            raise ValueError(
                f"{name}: params must be the weights [pre, post] of activities pre [pre] and post "
                f"[post] of one presentation, got {jnp.shape(params)} for {jnp.shape(pre)} and "
                f"{jnp.shape(post)}; jax.vmap over presentations"
            )
        pre, post = (as_float(jnp.asarray(a), params.dtype) for a in (pre, post))
        return change(params, carry, pre, post, modulator)

    return Cell(init, start, step)


def decay(dt: Any, tau: Any, dtype: Any) -> jax.Array:
    """What is left of a trace after a time, exactly.

    exp(-dt / tau), 0 for tau = 0

    Args:
      dt: the time that has passed.
      tau: the time constant, in the same unit; 0 or positive.
      dtype: of the result.

    Returns:
      A scalar.

    Examples:
      >>> round(float(decay(1.0, 10.0, "float32")), 4)
      0.9048
    """
    return jnp.exp(-dt / jnp.asarray(tau)).astype(dtype)


@configured
def modulated(plasticity: Cell, *, tau: Any = 0.0, dt: Any = 1.0) -> Cell:
    """Three factors: a plasticity leaves an eligibility trace, and a modulator makes it a change.

    e <- exp(-dt / tau) e + dw(pre, post), change = modulator e

    dw is what the plasticity would have changed; a modulator that comes late meets what is left of
    it. tau = 0 keeps nothing: the change is modulator dw. The modulator of one step is the reward
    of that step; for the concentration d(t) of a substance (dw/dt = d e) give d dt.

    Args:
      plasticity: a Cell of two factors, such as `hebbian.hebb` or `spike_timing.pair_stdp`.
      tau: time constant of the eligibility trace, in the unit of dt; 0 or positive.
      dt: the time from one step to the next.

    Returns:
      A plasticity that needs a modulator: a scalar, or one for each post-synaptic unit ``[post]``.
      Its carry is that of the plasticity and e ``[pre, post]``.

    Raises:
      TypeError: if plasticity is not a Cell.
      ValueError: if a time is negative, or at trace time without a modulator of that shape.

    Source: Izhikevich 2007, doi 10.1093/cercor/bhl152; Florian 2007, doi
    10.1162/neco.2007.19.6.1468; Gerstner et al. 2018, doi 10.3389/fncir.2018.00053.

    Examples:
      >>> import jax.numpy as jnp, jaxbrain as jb
      >>> rule = modulated(jb.learning.plasticity.hebb(), tau=10.0)
      >>> w, one, none = jnp.zeros((1, 1)), jnp.ones(1), jnp.zeros(1)
      >>> carry, change = rule.step(w, rule.carry(w, (one, one, 0.0)), (one, one, 0.0))
      >>> carry, late = rule.step(w, carry, (none, none, 2.0))
      >>> float(change[0, 0]), round(float(late[0, 0]), 4)  # 2 exp(-1/10)
      (0.0, 1.8097)
    """
    _require_plasticity("modulated", plasticity)
    require_positive("modulated", "dt", dt)
    if not isinstance(tau, jax.core.Tracer) and not (jnp.ndim(tau) == 0 and tau >= 0):
        raise ValueError(f"modulated: tau must be zero or positive, got {tau!r}")
    name = f"modulated({plasticity})"

    def carry(params: jax.Array, x: Any) -> tuple[Any, jax.Array]:
        return plasticity.carry(params, (*x[:2], None)), jnp.zeros_like(params)

    def step(
        params: jax.Array, carry: Any, x: Any, *, key: jax.Array | None = None
    ) -> tuple[Any, jax.Array]:
        pre, post, modulator = x
        if modulator is None or jnp.shape(modulator) not in ((), jnp.shape(post)):
            got = "none" if modulator is None else f"shape {jnp.shape(modulator)}"
            raise ValueError(
                f"{name} needs a modulator, a scalar or one for each of the post-synaptic units "
                f"{jnp.shape(post)}, got {got}; pass (pre, post, modulator), under fit as y"
            )
        inner, trace = carry
        inner, change = plasticity.step(params, inner, (pre, post, None), key=key)
        trace = decay(dt, tau, params.dtype) * trace + change
        factor = as_float(jnp.asarray(modulator), params.dtype)
        return (inner, trace), trace * (factor[None] if factor.ndim else factor)

    return Cell(plasticity.init, carry, step)


def total_change(
    plasticity: Cell,
    params: jax.Array,
    pre: jax.Array,
    post: jax.Array,
    modulator: Any = None,
    *,
    key: jax.Array | None = None,
) -> tuple[Any, jax.Array]:
    """The changes of a plasticity along two trains, summed; the weights stay as they are meanwhile.

    Args:
      plasticity: a Cell from ``(pre, post, modulator)`` to a weight change.
      params: the weights ``[pre, post]``.
      pre: spikes or rates ``[time, pre]``.
      post: ``[time, post]``.
      modulator: None, a scalar for all steps, or ``[time, ...]``.
      key: noise of the plasticity, if it has any.

    Returns:
      The carry after the last step, and the sum of all changes ``[pre, post]``.

    Raises:
      ValueError: if the trains, or a modulator that is no scalar, differ in length.

    Examples:
      >>> import jax, jax.numpy as jnp, jaxbrain as jb
      >>> rule = jb.learning.plasticity.pair_stdp(a_plus=1.0, tau_plus=20.0)
      >>> pre, post = (jnp.zeros((50, 1)).at[time].set(1.0) for time in (10, 20))
      >>> carry, change = total_change(rule, jnp.zeros((1, 1)), pre, post)
      >>> round(float(change[0, 0]), 4)  # exp(-10/20)
      0.6065
    """
    _require_plasticity("total_change", plasticity)
    steps = jnp.shape(pre)[:1]
    scanned = modulator is not None and jnp.ndim(modulator) > 0
    trains = (pre, post, modulator if scanned else None)
    for name, train in zip(("post", "modulator"), trains[1:], strict=True):
        if train is not None and jnp.shape(train)[:1] != steps:
            raise ValueError(
                f"total_change: {name} must lead with the {steps} time steps of pre, got shape "
                f"{jnp.shape(train)}; repeat what is the same at every step"
            )

    def step(state: tuple[Any, jax.Array], now: Any) -> tuple[tuple[Any, jax.Array], None]:
        (a, b, m), i = now
        carry, total = state
        noise = None if key is None else jax.random.fold_in(key, i)
        m = m if scanned else modulator
        carry, change = plasticity.step(params, carry, (a, b, m), key=noise)
        return (carry, total + change), None

    start = plasticity.carry(params, (pre[0], post[0], None)), jnp.zeros_like(params)
    return jax.lax.scan(step, start, (trains, jnp.arange(steps[0])))[0]


@configured
def plastic(net: Network, plasticity: Cell, *, loss: Loss | None = None) -> LearningRule:
    """A plasticity as the learning rule of dense layers: one example is one presentation.

    g = - mean_b change(W, pre_b, post_b, y_b), so that ``optax.sgd(rate)`` adds rate * change

    pre is the input of a dense layer and post its output after the activations that follow. Each
    dense layer of a chain learns from its own pair. The bias is one more weight, from an input that
    is always 1; ``jb.dense(n, bias_init=None)`` has none. The modulator is y: a target for
    `hebbian.delta` and `hebbian.perceptron`, a reward for `modulated`; the others ignore it (give
    x again). A carry, such as the threshold of `hebbian.bcm`, runs through the examples of a batch
    in their order and on to the next batch; without one the examples do not see each other.

    Args:
      net: a dense layer, or a flat `serial` of dense layers and layers without weights.
      plasticity: a Cell from ``(pre, post, modulator)`` to a weight change.
      loss: ``(prediction, y) -> scalar``, what is reported; it teaches nothing. None: what the
        output does not tell of the input, 1/2 |pre - W post|^2, summed over the dense layers.

    Returns:
      A LearningRule whose state is the carry of each dense layer.

    Raises:
      TypeError: if net is no Network or plasticity no Cell.
      ValueError: if a layer has weights and is not dense, or at trace time, if y does not fit.

    Examples:
      >>> import jax, optax, jaxbrain as jb
      >>> x = jax.random.normal(jax.random.key(0), (200, 3)) * jax.numpy.array([[3.0, 1.0, 1.0]])
      >>> rule = plastic(jb.dense(1, bias_init=None), jb.learning.plasticity.oja())
      >>> state, history = jb.run(
      ...     rule, optax.sgd(0.01), (x, x), key=jax.random.key(1), epochs=20, batch_size=20)
      >>> abs(state.params["kernel"][:, 0]).round(1).tolist()  # the first principal component
      [1.0, 0.0, 0.0]
    """

    def present(w: jax.Array, carry: Any, pre: Any, post: Any, y: Any, key: Any) -> Any:
        def change(carry: Any, now: Any) -> tuple[Any, jax.Array]:
            *x, i = now
            noise = None if key is None else jax.random.fold_in(key, i)
            return plasticity.step(w, carry, tuple(x), key=noise)

        examples = (pre, post, y, jnp.arange(len(pre)))
        if not jax.tree.leaves(carry):
            return carry, jnp.mean(jax.vmap(lambda x: change((), x)[1])(examples), axis=0)

        def add(state: Any, x: Any) -> tuple[Any, None]:
            carry, step = change(state[0], x)
            return (carry, state[1] + step), None

        (carry, total), _ = jax.lax.scan(add, (carry, jnp.zeros_like(w)), examples)
        return carry, total / len(pre)

    def start(w: jax.Array, pre: Any, post: Any) -> Any:
        return plasticity.carry(w, (pre, post, None))

    return _rule("plastic", net, plasticity, loss, (present, start, True))


@configured
def plastic_in_time(net: Network, plasticity: Cell, *, loss: Loss | None = None) -> LearningRule:
    """A plasticity as the learning rule of dense layers whose examples are trains in time.

    g = - mean_b sum_t change(W, pre_b(t), post_b(t), y_b(t))

    As `plastic`, but an example x is ``[time, inputs]``, its traces begin at zero, and its changes
    add up while the weights stand still. Biases do not learn: no spike times lie behind them.

    Args:
      net: a dense layer, or a flat `serial` of dense layers and layers without weights, from
        ``[time, inputs]`` to ``[time, outputs]``.
      plasticity: a Cell from ``(pre, post, modulator)`` to a weight change.
      loss: ``(prediction, y) -> scalar``, what is reported; it teaches nothing. None: as `plastic`.

    Returns:
      A LearningRule without state. The modulator is y, a scalar for the whole train or
      ``[time, ...]``; x again where the plasticity takes none.

    Raises:
      TypeError: if net is no Network or plasticity no Cell.
      ValueError: if a layer has weights and is not dense, or at trace time, if y does not fit.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> spikes = jb.elementwise(lambda v: (v > 0.5).astype(v.dtype))
      >>> net = jb.serial(jb.dense(2, bias_init=None), spikes)
      >>> rule = plastic_in_time(net, jb.learning.plasticity.pair_stdp())
      >>> x = jax.random.bernoulli(jax.random.key(0), 0.1, (4, 100, 3)).astype("float32")
      >>> params = net.init(jax.random.key(1), x[0])
      >>> value, grads, state = jax.jit(rule.grads)(params, (), x, x)
      >>> grads[0]["kernel"].shape
      (3, 2)
    """

    def present(w: jax.Array, carry: Any, pre: Any, post: Any, y: Any, key: Any) -> Any:
        def one(pre: Any, post: Any, y: Any, i: Any) -> jax.Array:
            noise = None if key is None else jax.random.fold_in(key, i)
            return total_change(plasticity, w, pre, post, y, key=noise)[1]

        return carry, jnp.mean(jax.vmap(one)(pre, post, y, jnp.arange(len(pre))), axis=0)

    def start(w: jax.Array, pre: Any, post: Any) -> tuple:
        return ()

    return _rule("plastic_in_time", net, plasticity, loss, (present, start, False))


def _rule(
    name: str, net: Network, plasticity: Cell, loss: Loss | None, how: tuple[Any, Any, bool]
) -> LearningRule:
    """Each dense layer presented, as ``how`` says: present, the carry at the start, bias too?"""
    _require_plasticity(name, plasticity)
    layers = serial(net) if isinstance(net, Network) and not net.layers else net
    chain.require_chain(layers, name)
    _require_dense(name, layers)
    present, start, bias = how

    def synapses(p: Params, pre: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Weights and inputs of a layer, its bias a weight from a constant input."""
        pre = as_float(pre, p["kernel"].dtype)
        if not (bias and "bias" in p):
            return p["kernel"], pre
        ones = jnp.ones((*pre.shape[:-1], 1), pre.dtype)
        return jnp.concatenate([p["kernel"], p["bias"][None]]), jnp.concatenate([pre, ones], -1)

    def init(key: jax.Array, params: Params, x: Any) -> tuple:
        params = params if layers is net else (params,)
        inputs = jax.eval_shape(lambda p, a: chain.forward(layers, p, a[None]), params, x)
        carries = []
        for begin, end in chain.blocks(params):
            shape = jax.eval_shape(lambda p, a: synapses(p, a)[1][0], params[begin], inputs[begin])
            w = synapses(params[begin], jnp.zeros(inputs[begin].shape, inputs[begin].dtype))[0]
            carries.append(start(w, shape, jax.eval_shape(lambda a: a[0], inputs[end])))
        return tuple(carries)

    def grads(
        params: Params, state: tuple, x: Any, y: Any, *, key: jax.Array | None = None
    ) -> tuple[jax.Array, Params, tuple]:
        params = params if layers is net else (params,)
        a = chain.forward(layers, params, x, key=key)
        noise = None if key is None else jax.random.fold_in(key, 1)
        carries, changes = list(state), list(params)
        for i, (begin, end) in enumerate(chain.blocks(params)):
            w, pre = synapses(params[begin], a[begin])
            carry = state[i] if state else ()
            carry, change = present(w, carry, pre, a[end], y, noise)
            carries[i : i + 1] = [carry] if state else []
            changes[begin] = _as_gradient(params[begin], change)
        value = _unexplained(params, a) if loss is None else chain.batch_loss(loss, a[-1], y)
        return value, tuple(changes) if layers is net else changes[0], tuple(carries)

    return LearningRule(init, grads, net)


def _as_gradient(params: Params, change: jax.Array) -> Params:
    """Minus the change, in the treedef of the layer; a bias without a row of its own rests."""
    inputs = params["kernel"].shape[0]
    grads = {"kernel": -change[:inputs]}
    if "bias" in params:
        learns = change.shape[0] > inputs
        grads["bias"] = -change[inputs] if learns else jnp.zeros_like(params["bias"])
    return grads


def _unexplained(params: Params, activities: list[Any]) -> jax.Array:
    """1/2 |pre - W post|^2, the mean over the batch, summed over the dense layers."""
    total = jnp.zeros((), activities[-1].dtype)
    for begin, end in chain.blocks(params):
        pre = as_float(activities[begin], params[begin]["kernel"].dtype)
        rest = pre - activities[end] @ params[begin]["kernel"].T
        total += 0.5 * jnp.sum(jnp.square(rest)) / len(rest)
    return total


def _require_plasticity(where: str, plasticity: Any) -> None:
    if not isinstance(plasticity, Cell):
        called = "; call it" if callable(plasticity) else ""
        raise TypeError(
            f"{where}: plasticity must be a Cell such as jb.learning.plasticity.oja(), got "
            f"{type(plasticity).__name__}{called}"
        )


def _require_dense(rule: str, net: Network) -> None:
    trained = [layer for layer in net.layers if chain.has_weights(layer)]
    if not trained:
        raise ValueError(f"{rule} needs a dense layer, and {net} has none: jb.serial(jb.dense(8))")
    for layer in trained:
        if constructor(layer) is not dense:
            raise ValueError(
                f"{rule} changes synapses [pre, post], and {layer} has other weights; use dense "
                "layers (on patches of an image instead of a convolution), or jb.backprop"
            )
