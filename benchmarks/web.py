"""`python -m benchmarks.web`: what pages compute, compared with JAX, and how fast.

Each program of `benchmarks.web_cases` is compiled to JavaScript and runs in Node. The table is
printed and written to docs/web.md.
"""

import argparse
import datetime
import gzip
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax

from benchmarks import node
from benchmarks.web_cases import CASES, Case, compare

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "web.md"
_HEAD = """\
# Programs in a page

`jaxbrain.web.javascript(function, *examples)` makes one JavaScript module of a function of JAX.
This table is written by `python -m benchmarks.web`: each program ran in Node and in JAX, on
{machine}, {versions}, {date}.

- **steps**: updates, each from the state of the one before, until the states are compared.
- **difference**: the largest difference of a number of the state (for a rule, of a parameter),
  relative to the largest number. At most 1e-4, and 1e-5 after one step, or the command fails.
  Random numbers are equal, bit for bit.
  One step is compared where rounding errors grow: with equilibrium propagation and LIF neurons,
  JAX itself ends 2 to 7 % away after 200 steps from a start that differs by 1e-7.
- **kB**, **gzip**: the size of the module, and after gzip.
- **steps a second**: of processor time in Node.

Rules train a network 4-8-8-2 (tanh) on a batch of 32 with Adam, but for those with a note; the
network 2-8-8-1 has one output. Memories keep 3 patterns of 40 units and recall one with 3 wrong
signs. Cells have 8 units and are trained over 10 steps of time, in batches of 8.

| program | steps | difference | kB | gzip | steps a second | note |
| --- | ---: | ---: | ---: | ---: | ---: | --- |
"""


class Row(NamedTuple):
    """A line of the table."""

    name: str
    case: Case
    difference: float
    size: int
    packed: int
    rate: float

    def text(self) -> str:
        """The line in Markdown."""
        sizes = f"{self.size / 1e3:.0f} | {self.packed / 1e3:.1f}"
        return (
            f"| {self.name} | {self.case.steps} | {self.difference:.0e} | {sizes} | "
            f"{self.rate:,.0f} | {self.case.note} |"
        )


def measured(name: str, case: Case, seconds: float) -> Row:
    """One program, in Node and in JAX."""
    job = case.job(seconds)
    (done,) = node.run([job])
    packed = len(gzip.compress(done.text.encode(), mtime=0))
    return Row(name, case, compare(case, done, job), len(done.text), packed, done.rate)


def head() -> str:
    """What stands above the table."""
    assert node.NODE is not None
    version = subprocess.run([node.NODE, "--version"], capture_output=True, text=True, check=True)
    versions = f"Node {version.stdout.strip()[1:]}, jax {jax.__version__}"
    today = datetime.date.today().isoformat()
    return _HEAD.format(machine=platform.machine(), versions=versions, date=today)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the table; the exit status is 1 if a difference is too large."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="programs; writes no file")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement; default 3")
    options = parser.parse_args(arguments)
    if node.NODE is None:
        parser.error("Node is not installed: apt-get install nodejs")
    unknown = sorted(set(options.only or ()) - set(CASES))
    if unknown:
        parser.error(f"unknown program {', '.join(unknown)}; choose from {', '.join(CASES)}")
    text, failed = head(), []
    print(text, end="", flush=True)
    for name in options.only or CASES:
        row = measured(name, CASES[name], options.seconds)
        print(row.text(), flush=True)
        text += row.text() + "\n"
        if not row.difference <= row.case.tolerance:
            failed.append(name)
    if not options.only:
        DOCUMENT.write_text(text)
    if failed:
        sys.exit(f"too large a difference: {', '.join(failed)}")


if __name__ == "__main__":
    main()
