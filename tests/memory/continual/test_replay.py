"""Replay: the buffer keeps every item with the same probability; batches are mixed."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.memory import replay_buffer, with_replay
from jaxbrain.memory.continual import replay
from tests.compilations import programs
from tests.theory import CE, distance, mlp, problem

pytestmark = pytest.mark.x64


CAPACITY, SEEN, TRIALS = 8, 40, 4000


new_key = partial(jax.random.key, 2)


def kept(stream):
    """Number of TRIALS keys for which each item is in the buffer at the end ``[SEEN]``."""
    stores = jax.jit(jax.vmap(stream))(jax.random.split(jax.random.key(0), TRIALS))
    return np.bincount(np.asarray(stores).ravel(), minlength=SEEN)


def chi_square(counts):
    """Against equal probabilities; the expectation is about SEEN - 1."""
    share = CAPACITY / SEEN
    return np.sum((counts - share * TRIALS) ** 2) / (TRIALS * share * (1 - share))


def in_blocks(key, sizes):
    buffer, start = replay_buffer(CAPACITY, jnp.int32(0)), 0
    for i, n in enumerate(sizes):
        items = jnp.arange(start, start + n, dtype="int32")
        buffer, start = replay.add(jax.random.fold_in(key, i), buffer, items), start + n
    return buffer.items


def one_by_one(key):
    def step(buffer, item):
        return replay.add(jax.random.fold_in(key, item), buffer, item[None]), None

    start = replay_buffer(CAPACITY, jnp.int32(0))
    return jax.lax.scan(step, start, jnp.arange(SEEN, dtype="int32"))[0].items


def newest(key):
    return jnp.arange(SEEN - CAPACITY, SEEN, dtype="int32")


def biased(key):
    """Each item is stored, in a random place once the buffer is full."""

    def step(items, item):
        place = jax.random.randint(jax.random.fold_in(key, item), (), 0, CAPACITY)
        return items.at[place].set(item), None

    start, later = jnp.arange(CAPACITY, dtype="int32"), jnp.arange(CAPACITY, SEEN, dtype="int32")
    return jax.lax.scan(step, start, later)[0]


@pytest.mark.parametrize(
    "stream",
    [partial(in_blocks, sizes=(40,)), partial(in_blocks, sizes=(5, 1, 20, 14)), one_by_one],
    ids=["one block", "blocks", "one by one"],
)
def test_every_item_is_kept_with_the_same_probability(stream):
    counts = kept(stream)
    assert counts.sum() == CAPACITY * TRIALS
    assert chi_square(counts) < SEEN + 4 * np.sqrt(2 * SEEN)
    error = np.sqrt(TRIALS * 0.2 * 0.8)
    assert np.max(np.abs(counts - 0.2 * TRIALS)) < 4.5 * error


@pytest.mark.parametrize("stream", [newest, biased])
def test_other_buffers_fail_that_test(stream):
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
    buffer = add(jax.random.key(0), buffer, {"x": x[:7], "y": y[:7]})
    assert buffer.items["y"].tolist() == [*range(7), 0, 0, 0]
    assert int(buffer.filled) == int(buffer.seen) == 7
    buffer = add(jax.random.key(1), buffer, {"x": x[7:], "y": y[7:]})
    assert int(buffer.filled) == 10 and int(buffer.seen) == 30
    np.testing.assert_array_equal(buffer.items["x"][:, 0], 2 * buffer.items["y"])
    assert len(set(buffer.items["y"].tolist())) == 10


def test_samples_are_uniform_over_the_filled_part():
    items, empty = jnp.arange(1, 6, dtype="int32"), replay_buffer(10, jnp.int32(0))
    buffer = replay.add(jax.random.key(0), empty, items)
    drawn = np.asarray(replay.sample(jax.random.key(1), buffer, 5000))
    counts = np.bincount(drawn, minlength=6)
    assert counts[0] == 0 and len(counts) == 6
    assert np.max(np.abs(counts[1:] - 1000)) < 4 * np.sqrt(5000 * 0.2 * 0.8)


def test_old_examples_count_as_many_times_as_they_are_drawn():
    """A linear unit without weight: the loss is the mean of y^2 / 2 over new and old."""
    rule = jb.backprop(jb.dense(1, bias_init=None), jb.losses.half_mse)
    empty = replay_buffer(20, (jnp.zeros(1), jnp.zeros(1)))
    old = replay.add(jax.random.key(0), empty, (jnp.ones((4, 1)), jnp.full((4, 1), 2.0)))
    params, x, y = {"kernel": jnp.zeros((1, 1))}, jnp.ones((2, 1)), jnp.array([[0.0], [6.0]])
    for buffer, n, want in ((old, 3, (18 + 3 * 2) / 5), (empty, 2, 9.0)):
        grads = jax.jit(with_replay(rule, buffer, n=n).grads)
        loss, gradient, _ = grads(params, (), x, y, key=jax.random.key(1))
        assert float(loss) == pytest.approx(want)
        mean = (6 + 3 * 2) / 5 if buffer is old else 3.0
        assert float(gradient["kernel"][0, 0]) == pytest.approx(-mean)


@pytest.mark.slow
def test_a_mixed_batch_is_the_mean_over_new_and_old():
    net = mlp(jnp.tanh)
    params, x, y = problem(net, CE)
    rule, old = jb.backprop(net, CE), (x[5:6], y[5:6])
    empty = replay_buffer(20, (x[0], y[0]))
    one = replay.add(jax.random.key(0), empty, old)
    new = x[:2], y[:2]
    found = jax.jit(with_replay(rule, one, n=3).grads)(params, (), *new, key=new_key())
    joint = [jnp.concatenate([a, *[b] * 3]) for a, b in zip(new, old, strict=True)]
    plain = jax.jit(rule.grads)
    want = plain(params, (), *joint)
    np.testing.assert_allclose(found[0], want[0], rtol=1e-12)
    assert distance(found[1], want[1]) < 1e-12
    without = plain(params, (), *new)
    assert distance(found[1], without[1]) > 0.1
    own = jax.jit(with_replay(rule, empty, n=4).grads)(params, (), *new, key=new_key())
    assert distance(own[1], without[1]) < 1e-12


def fit_from(params, buffer):
    """Everything new but equal; number of compiled programs, and the params at the end."""
    net = mlp(jnp.tanh)
    _, x, y = problem(net, CE)
    rule = with_replay(jb.backprop(net, CE), buffer, n=4)
    state = jb.init_state(rule, optax.sgd(0.1), x[0], key=new_key(), params=params)
    options = {"key": jax.random.key(0), "epochs": 2, "batch_size": None}
    with programs() as found:
        state, _ = jb.fit(rule, optax.sgd(0.1), (x, y), state=state, **options)
    return found.compiled, state.params


def test_another_buffer_traces_nothing_and_is_not_the_cached_one():
    params, x, y = problem(mlp(jnp.tanh), CE)
    empty = replay_buffer(20, (x[0], y[0]))
    compiled, without = fit_from(params, empty)
    assert compiled > 0
    for items in ((x, y), (-x, y)):
        compiled, after = fit_from(params, replay.add(new_key(), empty, items))
        assert compiled == 0
        assert distance(after, without) > 1e-3
        without = after


def test_wrong_arguments_are_refused():
    buffer = replay_buffer(4, (jnp.zeros(3), jnp.int32(0)))
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="capacity must be a positive integer, got 0"):
        replay_buffer(0, jnp.zeros(3))
    with pytest.raises(ValueError, match=r"of a single item take item\[None\]"):
        replay.add(key, buffer, (jnp.zeros(3), jnp.int32(0)))
    with pytest.raises(ValueError, match="items must be rows"):
        replay.add(key, buffer, (jnp.zeros((2, 4)), jnp.zeros(2, "int32")))
    with pytest.raises(ValueError, match="the buffer is empty"):
        replay.sample(key, buffer, 2)
    rule = jb.backprop(jb.dense(1), CE)
    with pytest.raises(ValueError, match="with_replay needs a key"):
        with_replay(rule, buffer, n=2).grads({}, (), jnp.zeros((1, 3)), jnp.zeros(1, "int32"))
    with pytest.raises(TypeError, match="must be pairs"):
        with_replay(rule, replay_buffer(4, jnp.zeros(3)), n=2)
    with pytest.raises(TypeError, match=r"rule must be a LearningRule .*, got .*; choose"):
        with_replay(jb.dense(1), buffer, n=2)
