"""Faults in the tables of the benchmarks and in their comparison."""

from tests.faults import Fault

COMPARE, MEASURE = "benchmarks/compare.py", "benchmarks/measure.py"
TABLE, TABLE_TESTS = "benchmarks/rules_table", "tests/benchmarks/rules_table"
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
    Fault(
        "the rate of a rule is chosen on the test examples",
        f"{TABLE}/cells.py",
        "problem.splits).validation",
        "problem.splits).test",
        f"{TABLE_TESTS}/test_cells.py",
    ),
    Fault(
        "the seeds of the result choose the rate",
        f"{TABLE}/cells.py",
        "protocol.seeds + jnp.arange(protocol.tuning_seeds)",
        "jnp.arange(protocol.tuning_seeds)",
        f"{TABLE_TESTS}/test_cells.py",
    ),
    Fault(
        "predictions of weights that are not finite count",
        f"{TABLE}/cells.py",
        'jnp.where(finite, found["accuracy"], jnp.nan)',
        'found["accuracy"]',
        f"{TABLE_TESTS}/test_cells.py",
    ),
    Fault(
        "the products of a loop count once",
        f"{TABLE}/products.py",
        "int(trips[1]) * called",
        "called",
        f"{TABLE_TESTS}/test_products.py",
    ),
    Fault(
        "the zeros of a dilated input are multiplied",
        f"{TABLE}/products.py",
        "// features // zeros",
        "// features",
        f"{TABLE_TESTS}/test_products.py",
    ),
    Fault(
        "the interval of few pairs is that of many",
        "benchmarks/paired.py",
        "stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)",
        "stats.norm.ppf((1 + CONFIDENCE) / 2)",
        "tests/benchmarks/test_paired.py",
    ),
    Fault(
        "finished cells are trained at every call",
        f"{TABLE}/__main__.py",
        "names if options.again else store.open_cells(column, names)",
        "names",
        f"{TABLE_TESTS}/test_store.py",
    ),
    Fault(
        "an interrupted writing loses all cells",
        "benchmarks/results.py",
        "os.replace(new, path)",
        "path.write_text(new.read_text())",
        f"{TABLE_TESTS}/test_store.py",
    ),
    Fault(
        "what is better than backprop is called worse",
        f"{TABLE}/page.py",
        "difference(ours, theirs)",
        "difference(theirs, ours)",
        f"{TABLE_TESTS}/test_page.py",
    ),
]
