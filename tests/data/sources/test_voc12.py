import numpy as np
import pytest

from deeplab_tf.data.sources import open_source
from deeplab_tf.data.spec import DataError
from tests.data.archives import make_voc12
from tests.data.fakes import make_voc_folder


def test_splits_and_labels(tmp_path):
    truth = make_voc12(tmp_path)
    source = open_source("voc12", tmp_path)
    assert {s: len(items) for s, items in source.splits.items()} == {
        "train": 4, "val": 3, "trainval": 7, "test": 2,
    }  # fmt: skip
    assert [item.label for item in source.splits["test"]] == [None, None]
    assert [item.name for item in source.splits["trainval"]] == list(truth)
    for item in source.splits["trainval"]:
        np.testing.assert_array_equal(source.read_label(item.label), truth[item.name])
        assert item.image.name == f"{item.name}.jpg" and item.image.exists()
    assert source.known_counts == {"train": 1464, "val": 1449, "trainval": 2913, "test": 1456}
    assert source.spec.num_classes == 21


@pytest.mark.parametrize("below", ["VOCdevkit", "VOCdevkit/VOC2012"])
def test_the_folder_may_lie_deeper(tmp_path, below):
    make_voc12(tmp_path)
    assert len(open_source("voc12", tmp_path / below).splits["train"]) == 4


def test_lists_that_are_absent_are_left_out(tmp_path):
    make_voc12(tmp_path)
    lists = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    (lists / "test.txt").unlink()
    assert set(open_source("voc12", tmp_path).splits) == {"train", "val", "trainval"}
    for path in lists.iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"none of the lists train\.txt"):
        open_source("voc12", tmp_path)


def test_wrong_folders_and_names(tmp_path):
    with pytest.raises(DataError, match=r"none of these folders: VOCdevkit/VOC2012/ImageSets"):
        open_source("voc12", tmp_path)
    with pytest.raises(DataError, match="typo: no such folder"):
        open_source("voc12", tmp_path / "typo")
    with pytest.raises(DataError, match=r"'voc' is no known data set; there are: voc12, sbd"):
        open_source("voc", tmp_path)


def test_camvid_is_a_folder_in_voc_layout(tmp_path):
    source = open_source("camvid", make_voc_folder(tmp_path / "camvid", num_classes=11))
    assert {s: len(items) for s, items in source.splits.items()} == {"train": 5, "val": 2}
    assert all(item.label.exists() for items in source.splits.values() for item in items)
    assert source.known_counts == {"train": 367, "val": 101}
    assert source.spec.num_classes == 11
    assert source.spec.palette[8] == (64, 0, 0)
