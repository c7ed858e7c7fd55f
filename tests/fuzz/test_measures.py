"""Measures of analysis: of any arrays a result, or a refusal in jaxbrain's words."""

import warnings

import hypothesis.strategies as st
import jax
import numpy as np
import pytest

from jaxbrain import analysis
from tests.fuzz.changes import CHANGES
from tests.fuzz.strategies import arrays, fuzz, in_our_words, shapes_or_refusal
from tests.tables.measures import MEASURES, OTHER_MEASURES


def test_every_measure_stands_in_the_table():
    functions = {name for name in analysis.__all__ if name[0].islower()}
    assert functions == {*MEASURES, *OTHER_MEASURES}


@pytest.mark.parametrize("name", [name for name, one in MEASURES.items() if one.traced])
def test_a_measure_answers_or_refuses_any_shape_and_dtype(name):
    function, shapes, _ = MEASURES[name]

    @fuzz(st.tuples(*(arrays(shape, "float32") for shape in shapes)), examples=3)
    def check(given):
        shapes_or_refusal(function, *given)

    check()


def example(shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def measured(function, given):
    """The result, or None where it is refused."""
    with (
        warnings.catch_warnings(action="ignore", category=UserWarning),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        return in_our_words(function, *given)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_of_numbers_answers_or_refuses(name):
    function, shapes, _ = MEASURES[name]
    for change in ("an axis more", "text", "nothing"):
        for which in range(len(shapes)):
            given = example(shapes)
            given[which] = CHANGES[change](given[which])
            measured(function, given)
