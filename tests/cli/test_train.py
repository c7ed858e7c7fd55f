"""`jaxbrain train`: what the options build, and what it reaches on data of all kinds."""

import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.cli.data import load
from jaxbrain.cli.parser import FIRST_RULES, RULES
from jaxbrain.cli.train import make_job
from jaxbrain.core import free_memory
from tests.command_line import (
    assert_mistake,
    options,
    plane_csv,
    results,
    train,
    write_csv,
    write_idx,
)
from tests.conftest import shared

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")

MOONS = ("--data", "moons", "--hidden", "6,4", "--activation", "tanh")


def test_the_options_build_the_network_and_the_rule():
    chosen = options(*MOONS, "--rule", "feedback_alignment", "--learning-rate", 0.1)
    job = make_job(chosen, load(chosen))
    tanh = jb.elementwise(jax.nn.tanh)
    net = jb.serial(jb.dense(6), tanh, jb.dense(4), tanh, jb.dense(2))
    assert job.net == net != jb.serial(jb.dense(4), tanh, jb.dense(6), tanh, jb.dense(2))
    assert job.rule == jb.feedback_alignment(net, jb.losses.softmax_cross_entropy)


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("sgd", optax.sgd(0.1)),
        ("momentum", optax.sgd(0.1, momentum=0.9)),
        ("adam", optax.adam(0.1)),
        ("adamw", optax.adamw(0.1)),
        ("rmsprop", optax.rmsprop(0.1)),
    ],
)
def test_the_options_build_the_optimizer(name, optimizer):
    chosen = options(*MOONS, "--optimizer", name, "--learning-rate", 0.1)
    params, grads = jnp.array([1.0, -2.0]), jnp.array([0.5, 3.0])

    def second_update(optimizer):
        _, state = optimizer.update(grads, optimizer.init(params), params)
        return optimizer.update(-grads / 3, state, params)[0]

    with jax.numpy_dtype_promotion("standard"):  # optax's adam mixes integers and floats
        found = second_update(make_job(chosen, load(chosen)).optimizer)
        np.testing.assert_array_equal(found, second_update(optimizer))


def test_the_command_is_fit_with_the_same_settings():
    words = (*MOONS, "--seed", 3, "--batch-size", 200, "--epochs", 2, "--learning-rate", 0.01)
    assert train(*words) == 0
    data = load(options(*words))
    tanh = jb.elementwise(jax.nn.tanh)
    net = jb.serial(jb.dense(6), tanh, jb.dense(4), tanh, jb.dense(2))
    rule, adam = jb.backprop(net, jb.losses.softmax_cross_entropy), optax.adam(0.01)
    how = {"key": jax.random.key(3), "epochs": 2, "batch_size": 200, "progress": False}
    state, _ = jb.fit(rule, adam, data.train, **how)
    found = jb.checkpoint.restore("out/params.ckpt", state.params)
    jax.tree.map(np.testing.assert_array_equal, found, state.params)
    # the scores, from the weights
    x, y = data.test
    for i in (0, 2, 4):
        x = x @ np.asarray(found[i]["kernel"]) + np.asarray(found[i]["bias"])
        x = np.tanh(x) if i < 4 else x
    assert results()["test"]["accuracy"] == pytest.approx(np.mean(x.argmax(axis=1) == y))
    assert results()["test"]["rows"] == len(y) == 250


def test_r_squared_of_values_whose_mean_is_not_zero():
    plane_csv("plane.csv")
    chosen = options("--data", "plane.csv", "--regression")
    job = make_job(chosen, load(chosen))
    target = np.array([[3.0], [5.0], [10.0]], np.float32)
    prediction = np.array([[4.0], [5.0], [8.0]], np.float32)
    score = jax.vmap(job.score((target, target)))(prediction, target)
    assert float(score.mean()) == pytest.approx(1 - 5 / 26)  # 5 = 1 + 4, 26 = 9 + 1 + 16


def test_regression_recovers_a_plane_in_its_own_units():
    x, y = plane_csv("plane.csv")
    words = ("--data", "plane.csv", "--hidden", "none", "--learning-rate", 0.05)
    assert train(*words, "--target", "y", "--epochs", 200) == 0
    assert results()["test"]["r2"] > 0.999 and results()["train"]["r2"] > 0.999
    net = jb.dense(1)
    like = (net.init(jax.random.key(0), jax.ShapeDtypeStruct((2,), "float32")),)
    params = jb.checkpoint.restore("out/params.ckpt", like)
    p = json.loads(Path("out/run.json").read_text())["preparation"]
    seen = np.asarray((x - p["x_shift"]) / np.array(p["x_scale"]), np.float32)
    answer = np.asarray(jb.batch(net).apply(params[0], seen)) * p["y_scale"] + p["y_shift"]
    np.testing.assert_allclose(answer[:, 0], y, atol=0.02 * np.std(y))


