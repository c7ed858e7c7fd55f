"""`python -m benchmarks.rules_table`: every supervised rule, three networks, two data sets.

Finished cells are kept in a JSON file, and the same command continues with those that are open.
With --write the page of the table is written from all cells that are finished.
"""

import argparse
import datetime
import math
import sys
import time
from pathlib import Path

import jax

import jaxbrain as jb
from benchmarks import measure
from benchmarks.rules_table import cells, columns, store
from benchmarks.rules_table.page import page

HERE = Path(__file__).parent


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules_table", description=__doc__)
    add = parser.add_argument
    add("--data", nargs="+", choices=columns.DATA_NAMES, default=list(columns.DATA_NAMES))
    add("--networks", nargs="+", choices=columns.NETWORKS, default=list(columns.NETWORKS))
    add("--only", nargs="+", choices=cells.NAMES, metavar="RULE", default=list(cells.NAMES),
        help="default all")  # fmt: skip
    add("--folder", type=Path, help="of the files of Fashion-MNIST, as for datasets.fashion_mnist")
    add("--results", type=Path, default=HERE / "results.json", metavar="FILE",
        help="the finished cells; default benchmarks/rules_table/results.json")  # fmt: skip
    add("--minutes", type=float, metavar="M", help="begin no cell later; 0 trains nothing")
    add("--most", type=float, default=math.inf, metavar="COST",
        help="leave rules open whose update costs more than this many of backprop's")  # fmt: skip
    add("--again", action="store_true", help="train finished cells too")
    add("--write", type=Path, metavar="PAGE", help="such as docs/rules.md")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train the open cells, then write the page."""
    options, began = parse(arguments), time.monotonic()
    try:
        found = store.load(options.results)
        for where in found:
            store.column_of(found, *where.split("/"))
        for data in options.data:
            for network in options.networks:
                train(found, data, network, options, began)
        if options.write:
            options.write.write_text(page(found))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"rules_table: {error}")


def train(
    found: dict[str, store.Column],
    data: str,
    network: str,
    options: argparse.Namespace,
    began: float,
) -> None:
    """The open cells of a column, while there is time."""
    where, column = f"{data}/{network}", store.column_of(found, data, network)
    names = [n for n in cells.NAMES if n in options.only]
    names = names if options.again else store.open_cells(column, names)
    problem = None
    for name in names:
        if options.minutes is not None and time.monotonic() - began >= 60 * options.minutes:
            return
        problem = problem or made(data, network, options.folder)
        unit = column["cells"].get("backprop", {}).get("multiplications", math.inf)
        cell = cells.measured(name, problem, options.most * unit)
        if cell is None:
            print(f"{where} {name}: left open, costs more than {options.most:g}", flush=True)
            continue
        cell |= conditions()
        store.add(options.results, found, column, name, cell)
        print(f"{where} {name}: {summary(cell)}", flush=True)


def made(data: str, network: str, folder: Path | None) -> cells.Problem:
    """The network and the data of a column."""
    architecture = columns.NETWORKS[network]
    splits = columns.splits(data, architecture.flat, folder)
    return cells.Problem(architecture.make(columns.axes(data)), splits, columns.PROTOCOLS[data])


def conditions() -> dict[str, str]:
    """When, where and with which versions a cell was made."""
    device = jax.devices()[0]
    where = measure.machine() if device.platform == "cpu" else device.device_kind
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": where,
        "versions": f"jaxbrain {jb.__version__}, jax {jax.__version__}",
    }


def summary(cell: cells.Cell) -> str:
    """A line for whoever waits."""
    if "refused" in cell:
        return f"refused: {cell['refused']}"
    known = [a for a in cell["accuracy"] if a is not None]
    mean = f"{100 * sum(known) / len(known):.2f} %" if known else "diverged"
    return f"{mean}, rate {cell['rate']}, {cell['processor_seconds']:.0f} s of processor time"


if __name__ == "__main__":
    main()
