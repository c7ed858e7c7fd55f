"""The progress line on terminals, in pipes and on streams that misbehave."""

import contextlib
import io
import os
import re
import sys

import numpy as np
import pytest

from jaxbrain.training import progress as module
from jaxbrain.training.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal of a given width."""

    def isatty(self):
        return True


class Encoded(io.TextIOWrapper):
    """A terminal with an encoding."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self):
        return True

    def getvalue(self):
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "80")
    return now


def test_pipe_gets_a_line_every_tenth(clock):
    pipe = io.StringIO()
    with Progress(1000, desc="train", file=pipe) as line:
        for i in range(1000):
            clock[0] += 0.01
            line.update(i + 1, loss=1 / (i + 1))
    lines = pipe.getvalue().splitlines()
    assert len(lines) == 10 and "\r" not in pipe.getvalue()
    assert lines[0] == "train   10 %  loss=0.01  0:01, 0:09 left"
    assert lines[-1] == "train  100 %  loss=0.001  0:10"


def test_pipe_shows_where_an_early_stop_was():
    pipe = io.StringIO()
    with Progress(100, file=pipe) as line:
        line.update(13)
        line.update(17)
    assert [text.split(" %")[0].strip() for text in pipe.getvalue().splitlines()] == ["13", "17"]


def test_terminal_is_written_over_at_most_ten_times_a_second(clock):
    terminal = Terminal()
    with Progress(1000, desc="train", file=terminal) as line:
        for i in range(1000):
            clock[0] += 0.002
            line.update(i + 1, loss=np.float32(0.5))
    text = terminal.getvalue()
    assert 15 <= text.count("\r") <= 22
    assert text.count("\n") == 1 and text.endswith("\n")
    last = text.rstrip("\n").split("\r")[-1]
    assert last.startswith("train  " + "█" * 30 + "  100 %  loss=0.5  0:02")


@pytest.mark.parametrize("columns", [5, 20, 40, 79, 200])
@pytest.mark.parametrize("done", [0, 333, 1000])
@pytest.mark.parametrize(
    "desc", ["train", "feedback_alignment(serial(dense(128), relu, dense(10)))"]
)
def test_a_line_fits_the_terminal(clock, monkeypatch, columns, done, desc):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    line = Progress(1000, desc=desc, file=terminal)
    clock[0] = 7200.0
    line.update(done, loss=0.123456, accuracy=0.5)
    drawn = terminal.getvalue().lstrip("\r")
    assert 0 < len(drawn) < columns
    assert columns < 10 or f"{done // 10} %" in drawn
    assert columns < 200 or "█" in drawn or done == 0


def test_the_end_is_drawn_at_once(clock):
    terminal = Terminal()
    line = Progress(3, file=terminal)
    for done in (1, 2, 3):
        line.update(done)
    assert terminal.getvalue().count("\r") == 2 and "100 %" in terminal.getvalue()


def test_what_was_longer_is_wiped(clock):
    terminal = Terminal()
    line = Progress(2, file=terminal, min_interval=0.0)
    line.update(1, loss=0.123456)
    line.update(2, loss=1)
    first, second = terminal.getvalue().split("\r")[1:]
    assert len(second) == len(first)


def test_bar_is_monotone():
    for ascii_only in (False, True):
        bars = [module._bar(f, 20, ascii_only) for f in np.linspace(0, 1, 50)]
        filled = [len(bar.rstrip(" .]")) for bar in bars]
        assert filled == sorted(filled) and {len(bar) for bar in bars} == {20}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_ascii_where_the_bar_cannot_be_encoded(clock, encoding):
    terminal = Encoded(encoding)
    with Progress(2, desc="größe", file=terminal) as line:
        line.update(1)
        clock[0] = 1.0
        line.update(2)
    assert "[###" in terminal.getvalue() and "█" not in terminal.getvalue()


def test_utf8_gets_blocks(clock):
    terminal = Encoded("utf-8")
    with Progress(1, file=terminal) as line:
        line.update(1)
    assert "█" in terminal.getvalue()


class Liar(Terminal):
    """Claims to take everything, then cannot encode blocks."""

    encoding = "utf-8"

    def write(self, text):
        return super().write(text.encode("ascii").decode())


def test_falls_back_when_writing_fails():
    stream = Liar()
    with Progress(1, file=stream) as line:
        line.update(1)
    assert "#" in stream.getvalue()


class Broken:
    """A stream that fails at everything."""

    def __getattr__(self, name):
        raise OSError("gone")


@pytest.mark.parametrize("kind", ["closed", "broken", "none", "nothing"])
def test_never_raises(kind, monkeypatch):
    closed = io.StringIO()
    closed.close()
    if kind == "none":
        monkeypatch.setattr(sys, "stderr", None)
    file = {"closed": closed, "broken": Broken(), "none": None, "nothing": object()}[kind]
    with Progress(2, file=file) as line:
        line.update(1, loss=0.1)
        line.update(2, loss="odd", other=None)
        line.note("done")


def test_a_closed_pipe_does_not_stop_the_loop():
    read, write = os.pipe()
    os.close(read)
    file = os.fdopen(write, "w", buffering=1)
    with Progress(1, file=file) as line:
        line.update(1)
    with contextlib.suppress(BrokenPipeError):
        file.close()


@pytest.mark.parametrize(
    ("stream", "enabled", "written"),
    [
        (Terminal, False, False),
        (Terminal, None, True),
        (Terminal, True, True),
        (io.StringIO, None, False),
        (io.StringIO, True, True),
    ],
)
def test_enabled(stream, enabled, written):
    file = stream()
    with Progress(1, file=file, enabled=enabled) as line:
        line.update(1)
        assert bool(file.getvalue()) == written
        line.note("a note")  # which nobody must miss
    assert "a note\n" in file.getvalue()


def test_note_stands_on_its_own_line(clock):
    terminal = Terminal()
    with Progress(4, file=terminal) as line:
        line.update(1)
        line.update(2)
        line.note("stopped")
    assert terminal.getvalue().endswith("\nstopped\n")
    assert re.search(r" 50 %[^\r]*\nstopped", terminal.getvalue()), "the latest state before it"


def test_the_line_ends_when_the_loop_raises(clock):
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress(4, file=terminal) as line:
        line.update(1)
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith("\n")


def test_default_is_standard_error(capsys):
    with Progress(1) as line:
        line.update(1)
    captured = capsys.readouterr()
    assert "100 %" in captured.err and captured.out == ""


def test_edges():
    with Progress(0, file=io.StringIO()) as line:
        line.update(0)
    with pytest.raises(ValueError, match="total and min_interval"):
        Progress(-1)
    assert [module._clock(s) for s in (0, 59.4, 60, 3599.6, 36000)] == [
        "0:00",
        "0:59",
        "1:00",
        "1:00:00",
        "10:00:00",
    ]
