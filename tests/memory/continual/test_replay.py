"""The replay_buffer keeps every item with the same chance; rehearsal mixes; sleep is its equations."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.memory import replay_buffer, sleep_replay, with_replay
from jaxbrain.memory.continual import replay
from tests.theory import CE, distance, mlp, problem

pytestmark = pytest.mark.x64

CAPACITY, SEEN, TRIALS = 8, 40, 4000
new_key = partial(jax.random.key, 2)


def kept(stream):
    """How often each of SEEN items is in the store at the end, [SEEN], over TRIALS keys."""
    stores = jax.jit(jax.vmap(stream))(jax.random.split(jax.random.key(0), TRIALS))
    return np.bincount(np.asarray(stores).ravel(), minlength=SEEN)


def chi_square(counts):
    """Against the same chance for all; the expectation is about SEEN - 1."""
    share = CAPACITY / SEEN
    return np.sum((counts - share * TRIALS) ** 2) / (TRIALS * share * (1 - share))


def in_blocks(key, sizes):
    buffer, start = replay_buffer(CAPACITY, jnp.int32(0)), 0
    for i, n in enumerate(sizes):
        items = jnp.arange(start, start + n, dtype="int32")
        buffer, start = replay.add(buffer, items, key=jax.random.fold_in(key, i)), start + n
    return buffer.items


def one_by_one(key):
    def step(buffer, pair):
        item, key = pair
        return replay.add(buffer, item[None], key=key), None

    pairs = jnp.arange(SEEN, dtype="int32"), jax.random.split(key, SEEN)
    return jax.lax.scan(step, replay_buffer(CAPACITY, jnp.int32(0)), pairs)[0].items


def newest(key):
    return jnp.arange(SEEN - CAPACITY, SEEN, dtype="int32")


def biased(key):
    """Every newcomer past the first gets in: a random place is overwritten."""

    def step(items, pair):
        item, key = pair
        return items.at[jax.random.randint(key, (), 0, CAPACITY)].set(item), None

    later = jnp.arange(CAPACITY, SEEN, dtype="int32"), jax.random.split(key, SEEN - CAPACITY)
    return jax.lax.scan(step, jnp.arange(CAPACITY, dtype="int32"), later)[0]


@pytest.mark.parametrize(
    "stream",
    [partial(in_blocks, sizes=(40,)), partial(in_blocks, sizes=(5, 1, 20, 14)), one_by_one],
    ids=["all at once", "in blocks", "one by one"],
)
def test_every_item_is_kept_with_the_same_chance(stream):
    counts = kept(stream)
    assert counts.sum() == CAPACITY * TRIALS
    assert chi_square(counts) < SEEN + 4 * np.sqrt(2 * SEEN)
    error = np.sqrt(TRIALS * 0.2 * 0.8)
    assert np.max(np.abs(counts - 0.2 * TRIALS)) < 4.5 * error


@pytest.mark.parametrize("stream", [newest, biased])
def test_other_stores_fail_that_test(stream):
    assert chi_square(kept(stream)) > 10 * SEEN


def test_pairs_of_items_are_kept_independently_of_their_places():
    """P(both of two items) = C (C - 1) / (n (n - 1)), as of a draw without replacement."""
    keys = jax.random.split(jax.random.key(3), TRIALS)
    stores = np.asarray(jax.jit(jax.vmap(partial(in_blocks, sizes=(25, 15))))(keys))
    both = np.mean(np.any(stores == 3, axis=1) & np.any(stores == 30, axis=1))
    want = CAPACITY * (CAPACITY - 1) / (SEEN * (SEEN - 1))
    assert abs(both - want) < 4 * np.sqrt(want * (1 - want) / TRIALS)


def test_it_fills_in_order_and_keeps_pairs_together():
    buffer = replay_buffer(10, {"x": jnp.zeros(3), "y": jnp.int32(0)})
    assert buffer.capacity == 10 and int(buffer.filled) == 0
    y = jnp.arange(30, dtype="int32")
    x = 2.0 * y[:, None].astype("float64") * jnp.ones((1, 3))
    add = jax.jit(replay.add)
    buffer = add(buffer, {"x": x[:7], "y": y[:7]}, key=jax.random.key(0))
    assert buffer.items["y"].tolist() == [*range(7), 0, 0, 0]
    assert int(buffer.filled) == int(buffer.seen) == 7
    buffer = add(buffer, {"x": x[7:], "y": y[7:]}, key=jax.random.key(1))
    assert int(buffer.filled) == 10 and int(buffer.seen) == 30
    np.testing.assert_array_equal(buffer.items["x"][:, 0], 2 * buffer.items["y"])
    assert len(set(buffer.items["y"].tolist())) == 10


def test_samples_come_from_the_filled_part_alike():
    buffer = replay.add(replay_buffer(10, jnp.int32(0)), jnp.arange(1, 6, dtype="int32"),
                        key=jax.random.key(0))  # fmt: skip
    drawn = np.asarray(replay.sample(buffer, 5000, key=jax.random.key(1)))
    counts = np.bincount(drawn, minlength=6)
    assert counts[0] == 0 and len(counts) == 6
    assert np.max(np.abs(counts[1:] - 1000)) < 4 * np.sqrt(5000 * 0.2 * 0.8)


@pytest.mark.slow
def test_a_rehearsed_batch_is_the_mean_over_new_and_old():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    rule, old = jb.backprop(net, CE), (x[5:6], y[5:6])
    empty = replay_buffer(20, (x[0], y[0]))
    one = replay.add(empty, old, key=jax.random.key(0))
    key, new = jax.random.key(1), (x[:2], y[:2])
    found = jax.jit(with_replay(rule, one, n=3).grads)(params, (), *new, key=key)
    joint = [jnp.concatenate([a, *[b] * 3]) for a, b in zip(new, old, strict=True)]
    plain = jax.jit(rule.grads)
    want = plain(params, (), *joint, key=key)
    np.testing.assert_allclose(found[0], want[0], rtol=1e-12)
    assert distance(found[1], want[1]) < 1e-12
    without = plain(params, (), *new)
    assert distance(found[1], without[1]) > 0.1
    own = jax.jit(with_replay(rule, empty, n=4).grads)(params, (), *new, key=key)  # rows of its own
    assert distance(own[1], without[1]) < 1e-12


@pytest.mark.slow
def test_rehearsal_trains_in_fit_and_compiles_once_for_all_contents():
    traced = []
    net = mlp(jnp.tanh)
    _, x, y = problem(net, CE)
    counting = jb.backprop(net, CE)
    inner = counting.grads

    def grads(params, state, x, y, *, key=None):
        traced.append(x.shape)
        return inner(params, state, x, y, key=key)

    rule, optimizer = counting._replace(grads=grads), optax.sgd(0.1)
    buffer, state = replay_buffer(20, (x[0], y[0])), None
    sizes = []
    for task in range(3):
        state, _ = jb.fit(
            with_replay(rule, buffer, n=4), optimizer, (x, y), key=jax.random.key(0), epochs=1,
            batch_size=None, state=state,
        )  # fmt: skip
        buffer = replay.add(buffer, (x, y), key=jax.random.key(task))
        sizes.append(len(traced))
    assert sizes[0] == sizes[1] == sizes[2]
    assert int(state.step) == 3


def test_bad_input():
    buffer = replay_buffer(4, (jnp.zeros(3), jnp.int32(0)))
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="capacity must be a positive integer, got 0"):
        replay_buffer(0, jnp.zeros(3))
    with pytest.raises(ValueError, match=r"of a single item take item\[None\]"):
        replay.add(buffer, (jnp.zeros(3), jnp.int32(0)), key=key)
    with pytest.raises(ValueError, match="items must be rows"):
        replay.add(buffer, (jnp.zeros((2, 4)), jnp.zeros(2, "int32")), key=key)
    with pytest.raises(ValueError, match="the replay_buffer is empty"):
        replay.sample(buffer, 2, key=key)
    rule = jb.backprop(jb.dense(1), CE)
    with pytest.raises(ValueError, match="with_replay needs a key"):
        with_replay(rule, buffer, n=2).grads({}, (), jnp.zeros((1, 3)), jnp.zeros(1, "int32"))
    with pytest.raises(TypeError, match="must be pairs"):
        with_replay(rule, replay_buffer(4, jnp.zeros(3)), n=2)
    with pytest.raises(TypeError, match="rule must be a LearningRule, got Network"):
        with_replay(jb.dense(1), buffer, n=2)


def step_size(w):
    return 2 * (1 - 1 / (1 + np.exp(np.clip(-w / 0.001, -700, 700))))


def asleep(kernels, rates, thresholds, increase, decrease, decay):
    """The authors' loop, for inputs that fire surely or never."""
    kernels, v = [k.copy() for k in kernels], [np.zeros(k.shape[1]) for k in kernels]
    fired = np.zeros(len(kernels))
    for rate in rates:
        pre = rate > 0.5
        for i, w in enumerate(kernels):
            v[i] = decay * v[i] + pre @ w
            post = v[i] >= thresholds[i]
            both, alone = np.outer(pre, post), np.outer(~pre, post)
            h = step_size(w)
            w += increase * h * both - decrease * h * alone
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
    options = {"thresholds": (0.7, 1e-3), "increase": 3e-3, "decrease": 7e-4, "decay": 0.9}
    sleep = jax.jit(partial(sleep_replay, net, **options))
    found, fired = sleep(params, jnp.asarray(rates), key=jax.random.key(1))
    want, often = asleep(kernels, rates, **options)
    for i, kernel in zip((0, 2), want, strict=True):
        np.testing.assert_allclose(found[i]["kernel"], kernel, rtol=1e-9, atol=1e-12)
        assert np.max(np.abs(kernel - np.asarray(params[i]["kernel"]))) > 1e-3
    np.testing.assert_allclose(fired, often, rtol=1e-12)
    assert np.all((often > 0.02) & (often < 0.9))
    np.testing.assert_array_equal(found[2]["bias"], params[2]["bias"])
    for name, value in (("increase", 0.0), ("decrease", 0.0), ("decay", 0.5)):
        other, _ = asleep(kernels, rates, **{**options, name: value})
        assert not np.allclose(other[0], want[0], rtol=1e-6)


