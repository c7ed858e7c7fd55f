"""Constants of each param by leaf: the same numbers when they are broadcast to the leaf."""

import numpy as np
import pytest

from jaxbrain.learning.online.param_leaves import in_leaves

SHAPES = {"bias": (3,), "kernel": (2, 3), "none": (0, 3), "scale": ()}
PARAMS = {name: np.ones(shape) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("width", [(), (2,), (2, 4)])
def test_numbers_come_back_by_leaf(width):
    numbers = np.random.default_rng(0).integers(0, 9, (10, *width))
    found = in_leaves(numbers, PARAMS)
    parts = {"bias": numbers[:3], "kernel": numbers[3:9], "scale": numbers[9:]}
    for name, part in parts.items():
        own = np.moveaxis(part, 0, -1).reshape((*width, *SHAPES[name]))
        np.testing.assert_array_equal(np.broadcast_to(found[name], own.shape), own)


def test_an_axis_without_change_has_the_size_one():
    rows = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 7])
    found = in_leaves(np.stack([rows, np.arange(10)], axis=1), PARAMS)
    assert found["kernel"].shape == (2, 2, 3)  # the second changes along the first axis
    assert in_leaves(rows, PARAMS)["kernel"].shape == (1, 3)
