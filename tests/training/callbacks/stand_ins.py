"""Stand for the packages wandb and mlflow: they write down the few calls that a run makes."""

import types
from importlib.machinery import ModuleSpec


def _module(name, **members):
    module = types.ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)  # as of what is installed
    vars(module).update(members)
    return module


class WandbRun:
    """A run at W&B; `history` has what was logged by step."""

    def __init__(self, run_id, step):
        self.id, self.step = run_id, step
        self.history, self.summary, self.artifacts, self.exit_code = {}, {}, [], None

    def log(self, values, step):
        assert step >= self.step, "W&B drops what comes late, with a warning"
        self.step = step
        self.history.setdefault(step, {}).update(values)

    def log_artifact(self, artifact):
        self.artifacts.append(artifact)

    def finish(self, exit_code):
        self.exit_code = exit_code


class Artifact:
    """Files that are uploaded."""

    def __init__(self, name, type):
        self.name, self.type, self.files = name, type, []

    def add_file(self, file):
        self.files.append(file)


class WandbError(Exception):
    """The base class of W&B's errors."""


def build_wandb(last_step=0, error=None):
    """A module in place of wandb.

    Args:
        last_step: that a run has there that goes on.
        error: what `init` raises.
    """
    starts, runs = [], []

    def init(**options):
        starts.append(options)
        if error is not None:
            raise error
        goes_on = options["id"] is not None
        run = WandbRun(options["id"] or "new1", last_step + 1 if goes_on else 0)
        runs.append(run)
        return run

    errors = types.SimpleNamespace(Error=WandbError)
    return _module(
        "wandb", init=init, starts=starts, runs=runs, errors=errors, run=None, Artifact=Artifact
    )


class MlflowError(Exception):
    """The base class of MLflow's errors."""


class Mlflow:
    """A server: points by name, and all else that was called.

    Attributes:
        lost: whether every call fails, as without a connection.
    """

    def __init__(self):
        self.points, self.calls, self.active, self.lost = {}, [], None, False
        self.run_ids = []
        names = ("set_tracking_uri", "set_experiment", "log_params", "log_dict", "set_tag",
                 "log_artifact")  # fmt: skip
        recorded = {name: self._recorder(name) for name in names}
        self.module = _module(
            "mlflow", **recorded, start_run=self.start_run, end_run=self.end_run,
            active_run=lambda: self.active, log_metrics=self.log_metrics,
            MlflowClient=lambda: types.SimpleNamespace(get_metric_history=self.history),
            exceptions=types.SimpleNamespace(MlflowException=MlflowError),
        )  # fmt: skip

    def called(self, name):
        return [arguments for found, arguments in self.calls if found == name]

    def _recorder(self, name):
        def record(*arguments):
            self._note(name, *arguments)

        return record

    def _note(self, name, *arguments):
        self.calls.append((name, arguments))
        if self.lost:
            raise MlflowError("no route\n  to host")

    def start_run(self, run_id, run_name, tags):
        self._note("start_run", run_id, run_name, tags)
        if run_id is not None and run_id not in self.run_ids:
            raise MlflowError(f"Run {run_id!r} not found")
        found = run_id or f"run{len(self.run_ids)}"
        self.run_ids.append(found)
        self.active = types.SimpleNamespace(info=types.SimpleNamespace(run_id=found))
        return self.active

    def end_run(self, status):
        self.active = None
        self._note("end_run", status)

    def log_metrics(self, values, step):
        self._note("log_metrics", values, step)
        for name, value in values.items():
            self.points.setdefault(name, []).append(types.SimpleNamespace(step=step, value=value))

    def history(self, run_id, name):
        assert run_id in self.run_ids
        return self.points.get(name, [])
