"""MLflow: the calls at a stand-in, the files with the package itself."""

import json
import sys

import pytest

from tests.training.callbacks.short_runs import EVALUATION, SETTINGS, callbacks_of, told_run
from tests.training.callbacks.stand_ins import Mlflow


@pytest.fixture
def server(monkeypatch):
    stand_in = Mlflow()
    monkeypatch.setitem(sys.modules, "mlflow", stand_in.module)
    return stand_in


def steps(server, name="train/loss"):
    return [point.step for point in server.points[name]]


# === At the stand-in ===


def test_a_run_has_configuration_and_options(server, tmp_path):
    text = "mlflow('streets', run_name='a', tracking_uri='http://host:5000', tags={'b': 'c'})"
    told_run(text, tmp_path)
    assert server.called("set_tracking_uri") == [("http://host:5000",)]
    assert server.called("set_experiment") == [("streets",)]
    assert server.called("start_run") == [(None, "a", {"b": "c"})]
    params = {"model.scales": (1.0,), "train.steps": 20, "train.loss": "cross_entropy"}
    assert server.called("log_params") == [(params,)]
    assert server.called("log_dict") == [(SETTINGS, "config.json")]
    assert server.called("end_run") == [("FINISHED",)]
    assert json.loads((tmp_path / "mlflow_run.json").read_text()) == {"id": "run0"}


def test_what_is_left_out_is_mlflows_to_choose(server, tmp_path):
    told_run("mlflow", tmp_path)
    assert server.called("set_tracking_uri") == server.called("set_experiment") == []


def test_numbers_have_their_steps(server, tmp_path):
    told_run("mlflow", tmp_path)
    assert steps(server) == [2, 4, 6, 8] and steps(server, "val/miou") == [4, 8]
    assert [point.value for point in server.points["val/miou"]] == [0.04, 0.08]
    assert "val/iou/traffic sign" not in server.points and steps(server, "val/iou/road") == [4, 8]


def test_names_have_the_characters_that_mlflow_takes(server, tmp_path):
    callbacks = callbacks_of("mlflow", tmp_path)
    callbacks.begin()
    classes = {"person+rider (all)": 0.5, "..": 0.5, "Straße": 0.5}
    callbacks.write(4, {**EVALUATION, "per_class_iou": classes})
    found = {name for name in server.points if "iou/" in name}
    assert found == {"val/iou/person_rider _all_", "val/iou/__", "val/iou/Straße"}


def test_a_run_that_goes_on_doubles_no_point(server, tmp_path):
    told_run("mlflow(run_name='a')", tmp_path, last_step=8)
    told_run("mlflow(run_name='a')", tmp_path, first_step=4, last_step=12)
    assert [call[:2] for call in server.called("start_run")] == [(None, "a"), ("run0", None)]
    assert steps(server) == [2, 4, 6, 8, 10, 12] and steps(server, "val/miou") == [4, 8, 12]
    assert len(server.called("log_params")) == 1 and len(server.called("log_dict")) == 2


def test_a_run_that_goes_back_doubles_no_point(server, tmp_path):
    callbacks = callbacks_of("mlflow", tmp_path)
    callbacks.begin()
    for step in (2, 4, 6, 4, 6, 8):
        callbacks.write(step, {"loss": 1.0})
    assert steps(server) == [2, 4, 6, 8]


@pytest.mark.parametrize("uploads", [False, True])
def test_the_model_is_uploaded_if_wanted(server, tmp_path, uploads):
    (tmp_path / "model.keras").touch()
    told_run(f"mlflow(log_model={uploads})", tmp_path)
    file = str(tmp_path / "model.keras")
    assert server.called("set_tag") == [("model", file)]
    assert server.called("log_artifact") == [(file,)] * uploads


def test_a_run_that_fails_is_one_there_too(server, tmp_path):
    told_run("mlflow", tmp_path, failed=True)
    assert server.called("end_run") == [("FAILED",)]


# === Without a connection ===


def test_a_server_that_cannot_be_reached_ends_the_run_before_its_first_step(server, tmp_path):
    server.lost = True
    server.module.end_run = lambda status: None  # there is no active run
    with pytest.raises(ValueError, match=r"^mlflow: no route to host$"):
        callbacks_of("mlflow('streets')", tmp_path).begin()
    assert not (tmp_path / "mlflow_run.json").exists()


def test_a_run_that_is_gone_there_is_named_with_the_file(server, tmp_path):
    (tmp_path / "mlflow_run.json").write_text('{"id": "gone"}')
    with pytest.raises(
        ValueError, match=r"^mlflow: Run 'gone' not found \(.*mlflow_run\.json names"
    ):
        callbacks_of("mlflow", tmp_path, first_step=4).begin()


def test_a_connection_that_is_lost_does_not_end_the_run(server, tmp_path):
    lines = []
    callbacks = callbacks_of("mlflow(log_model=True)", tmp_path, log=lines.append)
    callbacks.begin()
    callbacks.write(2, {"loss": 1.0})
    server.lost = True
    callbacks.write(4, {"loss": 1.0})
    assert len(lines) == 1 and lines[0].startswith(
        "mlflow: no route to host; nothing more is logged"
    )
    calls = len(server.calls)
    callbacks.write(6, {"loss": 1.0})
    assert len(server.calls) == calls  # each would wait for minutes
    (tmp_path / "model.keras").touch()
    callbacks.end()
    assert server.calls[calls:] == [("end_run", ("FINISHED",))] and len(lines) == 2
    server.lost = False
    told_run("mlflow", tmp_path, first_step=2, last_step=6)
    assert 6 in steps(server)


def test_an_active_run_is_refused(server, tmp_path):
    server.start_run(None, None, {})
    with pytest.raises(ValueError, match=r"mlflow: the run run0 is active .* mlflow\.end_run\(\)"):
        callbacks_of("mlflow", tmp_path).begin()


# === The package itself ===


@pytest.mark.slow
def test_mlflow_itself_writes_the_run_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    run, uri = tmp_path / "run", f"file://{tmp_path / 'store'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # MLflow sets it, and would leave it behind
    text = f"mlflow('streets', run_name='a', tracking_uri='{uri}', log_model=True)"
    run.mkdir()
    told_run(text, run, last_step=8)
    (run / "model.keras").write_bytes(b"model")
    told_run(text, run, first_step=4, last_step=12)

    import mlflow

    client = mlflow.MlflowClient(uri)
    (found,) = client.search_runs([client.get_experiment_by_name("streets").experiment_id])
    run_id = found.info.run_id
    assert run_id == json.loads((run / "mlflow_run.json").read_text())["id"]
    assert (found.info.status, found.info.run_name) == ("FINISHED", "a")
    assert found.data.params["train.loss"] == "cross_entropy"
    assert found.data.tags["model"] == str(run / "model.keras")
    loss = [(p.step, p.value) for p in client.get_metric_history(run_id, "train/loss")]
    assert loss == [(step, 1 / step) for step in (2, 4, 6, 8, 10, 12)]
    miou = [(p.step, p.value) for p in client.get_metric_history(run_id, "val/miou")]
    assert miou == [(4, 0.04), (8, 0.08), (12, 0.12)]
    assert found.data.metrics["val/iou/road"] == 0.5
    artifacts = {item.path for item in client.list_artifacts(run_id)}
    assert artifacts == {"config.json", "model.keras"}
