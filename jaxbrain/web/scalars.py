"""The arithmetic of one number: the dtypes of JAX in the numbers of JavaScript.

A float32 is rounded after each operation, as in JAX, with `Math.fround` (`f` in the text), which
machines compute in single precision. Sums and products of matrices add in double precision and
round once. Integers wrap around.
"""

_WRAPPED = {
    "float32": "f({})",
    "float64": "({})",
    "int32": "({} | 0)",
    "uint32": "({} >>> 0)",
    "int16": "(({}) << 16 >> 16)",
    "uint16": "(({}) & 65535)",
    "int8": "(({}) << 24 >> 24)",
    "uint8": "(({}) & 255)",
    "bool": "({})",
}
RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int8": (-128, 127),
    "uint8": (0, 255),
}


def rounded(dtype: str, text: str) -> str:
    """The text, rounded or wrapped to the dtype."""
    return _WRAPPED[dtype].format(text)


def is_float(dtype: str) -> bool:
    """True for the dtypes that are rounded and have infinities."""
    return dtype.startswith("float")


def lowest(dtype: str) -> str:
    """The value below all others."""
    if dtype == "bool":
        return "false"
    return "-Infinity" if is_float(dtype) else f"({RANGES[dtype][0]})"


def highest(dtype: str) -> str:
    """The value above all others."""
    if dtype == "bool":
        return "true"
    return "Infinity" if is_float(dtype) else str(RANGES[dtype][1])


def product(dtype: str, a: str, b: str) -> str:
    """a times b, not yet rounded if they are floats."""
    if is_float(dtype):
        return f"{a} * {b}"
    return f"({a} & {b})" if dtype == "bool" else rounded(dtype, f"Math.imul({a}, {b})")


def converted(old: str, new: str, text: str) -> str:
    """The number as another dtype, as XLA converts it."""
    if new == "bool":
        return text if old == "bool" else f"({text} !== 0)"
    if is_float(new):
        text = f"+{text}" if old == "bool" else text
        exact = is_float(old) and new == "float64"
        return text if exact or old == new else rounded(new, text)
    if is_float(old):
        low, high = RANGES[new]
        return f"toInteger({text}, {low}, {high})"
    return rounded(new, f"+{text}" if old == "bool" else text)
