import json

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.sources.mask_values import read_mask_values
from deeplab_tf.data.spec import DataError
from tests.data.sources.annotations import ids_of, labels_of, save_photo

IDS = ids_of((1, 2, 3, 12, 15), (2, 8, 5, 11, 9))
BINARY = ids_of((255, 2, 3, 12, 15))
RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (224, 224, 192)


def save_mask(path, pixels, palette=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    if palette:
        image.putpalette([value for color in palette for value in color])
    image.save(path, **options)


def colored(ids, colors):
    return np.array(colors, np.uint8)[ids]


def make(folder, pixels, image="images/a.jpg", mask="masks/a.png", **options):
    save_photo(folder / image)
    save_mask(folder / mask, pixels, **options)


def only_label(source):
    ((label,),) = (names.values() for names in labels_of(source).values())
    return label


@pytest.mark.parametrize(
    ("image", "mask", "split", "name"),
    [
        ("images/a.jpg", "masks/a.png", "train", "a"),
        ("a.jpg", "a_mask.png", "train", "a"),
        ("a.png", "mask-a.png", "train", "a"),
        ("a.JPG", "a.png", "train", "a"),
        ("photos/7.jpg", "ground_truth/7_segmentation.png", "train", "7"),
        ("train/x_01.jpg", "train_masks/x_01_mask.gif", "train", "x_01"),
        ("val/images/a.jpg", "val/labels/a.png", "val", "a"),
        ("valid/a.jpg", "validannot/a_L.png", "val", "a"),
        ("images/test/city/3.jpg", "labels/test/city/3.png", "test", "city/3"),
        (
            "segmentation_data/rgb/a.jpg",
            "segmentation_data/seg/a.png",
            "train",
            "a",
        ),
        ("pool_2020/a.jpg", "masks/a.png", "train", "a"),
    ],
)
def test_pairs_under_any_names(tmp_path, image, mask, split, name):
    make(tmp_path, BINARY, image, mask)
    source = open_source("masks", tmp_path)
    ((found, (item,)),) = source.splits.items()
    assert (found, item.name) == (split, name)
    assert (item.image, item.label) == (tmp_path / image, tmp_path / mask)
    np.testing.assert_array_equal(source.label_ids(item), BINARY // 255)


def test_names_that_begin_alike_are_not_mixed_up(tmp_path):
    for name in ("a", "a_1", "a_10", "b"):
        make(tmp_path, BINARY, f"images/{name}.jpg", f"masks/{name}_mask.png")
    items = open_source("masks", tmp_path).splits["train"]
    assert [(i.name, i.image.stem, i.label.stem) for i in items] == [
        (name, name, f"{name}_mask") for name in ("a", "a_1", "a_10", "b")
    ]


def test_unpaired_files_are_reported_and_a_split_without_masks_has_no_labels(tmp_path):
    for name in ("a", "b", "c"):
        make(tmp_path, BINARY, f"images/{name}.jpg", f"masks/{name}.png")
        save_photo(tmp_path / f"images/test/{name}.jpg")
    (tmp_path / "images/a.jpg").unlink()
    (tmp_path / "masks/b.png").unlink()
    with pytest.raises(DataError) as caught:
        convert("masks", tmp_path, tmp_path / "out", 1)
    assert "a.jpg: cannot be read" in str(caught.value)
    assert "b.png: cannot be read" in str(caught.value)
    assert "2 problem(s)" in str(caught.value)
    assert {item.label for item in open_source("masks", tmp_path).splits["test"]} == {None}


def test_two_masks_of_an_image_and_two_images_of_a_name(tmp_path):
    make(tmp_path, BINARY, "images/a.jpg", "masks/a_mask.png")
    make(tmp_path, BINARY, "images/b.jpg", "masks/b_mask.png")
    make(tmp_path, BINARY, "images/c.jpg", "masks/c_mask.png")
    save_mask(tmp_path / "masks/b.png", BINARY)
    with pytest.raises(DataError, match=r"b_mask\.png: .*b\.png is a mask of the same image"):
        open_source("masks", tmp_path)
    (tmp_path / "masks/b.png").unlink()
    save_photo(tmp_path / "images/c.png")
    with pytest.raises(DataError, match=r"c\.png: .*c\.jpg has the same name"):
        open_source("masks", tmp_path)


def test_nothing_tells_masks_from_images(tmp_path):
    save_photo(tmp_path / "a.jpg")
    save_photo(tmp_path / "b.jpg")
    with pytest.raises(DataError, match=r"nothing tells masks from images.*a_mask\.png"):
        open_source("masks", tmp_path)


def test_levels_of_two_and_ids(tmp_path):
    make(tmp_path / "two", BINARY)
    source = open_source("masks", tmp_path / "two")
    assert source.spec.class_names == ("background", "foreground")
    ids = np.where(IDS == 2, 255, IDS)
    ids[0, 0] = 2
    make(tmp_path / "ids", ids)
    source = open_source("masks", tmp_path / "ids")
    assert source.spec.class_names == ("class 0", "class 1", "class 2")
    np.testing.assert_array_equal(only_label(source), ids)
    make(tmp_path / "palette", IDS, palette=[(9, 9, 9), RED, BLUE])
    source = open_source("masks", tmp_path / "palette")
    np.testing.assert_array_equal(only_label(source), IDS)


def test_levels_that_may_be_ids_or_shades_are_refused(tmp_path):
    make(tmp_path, IDS * 80)
    with pytest.raises(DataError, match=r"the levels 0, 80, 160, which may be.*classes\.txt"):
        open_source("masks", tmp_path)
    (tmp_path / "palette.txt").write_text("road 80 80 80\nsky 0 0 0\ncar 160 160 160\n")
    source = open_source("masks", tmp_path)
    assert source.spec.class_names == ("road", "sky", "car")
    np.testing.assert_array_equal(only_label(source), np.array([1, 0, 2])[IDS])


def test_every_colour_is_a_class(tmp_path):
    pixels = colored(IDS, [(0, 0, 0), RED, BLUE])
    pixels[0, :5] = GREY
    make(tmp_path, pixels)
    source = open_source("masks", tmp_path)
    assert source.spec.class_names == ("background", "#0000ff", "#ff0000")
    assert source.spec.palette == ((0, 0, 0), BLUE, RED)
    wanted = np.array([0, 2, 1])[IDS]
    wanted[0, :5] = 255
    np.testing.assert_array_equal(only_label(source), wanted)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labelmap.txt", "# label:color_rgb\nbackground:0,0,0::\ncar:255,0,0::\nsky:0,0,255::\n"),
        ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\ncar,255,0,0\nsky,0,0,255\n"),
        ("label_colors.txt", "0 0 0\t\tbackground\n255 0 0\tcar\n0 0 255\tsky\n224 9 9 Void\n"),
        ("dataset.json", json.dumps({"name": "x", "class_names": ["background", "car", "sky"],
                                     "palette": [[0, 0, 0], RED, BLUE]})),
    ],
)  # fmt: skip
@pytest.mark.parametrize("indexed", [False, True])
def test_named_colours(tmp_path, file, text, indexed):
    if indexed:  # its ids are others: colours count
        make(tmp_path, np.array([2, 0, 1])[IDS], palette=[RED, BLUE, (0, 0, 0)])
    else:
        make(tmp_path, colored(IDS, [(0, 0, 0), RED, BLUE]))
    (tmp_path / file).write_text(text)
    source = open_source("masks", tmp_path)
    assert source.spec.class_names == ("background", "car", "sky")
    np.testing.assert_array_equal(only_label(source), IDS)


