"""Discrete Fourier transforms along the last axes, as sums."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxbrain.web.arrays import Value, View
from jaxbrain.web.elementwise import apply
from jaxbrain.web.program import Block
from jaxbrain.web.shapes import joined, sliced
from jaxbrain.web.writer import Writer, read

_FFT, _IFFT, _RFFT, _IRFFT = range(4)


def _transformed(block: Block, x: Value, axis: int, sign: int) -> Value:
    """sum_k x_k exp(sign 2 pi i j k / n)"""
    n, shape, dtype = x[0].shape[axis], x[0].shape, x[0].buffer.dtype
    turns = 2 * np.pi * np.arange(n) / n
    cosine, sine = (block.program.constant(v) for v in (np.cos(turns), sign * np.sin(turns)))

    def write(writer: Writer, outputs: Sequence[View], inputs: Sequence[View]) -> None:
        a, b, c, s = inputs
        with writer.nest(shape) as out:
            real, imaginary, k = (writer.name(letter) for letter in "auj")
            writer.line(f"let {real} = 0, {imaginary} = 0;")
            with writer.count(k, n):
                turn = [f"{out[axis]} * {k} % {n}"]
                index = [*out[:axis], k, *out[axis + 1 :]]
                ra, rb, rc, rs = read(a, index), read(b, index), read(c, turn), read(s, turn)
                writer.line(f"{real} += {ra} * {rc} - {rb} * {rs};")
                writer.line(f"{imaginary} += {ra} * {rs} + {rb} * {rc};")
            writer.store(outputs[0], out, real, rounding=True)
            writer.store(outputs[1], out, imaginary, rounding=True)

    return tuple(block.loop("fft", write, [(dtype, shape)] * 2, *x, cosine, sine))


def _half(view: View, axis: int, n: int) -> View:
    limits = list(view.shape)
    limits[axis] = n
    return sliced(view, [0] * len(limits), limits, [1] * len(limits))


def _mirrored(block: Block, x: Value, axis: int, n: int) -> Value:
    """All n frequencies of a real signal from the first half of them."""

    def mirror(view: View) -> View:
        start = [0] * len(view.shape)
        start[axis] = 1
        limits = list(view.shape)
        limits[axis] = n - view.shape[axis] + 1
        part = sliced(view, start, limits, [1] * len(limits))
        strides = list(part.strides)
        offset = part.offset + (part.shape[axis] - 1) * strides[axis]
        strides[axis] = -strides[axis]
        return part._replace(strides=tuple(strides), offset=offset)

    if n - x[0].shape[axis] <= 0:
        return tuple(_half(v, axis, n) for v in x)
    other = mirror(x[0]), apply(block, "neg", mirror(x[1]))
    return tuple(joined(block, [v, o], axis) for v, o in zip(x, other, strict=True))


def _fft(block: Block, eqn: Any, x: Value) -> list[Value]:
    kind, lengths = int(eqn.params["fft_type"]), eqn.params["fft_lengths"]
    axes = list(range(len(x[0].shape) - len(lengths), len(x[0].shape)))
    if len(x) == 1:
        x = (x[0], block.program.full(x[0], 0, x[0].shape))
    if kind in (_FFT, _RFFT):
        for axis in reversed(axes):
            x = _transformed(block, x, axis, -1)
        last = axes[-1]
        return [tuple(_half(v, last, lengths[-1] // 2 + 1) for v in x) if kind == _RFFT else x]
    for axis in axes[:-1]:
        x = _transformed(block, x, axis, 1)
    if kind == _IRFFT:
        x = _mirrored(block, x, axes[-1], lengths[-1])
    x = _transformed(block, x, axes[-1], 1)
    scale = block.program.full(x[0], 1 / np.prod(lengths))
    x = tuple(apply(block, "mul", v, scale) for v in x)
    return [x if kind == _IFFT else x[:1]]


RULES = {"fft": _fft}
