"""Measures of analysis: of any arrays a result, or a refusal in jaxbrain's words."""

import hypothesis.strategies as st
import jax
import numpy as np
import pytest

from jaxbrain import analysis
from tests.fuzz.changes import FINITE, KINDS, SHAPES, VALUES, changed_in_turn
from tests.fuzz.strategies import arrays, fuzz, of_users, shapes_or_refusal
from tests.tables.measures import MEASURES, OTHER_MEASURES

# Gradients of complex weights have directions and norms, eigenvalues and carries may be complex,
# the outcome of a sweep is that of the user.
COMPLEX = {"angles", "norm_ratios", "classify", "field_sweep", "fixed_points"}
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if one.costly else [])
    for name, one in MEASURES.items()
]
number_of_examples = pytest.mark.parametrize(
    "examples", [pytest.param(3, id="few"), pytest.param(100, id="many", marks=pytest.mark.slow)]
)


def test_every_measure_stands_in_the_table():
    functions = {name for name in analysis.__all__ if name[0].islower()}
    assert functions == {*MEASURES, *OTHER_MEASURES}


@pytest.mark.parametrize("name", [name for name in NAMES if MEASURES[name.values[0]].traced])
@number_of_examples
def test_a_measure_answers_or_refuses_any_shape_and_dtype(name, examples):
    measure = MEASURES[name]

    @fuzz(st.tuples(*(arrays(shape, "float32") for shape in measure.shapes)), examples=examples)
    def check(given):
        shapes_or_refusal(measure.function, *given)

    check()


def example(shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def floats_of(result):
    """The floating numbers of a result, complex ones too."""
    leaves = map(np.asarray, jax.tree.leaves(result))
    return [a for a in leaves if a.dtype.kind in "fc"]


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_of_numbers_answers_or_refuses(name):
    """As they are, it does not refuse them: a fuzz of refusals alone would pass."""
    measure = MEASURES[name]
    right = list(map(np.abs, example(measure.shapes)))  # a speed is not negative
    right = right if name != "lesion_sweep" else [np.arange(2)]  # units
    unchanged, *changed = changed_in_turn(right, ("an axis more", "text", "nothing"))
    assert of_users(measure.function, *unchanged) is not None
    for given in changed:
        of_users(measure.function, *given)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("change", [*SHAPES, *KINDS])
def test_a_measure_takes_any_kind_of_array_or_refuses(name, change):
    measure = MEASURES[name]
    for given in list(changed_in_turn(example(measure.shapes), [change]))[1:]:
        found = of_users(measure.function, *given)
        assert change != "complex" or found is None or name in COMPLEX, "parts are lost"


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("change", FINITE)
def test_of_finite_numbers_a_measure_is_finite_or_known_to_be_undefined(name, change):
    measure = MEASURES[name]
    for given in changed_in_turn(example(measure.shapes), [change]):
        finite = all(np.isfinite(a).all() for a in floats_of(of_users(measure.function, *given)))
        assert finite or change in measure.undefined, given


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("change", VALUES)
def test_a_measure_refuses_what_is_not_finite_or_passes_it_on(name, change):
    measure = MEASURES[name]
    for given in list(changed_in_turn(example(measure.shapes), [change]))[1:]:
        found = of_users(measure.function, *given)
        lost = found is not None and all(np.isfinite(a).all() for a in floats_of(found))
        assert not lost or change in measure.known, given
