"""A network as a table: layers, shapes, numbers of parameters."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxbrain.core.annotations import Inputs
from jaxbrain.core.arguments import checked
from jaxbrain.core.composition import (
    affine,
    batch,
    example,
    parallel,
    residual,
    serial,
    with_precision,
)
from jaxbrain.core.config import label
from jaxbrain.core.types import Network

_WIDEST_NAME = 44
_MOST_LEAVES = 4
_HEADINGS = ("layer", "output", "parameters", "count", "memory", "dtype")


class Row(NamedTuple):
    """One layer of a `Summary`.

    Attributes:
      name: the call that makes the layer; of a composition, its constructor.
      depth: 0 for a layer of the network itself, 1 for a layer of one of these, and so on.
      output: shape of the output for one example; empty where it is not known.
      parameters: name and shape of every leaf.
      size: number of parameters.
      nbytes: their memory in bytes.
      dtypes: their dtypes.
    """

    name: str
    depth: int
    output: str
    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    size: int
    nbytes: int
    dtypes: tuple[str, ...]


class Summary(NamedTuple):
    """The table of a network, which its ``str`` and ``repr`` show.

    Attributes:
      rows: one for each layer.
      total: number of parameters; a leaf that two layers share is counted once.
      nbytes: their memory in bytes.
    """

    rows: tuple[Row, ...]
    total: int
    nbytes: int

    def __repr__(self) -> str:
        return _table(self)

    __str__ = __repr__


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"


def _memory(nbytes: int) -> str:
    size, unit = float(nbytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{nbytes} B" if unit == "B" else f"{size:.1f} {unit}"


def _clip(text: str) -> str:
    return text if len(text) <= _WIDEST_NAME else text[: _WIDEST_NAME - 3] + "..."


def _cells(row: Row) -> tuple[str, ...]:
    shown = [f"{name} {_shape(shape)}".strip() for name, shape in row.parameters[:_MOST_LEAVES]]
    if len(row.parameters) > _MOST_LEAVES:
        shown.append(f"... {len(row.parameters) - _MOST_LEAVES} more")
    return (
        _clip("  " * row.depth + row.name),
        row.output,
        ", ".join(shown),
        f"{row.size:,}" if row.parameters else "",
        _memory(row.nbytes) if row.parameters else "",
        ", ".join(row.dtypes),
    )


def _table(summary: Summary) -> str:
    dtypes = sorted({dtype for row in summary.rows for dtype in row.dtypes})
    body = [_cells(row) for row in summary.rows]
    last = ("total", "", "", f"{summary.total:,}", _memory(summary.nbytes), ", ".join(dtypes))
    lines = [_HEADINGS, *body, last]
    keep = [i for i in range(len(_HEADINGS)) if i in (0, 3) or any(line[i] for line in lines[1:])]
    widths = [max(len(line[i]) for line in lines) for i in keep]

    def text(line: tuple[str, ...]) -> str:
        cells = (
            line[i].rjust(width) if _HEADINGS[i] in ("count", "memory") else line[i].ljust(width)
            for i, width in zip(keep, widths, strict=True)
        )
        return "  ".join(cells).rstrip()

    rule = "-" * max(len(text(line)) for line in lines)
    return "\n".join([text(_HEADINGS), rule, *map(text, body), rule, text(last)])


def _leaf_name(path: tuple) -> str:
    parts = (getattr(p, "key", getattr(p, "name", getattr(p, "idx", p))) for p in path)
    return ".".join(str(part) for part in parts)


def _dtype(leaf: Any) -> Any:
    return leaf.dtype if hasattr(leaf, "dtype") else np.result_type(leaf)


def _row(name: str, depth: int, params: Any, output: str, seen: set[int]) -> Row:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    # Kernels before biases: the tree itself sorts by name.
    leaves.sort(key=lambda item: -len(np.shape(item[1])))
    count = nbytes = 0
    for _, leaf in leaves:
        if isinstance(leaf, jax.Array | np.ndarray):
            # Only arrays can be shared; equal Python numbers are one object by accident.
            if id(leaf) in seen:
                continue
            seen.add(id(leaf))
        size = int(np.prod(np.shape(leaf), dtype=np.int64))
        count, nbytes = count + size, nbytes + size * _dtype(leaf).itemsize
    return Row(
        name,
        depth,
        output,
        tuple((_leaf_name(path), tuple(np.shape(leaf))) for path, leaf in leaves),
        count,
        nbytes,
        tuple(sorted({str(_dtype(leaf)) for _, leaf in leaves})),
    )


def _output(network: Network, params: Any, x: Any) -> Any:
    """Shape and dtype of the output for one example, without computing it."""
    if x is None:
        return None
    try:
        return jax.eval_shape(network.apply, params, x)
    except Exception as error:
        shapes = ", ".join(_shape(np.shape(leaf)) for leaf in jax.tree.leaves(x))
        error.add_note(f"in summary: layer {network!r} was given an input of shape {shapes}")
        raise


def _walk(network: Network, params: Any, x: Any, depth: int, seen: set[int]) -> Iterator[Row]:
    composition, x = _composition(network, x)
    for i, (layer, part) in enumerate(zip(network.layers, params, strict=True)):
        y = _output(layer, part, x)
        shapes = ", ".join(_shape(leaf.shape) for leaf in jax.tree.leaves(y))
        if layer.layers:
            _check(layer, part, f"params[{i}]")
            yield Row(label(layer), depth, shapes, (), 0, 0, ())
            yield from _walk(layer, part, x, depth + 1, seen)
        else:
            yield _row(repr(layer), depth, part, shapes, seen)
        x = y if composition is serial else x


def _composition(network: Network, x: Any) -> tuple[Callable[..., Any] | None, Any]:
    """`serial` or `parallel`, if a network is one within wrappers, and one example of its input.

    Any other composition hides the inputs of its parts: None and None.
    """
    config = network.config
    while config is not None and config.make not in (serial, parallel):
        if config.make is batch and x is not None:
            x = example(x)
        wraps = config.make in (affine, batch, residual, with_precision)
        config = config.parameters["net"].config if wraps else config.inner
    return (None, None) if config is None else (config.make, x)


def _check(network: Network, params: Any, name: str) -> None:
    if not isinstance(params, list | tuple) or len(params) != len(network.layers):
        got = f"{len(params)}" if isinstance(params, list | tuple) else type(params).__name__
        raise ValueError(
            f"{name} must hold one entry for each of the {len(network.layers)} layers of "
            f"{network!r}, got {got}; make it with net.init(key, x)"
        )


@checked
def summary(net: Network, params: Any, x: Inputs = None) -> Summary:
    """A table of the layers of a network: shapes and numbers of parameters.

    Args:
      net: a `Network`; the layers of compositions within it are indented.
      params: its parameters, or their shapes from ``jax.eval_shape(net.init, key, x)``.
      x: one example or its ``jax.ShapeDtypeStruct``; adds the shape of every output.

    Returns:
      A `Summary`; print it to see the table.

    Raises:
      ValueError: if params does not have one entry for each layer.

    Examples:
      >>> import jax, jaxbrain as jb
      >>> net = jb.serial(jb.dense(8), jb.elementwise(jax.nn.relu), jb.dense(3))
      >>> params = net.init(jax.random.key(0), jax.numpy.ones(4))
      >>> [row.size for row in summary(net, params).rows]
      [40, 0, 27]
    """
    seen: set[int] = set()
    if net.layers:
        _check(net, params, "params")
        rows = tuple(_walk(net, params, x, 0, seen))
    else:
        shapes = [_shape(leaf.shape) for leaf in jax.tree.leaves(_output(net, params, x))]
        rows = (_row(repr(net), 0, params, ", ".join(shapes), seen),)
    return Summary(rows, sum(row.size for row in rows), sum(row.nbytes for row in rows))
