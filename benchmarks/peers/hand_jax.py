"""Hand-written JAX: the whole fit as one scan (the limit), and a jitted step in a Python loop."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers import Trainer
from benchmarks.workloads import Workload, initial_weights, orders


def loss_of(params, x, y):
    """Mean cross-entropy of a ReLU chain: one logit against [rows, 1], else labels [rows]."""
    h = x
    for kernel, bias in params[:-1]:
        h = jax.nn.relu(h @ kernel + bias)
    kernel, bias = params[-1]
    z = h @ kernel + bias
    if z.shape[-1] == 1:
        return optax.sigmoid_binary_cross_entropy(z, y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()


def sgd_step(optimizer, params, opt_state, x, y):
    """One update by backpropagation and Adam."""
    loss, grads = jax.value_and_grad(loss_of)(params, x, y)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss


def train(params, x, y, order, *, batch, learning_rate):
    """Every epoch of a fit in one program; order [epochs, rows] comes from the host."""
    optimizer = optax.adam(learning_rate)
    full = len(x) // batch

    def whole_batch(carry, _):
        params, opt_state, loss = sgd_step(optimizer, carry[0], carry[1], x, y)
        return (params, opt_state), loss

    def step(carry, rows):
        params, opt_state, loss = sgd_step(optimizer, carry[0], carry[1], x[rows], y[rows])
        return (params, opt_state), loss

    def epoch(carry, rows):
        carry, losses = jax.lax.scan(step, carry, rows[: full * batch].reshape(full, batch))
        if full * batch < len(x):
            carry, last = step(carry, rows[full * batch :])
            losses = jnp.append(losses, last)
        return carry, losses

    carry = (params, optimizer.init(params))
    one_step = batch == len(x)
    (params, _), losses = jax.lax.scan(whole_batch if one_step else epoch, carry, order)
    return params, losses


def draw(key, sizes):
    """He-normal weights, drawn inside the program."""
    pairs = zip(jax.random.split(key, len(sizes) - 1), sizes[:-1], sizes[1:], strict=True)
    return [(jax.random.normal(k, (i, o)) * (2 / i) ** 0.5, jnp.zeros(o)) for k, i, o in pairs]


def as_jax(weights):
    """NumPy weights as JAX arrays."""
    return [(jnp.asarray(kernel), jnp.asarray(bias)) for kernel, bias in weights]


def as_numpy(params):
    """JAX weights as NumPy arrays."""
    return [(np.asarray(kernel), np.asarray(bias)) for kernel, bias in params]


def one_scan(workload: Workload) -> Trainer:
    """The limit: one jitted program for the whole fit."""
    whole = partial(train, batch=workload.batch, learning_rate=workload.learning_rate)
    program = jax.jit(whole)
    x, y = jnp.asarray(workload.x), jnp.asarray(workload.y)

    @jax.jit
    def program_from_key(key, x, y, order):
        return whole(draw(key, workload.sizes), x, y, order)

    def finished(result):
        params, losses = result
        np.asarray(losses)
        return jax.block_until_ready(params)

    return Trainer(
        prepare=lambda: as_jax(initial_weights(workload.sizes)),
        fit=lambda params: finished(program(params, x, y, orders(workload))),
        weights=as_numpy,
        from_key=lambda: finished(program_from_key(jax.random.key(1), x, y, orders(workload))),
    )


def jitted_step(workload: Workload) -> Trainer:
    """The usual form: a jitted, donating step called from Python for every batch."""
    optimizer = optax.adam(workload.learning_rate)
    step = jax.jit(partial(sgd_step, optimizer), donate_argnums=(0, 1))
    x, y, batch = workload.x, workload.y, workload.batch

    def fit(params):
        opt_state = optimizer.init(params)
        losses = []
        for order in orders(workload):
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                params, opt_state, loss = step(params, opt_state, x[rows], y[rows])
                losses.append(loss)
        return jax.block_until_ready(params)

    return Trainer(lambda: as_jax(initial_weights(workload.sizes)), fit, as_numpy)


def population(workload: Workload, networks: int) -> Trainer:
    """Many networks at once: vmap over the initial parameters, inside one scan."""
    program = jax.jit(
        jax.vmap(
            partial(train, batch=workload.batch, learning_rate=workload.learning_rate),
            in_axes=(0, None, None, None),
        )
    )
    x, y = jnp.asarray(workload.x), jnp.asarray(workload.y)

    def prepare():
        every = [initial_weights(workload.sizes, seed) for seed in range(networks)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(as_jax, every))

    def fit(params):
        params, losses = program(params, x, y, orders(workload))
        np.asarray(losses)
        return jax.block_until_ready(params)

    return Trainer(prepare, fit, as_numpy)


@jax.custom_vjp
def _product(h, kernel):
    """h [rows, in, networks] times kernel [in, out, networks], as sums of products."""
    return sum(h[:, i, None] * kernel[i] for i in range(len(kernel)))


def _forward(h, kernel):
    return _product(h, kernel), (h, kernel)


def _backward(kept, slope):
    h, kernel = kept
    to_h = sum(slope[:, None, o] * kernel[:, o] for o in range(kernel.shape[1]))
    return to_h, sum(h[row, :, None] * slope[row] for row in range(len(h)))


_product.defvjp(_forward, _backward)


def population_last(workload: Workload, networks: int) -> Trainer:
    """Many binary networks at once, as the last axis of all arrays; also the gradient by hand."""
    optimizer = optax.adam(workload.learning_rate)

    def losses_of(params, x, y):
        h = x
        for kernel, bias in params[:-1]:
            h = jax.nn.relu(_product(h, kernel) + bias)
        kernel, bias = params[-1]
        z = _product(h, kernel) + bias
        losses = optax.sigmoid_binary_cross_entropy(z, y).mean((0, 1))
        return losses.sum(), losses

    @jax.jit
    def program(params, x, y):
        x = jnp.broadcast_to(x[..., None], (*x.shape, networks))

        def step(carry, _):
            params, opt_state = carry
            (_, losses), grads = jax.value_and_grad(losses_of, has_aux=True)(
                params, x, y[..., None]
            )
            updates, opt_state = optimizer.update(grads, opt_state, params)
            return (optax.apply_updates(params, updates), opt_state), losses

        carry = params, optimizer.init(params)
        (params, _), losses = jax.lax.scan(step, carry, length=workload.epochs)
        return params, losses

    x, y = jnp.asarray(workload.x), jnp.asarray(workload.y)

    def prepare():
        every = [initial_weights(workload.sizes, seed) for seed in range(networks)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves, -1), *map(as_jax, every))

    def fit(params):
        params, losses = program(params, x, y)
        np.asarray(losses)
        return jax.block_until_ready(params)

    def weights(params):
        return as_numpy(jax.tree.map(lambda a: jnp.moveaxis(a, -1, 0), params))

    return Trainer(prepare, fit, weights)