def test_inputs_fire_at_their_rates_and_positive_weights_stay():
    net = jb.serial(jb.dense(2, bias_init=None))
    params = ({"kernel": jnp.array([[1.0, -1e-9], [1.0, 0.5]])},)
    rates = jnp.tile(jnp.array([[0.3, 0.0]]), (4000, 1))
    after, fired = sleep_replay(net, params, rates, key=jax.random.key(0), thresholds=(1.0,),
                                decay=0.0)  # fmt: skip
    assert abs(2 * float(fired[0]) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)
    np.testing.assert_array_equal(after[0]["kernel"], params[0]["kernel"])


@pytest.mark.slow
def test_sleep_brings_back_classes_that_were_overwritten(digits):
    """Two digits a task: awake the network knows the last two alone, asleep it finds others."""
    (x, y), (xt, yt) = jax.tree.map(lambda a: jnp.asarray(a, dtype=a.dtype), digits)
    x, xt = x.astype("float32"), xt.astype("float32")
    relu = jb.elementwise(jax.nn.relu)
    layers = [jb.dense(n, bias_init=None) for n in (128, 64, 10)]
    net = jb.serial(layers[0], relu, layers[1], relu, layers[2])
    rule, optimizer = jb.backprop(net, CE), optax.sgd(0.1, momentum=0.5)
    tasks = [tuple(a[np.isin(y, (i, i + 1))][:250] for a in (x, y)) for i in range(0, 10, 2)]
    xs, ys = map(jnp.stack, zip(*tasks, strict=True))

    def windows(key, image):
        """The mean of what was seen, through a random window of 4 by 4 at each step."""
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
                net, state.params, windows(now, seen / n), key=jax.random.fold_in(now, 1),
                thresholds=(0.5, 0.5, 0.5), increase=increase, decrease=decrease,
            )  # fmt: skip
            return (state._replace(params=params), seen, n + 1), fired

        state = jb.init_state(rule, optimizer, x[0], key=new_key())
        start = state, jnp.zeros(64, "float32"), jnp.float32(1)
        (state, _, _), fired = jax.lax.scan(task, start, (xs, ys))
        return jb.evaluate(net, state.params, (xt, yt), {"a": jb.accuracy})["a"], fired[-1]

    rates = jnp.array([0.0, 1e-3], "float32")
    right, fired = jax.jit(jax.vmap(life))(rates, rates)
    assert right[0] < 0.25  # steps of nothing: awake
    assert right[1] > 0.35
    assert jnp.all((fired > 1e-3) & (fired < 0.5))


def test_sleep_refuses_what_it_cannot_run():
    params = ({"kernel": jnp.ones((2, 3))},)
    net, key = jb.serial(jb.dense(3)), jax.random.key(0)
    with pytest.raises(ValueError, match="thresholds must be 1, one for each dense layer, got 2"):
        sleep_replay(net, params, jnp.ones((4, 2)), key=key, thresholds=(1.0, 1.0))
    with pytest.raises(ValueError, match=r"rates must be \[steps, inputs\] with 2 inputs"):
        sleep_replay(net, params, jnp.ones(2), key=key, thresholds=(1.0,))
    with pytest.raises(ValueError, match="sleep_replay runs on dense layers, and layer 0 is conv"):
        sleep_replay(jb.serial(jb.conv(2, 2)), ({},), jnp.ones((4, 2)), key=key, thresholds=())
