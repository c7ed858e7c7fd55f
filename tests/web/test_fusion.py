"""What is computed, and how often: loops, equal operations, operations that do not change."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxbrain import web

A = np.ones((3, 4), "float32")


def loops(text):
    """The body of the module's function."""
    return text.partition("export function")[2].partition("return outputs")[0]


def test_operations_of_one_shape_share_a_loop():
    text = loops(web.javascript(lambda a: jnp.tanh(a * 2 + 1) / jnp.exp(a), A))
    assert text.count("for (") == 1 and "f(a" not in text
    split = loops(web.javascript(lambda a: jnp.tanh(a.sum(0)) + a[0], A))
    assert split.count("Math.tanh") == 1


def test_an_operation_waits_for_numbers_at_other_places():
    text = loops(web.javascript(lambda a: jnp.tanh(a) + jnp.tanh(a)[::-1], A[0]))
    assert text.count("for (") == 3 and text.count("Math.tanh") == 1  # the last one is a copy


def test_equal_operations_and_unused_ones():
    def twice(a):
        jnp.sin(a)
        return jnp.exp(a) + 1, jnp.exp(a) * 2

    text = loops(web.javascript(twice, A))
    assert text.count("Math.exp") == 1 and "Math.sin" not in text


def test_constants_are_computed_once_and_stand_once():
    rows = np.arange(5, dtype="float32") ** 2

    def add(a):
        return a[0] + jnp.sum(jnp.exp(rows)) + rows[1] + rows.sum()

    text = web.javascript(add, A)
    assert "Math.exp" in text and "Math.exp" not in loops(text)
    assert text.count("0, 1, 4, 9, 16") == 1


def test_what_does_not_change_is_computed_before_a_loop():
    def scan(a):
        return lax.scan(lambda c, x: (c + jnp.tanh(a[0]) * x, jnp.exp(c)), a[0], a)

    text = loops(web.javascript(scan, A))
    assert text.index("Math.tanh") < text.index("t1 < 3") < text.index("Math.exp")


def test_a_branch_that_is_not_taken_computes_nothing():
    text = loops(web.javascript(lambda a, p: lax.cond(p, lambda: jnp.tanh(a), lambda: a), A, True))
    assert text.index("} else {") < text.index("Math.tanh")


def test_storage_is_used_again():
    def chain(a):
        for _ in range(6):
            a = a @ a
        return a

    text = web.javascript(chain, np.ones((5, 5), "float32"))
    assert text.count("new Float32Array(25)") == 2


def test_long_programs_are_several_functions():
    def deep(a):
        for k in range(60):
            a = jax.nn.softmax(a * k) @ a.T @ a + a[0, 0]
        return a

    text = web.javascript(deep, A)
    assert "function part2(" in text and "part2(inputs, outputs);" in text
    assert max(len(part) for part in text.split("\nfunction ")) < 12_000
