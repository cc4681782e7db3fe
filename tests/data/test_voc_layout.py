import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.voc_layout import VocSplit
from tests.data.fakes import make_voc_folder, random_label, smooth_image


@pytest.fixture
def folder(tmp_path):
    return make_voc_folder(tmp_path / "data")


def load_in_graph(split, index):
    return tf.function(split.load)(tf.constant(index, tf.int64))


def save_label(folder, name, ids):
    Image.fromarray(ids.astype(np.uint8)).save(folder / f"SegmentationClass/{name}.png")


@pytest.mark.slow
def test_examples_are_the_files(folder):
    split = VocSplit(folder, "train")
    assert len(split) == 5
    assert split.names == [f"pic_{i}" for i in range(5)]
    split.check()
    for i, name in enumerate(split.names):
        example = load_in_graph(split, i)
        assert example["name"].numpy().decode() == name
        image = np.array(Image.open(folder / f"JPEGImages/{name}.jpg"))
        np.testing.assert_array_equal(example["image"], image)
        label = np.array(Image.open(folder / f"SegmentationClass/{name}.png"))
        np.testing.assert_array_equal(example["label"], label)
        assert example["image"].dtype == tf.uint8
        assert example["label"].dtype == tf.int32


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".jpeg", ".png", ".JPG"])
def test_other_endings_of_images(folder, ending):
    image = Image.open(folder / "JPEGImages/pic_1.jpg")
    (folder / "JPEGImages/pic_1.jpg").unlink()
    image.save(folder / f"JPEGImages/pic_1{ending}", "PNG" if ending == ".png" else "JPEG")
    split = VocSplit(folder, "val")
    assert split.image_paths[1].endswith(f"pic_1{ending}")
    split.check()
    assert load_in_graph(split, 1)["image"].shape == (25, 31, 3)


def test_names_with_folders_and_dots(folder):
    for sub, ending in (("JPEGImages", "jpg"), ("SegmentationClass", "png")):
        (folder / sub / "city").mkdir()
        (folder / sub / f"pic_0.{ending}").rename(folder / sub / f"city/a.b.{ending}")
    (folder / "ImageSets/Segmentation/val.txt").write_text("\ufeffcity/a.b\r\n\r\n", "utf-8")
    split = VocSplit(folder, "val")
    assert split.names == ["city/a.b"]
    split.check()
    assert load_in_graph(split, 0)["name"].numpy() == b"city/a.b"


def test_unknown_split_names_the_known_ones(folder):
    with pytest.raises(DataError, match=r"test\.txt: .* Splits of this data set: train, val"):
        VocSplit(folder, "test")


def test_empty_list_is_refused(folder):
    (folder / "ImageSets/Segmentation/val.txt").write_text("\n \n")
    with pytest.raises(DataError, match=r"val\.txt: the list is empty"):
        VocSplit(folder, "val")


def test_missing_description_and_folder(folder, tmp_path):
    (folder / "dataset.json").unlink()
    with pytest.raises(DataError, match=r"dataset\.json"):
        VocSplit(folder, "val")
    with pytest.raises(DataError, match="no such folder"):
        VocSplit(tmp_path / "typo", "val")


def break_size(folder):
    save_label(folder, "pic_0", random_label(20, 29, 4))
    return r"pic_0\.png: the label is .*20.* 29.*20.* 30"


def break_id(folder):
    ids = random_label(20, 30, 4)
    ids[5, 6:8] = 4
    save_label(folder, "pic_0", ids)
    return r"pic_0\.png: label id 4.* is neither one of 0\.\.3 .* nor 255"


def break_colour(folder):
    image = Image.fromarray(smooth_image(20, 30))
    image.save(folder / "SegmentationClass/pic_0.png")
    return r"pic_0\.png: the label holds colours"


def remove_image(folder):
    (folder / "JPEGImages/pic_0.jpg").unlink()
    return r"pic_0\.jpg"


def remove_label(folder):
    (folder / "SegmentationClass/pic_0.png").unlink()
    return r"pic_0\.png"


