"""Multiplications of compiled programs, against counts by hand."""

import jax
import jax.numpy as jnp
import pytest

import jaxbrain as jb
from benchmarks.rules_table.cells import Problem, compiled_gradient
from benchmarks.rules_table.columns import Protocol, Splits
from benchmarks.rules_table.products import multiplications

A, B = jnp.ones((5, 7)), jnp.ones((7, 3))
X, KERNEL = jnp.ones((2, 8, 3)), jnp.ones((3, 3, 4))


def count(function, *arguments):
    return multiplications(jax.jit(function).lower(*arguments).compile().as_text())


def strided(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (2,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
    )


def often(n):
    return lambda a, b: jax.lax.fori_loop(0, n, lambda _, x: jnp.tanh(x @ b @ b.T), a)


CASES = {
    "product": (lambda a, b: a @ b, (A, B), 5 * 7 * 3),
    "two products": (lambda a, b: (a @ b) @ b.T, (A, B), 2 * 5 * 7 * 3),
    "of a batch": (lambda a, b: jax.vmap(jnp.dot)(a, b), (jnp.ones((9, 5, 7)), jnp.ones((9, 7, 3))),
                   9 * 5 * 7 * 3),
    "none": (lambda a, b: jnp.tanh(a).sum() + b.sum(), (A, B), 0),
    "without a result": (lambda a, b: (a @ b, (a @ b @ b.T))[0], (A, B), 5 * 7 * 3),
    "loop": (often(11), (A, B), 11 * 2 * 5 * 7 * 3),
    "complex": (lambda a, b: a @ b, (A.astype("complex64"), B.astype("complex64")),
                4 * 5 * 7 * 3),
    "convolution": (strided, (X, KERNEL), 2 * 4 * 4 * 3 * 3),
    "gradient of a kernel": (
        lambda x, k: jax.grad(lambda k: jnp.sum(strided(x, k) ** 2))(k), (X, KERNEL),
        2 * (2 * 4 * 4 * 3 * 3),
    ),
    "gradient of an input": (
        lambda x, k: jax.grad(lambda x: jnp.sum(strided(x, k) ** 2))(x), (X, KERNEL),
        2 * (2 * 4 * 4 * 3 * 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_program_has_the_multiplications_counted_by_hand(name):
    function, arguments, expected = CASES[name]
    assert count(function, *arguments) == expected


def test_a_loop_of_unknown_length_is_not_counted_as_one():
    def until(a, b):
        return jax.lax.while_loop(lambda x: x.sum() < 9, lambda x: x @ b @ b.T, a)

    with pytest.raises(ValueError, match="a loop with products has no length"):
        count(until, A, B)


SIZES, BATCH = (6, 5, 4, 10), 8
EVERY = 6 * 5 + 5 * 4 + 4 * 10  # of a product of all layers, for one example
UPPER = 5 * 4 + 4 * 10  # without the first
# a first pass, 20 steps with predictions and errors of the upper layers, predictions, kernels
RULES = {
    "backprop": EVERY + UPPER + EVERY,
    "direct_feedback_alignment": EVERY + (10 * 5 + 10 * 4) + EVERY,
    "predictive_coding": EVERY + 20 * 2 * UPPER + UPPER + EVERY,
}


@pytest.mark.parametrize("name", RULES)
def test_an_update_of_a_rule_has_the_multiplications_counted_by_hand(name):
    tanh = jb.elementwise(jnp.tanh)
    net = jb.serial(*(m for n in SIZES[1:-1] for m in (jb.dense(n), tanh)), jb.dense(SIZES[-1]))
    pair = jnp.ones((BATCH, SIZES[0])), jnp.arange(BATCH)
    problem = Problem(net, Splits(pair, pair, pair), Protocol((8, 8, 8), 1, BATCH))
    program = compiled_gradient(name, problem).as_text()
    assert multiplications(program) == BATCH * RULES[name]
