import importlib.util
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data import (
    AugmentationPipeline,
    DataError,
    SyntheticSplit,
    VocSplit,
    training_dataset,
)
from deeplab_tf.data.contact_sheet import encode_contact_sheet
from deeplab_tf.data.own_files import CONTACT_SHEET
from tests.data.fakes import make_voc_folder

GREY = (128.0, 128.0, 128.0)


def sheet_of(split, augmentation, **options):
    with Image.open(io.BytesIO(encode_contact_sheet(split, augmentation, GREY, **options))) as png:
        assert png.text["Software"] == CONTACT_SHEET
        return np.asarray(png.convert("RGB"))


def places_of(patch, sheet):
    """Where a patch is found in the sheet, pixel for pixel."""
    height, width = patch.shape[:2]
    corners = np.argwhere((sheet[: -height + 1, : -width + 1] == patch[0, 0]).all(-1))
    return [
        (y, x) for y, x in corners
        if (sheet[y, x : x + width] == patch[0]).all()
        and (sheet[y : y + height, x : x + width] == patch).all()
    ]  # fmt: skip


@pytest.mark.slow
def test_every_training_crop_is_on_the_sheet_with_its_labels_beside():
    split = SyntheticSplit("train", 9)
    augmentation = AugmentationPipeline("scale(1.5|2.5)|crop(241)|mirror")
    sheet = sheet_of(split, augmentation, seed=3, count=4)
    colors = np.array(split.spec.palette)
    batches = training_dataset(split, augmentation, GREY, micro_batch=1, seed=3, steps=4)
    found = []
    for batch in batches:
        crop = np.round(batch["images"][0, 0].numpy()).astype(np.uint8)
        ((y, x),) = places_of(crop, sheet)
        found.append((y, x))
        beside = sheet[y : y + 241, x + 243 : x + 484].astype(float)
        labels = batch["labels"][0, 0].numpy()
        counts = labels != 255
        assert 0 < counts.mean() < 1
        expected = 0.4 * crop.mean(-1, keepdims=True) + 0.6 * colors[np.where(counts, labels, 0)]
        assert np.abs(beside - expected)[counts].max() <= 0.5
        # Void is hatched: a quarter of it white, a quarter black, the rest as it was.
        void = beside[~counts]
        assert 0.15 < (void == 255).all(-1).mean() < 0.35
        assert 0.15 < (void == 0).all(-1).mean() < 0.35
        assert 0.4 < (void == crop[~counts]).all(-1).mean() < 0.6
    assert len(set(found)) == 4


def test_small_crops_are_enlarged():
    small = sheet_of(SyntheticSplit("train", 2), AugmentationPipeline("crop(33)|mirror"), count=1)
    assert small.shape[0] > 7 * 33 and small.shape[1] > 2 * 7 * 33


def test_long_names_and_many_classes_fit(tmp_path):
    folder = make_voc_folder(tmp_path, num_classes=40)
    long = "x" * 150
    for sub, ending in (("JPEGImages", "jpg"), ("SegmentationClass", "png")):
        (folder / sub / f"pic_0.{ending}").rename(folder / sub / f"{long}.{ending}")
    (folder / "ImageSets/Segmentation/train.txt").write_text(long)
    sheet = sheet_of(VocSplit(folder, "train"), AugmentationPipeline("crop(33)|mirror"), count=1)
    assert sheet.shape[1] <= 500
    # Nothing is cut off at the right: the margin is white.
    assert (sheet[:, -8:] == 255).all()


@pytest.mark.slow
def test_a_split_without_labels_is_shown_too(tmp_path):
    folder = make_voc_folder(tmp_path)
    shutil.rmtree(folder / "SegmentationClass")
    split = VocSplit(folder, "val")
    assert not split.labelled
    augmentation = AugmentationPipeline("scale(9)|crop(241)|mirror")
    sheet = sheet_of(split, augmentation, count=1)
    (batch,) = training_dataset(split, augmentation, GREY, micro_batch=1, steps=1)
    assert (batch["labels"] == 255).numpy().all()
    assert len(places_of(np.round(batch["images"][0, 0]).astype(np.uint8), sheet)) == 1


def test_broken_file_is_named(tmp_path):
    folder = make_voc_folder(tmp_path)
    (folder / "JPEGImages/pic_3.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"pic_3\.jpg"):
        encode_contact_sheet(
            VocSplit(folder, "train"), AugmentationPipeline("crop(17)|mirror"), GREY
        )


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    augmentation = AugmentationPipeline("crop(33)")
    with pytest.raises(ImportError, match=r"contact sheet .*pip install 'deeplab_tf\[report\]'"):
        encode_contact_sheet(SyntheticSplit("train", 1), augmentation, GREY)
