"""Calls the callbacks of a run as `keras.Model.fit` would."""

from __future__ import annotations

import contextlib
import math
import numbers
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from deeplab_tf import compat
from deeplab_tf.training.callbacks import CALLBACKS, parse_callbacks
from deeplab_tf.training.callbacks.callback_text import build_callback
from deeplab_tf.training.interruption import RunInterruptedError

_MONITORING = (keras.callbacks.EarlyStopping, keras.callbacks.ModelCheckpoint)


class RunCallbacks:
    """The callbacks of a run, and what they are told.

    A line of the log is a batch to them, and what lies between two evaluations is an epoch; the
    number of both is that of finished steps, from 0 for a batch, as in Keras. `self.params` of a
    callback has `steps`, `config`, `workdir`, `first_step` and `log`, a function for lines to
    people, besides what `fit` puts there.

    Args:
        text: `train.callbacks`.
        model: the network, which is not compiled.
        settings: the resolved configuration as a plain dict.
        workdir: folder of the run.
        first_step: number of steps done before.
        log: receives lines for people.

    Raises:
        ValueError: as for `parse_callbacks`; or a class of the user's cannot be found, is no
            callback, or does not take its arguments.

    Example:
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> settings = {"train": {"steps": 20}}
        >>> text = "EarlyStopping(monitor='val_miou', mode='max', patience=1)"
        >>> callbacks = RunCallbacks(text, model, settings, workdir=".")
        >>> callbacks.begin()
        >>> for step, miou in ((10, 0.5), (20, 0.4)):
        ...     callbacks.write(step, {"loss": 1.0, "learning_rate": 0.1})
        ...     callbacks.write(step, {"split": "val", "miou": miou})
        >>> callbacks.end()
        >>> callbacks.stop_training
        True
    """

    def __init__(
        self,
        text: str,
        model: keras.Model,
        settings: dict[str, Any],
        workdir: str | os.PathLike,
        first_step: int = 0,
        log: Callable[[str], None] = print,
    ):
        self._model = model
        self._callbacks = [build_callback(c, CALLBACKS, workdir) for c in parse_callbacks(text)]
        steps = settings["train"]["steps"]
        self._params = {
            "verbose": 0, "epochs": steps, "steps": steps, "config": settings,
            "workdir": Path(workdir).absolute(), "first_step": first_step, "log": log,
            "split": "val", "failed": False,
        }  # fmt: skip
        # Without a model yet: some look at it as soon as they have it.
        self._list = compat.callback_list(self._callbacks)
        self._list.set_params(self._params)
        self._is_running = self._is_in_epoch = False
        self._step, self._line = first_step, dict[str, float]()

    @property
    def stop_training(self) -> bool:
        """Whether a callback has asked for the end of the run."""
        return bool(getattr(self._model, "stop_training", False))

    def set_model(self, model: keras.Model) -> None:
        """Has callbacks see another network, as in another phase of a run.

        Args:
            model: the network.
        """
        model.stop_training = self.stop_training
        self._model = model
        if self._is_running:
            self._list.set_model(model)

    def begin(self) -> None:
        """Tells of the beginning of training, or of that it goes on.

        Raises:
            ValueError: W&B or MLflow cannot be reached, or does not have the run any more.
            OSError: a callback cannot write its file.
        """
        self._model.stop_training = False
        self._list.set_model(self._model)
        self._list.on_train_begin()
        self._is_running = True

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Tells of the beginning of a block, and of its end, which an error or a signal may be."""
        self.begin()
        try:
            yield
        except RunInterruptedError:
            self.end()
            raise
        except BaseException:
            self.end(failed=True)
            raise
        self.end()

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Tells of a line of the log, or of an evaluation.

        Args:
            step: number of finished steps.
            values: as for `MetricsLog.write`. Those of an evaluation have `split`; numbers get
                the prefix `val_`, the IoU of a class is `val_iou/CLASS`, what is None is NaN, and
                the numbers of the line before it are there too.

        Raises:
            ValueError: a number that a callback monitors is not there.
        """
        if not self._callbacks:
            return
        if not self._is_in_epoch:
            self._list.on_epoch_begin(self._step)
            self._is_in_epoch = True
        self._step = step
        if "split" not in values:
            self._line = _numbers(values)
            self._list.on_train_batch_begin(step - 1)
            self._list.on_train_batch_end(step - 1, self._line)
            return
        self._params["split"] = values["split"]
        per_class = values.get("per_class_iou") or {}
        found = _numbers({**values, **{f"iou/{name}": iou for name, iou in per_class.items()}})
        logs = {**self._line, **{f"val_{name}": value for name, value in found.items()}}
        self._require_monitored(logs)
        self._list.on_epoch_end(step, logs)
        self._is_in_epoch = False

    def end(self, failed: bool = False) -> None:
        """Tells of the end of training, after `model.keras` is written; a second time of nothing.

        Args:
            failed: whether an error ended it.
        """
        if not self._is_running:
            return
        self._is_running = False
        self._params["failed"] = failed
        self._list.on_train_end()

    def _require_monitored(self, logs: Mapping[str, float]) -> None:
        for callback in self._callbacks:
            is_best = getattr(callback, "save_best_only", True)
            if isinstance(callback, _MONITORING) and is_best and callback.monitor not in logs:
                raise ValueError(
                    f"train.callbacks: {type(callback).__name__} monitors {callback.monitor!r}, "
                    f"which an evaluation does not have, only {', '.join(sorted(logs))}"
                )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the numbers, and NaN where one is None."""
    return {
        name: math.nan if value is None else float(value)
        for name, value in values.items()
        if value is None or (isinstance(value, numbers.Real) and not isinstance(value, bool))
    }
