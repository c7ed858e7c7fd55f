"""Cells: everything with a state in time. A cell is one step; `unroll` makes a network of it."""

from jaxbrain.cells.recurrent import elman, gru
from jaxbrain.cells.unroll import last, learned_carry, masked, scan, unroll

__all__ = ["elman", "gru", "last", "learned_carry", "masked", "scan", "unroll"]
