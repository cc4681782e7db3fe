"""From photos labelled in labelme to predicted masks, with the commands of the README."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deeplab_tf.data import DatasetSpec
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from tests.own_photos import HEIGHT, PHOTOS, WIDTH, write_photos
from tests.tools.commands import run

ROOT = Path(__file__).resolve().parents[1]
NEW = 4  # photos that the network sees first when it labels them
# Enough to show that it learns; docs/training.md has the figures of a whole run.
SHORT = [
    "--config.train.steps=36",
    "--config.data.augmentation=scale(0.4..1)|rotate(10)|crop(129)|mirror|color_jitter(0.3)",
]


def commands():
    """The program and flags of each of the README's three commands."""
    readme = (ROOT / "README.md").read_text("utf-8")
    section = readme.split("## Your own images")[1].split("\n## ")[0]
    block = re.search(r"```\n(python tools/convert_dataset.*?)```", section, re.DOTALL)[1]
    lines = block.replace("\\\n", " ").strip().splitlines()
    lines = [line.replace("zoo/", f"{ROOT}/zoo/") for line in lines]  # run in another folder
    return [line.removeprefix("python tools/").split() for line in lines]


def label_of(photo, names):
    """Labels a photo as its polygons say."""
    mask = Image.new("L", (WIDTH, HEIGHT))
    for shape in json.loads(photo.with_suffix(".json").read_text())["shapes"]:
        points = [tuple(point) for point in shape["points"]]
        ImageDraw.Draw(mask).polygon(points, fill=names.index(shape["label"]))
    return np.asarray(mask)


@pytest.mark.slow
def test_three_commands_label_new_photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_photos(tmp_path / "IMAGES", PHOTOS + NEW)
    (tmp_path / "NEW").mkdir()
    for number in range(PHOTOS, PHOTOS + NEW):
        photo = tmp_path / f"IMAGES/photo_{number:02}.jpg"
        for file in (photo, photo.with_suffix(".json")):
            file.rename(tmp_path / "NEW" / file.name)
    convert, train, predict = commands()
    assert "train 16, val 4" in run(*convert)[0]
    run(*train, *SHORT)
    run(*predict)
    names = DatasetSpec.load(tmp_path / "DATA").class_names
    found, constant = (ConfusionMatrix(len(names)) for _ in range(2))
    for photo in sorted((tmp_path / "NEW").glob("*.jpg")):
        label = label_of(photo, names)
        prediction = np.asarray(Image.open(tmp_path / "LABELS" / f"{photo.stem}.png"))
        assert (tmp_path / "LABELS" / f"{photo.stem}_overlay.png").exists()
        found.update(label, prediction)
        constant.update(label, np.zeros_like(label))
    assert found.mean_iou() >= 2.5 * constant.mean_iou()
