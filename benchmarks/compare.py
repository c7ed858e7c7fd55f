"""`python -m benchmarks.compare OLD NEW`: what became slower or faster, as written by --json.

A figure with a reference row, hand-written JAX, is compared as a ratio to it, because the speed of
a machine drifts. The exit status is 1 if something is slower, 2 if a file cannot be read.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.results import COLUMNS, Table, read


class Change(NamedTuple):
    """A figure in two files; factor is new / old, above 1 for slower."""

    place: str
    old: float
    new: float
    factor: float


def figures(table: Table) -> dict[tuple[str, str], float]:
    """The figures to compare by row and column, relative to the reference row if there is one."""
    base = table.rows.get(table.reference or "", {})
    found = {}
    for label, row in table.rows.items():
        for name, column in COLUMNS.items():
            figure = row.get(name, math.nan)
            if not column.less or not math.isfinite(figure):
                continue
            relative = row.get(column.ratio or "", figure / (base.get(name) or math.nan))
            if math.isfinite(relative):
                found[label, f"{column.heading}, x reference"] = relative
            else:
                found[label, column.heading] = figure
    return found


def compare(old: dict[str, Table], new: dict[str, Table]) -> tuple[list[Change], list[str]]:
    """The changes of all figures in both, largest factor first, and what stands in one alone."""
    changes, alone = [], []
    for name in [*old, *(n for n in new if n not in old)]:
        if name not in old or name not in new:
            alone.append(f"{name}: only in {'OLD' if name in old else 'NEW'}")
            continue
        before, after = figures(old[name]), figures(new[name])
        for place in [*before, *(p for p in after if p not in before)]:
            where = f"{name}: {place[0]}: {place[1]}"
            if place not in before or place not in after:
                alone.append(f"{where}: only in {'OLD' if place in before else 'NEW'}")
            else:
                was, now = before[place], after[place]
                factor = now / was if was else (math.inf if now else 1.0)
                changes.append(Change(where, was, now, factor))
    return sorted(changes, key=lambda change: -change.factor), alone


def listed(title: str, changes: list[Change]) -> str:
    """Some changes, one a line."""
    lines = [f"  {c.place}: {c.old:.4g} -> {c.new:.4g}, x {c.factor:.2f}" for c in changes]
    return "\n".join([f"{title}: {len(changes)}", *lines])


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.add_argument("--within", type=float, default=10, metavar="PERCENT",
                        help="smaller changes are not shown; default 10")  # fmt: skip
    options = parser.parse_args(arguments)
    if not options.within >= 0:
        parser.error(f"--within must be a percentage from 0 on, got {options.within}")
    try:
        (was, old), (now, new) = read(options.old), read(options.new)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for name in ("machine", "versions"):
        if was.get(name) != now.get(name):
            print(f"{name} differ:\n  OLD {was.get(name)}\n  NEW {now.get(name)}")
    changes, alone = compare(old, new)
    most = 1 + options.within / 100
    slower = [change for change in changes if change.factor > most]
    print(listed(f"slower by more than {options.within:g} %", slower))
    faster = [change for change in reversed(changes) if change.factor < 1 / most]
    print(listed(f"faster by more than {options.within:g} %", faster))
    print(f"within {options.within:g} %: {len(changes) - len(slower) - len(faster)}")
    for line in alone:
        print(f"not compared, {line}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
