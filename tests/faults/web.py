"""Faults in the JavaScript that is made of functions of JAX."""

from tests.faults import Fault

ELEMENTWISE = "tests/web/test_elementwise.py"
FUSION = "tests/web/test_fusion.py"
CONTROL = "tests/web/test_control.py"
INDEXING = "tests/web/test_indexing.py"
BITS = "tests/web/test_random_bits.py"
MODULE = "tests/web/test_compilation.py"

FAULTS = [
    Fault(
        "javascript: products of integers lose their low bits",
        "jaxbrain/web/scalars.py",
        'f"Math.imul({a}, {b})"',
        'f"{a} * {b}"',
        ELEMENTWISE,
    ),
    Fault(
        "javascript: float32 operations are not rounded",
        "jaxbrain/web/scalars.py",
        '"float32": "f({})",',
        '"float32": "({})",',
        "jaxbrain/web/compilation.py",
    ),
    Fault(
        "javascript: division of integers by zero is 0, not -1",
        "jaxbrain/web/helpers.py",
        "return b === 0 ? -1 : Math.trunc(a / b);",
        "return Math.trunc(a / b);",
        ELEMENTWISE,
    ),
    Fault(
        "javascript: 1 to the power NaN is NaN",
        "jaxbrain/web/helpers.py",
        "return a === 1 || (",
        "return a === 0.5 || (",
        ELEMENTWISE,
    ),
    Fault(
        "javascript: axes of size one are not repeated",
        "jaxbrain/web/arrays.py",
        "0 if a == 1 and b != 1 else s for a, s, b in old",
        "s for a, s, b in old",
        ELEMENTWISE,
    ),
    Fault(
        "javascript: axes of a loop are merged across a gap",
        "jaxbrain/web/arrays.py",
        "all(s[-1] == n * o for s, o in zip(steps, own, strict=True))",
        "all(s[-1] >= n * o for s, o in zip(steps, own, strict=True))",
        "tests/web/test_shapes.py",
    ),
    Fault(
        "javascript: a row outside of an array is not NaN",
        "jaxbrain/web/indexing.py",
        'text = f"{windows.inside(names)} ? {text} : {missing}"',
        'text = f"true ? {text} : {missing}"',
        INDEXING,
    ),
    Fault(
        "javascript: a slice does not stay inside",
        "jaxbrain/web/helpers.py",
        "start > largest ? largest : start",
        "start",
        INDEXING,
    ),
    Fault(
        "javascript: carries of a loop do not change together",
        "jaxbrain/web/control.py",
        "body.copy(result) if result.buffer in own else result",
        "result",
        CONTROL,
    ),
    Fault(
        "javascript: what changes in a loop is computed before it",
        "jaxbrain/web/control.py",
        '_belong_to(body, carries)\n        results = lower(body, p["jaxpr"]',
        '_belong_to(block, carries)\n        results = lower(body, p["jaxpr"]',
        CONTROL,
    ),
    Fault(
        "javascript: a branch that is not taken is computed",
        "jaxbrain/web/program.py",
        "while block.depth > depth and not block.branch and block.parent is not None",
        "while block.depth > depth and block.parent is not None",
        FUSION,
    ),
    Fault(
        "javascript: a loop reads numbers that it has not made",
        "jaxbrain/web/fusion.py",
        "if not (own.shape == op.shape and view.offset == 0 and dense(own.shape, own.strides)):",
        "if not own.shape == op.shape:",
        FUSION,
    ),
    Fault(
        "javascript: unused operations are computed",
        "jaxbrain/web/fusion.py",
        "if used.isdisjoint(op.outputs):",
        "if False:",
        FUSION,
    ),
    Fault(
        "javascript: equal operations are computed twice",
        "jaxbrain/web/lowering.py",
        "if key in outer.known:",
        "if False:",
        FUSION,
    ),
    Fault(
        "javascript: storage is not used again",
        "jaxbrain/web/emission.py",
        "for buffer in [b for b in taken if last[b] <= k]:",
        "for buffer in [b for b in taken if last[b] < 0]:",
        FUSION,
    ),
    Fault(
        "javascript: an output overwrites an input that is still read",
        "jaxbrain/web/compilation.py",
        "block.copy(source) if source.buffer in own else source",
        "source",
        MODULE,
    ),
    Fault(
        "javascript: the length of an array is not checked",
        "jaxbrain/web/assembly.py",
        " || array.length !== leaf.length",
        "",
        MODULE,
    ),
    Fault(
        "javascript: the words of the counter change places",
        "jaxbrain/web/random_bits.py",
        'writer.line(f"threefry({words}, 0, {i});")',
        'writer.line(f"threefry({words}, {i}, 0);")',
        BITS,
    ),
    Fault(
        "javascript: random bits are one word of the hash",
        "jaxbrain/web/random_bits.py",
        'mixed = "(words[0] ^ words[1])"',
        'mixed = "words[0]"',
        BITS,
    ),
    Fault(
        "javascript: the other order of counters is not refused",
        "jaxbrain/web/random_bits.py",
        "if not jax.config.jax_threefry_partitionable:",
        "if False:",
        BITS,
    ),
    Fault(
        "javascript: argmax passes over NaN",
        "jaxbrain/web/reductions.py",
        'f"{v} {sign} {best} || ({v} !== {v} && {best} === {best})"',
        'f"{v} {sign} {best}"',
        "tests/web/test_reductions.py",
    ),
    Fault(
        "javascript: the product of complex numbers has a wrong sign",
        "jaxbrain/web/complex_numbers.py",
        "r.sub(r.mul(a[0], b[0]), r.mul(a[1], b[1]))",
        "r.add(r.mul(a[0], b[0]), r.mul(a[1], b[1]))",
        "tests/web/test_complex_numbers.py",
    ),
]
