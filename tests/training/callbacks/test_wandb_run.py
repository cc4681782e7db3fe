"""Weights & Biases: the calls at a stand-in, the files with the package itself, offline."""

import json
import sys
import zlib

import pytest

from tests.training.callbacks.short_runs import SETTINGS, callbacks_of, told_run
from tests.training.callbacks.stand_ins import WandbError, WandbRun, build_wandb


@pytest.fixture
def install(monkeypatch):
    """Puts a stand-in in the place of the package."""

    def replace(**options):
        module = build_wandb(**options)
        monkeypatch.setitem(sys.modules, "wandb", module)
        return module

    return replace


# === At the stand-in ===


def test_a_run_has_configuration_and_options(install, tmp_path):
    wandb = install()
    text = "wandb(project='streets', entity='us', name='a', group='g', job_type='train', "
    told_run(text + "tags=['x', 'y'], notes='n', mode='offline')", tmp_path)
    (options,) = wandb.starts
    assert options.pop("config") == SETTINGS
    assert options == {
        "project": "streets", "entity": "us", "name": "a", "group": "g", "job_type": "train",
        "tags": ["x", "y"], "notes": "n", "mode": "offline", "id": None, "resume": "allow",
        "allow_val_change": True, "dir": str(tmp_path),
    }  # fmt: skip


def test_steps_that_are_there_are_left_out(install, tmp_path):
    wandb = install(last_step=6)
    (tmp_path / "wandb_run.json").write_text('{"id": "abc"}')
    told_run("wandb", tmp_path, first_step=4, last_step=10)
    assert wandb.starts[0]["id"] == "abc" and list(wandb.runs[0].history) == [8, 10]


@pytest.mark.parametrize("uploads", [False, True])
def test_the_model_is_uploaded_if_wanted(install, tmp_path, uploads):
    wandb = install()
    (tmp_path / "model.keras").touch()
    told_run(f"wandb(log_model={uploads})", tmp_path)
    run = wandb.runs[0]
    assert run.summary["model"] == str(tmp_path / "model.keras")
    found = [(artifact.name, artifact.type, artifact.files) for artifact in run.artifacts]
    assert found == [("model-new1", "model", [str(tmp_path / "model.keras")])] * uploads


@pytest.mark.parametrize("error", [WandbError("No API\n  key"), ValueError("No API key")])
def test_what_is_wrong_is_one_line(install, tmp_path, error):
    install(error=error)
    with pytest.raises(ValueError, match=r"^wandb: No API key \(wandb\(mode='offline'\) needs"):
        callbacks_of("wandb", tmp_path).begin()
    assert not (tmp_path / "wandb_run.json").exists()


def test_an_active_run_is_refused(install, tmp_path):
    install().run = WandbRun("other", 0)
    with pytest.raises(ValueError, match=r"wandb: the run other is active .* wandb\.finish\(\)"):
        callbacks_of("wandb", tmp_path).begin()


# === The package itself ===


def read_records(file):
    """Reads W&B's file: LevelDB's log after 7 bytes, blocks of 32 KiB, records of Protocol Buffers.

    https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, joined = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:  # a trailer of zeros
            at += 32768 - at % 32768
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        part = content[at + 7 : at + 7 + length]
        assert zlib.crc32(bytes([kind]) + part) == int.from_bytes(content[at : at + 4], "little")
        at, joined = at + 7 + length, joined + part
        if kind in (1, 4):  # whole, or the last part
            record, joined = Record.FromString(joined), b""
            yield record


def logged(folder):
    """Numbers by step, configuration, id and files of one offline run."""
    (file,) = folder.glob("*.wandb")
    history, config, run_id, summary = {}, {}, None, {}
    for record in read_records(file):
        items = {i.nested_key[0] if i.nested_key else i.key: json.loads(i.value_json)
                 for i in record.history.item}  # fmt: skip
        if items:
            step = items.pop("_step")
            history[step] = {n: v for n, v in items.items() if not n.startswith("_")}
        if record.HasField("run"):
            run_id = record.run.run_id
            config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        summary |= {item.key: item.value_json for item in record.summary.update}
    return history, config, run_id, summary


@pytest.fixture
def quiet_wandb(monkeypatch, tmp_path):
    for name in ("SILENT", "DISABLE_GIT", "DISABLE_CODE"):
        monkeypatch.setenv(f"WANDB_{name}", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_CONSOLE", "off")
    for name in ("CONFIG", "CACHE", "DATA", "ARTIFACT"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb_own"))


@pytest.mark.slow
def test_wandb_itself_writes_the_run_and_goes_on(quiet_wandb, tmp_path):
    run, text = tmp_path / "run", "wandb(project='streets', mode='offline', log_model=True)"
    run.mkdir()
    told_run(text, run, last_step=8)
    (first,) = (run / "wandb").glob("offline-run-*")
    (run / "model.keras").write_bytes(b"model")
    told_run(text, run, first_step=8, last_step=12)
    (second,) = {*(run / "wandb").glob("offline-run-*")} - {first}

    import wandb

    wandb.teardown()  # the process that writes the files ends after the runs
    history, config, run_id, _ = logged(first)
    assert history == {
        2: {"train/loss": 0.5, "train/learning_rate": 0.5},
        4: {
            "train/loss": 0.25, "train/learning_rate": 0.5,
            "val/images": 3, "val/miou": 0.04, "val/iou/road": 0.5,
        },
        6: {"train/loss": 1 / 6, "train/learning_rate": 0.5},
        8: {
            "train/loss": 0.125, "train/learning_rate": 0.5,
            "val/images": 3, "val/miou": 0.08, "val/iou/road": 0.5,
        },
    }  # fmt: skip
    assert config["train"] == SETTINGS["train"] and config["model"] == {"scales": [1.0]}
    later, _, later_id, summary = logged(second)
    assert later_id == run_id == json.loads((run / "wandb_run.json").read_text())["id"]
    assert list(later) == [10, 12]
    assert json.loads(summary["model"]) == str(run / "model.keras")
