"""Finished cells in a JSON file, written after each, so that an interrupted run resumes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import write_whole
from benchmarks.rules_table.cells import Cell
from benchmarks.rules_table.columns import NETWORKS, PROTOCOLS

Column = dict[str, Any]


def load(path: Path) -> dict[str, Column]:
    """The columns by ``data/network``; none if there is no file.

    Raises:
        ValueError: The file holds something else.
    """
    if not path.exists():
        return {}
    try:
        columns = json.loads(path.read_text())["columns"]
        if all(set(column) == {"protocol", "cells"} for column in columns.values()):
            return columns
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{path} holds no cells of python -m benchmarks.rules_table: give another one")


def save(path: Path, columns: dict[str, Column]) -> None:
    """The file of `load`."""
    write_whole(path, json.dumps({"columns": columns}, indent=1, sort_keys=True) + "\n")


def column_of(columns: dict[str, Column], data: str, network: str) -> Column:
    """The column of a data set and a network, new or begun by the present protocol.

    Raises:
        ValueError: Its cells were made by another protocol, so that no new one may stand next to
            them.
    """
    layers = {"network": NETWORKS[network].layers}
    ours = json.loads(json.dumps(PROTOCOLS[data]._asdict() | layers))
    name = f"{data}/{network}"
    column = columns.setdefault(name, {"protocol": ours, "cells": {}})
    theirs = column["protocol"]
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise ValueError(
                f"{name}: its finished cells have {key} {theirs.get(key)}, this run has {value}; "
                "give --results another file"
            )
    return column


def open_cells(column: Column, names: Sequence[str]) -> list[str]:
    """Those of the names that are not finished."""
    return [name for name in names if name not in column["cells"]]


def add(path: Path, columns: dict[str, Column], column: Column, name: str, cell: Cell) -> None:
    """Keep a finished cell, in memory and in the file."""
    column["cells"][name] = cell
    save(path, columns)
