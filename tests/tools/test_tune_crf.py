import json
import time

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.synthetic import synthetic_spec
from tests.tools.commands import Command, run
from tests.tools.loading import refusal

pytestmark = pytest.mark.usefixtures("shallow_vgg")

CRF = {"iterations": 3, "bilateral_sigma_xy": 20.0, "bilateral_sigma_rgb": 15.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network that always answers background, by a margin that no CRF overcomes."""
    network = deeplab_tf.DeepLab(dataset=synthetic_spec(), width=0.05, crf=CRF)
    network.set_weights([np.zeros_like(weights) for weights in network.get_weights()])
    network.variables_by_name()["fc8/bias"].assign([9.0, 0, 0, 0, 0])
    file = tmp_path_factory.mktemp("model") / "model.keras"
    network.save(file)
    return file


def command(model, output):
    return [
        "tune_crf.py", f"--model={model}", "--data_dir=synthetic", "--limit=6", "--candidates=14",
        "--held_out=4", f"--output={output}",
    ]  # fmt: skip


@pytest.mark.slow
def test_goes_on_after_a_kill_and_says_that_the_crf_does_not_help(model, tmp_path):
    output = tmp_path / "crf.json"
    tool, *arguments = command(model, output)
    search = Command(tool, *arguments)
    while not (done := list(tmp_path.glob("crf.search/*/candidates.json"))):
        assert search.process.is_alive()
        time.sleep(0.02)
    search.process.kill()
    search.wait()
    assert not output.exists()
    rows = json.loads(done[0].read_text())
    assert 0 < len(rows) < 14
    done[0].write_text(json.dumps([[*rows[0][:3], 0.5], *rows[1:]]))
    scores = {file: file.stat().st_mtime_ns for file in done[0].parent.glob("*.npy")}
    assert len(scores) == 6 + 4

    out, _ = run(tool, *arguments)
    assert "The CRF does not help" in out and "on 4 held-out images" in out
    report = json.loads((tmp_path / "crf.report.json").read_text())
    assert len(report["candidates"]) == 14
    assert report["candidates"][0]["miou"] == 0.5
    assert scores == {file: file.stat().st_mtime_ns for file in done[0].parent.glob("*.npy")}
    assert CrfParameters.load(output) == CrfParameters.from_dict(CRF)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_a_start_another_grid_and_another_split(model, tmp_path):
    start = {**CRF, "iterations": 2, "bilateral_weight": 6.0}
    (tmp_path / "start.json").write_text(json.dumps(start))
    out, _ = run(
        "tune_crf.py", f"--model={model}", "--data_dir=synthetic", "--split=train", "--limit=2",
        "--candidates=2", "--held_out_split=val", "--held_out=1", "--grid=v1", "--workers=1",
        f"--start={tmp_path / 'start.json'}", f"--output={tmp_path / 'crf.json'}",
    )  # fmt: skip
    assert "tuning, 2 images of train" in out and "held out, 1 images of val" in out
    report = json.loads((tmp_path / "crf.report.json").read_text())
    assert len(report["candidates"]) == 2
    assert CrfParameters.load(tmp_path / "crf.json") == CrfParameters.from_dict(start)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--output=crf.txt", "must end in .json"),
        ("--held_out=60", "leaves none to tune on"),
        ("--held_out_split=test", "no split 'test'"),
        ("--start=nowhere.json", "nowhere.json: cannot be read"),
        ("--model=nowhere.keras", "nowhere.keras: no such file"),
        ("--grid=v3", "--grid"),
    ],
)
def test_what_is_wrong_is_one_line(model, tmp_path, argument, message, capsys):
    assert message in refusal(capsys, *command(model, tmp_path / "crf.json"), argument)
    assert not list(tmp_path.iterdir())
