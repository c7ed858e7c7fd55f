"""Rules by hand: problems at generic values in float64, equations in NumPy, distances."""

import jax
import jax.numpy as jnp
import numpy as np

import jaxbrain as jb

CE, HALF = jb.losses.softmax_cross_entropy, jb.losses.half_mse


def tanh_slope(z):
    return 1 - np.tanh(z) ** 2


ACTIVATIONS = {
    "tanh": (jnp.tanh, np.tanh, tanh_slope),
    "relu": (jax.nn.relu, lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
}


def mlp(activation):
    act = jb.elementwise(activation)
    return jb.serial(jb.dense(6), act, jb.dense(5), act, jb.dense(3))


def problem(net, loss, seed=0, shape=(4,), n=7):
    """A batch and parameters at generic values, in float64."""
    kx, ky, kp, kn = jax.random.split(jax.random.key(seed), 4)
    x = jax.random.normal(kx, (n, *shape), "float64")
    params = net.init(kp, x[0])
    outputs = jax.eval_shape(net.apply, params, x[0]).shape[-1]
    y = jnp.arange(n) % outputs if loss is CE else jax.random.normal(ky, (n, outputs), "float64")
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(kn, len(leaves))
    leaves = [p + 0.2 * jax.random.normal(k, p.shape) for p, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(tree, leaves), x, y


def output_error(loss, o, y):
    """dL/do of the mean loss, by hand."""
    if loss is HALF:
        return (o - np.asarray(y)) / len(o)
    p = np.exp(o - o.max(1, keepdims=True))
    p = p / p.sum(1, keepdims=True)
    p[np.arange(len(o)), np.asarray(y)] -= 1
    return p / len(o)


def weights(params):
    return [(np.asarray(p["kernel"]), np.asarray(p["bias"])) for p in params if p]


def run_forward(ws, x, f):
    """Pre-activations, and the input of every dense layer followed by the output."""
    z, a = [], [np.asarray(x)]
    for i, (w, b) in enumerate(ws):
        z.append(a[-1] @ w + b[None])
        a.append(f(z[-1]) if i < len(ws) - 1 else z[-1])
    return z, a


def by_hand(ws, x, y, loss, f, slope, back):
    """dW = a^T delta; delta of a hidden layer = what `back` carries to it, times the slope."""
    z, a = run_forward(ws, x, f)
    delta = error = output_error(loss, a[-1], y)
    grads = []
    for i in reversed(range(len(ws))):
        grads.append((a[i].T @ delta, delta.sum(0)))
        if i:
            delta = back(i, delta, error) * slope(z[i - 1])
    return grads[::-1]


def same(grads, want, rtol=1e-9):
    for (w, b), (kernel, bias) in zip(weights(grads), want, strict=True):
        np.testing.assert_allclose(w, kernel, rtol=rtol, atol=1e-13)
        np.testing.assert_allclose(b, bias, rtol=rtol, atol=1e-13)


def distance(a, b):
    """Relative, over all parameters."""
    pairs = list(zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    return float(
        np.sqrt(sum(np.sum((u - v) ** 2) for u, v in pairs) / sum(np.sum(v**2) for _, v in pairs))
    )


def convnet():
    act = jb.elementwise(jnp.tanh)
    return jb.serial(
        jb.conv(3, 3, stride=2), act, jb.max_pool(2), jb.conv(4, 2), act, jb.avg_pool(2),
        jb.layer_norm(), jb.flatten(), jb.dense(3),
    )  # fmt: skip
