import numpy as np
import pytest

from deeplab_tf.data.sources import open_source
from deeplab_tf.data.sources.cityscapes import LABEL_IDS
from deeplab_tf.data.spec import DataError
from tests.data.archives import make_cityscapes, save_png

# trainId <- id, as cityscapesScripts' helpers/labels.py has them.
PUBLISHED = dict(
    zip(
        [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33],
        range(19), strict=True,
    )
)  # fmt: skip


def test_label_ids_become_training_ids(tmp_path):
    truth = make_cityscapes(tmp_path)
    source = open_source("cityscapes", tmp_path)
    names = {s: [i.name for i in items] for s, items in source.splits.items()}
    assert names["train"] == [f"{c}_000000_00000{i}" for c in ("aachen", "bonn") for i in (0, 1)]
    assert names["val"] == ["ulm_000000_000000", "ulm_000000_000001"]
    assert names["test"] == ["berlin_000000_000000", "berlin_000000_000001"]
    assert all(item.label is None for item in source.splits["test"])
    for item in (*source.splits["train"], *source.splits["val"]):
        expected = np.vectorize(lambda i: PUBLISHED.get(i, 255))(truth[item.name])
        np.testing.assert_array_equal(source.read_label(item.label), expected)
        assert item.image.exists()
    assert dict(zip(LABEL_IDS, range(19), strict=True)) == PUBLISHED
    assert source.spec.palette[13] == (0, 0, 142) and source.spec.class_names[13] == "car"


def test_unknown_ids_are_named(tmp_path):
    make_cityscapes(tmp_path)
    source = open_source("cityscapes", tmp_path)
    path = source.splits["val"][0].label
    save_png(path, np.array([[34, 7, 34]], np.uint8), palette=False)
    with pytest.raises(DataError, match=r"ulm_.*labelIds\.png: label id 34 \(2 pixels\)"):
        source.read_label(path)


def test_a_missing_half_of_a_pair_stays_in_the_list(tmp_path):
    make_cityscapes(tmp_path)
    next((tmp_path / "leftImg8bit/val/ulm").iterdir()).unlink()
    next((tmp_path / "gtFine/train/bonn").glob("*labelIds.png")).unlink()
    splits = open_source("cityscapes", tmp_path).splits
    assert [len(splits[name]) for name in ("train", "val")] == [4, 2]
