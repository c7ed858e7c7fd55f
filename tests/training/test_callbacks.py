"""Callbacks: when early stopping stops, what it keeps over an interruption, and what is written."""

import csv
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxbrain as jb
from jaxbrain.training.callbacks import together
from jaxbrain.training.loop import History

X = jax.random.normal(jax.random.key(0), (6, 2))
Y = X[:, :1]
RULE = jb.backprop(jb.dense(1), jb.losses.mse)
SCHEDULE = optax.linear_schedule(0.4, 0.0, 40)
stopping_at = partial(jb.callbacks.early_stopping, "score")


def fit(on_chunk, epochs=6, optimizer=None, **options):
    optimizer = optimizer or optax.sgd(SCHEDULE)
    options = {"key": jax.random.key(1), "batch_size": 3, "progress": False, **options}
    return jb.fit(RULE, optimizer, (X, Y), epochs=epochs, on_chunk=on_chunk, **options)


def through(stopping, values):
    """The epoch at which a training with these values is stopped, and the best epoch."""
    for epoch in range(1, len(values) + 1):
        now = np.array(values[:epoch], float)
        history = History(now, now[:, None], {"score": now}, None)
        if stopping(jb.ChunkInfo(epoch, history, epoch, len(values))):
            return epoch, stopping.best.state
    return None, stopping.best.state


@pytest.mark.parametrize(
    "options, values, stop, best",
    [
        ({"best": min, "patience": 2}, [3, 2, 2.5, 2.1, 1], 4, 2),
        ({"best": min, "patience": 3}, [3, 2, 2.5, 2.1, 1], None, 5),
        ({"best": max, "patience": 2}, [1, 3, 2, 2.9, 4], 4, 2),
        ({"best": min, "patience": 2}, [3, 3, 3, 3], 3, 1),  # no better is not better
        ({"best": min, "patience": 2, "min_delta": 1.0}, [5, 4.5, 4.2, 3, 2.9], 3, 1),
        ({"best": min, "patience": 2, "min_delta": 0.7}, [5, 4.5, 4.2, 3.6, 3.55], 5, 3),
        ({"best": max, "patience": 2, "min_delta": 0.7}, [1, 1.5, 1.8, 2.2, 2.4], 5, 3),
        ({"best": min, "patience": 2}, [np.nan, 4, np.nan, np.nan, 1], 4, 2),
    ],
    ids=range(8),
)
def test_it_stops_after_some_epochs_without_a_better_value(options, values, stop, best):
    stopping = stopping_at(**options)
    assert through(stopping, values) == (stop, best)
    assert through(stopping, values) == (stop, best)  # another training with the same callback


def test_the_best_parameters_are_those_after_the_best_epoch():
    def away(prediction, target):
        return jnp.abs(jnp.mean(prediction - target) - 0.2)

    states = {}
    stopping = jb.callbacks.early_stopping("away", best=max, patience=3)
    keep = lambda info: states.update({info.epoch: info.state.params})  # noqa: E731
    _, history = fit([stopping, keep], epochs=20, metrics={"away": away})
    best = int(np.argmax(history.metrics["away"])) + 1
    assert stopping.best.epoch == best == len(history.loss) - 3
    assert len(stopping.best.history.loss) == best
    np.testing.assert_array_equal(stopping.best.state.params["kernel"], states[best]["kernel"])
    assert (states[best]["kernel"] != states[best + 3]["kernel"]).any()


def interrupt_at(epoch):
    def hook(info):
        if info.epoch == epoch:
            raise KeyboardInterrupt

    return hook


@pytest.mark.parametrize("kept", [False, True])
def test_early_stopping_over_an_interruption(tmp_path, kept):
    """A decision of the history alone; the best state comes back from its file."""
    file = tmp_path / "best" if kept else None
    options = {"epochs": 30, "metrics": {"score": lambda p, t: jnp.abs(p[0] - t[0] - 0.1)}}
    make = partial(stopping_at, best=max, patience=4, path=file)
    whole = make()
    state, history = fit(whole, **options)
    options["checkpoint"] = tmp_path / "run"
    fit([make(), interrupt_at(whole.best.epoch + 2)], **options)
    again = make()
    resumed, same = fit(again, **options)
    np.testing.assert_array_equal(same.loss, history.loss)
    np.testing.assert_array_equal(resumed.params["kernel"], state.params["kernel"])
    if not kept:
        with pytest.raises(ValueError, match=r"best epoch, \d+, is not kept.*path="):
            _ = again.best
        return
    options["epochs"] = len(history.loss)  # of a training that is finished nothing runs
    finished = make()
    fit(finished, **options)
    for stopping in (again, finished):
        assert stopping.best.epoch == whole.best.epoch < len(history.loss)
        np.testing.assert_array_equal(
            stopping.best.state.params["kernel"], whole.best.state.params["kernel"]
        )


def test_a_file_of_another_training_is_not_taken(tmp_path):
    def info(*values):
        now = np.array(values)
        history = History(now, now[:, None], {"score": now}, None)
        return jb.ChunkInfo({"weight": jnp.array(values[-1])}, history, len(values), 9)

    make = partial(stopping_at, best=min, patience=9, path=tmp_path / "best")
    first, same, other = make(), make(), make()
    first(info(3.0))
    first(info(3.0, 1.0))
    same(info(3.0, 1.0, 2.0))
    assert same.best.epoch == 2 and same.best.state["weight"] == 1.0
    other(info(3.0, 0.5, 2.0))
    with pytest.raises(ValueError, match="best epoch, 2, is not kept"):
        _ = other.best


