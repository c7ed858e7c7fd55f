"""The check of arguments by annotations: what it passes, what it refuses, what it leaves."""

import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.core import notice
from jaxbrain.core.annotations import AsArray, Params
from jaxbrain.core.arguments import checked, explained
from jaxbrain.core.config import configured
from jaxbrain.core.types import Loss, Network


@checked
def function(
    number: float = 1.0,
    traced: float | jax.Array = 1.0,
    count: int | None = None,
    many: Sequence[float] = (),
    pair: tuple[int, int] = (1, 2),
    one_or_many: int | Sequence[int] = 1,
    table: float | np.ndarray | Sequence[Sequence[float]] = 0.0,
    sizes: int | Mapping[str, int] = 1,
    learned: float | tuple[float, ...] | jax.nn.initializers.Initializer = 1.0,
    *nets: Network,
    loss: Loss | None = None,
    f: Callable[..., Any] = len,
    flag: bool = False,
    name: str = "",
    array: jax.Array | None = None,
    either: Callable[..., Any] | Network = len,
    params: Params = (),
    path: str | os.PathLike[str] = "file",
    words: Sequence[str] | Mapping[str, slice] = (),
    data: tuple[Any, str] = (1, "a"),
    nested: Sequence[tuple[int, float]] = (),
    place: int | str = 0,
    shape: jax.ShapeDtypeStruct | None = None,
):
    """Something that takes one of each."""
    return number


NET = jb.dense(2)
GOOD = [
    ("number", (1, 2.5, -1.0, np.float16(2), np.array(3), jnp.int32(2))),
    ("traced", (1, np.float64(2), jnp.bfloat16(2))),
    ("count", (None, 0, -3, np.uint8(2), jnp.int32(2))),
    ("many", ((), [1, 2.0], np.ones(3), jnp.ones((2, 2)), range(3))),
    ("pair", ((1, 2), [np.int32(3), 4])),
    ("one_or_many", (2, (2, 3), [2])),
    ("table", (0.5, [[1.0, 2.0], [3.0, 4.0]], np.eye(2))),
    ("sizes", (3, {"a": 3, "b": 4})),
    ("learned", (0.1, (0.1, 0.2), jax.nn.initializers.zeros, lambda key, shape, dtype: 1)),
    ("loss", (None, jb.losses.mse, lambda y, t: 0)),
    ("f", (len, jax.nn.relu, int)),
    ("flag", (True, np.True_)),
    ("name", ("gru",)),
    ("array", (None, 3, 2.5, [1.0], np.ones(2), jnp.ones(2))),
    ("either", (len, NET, 3)),
    ("params", ((), {"b": None, "a": np.ones(2)}, [jnp.ones(2), (2.0,)], NET)),
    ("path", ("a", b"a", Path("a"))),
    ("words", (["a"], (), np.array(["a"]), {"a": slice(2)})),
    ("data", ((None, "a"), [1, "a"])),
    ("nested", ([(1, 2.0)], ())),
    ("place", (3, np.int8(3), "a")),
    ("shape", (None, np.ones(2), jax.ShapeDtypeStruct((2,), "float32"))),
]
BAD = [
    ("number", ("1", None, True, 1j, [1.0], np.ones(1), len), TypeError),
    ("number", (np.inf, float("nan"), jnp.inf, 1e39, 10**400), ValueError),
    ("traced", ("1", None, np.True_, jnp.ones(2), jax.random.key(0)), TypeError),
    ("count", ("1", True, 1j, [1], jnp.ones(2, int)), TypeError),
    ("count", (2.0, np.nan, 2**63), ValueError),
    ("many", (1.0, "12", None, [None], np.array(["a"]), {1.0}), TypeError),
    ("many", ([1.0, np.inf], np.array([np.nan])), ValueError),
    ("pair", (3, (1, "2"), (1, True)), TypeError),
    ("one_or_many", ("2", None, ("2",), True), TypeError),
    ("table", ("a", [["a"]], None), TypeError),
    ("sizes", ({"a": "3"}, "3", None, True), TypeError),
    ("learned", ("a", None, ("a",), {}), TypeError),
    ("loss", ("mse", 3, NET, jb.dense), TypeError),
    ("f", ("len", None, NET, jb.dense), TypeError),
    ("flag", (1, "yes", None), TypeError),
    ("name", (3, None), TypeError),
    ("array", ("a", {}, object(), len, [["a"]], jax.random.key(0), np.array([None])), TypeError),
    ("params", ("a", len, {"a": "b"}, [object()]), TypeError),
    ("path", (None, 3, "", b"", ["a"]), TypeError),
    ("words", ("ab", None, [3], {"a": 3}), TypeError),
    ("data", ("ab", None, (1,), (1, 2), (1, "a", 2), {}), TypeError),
    ("nested", (3, [1], [(1,)], [(1, "a")]), TypeError),
    ("place", (1.0, True, None, ["a"]), TypeError),
    ("shape", ((2,), 3, "float32"), TypeError),
]


@pytest.mark.parametrize(("argument", "values"), GOOD)
def test_what_passes(argument, values):
    for value in values:
        assert function(**{argument: value}) is not None


@pytest.mark.parametrize(("argument", "values", "error"), BAD)
def test_what_is_refused(argument, values, error):
    for value in values:
        with pytest.raises(error, match=rf"^function: {argument}(\[.*\])? must "):
            function(**{argument: value})


