"""The external memory against NumPy, as a tape, and at zeros and infinities."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.memory.episodic import external as ex
from tests.contract import close

pytestmark = pytest.mark.x64

new_key = partial(jax.random.key, 0)
SLOTS, WIDTH, INPUTS = 7, 4, 5
CELL = jb.memory.external_memory(SLOTS, WIDTH, shifts=2)


def scanned(cell, params, xs, project=True):
    made = cell.project(params, xs) if project else xs
    return jax.lax.scan(
        lambda carry, x: cell.step(params, carry, x), cell.carry(params, xs[0]), made
    )


def problem(steps=6, dtype="float64"):
    xs = jax.random.normal(new_key(), (steps, INPUTS), dtype)
    params = CELL.init(jax.random.key(1), xs[0])
    bias = jax.random.normal(jax.random.key(2), params["bias"].shape, dtype)
    return params | {"bias": bias}, xs


def rows(seed=0, slots=SLOTS):
    return np.random.default_rng(seed).normal(size=(slots, WIDTH))


def distribution(seed=3):
    w = np.random.default_rng(seed).uniform(size=SLOTS)
    return w / w.sum()


def by_hand(memory, before, head):
    """Equations 5 to 9 of the paper, in loops."""
    key, strength, gate, moves, power = (np.asarray(part) for part in head)
    norms = (np.maximum(np.linalg.norm(m, axis=-1), 1e-3) for m in (memory, key))
    content = np.exp(strength * (memory @ key) / np.prod(np.broadcast_arrays(*norms), axis=0))
    mixed = gate * content / content.sum() + (1 - gate) * before
    moved, most = np.zeros(len(mixed)), len(moves) // 2
    for i in range(len(mixed)):
        for m in range(-most, most + 1):
            moved[(i + m) % len(mixed)] += mixed[i] * moves[m + most]
    return moved**power / (moved**power).sum()


def test_content_weights_are_softmax_of_cosines():
    memory, key = rows(), np.array([0.3, -2.0, 0.1, 0.7])
    for strength in (0.0, 1.7, 30.0):
        score = memory @ key / np.linalg.norm(memory, axis=1) / np.linalg.norm(key)
        expected = np.exp(strength * score) / np.exp(strength * score).sum()
        w = ex.content_weights(jnp.asarray(memory), jnp.asarray(key), strength)
        np.testing.assert_allclose(w, expected, atol=1e-14)
    scaled = ex.content_weights(jnp.asarray(5 * memory), jnp.asarray(key / 9), 30.0)
    np.testing.assert_allclose(scaled, w, atol=1e-14)  # lengths do not matter


def test_a_lookup_in_unit_rows_is_softmax_attention():
    memory = rows() / np.linalg.norm(rows(), axis=1, keepdims=True)
    key = jnp.asarray(rows(1)[0] / np.linalg.norm(rows(1)[0]))
    found = ex.read(memory, ex.content_weights(jnp.asarray(memory), key, 4.0))
    query, rows_of_one_head = key[None, None, None], jnp.asarray(memory)[None, :, None]
    with jax.numpy_dtype_promotion("standard"):
        attended = jax.nn.dot_product_attention(query, rows_of_one_head, rows_of_one_head, scale=4)
    np.testing.assert_allclose(found, attended[0, 0, 0], atol=1e-12)
    longer = jnp.asarray(memory * np.linspace(1, 2, SLOTS)[:, None])  # cosines forget lengths
    plain = jax.nn.softmax(4.0 * longer @ key)
    assert np.abs(ex.content_weights(longer, key, 4.0) - plain).max() > 0.05


def test_a_shift_is_a_circular_convolution():
    w, moves = distribution(), np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    padded = np.r_[moves[2:], np.zeros(SLOTS - 5), moves[:2]]
    expected = np.fft.ifft(np.fft.fft(w) * np.fft.fft(padded)).real
    np.testing.assert_allclose(ex.shift(jnp.asarray(w), jnp.asarray(moves)), expected, atol=1e-15)
    onwards = ex.shift(jnp.asarray(w), jnp.array([0.0, 0.0, 1.0]))
    np.testing.assert_array_equal(onwards, np.roll(w, 1))


def test_sharpening():
    w = distribution()
    np.testing.assert_allclose(ex.sharpen(jnp.asarray(w), 1.0), w, atol=1e-15)
    np.testing.assert_allclose(ex.sharpen(jnp.asarray(w), 3.3), w**3.3 / (w**3.3).sum(), atol=1e-15)
    with_zeros = ex.sharpen(jnp.array([0.0, 0.25, 0.75]), 2.0)
    np.testing.assert_allclose(with_zeros, [0, 0.1, 0.9], atol=1e-15)
    np.testing.assert_allclose(ex.sharpen(jnp.asarray(w), 1e6), np.eye(SLOTS)[w.argmax()])


def test_erase_then_add_is_an_exact_overwrite():
    memory, add = jnp.asarray(rows()), jnp.array([5.0, -1.0, 0.1, 1e3])
    here, everything = jnp.eye(SLOTS)[2], jnp.ones(WIDTH)
    after = ex.write(memory, here, everything, add)
    np.testing.assert_array_equal(after, memory.at[2].set(add))
    for w, erase in ((0.9 * here, everything), (here, 0.9 * everything)):
        assert np.abs(ex.write(memory, w, erase, add)[2] - add).max() > 0.05
    w, erase = distribution(), np.array([0.1, 0.9, 0.0, 1.0])
    by_row = [m * (1 - wi * erase) + wi * np.asarray(add) for m, wi in zip(rows(), w, strict=True)]
    np.testing.assert_allclose(ex.write(memory, jnp.asarray(w), jnp.asarray(erase), add), by_row)


def test_the_cell_by_hand():
    """Every step of the cell from the interface that it projects, in NumPy; read after write."""
    params, xs = problem(steps=3)
    interface = jax.tree.map(np.asarray, CELL.project(params, xs))
    tape, ys = scanned(CELL, params, xs)
    memory, w, r = np.zeros((SLOTS, WIDTH)), np.eye(SLOTS)[0], np.eye(SLOTS)[0]
    for t in range(len(xs)):
        now = jax.tree.map(lambda a: a[t], interface)  # noqa: B023
        w = by_hand(memory, w, now.write)
        gated = now.write_gate * w
        memory = memory * (1 - np.outer(gated, now.erase)) + np.outer(gated, now.add)
        r = by_hand(memory, r, now.read)
        np.testing.assert_allclose(ys[t], r @ memory, atol=1e-12)
    close(tape, ex.Tape(*map(jnp.asarray, (memory, w, r))), rtol=1e-12, atol=1e-12)


def test_the_interface_by_hand():
    params, xs = problem(steps=1)
    made = np.asarray(xs[0] @ params["kernel"] + params["bias"])
    softplus, sigmoid = lambda v: np.log1p(np.exp(v)), lambda v: 1 / (1 + np.exp(-v))
    interface = jax.tree.map(lambda a: np.asarray(a[0]), CELL.project(params, xs))
    for start, head in ((0, interface.write), (12, interface.read)):
        part = made[start : start + 12]
        np.testing.assert_allclose(head.key, part[:4])
        np.testing.assert_allclose(head.strength, 100 * np.tanh(softplus(part[4]) / 100))
        np.testing.assert_allclose(head.gate, sigmoid(part[5]))
        np.testing.assert_allclose(head.shift, np.exp(part[6:11]) / np.exp(part[6:11]).sum())
        np.testing.assert_allclose(head.power, 1 + 100 * np.tanh(softplus(part[11]) / 100))
    np.testing.assert_allclose(interface.write_gate, sigmoid(made[24]))
    np.testing.assert_allclose(interface.erase, sigmoid(made[25:29]))
    np.testing.assert_allclose(interface.add, made[29:])


def heads(key, strength, gate, move):
    """Parameters of a head that looks for a key, or moves."""
    moves = jnp.zeros((len(key), 5)).at[:, 2 + move].set(1)
    ones = jnp.ones(len(key))
    return ex.Head(key, strength * ones, gate * ones, moves, ones)


@pytest.mark.parametrize("gate", [0.0, 0.3])
def test_a_tape_is_written_in_order_and_read_by_content(gate):
    """Six rows one after the other, then each by its content; a gate between blurs both."""
    data, n = jnp.asarray(rows(5, 6)), 6
    on, none, one = heads(0 * data, 0.0, gate, 1), jnp.zeros((n, WIDTH)), jnp.ones((n, WIDTH))
    params = CELL.init(new_key(), jnp.ones(INPUTS))

    def play(carry, interface):
        return jax.lax.scan(lambda c, x: CELL.step(params, c, x), carry, interface)

    start = CELL.carry(params, jnp.ones(INPUTS))
    tape, ys = play(start, ex.Interface(on, on, jnp.ones(n), one, data))
    find = heads(data, 1e4, 1.0, 0)
    tape, found = play(tape, ex.Interface(on, find, jnp.zeros(n), none, none))
    exact = gate == 0
    assert np.array_equal(tape.memory[1:], data) == exact
    assert np.allclose(ys, data, atol=1e-12) == exact
    assert np.allclose(found, data, atol=1e-12) == exact
    assert np.allclose(jnp.sum(tape.write_weights), 1, atol=1e-12)


def test_an_empty_row_has_a_value_and_a_gradient():
    memory = jnp.asarray(rows()).at[3].set(0)
    looked = jax.jit(lambda m, k, s: ex.content_weights(m, k, s) @ jnp.arange(float(SLOTS)))
    for m, k in ((memory, memory[0]), (0 * memory, memory[0]), (memory, 0 * memory[0])):
        value, grads = jax.value_and_grad(looked, argnums=(0, 1, 2))(m, k, 5.0)
        assert np.isfinite(value) and all(np.all(np.isfinite(g)) for g in grads)
        assert np.abs(grads[0]).max() < 1e5
    w = ex.content_weights(0 * memory, memory[0], 5.0)
    np.testing.assert_allclose(w, np.full(SLOTS, 1 / SLOTS), atol=1e-15)

    def naive(m, k):
        cosine = m @ k / (jnp.linalg.norm(m, axis=1) * jnp.linalg.norm(k))
        return jax.nn.softmax(cosine) @ jnp.arange(float(SLOTS))

    assert np.isnan(jax.grad(naive)(memory, memory[0])).any()  # the floor prevents this


def test_the_floor_changes_nothing_above_it():
    memory, key = jnp.asarray(rows()), jnp.asarray(rows(1)[0])
    low, high = (ex.content_weights(memory, key, 3.0, floor=f) for f in (1e-9, 0.5))
    np.testing.assert_array_equal(low, ex.content_weights(memory, key, 3.0))
    assert np.linalg.norm(rows(), axis=1).min() > 0.5
    np.testing.assert_array_equal(low, high)
    assert np.abs(ex.content_weights(memory, key, 3.0, floor=9.0) - low).max() > 1e-2


@pytest.fixture(scope="module")
def long_run():
    """200 steps of single precision: output, weights, and the gradient by params and inputs."""
    params, _ = problem(dtype="float32")

    @jax.jit
    def run(params, xs):
        def loss(params, xs):
            interface = CELL.project(params, xs)

            def step(carry, x):
                carry, y = CELL.step(params, carry, x)
                return carry, (y, x.write_gate * carry.write_weights, carry)

            start = CELL.carry(params, xs[0])
            seen = jax.lax.scan(step, start, interface)[1]
            return jnp.mean(jnp.square(seen[0])), seen

        return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(params, xs)

    return params, run


@pytest.mark.parametrize(("scale", "bias"), [(1, 0), (0, 0), (30, 0), (1e4, 0), (1, 1e30)])
@pytest.mark.slow
def test_200_steps_stay_finite(long_run, scale, bias):
    """Empty, ordinary and huge inputs, strengths and powers; the weights' sums do not drift."""
    params, run = long_run
    params = jax.tree.map(lambda p: p if scale else 0 * p, params)
    bounded = jnp.array([4, 11, 16, 23])  # the strengths and the powers
    params |= {"bias": params["bias"].at[bounded].add(bias)}
    xs = scale * jax.random.normal(new_key(), (200, INPUTS), "float32")
    (value, (ys, gated, carries)), grads = run(params, xs)
    assert value.dtype == ys.dtype == "float32"
    for leaf in jax.tree.leaves((value, ys, gated, carries, grads)):
        assert np.all(np.isfinite(leaf))
    assert jnp.min(gated) >= 0 and jnp.max(jnp.sum(gated, 1)) <= 1 + 1e-6
    for weights in carries[1:]:
        np.testing.assert_allclose(jnp.sum(weights, 1), 1, atol=1e-5)


