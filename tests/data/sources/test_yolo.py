import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.spec import DataError
from tests.data.sources.annotations import SIZE, box, ids_of, labels_of, save_photo

CAT, DOG = (2, 3, 12, 15), (8, 5, 11, 9)
YAML = "path: ../datasets/x\ntrain: images/train\nval: images/val\nnc: 2\nnames: [cat, dog]\n"


def line(number, *corners, size=SIZE):
    values = np.array(box(*corners)) / (size[1], size[0])
    return " ".join([str(number), *(f"{value:.6f}" for value in values.ravel())])


def make(folder, text, image="images/train/a.jpg", label="labels/train/a.txt", yaml=YAML):
    save_photo(folder / image)
    (folder / label).parent.mkdir(parents=True, exist_ok=True)
    (folder / label).write_text(text)
    if yaml:
        (folder / "data.yaml").write_text(yaml)


def places(folder):
    return {
        split: [(item.name, item.image.relative_to(folder).as_posix()) for item in items]
        for split, items in open_source("yolo", folder).splits.items()
    }


def test_polygons_and_names(tmp_path):
    make(tmp_path, f"{line(1, *DOG)}\n\n{line(0, *CAT)}\n")
    source = open_source("yolo", tmp_path)
    assert source.spec.class_names == ("background", "cat", "dog")
    np.testing.assert_array_equal(labels_of(source)["train"]["a"], ids_of((1, *CAT), (2, *DOG)))


def test_shares_are_those_of_the_upright_image(tmp_path):
    make(tmp_path, line(0, 1, 2, 5, 20, size=(30, 20)))
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(tmp_path / "images/train/a.jpg") as image:
        image.save(tmp_path / "images/train/a.jpg", exif=exif)
    label = labels_of(open_source("yolo", tmp_path))["train"]["a"]
    np.testing.assert_array_equal(label, ids_of((1, 1, 2, 5, 20), size=(30, 20)))


@pytest.mark.parametrize(
    ("yaml", "lists"),
    [
        ("names:\n  0: cat\n  1: dog\ntrain: ../train/images\nval: ../valid/images\n", {}),
        (None, {"classes.txt": "cat\ndog\n"}),
        (None, {"obj.names": "cat\ndog\n\n"}),
    ],
)
def test_folders_of_exports(tmp_path, yaml, lists):
    make(tmp_path, line(0, *CAT), "train/images/a.jpg", "train/labels/a.txt", yaml)
    make(tmp_path, line(1, *DOG), "valid/images/b.jpg", "valid/labels/b.txt", yaml)
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
    assert places(tmp_path) == {
        "train": [("a", "train/images/a.jpg")], "val": [("b", "valid/images/b.jpg")],
    }  # fmt: skip
    assert open_source("yolo", tmp_path).spec.class_names == ("background", "cat", "dog")
    np.testing.assert_array_equal(
        labels_of(open_source("yolo", tmp_path))["val"]["b"], ids_of((2, *DOG))
    )


def test_splits_are_what_the_yaml_says(tmp_path):
    yaml = "names: [cat]\ntrain: [images/morning, images/noon]\nval: night.txt\n"
    for name in ("morning/a", "noon/b", "night/c"):
        make(tmp_path, line(0, *CAT), f"images/{name}.jpg", f"labels/{name}.txt", yaml)
    (tmp_path / "night.txt").write_text("./images/night/c.jpg\n")
    assert places(tmp_path) == {
        "train": [("morning/a", "images/morning/a.jpg"), ("noon/b", "images/noon/b.jpg")],
        "val": [("night/c", "images/night/c.jpg")],
    }


def test_labels_beside_images_and_images_without(tmp_path):
    make(tmp_path, line(0, *CAT), "a.jpg", "a.txt")
    save_photo(tmp_path / "b.jpg")
    source = open_source("yolo", tmp_path)
    labels = labels_of(source)["train"]
    np.testing.assert_array_equal(labels["a"], ids_of((1, *CAT)))
    assert not labels["b"].any()
    (warning,) = source.warnings
    assert warning.startswith("1 image(s) have no text file") and "b.jpg" in warning


def test_text_files_without_an_image_are_counted(tmp_path):
    make(tmp_path, line(0, *CAT))
    (tmp_path / "labels/train/b.txt").write_text(line(0, *CAT))
    (warning,) = open_source("yolo", tmp_path).warnings
    assert warning.startswith("1 text file(s) of no image left out") and "b.txt" in warning


def test_what_is_wrong_is_one_line_each_and_spares_the_rest(tmp_path):
    good = line(0, *CAT)
    lines = [
        good, "0 0.5 0.5 0.2 0.2", line(2, *CAT), "0 0.1 0.2 0.3", f"{good} 0.5", "cat 0.1 0.2",
        "0 3 4 20 4 20 19", "0 0.1 0.1 nan 0.2 0.3 0.3", "0.5 0.1 0.1 0.2 0.2 0.3 0.3",
    ]  # fmt: skip
    make(tmp_path, "\n".join(lines))
    make(tmp_path, good, "images/train/b.jpg", "labels/train/b.txt")
    with pytest.raises(DataError) as caught:
        convert("yolo", tmp_path, tmp_path / "out", 1, 1)
    report = str(caught.value)
    for text in (
        "a.txt: line 2: is a box (four numbers), not a polygon.",
        "a.txt: line 3: its class 2 is none of 0..1.",
        "a.txt: line 4: has 3 coordinates, an odd number.",
        "a.txt: line 5: has 9 coordinates, an odd number.",
        "a.txt: line 6: could not convert string to float: 'cat'.",
        "a.txt: line 7: has coordinates outside 0..1",
        "a.txt: line 8: points must be pairs [x, y] of finite numbers.",
        "a.txt: line 9: its class 0.5 is none of 0..1.",
    ):
        assert text in report
    assert "8 problem(s)" in report and (tmp_path / "out/train-00001-of-00002.tfrecord").exists()


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        (None, r"holds neither data\.yaml nor classes\.txt"),
        ("names: [cat", r"data\.yaml: not valid YAML"),
        ("names: {1: cat}", r"data\.yaml: names must be a list, or numbered from 0"),
        ("names: 3", r"data\.yaml: names must be a list"),
        ("names: []", "its annotations name no class"),
    ],
)
def test_names_that_are_wrong(tmp_path, yaml, message):
    make(tmp_path, line(0, *CAT), yaml=yaml)
    with pytest.raises(DataError, match=message):
        open_source("yolo", tmp_path)


def test_a_folder_without_labels(tmp_path):
    save_photo(tmp_path / "images/a.jpg")
    (tmp_path / "data.yaml").write_text(YAML)
    with pytest.raises(DataError, match="no image has a text file of labels"):
        open_source("yolo", tmp_path)
