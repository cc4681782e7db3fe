"""Lists as other tools and data sets write them."""

import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data import open_split, require_labels
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split_list import ListedExample, read_listed
from tests.data.fakes import make_voc_folder


def listed(folder, text, encoding="utf-8"):
    (folder / "x.txt").write_bytes(text.encode(encoding))
    return read_listed(folder, "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb/c\n", [("a",), ("b/c",)]),
        ("a.jpg\nb.c.PNG\nd.v2\n", [("a",), ("b.c",), ("d.v2",)]),
        ("/JPEGImages/a.jpg\n", [("a",)]),
        ("a 1\nb  0\nc -1\n", [("a",), ("b",)]),
        ("photo 1\nphoto 2\n", [("photo 1",), ("photo 2",)]),
        (
            "/JPEGImages/a.jpg /SegmentationClassAug/a.png\n",
            [("a", "JPEGImages/a.jpg", "SegmentationClassAug/a.png")],
        ),
        ("img/x/a.jpg,gt/x/a_gt.png", [("img/x/a", "img/x/a.jpg", "gt/x/a_gt.png")]),
        ("my a.jpg\tmy b.png", [("my a", "my a.jpg", "my b.png")]),
        ("my a.jpg", [("my a",)]),
    ],
)
def test_forms(tmp_path, text, expected):
    assert listed(tmp_path, text) == [ListedExample(*entry) for entry in expected]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path, encoding):
    assert [example.name for example in listed(tmp_path, "Kühe\n", encoding)] == ["Kühe"]


@pytest.mark.parametrize("text", ["../a.jpg x.png", "a.jpg ../x.png", "/etc/passwd"])
def test_names_that_leave_the_folder_are_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"x\.txt: the name"):
        listed(tmp_path, text)


def test_pairs_of_paths_are_read_from_where_they_say(tmp_path):
    folder = make_voc_folder(tmp_path)
    (folder / "SegmentationClass").rename(folder / "Aug")
    pairs = "".join(f"/JPEGImages/pic_{i}.jpg /Aug/pic_{i}.png\n" for i in range(5))
    (folder / "ImageSets/Segmentation/train.txt").write_text(pairs)
    split = open_split(folder, "train")
    require_labels(split)
    split.check()
    assert split.names[3] == "pic_3"
    label = np.array(Image.open(folder / "Aug/pic_3.png"))
    np.testing.assert_array_equal(split.load(tf.constant(3, tf.int64))["label"], label)


def test_labels_in_capital_letters_are_found(tmp_path):
    folder = make_voc_folder(tmp_path)
    for path in list((folder / "SegmentationClass").iterdir()):
        path.rename(path.with_suffix(".PNG"))
    split = open_split(folder, "train")
    require_labels(split)
    split.check()


def test_a_split_whose_labels_have_other_names_says_what_was_looked_for(tmp_path):
    folder = make_voc_folder(tmp_path)
    for path in list((folder / "SegmentationClass").iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    with pytest.raises(DataError, match=r"none of its 5 files is there, such as .*/pic_0\.png"):
        require_labels(open_split(folder, "train"))


@pytest.mark.parametrize("stored", ["Ku\u0308he".encode(), "K\u00fche".encode(), b"K\xfche"])
@pytest.mark.parametrize("name", ["Ku\u0308he", "K\u00fche"])
def test_names_match_whatever_their_form(tmp_path, stored, name):
    folder = make_voc_folder(tmp_path)
    for kind, ending in (("JPEGImages", "jpg"), ("SegmentationClass", "png")):
        path = folder / kind / f"pic_0.{ending}"
        path.rename(os.fsdecode(os.fsencode(folder / kind) + b"/" + stored + f".{ending}".encode()))
    (folder / "ImageSets/Segmentation/val.txt").write_text(f"{name}\n", "utf-8")
    split = open_split(folder, "val")
    require_labels(split)
    split.check()
    example = split.load(tf.constant(0, tf.int64))
    assert example["image"].shape == (20, 30, 3) and example["name"].numpy().decode() == name
