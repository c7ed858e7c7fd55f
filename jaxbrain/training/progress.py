"""A progress line for loops on the host, without dependencies."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, Self, TextIO

import jax
import jax.numpy as jnp

from jaxbrain.core.compiled import compiled
from jaxbrain.core.program import Program
from jaxbrain.core.requirements import require_count

_BLOCKS = " ▏▎▍▌▋▊▉█"
_WIDEST = 30


def is_terminal(file: TextIO | None) -> bool:
    """True if a line written to `file` can be written over: a terminal or a notebook."""
    if file is None:
        return False
    try:
        return bool(file.isatty()) or type(file).__module__.startswith("ipykernel")
    except (AttributeError, ValueError, OSError):
        return False


def _columns(file: TextIO) -> int:
    try:
        columns = os.get_terminal_size(file.fileno()).columns
    except (AttributeError, ValueError, OSError):
        columns = 0
    return columns or shutil.get_terminal_size().columns


def _encodes(file: Any, text: str) -> bool:
    try:
        text.encode(getattr(file, "encoding", None) or "utf-8")
    except (UnicodeError, LookupError, TypeError, OSError, ValueError):
        return False
    return True


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(int(seconds + 0.5), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: Any) -> str:
    try:
        return f"{float(value):.4g}"
    except (TypeError, ValueError):
        return str(value)


def _bar(fraction: float, width: int, ascii_only: bool) -> str:
    if ascii_only:
        inner = width - 2
        return "[" + ("#" * int(fraction * inner)).ljust(inner, ".") + "]"
    full, part = divmod(int(fraction * width * 8), 8)
    return ("█" * full + (_BLOCKS[part] if full < width else "")).ljust(width)


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


class Progress:
    """Progress line of a loop: written over on a terminal, a line every 10 % in a pipe.

    Writing never stops the loop: nothing is written to a closed stream, and plain ASCII to one
    that cannot encode the bar.

    Args:
      total: what `done` reaches at the end.
      desc: words before the bar.
      file: the stream; default: standard error.
      min_interval: seconds between two drawings on a terminal.
      enabled: False writes nothing at all; None writes on terminals only.

    Raises:
      ValueError: `total` or `min_interval` is negative.

    Examples:
      >>> import io
      >>> pipe = io.StringIO()
      >>> with Progress(4, desc="train", file=pipe) as progress:
      ...     for epoch in range(4):
      ...         progress.update(epoch + 1, loss=1 / (epoch + 1))
      >>> pipe.getvalue().splitlines()[1].split("  ")[:3]
      ['train', ' 50 %', 'loss=0.5']
    """

    def __init__(
        self,
        total: float,
        *,
        desc: str = "",
        file: TextIO | None = None,
        min_interval: float = 0.1,
        enabled: bool | None = True,
    ):
        if total < 0 or min_interval < 0:
            raise ValueError(
                f"total and min_interval must not be negative, got {total} and {min_interval}"
            )
        self._total, self._desc, self._min_interval = total, desc, min_interval
        self._file: Any = sys.stderr if file is None else file
        self._live = enabled is not False and is_terminal(self._file)
        self._enabled = self._file is not None and (self._live if enabled is None else enabled)
        self._ascii = self._enabled and not _encodes(self._file, _BLOCKS)
        self._start, self._drawn_at = time.monotonic(), float("-inf")
        self._tenth, self._length = 0, 0
        self._state: tuple[float, dict[str, Any]] | None = None
        self._pending = False

    @property
    def enabled(self) -> bool:
        """True if anything is written."""
        return self._enabled

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def update(self, done: float, /, **fields: Any) -> None:
        """Report that `done` of the total is done; `fields` such as `loss=0.1` are shown too."""
        if not self._enabled:
            return
        self._state, self._pending = (done, fields), True
        now = time.monotonic()
        if self._live:
            due = now - self._drawn_at >= self._min_interval or done >= self._total
        else:
            due = int(10 * self._fraction(done)) > self._tenth
        if due:
            self._draw(now)

    def note(self, text: str, *, always: bool = True) -> None:
        """Write `text` on a line of its own, below the progress line; always: also without one."""
        if not self._enabled:
            if self._file is not None and always:
                self._write(text + "\n")
            return
        if self._pending:
            self._draw(time.monotonic())
        self._write(("\n" if self._live and self._length else "") + text + "\n")
        self._length = 0

    def close(self) -> None:
        """Draw the last state if it is not drawn yet, and end the line."""
        if self._enabled and self._pending:
            self._draw(time.monotonic())
        if self._enabled and self._live and self._length:
            self._write("\n")
        self._enabled = False

    def _fraction(self, done: float) -> float:
        return min(max(done / self._total, 0.0), 1.0) if self._total else 1.0

    def _draw(self, now: float) -> None:
        if self._state is None:
            return
        (done, fields), desc = self._state, self._desc
        self._drawn_at, self._pending = now, False
        self._tenth = int(10 * self._fraction(done))
        if not self._live:
            self._write(self._text(desc, "", done, fields, now) + "\n")
            return
        width = max(_columns(self._file) - 1, 1)
        desc = _clip(desc, width // 3)
        room = width - len(self._text(desc, "", done, fields, now))
        if room < 0:
            desc = ""
        # Two spaces stand between the bar and what surrounds it.
        room = min(room - 2, _WIDEST)
        bar = _bar(self._fraction(done), room, self._ascii) if room >= 6 else ""
        line = self._text(desc, bar, done, fields, now)[:width]
        self._write("\r" + line.ljust(self._length))
        self._length = len(line)

    def _text(self, desc: str, bar: str, done: float, fields: dict[str, Any], now: float) -> str:
        elapsed, fraction = now - self._start, self._fraction(done)
        times = _clock(elapsed)
        if 0 < fraction < 1:
            times += f", {_clock(elapsed * (1 - fraction) / fraction)} left"
        values = " ".join(f"{name}={_number(value)}" for name, value in fields.items())
        parts = [desc, bar, f"{100 * fraction:3.0f} %", values, times]
        return "  ".join(part for part in parts if part)

    def _write(self, text: str) -> None:
        if self._ascii:
            text = text.encode("ascii", "replace").decode("ascii")
        try:
            self._file.write(text)
            self._file.flush()
        except UnicodeEncodeError:
            if self._ascii:
                self._enabled = False
                return
            self._ascii = True
            self._write(text.translate(dict.fromkeys(map(ord, _BLOCKS[1:]), "#")))
        except (AttributeError, ValueError, OSError):
            # A closed or broken stream must not end a training that runs well.
            self._enabled = False


def scan(
    body: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    xs: Any,
    *,
    chunk: int = 20,
    desc: str = "",
    progress: bool | None = None,
) -> tuple[Any, Any]:
    """``jax.lax.scan``, compiled, with a progress line on the host after each chunk of steps.

    Calls with the same body, shapes and dtypes share one program; pass what differs between them
    in carry or xs.

    Args:
      body: ``(carry, x) -> (carry, y)``, such as a `jaxbrain.step` on a batch drawn with the key x.
      carry: the first one.
      xs: pytree of ``[steps, ...]``, one step at least.
      chunk: steps between two updates of the line.
      desc: words before the bar.
      progress: None draws on terminals only; True also writes into pipes, False nothing.

    Returns:
      The last carry, and all y ``[steps, ...]``.

    Raises:
      ValueError: if chunk is not positive, or xs have no steps or not the same number of them.

    Examples:
      >>> import jax.numpy as jnp
      >>> total, sums = scan(lambda c, x: (c + x, c + x), 0, jnp.arange(50), chunk=20)
      >>> int(total), sums.shape
      (1225, (50,))
    """
    require_count("scan", "chunk", chunk)
    lengths = {len(leaf) for leaf in jax.tree.leaves(xs)}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(
            "scan: xs must be arrays [steps, ...] of one number of steps, one at least, got "
            f"{sorted(lengths)}"
        )
    (steps,), found, program = lengths, [], Program(body)
    with Progress(steps, desc=desc, enabled=progress) as line:
        line.update(0)  # compiling takes its time
        for start in range(0, steps, chunk):
            part = jax.tree.map(lambda leaf, a=start: leaf[a : a + chunk], xs)
            carry, ys = _scan(program, carry, part)
            jax.block_until_ready(carry)  # the line reports steps that are done, not dispatched
            found.append(ys)
            line.update(min(start + chunk, steps))
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)


@compiled()
def _scan(body: Program, carry: Any, xs: Any) -> tuple[Any, Any]:
    return jax.lax.scan(body.value, carry, xs)