def test_arguments_by_place_are_checked_too():
    with pytest.raises(TypeError, match=r"function: nets\[1\] must be a Network"):
        function(1.0, 1.0, None, (), (1, 2), 1, 0.0, 1, 1.0, NET, "dense")
    with pytest.raises(TypeError, match="function: number must be a number, got 'a'"):
        function("a")


def test_a_traced_number_passes_and_its_shape_counts():
    assert jax.jit(lambda x: function(traced=x))(jnp.inf) == 1.0
    assert jax.vmap(lambda x: x * function(traced=x))(jnp.ones(2)).shape == (2,)
    with pytest.raises(TypeError, match="traced must be one number, got an array of shape"):
        jax.jit(lambda x: function(traced=x))(jnp.ones(2))
    with pytest.raises(TypeError, match="count must be an integer, got a traced value"):
        jax.jit(lambda n: function(count=n))(3)


@checked
def train(rule: str, data=None, *, epochs: int):
    """A function whose body fails for one rule."""
    return rule + 1 if rule == "bad" else epochs


@explained
def loop(rule, data=None, *, epochs):
    """The same, without checks of types."""
    return rule + 1 if rule == "bad" else epochs


@pytest.mark.parametrize("call", [train, loop])
def test_a_wrong_call_is_answered_before_a_wrong_value_and_that_before_a_missing_one(call):
    name = call.__name__
    for args, kwargs, message in (
        (("r",), {"epoch": 3}, "has no argument 'epoch'; did you mean 'epochs'"),
        ((3,), {"epoch": 3}, "has no argument 'epoch'"),
        (("r", 1, 2), {"epochs": 3}, "takes 2 positional arguments"),
        (("r",), {"rule": "r", "epochs": 3}, "got 'rule' twice"),
        (("r",), {}, "needs epochs=10 too"),
    ):
        with pytest.raises(TypeError, match=f"^{name} {message}"):
            call(*args, **kwargs)
    assert call("r", epochs=3) == 3


def test_a_wrong_value_comes_before_a_missing_one():
    with pytest.raises(TypeError, match="train: rule must be a str, got 3"):
        train(3)


@pytest.mark.parametrize("call", [train, loop])
def test_an_error_of_the_body_stays_as_it_is(call):
    with pytest.raises(TypeError, match="can only concatenate str"):
        call("bad", epochs=3)


def of_a_helper(text):
    raise ValueError(text)


@checked
def shown(x=0, text=""):
    """A function whose helper knows the argument alone."""
    of_a_helper(text)


@configured
def made(text):
    """A constructor with the same helper."""
    raise ValueError(text)


@pytest.mark.parametrize("ours", [True, False])
def test_an_error_of_jaxbrain_that_begins_with_an_argument_gets_the_function(monkeypatch, ours):
    package = str(Path(__file__).parent if ours else Path(np.__file__).parent)
    monkeypatch.setattr(notice, "_PACKAGE", package)
    for text, message in (
        ("x must be a matrix", "shown: x must be a matrix"),
        ("text[0] is odd", "shown: text[0] is odd"),
        ("xs must be a matrix", "xs must be a matrix"),
        ("x: x must be a matrix", "x: x must be a matrix"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message if ours else text)}$"):
            shown(text=text)
    with pytest.raises(ValueError, match="^made: text is" if ours else "^text is"):
        made("text is odd")


@checked
def value_of(params: Params, entry: str):
    """An entry of params, or of a mapping that has nothing to do with them."""
    return params["kernel"] if entry == "kernel" else {}[entry]


def test_an_entry_that_params_do_not_hold_is_named(monkeypatch):
    monkeypatch.setattr(notice, "_PACKAGE", str(Path(__file__).parent))
    assert value_of({"kernel": 1.0}, "kernel") == 1.0
    with pytest.raises(ValueError, match=r"^value_of: params hold no 'kernel'; pass what init"):
        value_of({"bias": 1.0}, "kernel")
    monkeypatch.setattr(notice, "_PACKAGE", "elsewhere")
    with pytest.raises(KeyError):
        value_of({"bias": 1.0}, "kernel")


def test_a_good_call_of_a_function_that_checks_itself_looks_at_no_signature(monkeypatch):
    monkeypatch.setattr(inspect, "signature", None)
    assert explained(lambda x: x + 1)(2) == 3


def test_a_checked_function_is_the_function():
    assert function.__name__ == "function" and "one of each" in function.__doc__
    assert function(2.0) == 2.0


def test_arguments_become_arrays():
    @checked
    def sizes(a: AsArray, other, *, b: AsArray | None = None):
        return a.shape, other, b.shape

    assert sizes([1, 2], [3], b=[[4]]) == ((2,), [3], (1, 1))
    with pytest.raises(ValueError, match="sizes: b hides 1 of its 2 values"):
        sizes([1], 0, b=np.ma.masked_equal([1, 2], 1))


def test_none_is_a_pytree_and_named_where_arrays_are_needed():
    own = jb.Network(lambda key, x: None, lambda params, x, *, key=None: jnp.sin(x))
    assert jb.batch(own).apply(None, jnp.zeros((2, 3))).shape == (2, 3)
    with pytest.raises(TypeError, match=r"dense.apply: params must be a pytree .*None"):
        jb.dense(3).apply(None, jnp.ones(2))
