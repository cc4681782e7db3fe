import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from deeplab_tf.data import AugmentationPipeline, open_split, training_dataset
from deeplab_tf.data.convert import convert
from deeplab_tf.data.encoded import decode_lazily
from deeplab_tf.data.orientation import apply_orientation
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.data.split import naming_broken_files
from deeplab_tf.data.tfrecord_shards import encode_example, write_shard
from tests.data.fakes import make_voc_folder, random_label, smooth_image

SIZE = (24, 24)  # square: no size gives a turned image away


@pytest.fixture
def folder(tmp_path):
    return make_voc_folder(tmp_path / "voc", examples=4, sizes=(SIZE,))


def turn(folder, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = folder / f"JPEGImages/{name}.jpg"
    Image.open(path).save(path, exif=exif)


def as_shards(folder, labelled=True):
    """The same files as shards, which `convert` would refuse to write."""
    split, output = open_split(folder, "train"), folder.parent / "shards"
    output.mkdir()
    examples = []
    for name, image in zip(split.names, split.image_paths, strict=True):
        label = np.array(Image.open(folder / f"SegmentationClass/{name}.png"))
        with open(image, "rb") as file:
            examples.append(encode_example(name, file.read(), SIZE, label if labelled else None))
    shard = write_shard(output / "train.tfrecord", examples)
    names = split.spec.class_names
    DatasetSpec("fake", names, splits={"train": 4}, shards={"train": (shard,)}).save(output)
    return output


def as_folder(folder, labelled=True):
    if not labelled:
        shutil.rmtree(folder / "SegmentationClass")
    return folder


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("stored", [as_folder, as_shards])
def test_turned_images_are_reported_with_their_number(folder, stored, labelled):
    turn(folder, "pic_1", 3)
    turn(folder, "pic_2", 1)
    turn(folder, "pic_3", 6)
    with pytest.raises(DataError) as caught:
        open_split(stored(folder, labelled), "train").check()
    first, *problems, advice = str(caught.value).splitlines()
    assert "2 problem(s) found in 4 examples" in first
    for line, name, orientation in zip(problems, ("pic_1", "pic_3"), (3, 6), strict=True):
        assert name in line and f"stored turned (EXIF orientation {orientation})." in line
    assert "2 image(s) stored turned: labels belong to upright images." in advice


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stored", "orientation"), [(as_folder, 1), (as_folder, 6), (as_shards, 6)]
)
def test_no_graph_takes_a_turned_image_unchecked(folder, stored, orientation):
    turn(folder, "pic_2", orientation)
    split = open_split(stored(folder), "train")
    training = training_dataset(
        split,
        AugmentationPipeline("crop(17)|mirror"),
        (0.0, 0.0, 0.0),
        micro_batch=1,
        steps=len(split),
    )
    for dataset in (training, evaluation_dataset(split)):
        if orientation == 1:
            assert len(list(dataset)) == len(split)
            continue
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"pic_2.*: stored turned"):
            list(dataset)
        with pytest.raises(DataError, match=r"pic_2.*orientation"), naming_broken_files(split):
            list(dataset)


def test_turned_images_are_not_converted(folder):
    folder.rename(folder.parent / "images_and_masks")
    folder = folder.parent / "images_and_masks"
    turn(folder, "pic_0", 8)
    (folder / "JPEGImages").rename(folder / "images")
    (folder / "SegmentationClass").rename(folder / "masks")
    with pytest.raises(DataError, match=r"pic_0\.jpg: stored turned(?s:.)*1 image\(s\) stored"):
        convert("folder", folder, folder.parent / "out", processes=1)
    assert not (folder.parent / "out/dataset.json").exists()