def test_noise_has_no_r_squared():
    rng = np.random.default_rng(0)
    write_csv("noise.csv", [[rng.normal(), int(rng.integers(1000))] for _ in range(200)])
    assert train("--data", "noise.csv", "--regression", "--hidden", "none", "--epochs", 20) == 0
    assert results()["test"]["r2"] < 0.1


def test_words_and_images_are_classified():
    write_csv("kinds.csv", [["kind", "size"], *(["ab"[size > 9], size] for size in range(20))])
    words = ("--data", "kinds.csv", "--target", "kind", "--hidden", "4", "--learning-rate", 0.1)
    assert train(*words, "--epochs", 50) == 0
    assert json.loads(Path("out/run.json").read_text())["classes"] == ["a", "b"]
    assert results()["train"]["accuracy"] == 1.0
    write_idx("images.idx", np.zeros((10, 3, 2)))
    write_idx("labels.idx", np.arange(10) % 3)
    words = ("--data", "images.idx", "--labels", "labels.idx", "--hidden", "4", "--epochs", 1)
    assert train(*words, "--batch-size", "full", out="images") == 0


def test_a_training_that_diverges_names_the_option(capsys):
    plane_csv("plane.csv")
    words = ("--data", "plane.csv", "--optimizer", "sgd", "--learning-rate", 1e9, "--hidden", "4")
    assert train(*words, "--epochs", 20) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("jaxbrain train: error: the training diverged: at step")
    assert "a smaller --learning-rate than 1e+09" in said


@pytest.mark.parametrize(
    ("rule", "optimizer"),
    [
        pytest.param(*pair, marks=pytest.mark.slow if pair[1] in ("sgd", "rmsprop") else ())
        for pair in zip(FIRST_RULES, ["momentum", "sgd", "adamw", "rmsprop"], strict=True)
    ],
)
def test_every_optimizer_trains(rule, optimizer, draw):
    draw()
    words = ("--data", "moons", "--hidden", "6", "--activation", "tanh", "--epochs", 20)
    assert train(*words, "--rule", rule, "--optimizer", optimizer) == 0
    assert Path("out/boundary.png").exists()  # of points in the plane
    assert results()["test"]["accuracy"] > 0.7


@pytest.mark.parametrize("rule", [name for name in RULES if name not in FIRST_RULES])
@pytest.mark.slow
def test_every_other_rule_trains(rule):
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    inputs = 0.3 * rng.normal(size=(120, 16))
    inputs[np.arange(120), 12 + labels] += 1  # inputs 0, 1, 2 are forward-forward's label
    write_csv("three.csv", [[*row, label] for row, label in zip(inputs, labels, strict=True)])
    one_direction = rule in ("forward_gradient", "weight_perturbation")  # of all weights at once
    words = ("--data", "three.csv", "--hidden", "16", "--activation", "tanh")
    words += ("--epochs", 200 if one_direction else 60)
    assert train(*words, "--rule", rule, "--learning-rate", 0.02) == 0
    assert results()["test"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("words", "finding", "fix"),
    [
        (("forward_forward",), "forward_forward draws the label into the first 2 entries",
         "; give other --data or another --rule"),
        (("gait_propagation",), "gait_propagation inverts activations",
         "; give --activation tanh or sigmoid, or another --rule"),
        (("equilibrium_propagation", "--hidden", "none"), "equilibrium_propagation needs a hidden",
         "; give sizes with --hidden, or another --rule"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_train_the_network_names_options(words, finding, fix, capsys):
    assert train("--data", "moons", "--epochs", 1, "--rule", *words) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"jaxbrain train: error: {finding}") and line.endswith(fix)
    assert not re.search(r"jb\.|jax\.|serial\(|elementwise", line)
    # a training that failed in its first epoch is not in the way of another
    assert train("--data", "moons", "--hidden", "none", "--epochs", 1) == 0


@pytest.mark.parametrize("sizes", ["2000000000", "2000000000,2000000000"])
def test_a_network_above_the_memory_is_refused(sizes, capsys):
    words = ["train", "--data", "moons", "--hidden", sizes]
    assert_mistake(words, f"parameters (--hidden {sizes}) needs ", capsys)


def test_the_memory_is_that_of_parameters_gradients_and_moments(monkeypatch, capsys):
    words = ("--data", "moons", "--hidden", "10,5", "--epochs", 1)
    needed = 16 * (2 * 10 + 10 + 10 * 5 + 5 + 5 * 2 + 2)
    monkeypatch.setattr(free_memory, "free_memory", lambda: needed - 1)
    assert train(*words) == 2
    assert "a network of 97 parameters (--hidden 10,5) needs" in capsys.readouterr().err
    monkeypatch.setattr(free_memory, "free_memory", lambda: needed)
    assert train(*words) == 0


@pytest.mark.slow
def test_mnist_within_ten_epochs():
    images, labels = shared("t10k-images-idx3-ubyte.gz"), shared("t10k-labels-idx1-ubyte.gz")
    words = ("--data", images, "--labels", labels, "--train-rows", 8000, "--epochs", 6)
    assert train(*words) == 0
    assert results()["test"]["rows"] == 2000
    assert results()["test"]["accuracy"] > 0.94
