import keras
import pytest

from deeplab_tf.training.callbacks import parse_callbacks
from deeplab_tf.training.callbacks.keras_names import REFUSED, keras_callback_names

# What is run with a network below, or in test_runner.py.
TRIED = {"CSVLogger", "EarlyStopping", "ModelCheckpoint", "RemoteMonitor", "TerminateOnNaN"}


def refusal(text):
    with pytest.raises(ValueError) as error:
        parse_callbacks(text)
    return str(error.value)


def test_every_callback_of_keras_is_tried_or_refused():
    there = {
        name
        for name, member in vars(keras.callbacks).items()
        if isinstance(member, type) and issubclass(member, keras.callbacks.Callback)
    }
    assert there - {"Callback", "CallbackList"} - set(REFUSED) == TRIED
    assert set(keras_callback_names()) == TRIED


@pytest.mark.parametrize("name", sorted(set(REFUSED) & set(vars(keras.callbacks))))
def test_what_cannot_work_is_refused_with_the_reason(name):
    assert refusal(name) == f"{name!r}: it cannot work in a run: {REFUSED[name]}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ReduceLROnPlateau(patience=3)", "train.policy"),
        ("learning_rate_scheduler()", "train.policy"),
        ("BackupAndRestore('a')", "train.checkpoint_every"),
        ("TensorBoard()", "TensorBoard by itself"),
    ],
)
def test_the_reason_says_what_does_its_work(name, hint):
    assert hint in refusal(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EarlyStopping()", "EarlyStopping needs monitor: an evaluation has no loss, but val_miou"),
        ("EarlyStopping('val_miou')", "EarlyStopping needs mode='max' or mode='min' for"),
        ("EarlyStopping('val_miou', mode='up')", "Received: 'up'"),
        ("ModelCheckpoint('a.keras', save_best_only=True)", "ModelCheckpoint needs monitor"),
        (
            "ModelCheckpoint('a.keras', 'val_miou', save_best_only=True)",
            "ModelCheckpoint needs mode='max' or mode='min' for 'val_miou'",
        ),
        (
            "EarlyStopping('val_miou', mode='max', restore_best_weights=True)",
            "EarlyStopping cannot have restore_best_weights: with train.monitor the best network",
        ),
    ],
)  # fmt: skip
def test_what_keras_would_find_wrong_at_the_first_evaluation_is_refused(text, message):
    assert message in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "EarlyStopping('val_miou', mode='max')",
        "EarlyStopping('loss', mode='min')",
        "EarlyStopping('val_iou/road', mode='max', patience=2)",
        "ModelCheckpoint('a.keras')",
        "ModelCheckpoint('a.keras', 'val_miou', mode='max', save_best_only=True)",
    ],
)
def test_what_can_be_monitored_is_taken(text):
    assert len(parse_callbacks(text)) == 1
