"""Generation tasks: the law of the targets."""

import numpy as np

from jaxbrain.tasks import (
    sine_generation,
)
from tests.tasks.statistics_of_trials import many


def test_sines_have_the_frequency_that_the_input_names():
    trials = many(sine_generation(frequencies=3, steps=100, longest=50.0, shortest=10.0), 60)
    names = np.asarray(trials.inputs)[:, 0, 0]
    assert len(set(names)) == 3
    for name, y in zip(names, np.asarray(trials.targets)[..., 0], strict=True):
        j = round((name - 0.25) * 3)
        assert np.abs(np.fft.rfft(y)).argmax() == round(100 * (1 / 50 + j * (1 / 10 - 1 / 50) / 2))
        assert abs(y[-1]) < 1e-3 and abs(np.abs(y).max() - 1) < 0.06