MISTAKES = [
    (lambda: stopping_at(patience=2), "best=max"),
    (lambda: stopping_at(patience=2, best="max"), "best must be a function, got 'max'"),
    (lambda: stopping_at(patience=0, best=max), "patience must be a positive integer"),
    (lambda: stopping_at(patience=1, best=max, min_delta=-1.0), "min_delta must not be negative"),
    (lambda: fit(stopping_at(patience=1, best=max)), r"no number 'score'.*\['loss'\]"),
    (lambda: stopping_at(patience=1, best=max).best, "no epoch was trained yet"),
    (lambda: fit(jb.callbacks.log_learning_rate()), "does not keep its learning rate"),
]


@pytest.mark.parametrize("i", range(len(MISTAKES)))
def test_mistakes(i):
    make, message = MISTAKES[i]
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_all_callbacks_are_called_and_one_can_stop():
    seen = []
    first, second = (lambda info: info.epoch == 2), (lambda info: seen.append(info.epoch))
    assert len(fit([first, second])[1].loss) == 2 and seen == [1, 2]
    assert together([]) is None and together(None) is None and together(first) is first
    for wrong in (3, [first, 3], "callback"):
        with pytest.raises(TypeError, match="on_chunk must be a function of a ChunkInfo"):
            fit(wrong)


def test_the_learning_rate_is_that_of_the_last_step_of_an_epoch():
    lines = []
    injected = optax.inject_hyperparams(optax.sgd)(learning_rate=SCHEDULE)
    write = jb.callbacks.log_learning_rate
    fit(write(SCHEDULE, write=lines.append), epochs=2)
    fit(write(write=lines.append), epochs=2, optimizer=optax.chain(optax.identity(), injected))
    assert lines == 2 * ["epoch 1: learning rate 0.39", "epoch 2: learning rate 0.37"]


def rows(file):
    with open(file, newline="") as text:
        return list(csv.DictReader(text))


def table_of(history, rates=None):
    """What a file must hold."""
    table = []
    for i, loss in enumerate(history.loss):
        row = {"epoch": str(i + 1), "loss": str(float(loss))}
        row |= {name: str(float(values[i])) for name, values in history.metrics.items()
                if values.ndim == 1}  # fmt: skip
        table.append(row if rates is None else {**row, "learning_rate": str(rates[i])})
    return table


def spread(predictions, targets):
    return jnp.stack([jnp.min(predictions), jnp.max(predictions)])


METRICS = {"error": jb.losses.mse, "spread": jb.metrics.over_dataset(spread)}


def test_a_table_is_the_history_after_an_interruption_too(tmp_path):
    file, options = tmp_path / "history.csv", {"metrics": METRICS, "checkpoint": tmp_path / "run"}
    write = partial(jb.callbacks.csv_writer, file, schedule=SCHEDULE)
    _, part = fit([write(), interrupt_at(3)], **options)
    assert len(rows(file)) == len(part.loss) == 3
    with open(file, "a") as text:
        text.write("4,of a checkpoint that was not saved\n")
    writer = write()
    _, history = fit(writer, **options)
    assert history.metrics["spread"].shape == (6, 2)
    rates = [float(SCHEDULE(2 * epoch + 1)) for epoch in range(6)]
    assert rows(file) == table_of(history, rates)
    _, other = fit(writer, epochs=2, key=jax.random.key(2))
    assert rows(file) == table_of(other, rates)


def test_the_learning_rate_of_a_training_that_goes_on_from_a_state(tmp_path):
    state, _ = fit(None, epochs=2)
    fit(jb.callbacks.csv_writer(tmp_path / "a", schedule=SCHEDULE), epochs=1, state=state)
    assert float(rows(tmp_path / "a")[0]["learning_rate"]) == float(SCHEDULE(5))


def test_a_missing_tensorboard_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"jaxbrain\[tensorboard\]\""):
        jb.callbacks.tensorboard_writer(tmp_path)


def scalars(directory):
    """``{name: {step: value}}`` of the event files; a restart forgets what was later."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for file in sorted(directory.iterdir()):
        data = file.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            event, data = Event.FromString(data[12 : 12 + size]), data[16 + size :]
            if event.HasField("session_log"):
                found = {
                    name: {step: v for step, v in steps.items() if step < event.step}
                    for name, steps in found.items()
                }
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_tensorboard_shows_the_history(tmp_path):
    pytest.importorskip("tensorboardX")
    directory, options = tmp_path / "board", {"metrics": METRICS, "checkpoint": tmp_path / "run"}
    write = partial(jb.callbacks.tensorboard_writer, directory, schedule=SCHEDULE)
    fit([write(), interrupt_at(4)], **options)
    assert set(scalars(directory)["loss"]) == {1, 2, 3, 4}
    _, history = fit(write(), **options)
    found = scalars(directory)
    assert set(found) == {"loss", "error", "learning_rate"}
    np.testing.assert_allclose([found["loss"][i + 1] for i in range(6)], history.loss, rtol=1e-6)
    np.testing.assert_allclose(
        [found["error"][i + 1] for i in range(6)], history.metrics["error"], rtol=1e-6
    )


def test_a_file_that_cannot_be_written_does_not_end_a_training(tmp_path):
    (tmp_path / "history.csv").mkdir()
    (tmp_path / "best").mkdir()
    write = jb.callbacks.csv_writer(tmp_path / "history.csv")
    stopping = jb.callbacks.early_stopping("loss", patience=9, path=tmp_path / "best")
    with pytest.warns(UserWarning, match="was not written, and the training goes on") as said:
        _, history = fit([write, stopping], epochs=3)
    assert len(history.loss) == 3 and stopping.best.epoch == np.argmin(history.loss) + 1
    assert {"history.csv" in str(w.message) for w in said} == {True, False}
    (tmp_path / "history.csv").rmdir()
    fit(write, epochs=4)
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 5
