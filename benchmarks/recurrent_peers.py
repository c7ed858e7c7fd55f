"""The recurrent step of `benchmarks.recurrent` in hand-written JAX and in other libraries.

The weights have the layout of jaxbrain: kernel ``[inputs, gates * units]``, gates r, z, n of a GRU
and i, f, g, o of an LSTM. Sequences are ``[batch, time, inputs]``; for PyTorch time is first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import measure
from benchmarks.kept_gates import kept_gates, kept_lstm_gates

UNITS, INPUTS, BATCH, TIME = 128, 64, 32, 200
LEARNING_RATE = 0.1

Weights = dict[str, np.ndarray]
sigmoid = jax.nn.sigmoid


class Job(NamedTuple):
    """One implementation: fresh state, one finished step, and the loss of a state."""

    label: str
    prepare: Callable[[], Any]
    step: Callable[[Any], Any]
    loss: Callable[[Any], float]


def naive_step(kind: str, p: dict, carry: Any, x: jax.Array) -> Any:
    """A step of a batch, straight from the equations."""
    h = carry[0] if kind == "lstm" else carry
    given, own = x @ p["kernel"] + p["bias"], h @ p["recurrent"]
    if kind == "rnn":
        h = jnp.tanh(given + own)
        return h, h
    if kind == "lstm":
        i, f, g, o = jnp.split(given + own, 4, axis=-1)
        c = sigmoid(f) * carry[1] + sigmoid(i) * jnp.tanh(g)
        h = sigmoid(o) * jnp.tanh(c)
        return (h, c), h
    r, z = jnp.split(sigmoid(given[:, : 2 * UNITS] + own[:, : 2 * UNITS]), 2, axis=-1)
    n = jnp.tanh(given[:, 2 * UNITS :] + r * (own[:, 2 * UNITS :] + p["candidate_bias"]))
    h = (1 - z) * n + z * h
    return h, h


def kept_step(kind: str, p: dict, carry: Any, x: jax.Array) -> Any:
    """The same step, whose gates keep one slope for each argument; tanh does so by itself."""
    if kind == "rnn":
        return naive_step(kind, p, carry, x)
    h = carry[0] if kind == "lstm" else carry
    given, own = x @ p["kernel"] + p["bias"], h @ p["recurrent"]
    if kind == "lstm":
        h, c = kept_lstm_gates(*jnp.split(given + own, 4, axis=-1), carry[1])
        return (h, c), h
    (r, z, n), (own_r, own_z, own_n) = jnp.split(given, 3, -1), jnp.split(own, 3, -1)
    h = kept_gates(r + own_r, z + own_z, n, own_n + p["candidate_bias"], h)
    return h, h


def start(kind: str) -> Any:
    """The carry before the first step."""
    zero = jnp.zeros((BATCH, UNITS))
    return (zero, zero) if kind == "lstm" else zero


def naive_outputs(kind: str, p: dict, xs: jax.Array) -> jax.Array:
    """``[time, batch, units]``."""
    return jax.lax.scan(lambda c, x: naive_step(kind, p, c, x), start(kind), xs)[1]


def gru_by_gate(p: dict, xs: jax.Array) -> jax.Array:
    """Outputs of a GRU whose gates are projected before the scan, each in its own array."""
    rows = xs.reshape(-1, INPUTS)
    gates = zip(jnp.split(p["kernel"], 3, axis=1), jnp.split(p["bias"], 3), strict=True)
    given = [(rows @ w + b).reshape(TIME, BATCH, UNITS) for w, b in gates]

    def step(h, now):
        own = jnp.split(h @ p["recurrent"], 3, axis=-1)
        r, z = sigmoid(now[0] + own[0]), sigmoid(now[1] + own[1])
        n = jnp.tanh(now[2] + r * (own[2] + p["candidate_bias"]))
        h = (1 - z) * n + z * h
        return h, h

    return jax.lax.scan(step, start("gru"), tuple(given))[1]


# The forward scan keeps the derivative of the carry with respect to each pre-activation (slopes),
# the backward scan carries only cotangents, and each gradient of a weight is one product after it.


def rnn_slopes(p: dict, h: jax.Array, x: jax.Array) -> Any:
    h = jnp.tanh(x @ p["kernel"] + h @ p["recurrent"] + p["bias"])
    return h, h, 1 - h * h


def rnn_back(d_h: jax.Array, d_y: jax.Array, slope: jax.Array) -> Any:
    da = (d_h + d_y) * slope
    return da, da, 0.0


def gru_slopes(p: dict, h: jax.Array, x: jax.Array) -> Any:
    given, own = x @ p["kernel"] + p["bias"], h @ p["recurrent"]
    r, z, n = jnp.split(given, 3, axis=-1)
    own_r, own_z, own_n = jnp.split(own, 3, axis=-1)
    own_n = own_n + p["candidate_bias"]
    r, z = sigmoid(r + own_r), sigmoid(z + own_z)
    n = jnp.tanh(n + r * own_n)
    to_n = (1 - z) * (1 - n * n)
    slopes = to_n * own_n * r * (1 - r), (h - n) * z * (1 - z), to_n, to_n * r, z
    h = n + z * (h - n)
    return h, h, slopes


def gru_back(d_h: jax.Array, d_y: jax.Array, slopes: Any) -> Any:
    to_r, to_z, to_n, to_own, keep = slopes
    d = d_h + d_y
    dr, dz = d * to_r, d * to_z
    own = jnp.concatenate([dr, dz, d * to_own], axis=-1)
    return own, jnp.concatenate([dr, dz, d * to_n], axis=-1), d * keep


def lstm_slopes(p: dict, carry: Any, x: jax.Array) -> Any:
    h, c = carry
    i, f, g, o = jnp.split(x @ p["kernel"] + h @ p["recurrent"] + p["bias"], 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
    new = f * c + i * g
    t = jnp.tanh(new)
    slopes = g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), t * o * (1 - o), o * (1 - t * t), f
    return (o * t, new), o * t, slopes


def lstm_back(d_carry: Any, d_y: jax.Array, slopes: Any) -> Any:
    to_i, to_f, to_g, to_o, to_c, keep = slopes
    d = d_carry[0] + d_y
    dc = d_carry[1] + d * to_c
    da = jnp.concatenate([dc * to_i, dc * to_f, dc * to_g, d * to_o], axis=-1)
    return da, da, dc * keep


BY_PARTS = {"rnn": (rnn_slopes, rnn_back), "gru": (gru_slopes, gru_back),
            "lstm": (lstm_slopes, lstm_back)}  # fmt: skip


def by_hand(kind: str) -> Callable[[dict, jax.Array], jax.Array]:
    """Outputs with a hand-written backward pass."""
    forward, backward = BY_PARTS[kind]

    def run(p, xs):
        def step(carry, x):
            carry, h, slopes = forward(p, carry, x)
            return carry, (h, slopes)

        return jax.lax.scan(step, start(kind), xs)[1]

    @jax.custom_vjp
    def outputs(p, xs):
        return run(p, xs)[0]

    def keep(p, xs):
        ys, slopes = run(p, xs)
        return ys, (p, xs, ys, slopes)

    def back(kept, d_ys):
        p, xs, ys, slopes = kept
        transposed = p["recurrent"].T

        def step(d_carry, now):
            own, given, direct = backward(d_carry, *now)
            through = own @ transposed
            d_carry = (through, direct) if kind == "lstm" else through + direct
            return d_carry, (own, given) if kind == "gru" else own

        made = jax.lax.scan(step, start(kind), (d_ys, slopes), reverse=True)[1]
        own, given = made if kind == "gru" else (made, made)
        before = jnp.concatenate([jnp.zeros_like(ys[:1]), ys[:-1]]).reshape(-1, UNITS)
        own, given = (a.reshape(len(before), -1) for a in (own, given))  # pyright: ignore
        grads = {"kernel": xs.reshape(-1, INPUTS).T @ given, "recurrent": before.T @ own,
                 "bias": given.sum(0)}  # fmt: skip
        if kind == "gru":
            grads["candidate_bias"] = own[:, 2 * UNITS :].sum(0)
        return grads, jnp.zeros_like(xs)

    outputs.defvjp(keep, back)
    return outputs


def jax_job(
    label: str, outputs: Callable, weights: Weights, xs: np.ndarray, *, time_first: bool = False
) -> Job:
    """A jitted step of gradient descent on the common batch."""
    x = jnp.asarray(np.swapaxes(xs, 0, 1) if time_first else xs)

    @jax.jit
    def step(p, x):
        x = x if time_first else jnp.swapaxes(x, 0, 1)
        loss, grads = jax.value_and_grad(lambda p: jnp.mean(outputs(p, x) ** 2))(p)
        return jax.tree.map(lambda w, g: w - LEARNING_RATE * g, p, grads), loss

    return Job(
        label,
        lambda: jax.tree.map(jnp.asarray, weights),
        lambda p: jax.block_until_ready(step(p, x)[0]),
        lambda p: float(step(p, x)[1]),
    )


def naive(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """A scan and automatic differentiation."""
    label = "hand-written JAX, scan and grad"
    return jax_job(label, lambda p, x: naive_outputs(kind, p, x), weights, xs)


def kept(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """The same with the slopes of the gates kept, the idea of jaxbrain."""

    def outputs(p: dict, xs: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda c, x: kept_step(kind, p, c, x), start(kind), xs)[1]

    return jax_job("hand-written JAX, scan, slopes kept", outputs, weights, xs)


def hand(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """A scan with a hand-written backward pass."""
    return jax_job("hand-written JAX, custom_vjp", by_hand(kind), weights, xs)


def hand_time_first(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """The same with time-first sequences, which need no transpose."""
    label = "hand-written JAX, given time first"
    return jax_job(label, by_hand(kind), weights, xs, time_first=True)


def torch_layer(kind: str, weights: Weights) -> Any:
    """PyTorch's layer (oneDNN) with these weights."""
    import torch

    torch.set_num_threads(measure.threads())
    layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}[kind](INPUTS, UNITS)
    zero = np.zeros_like(weights["bias"])
    values = weights["kernel"].T, weights["recurrent"].T, weights["bias"], zero
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), values, strict=True):
            parameter.copy_(torch.from_numpy(np.array(value)))
    return layer


