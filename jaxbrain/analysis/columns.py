"""Text tables, for results that are printed layer by layer or rule by rule."""

from collections.abc import Sequence
from typing import Any

import jax

from jaxbrain.core.types import Network, Params


def columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text: the first column to the left, the others to the right.

    Examples:
      >>> print(columns(("rule", "accuracy"), [("backprop", "0.97")]))
      rule      accuracy
      ------------------
      backprop      0.97
    """
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (headings, *rows)
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def layer_names(net: Network, params: Params) -> list[str]:
    """Names of the layers that have weights, such as ``["0 dense(8)", "2 dense(3)"]``.

    Args:
      net: the network, or one whose params are the same.
      params: of the network; shapes will do.
    """
    parts = params if isinstance(params, tuple | list) else [params]
    known = list(net.layers) if len(net.layers) == len(parts) else [""] * len(parts)
    return [
        f"{i} {layer!r}" if layer else str(i)
        for i, (part, layer) in enumerate(zip(parts, known, strict=True))
        if jax.tree.leaves(part)
    ]


def cells(values: Any, form: str) -> list[str]:
    """Numbers as text, in a format such as ``.3f``."""
    return [format(float(value), form) for value in values]
