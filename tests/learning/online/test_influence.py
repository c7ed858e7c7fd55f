"""RTRL and what it is cut down to, against back-propagation through time."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import jaxbrain as jb
from jaxbrain import learning
from jaxbrain.cells import connected, elman, gru, leaky_rnn, linear_recurrent, lstm, min_gru
from jaxbrain.learning import over_time
from jaxbrain.learning.online import readout_feedback
from jaxbrain.learning.online.jacobian_sparsity import reach

pytestmark = pytest.mark.x64

BATCH, TIME, INPUTS, UNITS = 3, 12, 2, 6
new_key = partial(jax.random.key, 0)
READOUT, LOSS = jb.dense(2), jb.losses.mse
X = jax.ShapeDtypeStruct((INPUTS,), "float64")


def data():
    x = jax.random.normal(jax.random.key(1), (BATCH, TIME, INPUTS))
    return x, jax.random.normal(jax.random.key(2), (BATCH, TIME, 2))


def params_of(rule, gain=None):
    """Params at generic values; recurrent weights of a spectral radius."""
    flat, unravel = ravel_pytree(rule.network.init(new_key(), data()[0][0]))
    params = unravel(flat + 0.1 * jax.random.normal(jax.random.key(3), flat.shape))
    if gain is not None:
        r = params[0]["recurrent"]
        square = np.asarray(r[:, : r.shape[0]])
        params[0]["recurrent"] = r * (gain / np.abs(np.linalg.eigvals(square)).max())
    return params


def gradients(rule, *points, key=None):
    """Of a rule and of back-propagation, compiled once for all points."""
    bptt = jb.backprop(rule.network, LOSS)
    grads = [jax.jit(lambda p, r=r: r.grads(p, (), *data(), key=key)[1]) for r in (rule, bptt)]
    return [tuple(ravel_pytree(g(p))[0] for g in grads) for p in points]


def error(pair):
    return float(jnp.linalg.norm(pair[0] - pair[1]) / jnp.linalg.norm(pair[1]))


@pytest.mark.parametrize("cell", [elman(UNITS), gru(UNITS)], ids=repr)
@pytest.mark.slow
def test_rtrl_is_back_propagation_through_time(cell):
    rule = over_time(learning.rtrl(cell, READOUT, LOSS))
    one_step = over_time(learning.one_step_backprop(cell, READOUT, LOSS))
    points = [params_of(rule, gain) for gain in (0.5, 1.0, 1.5)]
    assert max(map(error, gradients(rule, *points))) < 1e-12
    assert min(map(error, gradients(one_step, *points))) > 0.05


@pytest.mark.slow
def test_rtrl_of_a_stack_of_cells():
    """Layers, a carry of several arrays, and one with a counter in it."""

    def step(params, carry, x, *, key=None):
        return (carry[0] + 1, 0.5 * carry[1] + x), 0.5 * carry[1] + x

    counting = jb.Cell(
        lambda key, x: {}, lambda params, x: (jnp.array(0), jnp.zeros(x.shape)), step
    )
    cell = jb.cells.stack(lstm(3), counting, elman(4))
    rule = over_time(learning.rtrl(cell, READOUT, LOSS))
    assert error(gradients(rule, params_of(rule))[0]) < 1e-12


@pytest.mark.parametrize(
    ("cell", "width"), [(min_gru(UNITS), 1), (linear_recurrent(UNITS), 2)], ids=repr
)
@pytest.mark.slow
def test_where_units_do_not_mix_little_is_kept_and_nothing_lost(cell, width):
    rule = over_time(learning.rtrl_diagonal(cell, READOUT, LOSS))
    params = params_of(rule)
    assert error(gradients(rule, params)[0]) < 1e-12
    now = jax.tree.map(lambda a: a[0, 0], data())
    traces = learning.rtrl_diagonal(cell, READOUT, LOSS).carry(params, now)[1]
    assert traces.shape == (ravel_pytree(params[0])[0].size, width)
    # one step reaches the real or the imaginary part only: less than the rotation
    first = error(gradients(over_time(learning.snap(cell, READOUT, LOSS)), params)[0])
    assert first < 1e-12 if width == 1 else first > 1e-3


@pytest.mark.slow
def test_snap_keeps_what_n_steps_reach():
    """A ring: n steps reach n units, and all of them the whole gradient."""
    ring = connected(elman(4), np.roll(np.eye(4), 1, axis=1) > 0)
    errors = []
    for n in (1, 2, 4):
        rule = over_time(learning.snap(ring, READOUT, LOSS, n=n))
        errors.append(error(gradients(rule, params_of(rule))[0]))
        found = reach(ring, X, n)
        count = found.kept.sum(0 if found.wide else 1)
        used = ravel_pytree({**params_of(rule)[0], "recurrent": np.roll(np.eye(4), 1, axis=1)})[0]
        assert set(count[np.asarray(used) != 0]) == {n} and found.width == n
    assert errors[0] > 1.2 * errors[1] > 1e-3 and errors[2] < 1e-12


@pytest.mark.slow
def test_snap_by_hand():
    """Menick's equations for n = 1 in NumPy: the diagonal of D, one unit a weight."""
    rule = learning.snap(elman(UNITS), READOUT, LOSS)
    params = params_of(over_time(rule))
    xs, ys = (np.asarray(a[0]) for a in data())
    w = {k: np.asarray(v) for k, v in params[0].items()}
    out = {k: np.asarray(v) for k, v in params[1].items()}
    h, trace, total = np.zeros(UNITS), 0.0, 0.0
    for x, y in zip(xs, ys, strict=True):
        into = np.concatenate([[1.0], x, h])
        h = np.tanh(x @ w["kernel"] + h @ w["recurrent"] + w["bias"])
        slope = 1 - h**2
        trace = slope * np.diag(w["recurrent"]) * trace + into[:, None] * slope
        e = h @ out["kernel"] + out["bias"] - y  # of the mean over two outputs
        total = total + trace * (out["kernel"] @ e)
    whole = over_time(rule).grads(params, (), xs[None], ys[None])[1][0]
    parts = np.concatenate([whole["bias"][None], whole["kernel"], whole["recurrent"]])
    np.testing.assert_allclose(parts, total / TIME, rtol=1e-11, atol=1e-13)