def hold_upright(folder, name, orientation):
    """Stores an image as a phone that is held upright does, with the label of the upright image."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright, label = smooth_image(31, 24, seed=7), random_label(31, 24, 4)
    back = {5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    stored = Image.fromarray(apply_orientation(upright, back))
    stored.save(folder / f"JPEGImages/{name}.jpg", exif=exif, quality=95)
    Image.fromarray(label).save(folder / f"SegmentationClass/{name}.png")
    return np.array(ImageOps.exif_transpose(Image.open(folder / f"JPEGImages/{name}.jpg"))), label


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_label_of_the_upright_size_is_paired_with_the_upright_image(folder, orientation):
    image, label = hold_upright(folder, "pic_2", orientation)
    split = open_split(folder, "train")
    split.check()
    example = split.load(tf.constant(2, tf.int64))
    np.testing.assert_array_equal(example["image"], image)
    np.testing.assert_array_equal(example["label"], label)
    read_window, lazy_label = decode_lazily(split.read(tf.constant(2, tf.int64)), split.spec)
    np.testing.assert_array_equal(lazy_label, label)
    np.testing.assert_array_equal(read_window(tf.constant([4, 9, 20, 13])), image[4:24, 9:22])


def test_upright_images_are_converted_to_the_same_pairs(folder):
    image, label = hold_upright(folder, "pic_2", 6)
    (folder / "JPEGImages").rename(folder / "images")
    (folder / "SegmentationClass").rename(folder / "masks")
    convert("folder", folder, folder.parent / "out", processes=1)
    split = open_split(folder.parent / "out", "train")
    split.check()
    example = split.load(tf.constant(2, tf.int64))
    np.testing.assert_array_equal(example["image"], image)
    np.testing.assert_array_equal(example["label"], label)


def test_a_label_of_the_stored_size_is_named(folder):
    hold_upright(folder, "pic_2", 6)
    Image.fromarray(random_label(24, 31, 4)).save(folder / "SegmentationClass/pic_2.png")
    with pytest.raises(DataError, match=r"pic_2\.jpg: stored turned \(EXIF orientation 6\)"):
        open_split(folder, "train").check()


def swap_classes(folder):
    """Masks of the palette's own order, and a dataset.json that names two classes the other way."""
    spec = DatasetSpec("fake", ("void of things", "cat", "dog", "bird"))
    for number, path in enumerate(sorted((folder / "SegmentationClass").iterdir())):
        ids = np.full(SIZE, 1 + number % 2, np.uint8)
        path.write_bytes(encode_label(ids, palette_bytes(spec)))
    black, red, green, yellow = spec.palette
    swapped = {**spec.to_dict(), "palette": [black, green, red, yellow]}
    (folder / "dataset.json").write_text(json.dumps(swapped))


def test_palettes_in_another_order_are_reported_with_their_number(folder):
    open_split(folder, "train").check()
    swap_classes(folder)
    with pytest.raises(DataError) as caught:
        open_split(folder, "train").check()
    first, *problems, advice = str(caught.value).splitlines()
    assert "4 problem(s) found in 4 examples" in first and len(problems) == 4
    assert "pic_0.png: its palette gives id 1 the colour of 'dog' (id 2)." in problems[0]
    assert "4 label(s) whose palette contradicts dataset.json" in advice
    with pytest.raises(DataError, match="2 problem"):
        open_split(folder, "train").check(limit=2)
    spec = json.loads((folder / "dataset.json").read_text())
    del spec["palette"]
    (folder / "dataset.json").write_text(json.dumps(spec))
    open_split(folder, "train").check()


def test_palettes_in_another_order_are_not_converted_but_colours_are(folder):
    swap_classes(folder)
    (folder / "JPEGImages").rename(folder / "images")
    (folder / "SegmentationClass").rename(folder / "masks")
    with pytest.raises(DataError, match=r"pic_1\.png: its palette gives id 2 the colour of 'cat'"):
        convert("folder", folder, folder.parent / "out", processes=1)
    for path in (folder / "masks").iterdir():
        Image.open(path).convert("RGB").save(path)
    convert("folder", folder, folder.parent / "out", processes=1)
    split = open_split(folder.parent / "out", "train")
    found = [np.unique(split.load(i)["label"]).tolist() for i in range(4)]
    assert found == [[2], [1], [2], [1]]