def cut_image(folder):
    path = folder / "JPEGImages/pic_0.jpg"
    path.write_bytes(path.read_bytes()[:-50])
    return r"pic_0\.jpg"


def cut_label(folder):
    path = folder / "SegmentationClass/pic_0.png"
    path.write_bytes(path.read_bytes()[:-20])
    return r"pic_0\.png"


def image_is_text(folder):
    (folder / "JPEGImages/pic_0.jpg").write_text("not found")
    return r"pic_0\.jpg: neither a JPEG nor a PNG"


BREAKS = [
    break_size, break_id, break_colour, remove_image, remove_label, cut_image, cut_label,
    image_is_text,
]  # fmt: skip


@pytest.mark.parametrize("damage", BREAKS)
def test_check_names_the_file(folder, damage):
    pattern = damage(folder)
    with pytest.raises(DataError, match=pattern):
        VocSplit(folder, "train").check()


@pytest.mark.slow
@pytest.mark.parametrize("damage", BREAKS)
def test_reading_stops_at_a_damaged_file(folder, damage):
    pattern = damage(folder)
    # A decoder knows no file name; naming_broken_files adds it (see test_split.py).
    pattern = ".*" if damage in (cut_image, cut_label) else pattern
    errors = (tf.errors.InvalidArgumentError, tf.errors.NotFoundError)
    with pytest.raises(errors, match=pattern):
        list(evaluation_dataset(VocSplit(folder, "train")))


def test_a_split_of_which_no_label_is_there_has_none(folder):
    for path in (folder / "SegmentationClass").iterdir():
        path.unlink()
    split = VocSplit(folder, "train")
    assert not split.labelled
    split.check()
    examples = list(evaluation_dataset(split))
    assert len(examples) == 5
    assert all((e["label"].numpy() == 255).all() for e in examples)


def test_one_report_lists_everything(folder):
    remove_image(folder)
    save_label(folder, "pic_1", random_label(25, 30, 9))
    path = folder / "JPEGImages/pic_2.jpg"
    path.write_bytes(path.read_bytes()[:-50])
    Image.fromarray(smooth_image(25, 31)).save(folder / "SegmentationClass/pic_3.png")
    with open(folder / "ImageSets/Segmentation/train.txt", "a") as file:
        file.write("pic_4\npic_9\n")
    spec = json.loads((folder / "dataset.json").read_text())
    spec["splits"] = {"train": {"examples": 5}}
    (folder / "dataset.json").write_text(json.dumps(spec))
    with pytest.raises(DataError) as caught:
        VocSplit(folder, "train").check()
    report = str(caught.value)
    assert "9 problem(s) found in 7 examples" in report
    for text in (
        "train.txt: 'pic_4' is listed twice",
        "train.txt: 7 names, but dataset.json says 5",
        "pic_0.jpg: cannot be read",
        "pic_1.png: the label is (25, 30) (height, width), its image (25, 31)",
        "pic_1.png: label id 4 (",
        "pic_2.jpg: broken or cut off",
        "pic_3.png: the label holds colours",
        "pic_9.jpg: cannot be read",
        "pic_9.png: cannot be read",
    ):
        assert text in report


def test_limit_looks_at_fewer(folder):
    cut_label(folder)
    remove_image(folder)
    (folder / "JPEGImages/pic_3.jpg").unlink()
    with pytest.raises(DataError, match=r"2 problem\(s\) found in 2 examples"):
        VocSplit(folder, "train").check(limit=2)


def test_turned_image_is_explained(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(folder / "JPEGImages/pic_0.jpg")  # its label has the stored size
    image.save(folder / "JPEGImages/pic_0.jpg", exif=exif)
    with pytest.raises(DataError, match="stored turned"):
        VocSplit(folder, "train").check()


def test_void_label_other_than_255(folder):
    spec = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**spec, "ignore_label": 77}))
    with pytest.raises(DataError, match=r"label id 255 .*nor 77"):
        VocSplit(folder, "train").check()
    ids = random_label(20, 30, 4)
    ids[ids == 255] = 77
    save_label(folder, "pic_0", ids)
    assert load_in_graph(VocSplit(folder, "val"), 0)["label"].numpy().max() == 77
