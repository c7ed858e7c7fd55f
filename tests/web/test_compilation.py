"""The module: its function, names, checks, and what it refuses."""

import json
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.node import NODE, Job, run
from jaxbrain import web
from jaxbrain.web.lowering import PRIMITIVES
from tests.javascript import needs_node

A = np.ones((2, 3), "float32")


def step(state, x):
    return {"w": state["w"] + x, "n": state["n"] + 1}, state["w"].sum()


STATE = {"w": A, "n": 0}


def test_a_module_has_one_function_and_says_what_it_takes():
    text = web.javascript(step, STATE, 2.0)
    assert text.count("export") == 1 and "export function step(" in text
    assert "import" not in text and "eval" not in text
    for name in ("state.n", "state.w", "x", "0.n", "0.w", "1"):
        assert f'name: "{name}"' in text
    assert 'shape: [2, 3], dtype: "float32", array: Float32Array, length: 6' in text


@pytest.mark.parametrize("function", [lambda x: x, max, jax.jit(lambda x: x)])
def test_a_function_without_a_name_that_fits_is_compute(function):
    name = "max" if function is max else "compute"
    if function is not max:
        assert f"export function {name}(" in web.javascript(function, A)


def test_helpers_stand_only_where_they_are_used():
    assert "threefry" not in web.javascript(step, STATE, 2.0)
    text = web.javascript(lambda key: jax.random.bits(key, (2,)), jax.random.key(0))
    assert text.count("function threefry(") == 1 and "erf" not in text


def test_an_unknown_primitive_names_itself_and_its_line():
    def unknown(a):
        return jax.scipy.special.digamma(a)

    with pytest.raises(NotImplementedError, match=r"primitive digamma .*from unknown, .*\.py:\d+"):
        web.javascript(unknown, A)
    assert "digamma" not in PRIMITIVES


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_dtype_without_an_array_is_refused(dtype):
    with pytest.raises(NotImplementedError, match=f"a is {dtype}, .*float64"):
        web.javascript(lambda a: a, A.astype(dtype))
    with pytest.raises(NotImplementedError, match=f"convert_element_type .*{dtype}"):
        web.javascript(lambda a: a.astype(dtype).sum(), A)


@pytest.mark.x64
def test_integers_of_64_bits_are_refused_and_float64_is_not():
    with pytest.raises(NotImplementedError, match="a is int64"):
        web.javascript(lambda a: a, np.ones(3, "int64"))
    assert "f(" not in web.javascript(lambda a: jnp.tanh(a) * a, np.ones(3, "float64"))


def test_only_functions_are_compiled():
    with pytest.raises(TypeError, match="javascript: function must be a function, got 3"):
        web.javascript(3, A)


@needs_node
def test_outputs_may_be_the_arrays_of_inputs():
    def turn(a, b):
        return b, a, a + b

    (done,) = run([Job(turn, (A, 2 * A), carries=True)])  # the first output is the first input
    for expected, found in zip((2 * A, A, 3 * A), done.results, strict=True):
        np.testing.assert_array_equal(found, expected)


CALLS = {
    "run([new Float32Array(5), x])": "input 0 (a) must be a Float32Array of 6 numbers, got Float32",
    "run([new Float64Array(6), x])": "got Float64Array of 6",
    "run([x])": "input 1 (b) must be a Float32Array of 6 numbers, got nothing",
    "run([x, x, x])": "3 inputs, but there are 2",
    "run([x, x], [x.slice(1)])": "output 0 (result) must be a Float32Array of 6",
    "run([x, x])[0][5]": "12",
}


@needs_node
def test_arrays_are_checked(tmp_path):
    path = tmp_path / "add.mjs"
    path.write_text(web.javascript(lambda a, b: a + b, A, A))
    tries = "\n".join(
        f"try {{ console.log({call}); }} catch (error) {{ console.log(error.message); }}"
        for call in CALLS
    )
    script = f"""
      const {{ compute: run }} = await import({json.dumps(str(path))});
      const x = new Float32Array(6).fill(6);
      {tries}
    """
    assert NODE is not None
    command = [NODE, "--input-type=module", "-e", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for line, message in zip(done.stdout.splitlines(), CALLS.values(), strict=True):
        assert message in line
