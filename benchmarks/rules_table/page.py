"""The page of the table, in Markdown, from the finished cells."""

from collections.abc import Sequence
from typing import Any

from benchmarks.paired import Difference, difference
from benchmarks.rules_table.cells import FLOOR, NAMES, Cell
from benchmarks.rules_table.columns import DATA_NAMES, NETWORKS, PROTOCOLS, Protocol
from benchmarks.rules_table.published import PUBLISHED
from benchmarks.rules_table.store import Column

NEAR = 0.5  # points
_REFERENCE = "backprop"
_COMMAND = "python -m benchmarks.rules_table --write docs/rules.md"


def page(columns: dict[str, Column]) -> str:
    """Protocol, one table for each network and data set, and the published numbers."""
    tables = [_section(columns, data, network) for data in DATA_NAMES for network in NETWORKS]
    lines = [f"| {p.rule} | {p.result} | {p.network} | {p.source} |" for p in PUBLISHED]
    return _PAGE.format(
        command=_COMMAND,
        progress=_progress(columns),
        protocols="\n".join(_protocol(data) for data in DATA_NAMES),
        networks="\n".join(f"- {a.title}: {a.layers}" for a in NETWORKS.values()),
        tables="\n".join(tables),
        published="\n".join(lines),
        made="\n".join(f"- {line}" for line in _made(columns)),
    )


def _progress(columns: dict[str, Column]) -> str:
    total = len(NAMES) * len(DATA_NAMES) * len(NETWORKS)
    done = sum(name in column["cells"] for column in columns.values() for name in NAMES)
    if done == total:
        return f"All {total} cells are finished."
    return (
        f"{done} of {total} cells are finished; the others are listed as open below their table. "
        "The same command trains them and keeps what is there."
    )


def _protocol(data: str) -> str:
    p = PROTOCOLS[data]
    train, validation, test = p.examples
    return (
        f"- {DATA_NAMES[data]}: {train:,} examples to train, {validation:,} to choose the rate, "
        f"{test:,} to test; {p.epochs} epochs of batches of {p.batch_size}, "
        f"{p.epochs * train // p.batch_size:,} updates; Adam at "
        f"{', '.join(f'{rate:g}' for rate in p.rates)}"
    )


def _section(columns: dict[str, Column], data: str, network: str) -> str:
    """Heading, table and remarks of one network on one data set."""
    column = columns.get(f"{data}/{network}", {"cells": {}})
    cells = {name: column["cells"][name] for name in NAMES if name in column["cells"]}
    lines = [f"## {DATA_NAMES[data]}, {NETWORKS[network].title}", ""]
    trained = {name: cell for name, cell in cells.items() if "refused" not in cell}
    if _REFERENCE in trained:
        protocol = PROTOCOLS[data]
        reference = trained[_REFERENCE]
        rows = [_row(name, cell, reference, protocol) for name, cell in trained.items()]
        lines += [*_HEAD, *rows, "", *_remarks(trained), ""]
    lines += _refusals(cells)
    missing = [name for name in NAMES if name not in cells]
    if missing:
        every = "all" if len(missing) == len(NAMES) else _listed(missing)
        lines += [f"Open: {every}.", ""]
    return "\n".join(lines)


_HEAD = (
    "| rule | accuracy, % | to backprop, points | angle: first | middle | last | rate | cost |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def _row(name: str, cell: Cell, reference: Cell, protocol: Protocol) -> str:
    angles = cell.get("angles") or [None] * 3
    figures = [
        _accuracy(cell, protocol),
        _to_reference(name, cell, reference),
        *("" if angle is None else f"{angle:.0f}" for angle in angles),
        _rate(cell, protocol),
        _cost(cell, reference),
    ]
    return f"| {_word(name)} | {' | '.join(figures)} |"


def _word(name: str) -> str:
    return name if name == FLOOR else f"`{name}`"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_word, names))


def _points(cell: Cell) -> list[float]:
    """Accuracies in percent of the seeds that did not diverge."""
    return [100 * a for a in cell["accuracy"] if a is not None]


def _accuracy(cell: Cell, protocol: Protocol) -> str:
    if not cell["accuracy"]:
        return "diverged at every rate"
    known = _points(cell)
    lost = len(cell["accuracy"]) - len(known)
    if lost:
        return f"diverged in {lost} of {len(cell['accuracy'])} seeds"
    mean = sum(known) / len(known)
    deviation = (sum((a - mean) ** 2 for a in known) / max(len(known) - 1, 1)) ** 0.5
    return f"{mean:.2f} ± {deviation:.2f}"


