"""Says whether a run was trained on after its model.keras was written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.own_files import json_object
from deeplab_tf.models.checkpoint_files import files_by_step, newest_whole

_MODEL, _RECORD = "model.keras", "model.json"


class NewerCheckpoint(NamedTuple):
    """A checkpoint of a run that its `model.keras` is older than.

    Attributes:
        step: of the checkpoint.
        model_step: that the run stood at when the model was written; None where a version before
            0.3 wrote it, which did not say.
    """

    step: int
    model_step: int | None

    def __str__(self) -> str:
        before = "an earlier step" if self.model_step is None else f"step {self.model_step}"
        return f"model.keras is of {before}, but the run was trained on to step {self.step}"


def record_step(workdir: str | os.PathLike, step: int) -> None:
    """Writes down the step that a run stands at as its `model.keras` is written.

    Args:
        workdir: the run's folder.
        step: number of finished steps.
    """
    write_atomically(Path(workdir) / _RECORD, (json.dumps({"step": step}) + "\n").encode())


def newer_checkpoint(workdir: str | os.PathLike) -> NewerCheckpoint | None:
    """Returns the newest whole checkpoint of a run if its `model.keras` is older, else None.

    Args:
        workdir: the run's folder; of any other there is None.
    """
    workdir = Path(workdir)
    steps = files_by_step(workdir / "checkpoints")
    if not steps or not (workdir / _MODEL).exists():
        return None
    model_step = json_object(workdir / _RECORD).get("step")
    if not isinstance(model_step, int):
        # A run that has ended has the checkpoint of its last step.
        train = json_object(workdir / "config.json").get("train")
        last = train.get("steps") if isinstance(train, dict) else None
        if not isinstance(last, int) or max(steps) >= last:
            return None
        model_step = None
    elif max(steps) <= model_step:
        return None
    try:
        step = newest_whole(workdir / "checkpoints", lambda line: None)
    except ValueError:  # all are broken
        return None
    if step is None or step <= (model_step or 0):
        return None
    return NewerCheckpoint(step, model_step)
