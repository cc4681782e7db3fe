"""What W&B and MLflow share: the names of numbers, one run there for one run here, the model."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.json_file import read_json
from deeplab_tf.models.model_step import newer_checkpoint


class ExperimentTracker(keras.callbacks.Callback):
    """A callback that logs a run where experiments are compared.

    Numbers have the names that they have in TensorBoard. A run that goes on goes on there too: its
    id is in the work directory. What a subclass adds is `start`, `log`, `log_model` and `finish`.

    Attributes:
        name: in `train.callbacks`, also of the extra.
        package: what has to be installed.
    """

    name: ClassVar[str]
    package: ClassVar[str]

    @classmethod
    def require_package(cls) -> None:
        """Raises where the package is not installed.

        Raises:
            ValueError: the message names the extra that brings it.
        """
        if importlib.util.find_spec(cls.package) is None:
            extra = f"pip install 'deeplab_tf[{cls.name}]'"
            raise ValueError(f"{cls.name} needs the package {cls.package!r}: {extra}")

    def start(self, run_id: str | None, config: Mapping[str, Any], workdir: Path) -> str:
        """Begins a run there, or goes on with one.

        Args:
            run_id: of the run that goes on; None for a new one.
            config: of the run.
            workdir: its folder.

        Returns:
            The id of the run there.

        Raises:
            ValueError: that is not possible.
        """
        raise NotImplementedError

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Logs finite numbers by name; those of a step that is there already are left out."""
        raise NotImplementedError

    def log_model(self, file: Path) -> None:
        """Logs the trained model."""
        raise NotImplementedError

    def finish(self, failed: bool) -> None:
        """Ends the run there."""
        raise NotImplementedError

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begins, or goes on; see `keras.callbacks.Callback`."""
        file = Path(self.params["workdir"]) / f"{self.name}_run.json"
        run_id = self.start(_read_id(file), self.params["config"], file.parent)
        write_atomically(file, (json.dumps({"id": run_id}) + "\n").encode())

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the numbers of training; see `keras.callbacks.Callback`."""
        self.log(batch + 1, {f"train/{k}": v for k, v in _finite(logs).items()})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the numbers of an evaluation; see `keras.callbacks.Callback`."""
        split, found = self.params["split"], _finite(logs)
        values = {k.removeprefix("val_"): v for k, v in found.items() if k.startswith("val_")}
        self.log(epoch, {f"{split}/{name}": value for name, value in values.items()})

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Logs the model, if the run has come to its end; see `keras.callbacks.Callback`."""
        workdir = Path(self.params["workdir"])
        file = workdir / "model.keras"
        if file.exists() and newer_checkpoint(workdir) is None:
            self.log_model(file)
        self.finish(self.params["failed"])


def _finite(logs: Mapping[str, Any] | None) -> dict[str, float]:
    return {name: float(value) for name, value in (logs or {}).items() if math.isfinite(value)}


def _read_id(file: Path) -> str | None:
    if not file.exists():
        return None
    advice = "Put back a copy, or delete it: the run then begins anew there."
    try:
        values = read_json(file)
    except ValueError as error:  # it names the file
        raise ValueError(f"{error} {advice}") from error
    run_id = values.get("id") if isinstance(values, dict) else None
    if not isinstance(run_id, str) or not run_id:
        raise ValueError(f"{file}: it holds no id of a run. {advice}")
    return run_id
