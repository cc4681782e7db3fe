import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data import open_split
from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.sources.folder import read_mask
from deeplab_tf.data.spec import DataError, DatasetSpec
from tests.data.archives import make_folder, save_png

COLORS = [[0, 0, 0], [200, 10, 10], [10, 200, 10], [1, 2, 3]]


@pytest.mark.parametrize("rgb", [False, True])
def test_sub_folders_are_splits(tmp_path, rgb):
    truth = make_folder(tmp_path, rgb=rgb, palette=COLORS)
    source = open_source("folder", tmp_path)
    assert {s: [i.name for i in items] for s, items in source.splits.items()} == {
        s: [f"{s}{i}" for i in range(3)] for s in ("train", "val")
    }
    for item in (i for items in source.splits.values() for i in items):
        np.testing.assert_array_equal(source.read_label(item.label), truth[item.name])
    assert [list(color) for color in source.spec.palette] == COLORS


def test_images_without_sub_folders_are_one_split(tmp_path):
    truth = make_folder(tmp_path, splits=("",))
    source = open_source("folder", tmp_path)
    assert {s: [i.name for i in items] for s, items in source.splits.items()} == {
        "train": sorted(truth)
    }


def test_a_split_without_masks_has_no_labels(tmp_path):
    make_folder(tmp_path, splits=("train", "test"))
    for path in (tmp_path / "masks/test").iterdir():
        path.unlink()
    (tmp_path / "masks/test").rmdir()
    source = open_source("folder", tmp_path)
    assert all(item.label is None for item in source.splits["test"])
    assert all(item.label.exists() for item in source.splits["train"])


def test_empty_folders_are_no_splits(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "images/more").mkdir()
    assert set(open_source("folder", tmp_path).splits) == {"train", "val"}
    for path in tmp_path.glob("images/*/*"):
        path.unlink()
    for path in tmp_path.glob("masks/*/*"):
        path.unlink()
    with pytest.raises(DataError, match="holds no images of 'folder'"):
        open_source("folder", tmp_path)


def test_unpaired_files_stay_in_the_list(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "images/train/train0.jpg").unlink()
    (tmp_path / "masks/train/train1.png").unlink()
    items = open_source("folder", tmp_path).splits["train"]
    assert [item.name for item in items] == ["train0", "train1", "train2"]
    assert not items[0].image.exists() and not items[1].label.exists()


def test_masks_without_a_folder_of_images_stay_in_the_list(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "images/val").rename(tmp_path / "elsewhere")
    items = open_source("folder", tmp_path).splits["val"]
    assert [item.name for item in items] == ["val0", "val1", "val2"]
    assert not any(item.image.exists() for item in items)


def test_flat_masks_of_images_in_sub_folders_are_no_pairs(tmp_path):
    make_folder(tmp_path)
    for path in list(tmp_path.glob("masks/*/*")):
        path.rename(tmp_path / "masks" / path.name)
    splits = open_source("folder", tmp_path).splits
    assert list(splits) == ["train"] and len(splits["train"]) == 12
    assert not any(i.image.exists() and i.label.exists() for i in splits["train"])


def test_unknown_colours_are_named_with_their_pixels(tmp_path):
    make_folder(tmp_path, rgb=True, palette=COLORS)
    source = open_source("folder", tmp_path)
    path = source.splits["train"][0].label
    mask = np.zeros((4, 5, 3), np.uint8)
    mask[0, :3] = 200, 10, 11
    save_png(path, mask, palette=False)
    with pytest.raises(DataError, match=r"train0\.png: the colour #c80a0b \(3 pixels\) is none"):
        source.read_label(path)


def test_rgb_needs_a_palette(tmp_path):
    make_folder(tmp_path, rgb=True, palette=COLORS)
    spec = {"name": "mine", "class_names": list("abcd")}
    (tmp_path / "dataset.json").write_text(json.dumps(spec))
    source = open_source("folder", tmp_path)
    with pytest.raises(DataError, match=r"holds colours \(RGB\)"):
        source.read_label(source.splits["train"][0].label)


def test_a_colour_of_two_classes_matters_only_where_it_occurs(tmp_path):
    make_folder(tmp_path, rgb=True, palette=[*COLORS[:3], COLORS[2]])
    source = open_source("folder", tmp_path)
    path = source.splits["train"][0].label
    with pytest.raises(DataError, match=r"#0ac80a \(\d+ pixels\) stands for several classes"):
        source.read_label(path)
    mask = np.array([[COLORS[0], COLORS[1], (224, 224, 192)]], np.uint8)
    save_png(path, mask, palette=False)
    np.testing.assert_array_equal(source.read_label(path), [[0, 1, 255]])


def test_what_is_missing_is_named(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "images/train/train0.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"train0\.jpg has the same name"):
        open_source("folder", tmp_path)
    (tmp_path / "masks").rename(tmp_path / "labels")
    with pytest.raises(DataError, match="masks: no such folder"):
        open_source("folder", tmp_path)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(DataError, match="must look like this"):
        open_source("folder", tmp_path)


def test_other_formats_and_linked_folders_are_converted_and_junk_is_named(tmp_path):
    """A folder as people have it: TIFF and BMP, a linked sub-folder, files of the system."""
    truth = make_folder(tmp_path / "in", splits=("",))
    source = tmp_path / "in"
    names = sorted(truth)
    pixels = {name: np.array(Image.open(source / f"images/{name}.jpg")) for name in names}
    for name in names:
        (source / f"images/{name}.jpg").unlink()
        Image.fromarray(pixels[name]).save(source / f"images/{name}.TIF")
        Image.open(source / f"masks/{name}.png").save(source / f"masks/{name}.bmp")
        (source / f"masks/{name}.png").unlink()
    for kind in ("images", "masks"):
        (source / kind).rename(tmp_path / kind)
        (source / kind).mkdir()
        (source / kind / "day1").symlink_to(tmp_path / kind)
        (source / kind / "._day1.jpg").touch()
    (source / "images/readme.txt").touch()
    done = convert("folder", source, tmp_path / "out", processes=1)
    assert done.warnings == [
        "left out: 2 hidden or of the system (images/._day1.jpg, masks/._day1.jpg); "
        "1 no image (images/readme.txt)"
    ]
    split = open_split(tmp_path / "out", "day1")
    split.check()
    assert split.names == names
    for index, name in enumerate(names):
        example = split.load(tf.constant(index, tf.int64))
        np.testing.assert_array_equal(example["image"], pixels[name])
        np.testing.assert_array_equal(example["label"], truth[name])


@pytest.mark.parametrize("ending", ["bmp", "tif"])
def test_a_broken_mask_of_another_format(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(30, 40)).convert("P").save(file)
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(DataError, match=rf"a\.{ending}: broken or cut off"):
        read_mask(file, DatasetSpec("toy", ("a", "b")))
    file.write_text("no image")
    with pytest.raises(DataError, match=rf"a\.{ending}: "):
        read_mask(file, DatasetSpec("toy", ("a", "b")))
