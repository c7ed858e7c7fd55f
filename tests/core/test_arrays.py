"""The boundary of arrays: numbers of any library become an array, all else is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.arrays import as_array, is_numbers, on_device


class Column:
    """A column as pandas has it, with as much of its interface as is looked at."""

    def __init__(self, values, dtype, missing=0):
        self.values, self.dtype, self.missing = values, dtype, missing

    def to_numpy(self):
        return self.values

    def isna(self):
        return np.arange(len(self.values)) < self.missing


class Extended:
    """A dtype that pandas adds, such as Int64."""

    kind, numpy_dtype = "i", np.dtype("int64")

    def __str__(self):
        return "Int64"


class Category(Extended):
    def __str__(self):
        return "category"


class Table:
    """A table of columns; two of them may have one name."""

    def __init__(self, **columns):
        self.columns, self._parts = list(columns), list(columns.values())

    def to_numpy(self):
        raise AssertionError("a table is read column by column")

    @property
    def shape(self):
        return len(self._parts[0].values), len(self._parts)

    @property
    def iloc(self):
        parts = self._parts

        class Place:
            def __getitem__(self, at):
                return parts[at[1]]

        return Place()


class Tensor:
    """A tensor of PyTorch whose gradient is followed."""

    def __init__(self, values, followed):
        self.values, self.followed = values, followed

    def detach(self):
        return Tensor(self.values, False)

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        if self.followed:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.values


class Sparse:
    def toarray(self):
        return np.eye(2)


NUMBERS = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS,
        NUMBERS.tolist(),
        tuple(map(tuple, NUMBERS.tolist())),
        [list(map(np.float32, row)) for row in NUMBERS],
        [jnp.asarray(row) for row in NUMBERS],
        NUMBERS.astype(">f4"),
        NUMBERS.astype(">i2"),
        NUMBERS.astype(np.longdouble),
        np.ma.array(NUMBERS),
        np.ma.array(NUMBERS, mask=False),
        NUMBERS.T.copy().T,
        Tensor(NUMBERS, followed=True),
        Table(a=Column(NUMBERS[:, 0], NUMBERS.dtype), b=Column(NUMBERS[:, 1], NUMBERS.dtype)),
        Table(
            a=Column(np.array([1, 3], object), Extended()),
            b=Column(np.array([2.0, 4.0]), np.dtype("float64")),
        ),
        jnp.asarray(NUMBERS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_of_any_library(values):
    array = on_device("f", "x", values)
    assert isinstance(array, jax.Array)
    np.testing.assert_array_equal(np.asarray(array, "float32"), NUMBERS)
    assert as_array("f", "x", values).dtype.isnative


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ma.masked_equal(NUMBERS, 2.0), ["hides 1 of its 4 values", "x.filled(0.0)"]),
        ([np.ma.masked_equal(row, 2.0) for row in NUMBERS], ["hides 1 of its 4 values"]),
        ([1.0, np.ma.masked], ["hides 1 of its 2 values"]),
        ([[1, 2], [3]], ["differ in length", "pad"]),
        ([np.ones(2), np.ones(3)], ["differ in length"]),
        (NUMBERS.astype(object), ["dtype object", "np.asarray(x, float)"]),
        ([1, None], ["dtype object"]),
        (["a", "b"], ["dtype <U1", "np.unique"]),
        ("abc", ["dtype <U3"]),
        (None, ["got None"]),
        ((i for i in range(3)), ["generator"]),
        ({1, 2}, ["got {1, 2}"]),
        (len, ["got len"]),
        (np.zeros(3, "f4,f4"), ["stack its fields"]),
        (np.array(["2020-01-01"], "M8[D]"), ["datetime64", "count from a date"]),
        (Sparse(), ["sparse", "x.toarray()"]),
        (Table(a=Column(NUMBERS[:, 0], Category())), ["column 'a'", "category"]),
        (Table(a=Column(np.array(["u"]), np.dtype("O"))), ["column 'a'", "object"]),
        (Column(np.array([1, 2], object), Extended(), missing=1), ["1 missing", "fill"]),
        (1e300, ["does not fit into float32", "1e+300"]),
        ([2**40], ["int64", "does not fit into int32"]),
        (jax.random.key(0), ["random keys"]),
    ],
)
def test_what_is_refused(values, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        on_device("f", "x", values)
    message = str(caught.value)
    assert "f: x" in message and all(word in message for word in words), message
    assert len(message) < 250


def test_traced_values_pass():
    @jax.jit
    def traced(a):
        assert as_array("f", "x", a) is a and on_device("f", "x", a) is a
        with pytest.raises(TypeError, match=r"list of traced values; join them: jnp\.stack"):
            as_array("f", "x", [a, a])
        return a

    traced(jnp.ones(2))


def test_which_lists_are_one_array():
    assert is_numbers([1, 2]) and is_numbers([[1.0], [2.0]]) and is_numbers(["a"])
    assert not is_numbers([np.ones(2), np.ones(2)]) and not is_numbers(1) and not is_numbers(())
    assert not is_numbers({"a": [1]})


# --------------------------------------------- every boundary of the package has the same words

MASKED = np.ma.masked_equal(np.where(np.arange(24).reshape(6, 4) % 3, 1.0, -1.0), 1.0)
NET = jb.dense(2)
PARAMS = {"kernel": np.ones((4, 2), "float32"), "bias": np.zeros(2, "float32")}
RULE = jb.backprop(NET, jb.losses.mse)
OPTIMIZER = optax.sgd(0.1)
HOPFIELD = jb.memory.hopfield(storage=jb.memory.pseudo_inverse)
POINTS = np.ones((6, 2), "float32")
BOUNDARIES = {
    "apply": lambda a: NET.apply(PARAMS, a[0]),
    "init": lambda a: NET.init(jax.random.key(0), a[0]),
    "batch": lambda a: jb.batch(NET).apply(PARAMS, a),
    "grads": lambda a: RULE.grads(PARAMS, (), a, POINTS),
    "a target of grads": lambda a: RULE.grads(PARAMS, (), np.ones((6, 4), "float32"), a[:, :2]),
    "store": lambda a: HOPFIELD.store(a[:1]),
    "recall": lambda a: HOPFIELD.recall(np.eye(4, dtype="float32"), a[0]),
    "add": lambda a: HOPFIELD.add(np.eye(4, dtype="float32"), a[0]),
    "outer_product": lambda a: jb.memory.outer_product(a),
    "corrupt": lambda a: jb.memory.corrupt(jax.random.key(0), a[0], 0.5),
    "overlap": lambda a: jb.memory.overlap(a[0], np.ones(4)),
    "mask": lambda a: jb.memory.mask(a[0], 0.5),
    "fisher": lambda a: jb.memory.fisher(NET, jb.losses.half_mse, PARAMS, a),
    "lagged": lambda a: jb.analysis.lagged(a, (0,)),
    "r_squared": lambda a: jb.analysis.r_squared(a, a),
    "decode": lambda a: jb.analysis.decode(jb.analysis.ridge_decoder(), a, a),
    "dimensionality": lambda a: jb.analysis.dimensionality(a),
    "pca": lambda a: jb.analysis.pca(a, 1),
    "cka": lambda a: jb.analysis.cka(a, a),
    "classify": lambda a: jb.analysis.classify(a[0]),
    "field_sweep": lambda a: jb.analysis.field_sweep(lambda s: s, a[0]),
    "lateral_deviation": lambda a: jb.analysis.lateral_deviation(a[:, :2], (0, 0), (0, 1)),
    "ridge": lambda a: jb.learning.readout.ridge(a, POINTS),
    "poisson_encode": lambda a: jb.cells.poisson_encode(jax.random.key(0), a, 3),
    "latency_encode": lambda a: jb.cells.latency_encode(a, 3),
    "evaluate": lambda a: jb.evaluate(NET, PARAMS, (a, POINTS), {"e": jb.losses.mse}),
    "run": lambda a: jb.run(RULE, OPTIMIZER, (a, POINTS), key=jax.random.key(0), epochs=1),
    "fit": lambda a: jb.fit(RULE, OPTIMIZER, (a, POINTS), key=jax.random.key(0), epochs=1),
    "init_state": lambda a: jb.init_state(RULE, OPTIMIZER, a[0], key=jax.random.key(0)),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_mask_is_never_dropped(name):
    with pytest.raises(ValueError, match=r"hides \d+ of its \d+ values behind a mask"):
        BOUNDARIES[name](MASKED)


CONTROLS = ["apply", "batch", "store", "overlap", "lagged", "classify"]


@pytest.mark.parametrize("name", CONTROLS)
def test_a_mask_that_hides_nothing_and_the_other_byte_order(name):
    plain = np.asarray(MASKED.data, "float32")
    expected = BOUNDARIES[name](plain)
    for same in (np.ma.array(plain, mask=False), plain.astype(">f4")):
        for a, b in zip(
            jax.tree.leaves(BOUNDARIES[name](same)), jax.tree.leaves(expected), strict=True
        ):
            if isinstance(a, str) or not jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
                np.testing.assert_array_equal(a, b)
