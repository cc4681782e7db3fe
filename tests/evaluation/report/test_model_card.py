import io
import json

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.report.model_card import (
    draw_curve,
    owners,
    read_training,
    write_card,
)
from deeplab_tf.training.config import base_config

SPEC = DatasetSpec("fruit", ("ground", "ap|ple"))
STAGE = {"miou": 0.6, "pixel_accuracy": 0.9, "per_class_iou": {"ground": 0.9, "ap|ple": 0.3}}
CRF = {"miou": 0.7, "pixel_accuracy": 0.95, "per_class_iou": {"ground": 0.95, "ap|ple": 0.45}}
RESULTS = {**STAGE, "split": "val", "images": 3, "crf": CRF}
LINES = [
    {"step": 10, "loss": 2.0, "images_per_second": 2.0},
    {"step": 10, "split": "val", "miou": 0.3},
    {"step": 20, "loss": 1.0, "images_per_second": 0.5},
]


def example(accuracy, size=9):
    images = {name: np.zeros([size, size, 3], np.uint8) for name in ("image", "label")}
    return {"accuracies": [0.1, accuracy], "images": images}


EXAMPLES = {"best": [example(0.99)] * 3, "worst": [example(0.5)]}


@pytest.fixture
def run(tmp_path):
    config = base_config("vgg16_large_fov")
    config.train.update(batch_size=6, steps=20, loss="dice", phases=((10, "train.loss='lovasz'"),))
    folder = tmp_path / "my_run"
    folder.mkdir()
    (folder / "config.json").write_text(config.to_json())
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in LINES))
    return folder


@pytest.fixture
def card(run, tmp_path):
    path = write_card(
        RESULTS, EXAMPLES, SPEC, read_training(run), tmp_path / "out", "evaluate --x", "## Licence"
    )
    return path.read_text()


def test_it_has_network_recipe_and_metrics(card):
    assert "# my_run\n" in card and card.endswith("\n## Licence\n")
    assert "the head `large_fov` on `vgg16`" in card and "classes of fruit: ground, ap|ple." in card
    assert "- `train.loss`: `dice`" in card
    assert "- `train.phases`: `[[10, \"train.loss='lovasz'\"]]`" in card
    # 10 steps of 6 images at 2 a second, and 10 at 0.5.
    assert "- time of the steps: 2 minutes" in card
    assert "| ground | 90.00 | 95.00 |" in card and "| ap\\|ple | 30.00 | 45.00 |" in card
    assert "| **mIoU** | 60.00 | 70.00 |" in card
    assert "Measured with `evaluate --x`." in card


def test_it_says_what_the_network_does_not_do_well(card):
    assert "Classes with an IoU below 50 %: ap|ple (45.0)." in card


def test_every_image_that_it_shows_is_there(card, tmp_path):
    names = [line.split("(")[1].rstrip(")") for line in card.splitlines() if line.startswith("![")]
    assert names == ["card-curve.png", "card-best-1.jpg", "card-best-2.jpg", "card-worst-1.jpg"]
    for name in names:
        with Image.open(tmp_path / "out" / name) as image:
            image.load()
    assert "Labelled badly, 50.0 % of the pixels" in card


def test_a_curve_without_evaluations_or_losses():
    for lines in ([], LINES[:1], LINES[1:2]):
        with Image.open(io.BytesIO(draw_curve(lines))) as image:
            assert image.size == (600, 260)


def test_only_its_own_files_are_replaced(card, tmp_path):
    check_outputs(owners(tmp_path / "out"))
    (tmp_path / "out" / "card.md").write_text("mine")
    with pytest.raises(ValueError, match="card"):
        check_outputs(owners(tmp_path / "out"))


def test_broken_metrics_are_named(run):
    (run / "metrics.jsonl").write_text("{")
    with pytest.raises(ValueError, match=r"metrics\.jsonl: not the metrics of a run"):
        read_training(run)
