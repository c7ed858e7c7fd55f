"""Ending a training by SIGTERM or SIGHUP, after the chunk of epochs and with everything saved."""

import os
import signal
import threading
from types import FrameType
from typing import Any, Self

_NAMES = ("SIGTERM", "SIGHUP")


class Terminated(SystemExit):
    """The end of the program that a signal asked for, after the training was saved.

    Attributes:
      exit_code: 128 and the number of the signal, as shells report it: 143 or 129.
      state: the TrainState reached.
      history: up to that state.
    """

    def __init__(self, number: signal.Signals, state: Any, history: Any):
        super().__init__(128 + number)
        self.exit_code: int = 128 + number
        self.state: Any = state
        self.history: Any = history


class Requests:
    """The signals that ask the program to end, received while a ``with`` statement runs.

    Only signals whose action is the default one are taken, and only in the main thread: a handler
    of the user's, and ``nohup``, stay as they are.

    Attributes:
      received: the first signal, or None.
    """

    def __init__(self):
        self.received: signal.Signals | None = None
        self._taken: list[signal.Signals] = []
        self._process: int = os.getpid()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)  # Windows has no SIGHUP
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, self._note)
                    self._taken.append(number)
        return self

    def __exit__(self, *exception: object) -> None:
        for number in self._taken:
            if signal.getsignal(number) == self._note:  # else the user has set another since
                signal.signal(number, signal.SIG_DFL)
        self._taken.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a fork, such as a worker of a pool: it ends at once
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received = self.received or signal.Signals(number)
