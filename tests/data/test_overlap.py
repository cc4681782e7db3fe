import pytest

from deeplab_tf.data.overlap import overlap_warning
from deeplab_tf.data.split import other_splits
from tests.data.fakes import make_voc_folder
from tests.tools.loading import call


def test_shared_images_are_counted_and_named():
    found = overlap_warning("train", list("abcdef"), "val", list("xbcdez"))
    assert found.startswith("4 of the 6 images are in 'val' too: b, c, d and 1 more.")
    assert overlap_warning("train", ["a"], "val", ["b"]) is None
    assert overlap_warning("val", ["a"], "val", ["a"]).startswith("1 of the 1")


@pytest.mark.parametrize("other", ["trainval", "train_aug"])
def test_splits_that_hold_each_other_are_meant_to_share(other):
    assert overlap_warning("train", ["a"], other, ["a"]) is None
    assert overlap_warning(other, ["a"], "train", ["a"]) is None


def test_the_doctor_warns_of_other_splits_with_the_same_images(tmp_path, capsys):
    folder = make_voc_folder(tmp_path / "data")  # its val is the first two of train
    assert other_splits(folder, "train") == ["val"]
    call("doctor.py", f"--data_dir={folder}", f"--output={tmp_path / 'out'}", "--crops=1",
         "--crop_size=17")  # fmt: skip
    assert "warning: 2 of the 5 images are in 'val' too: pic_0, pic_1." in capsys.readouterr().out
