"""The checks of arguments: what is refused, with the name of the argument and the value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxbrain.core import requirements as require


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: require.require_positive("rule", "tau", 0.0), "rule: tau must be positive"),
        (
            lambda: require.require_positive("rule", "tau", -1, zero=True),
            "must not be negative",
        ),
        (
            lambda: require.require_positive("rule", "tau", 3, below=2),
            "and below 2, got 3",
        ),
        (lambda: require.require_positive("rule", "tau", float("nan")), "tau must be a finite num"),
        (lambda: require.require_positive("rule", "tau", 1e39), "tau must be a finite number"),
        (lambda: require.require_positive("rule", "tau", 1e-50), "tau must be positive"),
        (
            lambda: require.require_number("rule", "p", 1, at_least=0, below=1),
            "rule: p must be at least 0 and below 1, got 1",
        ),
        (lambda: require.require_numbers("rule", "p", [[1.0], [np.inf]]), "p must be finite"),
        (lambda: require.require_fraction("rule", "p", 1.5), "p must be from 0 to 1, got 1.5"),
        (lambda: require.require_count("rule", "n", 0), "n must be a positive integer, got 0"),
        (lambda: require.require_count("rule", "n", 2.0), "positive integer, got 2.0"),
        (lambda: require.require_count("rule", "n", 2**63), "n must fit 64 bits"),
        (
            lambda: require.require_integer("rule", "n", 1, at_least=2),
            "rule: n must be an integer of at least 2, got 1",
        ),
        (lambda: require.require_times("cell", 2, {"tau": 0.01}, 0.02), "dt must be at most tau"),
        (lambda: require.require_times("cell", 2, {"tau": np.ones(3)}, 0.1), r"shape \(2,\), got"),
        (lambda: require.require_key("rule", None, "it draws"), "rule needs a key: it draws"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("value", ["1", None, True, np.False_, 1j, np.ones(2), [1.0], len])
def test_what_is_no_number_is_a_type_error(value):
    for check in (require.require_number, require.require_fraction, require.require_count):
        with pytest.raises(TypeError, match=r"rule: p must be .*, got .*"):
            check("rule", "p", value)


def test_good_and_traced_arguments_pass():
    require.require_positive("rule", "tau", 1e-9)
    require.require_positive("rule", "tau", 0, zero=True)
    require.require_fraction("rule", "p", 1)
    for p in (1, np.float16(1), np.array(1.0), jnp.float32(1), jnp.bfloat16(1)):
        require.require_number("rule", "p", p, above=0, at_most=1)
    for n in (1, np.int64(1), np.uint8(1), jnp.int32(1)):
        assert type(require.require_count("rule", "n", n)) is int
    require.require_times("cell", 3, {"tau": np.ones(3)}, 1.0)

    def traced(x):
        require.require_positive("rule", "tau", x)
        require.require_fraction("rule", "p", x)
        require.require_times("cell", 1, {"tau": x}, x)
        return x

    jax.jit(traced)(-1.0)


def test_half_precision_is_refused():
    with pytest.raises(TypeError, match=r"32 bits, got bfloat16.*with_precision"):
        require.require_wide("rule", jnp.ones(2, "bfloat16"))
    require.require_wide("rule", jnp.ones(2, "float32"))


def test_a_number_takes_the_dtype_of_an_array():
    assert require.as_number(2.0, jnp.ones(2, "float16")).dtype == "float16"
    assert require.as_number(jnp.float32(2.0), jnp.ones(2, "float16")).dtype == "float16"
