"""Inputs that random search has found: each is refused by name, or gives the right result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain import analysis
from jaxbrain.analysis.decoders import _moments
from jaxbrain.motor import Action
from tests.tables.measures import CELL, params_of_cell, state_of_net

RNG = np.random.default_rng(0)
ROWS, PATH = RNG.normal(size=(9, 2)).astype("float32"), np.arange(18.0).reshape(9, 2) / 100
FORCE, HERE, THERE = np.zeros(2), np.zeros(2), np.array([0.0, 1.0])
MASS, ARM, HEBB = jb.motor.point_mass(), jb.motor.two_link_arm(), jb.learning.plasticity.hebb()
BACKPROP = jb.backprop(jb.dense(2), jb.losses.mse)
PARAMS_OF_TAPE = {"kernel": np.ones((2, 21), "float32"), "bias": np.zeros(21, "float32")}
UNITS = analysis.Tuning(*np.ones((4, 3), "float32"))


def layer(values):
    return ({"kernel": np.asarray(values)},)


SYMBOLS, TAPE = jb.memory.holographic_reduced(8), jb.memory.external_memory(4, 2)

REFUSED = {
    "no outputs": (lambda: jb.accuracy(np.zeros(0), 0), "accuracy: logits must have at least one"),
    "a match of no outputs": (
        lambda: jb.metrics.exact_match(np.zeros(0), np.zeros(0)),
        "exact_match: prediction must have at least one",
    ),
    "no predictions": (
        lambda: jb.metrics.mean_absolute_error(np.zeros(0), np.zeros(0)),
        "mean_absolute_error: prediction must have at least one",
    ),
    "complex symbols": (
        lambda: SYMBOLS.bind(np.ones(8) + 1j, np.ones(8)),
        "x must be real, .*fourier_holographic_reduced",
    ),
    "a step of several inputs": (
        lambda: TAPE.step(PARAMS_OF_TAPE, TAPE.carry(PARAMS_OF_TAPE, ROWS[0]), ROWS),
        r"external_memory\(4, 2\) needs the input \[features\] of one step",
    ),
    "states without units": (
        lambda: analysis.dimensionality(np.ones((3, 0))),
        "dimensionality: states",
    ),
    "one number": (lambda: analysis.dimensionality(3.0), "dimensionality: states must be"),
    "complex states": (lambda: analysis.dimensionality(ROWS + 1j), "states must be real"),
    "a complex recording": (
        lambda: analysis.lagged(ROWS + 1j, (0,)),
        "lagged: activity must be real",
    ),
    "text": (lambda: analysis.pca(ROWS.astype(str), 1), "pca: data must be an array of numbers"),
    "ragged rows": (lambda: analysis.cka([[1.0], [1.0, 2.0]], ROWS), "cka: a is a list whose"),
    "nothing": (lambda: analysis.r_squared(None, ROWS), "r_squared: movement must be an array"),
    "squares without a float": (lambda: analysis.pca(1e30 * ROWS, 1), "pca: the squares of data"),
    "empty layers": (
        lambda: analysis.angles(layer([]), layer([])),
        "angles: .*at least one, got 0",
    ),
    "layers of other sizes": (
        lambda: analysis.norm_ratios(layer([1.0]), layer([1.0, 2.0])),
        "norm_ratios: .*got 1 and 2",
    ),
    "gradients of truth values": (
        lambda: analysis.angles(layer([True]), layer([True])),
        "angles: gradients must be .*got bool",
    ),
    "signs of complex numbers": (
        lambda: analysis.sign_agreement(layer([1j]), layer([1j])),
        "sign_agreement: .*must be real",
    ),
    "a matrix of eigenvalues": (lambda: analysis.classify(np.eye(2)), "classify: .*got shape"),
    "eigenvalues of nan": (lambda: analysis.classify([0.5, np.nan]), "classify: .*must be finite"),
    "an empty path": (
        lambda: analysis.lateral_deviation(PATH[:0], HERE, THERE),
        "position must be .*one step",
    ),
    "a start in space": (
        lambda: analysis.lateral_deviation(PATH, np.zeros(3), THERE),
        "start must be a point",
    ),
    "a negative speed": (lambda: analysis.movement_window([1.0, -1.0]), "must not be negative"),
    "fields of other units": (
        lambda: analysis.population_vector(np.ones(3), UNITS._replace(r2=np.ones(1))),
        "of the units",
    ),
    "an input of nan": (
        lambda: analysis.fixed_points(CELL, params_of_cell(), np.full(4, np.nan), np.zeros((1, 3))),
        "fixed_points: x must be finite",
    ),
    "an input of text": (
        lambda: analysis.fixed_points(
            CELL, params_of_cell(), np.array(["1"] * 4), np.zeros((1, 3))
        ),
        "fixed_points: x must be an array of numbers",
    ),
    "a batch of text": (
        lambda: analysis.bias_and_variance(
            jax.random.key(0),
            BACKPROP,
            BACKPROP,
            state_of_net().params,
            (np.array([["1"] * 3]), np.ones((1, 2))),
            samples=2,
        ),
        "bias_and_variance: data must be an array of numbers",
    ),
    "no command": (lambda: MASS.carry((), Action(None, FORCE)), "Action.command must be an array"),
    "a complex command": (lambda: MASS.carry((), Action(1j * FORCE, FORCE)), "point_mass: .*real"),
    "a place in space": (
        lambda: ARM.place((), np.ones(3)),
        r"place: position must be of shape \(2,\)",
    ),
    "a place in words": (lambda: MASS.place((), ["a", "b"]), "place: position must be an array of"),
    "weights of one axis": (
        lambda: HEBB.carry(np.ones(3), (HERE, HERE, None)),
        "must be the weights",
    ),
    "no weights": (
        lambda: HEBB.carry(None, (HERE, HERE, None)),
        "params must be an array of numbers",
    ),
    "activities in words": (
        lambda: HEBB.step(np.ones((2, 2)), (), (["a", "b"], HERE, None)),
        "x must be an array of numbers",
    ),
    "a complex target": (
        lambda: jb.losses.mse(jnp.ones(2), jnp.array([1j, 1j])),
        "target must be real",
    ),
    "complex logits": (
        lambda: jb.losses.softmax_cross_entropy(jnp.array([1j, 1j]), 1),
        "softmax_cross_entropy: the pred",
    ),
    "ragged targets": (
        lambda: jb.losses.softmax_cross_entropy(jnp.ones(2), [[1.0], [1.0, 2.0]]),
        "softmax_cross_entropy: target is a list whose entries differ",
    ),
    "no target": (lambda: jb.losses.mse(jnp.ones(2), None), "mse: target must be an array"),
    "labels in words": (
        lambda: jb.accuracy(jnp.ones(2), np.array("yes")),
        "accuracy: target must be an array",
    ),
    "logits in words": (lambda: jb.accuracy("ab", 1), "accuracy: logits must be an array"),
    "no answer": (lambda: jb.binary_accuracy(None, 1), "binary_accuracy: probability must be an"),
    "ragged values": (
        lambda: jb.metrics.r_squared([[1.0], [1.0, 2.0]], [1.0]),
        "r_squared: predictions is a list",
    ),
    "an error of text": (
        lambda: jb.metrics.mean_absolute_error("a", 1.0),
        "mean_absolute_error: prediction must be",
    ),
    "a loss of text": (
        lambda: jb.losses.half_mse("a", 1.0),
        "half_mse: prediction must be an array",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name):
    call, words = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def plane(states):
    turn = np.array([[0.0, -1.0], [1.0, 0.0]], "float32")
    return analysis.skew_fit(states, states @ turn)


FREE_OF_SCALE = {
    "r_squared": lambda a: analysis.r_squared(a, a[::-1]),
    "tuning": lambda a: analysis.tuning(np.arange(9.0), a).r2,
    "explained variance": lambda a: jax.jit(lambda a: analysis.pca(a, 2).explained)(a),
    "skew_fit": plane,
    "dimensionality": analysis.dimensionality,
    "cka": lambda a: analysis.cka(a, a[::-1]),
    "peak of a path": lambda a: analysis.reach_kinematics(a, a, a[0], a[-1]).straightness,
    "smoothness": lambda a: analysis.minimum_jerk_correlation(np.abs(a[:, 0])),
    "angle": lambda a: analysis.angles(layer(a), layer(a[::-1])),
}


@pytest.mark.parametrize("name", FREE_OF_SCALE)
def test_a_measure_without_a_unit_is_the_same_in_any_unit(name):
    measure = FREE_OF_SCALE[name]
    expected = np.asarray(measure(ROWS))
    assert np.isfinite(expected).all() and expected.any()
    for scale in (2.0**-100, 2.0**100):
        np.testing.assert_allclose(measure(ROWS * np.float32(scale)), expected, rtol=1e-5)


@pytest.mark.parametrize("measure", [
    lambda a: analysis.linear_fit(a, a),
    lambda a: analysis.tuning(np.arange(9.0), a).r2,
    lambda a: analysis.lagged(a, (0, 1)),
])  # fmt: skip
def test_half_precision_is_widened(measure):
    half = ROWS.astype("float16")
    found = np.asarray(measure(half))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, measure(half.astype("float32")))


def test_nan_in_a_movement_is_passed_on():
    path = np.where(np.arange(18).reshape(9, 2) == 5, np.nan, PATH)
    assert np.isnan(analysis.reach_time(path, THERE))
    assert np.isnan(analysis.movement_window(np.array([0.0, np.nan, 1.0]))).all()
    assert np.isnan(analysis.reach_kinematics(PATH, path, HERE, THERE).peak_speed)


def test_movements_and_gradients_of_whole_numbers_are_measured_as_floats():
    steps = np.array([[0, 0], [1, 3], [0, 6]])
    np.testing.assert_allclose(analysis.lateral_deviation(steps, [0, 0], [0, 6]), [0, -1, 0])
    assert analysis.reach_time(steps > 1, [1, 1], dt=1.0) == 2.0
    assert analysis.angles(layer([1, 0]), layer([0, 2])).tolist() == [90.0]


def test_one_layer_of_numpy_is_one_layer():
    one = {"kernel": np.ones((2, 2)), "bias": np.ones(2)}
    assert analysis.angles(one, one).shape == (1,)
    assert analysis.angles((one, one), (one, one)).shape == (2,)


def test_a_command_of_whole_numbers_leaves_the_hand_where_it_rests():
    for plant in (MASS, ARM):
        state = plant.carry((), Action(np.zeros(2, int), FORCE))
        np.testing.assert_allclose(plant.hand((), state).position, [0.0, 0.4], atol=1e-6)
    moved, _ = MASS.step((), MASS.carry((), Action([0, 0], [0, 0])), Action([1, 0], [0, 0]))
    assert moved.velocity[0] > 0


def test_a_body_keeps_the_precision_of_its_state():
    action = Action(np.zeros(2, "float16"), np.zeros(2, "float32"))
    state = MASS.carry((), action)
    with jax.numpy_dtype_promotion("standard"):
        assert MASS.step((), state, action)[0].position.dtype == state.position.dtype


@pytest.mark.parametrize("weights", [np.ones((2, 2), bool), np.ones((2, 2), int), [[1.0, 1.0]] * 2])
def test_weights_of_any_kind_are_changed_as_floats(weights):
    rule, now = jb.learning.plasticity.pair_stdp(), (np.array([1, 0]), [0.5, 0.0], None)
    carry = rule.carry(weights, now)
    carry, _ = rule.step(weights, carry, now)
    change = rule.step(weights, carry, now)[1]
    assert change.dtype == np.float32 and change[0, 0] != 0


def test_lists_are_measured():
    assert jb.accuracy([0.1, 2.0], 1) == 1 and jb.binary_accuracy([0.7, 0.2], [1, 1]) == 0.5
    assert jb.losses.mse([1.0, 2.0], [0, 0]) == 2.5 and jb.metrics.r_squared([1.0], [1.0]) == 1


def test_deviations_of_extreme_movements_are_finite():
    mean, deviation = _moments(jnp.asarray(ROWS * np.float32(1e30)))
    np.testing.assert_allclose(deviation / 1e30, _moments(ROWS)[1], rtol=1e-5)
    assert jnp.isfinite(mean).all()


def test_absolute_errors_keep_the_fraction_of_the_target():
    assert jb.metrics.mean_absolute_error(np.array([1, 2]), np.array([0.5, 2.5])) == 0.5
    assert jb.metrics.mean_absolute_error(np.array([True]), np.array([0.25])) == 0.75


def test_symbols_of_half_precision_are_bound_in_floats():
    one, other = SYMBOLS.draw(jax.random.key(0), 2)
    half = SYMBOLS.bind(one.astype("float16"), other.astype("float16"))
    assert half.dtype == "float32"
    np.testing.assert_allclose(half, SYMBOLS.bind(one, other), atol=1e-2)
