"""Rules side by side: the same starts and batches as `jb.run`, and a table that tells the truth."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.analysis import Comparison, angles_to, compare_rules, frozen_hidden
from tests.pictures import result

NET = jb.serial(jb.dense(6), jb.elementwise(jnp.tanh), jb.dense(2), jb.elementwise(jnp.asarray))
LOSS, ADAM = jb.losses.softmax_cross_entropy, optax.adam(0.05)
new_key = partial(jax.random.key, 3)
POINTS, TARGETS = jb.datasets.moons(jax.random.key(0), 40)
MOONS = POINTS, TARGETS[:, 0].astype(int)
PROBE = MOONS[0][:8], MOONS[1][:8]
BACKPROP, ALIGNED = jb.backprop(NET, LOSS), jb.feedback_alignment(NET, LOSS)


def breaks(params, state, x, y, *, key=None):
    """Gradients of nan for those seeds whose first weight is positive; that weight stays."""
    loss, (first, *others), state = BACKPROP.grads(params, state, x, y, key=key)
    bad = jnp.where(params[0]["kernel"][0, 0] > 0, jnp.nan, 1.0)
    first = {"kernel": first["kernel"].at[0, 0].set(0), "bias": first["bias"] * bad}
    return loss, (first, *others), state


WIDER = jb.backprop(jb.serial(jb.dense(7), *NET.layers[1:]), LOSS)
RULES = {
    "backprop": BACKPROP,
    "feedback": ALIGNED,
    "slow": (BACKPROP, optax.sgd(0.01)),
    "breaks": BACKPROP._replace(grads=breaks),
    "wider": WIDER,
    "floor": (BACKPROP, frozen_hidden(ADAM)),
}


@pytest.fixture(scope="module")
def found():
    return compare_rules(
        RULES, ADAM, MOONS, key=new_key(), seeds=5, epochs=3, batch_size=8,
        validation=MOONS, probe=PROBE, floor="floor",
    )  # fmt: skip


@pytest.mark.slow
def test_every_rule_is_trained_as_run_trains_it(found):
    for name, optimizer in (("backprop", ADAM), ("feedback", ADAM), ("slow", optax.sgd(0.01))):
        rule = RULES[name][0] if name == "slow" else RULES[name]

        def alone(key, rule=rule, optimizer=optimizer):
            return jb.run(
                rule, optimizer, MOONS, key=key, epochs=3, batch_size=8, validation=MOONS,
                metrics={"accuracy": jb.accuracy}, record=angles_to(rule, BACKPROP, PROBE),
            )  # fmt: skip

        state, history = jax.jit(jax.vmap(alone))(jax.random.split(new_key(), 5))
        result = found.results[name]
        close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)  # noqa: E731
        jax.tree.map(close, result.state.params, state.params)
        close(result.history.loss, history.loss)
        close(result.history.step_loss, history.step_loss)
        close(result.history.metrics["accuracy"], history.metrics["accuracy"])
        np.testing.assert_allclose(result.angles, history.record, atol=0.1)
        assert result.accuracy.shape == (5,) and result.angles.shape == (5, 3, 2)
        assert result.seconds > 0 and not result.diverged.any()


def test_all_start_alike_and_only_the_last_layer_of_the_floor_moves(found):
    first = found.results["backprop"].start.params
    for name in ("feedback", "slow", "breaks", "floor"):
        jax.tree.map(np.testing.assert_array_equal, found.results[name].start.params, first)
    floor = found.results["floor"]
    moved = [
        any(jax.tree.leaves(jax.tree.map(lambda a, b: bool(np.any(a != b)), old, new)))
        for old, new in zip(floor.start.params, floor.state.params, strict=True)
    ]
    assert moved == [False, False, True, False]
    assert floor.angles is None and found.results["wider"].angles is None


def test_a_rule_that_diverges_is_named_and_stops_no_other(found):
    broken = found.results["breaks"]
    bad = np.asarray(found.results["backprop"].start.params[0]["kernel"])[:, 0, 0] > 0
    assert 0 < bad.sum() < 5
    np.testing.assert_array_equal(broken.diverged, bad)
    np.testing.assert_array_equal(np.isnan(broken.accuracy), broken.diverged)
    assert np.isfinite(broken.mean_angles).all()
    (line,) = [line for line in str(found).splitlines() if line.startswith("breaks")]
    assert f"({broken.diverged.sum()} of 5 diverged)" in line and line.endswith("diverged")
    assert np.isfinite(found.results["floor"].accuracy).all()


def test_the_table_says_what_is_in_it():
    angles = np.arange(12.0).reshape(3, 2, 2)
    table = Comparison(
        {
            "best": result([0.9, 0.8, 0.85], 2.0, angles),
            "floor": result([0.5, 0.4, 0.45]),
            "alike": result([0.6, 0.35, 0.43], 5.0),
            "worse": result([0.4, 0.3, 0.34]),
            "lost": result([np.nan] * 3),
        },
        "score",
        "floor",
    )
    assert [table.verdict(name) for name in table.results] == [
        "yes", "", "unclear", "no", "diverged"
    ]  # fmt: skip
    assert table.cost("alike") == 2.5
    heading, _, best, floor, _, _, lost = table.table().splitlines()
    assert heading.split() == ["rule", "score", "loss", "angles", "cost", "beats", "the", "floor"]
    assert best.split() == ["best", "0.850", "±", "0.050", "1", "6", "7", "1.00", "yes"]
    assert floor.split() == ["floor", "0.450", "±", "0.050", "1", "-", "0.50", "(floor)"]
    assert lost.split() == ["lost", "diverged", "-", "-", "0.50", "diverged"]
    alone = table._replace(floor=None)
    assert "floor" not in str(alone).splitlines()[0]


def test_a_verdict_is_about_the_mean_of_the_paired_differences():
    """0.1, 0.05, 0.02: the mean is above two standard errors, below two standard deviations."""
    floor = [0.5, 0.4, 0.45]
    better, noisier = [0.6, 0.45, 0.47], [0.45, 0.6, 0.47]  # the same values, paired otherwise
    table = Comparison(
        {name: result(v) for name, v in (("floor", floor), ("a", better), ("b", noisier))},
        "score",
        "floor",
    )
    assert (table.verdict("a"), table.verdict("b")) == ("yes", "unclear")


def test_compare_rules_refuses():
    def call(rules, **more):
        arguments = {"key": new_key(), "seeds": 1, "epochs": 1, "validation": MOONS} | more
        compare_rules(rules, ADAM, MOONS, **arguments)

    with pytest.raises(ValueError, match=r"rules must map names to rules.*got list"):
        call([BACKPROP])
    with pytest.raises(ValueError, match="rules must map names to rules"):
        call({})
    with pytest.raises(TypeError, match=r"rules\['a'\] must be a LearningRule or a pair"):
        call({"a": (BACKPROP, ADAM, 1)})
    with pytest.raises(ValueError, match="floor must be one of the rules, a; got 'b'"):
        call({"a": BACKPROP}, floor="b")
    for name in ("seeds", "epochs", "batch_size"):
        with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
            call({"a": BACKPROP}, **{name: 0})
    with pytest.raises(ValueError, match="one target for each") as error:
        call({"a": BACKPROP, "b": ALIGNED}, validation=(MOONS[0], MOONS[1][:3]))
    with pytest.raises(ValueError, match="no answer") as error:
        call({"a": BACKPROP._replace(grads=refuse)})
    assert "in compare_rules, of the rule 'a'" in error.value.__notes__
    with pytest.raises(TypeError, match="frozen_hidden needs the params of a serial chain"):
        frozen_hidden(ADAM).init({"kernel": jnp.ones((2, 2))})


def refuse(*args, key=None):
    raise ValueError("no answer")


@pytest.mark.slow
def test_progress_is_shown_when_asked_for(capsys):
    few = {"seeds": 1, "epochs": 1, "batch_size": None, "validation": MOONS}
    compare_rules({"a": BACKPROP}, ADAM, MOONS, key=new_key(), **few)
    assert capsys.readouterr().err == ""
    compare_rules({"a": BACKPROP}, ADAM, MOONS, key=new_key(), **few, progress=True)
    assert "100 %  rule=a accuracy=" in capsys.readouterr().err
