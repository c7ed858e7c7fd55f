"""Results of all benchmarks: one type of table, its report, and its JSON."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A figure of a row: its heading, its format, and the figure that stands for it in comparisons.

    Attributes:
        heading: In the report.
        form: Format specification.
        less: True where less is better, so that a comparison looks at it.
        ratio: The figure that holds its ratio to the reference row, measured round by round.
    """

    heading: str
    form: str
    less: bool = False
    ratio: str | None = None


COLUMNS = {
    "ms": Column("cpu ms", ",.3f", True, "ratio"),
    "least_ms": Column("least", ",.3f"),
    "ratio": Column("x limit", ".2f"),
    "least_ratio": Column("(of least)", ".2f"),
    "wall_ms": Column("wall", ",.3f"),
    "cores2_ms": Column("2 cores, wall ms", ",.3f", True, "cores2_ratio"),
    "cores2_ratio": Column("x limit", ".2f"),
    "later_ratio": Column("x jitted", ".2f", True),
    "first_s": Column("first call cpu s", ".2f", True),
    "xla_s": Column("of it XLA, wall s", ".2f"),
    "programs": Column("programs", "d"),
    "second_programs": Column("at second call", "d", True),
    "trace_s": Column("trace s", ".2f"),
    "lower_s": Column("lower s", ".2f"),
    "compile_s": Column("compile s", ".2f"),
    "whole_s": Column("all s", ".2f", True, "whole_ratio"),
    "whole_ratio": Column("x by hand", ".2f"),
    "equations": Column("StableHLO", ",d"),
    "instructions": Column("XLA", ",d"),
    "working_kib": Column("working KiB", ",.0f", True),
    "peak_kib": Column("peak KiB", ",.0f", True),
    "mib": Column("MiB", ",.1f", True),
    "import_s": Column("import cpu s", ".2f", True),
    "result_s": Column("first result cpu s", ".2f", True, "result_ratio"),
    "result_ratio": Column("x limit", ".2f"),
    "result_wall_s": Column("wall", ".2f"),
    "refit_ms": Column("refit cpu ms", ".2f", True),
    "peak_mb": Column("peak MB", ".0f", True),
    "mnist_mb": Column("peak MB mnist", ".0f", True),
    "theory": Column("x before, theory", ".1f"),
    "growth": Column("x before", ".1f"),
    "bptt_ms": Column("back-propagation ms", ".3f"),
    "alone_ms": Column("one by one cpu ms", ",.1f", True),
    "called_s": Column("as called, s", ",.0f", True),
    "apart": Column("difference", ".0e"),
    "loss": Column("loss", ".6f"),
    "solved": Column("solved", ".3f"),
}

Figures = dict[str, float]


class Table(NamedTuple):
    """What one benchmark found.

    Attributes:
        name: As on the command line, with what distinguishes several tables of one benchmark.
        title: The work, its size and its unit.
        rows: The figures of every implementation by its label; names of `COLUMNS`.
        reference: The label of the row that ratios refer to; None without one.
        notes: Lines below the table, such as libraries that are not installed.
    """

    name: str
    title: str
    rows: dict[str, Figures]
    reference: str | None = None
    notes: tuple[str, ...] = ()


def report(table: Table) -> str:
    """The table as aligned text, with those of `COLUMNS` that have figures, in their order."""
    shown = [name for name in COLUMNS if any(name in row for row in table.rows.values())]
    header = ["", *(COLUMNS[name].heading for name in shown)]
    lines = [
        [label, *(_cell(row.get(name), COLUMNS[name].form) for name in shown)]
        for label, row in table.rows.items()
    ]
    return "\n".join([f"{table.name}: {table.title}", aligned(header, lines), *table.notes])


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text with the first column aligned to the left and the others to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, ["-" * width for width in widths], *rows]:
        first, *others = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def _cell(figure: float | None, form: str) -> str:
    if figure is None or not math.isfinite(figure):
        return "-"
    return format(int(figure) if form.endswith("d") else figure, form)


def merged(one: Table, two: Table) -> Table:
    """A table measured on one core, with the wall times of the same table on two."""
    rows = {label: dict(row) for label, row in one.rows.items()}
    for label, row in two.rows.items():
        pairs = {"cores2_ms": row.get("wall_ms"), "cores2_ratio": row.get("wall_ratio")}
        found = {name: figure for name, figure in pairs.items() if figure is not None}
        rows.setdefault(label, {}).update(found)
    return one._replace(rows=rows, notes=tuple(dict.fromkeys([*one.notes, *two.notes])))


def write(path: Path, conditions: dict[str, Any], tables: Sequence[Table]) -> None:
    """All tables as JSON, with the conditions under which they were measured."""
    written = {**conditions, "tables": [table._asdict() for table in tables]}
    write_whole(path, json.dumps(written, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Replace the file at once: whoever kills the run finds the old or the new one."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    os.replace(new, path)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Table]]:
    """The conditions and the tables of a file of `write`.

    Raises:
        ValueError: The file is not one.
    """
    try:
        found = json.loads(path.read_text())
        tables = {t["name"]: Table(**{**t, "notes": tuple(t["notes"])}) for t in found["tables"]}
        for table in tables.values():
            for row in table.rows.values():
                row.update({name: float(figure) for name, figure in row.items()})
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} holds no results of python -m benchmarks --json FILE: {error!r}"
        ) from error
    return {name: value for name, value in found.items() if name != "tables"}, tables