def _compared(cell: Cell, reference: Cell) -> Difference | None:
    """The difference in points where no seed diverged."""
    ours, theirs = _points(cell), _points(reference)
    whole = len(ours) == len(theirs) == len(reference["accuracy"])
    return difference(ours, theirs) if whole else None


def _to_reference(name: str, cell: Cell, reference: Cell) -> str:
    found = None if name == _REFERENCE else _compared(cell, reference)
    return "" if found is None else f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def _rate(cell: Cell, protocol: Protocol) -> str:
    rate = cell["rate"]
    if rate is None:
        return ""
    return f"{rate:g}" + ("\\*" if rate in (min(protocol.rates), max(protocol.rates)) else "")


def _cost(cell: Cell, reference: Cell) -> str:
    count = cell.get("multiplications")
    return "" if count is None else f"{count / reference['multiplications']:.2f}"


def _remarks(trained: dict[str, Cell]) -> list[str]:
    """The rules near backprop, and those that are no better than the floor."""
    reference = trained[_REFERENCE]
    others = [n for n in trained if n not in (_REFERENCE, FLOOR)]
    found = {n: d for n in others if (d := _compared(trained[n], reference)) is not None}
    groups = {
        f"Mean within {NEAR} points of backprop": [n for n in found if abs(found[n].mean) <= NEAR],
        "Better than backprop, the interval above 0": [n for n in found if found[n].low > 0],
        "Worse than backprop, the interval below 0": [n for n in found if found[n].high < 0],
    }
    if FLOOR in trained:
        floor = {n: _compared(trained[n], trained[FLOOR]) for n in found}
        words = f"Not better than backprop of the {FLOOR}"
        groups[words] = [n for n, d in floor.items() if d is not None and not d.low > 0]
    return [f"- {words}: {_listed(names) or 'none'}." for words, names in groups.items()]


def _refusals(cells: dict[str, Cell]) -> list[str]:
    """Each sentence with the rules that say it, as each begins with its name."""
    said: dict[str, list[str]] = {}
    for name, cell in cells.items():
        if "refused" in cell:
            said.setdefault(cell["refused"].removeprefix(name).lstrip(": "), []).append(name)
    lines = [f"- {_listed(names)}: {sentence}" for sentence, names in said.items()]
    return ["Refused:", "", *lines, ""] if lines else []


def _made(columns: dict[str, Any]) -> list[str]:
    """Date, versions and machine of all cells, each once, with the processor time."""
    seconds: dict[tuple[str, str, str], float] = {}
    for column in columns.values():
        for cell in column["cells"].values():
            key = cell["date"], cell["versions"], cell["machine"]
            seconds[key] = seconds.get(key, 0) + cell["processor_seconds"]
    return [f"{', '.join(key)}: {s / 60:.0f} minutes" for key, s in sorted(seconds.items())]


_PAGE = """\
# Learning rules: accuracy, angle to the gradient, cost

Every supervised rule of the library on three networks and two data sets, by one protocol. The page is
written by

    {command}

{progress}

## Protocol

- Every rule has its default options, softmax cross-entropy and Adam. Activation functions are tanh.
- The learning rate of a rule is the one of the best mean accuracy on the validation examples, over two
  seeds. Ten other seeds then train at this rate. The test examples are used once, for the accuracy.
- A seed gives all rules the same first weights and the same batches. "to backprop" is the mean difference
  of the ten pairs in points, with its 95 % interval (Student's t). Of 30 rules that are equal to backprop,
  one or two have an interval without 0 by chance.
- "angle" is that between the update and the gradient after training, in degrees, on a batch of
  validation examples, in the first, middle and last block with weights: 0 is the gradient, 90 is chance,
  and also a block that does not learn. Equilibrium propagation and contrastive Hebbian learning relax a
  network with feedback, and their angle is that to the gradient of the network without it.
- "cost" is the number of multiplications in the matrix products and convolutions of an update, counted in
  the compiled program, relative to backprop. A complex multiplication counts as four.
- A rate with \\* is the lowest or highest of the grid: another one may be better.
- "last layer only" is backprop of the last layer alone, with the other layers as they were drawn: a rule
  that is no better does not train its hidden layers.

{protocols}

{networks}

{tables}
## Published numbers

Networks, data, augmentation and epochs are those of the papers, so that the numbers compare rules within
a source, not with the tables above.

| rule | result, % | network | source |
| --- | --- | --- | --- |
{published}

## Conditions

Date, versions, machine, and processor time with compiling:

{made}
"""  # noqa: E501