@pytest.mark.slow
def test_the_order_of_the_approximations():
    cell = leaky_rnn(UNITS, dt=0.5, tau=1.0)
    symmetric = readout_feedback.symmetric_feedback()
    rules = [
        over_time(rule)
        for rule in (
            learning.rtrl(cell, READOUT, LOSS),
            learning.snap(cell, READOUT, LOSS),
            learning.rflo(cell, READOUT, LOSS, feedback=symmetric),
            learning.one_step_backprop(cell, READOUT, LOSS),
        )
    ]

    @jax.jit
    @jax.vmap
    def cosines(key, gain):
        params, readout = rules[0].network.init(key, data()[0][0])
        random = jax.random.normal(key, (UNITS, UNITS)) / jnp.sqrt(UNITS)
        params = {**params, "recurrent": gain * random}, readout
        reference = jb.backprop(rules[0].network, LOSS).grads(params, (), *data())[1][0]
        found = [rule.grads(params, (), *data())[1][0] for rule in rules]
        pairs = [(ravel_pytree(g)[0], ravel_pytree(reference)[0]) for g in found]
        return jnp.stack([a @ b / jnp.linalg.norm(a) / jnp.linalg.norm(b) for a, b in pairs])

    gains = jnp.repeat(jnp.array([0.5, 1.0, 1.5]), 16)
    found = cosines(jax.random.split(new_key(), len(gains)), gains).reshape(3, 16, 4).mean(1)
    np.testing.assert_allclose(found[:, 0], 1, rtol=1e-12)
    assert np.all(found[:, 1:3] > 0.5) and np.all(found[:, 1:3] < 0.999)
    assert np.all(np.abs(found[:, 1] - found[:, 2]) < 0.06)  # snap and rflo are about the same
    assert np.all(found[:, 2] > found[:, 3] + 0.02)
    assert np.all(np.diff(found[:, 1:3], axis=0) < 0)  # the stronger the recurrence the worse


