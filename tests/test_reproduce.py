"""Every command of docs/reproduce.md, on a miniature archive and with a narrow network."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.archives import make_sbd
from tests.tools.loading import call

ROOT = Path(__file__).resolve().parents[1]
# What makes a command small; the last value of a flag counts.
SMALLER = {
    "tools/train.py": [
        "--config.model.width=0.05", "--config.data.augmentation=crop(33)",
        "--config.train.steps=2",
        "--config.train.batch_size=2", "--config.model.weights=random",
    ],
}  # fmt: skip


def commands():
    text = (ROOT / "docs/reproduce.md").read_text()
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    return [shlex.split(line) for line in blocks.replace("\\\n", " ").splitlines()]


@pytest.mark.slow
@pytest.mark.usefixtures("shallow_vgg", "eager")
def test_every_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_sbd(tmp_path / "ARCHIVE")
    for name in ("tools", "zoo"):
        (tmp_path / name).symlink_to(ROOT / name)
    tools = [words[1] for words in commands() if words[0] == "python"]
    assert tools.count("tools/train.py") == tools.count("tools/evaluate.py") == 2
    for words in commands():
        if words[0] == "python":
            call(Path(words[1]).name, *words[2:], *SMALLER.get(words[1], []))
        else:
            subprocess.run(words, check=True)

    scores = json.loads((tmp_path / "runs/large_fov/eval-val/metrics.json").read_text())
    assert {"miou", "crf"} <= scores.keys() and scores["images"] == 3
    config = json.loads((tmp_path / "runs/large_fov_trainval/config.json").read_text())
    assert config["data"]["train_split"] == "trainval_aug"
    unscored = json.loads((tmp_path / "runs/large_fov_trainval/eval-test/metrics.json").read_text())
    assert unscored.keys() == {"split", "images", "seconds"}
    subprocess.run(["tar", "-xzf", "results.tgz"], cwd=tmp_path, check=True)
    submission = tmp_path / "results/VOC2012/Segmentation/comp6_test_cls"
    names = (tmp_path / "ARCHIVE/VOCdevkit/VOC2012/ImageSets/Segmentation/test.txt").read_text()
    assert sorted(path.stem for path in submission.iterdir()) == sorted(names.split())
    for path in submission.iterdir():
        image = tmp_path / f"ARCHIVE/VOCdevkit/VOC2012/JPEGImages/{path.stem}.jpg"
        with Image.open(path) as prediction, Image.open(image) as original:
            assert prediction.mode == "P" and prediction.size == original.size
            assert np.array(prediction).max() < 21
