import builtins

import numpy as np
import pytest

from deeplab_tf.data.sources import open_source
from deeplab_tf.data.spec import DataError
from tests.data.archives import make_sbd, make_voc12, save_mat


def test_merges_as_the_official_recipe(tmp_path):
    truth = make_sbd(tmp_path)
    source = open_source("sbd", tmp_path)
    names = {split: [i.name for i in items] for split, items in source.splits.items()}
    new, voc = [f"2008_00000{i}" for i in (1, 2, 3)], [f"2007_00000{i}" for i in range(9)]
    assert names == {
        "train_aug": [*voc[:4], *new], "trainval_aug": [*voc[:7], *new],
        "val": voc[4:7], "test": voc[7:],
    }  # fmt: skip
    for split in ("train_aug", "trainval_aug", "val"):
        for item in source.splits[split]:
            np.testing.assert_array_equal(source.read_label(item.label), truth[item.name])
            # An image of both is VOC's in label and image; only void is VOC's alone.
            assert (item.label.suffix == ".png") == item.name.startswith("2007")
            assert item.image.exists()
    assert "img" in str(source.splits["train_aug"][-1].image)
    assert "JPEGImages" in str(source.splits["train_aug"][4].image)
    assert source.known_counts["train_aug"] == 10582
    assert source.known_counts["trainval_aug"] == 12031


def test_says_that_both_archives_are_needed(tmp_path):
    make_voc12(tmp_path)
    with pytest.raises(DataError, match=r"both VOCdevkit/VOC2012 and benchmark_RELEASE/dataset"):
        open_source("sbd", tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "broken or no MATLAB file"),
        (lambda path: path.write_bytes(b"text"), "broken or no MATLAB file"),
        (lambda path: save_mat(path, GTcls=1), "not laid out as in the published archive"),
        (lambda path: save_mat(path, GTcls={"Segmentation": "text"}), "not laid out"),
        (lambda path: save_mat(path, GTcls={"Segmentation": [[1.5, 2.0]]}), "not laid out"),
        (lambda path: save_mat(path, GTcls={"Segmentation": [[np.nan, 2.0]]}), "not laid out"),
    ],
)
def test_broken_masks_are_named(tmp_path, damage, message):
    make_sbd(tmp_path)
    source = open_source("sbd", tmp_path)
    mask = source.splits["train_aug"][-1].label
    damage(mask)
    with pytest.raises(DataError, match=rf"2008_000003\.mat: {message}"):
        source.read_label(mask)


def test_missing_scipy_names_the_extra(tmp_path, monkeypatch):
    make_sbd(tmp_path)
    real = builtins.__import__

    def without_scipy(name, *arguments, **options):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    with pytest.raises(DataError, match=r"pip install 'deeplab_tf\[datasets\]'"):
        open_source("sbd", tmp_path)
