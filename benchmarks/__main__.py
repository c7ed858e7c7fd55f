"""`python -m benchmarks`: speed of jaxbrain, hand-written JAX and other libraries, in tables.

Every table is measured in fresh processes: first on one core by processor time, then on two by
wall time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import measure, results
from benchmarks.results import Table
from benchmarks.tables import TABLES


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE",
                        help=f"{', '.join(TABLES)}; default all, about an hour")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything here")
    parser.add_argument("--cores", type=int, nargs="+", choices=(1, 2), default=[1, 2],
                        help="passes; default 1 2")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds; default 7")
    parser.add_argument("--fresh-rounds", type=int, default=5,
                        help="of fresh processes; default 5")  # fmt: skip
    parser.add_argument("--least", type=float, default=0.05, metavar="SECONDS",
                        help="repeat shorter calls within a round; default 0.05")  # fmt: skip
    parser.add_argument("--only", nargs="+", metavar="NAME",
                        help="implementations of the training tables, or rules")  # fmt: skip
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.tables) - set(TABLES))
    if unknown:
        parser.error(f"unknown table {', '.join(unknown)}; choose from {', '.join(TABLES)}")
    if options.rounds < 1 or options.fresh_rounds < 1:
        parser.error("--rounds and --fresh-rounds must be at least 1")
    return options


def one_pass(name: str, cores: int, options: measure.Options) -> list[Table]:
    """The tables of one name, measured in a fresh process; one with a note if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tables.json")
        command = [sys.executable, "-m", "benchmarks.one_pass", name, str(cores)]
        done = subprocess.run(
            [*command, json.dumps(options._asdict()), str(path)], capture_output=True, text=True
        )
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["?"])[-1]
            return [Table(name, f"on {cores} core(s)", {}, notes=(f"failed: {why}",))]
        return list(results.read(path)[1].values())


def passes(name: str, cores: list[int], options: measure.Options) -> list[Table]:
    """The tables of one name, with the wall times of two cores where they were asked for."""
    found = {n: one_pass(name, n, options) for n in dict.fromkeys(cores)}
    if 1 not in found:
        return [results.merged(table._replace(rows={}), table) for table in found[2]]
    two = {table.name: table for table in found.get(2, [])}
    return [results.merged(t, two[t.name]) if t.name in two else t for t in found[1]]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print every table; write after each, so that an interruption keeps them."""
    options = parse(arguments)
    only = None if options.only is None else tuple(options.only)
    how = measure.Options(options.rounds, options.fresh_rounds, options.least, only)
    conditions = measure.conditions(how)
    print(f"{conditions['machine']}, {conditions['date']}")
    print(", ".join(f"{package} {version}" for package, version in conditions["versions"].items()))
    print("cpu: median processor time on one core with one BLAS thread; ratios are paired by round")
    found: list[Table] = []
    for name in options.tables or TABLES:
        tables = passes(name, options.cores, how)
        print("\n" + "\n\n".join(map(results.report, tables)), flush=True)
        found += tables
        if options.json:
            results.write(options.json, conditions, found)


if __name__ == "__main__":
    main()
