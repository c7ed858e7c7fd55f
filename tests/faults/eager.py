"""Faults in eager calls: what compiles again, what is stale, what is not checked."""

from tests.faults import Fault

EAGER, LIBRARIES = "jaxbrain/core/eager.py", "jaxbrain/core/libraries.py"
TESTS, CALLS = "tests/core/test_eager.py", "tests/contracts/test_eager_calls.py"
FAULTS = [
    Fault(
        "gradients of rules compile at every call", EAGER,
        '_ALWAYS = ("grads",)',
        '_ALWAYS = ("gradients",)',
        CALLS,
    ),
    Fault(
        "a call within a transformation is compiled by itself", EAGER,
        "return now == get_opaque_trace_state()",
        "return True",
        TESTS,
    ),
    Fault(
        "values are not checked before a compiled call", EAGER,
        "if mark.check is not None:",
        "if mark.static is None:",
        TESTS,
    ),
    Fault(
        "another cell takes the program of the last one", EAGER,
        "(made_of, structure.key(fixed))",
        "(made_of,)",
        TESTS,
    ),
    Fault(
        "a changed variable of the user is not seen", EAGER,
        "if not is_constant((value, fixed)):",
        "if not is_constant(fixed):",
        TESTS,
    ),
    Fault(
        "an argument that may change is kept", EAGER,
        "if not is_constant((value, fixed)):",
        "if not is_constant(value):",
        TESTS,
    ),
    Fault(
        "a jitted function compiles at every call", LIBRARIES,
        "type, enum.Enum, jax.stages.Wrapped)",
        "type, enum.Enum)",
        TESTS,
    ),
    Fault(
        "a whole number has a type of its own in a program", EAGER,
        "if type(leaf) is int and abs(leaf) < 2**31:",
        "if leaf is None:",
        TESTS,
    ),
    Fault(
        "a function of the user is taken for constant", LIBRARIES,
        "named = names.public_name(value) is not None and is_of_a_library(value)",
        "named = names.public_name(value) is not None",
        "tests/core/test_libraries.py",
    ),
    Fault(
        "a traced value is taken for constant", LIBRARIES,
        'return node.kind != "traced" and',
        "return",
        "tests/core/test_libraries.py",
    ),
    Fault(
        "batches of a task compile for each draw function", "jaxbrain/tasks/task.py",
        "return lambda key: _draw(task, size, key)",
        "return jax.jit(lambda key: _draw(task, size, key))",
        CALLS,
    ),
    Fault(
        "storing by Storkey's rule compiles at every call", "jaxbrain/memory/storage.py",
        "jax.lax.scan(_storkey_turn, start, x)",
        "jax.lax.scan(lambda w, one: _storkey_turn(w, one), start, x)",
        CALLS,
    ),
]  # fmt: skip
