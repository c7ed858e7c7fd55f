"""Programs that JAX traces and compiles, counted by its own events."""

import contextlib
from collections.abc import Iterator

import jax

_TRACED, _COMPILED = "jaxpr_trace_duration", "backend_compile_duration"


class Counts:
    """Traced and compiled programs.

    Attributes:
      traced: how often a function became a program.
      compiled: how often XLA compiled one.
    """

    def __init__(self):
        self.traced = self.compiled = 0

    def hear(self, event: str, duration: float, **about: object) -> None:
        self.traced += event.endswith(_TRACED)
        self.compiled += event.endswith(_COMPILED)


@contextlib.contextmanager
def programs() -> Iterator[Counts]:
    """The programs that are traced and compiled within the block."""
    counts = Counts()
    jax.monitoring.register_event_duration_secs_listener(counts.hear)
    try:
        yield counts
    finally:
        jax.monitoring.unregister_event_duration_listener(counts.hear)
