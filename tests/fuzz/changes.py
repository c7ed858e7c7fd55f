"""Changes of an array that a user may make by mistake: its values, its shape, its dtype."""

import itertools

import numpy as np


def _with(value):
    """The first value is replaced."""

    def change(a):
        a = np.array(a, float if a.dtype.kind in "biu" else None)
        a.flat[:1] = value
        return a.astype("float32") if a.dtype == float else a

    return change


VALUES = {
    "nan": _with(np.nan),
    "infinite": _with(np.inf),
    "all nan": lambda a: np.full(a.shape, np.nan, "float32"),
}
FINITE = {
    "zeros": np.zeros_like,
    "constant": lambda a: np.full_like(a, 3),
    "negative": lambda a: -np.abs(a.astype("float32")),
    "huge": lambda a: a * np.float32(1e30),
    "tiny": lambda a: a * np.float32(1e-30),
    "half": lambda a: a.astype("float16"),
    "double": lambda a: a.astype("float64"),
    "integers": lambda a: np.round(3 * a.real).astype("int32"),
    "yes or no": lambda a: a.real > 0,
}
SHAPES = {
    "nothing": lambda a: a[:0],
    "no columns": lambda a: a[..., :0],
    "one": lambda a: a[:1],
    "one less": lambda a: a[:-1],
    "one column": lambda a: a[..., :1],
    "an axis more": lambda a: a[None],
    "an axis less": lambda a: a[0],
    "a scalar": lambda a: a.reshape(-1)[0],
    "transposed": np.transpose,
}
KINDS = {
    "complex": lambda a: a + 1j,
    "text": lambda a: a.astype(str),
    "objects": lambda a: np.array([None] * len(a)),
    "missing": lambda a: None,
    "a list": lambda a: a.tolist(),
}
CHANGES = VALUES | FINITE | SHAPES | KINDS


def changing(which, change):
    """A function of arrays that changes the one of this number, of all that it is called with."""
    count = itertools.count()
    return lambda a: CHANGES[change](np.asarray(a)) if next(count) == which else np.asarray(a)


def changed_in_turn(given, changes):
    """The arrays with each of the changes, in one of them at a time; as they are comes first."""
    yield list(given)
    for change in changes:
        for which in range(len(given)):
            arrays = list(given)
            arrays[which] = CHANGES[change](arrays[which])
            yield arrays
