"""Options of every constructor: any number is refused in jaxbrain's words, or the value works."""

import inspect
import warnings

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from jaxbrain.core.types import Cell, Memory, Network
from jaxbrain.tasks import Task
from tests.fuzz.strategies import KEY, fuzz, in_our_words, shapes_or_refusal
from tests.tables import CELLS, MEMORIES, NETWORKS, RULES, chain
from tests.tables.parts import TASKS

INTEGERS = st.integers(-2, 12) | st.sampled_from([64, -(2**40)])
FLOATS = (
    st.floats(-1e30, 1e30)
    | st.floats(0, 1)
    | st.sampled_from([-1.0, 2.5, 1e-30, float("nan"), float("inf")])
)
ROWS = {
    **{f"network {n}": (case.make, case.shape) for n, case in NETWORKS.items()},
    **{f"cell {n}": (make, shape) for n, (make, shape) in CELLS.items()},
    **{f"memory {n}": (case.make, n) for n, case in MEMORIES.items()},
    **{f"task {n}": (make, None) for n, make in TASKS.items()},
    **{f"rule {n}": (lambda row=row: row.make(chain(), jb.losses.mse), (4,))
       for n, row in RULES.items()},
}  # fmt: skip


def numbers(value):
    """The parameters of a value that are plain numbers, and what to put in their place."""
    parameters = inspect.signature(value.config.make).parameters
    found = {}
    for name, given in value.config.parameters.items():
        kind = parameters[name].kind if name in parameters else None
        if kind in (inspect.Parameter.VAR_POSITIONAL, None) or isinstance(given, bool):
            continue
        if isinstance(given, int | float):
            found[name] = INTEGERS if isinstance(given, int) else FLOATS
    return found


def rebuilt(value, changed):
    """A value like this one with other parameters, or None where jaxbrain refuses them."""
    given = value.config.parameters | changed
    by_place, rest = [], {}
    for name, parameter in inspect.signature(value.config.make).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            by_place += given[name]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            rest[name] = given[name]
        else:
            by_place.append(given[name])
    return in_our_words(value.config.make, *by_place, **rest)


def use(value, what):
    """Trace what the value is for."""
    if isinstance(value, Network | Cell):
        x = jax.ShapeDtypeStruct(what, "float32")
        params = shapes_or_refusal(value.init, KEY, x)
        if params is not None and isinstance(value, Network):
            shapes_or_refusal(value.apply, params, x)
        elif params is not None:
            carry = shapes_or_refusal(value.carry, params, x)
            assert carry is None or shapes_or_refusal(value.step, params, carry, x)[0] == carry
    elif isinstance(value, Memory):
        patterns = MEMORIES[what].patterns(jax.random.key(0))
        params = shapes_or_refusal(value.store, patterns)
        if params is not None:
            cue = MEMORIES[what].cue(patterns)
            shapes_or_refusal(lambda p, k: value.recall(p, cue, key=k), params, KEY)
    elif isinstance(value, Task):
        shapes_or_refusal(value.sample, KEY)
    else:
        x, y = jax.ShapeDtypeStruct((6, 4), "float32"), jax.ShapeDtypeStruct((6, 3), "float32")
        params = jax.eval_shape(value.network.init, KEY, jax.ShapeDtypeStruct(what, "float32"))
        state = shapes_or_refusal(value.init, KEY, params, jax.ShapeDtypeStruct(what, "float32"))
        zeros = jax.tree.map(jnp.zeros_like, (params, state))
        if state is not None:
            shapes_or_refusal(lambda x, y, k: value.grads(*zeros, x, y, key=k), x, y, KEY)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "examples", [pytest.param(3, id="few"), pytest.param(60, id="many", marks=pytest.mark.slow)]
)
def test_any_number_as_an_option_is_refused_or_works(name, examples):
    make, what = ROWS[name]
    value = make()
    options = numbers(value)
    if not options:
        return
    one = st.sampled_from(sorted(options)).flatmap(
        lambda option: options[option].map(lambda number: {option: number})
    )

    @fuzz(one, examples=examples)
    def check(changed):
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            made = rebuilt(value, changed)
            if made is not None:
                use(made, what)

    check()