def torch(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """A training step of the layer."""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(np.swapaxes(xs, 0, 1)))

    def prepare():
        layer = torch_layer(kind, weights)
        return layer, torch.optim.SGD(layer.parameters(), LEARNING_RATE)

    def step(state):
        layer, optimizer = state
        optimizer.zero_grad()
        layer(x)[0].square().mean().backward()
        optimizer.step()
        return state

    def loss(state):
        with torch.no_grad():
            return state[0](x)[0].square().mean().item()

    return Job("PyTorch, oneDNN layer", prepare, step, loss)


def torch_outputs(kind: str, weights: Weights, xs: np.ndarray) -> Callable[[], np.ndarray]:
    """Outputs of the layer without gradients."""
    import torch

    layer, x = torch_layer(kind, weights), torch.from_numpy(np.swapaxes(xs, 0, 1).copy())

    def run():
        with torch.no_grad():
            return layer(x)[0].numpy()

    return run


def equinox(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """A cell of Equinox in a scan, vmapped over the batch, as in its documentation."""
    import equinox as eqx

    if kind == "rnn":
        raise ImportError("Equinox has no simple recurrent cell")
    key, x = jax.random.key(0), jnp.asarray(xs)
    cell = {"gru": eqx.nn.GRUCell, "lstm": eqx.nn.LSTMCell}[kind](INPUTS, UNITS, key=key)

    @eqx.filter_jit
    def step(cell, x):
        def loss(cell):
            def one(xs):
                zero = jnp.zeros(UNITS)
                first = (zero, zero) if kind == "lstm" else zero

                def now(carry, x):
                    carry = cell(x, carry)
                    return carry, carry[0] if kind == "lstm" else carry

                return jax.lax.scan(now, first, xs)[1]

            return jnp.mean(jax.vmap(one)(x) ** 2)

        value, grads = eqx.filter_value_and_grad(loss)(cell)
        updates = jax.tree.map(lambda g: -LEARNING_RATE * g, grads)
        return eqx.apply_updates(cell, updates), value

    def prepare():
        names = {"weight_ih": weights["kernel"].T, "weight_hh": weights["recurrent"].T,
                 "bias": weights["bias"]} | (
                     {"bias_n": weights["candidate_bias"]} if kind == "gru" else {})  # fmt: skip
        return eqx.tree_at(
            lambda c: [getattr(c, n) for n in names], cell, list(map(jnp.asarray, names.values()))
        )

    return Job("Equinox, vmap of a scan", prepare,
               lambda c: jax.block_until_ready(step(c, x)[0]),
               lambda c: float(step(c, x)[1]))  # fmt: skip


def flax(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """nnx.RNN with a cell; its weights have another layout, so it draws its own."""
    from flax import nnx

    x = jnp.asarray(xs)
    make = {"gru": nnx.GRUCell, "lstm": nnx.OptimizedLSTMCell, "rnn": nnx.SimpleCell}[kind]

    @nnx.jit
    def train(model, optimizer, x):
        value, grads = nnx.value_and_grad(lambda model: jnp.mean(model(x) ** 2))(model)
        optimizer.update(model, grads)
        return value

    model = nnx.RNN(make(INPUTS, UNITS, rngs=nnx.Rngs(0)), rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.sgd(LEARNING_RATE), wrt=nnx.Param)
    fresh = jax.tree.map(np.array, nnx.state(model, nnx.Param))

    def prepare():
        nnx.update(model, jax.tree.map(jnp.asarray, fresh))
        return model

    def step(model):
        jax.block_until_ready(train(model, optimizer, x))
        return model

    return Job("Flax NNX, nnx.RNN (own weights)", prepare, step,
               lambda model: float(jnp.mean(model(x) ** 2)))  # fmt: skip


def keras(kind: str, weights: Weights, xs: np.ndarray) -> Job:
    """One layer of Keras on JAX with train_on_batch."""
    import keras

    layer = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}[
        kind
    ](UNITS, return_sequences=True)
    model = keras.Sequential([keras.Input((TIME, INPUTS)), layer])
    model.compile(
        optimizer=keras.optimizers.SGD(LEARNING_RATE),
        loss=lambda _, y: keras.ops.mean(keras.ops.square(y)),
    )
    target = np.zeros((BATCH, TIME, 1), np.float32)

    def arranged(a: np.ndarray) -> np.ndarray:
        """Weights in the order of Keras, with the update gate first."""
        if kind != "gru":
            return a
        r, z, n = np.split(a, 3, -1)
        return np.concatenate([z, r, n], -1)

    def prepare():
        bias = arranged(weights["bias"])
        layer.set_weights([
            arranged(weights["kernel"]), arranged(weights["recurrent"]),
            np.stack([bias, np.zeros_like(bias)]) if kind == "gru" else bias,
        ])  # fmt: skip
        return model

    def step(model):
        model.train_on_batch(xs, target)
        return model

    return Job("Keras on JAX, train_on_batch", prepare, step,
               lambda model: float(model.evaluate(xs, target, BATCH, verbose=0)))  # fmt: skip


BY_HAND = ("naive", "kept", "hand")
JOBS = {"naive": naive, "kept": kept, "hand": hand, "time first": hand_time_first, "torch": torch,
        "equinox": equinox, "flax": flax, "keras": keras}  # fmt: skip
