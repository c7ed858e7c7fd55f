"""The table of planted faults fits the code: each text to replace stands once, each test exists."""

import ast

import pytest

from tests.faults.__main__ import ROOT, all_faults

FAULTS = all_faults()


def test_names_are_different_and_there_are_as_many_as_promised():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 80


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_planted(fault):
    text = (ROOT / fault.file).read_text()
    assert text.count(fault.right) == 1 and fault.wrong != fault.right
    ast.parse(text.replace(fault.right, fault.wrong))
    assert (ROOT / fault.tests.split("::")[0]).exists()
