"""Data sets: generated in JAX, from scikit-learn, and from files; random splits."""

from jaxbrain.datasets.clothes import fashion_mnist
from jaxbrain.datasets.digit_signals import mnist1d
from jaxbrain.datasets.generated import circles, moons, spirals, xor
from jaxbrain.datasets.handwritten import digits
from jaxbrain.datasets.idx_format import idx
from jaxbrain.datasets.plain_text import text
from jaxbrain.datasets.splits import train_test_split
from jaxbrain.datasets.tables import Table, table

__all__ = [
    "Table",
    "circles",
    "digits",
    "fashion_mnist",
    "idx",
    "mnist1d",
    "moons",
    "spirals",
    "table",
    "text",
    "train_test_split",
    "xor",
]


def __dir__() -> list[str]:
    return __all__
