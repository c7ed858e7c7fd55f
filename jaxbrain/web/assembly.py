"""A module of JavaScript: helpers, constants, storage, the parts of a program, its function."""

import base64
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxbrain.web.arrays import ARRAYS, Buffer, number
from jaxbrain.web.emission import Emitter
from jaxbrain.web.fusion import prune
from jaxbrain.web.helpers import HELPERS
from jaxbrain.web.program import Block, block_reads

_WRITTEN = 64  # constants of more numbers are base64


class Leaf(NamedTuple):
    """An input or output of the function.

    Attributes:
      name: its path in the arguments or results.
      shape: as in JAX.
      dtype: as in JAX, ``"key"`` for keys.
      buffer: its numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: Buffer


def assemble(name: str, block: Block, inputs: Sequence[Leaf], outputs: Sequence[Leaf]) -> str:
    """The text of a module that exports one function."""
    prune(block, ())
    setup = block.program.setup
    used = set(block_reads(block))
    prune(setup, used)
    declared = _name_constants([*block_reads(setup), *block_reads(block)])
    emitter = Emitter()
    once = emitter.block(setup, used, whole=True)
    emitter.writer.depth = 1
    body = emitter.block(block)
    functions = {**emitter.functions, f"{name}(inputs, outputs)": body}
    storage = [f"const {n} = new {array}({size});" for n, array, size in emitter.storage.declared]
    functions, shared = _share_variables(functions, once)
    parts = [_function(head, lines) for head, lines in functions.items()]
    parts[-1] = _exported(name, functions[f"{name}(inputs, outputs)"])
    text = "\n".join([*declared, *storage, *shared, *once, "", *parts, ""])
    text += _leaves(f"{name}.inputs", inputs) + _leaves(f"{name}.outputs", outputs)
    return "\n".join([_HEADER.format(name=name), *_helpers(text), text])


_HEADER = """\
// {name}: compiled from JAX by jaxbrain.web.
// {name}(inputs, outputs) reads one typed array for each entry of {name}.inputs, and writes and
// returns one for each entry of {name}.outputs. Outputs may be the arrays of inputs."""


def _name_constants(buffers: Sequence[Buffer]) -> list[str]:
    """The declarations of the constants with several numbers, once each."""
    lines, names = [], {}
    for buffer in buffers:
        if buffer.value is None or buffer.value.size == 1 or buffer.name:
            continue
        key = buffer.dtype, buffer.value.tobytes()
        if key not in names:
            names[key] = f"c{len(names)}"
            lines.append(f"const {names[key]} = {_literal(buffer.value)};")
        buffer.name = names[key]
    return lines


def _literal(value: np.ndarray) -> str:
    array = ARRAYS[value.dtype.name]
    n = value.size
    if value.dtype.kind in "iu" and n > 2 and np.array_equal(value, np.arange(n)):
        return f"{array}.from({{ length: {n} }}, (_, i) => i)"
    if n <= _WRITTEN:
        texts = [number(v).strip("()") for v in value]
        return f"{array}.of({', '.join(texts)})"
    data = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return f'decode("{base64.b64encode(data).decode()}", {array})'


def _share_variables(
    functions: dict[str, list[str]], once: Sequence[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Variables that several functions read or write as numbers of one array."""
    everywhere = set(re.findall(r"\bs\d+\b", "\n".join(once)))
    places: dict[str, set[str]] = {}
    for head, lines in functions.items():
        for name in re.findall(r"\bs\d+\b", "\n".join(lines)):
            places.setdefault(name, set()).add(head)
    shared = [n for n, found in places.items() if len(found) > 1 and n not in everywhere]
    if not shared:
        return functions, []
    slots = {name: f"m[{k}]" for k, name in enumerate(shared)}
    pattern = re.compile(r"(?:\b(?:const|let) )?\b(s\d+)\b")

    def place(match: re.Match[str]) -> str:
        return slots.get(match[1], match[0])

    changed = {
        head: [pattern.sub(place, line) for line in lines] for head, lines in functions.items()
    }
    return changed, [f"const m = new Float64Array({len(shared)});"]


def _arguments(lines: Sequence[str]) -> list[str]:
    """The declarations of the inputs and outputs that lines use."""
    text = "\n".join(lines)
    declared = []
    for letter, array in (("x", "inputs"), ("y", "outputs")):
        found = sorted({int(n) for n in re.findall(rf"\b{letter}(\d+)\b", text)})
        declared += [f"  const {letter}{n} = {array}[{n}];" for n in found]
    return declared


def _function(head: str, lines: Sequence[str]) -> str:
    return "\n".join([f"function {head} {{", *_arguments(lines), *lines, "}", ""])


def _exported(name: str, lines: Sequence[str]) -> str:
    return f"""\
export function {name}(inputs, outputs = {name}.outputs.map(create)) {{
  check("input", inputs, {name}.inputs);
  check("output", outputs, {name}.outputs);
{chr(10).join([*_arguments(lines), *lines])}
  return outputs;
}}
"""


def _leaves(name: str, leaves: Sequence[Leaf]) -> str:
    rows = [
        f"  {{ name: {json.dumps(leaf.name)}, shape: {list(leaf.shape)}, "
        f'dtype: "{leaf.dtype}", array: {ARRAYS[leaf.buffer.dtype]}, length: {leaf.buffer.size} }},'
        for leaf in leaves
    ]
    return "\n".join([f"{name} = [", *rows, "];", ""])


_CHECK = """\
function create(leaf) {
  return new leaf.array(leaf.length);
}
function check(kind, arrays, leaves) {
  if (arrays.length > leaves.length) {
    throw new TypeError(`${arrays.length} ${kind}s, but there are ${leaves.length}`);
  }
  for (let i = 0; i < leaves.length; i++) {
    const array = arrays[i], leaf = leaves[i];
    if (!(array instanceof leaf.array) || array.length !== leaf.length) {
      const wanted = `a ${leaf.array.name} of ${leaf.length} numbers`;
      const found = array ? `${array.constructor.name} of ${array.length}` : "nothing";
      throw new TypeError(`${kind} ${i} (${leaf.name}) must be ${wanted}, got ${found}`);
    }
  }
}"""


def _helpers(text: str) -> list[str]:
    """The helpers that a text uses, those that they use before them."""
    needed: set[str] = set()
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    while True:
        found = {name for name in HELPERS if name in words} - needed
        if not found:
            break
        needed |= found
        for name in found:
            words |= set(re.findall(r"[A-Za-z_]\w*", HELPERS[name]))
    return [HELPERS[name] for name in HELPERS if name in needed] + [_CHECK]
