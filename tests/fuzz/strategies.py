"""Random inputs for everything in the tables: shapes, dtypes, options."""

import math
import traceback
import warnings

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np

DTYPES = ("float32", "float16", "bfloat16", "int32", "uint8", "bool", "complex64")
KEY = jax.ShapeDtypeStruct((), jax.random.key(0).dtype)


def arrays(shape=None, dtype=None):
    """Shapes and dtypes of up to four axes; often the shape and dtype that are right."""
    shapes = st.lists(st.integers(0, 6), max_size=4).map(tuple)
    if shape is not None:
        shapes |= st.just(tuple(shape))
    dtypes = st.sampled_from(DTYPES)
    if dtype is not None:
        dtypes |= st.just(str(dtype))
    return st.builds(jax.ShapeDtypeStruct, shapes, dtypes)


def numbers(shape, largest):
    """Arrays of float32 with entries up to a size, many of them 0, alike or whole."""
    entry = st.floats(-largest, largest, width=32) | st.integers(-largest, largest)
    size = math.prod(shape)
    return st.lists(entry, min_size=size, max_size=size).map(
        lambda values: np.asarray(values, "float32").reshape(shape)
    )


def like(tree):
    """A pytree of arrays, each of which is often like that of the tree."""
    leaves, structure = jax.tree.flatten(tree)
    each = [arrays(leaf.shape, leaf.dtype) for leaf in leaves]
    return st.tuples(*each).map(lambda found: jax.tree.unflatten(structure, found))


def fuzz(*strategies, examples):
    """A property of random inputs: the same few in the ordinary run."""
    settings = hypothesis.settings(
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=examples,
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    def decorate(test):
        return settings(hypothesis.given(*strategies)(test))

    return decorate


def shapes_or_refusal(function, *inputs):
    """The shapes of a result, or None where jaxbrain refuses the inputs in its own words."""
    return of_users(jax.eval_shape, function, *inputs)


def of_users(function, *inputs):
    """`in_our_words` as users run it: the suite forbids promotion, which would hide our checks."""
    with (
        warnings.catch_warnings(action="ignore", category=UserWarning),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        return in_our_words(function, *inputs)


def in_our_words(function, *inputs, **options):
    """The result of a call, or None where it is refused by a sentence that jaxbrain wrote."""
    try:
        return function(*inputs, **options)
    except (TypeError, ValueError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        if "/jaxbrain/" not in last.filename.replace("\\", "/"):
            raise
        assert len(str(error)) > 20, f"{error!r} says too little"
        return None
