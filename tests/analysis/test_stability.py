"""Stability of fixed points of discrete maps: kinds, time constants, frequencies."""

import pytest

from jaxbrain.analysis import classify


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.5, 0.2], "stable node"),
        ([-0.5, 0.2], "stable focus"),  # jumps across
        ([0.9, 0.2 + 0.3j, 0.2 - 0.3j], "stable node"),  # the last way in is straight
        ([0.2, 0.6 + 0.3j, 0.6 - 0.3j], "stable focus"),
        ([1.01, 0.99], "saddle"),
        ([1.2, 1.1], "unstable node"),
        ([1.2j, -1.2j], "unstable focus"),
        ([1.0, 0.5], "marginal"),
        ([1.0, 1.5, 0.5], "saddle"),
        ([1.0, 1.5], "saddle"),
    ],
)
def test_kinds(values, kind):
    assert classify(values) == kind
