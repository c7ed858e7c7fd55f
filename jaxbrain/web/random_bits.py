"""Random keys and bits: JAX's threefry generator in its partitionable form.

A key is two words. The bits of number i are the hash of (0, i) under the key.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxbrain.web.arrays import Value, View, broadcast
from jaxbrain.web.elementwise import convert
from jaxbrain.web.program import Block
from jaxbrain.web.shapes import at, joined, same
from jaxbrain.web.writer import Writer, read

_WORDS = ("words[0]", "words[1]")


def _require_partitionable() -> None:
    if not jax.config.jax_threefry_partitionable:  # pyright: ignore[reportAttributeAccessIssue]
        raise NotImplementedError(
            "javascript: random numbers are those of jax_threefry_partitionable=True, which is "
            "False; set it to True"
        )


def _hashed(
    block: Block, title: str, keys: Value, shape: Sequence[int], texts: Sequence[str], dtype: str
) -> list[View]:
    """For each key, the hashes of the numbers from zero on, in a shape."""
    _require_partitionable()
    whole = (*keys[0].shape, *shape)
    n = len(keys[0].shape)

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        flat = int(np.prod(shape, dtype=int))
        with writer.nest(keys[0].shape) as of, writer.nest([flat]) as (i,):
            words = ", ".join(read(word, of) for word in keys)
            writer.line(f"threefry({words}, 0, {i});")
            for output, text in zip(outputs, texts, strict=True):
                merged = output._replace(
                    shape=(*output.shape[:n], flat), strides=(*output.strides[:n], 1)
                )
                writer.store(merged, [*of, i], text)

    return block.loop(title, write, [(dtype, whole)] * len(texts), *keys)


def _split(block: Block, eqn: Any, key: Value) -> list[Value]:
    return [tuple(_hashed(block, "random_split", key, eqn.params["shape"], _WORDS, "uint32"))]


def _bits(block: Block, eqn: Any, key: Value) -> list[Value]:
    width = eqn.params["bit_width"]
    if width not in (8, 16, 32):
        raise NotImplementedError(f"random bits of {width} bits; 8, 16 and 32 are possible")
    mixed = "(words[0] ^ words[1])"
    text = f"({mixed} >>> 0)" if width == 32 else f"({mixed} & {2**width - 1})"
    shape = eqn.params["shape"]
    return [tuple(_hashed(block, "random_bits", key, shape, [text], f"uint{width}"))]


def hashed_pair(block: Block, title: str, key: Value, first: View, second: View) -> Value:
    """The hash of two words under a key, by element."""
    shape = np.broadcast_shapes(*(v.shape for v in (*key, first, second)))
    views = [broadcast(v, shape) for v in (*key, first, second)]

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        with writer.nest(shape) as index:
            writer.line(f"threefry({', '.join(read(v, index) for v in views)});")
            for output, text in zip(outputs, _WORDS, strict=True):
                writer.store(output, index, text)

    return tuple(block.loop(title, write, [("uint32", shape)] * 2, *views))


def _fold_in(block: Block, eqn: Any, key: Value, data: Value) -> list[Value]:
    word = convert(block, data[0], "uint32")
    return [hashed_pair(block, "random_fold_in", key, block.program.full(word, 0), word)]


def _threefry(block: Block, eqn: Any, *words: Value) -> list[Value]:
    a, b, c, d = (v for (v,) in words)
    return [(v,) for v in hashed_pair(block, "threefry2x32", (a, b), c, d)]


def _seed(block: Block, eqn: Any, seed: Value) -> list[Value]:
    word = convert(block, seed[0], "uint32")
    return [(block.program.full(word, 0, word.shape), word)]


def _wrap(block: Block, eqn: Any, words: Value) -> list[Value]:
    axis = len(words[0].shape) - 1
    return [(at(words[0], axis, 0), at(words[0], axis, 1))]


def _unwrap(block: Block, eqn: Any, key: Value) -> list[Value]:
    rows = [v._replace(shape=(*v.shape, 1), strides=(*v.strides, 0)) for v in key]
    return [(joined(block, rows, len(key[0].shape)),)]


RULES = {
    "random_split": _split,
    "random_bits": _bits,
    "random_fold_in": _fold_in,
    "random_seed": _seed,
    "random_wrap": _wrap,
    "random_unwrap": _unwrap,
    "random_clone": same,
    "threefry2x32": _threefry,
}
