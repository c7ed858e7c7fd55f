"""The command line, run as a user would, in this process."""

import csv
import importlib.metadata
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxbrain as jb
from jaxbrain.__main__ import main
from jaxbrain.cli import demo, doctor, terminal
from jaxbrain.cli import train as train_command
from jaxbrain.cli.data import load
from jaxbrain.cli.parser import RULES, make_parser
from jaxbrain.progress import Progress
from tests.conftest import shared


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def draw(monkeypatch):
    """Drawing takes longer than training here: only the tests that look at pictures draw."""
    monkeypatch.setattr(train_command, "draw", lambda directory, pictures: [])
    return lambda: monkeypatch.setattr(train_command, "draw", terminal.draw)


def train(*words, out="out"):
    return main(["train", "--no-cache", "--out", out, *map(str, words)])


def results(out="out"):
    return json.loads(Path(out, "run.json").read_text())["results"]


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    Path(path).write_bytes(header + array.astype(np.uint8).tobytes())


def plane_csv(path, n=60):
    """y = 300 a - 2 b + 5000, in units far from one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)) * [1.0, 40.0] + [3.0, -100.0]
    y = x @ [300.0, -2.0] + 5000.0
    write_csv(path, [["a", "b", "y"], *np.column_stack([x, y]).tolist()])
    return x, y


# --- help and mistakes ---


def test_help(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("demo", "train", "doctor"))
    for command in ("demo", "train", "doctor"):
        assert main([command, "--help"]) == 0
        assert f"python -m jaxbrain {command}" in capsys.readouterr().out


MISTAKES = [
    (["fly"], "invalid choice: 'fly'"),
    (["demo", "--speed", "3"], "unrecognized arguments"),
    (["train", "--rule", "hebb"], "'direct_feedback_alignment'"),
    (["train", "--optimizer", "lion"], "'adamw'"),
    (["train", "--activation", "step"], "'tanh'"),
    (["train", "--hidden", "12,x"], "sizes such as 128,64, or none, got '12,x'"),
    (["train", "--hidden", "0"], "sizes such as 128,64"),
    (["train", "--epochs", "0"], "a whole number from 1, got '0'"),
    (["train", "--batch-size", "all"], "a whole number from 1, or full, got 'all'"),
    (["train", "--learning-rate", "nan"], "a number above 0, got 'nan'"),
    (["train", "--test-fraction", "1"], "from 0 to below 1, got '1'"),
    (["train", "--seed", "-1"], "argument --seed"),
    (["train", "--test-fraction", "0.5", "--train-rows", "3"], "not allowed with"),
    (["train", "--data", "digitz"], "no such file, and none of digits, xor"),
    (["train", "--labels", "here.idx"], "--labels has no meaning for --data digits"),
    (["train", "--data", "ok.csv", "--labels", "here.idx"], "--labels has no meaning for a CSV"),
    (["train", "--data", "ok.csv", "--target", "zap"], "'zap' is not in the header"),
    (["train", "--data", "ok.csv", "--delimiter", "ab"], "--delimiter must be one character"),
    (["train", "--data", "holes.csv"], "line 3, column 'a': a missing value"),
    (["train", "--data", "many.csv"], "30 classes in 30 rows; if the target is a value, say"),
    (["train", "--data", "one.csv"], "the target is '7' in every row"),
    (["train", "--data", "ok.csv", "--train-rows", "60"], "there are 60 rows"),
    (["train", "--data", "ok.csv", "--test-fraction", "0.001"], "leaves 60 to train and 0"),
    (["train", "--data", "images.idx"], "--labels FILE"),
    (["train", "--data", "images.idx", "--labels", "nowhere"], "--labels nowhere: No such file"),
    (["train", "--data", "images.idx", "--labels", "images.idx"], "the wrong way round"),
    (["train", "--data", "images.idx", "--labels", "few.idx"], "6 images and --labels 2 labels"),
    (["train", "--data", "few.idx", "--labels", "few.idx"], "expected images"),
    (["train", "--data", "cut.idx", "--labels", "few.idx"], "the file holds"),
    (["train", "--data", "images.idx", "--regression"], "--regression has no meaning"),
    (["train", "--data", "xor", "--out", "ok.csv"], "cannot write there (File exists)"),
    (["demo", "--out", "ok.csv/below"], "cannot write there (Not a directory)"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=lambda v: " ".join(v)[:50])
def test_mistakes_are_told_in_one_line(words, message, capsys):
    plane_csv("ok.csv")
    write_csv("holes.csv", [["a", "b", "y"], [1, 2, 0], ["", 3, 1]])
    write_csv("many.csv", [[i, i] for i in range(30)])
    write_csv("one.csv", [[i, 7] for i in range(30)])
    write_idx("images.idx", np.zeros((6, 2, 2)))
    write_idx("few.idx", np.zeros(2))
    Path("cut.idx").write_bytes(Path("images.idx").read_bytes()[:-3])
    words = words if words[0] == "fly" else [*words, "--no-cache"]
    assert main(words) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1 and "error: " in said.err and not said.out
    assert not Path("jaxbrain-train").exists()  # a mistake leaves nothing behind


# --- train ---


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


def test_going_on_is_the_same_as_never_stopping(capsys):
    words = ("--data", "xor", "--hidden", "4", "--activation", "tanh")
    assert train(*words, "--epochs", 5, out="whole") == 0
    assert train(*words, "--epochs", 2) == 0
    assert train(*words, "--epochs", 5) == 0
    assert "going on after epoch 2 of 5" in capsys.readouterr().out
    assert Path("out/params.ckpt").read_bytes() == Path("whole/params.ckpt").read_bytes()
    assert train(*words, "--epochs", 5) == 0
    assert "trained for 5 epochs before: nothing to do" in capsys.readouterr().out
    # other settings are another training: refused, unless it may replace the old one
    assert train(*words, "--epochs", 5, "--learning-rate", 0.5) == 2
    assert "--learning-rate was 0.001, is 0.5" in capsys.readouterr().err
    assert train(*words, "--epochs", 3, "--learning-rate", 0.5, "--no-resume") == 0
    assert len(Path("out/history.csv").read_text().splitlines()) == 4


def test_another_file_of_the_same_name_is_another_training(capsys):
    write_csv("a.csv", [[i, i % 2] for i in range(8)])
    words = ("--data", "a.csv", "--hidden", "none", "--epochs", 2)
    assert train(*words) == 0
    write_csv("a.csv", [[i, 1 - i % 2] for i in range(8)])
    assert train(*words) == 2
    said = capsys.readouterr().err
    assert "is of another training: its data" in said and "--no-resume" in said


def test_ctrl_c_keeps_what_was_learned(capsys, monkeypatch):
    words = ("--data", "xor", "--hidden", "4", "--epochs", 6)
    update = Progress.update

    def interrupted(self, done, **fields):
        update(self, done, **fields)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", interrupted)
        assert train(*words) == 130
    said = capsys.readouterr().out
    assert "interrupted after epoch 1 of 6; the same command goes on from there" in said
    assert len(Path("out/history.csv").read_text().splitlines()) == 2
    assert train(*words) == 0
    assert train(*words, out="whole") == 0
    assert Path("out/params.ckpt").read_bytes() == Path("whole/params.ckpt").read_bytes()


def test_ctrl_c_before_the_first_epoch(capsys, monkeypatch):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_command, "load", interrupt)
    assert train("--data", "xor") == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


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


def test_a_damaged_checkpoint_is_told(capsys):
    words = ("--data", "xor", "--hidden", "4", "--epochs", 2)
    assert train(*words) == 0
    for path in Path("out").glob("training.ckpt*"):
        path.write_bytes(b"no checkpoint")
    assert train(*words) == 1
    assert "--no-resume starts anew" in capsys.readouterr().err.splitlines()[-1]
    assert train(*words, "--no-resume") == 0


@pytest.mark.parametrize(
    ("rule", "optimizer"), list(zip(RULES, ["momentum", "sgd", "adamw", "rmsprop"], strict=True))
)
def test_every_rule_and_optimiser_trains(rule, optimizer, draw):
    draw()
    words = ("--data", "moons", "--hidden", "6", "--activation", "tanh", "--epochs", 20)
    assert train(*words, "--rule", rule, "--optimizer", optimizer) == 0
    assert Path("out/boundary.png").exists()  # of points in the plane
    assert results()["test"]["accuracy"] > 0.7


def test_mnist_within_ten_epochs():
    images, labels = shared("t10k-images-idx3-ubyte.gz"), shared("t10k-labels-idx1-ubyte.gz")
    words = ("--data", images, "--labels", labels, "--train-rows", 8000, "--epochs", 6)
    assert train(*words) == 0
    assert results()["test"]["rows"] == 2000
    assert results()["test"]["accuracy"] > 0.94


# --- without the extras ---


def test_without_matplotlib_it_trains_and_says_what_is_missing(capsys, monkeypatch, draw):
    draw()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert train("--data", "xor", "--hidden", "4", "--epochs", 1) == 0
    assert (
        'matplotlib is not installed; pip install "jaxbrain[viz,data]"' in capsys.readouterr().out
    )
    assert Path("out/params.ckpt").exists() and not Path("out/curves.png").exists()


@pytest.mark.parametrize("command", ["demo", "train"])
def test_without_scikit_learn_there_are_no_digits(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main([command, "--no-cache"]) == 2
    said = capsys.readouterr().err
    assert 'scikit-learn: pip install "jaxbrain[viz,data]"' in said and said.count("\n") == 1


# --- demo ---


def test_demo(capsys, monkeypatch, digits):
    kept, report = {}, demo._report
    monkeypatch.setattr(demo, "_report", lambda found: (kept.update(found), report(found)))
    assert main(["demo", "--no-cache", "--epochs", "2", "--seeds", "2"]) == 0
    said = capsys.readouterr()
    for name in (*RULES, demo.FLOOR):
        accuracy = kept[name].accuracy
        assert accuracy.shape == (2,)
        assert f"{accuracy.mean():.3f}  {accuracy[0]:.3f} {accuracy[1]:.3f}" in said.out
    assert sorted(os.listdir("jaxbrain-demo")) == sorted(demo._PICTURES)
    assert "compiling=predictive_coding" in said.err or "100 %" in said.err
    # a fair comparison: the same start for all, and a floor that moves its last layer only
    first = kept["backprop"].before.params
    for result in kept.values():
        jax.tree.map(np.testing.assert_array_equal, result.before.params, first)
    moved = jax.tree.map(
        lambda a, b: bool(np.any(a != b)),
        kept[demo.FLOOR].before.params,
        kept[demo.FLOOR].after.params,
    )
    assert [any(jax.tree.leaves(m)) for m in moved] == [False] * 4 + [True]
    angles = {name: kept[name].history.record[:, -1].mean(axis=0) for name in RULES}
    np.testing.assert_allclose(angles["backprop"], 0, atol=0.1)
    assert np.all(angles["feedback_alignment"][:2] > 20) and angles["feedback_alignment"][2] < 0.1
    assert kept["backprop"].accuracy.mean() > kept[demo.FLOOR].accuracy.mean() + 0.1


# --- doctor ---


def test_doctor_finds_all_well(capsys):
    assert main(["doctor", "--no-cache"]) == 0
    lines = capsys.readouterr().out.splitlines()
    marks = {line[8:22].strip(): line[:7].strip() for line in lines[:-2]}
    for name in ("python", "jax", "jaxlib", "optax", "chex", "gradient", "training", "checkpoint"):
        assert marks[name] == "ok"
    assert lines[-1] == "all is well"


def test_doctor_finds_what_is_broken(capsys, monkeypatch):
    def wrong(path, like):
        return jax.tree.map(lambda a: a[::-1] if a.ndim else a, like)

    def version(name):
        if name == "matplotlib":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"optax": "0.1.9"}.get(name, "99.0")

    def no_training(*args, **kwargs):
        raise RuntimeError("no\nsuch device")

    monkeypatch.setattr(doctor.jb.checkpoint, "restore", wrong)
    monkeypatch.setattr(doctor.jb, "fit", no_training)
    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    assert main(["doctor", "--no-cache"]) == 1
    lines = {line[8:22].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert lines["optax"].startswith("failed") and 'pip install "optax>=0.2.8"' in lines["optax"]
    assert (
        lines["checkpoint"].startswith("failed") and "not what was written" in lines["checkpoint"]
    )
    assert lines["training"].startswith("failed") and "no such device" in lines["training"]
    assert lines["matplotlib"].startswith("-") and "jaxbrain[viz]" in lines["matplotlib"]
    assert lines["gradient"].startswith("ok")
    assert "3 of the checks failed" in "".join(lines.values())


# --- the cache of compiled programs ---


class Config(SimpleNamespace):
    """Stands for jax.config, which is one for the whole process."""

    def update(self, name, value):
        setattr(self, name, value)


def use_cache(monkeypatch, wanted=True, directory=None, enabled=True):
    config = Config(jax_compilation_cache_dir=directory, jax_enable_compilation_cache=enabled)
    monkeypatch.setattr(terminal, "jax", SimpleNamespace(config=config))
    return terminal.use_compile_cache(wanted), config


def test_cache_is_private_and_the_users_own_settings_go_first(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory, config = use_cache(monkeypatch)
    assert directory == tmp_path / "cache" / "jaxbrain"
    assert config.jax_compilation_cache_dir == str(directory)
    assert config.jax_persistent_cache_min_compile_time_secs == 0.0
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    directory, config = use_cache(monkeypatch, directory="/mine")
    assert directory == Path("/mine") and config.jax_compilation_cache_dir == "/mine"
    assert use_cache(monkeypatch, enabled=False)[0] is None
    directory, config = use_cache(monkeypatch, wanted=False, directory="/mine")
    assert directory is None and not config.jax_enable_compilation_cache
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "3")
    assert not hasattr(use_cache(monkeypatch)[1], "jax_persistent_cache_min_compile_time_secs")


def test_without_a_place_for_the_cache_it_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    directory, config = use_cache(monkeypatch)
    assert directory is None and config.jax_compilation_cache_dir is None


def test_a_process_of_its_own_keeps_its_programs(tmp_path):
    root = str(Path(jb.__file__).parents[1])
    words = ["train", "--data", "xor", "--hidden", "none", "--epochs", "1"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-m", "jaxbrain", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "jaxbrain")
    assert "\r" not in done.stderr and "Traceback" not in done.stderr
