"""Writes the files of a work directory: configuration, data set and model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras

from deeplab_tf.data.files import make_folder, whole_file, write_atomically
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.old_augmentation import current_data
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import FILE_NAME, DatasetSpec
from deeplab_tf.models.model_step import record_step
from deeplab_tf.training.metrics_log import MetricsLog as MetricsLog  # the loop's import
from deeplab_tf.training.remote_workdir import RemoteWorkdir
from deeplab_tf.training.run_lock import refuse_locked

# A change in these sections makes it another run.
_FIXED_SECTIONS = ("model", "data")
# Keys in them that change no number.
_FREE_KEYS = ("cache", "check")
# Files that a run replaces; they must not be those of a data set or of another program.
_FILES = (
    FILE_NAME, "model.keras", "last.keras", "metrics.jsonl", "wandb_run.json", "mlflow_run.json",
)  # fmt: skip
_ADVICE = "The folder holds something else than a run: give another --workdir."
_BROKEN_ADVICE = "Put back a copy, or give another --workdir."


def check_workdir(path: str | os.PathLike) -> Path:
    """Returns the folder of a run, new or to be continued.

    Args:
        path: folder, which need not exist.

    Raises:
        ValueError: it has files that a run would replace, but is no work directory, as it has no
            `config.json`; or another process is training in it.
        OSError: it cannot be written into.
    """
    folder = user_path(path)
    is_run = (folder / "config.json").is_file()
    check_outputs({folder / name: lambda file: is_run for name in _FILES}, advice=_ADVICE)
    refuse_locked(folder)
    return folder


def recorded_precision(path: str | os.PathLike) -> str | None:
    """Returns `train.precision` of the run that a folder holds, None where there is none."""
    file = user_path(path) / "config.json"
    if not file.exists():
        return None
    return _read_object(file, ("train",))["train"].get("precision", "float32")


class Workdir:
    """The files of one training run.

    Args:
        path: folder, which need not exist, or the copy of one in an object store.
        config: resolved configuration as a plain dict.
        spec: the data set.

    Raises:
        ValueError: the folder holds a run of another model or data set (the message names the
            keys), its `config.json` or `dataset.json` cannot be read (it names the file), or it
            is no work directory (see `check_workdir`).
    """

    def __init__(self, path: str | os.PathLike, config: dict, spec: DatasetSpec):
        self.path = check_workdir(path)
        self._remote = path if isinstance(path, RemoteWorkdir) else None
        self._config, self._spec = config, spec
        # JSON turns tuples into lists, so compare what will be read back.
        self._refuse_other_run(json.loads(json.dumps({**config, "dataset": spec.to_dict()})))

    def describe(self) -> None:
        """Makes the folder, with `dataset.json` and `config.json`, which bind it to this run."""
        make_folder(self.path / "checkpoints")  # where that cannot be, no step is taken
        self._spec.save(self.path)
        text = json.dumps(self._config, indent=2) + "\n"
        write_atomically(self.path / "config.json", text.encode())

    def upload(self) -> None:
        """Uploads what has changed, where the folder is the copy of one in an object store.

        Raises:
            ValueError: another process has taken the run over.
            OSError: it cannot be written.
        """
        if self._remote:
            self._remote.upload()

    def _refuse_other_run(self, new: dict) -> None:
        config_file = self.path / "config.json"
        if not config_file.exists():
            return
        old = _read_object(config_file, _FIXED_SECTIONS)
        old["dataset"] = _read_object(self.path / "dataset.json")
        old["data"], new["data"] = current_data(old["data"]), current_data(new["data"])
        changed = [
            f"{section}.{key}: {old.get(section, {}).get(key)!r} -> {new[section].get(key)!r}"
            for section in (*_FIXED_SECTIONS, "dataset")
            for key in sorted({*old.get(section, {}), *new[section]})
            if key not in _FREE_KEYS and old.get(section, {}).get(key) != new[section].get(key)
        ]
        if changed:
            raise ValueError(
                f"{self.path} holds a run of another model or data set "
                f"({'; '.join(changed)}). Give another --workdir, or the old values."
            )

    def save_model(self, model: keras.Model, step: int) -> None:
        """Saves `model.keras`, replacing it at once; a reader never sees an incomplete one.

        Args:
            model: the network.
            step: number of finished steps of the run, which is written beside it.
        """
        self._save(model, "model.keras")
        record_step(self.path, step)

    def save_last(self, model: keras.Model) -> None:
        """Saves `last.keras`, as `save_model` does."""
        self._save(model, "last.keras")

    def _save(self, model: keras.Model, name: str) -> None:
        # Keras looks at the ending.
        with whole_file(self.path / name, ending=".partial.keras") as temporary:
            model.save(temporary)


def _read_object(file: Path, sections: tuple[str, ...] = ()) -> dict:
    """Reads a JSON object in which `sections` are objects too."""
    try:
        found = read_json(file)
        return {**found, **{name: {**found[name]} for name in sections}}
    except ValueError as error:  # it names the file
        raise ValueError(f"{error} {_BROKEN_ADVICE}") from error
    except (FileNotFoundError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file}: not what tools/train.py writes ({error}). {_BROKEN_ADVICE}"
        ) from error
