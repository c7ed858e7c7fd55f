"""Compiled programs by structure: the latest are kept, what is dropped is freed."""

import ast
import gc
import os
import re
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from jaxbrain.core.compiled import compiled
from jaxbrain.core.program import Program
from jaxbrain.training import metrics

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def counted():
    """A compiled function, two structures of which are kept, and what it was traced for."""
    traces = []

    @compiled(static_argnames="power")
    def apply(program, x, *, power=1):
        traces.append(program.value)
        return program.value(x) ** power

    apply.kept.most = 2
    return apply, traces


def scaled(factor):
    return lambda x: factor * x


def test_it_is_jit(counted):
    apply, traces = counted
    twice = scaled(2.0)
    assert float(apply(Program(twice), jnp.float32(3.0))) == 6.0
    assert float(apply(Program(twice), jnp.float32(4.0))) == 8.0
    assert float(apply(Program(twice), jnp.float32(4.0), power=2)) == 64.0
    assert len(traces) == 2 and len(apply.kept) == 1  # again for the other power alone


def test_the_program_that_was_not_called_for_longest_is_dropped(counted):
    apply, traces = counted
    one, two, three = map(scaled, (1.0, 2.0, 3.0))
    for function in (one, two, one, three, one):
        apply(Program(function), jnp.ones(2))
    assert traces == [one, two, three] and len(apply.kept) == 2
    apply(Program(two), jnp.ones(2))
    assert traces == [one, two, three, two]


def test_what_is_dropped_is_freed(counted):
    apply, traces = counted
    alive = []
    for n in range(6):
        function = scaled(float(n))
        alive.append(weakref.ref(function))
        apply(Program(function), jnp.ones(2))
    traces.clear()
    del function
    gc.collect()
    assert [ref() is not None for ref in alive] == [False] * 4 + [True] * 2


def test_a_trace_is_not_kept():
    @compiled()
    def apply(program, x):
        return program.value(x)

    @jax.jit
    def outer(x):
        return apply(Program(lambda y: x * y), x)

    with jax.checking_leaks():
        assert float(outer(3.0)) == 9.0
    assert len(apply.kept) == 0


def test_shapes_are_traced_with_the_program(counted):
    apply, traces = counted
    program = Program(scaled(2.0))
    assert apply.shapes(program, jnp.ones(3), power=2).shape == (3,)
    apply(program, jnp.ones(3), power=2)
    assert len(traces) == 1


def test_a_network_that_is_gone_is_freed(monkeypatch):
    """Of `evaluate`; the activation is what keeps the program apart from others."""
    monkeypatch.setattr(metrics._evaluate.kept, "most", 1)
    x, alive = jnp.ones((2, 3)), []
    for _ in range(3):
        activation = lambda a: jnp.tanh(a)  # noqa: E731
        alive.append(weakref.ref(activation))
        net = jb.elementwise(activation)
        jb.evaluate(net, (), (x, x), {"loss": jb.losses.mse})
    del net, activation
    gc.collect()
    assert [ref() is not None for ref in alive] == [False, False, True]


FUNCTIONS = {"Program", "Network", "Cell", "LearningRule", "Memory", "Task", "Plant", "Callable"}


def test_no_function_of_functions_keeps_all_that_it_compiled():
    """Those at the level of a module live as long as the process, and so does their jax.jit."""
    found = []
    for path in sorted((ROOT / "jaxbrain").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            annotations = " ".join(
                ast.unparse(a.annotation) for a in node.args.args if a.annotation
            )
            made = any("jax.jit" in ast.unparse(decorator) for decorator in node.decorator_list)
            if made and FUNCTIONS & set(re.findall(r"\w+", annotations)):
                found.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not found, f"decorate with jaxbrain.core.compiled.compiled: {found}"


@pytest.mark.slow
def test_memory_of_many_trainings_is_bounded():
    """A cell of a notebook with a lambda in it, run again and again, with room for few programs."""
    code = """
        import gc, os, sys, jax, jax.numpy as jnp, optax, jaxbrain as jb
        from jaxbrain.core.compiled import Compiled
        jb.fit  # loads its module, and those that it needs
        for module in [m for name, m in sys.modules.items() if name.startswith("jaxbrain.")]:
            for value in vars(module).values():
                if isinstance(value, Compiled):
                    value.kept.most = 3
        assert sys.modules["jaxbrain.training.fitting"]._chunk.kept.most == 3
        x, y = jax.random.normal(jax.random.key(0), (32, 4)), jnp.arange(32) % 3
        held = []
        for n in range(25):
            net = jb.serial(jb.dense(8), jb.elementwise(lambda a: jnp.tanh(a)), jb.dense(3))
            rule = jb.backprop(net, jb.losses.softmax_cross_entropy)
            jb.fit(rule, optax.adam(0.1), (x, y), key=jax.random.key(n), epochs=1, progress=False)
            gc.collect()
            with open("/proc/self/statm") as file:
                held.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
        print((held[-1] - held[9]) / 15, (held[2] - held[0]) / 2)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    growth, before = map(float, done.stdout.split())
    assert growth < 1.5 < 3 < before  # MB a training, with programs dropped and before any was
