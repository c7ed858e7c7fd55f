"""Areas: masks, signs and conduction delays."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxbrain.cells import conduction_delays, dale, modular

pytestmark = pytest.mark.x64
new_key = partial(jax.random.key, 0)


def test_areas_are_dense_inside_and_excitatory_between():
    sizes = {"PMd": 40, "M1": 50, "S1": 30}
    between = np.array([[0, 0.3, 0], [0.1, 0, 0.2], [0, 0, 0]])
    mask, signs, slices = modular(new_key(), sizes, within=0.8, between=between, excitatory=0.7)
    assert mask.shape == (120, 120) and not np.diag(mask).any()
    assert [s.stop - s.start for s in slices.values()] == [40, 50, 30]
    names = list(sizes)
    for i, pre in enumerate(names):
        positive = signs[slices[pre]] > 0
        assert positive.sum() == round(0.7 * sizes[pre]) and positive[0] and not positive[-1]
        for j, post in enumerate(names):
            block = mask[slices[pre], slices[post]]
            if i == j:
                assert block.sum() / (block.size - len(block)) == pytest.approx(0.8, abs=0.05)
            else:
                assert not block[~positive].any()
                assert block[positive].mean() == pytest.approx(between[i, j], abs=0.05)
    again = modular(new_key(), sizes, within=0.8, between=between, excitatory=0.7)
    np.testing.assert_array_equal(mask, again.mask)
    assert np.any(mask != modular(jax.random.key(1), sizes, within=0.8, between=between).mask)


REFUSED = [
    (lambda: dale(5, excitatory=1.5), "excitatory must be from 0 to 1, got 1.5"),
    (lambda: modular(new_key(), {"a": 0}), r"sizes\['a'\] must be a positive integer"),
    (lambda: modular(new_key(), {"a": 2}, within=2.0), "within must be from 0 to 1"),
    (lambda: modular(new_key(), {"a": 2}, between=-0.1), "between must be from 0 to 1"),
    (lambda: modular(new_key(), {"a": 2, "b": 2}, between=np.ones(2)), r"\(2, 2\), got \(2,\)"),
    (lambda: conduction_delays({"a": slice(0, 2)}, between=1, within=0), "must be positive"),
    (lambda: conduction_delays({"a": slice(1, 2)}, between=1), "slices must cover all units"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_sizes_are_a_mapping():
    with pytest.raises(TypeError, match="sizes must be a mapping"):
        modular(new_key(), [3, 4])