def test_names_without_colours_are_those_of_ids(tmp_path):
    make(tmp_path / "ids", IDS)
    (tmp_path / "ids/classes.txt").write_text("ground\ncar\nsky\ntree\n")
    source = open_source("masks", tmp_path / "ids")
    assert source.spec.class_names == ("ground", "car", "sky", "tree")
    np.testing.assert_array_equal(only_label(source), IDS)
    for number, text in enumerate(("crack\n", "wall\ncrack\n")):
        make(tmp_path / f"two{number}", BINARY)
        (tmp_path / f"two{number}/classes.txt").write_text(text)
        source = open_source("masks", tmp_path / f"two{number}")
        assert source.spec.class_names[1] == "crack"
        np.testing.assert_array_equal(only_label(source), BINARY // 255)


def test_values_that_are_no_class_are_counted(tmp_path):
    make(tmp_path / "a", IDS * 3)
    (tmp_path / "a/classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError, match=r"a\.png: 3 \(108 pixels\), 6 \(12 pixels\) is no class"):
        only_label(open_source("masks", tmp_path / "a"))
    make(tmp_path / "b", colored(IDS, [(0, 0, 0), RED, BLUE]))
    (tmp_path / "b/palette.txt").write_text("ground 0 0 0\ncar 255 0 0\n")
    with pytest.raises(DataError, match=r"a\.png: #0000ff \(12 pixels\) is no class"):
        only_label(open_source("masks", tmp_path / "b"))


def test_masks_of_jpeg(tmp_path):
    make(tmp_path / "two", BINARY, mask="masks/a.jpg", quality=75)
    assert len(np.unique(Image.open(tmp_path / "two/masks/a.jpg"))) > 2
    np.testing.assert_array_equal(only_label(open_source("masks", tmp_path / "two")), BINARY // 255)
    make(tmp_path / "three", colored(IDS, [(0, 0, 0), RED, BLUE]), mask="masks/a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg: JPEG has changed its levels"):
        convert("masks", tmp_path / "three", tmp_path / "out", 1)


def test_photos_are_no_masks(tmp_path):
    save_photo(tmp_path / "images/a.jpg")
    save_photo(tmp_path / "masks/a.png", seed=2)
    with pytest.raises(
        DataError, match=r"the masks have \d+ colours. Masks must be stored without"
    ):
        open_source("masks", tmp_path)


def test_a_broken_mask_is_named_and_costs_no_other(tmp_path):
    for name in ("a", "b"):
        make(tmp_path, BINARY, f"images/{name}.jpg", f"masks/{name}.png")
    (tmp_path / "masks/a.png").write_bytes(b"no mask")
    with pytest.raises(DataError, match=r"1 problem(?s:.)*a\.png: cannot be read \(broken or no"):
        convert("masks", tmp_path, tmp_path / "out", 1, 1)
    assert (tmp_path / "out/train-00001-of-00002.tfrecord").exists()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["tiff", "bmp", "png", "gif", "jpg"])
def test_torn_masks_of_any_kind_are_named(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    save_mask(path, BINARY)
    whole = path.read_bytes()
    for length in (0, 30, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=rf"a\.{kind}: cannot be read \("):
            read_mask_values(path)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_of_black_and_white_is_read_and_of_more_levels_refused(tmp_path, mode):
    mask = np.repeat(np.repeat(BINARY, 8, 0), 8, 1).astype(np.uint8)
    Image.fromarray(mask).convert(mode).save(tmp_path / "a.jpg", quality=90)
    found = read_mask_values(tmp_path / "a.jpg")
    np.testing.assert_array_equal(found.values, mask)
    assert found.colors == {0: 0, 255: 0xFFFFFF} and not found.is_color
    Image.fromarray(mask // 2).convert(mode).save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="JPEG has changed its levels"):
        read_mask_values(tmp_path / "a.jpg")
