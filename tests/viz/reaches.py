"""Eight reaches of minimum jerk, as pictures draw them."""

import numpy as np

WAYS = np.arange(8) * np.pi / 4


CENTER = np.array([0.0, 0.4])


TARGETS = CENTER + 0.1 * np.stack([np.cos(WAYS), np.sin(WAYS)], axis=1)


T = np.linspace(0, 1, 41)


PATHS = CENTER + (10 * T**3 - 15 * T**4 + 6 * T**5)[:, None] * (TARGETS - CENTER)[:, None]
