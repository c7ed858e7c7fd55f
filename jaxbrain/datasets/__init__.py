"""Data sets: generated in JAX, from scikit-learn, and from files."""

from jaxbrain.datasets.files import Table, idx, table, text
from jaxbrain.datasets.generated import circles, digits, moons, spirals, train_test_split, xor

__all__ = [
    "Table",
    "circles",
    "digits",
    "idx",
    "moons",
    "spirals",
    "table",
    "text",
    "train_test_split",
    "xor",
]


def __dir__() -> list[str]:
    return __all__
