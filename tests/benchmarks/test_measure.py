"""Rows of a table from jobs with known times, the listener of compilations, and the names."""

import importlib
import inspect

import jax
import jax.numpy as jnp
import pytest

from benchmarks import __main__ as command
from benchmarks import measure
from benchmarks.tables import TABLES, measure_function


@pytest.fixture
def clock(monkeypatch):
    """Clocks that only jobs move, wall time twice as fast."""
    now = [0.0]
    monkeypatch.setattr(measure.time, "process_time", lambda: now[0])
    monkeypatch.setattr(measure.time, "perf_counter", lambda: 2 * now[0])
    return now


def test_rows_from_known_times(clock):
    seconds = {"fast": [9.0, 1.0, 2.0, 1.0], "slow": [7.0, 3.0, 6.0, 3.0], "limit": [5.0, 2, 4, 2]}

    def job(name):
        times = iter(seconds[name])
        return measure.Job(name, lambda _: clock.__setitem__(0, clock[0] + next(times)))

    options = measure.Options(rounds=3, least=0.0)
    rows = measure.rows_of({n: job(n) for n in seconds}, options, reference="limit", per=10)
    assert list(rows) == ["fast", "limit", "slow"]
    assert rows["slow"] == {
        "ms": 300.0, "least_ms": 300.0, "wall_ms": 600.0, "ratio": 1.5, "least_ratio": 1.5,
        "wall_ratio": 1.5, "first_s": 7.0, "xla_s": 0,
    }  # fmt: skip
    both = measure.rows_of({n: job(n) for n in seconds}, options, reference=("fast", "limit"))
    assert both["slow"]["ratio"] == 3.0  # of several references the fastest in each round


def test_programs_of_xla_are_counted_within_the_context():
    with measure.xla_programs() as programs:
        jax.jit(lambda x: x + 1)(jnp.ones(3)).block_until_ready()
    count = len(programs)
    jax.jit(lambda x: x + 2)(jnp.ones(3)).block_until_ready()
    assert count >= 1 and len(programs) == count and min(programs) > 0


def test_conditions_of_a_measurement():
    found = measure.conditions(measure.Options(rounds=2))
    assert {"jax", "jaxlib", "optax", "python", "torch"} <= set(found["versions"])
    assert found["versions"]["jax"] == jax.__version__ and found["options"]["rounds"] == 2
    assert {"date", "machine", "seeds"} <= set(found)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_a_function_of_options(name):
    module = TABLES[name].module
    if module == "steady":
        pytest.importorskip("sklearn")
    importlib.import_module(f"benchmarks.{module}")
    signature = inspect.signature(measure_function(name))
    signature.bind(measure.Options(), *TABLES[name].arguments)


def test_a_pass_that_fails_says_why(capsys):
    found = command.one_pass("small", 1, measure.Options(only=("nobody",)))
    assert found[0].rows == {} and "failed: --only: unknown nobody" in found[0].notes[0]


def test_an_unknown_table_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.parse(["digit"])
    assert "unknown table digit; choose from small" in capsys.readouterr().err
