import csv
import http.server
import json
import math
import threading
import time
import urllib.parse

import keras
import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.training.callbacks import runner
from tests.models.narrow import narrow_model
from tests.training.callbacks.short_runs import (
    EVALUATION,
    SETTINGS,
    any_model,
    callbacks_of,
    told_run,
)


class Recorder(keras.callbacks.Callback):
    """Writes down what it is told."""

    def __init__(self):
        super().__init__()
        self.told = []

    def on_train_begin(self, logs=None):
        self.told.append(("train begin", self.model.stop_training))

    def on_epoch_begin(self, epoch, logs=None):
        self.told.append(("epoch begin", epoch))

    def on_train_batch_begin(self, batch, logs=None):
        self.told.append(("batch begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.told.append(("batch end", batch, dict(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.told.append(("epoch end", epoch, dict(logs)))

    def on_train_end(self, logs=None):
        self.told.append(("train end", self.params["failed"]))


@pytest.fixture
def recorder(monkeypatch):
    """The callback of every text."""
    found = Recorder()
    monkeypatch.setattr(runner, "build_callback", lambda *_: found)
    return found


def rows(file):
    with file.open() as opened:
        return list(csv.DictReader(opened))


# === What callbacks are told ===


def test_lines_are_batches_and_evaluations_are_epochs(recorder, tmp_path):
    told_run("TerminateOnNaN", tmp_path, first_step=2)
    names = [(event[0], event[1]) for event in recorder.told]
    assert names == [
        ("train begin", False),
        ("epoch begin", 2), ("batch begin", 3), ("batch end", 3), ("epoch end", 4),
        ("epoch begin", 4), ("batch begin", 5), ("batch end", 5),
        ("batch begin", 7), ("batch end", 7), ("epoch end", 8),
        ("train end", False),
    ]  # fmt: skip


def test_lines_have_their_numbers(recorder, tmp_path):
    callbacks = callbacks_of("TerminateOnNaN", tmp_path)
    callbacks.begin()
    callbacks.write(10, {"loss": np.float32(0.5), "learning_rate": 0.25, "note": "x", "flag": True})
    assert recorder.told[-1] == ("batch end", 9, {"loss": 0.5, "learning_rate": 0.25})


def test_evaluations_have_prefixed_numbers_the_classes_and_the_line_before(recorder, tmp_path):
    callbacks = callbacks_of("TerminateOnNaN", tmp_path)
    callbacks.begin()
    callbacks.write(10, {"loss": 0.5})
    callbacks.write(10, EVALUATION)
    _, step, logs = recorder.told[-1]
    missing = {name for name, value in logs.items() if math.isnan(value)}
    assert missing == {"val_pixel_accuracy", "val_iou/traffic sign"}
    assert {name: value for name, value in logs.items() if name not in missing} == {
        "loss": 0.5, "val_images": 3, "val_miou": 0.25, "val_iou/road": 0.5,
    }  # fmt: skip
    assert step == 10 and recorder.params["split"] == "val"


def test_an_evaluation_can_come_before_any_line(recorder, tmp_path):
    callbacks = callbacks_of("TerminateOnNaN", tmp_path, first_step=10)
    callbacks.begin()
    callbacks.write(10, {"split": "val", "miou": 0.5})
    assert recorder.told[1:] == [("epoch begin", 10), ("epoch end", 10, {"val_miou": 0.5})]


def test_callbacks_know_the_run(recorder, tmp_path):
    lines = []
    callbacks_of("TerminateOnNaN", tmp_path, first_step=4, log=lines.append).begin()
    params = recorder.params
    assert params["config"] == SETTINGS and params["steps"] == params["epochs"] == 20
    assert (params["workdir"], params["first_step"]) == (tmp_path, 4)
    params["log"]("a line")
    assert lines == ["a line"]


def test_the_end_is_told_once_and_only_after_a_beginning(recorder, tmp_path):
    callbacks = callbacks_of("TerminateOnNaN", tmp_path)
    callbacks.end()
    assert recorder.told == []
    callbacks.begin()
    callbacks.end(failed=True)
    callbacks.end()
    assert recorder.told[1:] == [("train end", True)]


def test_another_phase_has_another_network(recorder, tmp_path):
    callbacks = callbacks_of("TerminateOnNaN", tmp_path)
    callbacks.begin()
    later = any_model()
    callbacks.set_model(later)
    assert recorder.model is later and not callbacks.stop_training
    later.stop_training = True
    assert callbacks.stop_training
    callbacks.set_model(any_model())
    assert callbacks.stop_training


def test_callbacks_may_take_longer_than_what_they_are_told_of(recorder, tmp_path, caplog):
    recorder.on_train_batch_end = lambda batch, logs: time.sleep(0.002)
    told_run("TerminateOnNaN", tmp_path, last_step=16)
    assert caplog.text == ""


def test_no_callbacks_are_no_trouble(tmp_path):
    callbacks = told_run("", tmp_path)
    assert not callbacks.stop_training and list(tmp_path.iterdir()) == []


# === Callbacks of Keras ===


def stopped_at(text, workdir, values, key="miou"):
    callbacks = callbacks_of(text, workdir)
    callbacks.begin()
    for step, value in enumerate(values, 1):
        callbacks.write(step, {"loss": 1.0})
        callbacks.write(step, {**EVALUATION, key: value})
        if callbacks.stop_training:
            return step
    return None


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ((0.1, 0.3, 0.2, 0.25, 0.3), 5),  # no better than the second three times
        ((0.1, 0.3, 0.2, 0.25, 0.4, 0.1), None),
        ((0.1, None, None, None), 4),
    ],
)
def test_early_stopping_ends_the_run(tmp_path, values, step):
    text = "EarlyStopping(monitor='val_miou', mode='max', patience=3)"
    assert stopped_at(text, tmp_path, values) == step


