"""One draw for all random numbers of a function: distributions, independence, keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import initializers
from scipy import stats

from jaxbrain.core.draws import in_one_draw

SHAPE = (60, 70)
CUT = stats.truncnorm(-2, 2)
# initializers with the distribution of their numbers, and its scale
INITIALIZERS = {
    "lecun_normal": (initializers.lecun_normal(), CUT, (1 / 60) ** 0.5 / CUT.std()),
    "he_normal": (initializers.he_normal(), CUT, (2 / 60) ** 0.5 / CUT.std()),
    "glorot_uniform": (initializers.glorot_uniform(), stats.uniform(-1, 2), (6 / 130) ** 0.5),
    "variance_scaling": (
        initializers.variance_scaling(3.0, "fan_out", "normal"), stats.norm, (3 / 70) ** 0.5,
    ),
    "normal": (initializers.normal(0.5), stats.norm, 0.5),
    "uniform": (initializers.uniform(0.5), stats.uniform, 0.5),
    "truncated_normal": (
        initializers.truncated_normal(0.5, lower=-1.0, upper=3.0), stats.truncnorm(-1, 3), 0.5,
    ),
    "of a user": (
        lambda key, shape, dtype: 3 * jax.random.laplace(key, shape, dtype), stats.laplace, 3.0,
    ),
}  # fmt: skip


def draws(program):
    return str(jax.make_jaxpr(program)(jax.random.key(0))).count("random_bits[")


def every(key):
    keys = zip(INITIALIZERS, jax.random.split(key, len(INITIALIZERS)), strict=True)
    return {name: INITIALIZERS[name][0](k, SHAPE, "float32") for name, k in keys}


@pytest.fixture(scope="module")
def drawn():
    """Samples of each initializer, from one draw."""
    assert draws(every) > 1 and draws(in_one_draw(every)) == 1
    return jax.tree.map(np.ravel, jax.jit(in_one_draw(every))(jax.random.key(7)))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_distribution_is_that_of_the_initializer(name, drawn):
    sample, (_, law, scale) = drawn[name], INITIALIZERS[name]
    assert stats.kstest(sample / scale, law.cdf).pvalue > 0.01
    assert stats.kstest(1.2 * sample / scale, law.cdf).pvalue < 1e-4
    np.testing.assert_allclose(sample.mean(), scale * law.mean(), atol=4 * sample.std() / 64)
    np.testing.assert_allclose(sample.std(), scale * law.std(), rtol=0.05)
    assert len(np.unique(sample)) > 0.99 * len(sample)
    low, high = law.support()
    assert scale * low <= sample.min() and sample.max() <= scale * high * (1 + 1e-6)


def test_what_is_drawn_is_independent(drawn):
    """Ranks of different pieces, and of a piece with itself shifted, are not correlated."""
    ranks = {name: stats.rankdata(sample) for name, sample in drawn.items()}
    pairs = [(a, b) for a in ranks for b in ranks if a < b]
    bound = 4.5 / np.sqrt(np.prod(SHAPE))
    for a, b in pairs:
        assert abs(np.corrcoef(ranks[a], ranks[b])[0, 1]) < bound
    for one in ranks.values():
        assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < bound
    assert np.corrcoef(ranks["normal"], ranks["normal"])[0, 1] > bound


def test_a_key_gives_its_numbers_and_another_key_others():
    draw = jax.jit(in_one_draw(lambda key: jax.random.normal(key, (50,))))
    a, again, b = (draw(jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, again)
    assert not np.any(a == b)
    many = jax.vmap(draw)(jax.vmap(jax.random.key)(jnp.arange(2)))
    np.testing.assert_allclose(many, [a, b], rtol=1e-5)


def test_orthogonal_matrices_are_orthogonal():
    def pair(key):
        keys = jax.random.split(key)
        return jax.vmap(lambda one: initializers.orthogonal()(one, (9, 9)))(keys)

    assert draws(in_one_draw(pair)) == 1
    a, b = jax.jit(in_one_draw(pair))(jax.random.key(0))
    for q in (a, b):
        np.testing.assert_allclose(q @ q.T, np.eye(9), atol=1e-5)
    assert abs(np.sum(a * b)) < 5


def test_equal_keys_give_equal_numbers():
    """A key that is derived again in the same way gives the same numbers, as it does in JAX."""

    def reused(key):
        keys = [jax.random.split(jax.random.clone(key))[i] for i in (0, 0, 1)]
        folded = [jax.random.fold_in(jax.random.clone(key), i) for i in (0, 0, 1)]
        return [jax.random.bits(k, (3,)) for k in keys + folded]

    with jax.debug_key_reuse(False):
        drawn = np.array(jax.jit(in_one_draw(reused))(jax.random.key(0)))
    np.testing.assert_array_equal(drawn[[0, 3]], drawn[[1, 4]])
    assert len(np.unique(drawn[[0, 2, 3, 5]])) == 12


def test_reuse_of_a_key_is_still_found():
    def wrong(key):
        return jax.random.normal(key), jax.random.uniform(key)

    with jax.debug_key_reuse(True), pytest.raises(jax.errors.KeyReuseError):
        in_one_draw(wrong)(jax.random.key(0))


def test_a_fixed_key_keeps_its_numbers():
    def fixed(key):
        return jax.random.bits(jax.random.key(5), (4,)), jax.random.bits(key, (4,))

    ours, drawn = jax.jit(in_one_draw(fixed))(jax.random.key(0))
    np.testing.assert_array_equal(ours, jax.random.bits(jax.random.key(5), (4,)))
    assert not np.any(drawn == ours)


def test_what_needs_a_key_gets_one_of_its_own():
    """Draws in a loop, a permutation, and keys and their data among the results."""

    def keyed(key):
        loop, order, own, data = jax.random.split(key, 4)
        step = lambda _, k: (None, jax.random.normal(k, (2,)))  # noqa: E731
        return {
            "loop": jax.lax.scan(step, None, jax.random.split(loop, 400))[1],
            "order": jax.random.permutation(order, 30),
            "key": own,
            "data": jax.random.key_data(data),
        }

    draw = jax.jit(in_one_draw(keyed))
    a, b = (draw(jax.random.key(seed)) for seed in (0, 1))
    assert stats.kstest(np.ravel(a["loop"]), "norm").pvalue > 0.01
    assert sorted(a["order"].tolist()) == list(range(30)) != a["order"].tolist()
    assert a["key"].dtype == jax.random.key(0).dtype and a["key"].shape == ()
    for part in ("loop", "order", "data"):
        assert not np.array_equal(a[part], b[part])
    assert not bool(a["key"] == b["key"])


@pytest.mark.x64
def test_all_widths_of_bits():
    dtypes = ("uint8", "uint16", "uint32", "uint64")

    def bits(key):
        *keys, last = jax.random.split(key, 5)
        drawn = {d: jax.random.bits(k, (67, 31), d) for d, k in zip(dtypes, keys, strict=True)}
        return {**drawn, "none": jax.random.normal(last, (0, 3))}

    drawn = jax.jit(in_one_draw(bits))(jax.random.key(0))
    assert drawn["none"].shape == (0, 3)
    for dtype in dtypes:
        x = np.asarray(drawn[dtype])
        assert x.dtype == dtype and x.shape == (67, 31)
        for bit in range(8 * x.itemsize):
            assert abs(np.mean((x >> np.array(bit, dtype)) & 1) - 0.5) < 0.05
        halves = np.corrcoef(np.ravel(x)[::2][:1000] / 2.0**63, np.ravel(x)[1::2][:1000] / 2.0**63)
        assert abs(halves[0, 1]) < 0.12


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_kinds_of_keys(impl):
    def pair(key):
        one, other = jax.random.split(key)
        return jax.random.bits(one, (3,)), other

    numbers, key = in_one_draw(pair)(jax.random.key(0, impl=impl))
    assert str(jax.random.key_impl(key)) == impl and len(np.unique(numbers)) == 3
    if impl == "threefry2x32":
        raw = in_one_draw(pair)(jax.random.PRNGKey(0))[0]
        np.testing.assert_array_equal(raw, numbers)
    with pytest.raises(TypeError, match="key must be a random key, got 0"):
        in_one_draw(pair)(0)
