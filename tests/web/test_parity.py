"""Rules, memories, cells, a synapse and an arm compute in Node what they compute in JAX."""

import pytest

from benchmarks import node
from benchmarks.web_cases import CASES, ONE_STEP_TOLERANCE, RULES, TOLERANCE, compare
from tests.javascript import needs_node
from tests.tables import MEMORIES, most_slow
from tests.tables import RULES as TABLE

ORDINARY = ("backprop, 2-8-8-1", "plastic synapse (Sanger)")


def test_the_table_has_every_rule_and_every_memory():
    assert set(RULES) == set(TABLE)
    memories = {name.partition(": ")[2].partition(",")[0].split(" ")[0] for name in CASES}
    assert {name.split(" ")[0] for name in MEMORIES} <= memories
    limits = {case.tolerance for case in CASES.values() if case.steps > 1}
    assert limits == {TOLERANCE}
    assert {case.tolerance for case in CASES.values() if not case.carries} == {ONE_STEP_TOLERANCE}
    assert all(case.note for case in CASES.values() if case.steps == 1)


@needs_node
@pytest.mark.parametrize("name", most_slow(CASES, ORDINARY))
def test_node_computes_what_jax_computes(name):
    case = CASES[name]
    job = case.job()
    (done,) = node.run([job])
    assert compare(case, done, job) <= case.tolerance
