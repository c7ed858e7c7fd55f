"""The names of all tables, and the functions that measure them."""

import importlib
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.measure import Options
from benchmarks.results import Table


class Entry(NamedTuple):
    """A function ``(Options, *arguments) -> [Table]`` of a module, imported after pinning.

    Attributes:
        module: Of benchmarks.
        function: Its name.
        arguments: Of the function, after the options.
    """

    module: str
    function: str
    arguments: tuple[str, ...] = ()


TABLES = {
    "small": Entry("steady", "tables", ("small",)),
    "small-long": Entry("steady", "tables", ("small-long",)),
    "digits": Entry("steady", "tables", ("digits",)),
    "mnist": Entry("steady", "tables", ("mnist",)),
    "population": Entry("population", "tables"),
    "startup": Entry("startup", "startup_tables"),
    "import": Entry("startup", "import_tables"),
    "compile": Entry("compiling", "tables"),
    "deep": Entry("deep", "tables"),
    "eager": Entry("eager", "tables"),
    "predictive": Entry("predictive", "tables"),
    "rules": Entry("rules", "tables"),
    "recall": Entry("memories", "recall_tables"),
    "capacity": Entry("memories", "capacity_tables"),
    "retrieval": Entry("memories", "retrieval_tables"),
    "fast-weights": Entry("fast_weights", "tables"),
    "gru": Entry("recurrent", "tables", ("gru",)),
    "lstm": Entry("recurrent", "tables", ("lstm",)),
    "rnn": Entry("recurrent", "tables", ("rnn",)),
    "blocks": Entry("recurrent", "memory_tables"),
    "rtrl": Entry("recurrent_costs", "rtrl_tables"),
    "linear": Entry("recurrent_costs", "linear_tables"),
    "online": Entry("online", "tables"),
    "motor": Entry("motor", "tables"),
    "lesions": Entry("motor", "lesion_tables"),
}


def measure_function(name: str) -> Callable[..., list[Table]]:
    """The function of a table, without its arguments."""
    entry = TABLES[name]
    return getattr(importlib.import_module(f"benchmarks.{entry.module}"), entry.function)


def measured(name: str, options: Options) -> list[Table]:
    """Measure a table, or several that belong together, in this process."""
    return measure_function(name)(options, *TABLES[name].arguments)
