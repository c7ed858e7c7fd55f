"""The page: rows, remarks, refusals and divergence from finished cells."""

from benchmarks.rules_table.columns import PROTOCOLS
from benchmarks.rules_table.page import page

LOW = PROTOCOLS["mnist1d"].rates[0]
MADE = {"date": "d", "machine": "m", "versions": "v", "processor_seconds": 60.0}
BACKPROP = {"accuracy": [0.60, 0.62, 0.64], "rate": 0.003, "multiplications": 10, "angles": [0] * 3}
CELLS = {
    "backprop": BACKPROP,
    "feedback_alignment": {
        "accuracy": [0.50, 0.53, 0.54], "rate": LOW, "multiplications": 25, "angles": [66.4, 42, 1],
    },
    "sign_symmetry": {**BACKPROP, "accuracy": [0.61, 0.63, 0.65]},
    "pepita": {**BACKPROP, "accuracy": [0.60, None, 0.64]},
    "weight_perturbation": {"accuracy": [], "rate": None, "multiplications": 20},
    "equilibrium_propagation": {"refused": "equilibrium_propagation needs one thing"},
    "contrastive_hebbian": {"refused": "contrastive_hebbian needs one thing"},
    "last layer only": {"accuracy": [0.50, 0.50, 0.55], "rate": 0.01},
}  # fmt: skip


def text():
    cells = {name: {**cell, **MADE} for name, cell in CELLS.items()}
    return page({"mnist1d/mlp": {"protocol": {}, "cells": cells}})


def test_a_row_has_accuracy_difference_angles_rate_and_cost():
    assert "| `backprop` | 62.00 ± 2.00 |  | 0 | 0 | 0 | 0.003 | 1.00 |" in text()
    # differences -10, -9, -10: mean -9.667, s = 0.577, t = 4.303 with two degrees of freedom
    row = "| 52.33 ± 2.08 | -9.67 [-11.10, -8.23] | 66 | 42 | 1 | 0.0003\\* | 2.50 |"
    assert f"| `feedback_alignment` {row}" in text()
    row = "| 51.67 ± 2.89 | -10.33 [-14.13, -6.54] |  |  |  | 0.01 |  |"
    assert f"| last layer only {row}" in text()


def test_divergence_is_said():
    assert "| `pepita` | diverged in 1 of 3 seeds |  |" in text()
    assert "| `weight_perturbation` | diverged at every rate |  |  |  |  |  | 2.00 |" in text()


def test_remarks_name_what_is_better_worse_and_no_better_than_the_floor():
    assert "- Better than backprop, the interval above 0: `sign_symmetry`." in text()
    assert "- Worse than backprop, the interval below 0: `feedback_alignment`." in text()
    assert "- Not better than backprop of the last layer only: `feedback_alignment`." in text()
    assert "- Mean within 0.5 points of backprop: none." in text()


def test_rules_that_are_refused_by_one_sentence_stand_together():
    assert "- `equilibrium_propagation`, `contrastive_hebbian`: needs one thing" in text()


def test_the_page_says_when_where_and_for_how_long():
    assert "- d, v, m: 8 minutes" in text()