@pytest.mark.slow
def test_random_factors_are_right_in_the_mean():
    """The mean of many draws is about one standard error from the gradient, and from no other."""
    cell, noise = elman(4), []
    batch = jax.tree.map(lambda a: a[:1, :6], data())
    for make in (learning.uoro, learning.kf_rtrl):
        rule = over_time(make(cell, READOUT, LOSS))
        params, bptt = params_of(rule, 0.9), jb.backprop(rule.network, LOSS)
        settings = {"samples": 4000, "z": 4.0}
        found = jb.testing.check_unbiased(
            jax.random.key(101), rule, params, batch, reference=bptt, **settings
        )
        assert found.bias[0] < 2 * found.standard_error[0] and found.cosine[0] > 0.999
        noise.append(float(found.variance[0] / found.norm[0] ** 2))
    assert noise[1] < 0.3 * noise[0] < 1  # Kronecker factors have less of it than rank one
    cut = over_time(learning.snap(cell, READOUT, LOSS))
    with pytest.raises(AssertionError, match="is biased"):
        jb.testing.check_unbiased(
            jax.random.key(101), rule, params, batch, reference=cut, **settings
        )


@pytest.mark.slow
def test_arrays_that_a_cell_was_built_from():
    """Under fit they are traced, and so is what is swept: the wiring is found all the same."""
    tau = jnp.linspace(1.0, 3.0, UNITS)

    def first(tau):
        cell = leaky_rnn(UNITS, dt=0.5, tau=tau)
        rule = over_time(learning.snap(cell, READOUT, LOSS))
        return ravel_pytree(rule.grads(params, (), *data())[1])[0]

    params = params_of(over_time(learning.snap(leaky_rnn(UNITS), READOUT, LOSS)))
    np.testing.assert_allclose(jax.jit(first)(tau), first(tau), rtol=1e-10)


@pytest.mark.slow
def test_refusals():
    rule = learning.rtrl_diagonal(gru(UNITS), READOUT, LOSS)
    now = (jnp.ones(INPUTS), jnp.ones(2))
    with pytest.raises(ValueError, match=r"in gru\(6\) a weight reaches 6 of the 6 numbers"):
        rule.carry(rule.init(new_key(), now), now)
    with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
        learning.snap(gru(UNITS), READOUT, LOSS, n=0)
    snap = learning.snap(jb.lift(jb.embed(5, 3)), READOUT, LOSS)
    word = (jnp.array(1), jnp.ones(2))
    with pytest.raises(TypeError, match="only found for floating inputs"):
        snap.carry(snap.init(new_key(), word), word)
    kf = learning.kf_rtrl(gru(UNITS), READOUT, LOSS)
    with pytest.raises(ValueError, match="needs a cell with params kernel, recurrent and bias"):
        kf.carry(kf.init(new_key(), now), now)
    for make in (learning.uoro, learning.kf_rtrl):
        rule = make(elman(UNITS), READOUT, LOSS)
        params = rule.init(new_key(), now)
        with pytest.raises(ValueError, match="needs a key: its influence is random"):
            rule.step(params, rule.carry(params, now), now)
    complex_cell = jb.Cell(
        lambda key, x: {}, lambda params, x: jnp.zeros(2, complex), lambda p, c, x, key=None: (c, x)
    )
    rule = learning.rtrl(complex_cell, READOUT, LOSS)
    with pytest.raises(TypeError, match="need a real carry"):
        rule.carry(rule.init(new_key(), now), now)
