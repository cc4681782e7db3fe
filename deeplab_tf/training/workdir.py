"""What a work directory holds: configuration, data set, checkpoints and metrics."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import tensorflow as tf

from deeplab_tf.data.files import make_folder, naming_written, whole_file, write_atomically
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import FILE_NAME, DatasetSpec

# Sections whose change makes a run another run.
_FIXED_SECTIONS = ("model", "data")
# Keys in them that change no number.
_FREE_KEYS = ("cache", "check")
# What a run replaces. It must not be a data set's, or that of another program.
_FILES = (FILE_NAME, "model.keras", "metrics.jsonl")
_ADVICE = "The folder holds something else than a run: give another --workdir."


def check_workdir(path) -> Path:
    """Returns the folder of a run, new or to be continued.

    Args:
        path: folder, which need not exist.

    Raises:
        ValueError: it holds files that a run would replace, and is none, for it has no
            `config.json`.
        OSError: it cannot be written into.
    """
    folder = user_path(path)
    is_run = (folder / "config.json").is_file()
    check_outputs({folder / name: lambda file: is_run for name in _FILES}, advice=_ADVICE)
    return folder


class Workdir:
    """The files of one training run.

    Args:
        path: folder; made if missing.
        config: resolved configuration as a plain dict.
        spec: the data set.

    Raises:
        ValueError: the folder holds a run of another model or data set; the message names the
            fields. Or it is no run, see `check_workdir`.
    """

    def __init__(self, path, config: dict, spec: DatasetSpec):
        self.path = check_workdir(path)
        make_folder(self.path)
        self._config, self._spec = config, spec
        # JSON turns tuples into lists, so compare what will be read back.
        self._refuse_other_run(json.loads(json.dumps({**config, "dataset": spec.to_dict()})))

    def describe(self):
        """Writes `dataset.json` and `config.json`, which bind the folder to this run."""
        self._spec.save(self.path)
        text = json.dumps(self._config, indent=2) + "\n"
        write_atomically(self.path / "config.json", text.encode())

    @property
    def model_file(self) -> Path:
        """Where the trained model is saved."""
        return self.path / "model.keras"

    def _refuse_other_run(self, new: dict):
        config_file = self.path / "config.json"
        if not config_file.exists():
            return
        old = json.loads(config_file.read_text())
        old["dataset"] = json.loads((self.path / "dataset.json").read_text())
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

    def save_model(self, model):
        """Saves the `.keras` file; a reader never sees a half-written one."""
        # Keras looks at the ending.
        with whole_file(self.model_file, ending=".partial.keras") as temporary:
            model.save(temporary)


class Checkpoints:
    """Saves and restores variables, optimizer and step.

    The position in the data and every random draw follow from the step.

    Args:
        folder: where checkpoints lie.
        variables: all of the model by name, frozen ones too.
        optimizer: from `build_optimizer`.
        keep: newest checkpoints that are kept.
    """

    def __init__(self, folder, variables: dict[str, tf.Variable], optimizer, keep: int):
        self._folder = Path(folder)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        # Not the model: what Keras 3 shows of one to a checkpoint leaves out frozen variables.
        self._checkpoint = tf.train.Checkpoint(
            variables=variables, optimizer=optimizer, step=self.step
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder), max_to_keep=keep, step_counter=self.step
        )

    def restore(self) -> int:
        """Restores the newest checkpoint and returns its step, 0 if there is none.

        Raises:
            ValueError: the checkpoint does not hold all variables.
        """
        path = self._manager.latest_checkpoint
        if path is None:
            return 0
        try:
            self._checkpoint.restore(path).assert_existing_objects_matched()
        except (AssertionError, tf.errors.OpError) as error:
            raise ValueError(f"{path}: not a checkpoint of this model: {error}") from error
        return int(self.step.numpy())

    def save(self, step: int):
        """Saves everything as of `step` finished steps.

        Raises:
            OSError: it cannot be written; checkpoints before it stay.
        """
        self.step.assign(step)
        path = self._folder / f"ckpt-{step}"
        try:
            with naming_written(path):
                self._manager.save(checkpoint_number=step)
        except OSError:
            self._remove_part(path)
            raise

    def _remove_part(self, path: Path):
        """Removes what TensorFlow leaves of a checkpoint that it could not write."""
        shutil.rmtree(f"{path}_temp", ignore_errors=True)
        left = list(self._folder.glob("checkpoint.tmp*"))
        if not Path(f"{path}.index").exists():
            left += self._folder.glob(f"{path.name}.*")
        for file in left:
            file.unlink(missing_ok=True)


def restore_variables(folder, variables: dict[str, tf.Variable]):
    """Restores a network from the newest checkpoint of `Checkpoints`, for use and not training.

    Args:
        folder: where checkpoints lie.
        variables: all of the model by name, frozen ones too.

    Raises:
        ValueError: there is no checkpoint, or it does not hold all variables.
    """
    path = tf.train.latest_checkpoint(str(folder))
    if path is None:
        raise ValueError(f"{folder}: no checkpoint yet; training saves one from time to time.")
    try:
        status = tf.train.Checkpoint(variables=variables).restore(path)
        status.assert_existing_objects_matched().expect_partial()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise ValueError(f"{path}: not a checkpoint of this model: {error}") from error


class MetricsLog:
    """Appends to `metrics.jsonl` and to TensorBoard's event files.

    Args:
        folder: the work directory.
        first_step: the step from which the run goes on; later lines of an interrupted run are
            dropped, because their steps are done again.
    """

    def __init__(self, folder, first_step: int = 0):
        self._path = Path(folder) / "metrics.jsonl"
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        kept = [line for line in lines if _step_of(line) <= first_step]
        write_atomically(self._path, "".join(f"{line}\n" for line in kept).encode())
        self._events = tf.summary.create_file_writer(str(folder))

    def write(self, step: int, values: dict):
        """Writes one line; numbers also go to TensorBoard."""
        with naming_written(self._path), self._path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        prefix = values.get("split", "train")
        # tf.summary.scalar needs the package tensorboard; TensorFlow itself can write the event.
        summary = tf.compat.v1.Summary()
        for name, value in values.items():
            if isinstance(value, (int, float)):
                summary.value.add(tag=f"{prefix}/{name}", simple_value=value)
        with self._events.as_default():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)
        self._events.flush()


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return float("inf")  # a line that a kill cut short
