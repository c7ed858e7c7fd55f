"""Faults in the tables of the benchmarks and in their comparison."""

from tests.faults import Fault

COMPARE, MEASURE = "benchmarks/compare.py", "benchmarks/measure.py"
FAULTS = [
    Fault(
        "what became slower is no failure",
        COMPARE,
        "return 1 if slower else 0",
        "return 0",
        "tests/benchmarks/test_compare.py",
    ),
    Fault(
        "a faster program is called slower",
        COMPARE,
        "factor = now / was if was",
        "factor = was / now if was",
        "tests/benchmarks/test_compare.py",
    ),
    Fault(
        "a slower machine is called a slower program",
        COMPARE,
        "figure / (base.get(name) or math.nan)",
        "math.nan",
        "tests/benchmarks/test_compare.py",
    ),
    Fault(
        "of several limits the slowest counts",
        MEASURE,
        "processor = [min(r)",
        "processor = [max(r)",
        "tests/benchmarks/test_measure.py",
    ),
]
