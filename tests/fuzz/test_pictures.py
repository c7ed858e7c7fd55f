"""Pictures: of any array a figure, or a refusal in jaxbrain's words that leaves none open."""

import warnings

import hypothesis.strategies as st
import numpy as np
import pytest

from tests import pictures
from tests.fuzz.changes import CHANGES, changing
from tests.fuzz.strategies import fuzz, in_our_words
from tests.pictures import CALLS

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.usefixtures("no_figures_left")
FEW = pytest.param(2, id="few")
MANY = pytest.param(60, id="many", marks=pytest.mark.slow)
# the first three arrays of a phase portrait are the params of a cell, which has its own words
FIRST = {"phase_portrait": 3}


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("examples", [FEW, MANY])
def test_a_picture_is_drawn_or_refused(name, examples):
    first = FIRST.get(name, 0)

    @fuzz(st.integers(first, first + 3), st.sampled_from(sorted(CHANGES)), examples=examples)
    def check(which, change):
        pictures.RNG = np.random.default_rng(0)  # the same data for every change
        with warnings.catch_warnings(action="ignore"):  # of nan, by matplotlib
            ax = in_our_words(CALLS[name], changing(which, change))
            if ax is None:
                assert plt.get_fignums() == [], "refused, and a figure is left open"
            else:
                ax.figure.canvas.draw()
        plt.close("all")

    check()
