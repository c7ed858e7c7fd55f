"""Measures of analysis: of any arrays a result, or a refusal in jaxbrain's words."""

import warnings

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain import analysis
from tests.fuzz.changes import CHANGES, FINITE
from tests.fuzz.strategies import arrays, fuzz, in_our_words, shapes_or_refusal
from tests.tables.measures import MEASURES, OTHER_MEASURES

FEW = pytest.param(3, id="few")
MANY = pytest.param(100, id="many", marks=pytest.mark.slow)
number_of_examples = pytest.mark.parametrize("examples", [FEW, MANY])


def test_every_measure_stands_in_the_table():
    functions = {name for name in analysis.__all__ if name[0].islower()}
    assert functions == {*MEASURES, *OTHER_MEASURES}


@pytest.mark.parametrize("name", [name for name, one in MEASURES.items() if one.traced])
@number_of_examples
def test_a_measure_answers_or_refuses_any_shape_and_dtype(name, examples):
    function, shapes, _ = MEASURES[name]

    @fuzz(st.tuples(*(arrays(shape, "float32") for shape in shapes)), examples=examples)
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
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(("an axis more", "text", "nothing"), id="few"),
        pytest.param(tuple(CHANGES), id="many", marks=pytest.mark.slow),
    ],
)
def test_a_measure_of_numbers_answers_or_refuses(name, changes):
    function, shapes, _ = MEASURES[name]
    for change in changes:
        for which in range(len(shapes)):
            given = example(shapes)
            given[which] = CHANGES[change](given[which])
            measured(function, given)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("change", [*FINITE, "none"])
def test_of_finite_numbers_a_measure_is_finite_or_infinite_but_known(name, change):
    """nan is no answer: where a measure is not defined it is refused, or documented."""
    function, shapes, _ = MEASURES[name]
    for which in range(len(shapes)):
        given = example(shapes)
        given[which] = FINITE.get(change, np.asarray)(given[which])
        found = measured(function, given)
        for leaf in jax.tree.leaves(found):
            if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact):
                assert not np.isnan(leaf).any(), f"{name} of {change} in argument {which}"
