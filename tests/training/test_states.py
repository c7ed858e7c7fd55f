"""The state that a training goes on from belongs to its rule, its optimizer and its data."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.core.program import Program
from jaxbrain.training.states import require_state

X = np.ones((6, 3), "float32")
NET = jb.serial(jb.dense(4), jb.elementwise(jnp.tanh), jb.dense(2))
RULES = {
    "backprop": jb.backprop(NET, jb.losses.mse),
    "feedback alignment": jb.feedback_alignment(NET, jb.losses.mse),
    "kolen_pollack": jb.learning.kolen_pollack(NET, jb.losses.mse),
}
OPTIMIZERS = {
    "sgd": optax.sgd(0.1),
    "momentum": optax.sgd(0.1, momentum=0.9),
    "adam": optax.adam(0.1),
    "rmsprop": optax.rmsprop(0.1),
    "clipped": optax.chain(optax.clip(1.0), optax.adam(0.1)),
}
CASES = [(rule, optimizer) for rule in RULES for optimizer in OPTIMIZERS]


def shapes(rule, optimizer, x=X):
    """The shapes of a state: nothing is computed."""
    return jax.eval_shape(
        lambda key: jb.init_state(RULES[rule], OPTIMIZERS[optimizer], x[0], key=key),
        jax.random.key(0),
    )


STATES = {case: shapes(*case) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_state_is_of_one_rule_and_optimizer_alone(case):
    """Over all pairs: no state of another one passes, its own does."""
    program = Program((RULES[case[0]], OPTIMIZERS[case[1]]))
    for other, state in STATES.items():
        same_optimizer = jax.tree.structure(state.opt_state) == jax.tree.structure(
            STATES[case].opt_state
        )
        same_rule = jax.tree.structure(state.rule_state) == jax.tree.structure(
            STATES[case].rule_state
        )
        if same_optimizer and same_rule:
            require_state("fit", program, state, X)
            continue
        part = "optimizer" if same_rule else "rule"
        with pytest.raises(ValueError, match=f"state is not of this {part}") as caught:
            require_state("fit", program, state, X)
        assert "params=state.params" in str(caught.value), other


def test_the_pairs_are_told_apart():
    """Adam's state under plain SGD, which has no numbers of its own, was accepted once."""
    structures = {jax.tree.structure(STATES["backprop", name].opt_state) for name in OPTIMIZERS}
    assert len(structures) == len(OPTIMIZERS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s._replace(params=s.params[:2]), r"params\[2\]\['bias'\] is missing"),
        (
            lambda s: s._replace(opt_state=jax.tree.map(_halved, s.opt_state)),
            r"opt_state.*float16\[4\], expected float32\[4\]",
        ),
    ],
)
def test_the_first_array_that_differs_is_named(change, words):
    program = Program((RULES["backprop"], OPTIMIZERS["momentum"]))
    with pytest.raises(ValueError, match=words):
        require_state("fit", program, change(STATES["backprop", "momentum"]), X)


def _halved(leaf):
    return jax.ShapeDtypeStruct(leaf.shape, "float16")


def test_params_of_another_precision_are_the_users():
    """The optimizer follows the params; only their shapes are those of the network."""
    rule, optimizer = RULES["backprop"], OPTIMIZERS["adam"]
    half = jax.tree.map(_halved, STATES["backprop", "adam"].params)
    state = jax.eval_shape(
        lambda key, params: jb.init_state(rule, optimizer, X[0], key=key, params=params),
        jax.random.key(0), half,
    )  # fmt: skip
    require_state("fit", Program((rule, optimizer)), state, X)


def test_a_network_that_cannot_be_drawn_keeps_the_params_it_got():
    def init(key, x):
        raise NotImplementedError("only the trained parameters exist")

    rule = jb.backprop(jb.Network(init, NET.apply), jb.losses.mse)
    state = STATES["backprop", "sgd"]
    require_state("fit", Program((rule, OPTIMIZERS["sgd"])), state, X)
