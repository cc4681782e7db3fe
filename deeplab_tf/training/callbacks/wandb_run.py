"""`wandb`: logs a run at Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deeplab_tf.training.callbacks.tracker import ExperimentTracker


class WandbRun(ExperimentTracker):
    """Logs configuration, numbers and model at Weights & Biases.

    Args:
        project: at W&B; what is left out is theirs to choose, as in `wandb.init`.
        entity: user or team.
        name: of the run.
        group: of several runs.
        job_type: such as `train`.
        tags: texts.
        notes: a text.
        mode: `"online"`, `"offline"`, which only writes files below the work directory, or
            `"disabled"`.
        log_model: upload `model.keras` at the end; else its path alone is logged.
    """

    name = "wandb"
    package = "wandb"

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: Sequence[str] | None = None,
        notes: str | None = None,
        mode: str | None = None,
        log_model: bool = False,
    ):
        super().__init__()
        self._options: dict[str, Any] = {
            "project": project, "entity": entity, "name": name, "group": group,
            "job_type": job_type, "tags": tags, "notes": notes, "mode": mode,
        }  # fmt: skip
        self._uploads = log_model

    def start(self, run_id: str | None, config: Mapping[str, Any], workdir: Path) -> str:
        """Begins a run, or goes on with one; see `ExperimentTracker`."""
        import wandb

        if wandb.run is not None:
            raise ValueError(
                f"wandb: the run {wandb.run.id} is active in this process. End it first with "
                "wandb.finish()."
            )
        try:
            self._run = wandb.init(
                **self._options,
                id=run_id,
                resume="allow",
                config=dict(config),
                allow_val_change=True,  # a run that goes on may be trained longer
                dir=str(workdir),
            )
        except (wandb.errors.Error, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"wandb: {reason} (wandb(mode='offline') needs neither an account nor a connection)"
            ) from error
        return self._run.id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Logs numbers; see `ExperimentTracker`."""
        # W&B goes forward only. A run that goes on repeats the steps since its last checkpoint.
        if values and step >= self._run.step:
            self._run.log(dict(values), step=step)

    def log_model(self, file: Path) -> None:
        """Logs the path of the model, or uploads it; see `ExperimentTracker`."""
        import wandb

        self._run.summary["model"] = str(file)
        if self._uploads:
            artifact = wandb.Artifact(f"model-{self._run.id}", type="model")
            artifact.add_file(str(file))
            self._run.log_artifact(artifact)

    def finish(self, failed: bool) -> None:
        """Ends the run and waits until all is uploaded; see `ExperimentTracker`."""
        self._run.finish(exit_code=int(failed))