def test_strength_and_power_are_bounded():
    params, xs = problem()
    params["bias"] = jnp.full_like(params["bias"], 1e300)
    interface = CELL.project(params, xs)
    for head in (interface.write, interface.read):
        np.testing.assert_allclose(head.strength, 100)
        np.testing.assert_allclose(head.power, 101)


@pytest.mark.slow
def test_gradients_are_right():
    params, xs = problem()
    way = jax.tree.map(lambda p: jnp.cos(7 * p), params)
    loss = jax.jit(lambda s: jnp.sum(
        jnp.sin(scanned(CELL, jax.tree.map(lambda p, w: p + s * w, params, way), xs)[1])
    ))  # fmt: skip
    slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(loss)(0.0), slope, rtol=1e-6)


def test_the_projection_may_be_left_to_the_step():
    params, xs = problem()
    before = scanned(CELL, params, xs)
    close(scanned(CELL, params, xs, project=False), before, rtol=1e-12, atol=1e-12)
    many = jnp.stack([xs[::-1], xs])
    both = jax.jit(jax.vmap(lambda xs: scanned(CELL, params, xs)))(many)
    close(jax.tree.map(lambda a: a[1], both), before, rtol=1e-12, atol=1e-12)


def test_equal_rows_stay_equal():
    """So the heads start at one row: from uniform weights no row ever differs from another."""
    params, xs = problem()
    start = CELL.carry(params, xs[0])
    np.testing.assert_array_equal(start.write_weights, np.eye(SLOTS)[0])
    uniform = jnp.full(SLOTS, 1 / SLOTS)
    interface = CELL.project(params, xs)
    ends = [
        jax.lax.scan(lambda c, x: CELL.step(params, c, x), begin, interface)[0].memory
        for begin in (start, start._replace(write_weights=uniform, read_weights=uniform))
    ]
    assert np.std(ends[0], axis=0).max() > 1e-3
    assert np.std(ends[1], axis=0).max() < 1e-12


def test_wrong_arguments_are_refused():
    make = jb.memory.external_memory
    for call, message in (
        (lambda: make(0, 3), "external_memory: slots must be a positive integer, got 0"),
        (lambda: make(5, 2.0), "external_memory: width must be an integer, got 2.0"),
        (lambda: make(5, 3, shifts=3), r"shifts must be from 0 to 2, .* got 3 for 5 slots"),
        (lambda: make(5, 3, shifts=1.0), "shifts must be an integer, got 1.0"),
        (lambda: make(5, 3, limit=0.0), "external_memory: limit must be positive"),
        (lambda: make(5, 3, floor=-1.0), "external_memory: floor must be positive"),
        (
            lambda: CELL.init(new_key(), jnp.ones((2, 3))),
            r"needs the input \[features\] of one step",
        ),
        (lambda: ex.shift(jnp.ones(3), jnp.ones(2)), "shift: moves must be an odd number"),
        (lambda: ex.shift(jnp.ones(3), jnp.ones(5)), r"at most one per row \(3\), got 5"),
        (lambda: CELL.project(problem()[0], jnp.ones((2, 6))), "made for 5 input features"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
