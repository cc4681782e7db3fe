"""Callbacks of the configuration while a run trains."""

import csv

import keras
import pytest

from deeplab_tf.training.interruption import RunInterruptedError
from tests.training.runs import checkpointed, metrics, replace_steps, small_config, trainer

pytestmark = pytest.mark.usefixtures("shallow_vgg", "no_training")

TOLD = []


class Notes(keras.callbacks.Callback):
    """Notes what it is told, and may end or break the run at a step."""

    def __init__(self, end_at=None, break_at=None):
        super().__init__()
        self.end_at, self.break_at = end_at, break_at
        TOLD.clear()

    def on_train_begin(self, logs=None):
        TOLD.append("begin")

    def on_train_batch_end(self, batch, logs=None):
        TOLD.append((batch + 1, self.model.output_stride))
        if batch + 1 == self.end_at:
            self.model.stop_training = True
        if batch + 1 == self.break_at:
            raise RunInterruptedError(15, batch + 1, 10)

    def on_epoch_end(self, epoch, logs=None):
        TOLD.append((epoch, logs["val_miou"]))

    def on_train_end(self, logs=None):
        saved = (self.params["workdir"] / "model.keras").exists()
        TOLD.append("end, model saved" if saved else "end")


@pytest.fixture
def no_training(monkeypatch):
    replace_steps(monkeypatch, [])


def notes(arguments=""):
    return f"{__name__}:Notes({arguments})"


def evaluate(model):
    return {"split": "val", "miou": 0.5, "per_class_iou": {"a": 0.5}}


def test_every_line_reaches_all_of_them_in_every_phase(tmp_path):
    text = f"{notes()}|CSVLogger('{{workdir}}/log.csv')"
    phases = ((2, "model.output_stride=16"),)
    config = small_config(steps=3, eval_every=3, callbacks=text, phases=phases)
    trainer(tmp_path, config).run(evaluate)
    assert TOLD == ["begin", (1, 8), (2, 8), (3, 16), (3, 0.5), "end, model saved"]
    (row,) = csv.DictReader((tmp_path / "log.csv").read_text().splitlines())
    assert (row["epoch"], row["val_miou"], row["val_iou/a"], row["loss"]) == (
        "3",
        "0.5",
        "0.5",
        "1.0",
    )


def test_one_of_them_ends_the_run_with_a_checkpoint_and_a_model(tmp_path):
    logged = []
    config = small_config(steps=10, callbacks=notes("end_at=3"))
    trainer(tmp_path, config, logged).run(evaluate)
    assert [line["step"] for line in metrics(tmp_path)] == [1, 2, 3]
    assert checkpointed(tmp_path) == {3} and "a callback ends the run at step 3" in logged
    assert TOLD[-1] == "end, model saved"


def test_kerass_early_stopping_counts_evaluations(tmp_path):
    text = "EarlyStopping(monitor='val_miou', mode='max', patience=2)"
    trainer(tmp_path, small_config(steps=10, eval_every=1, callbacks=text)).run(evaluate)
    assert max(line["step"] for line in metrics(tmp_path)) == 3


def test_a_run_that_is_interrupted_tells_them_of_its_end(tmp_path):
    run = trainer(tmp_path, small_config(steps=10, callbacks=notes("break_at=2")))
    with pytest.raises(RunInterruptedError):
        run.run(evaluate)
    assert TOLD == ["begin", (1, 8), (2, 8), "end"]


def test_a_class_that_is_not_there_is_refused_before_the_folder_is_made(tmp_path):
    with pytest.raises(ValueError, match=r"train\.callbacks"):
        trainer(tmp_path / "run", small_config(callbacks=f"{__name__}:Nothing()"))
    assert not (tmp_path / "run").exists()
