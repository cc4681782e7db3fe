import json

import numpy as np
import pytest

from deeplab_tf.data import DatasetSpec, SyntheticSplit
from deeplab_tf.data.doctor import diagnose, format_diagnosis, quick_look
from deeplab_tf.data.label_statistics import LabelStatistics

NAMES = ("ground", "cat", "dog")


def statistics(pixels, sizes=None, names=NAMES):
    """Hand-made counts, an image a row; images of 10 x 10 where no sizes are given."""
    pixels = np.array(pixels)
    sizes = np.array(sizes or [[10, 10]] * len(pixels))
    images = [f"image_{i}" for i in range(len(pixels))]
    return LabelStatistics(DatasetSpec("toy", names), images, len(images), pixels, sizes)


def warnings(pixels, crop_size=None, **more):
    return diagnose(statistics(pixels, **more), crop_size)["warnings"]


GOOD = [[50, 30, 20], [40, 30, 25]]


def test_diagnosis_by_hand():
    found = diagnose(statistics([[6, 2, 0], [0, 0, 0], [0, 9, 0]], [[4, 3], [5, 2], [9, 1]]), 4)
    assert (found["data_set"], found["images"], found["examples"]) == ("toy", 3, 3)
    ground, cat, dog = found["classes"]
    assert ground == {
        "id": 0, "name": "ground", "pixels": 6, "images": 1, "share": 6 / 17,
        "frequency": 6 / 12, "weight": pytest.approx((6 / 12 + 11 / 21) / 2 / (6 / 12)),
    }  # fmt: skip
    assert (cat["pixels"], cat["images"], cat["frequency"]) == (11, 2, 11 / 21)
    assert (dog["pixels"], dog["frequency"], dog["weight"]) == (0, None, None)
    assert found["void_share"] == pytest.approx(1 - 17 / 31)
    assert found["sizes"] == {"smallest": [9, 1], "median": [5, 2], "largest": [4, 3]}
    assert (found["crop_size"], found["smaller_than_crop"]) == (4, 3)
    assert found["all_background"] == {"class": "ground", "miou": pytest.approx(6 / 17 / 2)}
    assert found["best_constant"] == {"class": "cat", "miou": pytest.approx(11 / 17 / 2)}
    assert found["never_occur"] == ["dog"]
    assert found["without_labels"] == ["image_1"]
    json.dumps(found, allow_nan=False)


def test_an_image_of_the_crops_size_is_not_smaller():
    found = diagnose(statistics(GOOD * 2, [[10, 12], [9, 20], [20, 9], [10, 10]]), 10)
    assert found["smaller_than_crop"] == 2


def test_text_says_what_the_json_says():
    found = diagnose(statistics([[6, 2, 0], [0, 0, 0], [0, 9, 0]], [[4, 3], [5, 2], [9, 1]]), 4)
    lines = format_diagnosis(found).splitlines()
    rows = {line.split()[0]: line.split() for line in lines[2:5]}
    assert rows["ground"] == ["ground", "0", "6", "1", "35.29", "0.5000", "1.0238", "###########"]
    assert rows["cat"][-1] == "#" * 20
    assert rows["dog"] == ["dog", "2", "0", "0", "0.00", "-", "-"]
    text = "\n".join(lines)
    for part in (
        "void: 45.16 %", "smallest 9 x 1, median 5 x 2, largest 4 x 3",
        "smaller than the crop of 4 x 4: 3", "never occur: dog", "labelled pixel: image_1",
        "all-background baseline (ground): 17.65 mIoU", "majority-class baseline (cat): 32.35 mIoU",
        *found["warnings"],
    ):  # fmt: skip
        assert part in text


def test_nothing_to_warn_of():
    assert warnings(GOOD, crop_size=10) == []


@pytest.mark.parametrize(
    ("pixels", "crop_size", "texts"),
    [
        ([[0, 0, 0]] * 2, None, ["no pixel of the 2 images is labelled"]),
        ([[50, 50, 0], [60, 40, 0]], None, ["no pixel of dog in 2 images."]),
        ([[0, 50, 50]], None, ["no pixel of ground in 1 images. Do the ids start at 1"]),
        ([*GOOD, [0, 0, 0]], None, ["1 of 3 images have no labelled pixel: image_2"]),
        ([[50000, 40000, 80]], None, ["less than 0.10 % of the labelled pixels: dog"]),
        ([[95, 3, 2]], None, ["95.00 % of the labelled pixels are ground"]),
        ([[20, 10, 10]], None, ["60.00 % of all pixels are void"]),
        (GOOD, 11, ["2 of 2 images are smaller than the crop of 11 x 11"]),
    ],
)
def test_suspicions_one_by_one(pixels, crop_size, texts):
    side = 300 if np.max(pixels) > 100 else 10
    found = warnings(pixels, crop_size, sizes=[[side, side]] * len(pixels))
    expected_void = texts[0].startswith("no pixel of the")
    assert len(found) == len(texts) + expected_void
    assert all(text in warning for text, warning in zip(texts, found, strict=False))


def test_masks_of_0_and_255():
    found = warnings([[80, 0], [70, 0]], names=("background", "cell"))
    assert "every labelled pixel is background (id 0)" in found[0] and "0/255 masks" in found[0]
    assert not any("0/255" in text for text in warnings([[100, 0]], names=("background", "cell")))
    assert not any("0/255" in text for text in warnings(GOOD))


def test_one_class_alone_is_said_to_be_nothing_to_learn():
    (found,) = warnings([[100], [90]], names=("cell",))
    assert "cell is the only class" in found and "background (id 0)" in found


def test_long_lists_are_cut():
    (text,) = [t for t in warnings([*GOOD, *[[0, 0, 0]] * 7]) if "no labelled pixel" in t]
    assert "image_6 and 2 more" in text


def test_quick_look_reads_a_bounded_sample():
    lines = []
    split = SyntheticSplit("train", 130)
    quick_look(split, "train", 200, lines.append)
    assert lines[0].startswith("train: 100 of 130 images, void ")
    assert "majority-class baseline (background): " in lines[0]
    assert lines[1].startswith("train: warning: 100 of 100 images are smaller than the crop")
    assert len(lines) == 2