def test_early_stopping_on_one_class(tmp_path):
    text = "EarlyStopping(monitor='val_iou/road', mode='max', patience=1)"
    values = [{"road": value} for value in (0.1, 0.2, 0.1)]
    assert stopped_at(text, tmp_path, values, key="per_class_iou") == 3


def test_a_run_that_was_stopped_can_begin_again(tmp_path):
    text = "EarlyStopping(monitor='val_miou', mode='max', patience=1)"
    callbacks = callbacks_of(text, tmp_path)
    callbacks._model.stop_training = True  # of a run before
    callbacks.begin()
    assert not callbacks.stop_training


@pytest.mark.parametrize(
    "text",
    [
        "EarlyStopping('val_miuo', mode='max')",
        "ModelCheckpoint('a.keras', 'val_miuo', mode='max', save_best_only=True)",
    ],
)
def test_a_number_that_no_evaluation_has_is_named(tmp_path, text):
    callbacks = callbacks_of(text, tmp_path)
    callbacks.begin()
    with pytest.raises(ValueError, match=r"monitors 'val_miuo', which .* only val_images, val_iou"):
        callbacks.write(4, EVALUATION)


def test_not_a_number_ends_the_run(tmp_path):
    callbacks = callbacks_of("TerminateOnNaN", tmp_path)
    callbacks.begin()
    callbacks.write(1, {"loss": 1.0})
    assert not callbacks.stop_training
    callbacks.write(2, {"loss": math.nan})
    assert callbacks.stop_training


def test_evaluations_are_rows_of_a_csv_file_which_goes_on(tmp_path):
    text = "CSVLogger('{workdir}/log.csv', append=True)"
    told_run(text, tmp_path, last_step=8)
    told_run(text, tmp_path, first_step=8, last_step=12)
    found = rows(tmp_path / "log.csv")
    assert [row["epoch"] for row in found] == ["4", "8", "12"]
    assert [float(row["val_miou"]) for row in found] == [0.04, 0.08, 0.12]
    assert [float(row["loss"]) for row in found] == [1 / 4, 1 / 8, 1 / 12]
    assert found[0]["val_iou/road"] == "0.5" and found[0]["val_iou/traffic sign"] == "nan"


@pytest.mark.usefixtures("shallow_vgg")
def test_models_that_keras_saves_can_be_opened(tmp_path):
    text = (
        "ModelCheckpoint('{workdir}/{epoch}.keras')"
        "|ModelCheckpoint('{workdir}/best.keras', 'val_miou', mode='max', save_best_only=True)"
        "|ModelCheckpoint('{workdir}/{batch}.weights.h5', save_weights_only=True, save_freq=6)"
    )
    model = narrow_model()
    callbacks = runner.RunCallbacks(text, model, SETTINGS, tmp_path)
    kernel = model.variables_by_name()["fc8/kernel"]
    callbacks.begin()
    for step, miou in ((3, 0.2), (6, 0.4), (9, 0.3), (12, 0.1)):
        kernel.assign(np.full(kernel.shape, step / 4))
        callbacks.write(step, {"loss": 1.0})
        callbacks.write(step, {**EVALUATION, "miou": miou})
    callbacks.end()
    names = {"4.keras", "7.keras", "10.keras", "13.keras", "best.keras"}
    assert {path.name for path in tmp_path.iterdir()} == {*names, "6.weights.h5", "12.weights.h5"}
    for name, step in (("best.keras", 6), ("13.keras", 12)):
        saved = deeplab_tf.load(tmp_path / name)
        assert np.all(np.asarray(saved.variables_by_name()["fc8/kernel"]) == step / 4)


def test_evaluations_are_sent_to_a_server(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append(json.loads(urllib.parse.parse_qs(form)["data"][0]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.timeout = 10
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        root = f"http://127.0.0.1:{server.server_port}"
        told_run(f"RemoteMonitor('{root}')", tmp_path, last_step=4)
        thread.join()
    (values,) = received
    assert (values["epoch"], values["val_miou"]) == (4, 0.04)
