"""Faults in eager calls: what compiles again, what is stale, what is not checked."""

from tests.faults import Fault

EAGER, CAPTURED = "jaxbrain/core/eager.py", "jaxbrain/core/captured.py"
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
        "(made_of, structure.key(fixed), now)",
        "(made_of, now)",
        TESTS,
    ),
    Fault(
        "a changed variable of the user is not seen", EAGER,
        "(made_of, structure.key(fixed), now)",
        "(made_of, structure.key(fixed))",
        TESTS,
    ),
    Fault(
        "a whole number has a type of its own in a program", EAGER,
        "if type(leaf) is int and abs(leaf) < 2**31:",
        "if leaf is None:",
        TESTS,
    ),
    Fault(
        "global variables of a user are taken for constant", CAPTURED,
        "for name in _names(function.__code__) if name in there",
        "for name in _names(function.__code__) if name not in there",
        TESTS,
    ),
    Fault(
        "a closure of a library that is written again is another one", CAPTURED,
        "head = function.__code__ if closures.library(function) else structure.Same(function)",
        "head = structure.Same(function)",
        CALLS,
    ),
    Fault(
        "an object of a user is taken for constant", CAPTURED,
        "    raise Changing\n",
        "    return structure.Same(value)\n",
        TESTS,
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
