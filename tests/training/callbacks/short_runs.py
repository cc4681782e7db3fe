"""What a loop tells the callbacks of a run, without a loop."""

import keras

from deeplab_tf.training.callbacks.runner import RunCallbacks

SETTINGS = {"model": {"scales": (1.0,)}, "train": {"steps": 20, "loss": "cross_entropy"}}
EVALUATION = {
    "split": "val", "images": 3, "miou": 0.25, "absent": "exclude", "pixel_accuracy": None,
    "per_class_iou": {"road": 0.5, "traffic sign": None}, "best_constant": {"miou": 0.1},
    "panel/a": b"PNG",
}  # fmt: skip


def any_model():
    return keras.Sequential([keras.layers.Dense(1)])


def callbacks_of(text, workdir, first_step=0, log=print):
    return RunCallbacks(text, any_model(), SETTINGS, workdir, first_step, log)


def told_run(text, workdir, first_step=0, last_step=8, log=print, failed=False):
    """Has a line every 2 steps and an evaluation every 4."""
    callbacks = callbacks_of(text, workdir, first_step, log)
    callbacks.begin()
    for step in range(first_step + 2, last_step + 1, 2):
        callbacks.write(step, {"loss": 1 / step, "learning_rate": 0.5})
        if step % 4 == 0:
            callbacks.write(step, {**EVALUATION, "miou": step / 100})
    callbacks.end(failed)
    return callbacks
