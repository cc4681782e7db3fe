"""`mlflow`: logs a run at an MLflow server, or in its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deeplab_tf.training.callbacks.tracker import ExperimentTracker

_NOT_IN_NAMES = re.compile(r"[^\w\- /]")  # what some version of MLflow refuses


class MlflowRun(ExperimentTracker):
    """Logs configuration, numbers and model at MLflow.

    Args:
        experiment: its name, made where it is missing; what is left out is MLflow's to choose, as
            by the environment variable `MLFLOW_EXPERIMENT_NAME`.
        run_name: of the run.
        tracking_uri: of the server, or of a file; else `MLFLOW_TRACKING_URI`.
        tags: texts by name.
        log_model: upload `model.keras` as an artifact at the end; else its path alone is logged.
    """

    name = "mlflow"
    package = "mlflow"

    def __init__(
        self,
        experiment: str | None = None,
        run_name: str | None = None,
        tracking_uri: str | None = None,
        tags: Mapping[str, str] | None = None,
        log_model: bool = False,
    ):
        super().__init__()
        self._experiment, self._run_name = experiment, run_name
        self._tracking_uri, self._tags = tracking_uri, tags
        self._uploads = log_model
        self._lost = False  # the connection
        self._last: dict[str, int] = {}  # by name, the last step that is there

    def start(self, run_id: str | None, config: Mapping[str, Any], workdir: Path) -> str:
        """Begins a run, or goes on with one; see `ExperimentTracker`."""
        import mlflow

        if active := mlflow.active_run():
            raise ValueError(
                f"mlflow: the run {active.info.run_id} is active in this process. End it first "
                "with mlflow.end_run()."
            )
        self._goes_on, self._lost = run_id is not None, False
        self._last.clear()
        try:
            if self._tracking_uri is not None:
                mlflow.set_tracking_uri(self._tracking_uri)
            if self._experiment is not None:
                mlflow.set_experiment(self._experiment)
            name = None if self._goes_on else self._run_name
            tags = dict(self._tags or {})
            self._run_id = mlflow.start_run(run_id=run_id, run_name=name, tags=tags).info.run_id
            # What was logged as a parameter cannot change, and a run may go on for longer.
            if not self._goes_on:
                mlflow.log_params(_flat(config))
            mlflow.log_dict(dict(config), "config.json")
        except mlflow.exceptions.MlflowException as error:
            mlflow.end_run("FAILED")
            gone = f" ({workdir / 'mlflow_run.json'} names the run)" if self._goes_on else ""
            raise ValueError(f"mlflow: {_one_line(error)}{gone}") from error
        return self._run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Logs numbers; see `ExperimentTracker`."""
        import mlflow

        def log_new() -> None:
            named = {_NOT_IN_NAMES.sub("_", name): value for name, value in values.items()}
            new = {name: value for name, value in named.items() if step > self._last_step(name)}
            if new:
                mlflow.log_metrics(new, step=step)
                self._last.update(dict.fromkeys(new, step))

        self._try(log_new)

    def log_model(self, file: Path) -> None:
        """Logs the path of the model, or uploads it; see `ExperimentTracker`."""
        import mlflow

        self._try(lambda: mlflow.set_tag("model", str(file)))
        if self._uploads:
            self._try(lambda: mlflow.log_artifact(str(file)))

    def finish(self, failed: bool) -> None:
        """Ends the run; see `ExperimentTracker`."""
        import mlflow

        self._lost = False
        self._try(lambda: mlflow.end_run("FAILED" if failed else "FINISHED"))

    def _last_step(self, name: str) -> int:
        """Returns the last step that a number is there of: MLflow would keep both of two points."""
        import mlflow

        if name not in self._last:
            client = mlflow.MlflowClient()
            history = client.get_metric_history(self._run_id, name) if self._goes_on else []
            self._last[name] = max((point.step for point in history), default=-1)
        return self._last[name]

    def _try(self, action: Callable[[], object]) -> None:
        """Does something at the server, whose absence must not cost a run.

        Each attempt waits for minutes, so there is no other after one that failed.
        """
        import mlflow

        if self._lost:
            return
        try:
            action()
        except mlflow.exceptions.MlflowException as error:
            self._lost = True
            self.params["log"](
                f"mlflow: {_one_line(error)}; nothing more is logged there until the run goes on "
                "again, the work directory has all numbers"
            )


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a configuration by names such as `train.steps`."""
    return {
        f"{section}.{key}": value
        for section, values in config.items()
        for key, value in values.items()
    }


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
