"""Which callbacks of Keras a run can have, and why it cannot have the others."""

from __future__ import annotations

from typing import Any

import keras

_CHECKPOINTS = "a run has checkpoints of its own: train.checkpoint_every, train.keep_checkpoints"
_RATE = "the learning rate of a run follows train.policy"
# Class of keras.callbacks -> why it cannot work here, and what does its work.
REFUSED = {
    "BackupAndRestore": _CHECKPOINTS,
    "BaseLogger": "it belongs to `fit`",
    "History": "metrics.jsonl in the work directory is the history",
    "LambdaCallback": "a configuration holds no functions; write a class, and MODULE:CLASS",
    "LearningRateScheduler": _RATE,
    "OrbaxCheckpoint": _CHECKPOINTS,
    "ProgbarLogger": "a run prints its own progress",
    "ReduceLROnPlateau": _RATE,
    "SidecarEvaluatorModelExport": _CHECKPOINTS,
    "SwapEMAWeights": "the average of the weights is train.ema_decay",
    "TensorBoard": "a run writes for TensorBoard by itself, into the work directory",
}


def keras_callback(name: str) -> type[keras.callbacks.Callback] | None:
    """Finds a class of keras.callbacks.

    Args:
        name: of the class, such as `CSVLogger`; `csv_logger` is the same.

    Raises:
        ValueError: it cannot work in a run; the message says why.
    """
    plain = _plain(name)
    for found, member in vars(keras.callbacks).items():
        is_callback = isinstance(member, type) and issubclass(member, keras.callbacks.Callback)
        if _plain(found) != plain or not is_callback or found == "Callback":
            continue
        if found in REFUSED:
            raise ValueError(f"it cannot work in a run: {REFUSED[found]}")
        # On Keras 3 the list of callbacks is a callback too.
        return None if found == "CallbackList" else member
    return None


def keras_callback_names() -> list[str]:
    """Returns the names of the classes that `keras_callback` finds."""
    others = {*REFUSED, "Callback", "CallbackList"}
    return sorted(n for n in vars(keras.callbacks) if n[0].isupper() and n not in others)


def refuse_what_cannot_work(callback: keras.callbacks.Callback) -> None:
    """Refuses an object of a class that is, or comes from, one that cannot work in a run.

    Args:
        callback: any.

    Raises:
        ValueError: it is one; the message says why.
    """
    for name, reason in REFUSED.items():
        refused = getattr(keras.callbacks, name, None)
        if refused is not None and isinstance(callback, refused):
            raise ValueError(f"a {name} cannot work in a run: {reason}")


def check_arguments(name: str, arguments: dict[str, Any]) -> None:
    """Checks arguments that Keras itself finds wrong only after hours, or never.

    Args:
        name: of the class.
        arguments: by their names, with the defaults of those left out.

    Raises:
        ValueError: an evaluation would not have the number that is monitored, its direction is
            open, or the weights of the run would change.
    """
    if arguments.get("restore_best_weights"):
        raise ValueError(
            f"{name} cannot have restore_best_weights: with train.monitor the best network becomes "
            "the model"
        )
    if name != "EarlyStopping" and not arguments.get("save_best_only"):
        return
    if arguments["monitor"] == "val_loss":
        raise ValueError(
            f"{name} needs monitor: an evaluation has no loss, but val_miou, val_pixel_accuracy, "
            "val_mean_accuracy, val_frequency_weighted_iou and val_iou/CLASS"
        )
    if arguments["mode"] not in ("min", "max"):
        raise ValueError(
            f"{name} needs mode='max' or mode='min' for {arguments['monitor']!r}. "
            f"Received: {arguments['mode']!r}"
        )


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
