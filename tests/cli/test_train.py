"""`jaxbrain train`: what it saves, prints and reaches on data of all kinds."""

import csv
import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.cli.data import load
from jaxbrain.cli.parser import FIRST_RULES, RULES, make_parser
from tests.command_line import plane_csv, results, train, write_csv, write_idx
from tests.conftest import shared

pytestmark = pytest.mark.usefixtures("elsewhere", "draw")


def test_train_saves_what_it_prints(capsys, digits, draw):
    draw()
    assert train("--epochs", 3, "--hidden", "16", "--learning-rate", 0.01) == 0
    said = capsys.readouterr()
    assert "dense(16)" in said.out and "100 %" in said.err
    names = ["curves.png", "history.csv", "params.ckpt", "run.json", "training.ckpt"]
    assert set(names) <= set(os.listdir("out"))
    with open("out/history.csv") as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    assert float(history[-1]["test_accuracy"]) == pytest.approx(results()["test"]["accuracy"])
    assert f"{results()['test']['accuracy']:.4f}" in said.out
    # the lines that it offers run, and give the accuracy that it reports
    offered = said.out.split("In Python:\n")[1]
    options = make_parser().parse_args(["train"])
    x, y = load(options).test
    space = {"x": x}
    exec("\n".join(line.strip() for line in offered.splitlines()), space)
    accuracy = np.mean(np.argmax(space["outputs"], axis=1) == y)
    assert accuracy == pytest.approx(results()["test"]["accuracy"])
    assert 0.5 < accuracy < 1


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


def test_regression_of_whole_numbers_that_learns_nothing_has_no_r_squared():
    rng = np.random.default_rng(0)
    write_csv("noise.csv", [[rng.normal(), int(rng.integers(1000))] for _ in range(200)])
    assert train("--data", "noise.csv", "--regression", "--hidden", "none", "--epochs", 20) == 0
    assert results()["test"]["r2"] < 0.1


def test_words_as_labels_and_the_target_by_name_or_number():
    write_csv("kinds.csv", [["kind", "size"], *(["ab"[size > 9], size] for size in range(20))])
    words = ("--data", "kinds.csv", "--target", "kind", "--hidden", "4", "--learning-rate", 0.1)
    assert train(*words, "--epochs", 50) == 0
    assert json.loads(Path("out/run.json").read_text())["classes"] == ["a", "b"]
    assert results()["train"]["accuracy"] == 1.0
    write_csv("bare.csv", [[int(size > 9), size / 10] for size in range(20)])
    data = load(make_parser().parse_args(["train", "--data", "bare.csv", "--target", "0"]))
    assert data.classes == ("0", "1") and data.train[0].shape == (15, 1)


def test_images_in_file_order():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (10, 3, 2)), np.arange(10) % 3
    write_idx("images.idx", images)
    write_idx("labels.idx", labels)
    words = ["--data", "images.idx", "--labels", "labels.idx", "--train-rows", "7"]
    data = load(make_parser().parse_args(["train", *words]))
    np.testing.assert_array_equal(data.train[0], (images[:7].reshape(7, 6) / 255).astype("float32"))
    np.testing.assert_array_equal(data.test[1], labels[7:])
    assert train(*words, "--hidden", "4", "--epochs", 1, "--batch-size", "full") == 0


def test_a_training_that_diverges_says_so(capsys):
    plane_csv("plane.csv")
    words = ("--data", "plane.csv", "--optimizer", "sgd", "--learning-rate", 1e9, "--hidden", "4")
    assert train(*words, "--epochs", 20) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("jaxbrain train: error: at step") and "smaller learning rate" in said


@pytest.mark.parametrize(
    ("rule", "optimizer"),
    list(zip(FIRST_RULES, ["momentum", "sgd", "adamw", "rmsprop"], strict=True)),
)
def test_every_optimiser_trains(rule, optimizer, draw):
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
    words = ("--data", "three.csv", "--hidden", "16", "--activation", "tanh", "--epochs", 60)
    assert train(*words, "--rule", rule, "--learning-rate", 0.02) == 0
    assert results()["test"]["accuracy"] > 0.8


def test_a_rule_that_cannot_teach_the_network_says_so(capsys):
    plane_csv("plane.csv")
    linear = ("--hidden", "none")
    for words, said in {
        ("moons", "forward_forward"): "forward_forward draws the label into the first 2 entries",
        ("moons", "gait_propagation"): "gait_propagation inverts activations",
        ("moons", "equilibrium_propagation", *linear): "equilibrium_propagation needs a hidden",
    }.items():
        data, rule, *rest = words
        assert train("--data", data, "--rule", rule, *rest, "--epochs", 1) != 0
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith(f"jaxbrain train: error: {said}")
    # and what failed before it learned anything is not in the way
    assert train("--data", "moons", *linear, "--epochs", 1) == 0


def test_mnist_within_ten_epochs():
    images, labels = shared("t10k-images-idx3-ubyte.gz"), shared("t10k-labels-idx1-ubyte.gz")
    words = ("--data", images, "--labels", labels, "--train-rows", 8000, "--epochs", 6)
    assert train(*words) == 0
    assert results()["test"]["rows"] == 2000
    assert results()["test"]["accuracy"] > 0.94
