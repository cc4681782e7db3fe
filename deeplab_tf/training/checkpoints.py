"""Saves checkpoints of a training run and restores the newest that can be read completely."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.data.files import naming_written, write_atomically
from deeplab_tf.models.checkpoint_files import (
    fault,
    files_by_step,
    newest_whole,
    read_checkpoint,
    read_parts,
    write_manifest,
)

# TensorFlow writes `ckpt-STEP_temp/` first, moves the data out of it, writes the index beside them
# and removes the folder last. The manifest comes after that.
_STATE = 'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
_UNFINISHED = re.compile(r"ckpt-(\d+)_temp")


class Checkpoints:
    """Saves and restores variables, optimizer and step.

    The position in the data and all random numbers follow from the step.

    Args:
        folder: folder of the checkpoints; made by the first `save`.
        variables: all variables of the model by name, frozen ones too.
        optimizer: from `build_optimizer`.
        keep: number of checkpoints that are kept, the newest ones.
        log: receives a line for every broken checkpoint that is skipped.

    Raises:
        ValueError: `keep` is below 1.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        variables: dict[str, tf.Variable],
        optimizer: keras.optimizers.Optimizer,
        keep: int,
        log: Callable[[str], None] = print,
    ):
        if keep < 1:
            raise ValueError(f"train.keep_checkpoints must be at least 1. Received: {keep}")
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        # Not the model: what Keras 3 shows of one to a checkpoint leaves out frozen variables.
        self._contents: dict[str, Any] = {
            "variables": variables, "optimizer": optimizer, "step": self.step
        }  # fmt: skip
        self._folder, self._keep, self._log = Path(folder), keep, log
        self._whole: set[int] = set()  # steps whose files are known to be whole

    def restore(self, before: int = 0) -> int:
        """Restores the newest whole checkpoint and returns its step, 0 if there are no checkpoints.

        Args:
            before: step at which another phase of the run ended; of the checkpoint of that step the
                optimizer, which was another, is left.

        Raises:
            ValueError: there are checkpoints and all are broken, or the newest whole one does not
                hold all variables.
        """
        step = newest_whole(self._folder, self._log)
        if step is not None:
            left = {"optimizer"} if step == before else set()
            wanted = {name: part for name, part in self._contents.items() if name not in left}
            read_checkpoint(tf.train.Checkpoint(**wanted), self._folder, step)
            self._whole.add(step)
        return int(self.step.numpy())

    def add(self, variables: Mapping[str, Any], is_new: bool = False) -> None:
        """Adds what the restored checkpoint may lack, as a run may go on with other settings.

        Args:
            variables: variables, or dicts of them, by name. What the checkpoint has of them takes
                its value from there, the rest stays.
            is_new: whether all of them stay.
        """
        step = int(self.step.numpy())
        if step in self._whole and not is_new:
            read_parts(tf.train.Checkpoint(**variables), self._folder, step)
        self._contents |= variables

    def save(self, step: int) -> None:
        """Saves a checkpoint and deletes the oldest.

        Of the `keep` checkpoints that stay only whole ones count.

        Args:
            step: number of finished steps.

        Raises:
            OSError: it cannot be written; the checkpoints before it stay.
        """
        self.step.assign(step)
        name = f"ckpt-{step}"
        try:
            with naming_written(self._folder / name):
                tf.train.Checkpoint(**self._contents).write(str(self._folder / name))
            write_manifest(self._folder, step)
        except OSError:
            self._remove_part(step)
            raise
        # Nothing here reads this file; tf.train.latest_checkpoint does.
        write_atomically(self._folder / "checkpoint", _STATE.format(name=name).encode())
        self._whole.add(step)
        self._delete_old(step)

    def _remove_part(self, step: int) -> None:
        """Removes what TensorFlow leaves of a checkpoint that it did not write to its end."""
        for file in self._folder.glob(f"ckpt-{step}.*"):
            if step not in self._whole:
                file.unlink(missing_ok=True)
        # Last: while it is there, the files are known to be unfinished.
        shutil.rmtree(self._folder / f"ckpt-{step}_temp", ignore_errors=True)

    def _delete_old(self, newest: int) -> None:
        """Deletes old checkpoints, but none above `newest`: those are broken and do not count."""
        kept = 0
        for step, files in files_by_step(self._folder).items():
            if kept == self._keep:
                for file in sorted(files, reverse=True):  # the manifest, the index, then the data
                    file.unlink()
            elif step <= newest and self._is_whole(step):
                kept += 1
        for path in list(self._folder.iterdir()):
            if match := _UNFINISHED.fullmatch(path.name):
                self._is_whole(int(match[1]))  # a kill may have come after its last byte
                self._remove_part(int(match[1]))

    def _is_whole(self, step: int) -> bool:
        if step not in self._whole and fault(self._folder, step) is None:
            self._whole.add(step)
        return step in self._whole
