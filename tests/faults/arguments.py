"""Faults in the checks of arguments: numbers, types, shapes, and gradients of what is not used."""

from tests.faults import Fault

CORE, CONV = "jaxbrain/core", "jaxbrain/networks/convolution.py"
NUMBERS = "tests/core/test_requirements.py"
TYPES, MISTAKES = "tests/core/test_arguments.py", "tests/core/test_mistakes.py"
FUNCTIONS = "tests/core/test_functions.py"
FAULTS = [
    Fault(
        "infinity is taken for a number", f"{CORE}/requirements.py",
        "if not math.isfinite(number) and", "if math.isnan(number) and",
        NUMBERS,
    ),
    Fault(
        "a number that is infinite in float32 passes", f"{CORE}/requirements.py",
        "1e-37 < abs(value) < 1e38", "1e-37 < abs(value) < 1e308",
        NUMBERS,
    ),
    Fault(
        "a number that is zero in float32 passes for positive", f"{CORE}/requirements.py",
        "1e-37 < abs(value) < 1e38", "abs(value) < 1e38",
        NUMBERS,
    ),
    Fault(
        "zero passes for positive", f"{CORE}/requirements.py",
        '"above": operator.gt', '"above": operator.ge',
        NUMBERS,
    ),
    Fault(
        "True is a number", f"{CORE}/requirements.py",
        "isinstance(value, int | float) and not isinstance(value, bool)",
        "isinstance(value, int | float)",
        NUMBERS,
    ),
    Fault(
        "True is a count", f"{CORE}/requirements.py",
        "isinstance(value, int) and not isinstance(value, bool)", "isinstance(value, int)",
        NUMBERS,
    ),
    Fault(
        "an integer of more than 64 bits passes", f"{CORE}/requirements.py",
        "> np.iinfo(np.int64).max", "> 10**40",
        NUMBERS,
    ),
    Fault(
        "arguments are not checked", f"{CORE}/arguments.py",
        "values[place] = read(function, name, values[place])", "pass",
        TYPES,
    ),
    Fault(
        "arguments by name are not checked", f"{CORE}/arguments.py",
        "kwargs[name] = read(function, name, kwargs[name])", "pass",
        TYPES,
    ),
    Fault(
        "a wrong call of a checked function is answered in the words of Python",
        f"{CORE}/arguments.py",
        "            if isinstance(error, TypeError):", "            if False:",
        TYPES,
    ),
    Fault(
        "an error that knows its argument alone does not get the function",
        f"{CORE}/calls.py",
        'error.args = (f"{function}: {text}", *error.args[1:])', "pass",
        TYPES,
    ),
    Fault(
        "an error of another library is taken for one about an argument",
        f"{CORE}/calls.py",
        "first[0] in arguments and is_ours(error)", "first[0] in arguments",
        TYPES,
    ),
    Fault(
        "an entry that params do not hold is a KeyError", f"{CORE}/arguments.py",
        'if "params" not in self.signature.parameters or not is_ours(error):', "if True:",
        TYPES,
    ),
    Fault(
        "a loss that returns nothing is an AttributeError", "jaxbrain/learning/chain.py",
        "if not isinstance(losses, jax.Array):", "if False:",
        "tests/training/test_first_mistakes.py",
    ),
    Fault(
        "a metric that returns nothing is an AttributeError", "jaxbrain/training/metrics.py",
        "if value is None or isinstance(value, str):", "if False:",
        "tests/training/test_first_mistakes.py",
    ),
    Fault(
        "jax.Array alone is not checked", f"{CORE}/annotations.py",
        "_ONE_ARRAY = {jax.Array},", "_ONE_ARRAY = {float},",
        TYPES,
    ),
    Fault(
        "a wrong value hides that the call is wrong", f"{CORE}/arguments.py",
        "self._bind(self.signature.bind_partial, args, kwargs)", "pass",
        TYPES,
    ),
    Fault(
        "every error of a type is taken for a wrong call", f"{CORE}/arguments.py",
        "self.signature.parameters)\n            raise",
        "self.signature.parameters)\n            raise TypeError from None",
        TYPES,
    ),
    Fault(
        "a traced array passes for one number", f"{CORE}/requirements.py",
        'if getattr(value, "ndim", 0) > 0:\n            raise',
        "if np.size(value) == 0:\n            raise",
        TYPES,
    ),
    Fault(
        "only the first of several arguments is checked", f"{CORE}/arguments.py",
        "for i in range(place, count):", "for i in range(place, min(place + 1, count)):",
        TYPES,
    ),
    Fault(
        "the numbers of a named tuple are not checked", f"{CORE}/annotations.py",
        'check(function, f"{argument}.{name}", getattr(value, name))', "check(function, name, 1.0)",
        "tests/contracts/test_arguments.py::test_a_number_within_an_argument_is_checked",
    ),
    Fault(
        "a constructor passes for a function", f"{CORE}/functions.py",
        'getattr(value, "is_constructor", False) or ', "",
        FUNCTIONS,
    ),
    Fault(
        "an initializer that was not called passes", f"{CORE}/functions.py",
        'annotation.rpartition(".")[2] == "Initializer"', "False",
        MISTAKES,
    ),
    Fault(
        "a function that makes one passes for it", f"{CORE}/functions.py",
        "False) or _is_function(made)", "False)",
        FUNCTIONS,
    ),
    Fault(
        "a function of other arguments passes", f"{CORE}/functions.py",
        "signature is not None and not _fits(value, signature, takes)", "False",
        FUNCTIONS,
    ),
    Fault(
        "a function of functions passes for one of data", f"{CORE}/functions.py",
        "return all(_is_function(given) or", "return all(True or",
        FUNCTIONS,
    ),
    Fault(
        "a function that returns a tuple passes for one of a number", f"{CORE}/functions.py",
        "(made is value or issubclass(made, tuple))", "made is value",
        FUNCTIONS,
    ),
    Fault(
        "a callback that was not called stops the training", "jaxbrain/training/callbacks.py",
        'require_fitting(OnChunk, "a function of a ChunkInfo", "fit", "on_chunk", on_chunk)',
        "pass",
        FUNCTIONS,
    ),
    Fault(
        "a network can be called", f"{CORE}/config.py",
        '**kwargs: refuse_call(self),', '**kwargs: None,',
        MISTAKES,
    ),
    Fault(
        "a list passes for an input", f"{CORE}/requirements.py",
        'if hasattr(x, "shape") and hasattr(x, "dtype"):', "if True:",
        MISTAKES,
    ),
    Fault(
        "a window may be larger than the image", CONV,
        "n + sum(pad) < size for", "n + sum(pad) < 0 for",
        "tests/networks/test_convolution.py",
    ),
    Fault(
        "a window is compared without the padding", CONV,
        "n + sum(pad) < size for", "n < size for",
        "tests/networks/test_convolution.py",
    ),
    Fault(
        "a pool may lie in the padding alone", CONV,
        "max(pad) >= size for", "max(pad) > size for",
        "tests/networks/test_convolution.py",
    ),
    Fault(
        "the cell sees the padding of a masked sequence", "jaxbrain/cells/unrolling.py",
        "jnp.where(valid, a, jnp.zeros_like(a))", "a",
        "tests/cells/test_unrolling.py",
    ),
    Fault(
        "an unknown target that is not graded makes gradients nan", "jaxbrain/tasks/task.py",
        "& ~jnp.isfinite(a), 0, a)", "& False, 0, a)",
        "tests/tasks/test_task.py",
    ),
    Fault(
        "a latency code takes any number", "jaxbrain/cells/encoding.py",
        "(scaled >= 0) & (scaled <= 1)", "(scaled >= 0) | (scaled <= 1)",
        "tests/cells/test_encoding.py",
    ),
    Fault(
        "a lesion of units that are not there is passed over", "jaxbrain/motor/control/lesions.py",
        "except IndexError:\n        found = False", "except IndexError:\n        found = True",
        "tests/motor/control/test_lesions.py",
    ),
]  # fmt: skip
