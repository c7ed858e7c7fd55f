"""Energy rules by hand: forces of predictive coding, equilibria of symmetric networks."""

import jax
import jax.numpy as jnp
import numpy as np

import jaxbrain as jb
from jaxbrain.learning.energy import inference
from jaxbrain.learning.energy.descent import fixed_step
from tests.theory import output_error, problem, tanh_slope, weights

LONG = {"steps": 100, "nudged_steps": 100}


def learn(rule, params, x, y):
    """The gradients and the diagnostics."""
    return jax.jit(lambda p: rule.grads(p, None, x, y)[1:])(params)


def exact(net, loss, params, x, y):
    return jax.jit(lambda p: jb.backprop(net, loss).grads(p, (), x, y)[1])(params)


def relaxed(make, net, loss, params, x, y, *, steps, step_size, descent=fixed_step, **nudge):
    """The activities and the diagnostics of a model after some steps; 0 or traced is allowed."""
    model = make(inference.forward_pass(net, params, x), loss, y, **nudge)
    z, _ = inference.relax(model, params, inference.Steps(steps, step_size, descent))
    return z, inference.diagnostics(model, params, params, z)


def mean_loss(loss, o, y):
    return np.mean([loss(jnp.asarray(a), b) for a, b in zip(o, y, strict=True)])


def errors_and_deltas(ws, inputs, z):
    """e_l = z_l - f_l(z_{l-1}) and e_l * f_l' for tanh, and for a last layer without activation."""
    pre = [a @ w + b[None] for a, (w, b) in zip(inputs, ws, strict=True)]
    outputs = [*map(np.tanh, pre[:-1]), pre[-1]]
    slopes = [*map(tanh_slope, pre[:-1]), 1]
    errors = [a - o for a, o in zip(z, outputs, strict=True)]
    return errors, [e * s for e, s in zip(errors, slopes, strict=True)], pre


def changes(inputs, deltas):
    """dF/dW of the mean over the batch, - z_{l-1}^T (e_l * f_l')."""
    n = len(inputs[0])
    return [(-a.T @ d / n, -d.sum(0) / n) for a, d in zip(inputs, deltas, strict=True)]


def nudged_forces(ws, x, y, z, loss, nudge):
    """dF/dz, dF/dW and the mean F of sum_l |e_l|^2 / 2 + nudge L(z_L, y)."""
    inputs = [np.asarray(x), *z[:-1]]
    errors, deltas, _ = errors_and_deltas(ws, inputs, z)
    force = [e - d @ w.T for e, d, (w, _) in zip(errors, deltas[1:], ws[1:], strict=False)]
    force.append(errors[-1] + nudge * len(x) * output_error(loss, z[-1], y))
    energy = sum(np.sum(e**2) for e in errors) / (2 * len(x)) + nudge * mean_loss(loss, z[-1], y)
    return force, changes(inputs, deltas), energy


def clamped_forces(ws, x, y, z, loss):
    """dF/dz, dF/dW and the mean F of sum_{l<L} |e_l|^2 / 2 + L(f_L(z_{L-1}), y); e_L = -dL/df_L."""
    inputs = [np.asarray(x), *z]
    errors, deltas, pre = errors_and_deltas(ws, inputs, [*z, 0])
    deltas[-1] = -output_error(loss, pre[-1], y) * len(x)
    force = [e - d @ w.T for e, d, (w, _) in zip(errors, deltas[1:], ws[1:], strict=False)]
    energy = sum(np.sum(e**2) for e in errors[:-1]) / (2 * len(x)) + mean_loss(loss, pre[-1], y)
    return force, changes(inputs, deltas), energy


def norm(arrays):
    return np.sqrt(sum(np.sum(np.square(a)) for a in arrays))


def mild(net, loss, **options):
    """A problem with one equilibrium: with larger weights there are several."""
    params, x, y = problem(net, loss, **options)
    return jax.tree.map(lambda p: 0.4 * p, params), x, y


def equilibrium(ws, x, gain, output):
    """All units at once, s_l <- (s_l + tanh(W s_{l-1} + b + gain W^T s_{l+1})) / 2."""
    s = [np.zeros((len(x), len(b)), np.result_type(x)) for _, b in ws]
    for _ in range(600):
        h = [a @ w + b[None] for a, (w, b) in zip([x, *s[:-1]], ws, strict=True)]
        back = [gain * s[i + 1] @ ws[i + 1][0].T for i in range(len(ws) - 1)]
        new = [np.tanh(a + d) for a, d in zip(h, back, strict=False)]
        s = [(a + b) / 2 for a, b in zip(s, [*new, output(h[-1], s[-1])], strict=True)]
    return s


def correlations(x, s, gain):
    """g^(l-L) s_{l-1}^T s_l of the two ends of each weight, and g^(l-L) s_l for its bias."""
    n, last = len(x), len(s) - 1
    pairs = zip([x, *s[:-1]], s, strict=True)
    return [
        (gain ** (i - last) * a.T @ b / n, gain ** (i - last) * b.sum(0) / n)
        for i, (a, b) in enumerate(pairs)
    ]


def contrasted(params, x, y, loss, gain, points):
    """- sum_k weight_k correlations(s^beta_k), the nudge within the nonlinearity."""
    ws, x = weights(params), np.asarray(x)
    total = [(0, 0)] * len(ws)
    for beta, weight in points:
        s = equilibrium(ws, x, gain, lambda h, o, b=beta: h - b * len(x) * output_error(loss, o, y))
        total = [
            (k - weight * c, b - weight * d)
            for (k, b), (c, d) in zip(total, correlations(x, s, gain), strict=True)
        ]
    return [(np.real(k), np.real(b)) for k, b in total]
