"""Sleep replay against the loop of its authors, and its effect on forgotten classes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.memory import sleep_replay
from tests.theory import CE

pytestmark = pytest.mark.x64


new_key = partial(jax.random.key, 2)


def step_size(w):
    return 2 * (1 - 1 / (1 + np.exp(np.clip(-w / 0.001, -700, 700))))


def asleep(kernels, rates, thresholds, increase, decrease, retention):
    """The loop of the authors, for inputs that always or never fire."""
    kernels, v = [k.copy() for k in kernels], [np.zeros(k.shape[1]) for k in kernels]
    fired = np.zeros(len(kernels))
    for rate in rates:
        pre = rate > 0.5
        for i, w in enumerate(kernels):
            v[i] = retention * v[i] + pre @ w
            post = v[i] >= thresholds[i]
            both, silent = np.outer(pre, post), np.outer(~pre, post)
            h = step_size(w)
            w += increase * h * both - decrease * h * silent
            v[i][post] = 0
            fired[i] += post.mean() / len(rates)
            pre = post
    return kernels, fired


def test_sleep_is_the_loop_of_its_authors():
    relu = jb.elementwise(jax.nn.relu)
    net = jb.serial(jb.dense(5, bias_init=None), relu, jb.dense(3))
    rng = np.random.default_rng(0)
    params = net.init(jax.random.key(0), jax.ShapeDtypeStruct((6,), "float64"))
    kernels = [rng.normal(size=s) * scale for s, scale in (((6, 5), 0.5), ((5, 3), 2e-3))]
    params[0]["kernel"], params[2]["kernel"] = map(jnp.asarray, kernels)
    rates = (rng.random((50, 6)) < 0.4).astype(float)
    options = {"thresholds": (0.7, 1e-3), "increase": 3e-3, "decrease": 7e-4, "retention": 0.9}
    sleep = jax.jit(lambda key, params: sleep_replay(key, net, params, rates, **options))
    found, fired = sleep(jax.random.key(1), params)
    want, often = asleep(kernels, rates, **options)
    for i, kernel in zip((0, 2), want, strict=True):
        np.testing.assert_allclose(found[i]["kernel"], kernel, rtol=1e-9, atol=1e-12)
        assert np.max(np.abs(kernel - np.asarray(params[i]["kernel"]))) > 1e-3
    np.testing.assert_allclose(fired, often, rtol=1e-12)
    assert np.all((often > 0.02) & (often < 0.9))
    np.testing.assert_array_equal(found[2]["bias"], params[2]["bias"])
    for name, value in (("increase", 0.0), ("decrease", 0.0), ("retention", 0.5)):
        other, _ = asleep(kernels, rates, **{**options, name: value})
        assert not np.allclose(other[0], want[0], rtol=1e-6)


def test_inputs_fire_at_their_rates_and_positive_weights_stay():
    net = jb.serial(jb.dense(2, bias_init=None))
    params = ({"kernel": jnp.array([[1.0, -1e-9], [1.0, 0.5]])},)
    rates = jnp.tile(jnp.array([[0.3, 0.0]]), (4000, 1))
    after, fired = sleep_replay(
        jax.random.key(0), net, params, rates, thresholds=(1.0,), retention=0.0
    )
    assert abs(2 * float(fired[0]) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)
    np.testing.assert_array_equal(after[0]["kernel"], params[0]["kernel"])


@pytest.mark.slow
def test_sleep_brings_back_classes_that_were_overwritten(digits):
    """Two digits a task: without sleep the network knows only the last two."""
    (x, y), (xt, yt) = jax.tree.map(lambda a: jnp.asarray(a, dtype=a.dtype), digits)
    x, xt = x.astype("float32"), xt.astype("float32")
    relu = jb.elementwise(jax.nn.relu)
    layers = [jb.dense(n, bias_init=None) for n in (128, 64, 10)]
    net = jb.serial(layers[0], relu, layers[1], relu, layers[2])
    rule, optimizer = jb.backprop(net, CE), optax.sgd(0.1, momentum=0.5)
    tasks = [tuple(a[np.isin(y, (i, i + 1))][:250] for a in (x, y)) for i in range(0, 10, 2)]
    xs, ys = map(jnp.stack, zip(*tasks, strict=True))

    def windows(key, image):
        """The mean of the data, through a random window of 4 by 4 at each step."""
        corners = jax.random.randint(key, (1500, 2, 1), 0, 5, "int32")
        inside = (jnp.arange(8, dtype="int32")[None, None] - corners) // 4 == 0
        mask = (inside[:, 0, :, None] & inside[:, 1, None]).reshape(1500, 64)
        return jnp.where(mask, image[None], 0)

    def life(increase, decrease):
        def task(carry, data):
            state, seen, n = carry
            state = state._replace(opt_state=optimizer.init(state.params))
            state, _ = jb.run(rule, optimizer, data, key=new_key(), epochs=10, state=state)
            seen, now = seen + data[0].mean(0), jax.random.fold_in(new_key(), state.step)
            params, fired = sleep_replay(
                jax.random.fold_in(now, 1), net, state.params, windows(now, seen / n),
                thresholds=(0.5, 0.5, 0.5), increase=increase, decrease=decrease,
            )  # fmt: skip
            return (state._replace(params=params), seen, n + 1), fired

        state = jb.init_state(rule, optimizer, x[0], key=new_key())
        start = state, jnp.zeros(64, "float32"), jnp.float32(1)
        (state, _, _), fired = jax.lax.scan(task, start, (xs, ys))
        return jb.evaluate(net, state.params, (xt, yt), {"a": jb.accuracy})["a"], fired[-1]

    rates = jnp.array([0.0, 1e-3], "float32")
    right, fired = jax.jit(jax.vmap(life))(rates, rates)
    assert right[0] < 0.25  # no change of the weights
    assert right[1] > 0.35
    assert jnp.all((fired > 1e-3) & (fired < 0.5))


def test_wrong_arguments_are_refused():
    params = ({"kernel": jnp.ones((2, 3))},)
    net, key = jb.serial(jb.dense(3)), jax.random.key(0)
    with pytest.raises(ValueError, match="thresholds must be 1, one for each dense layer, got 2"):
        sleep_replay(key, net, params, jnp.ones((4, 2)), thresholds=(1.0, 1.0))
    with pytest.raises(ValueError, match=r"rates must be \[steps, inputs\] with 2 inputs"):
        sleep_replay(key, net, params, jnp.ones(2), thresholds=(1.0,))
    with pytest.raises(ValueError, match="sleep_replay needs dense layers, but layer 0 is conv"):
        sleep_replay(key, jb.serial(jb.conv(2, 2)), ({},), jnp.ones((4, 2)), thresholds=())
