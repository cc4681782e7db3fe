import base64
import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.sources.raster import stroke
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split import open_split
from tests.data.sources.annotations import (
    SIZE,
    box,
    ids_of,
    labelme_shape,
    labels_of,
    png_base64,
    save_labelme,
    save_photo,
)

CAT, DOG = ("cat", box(2, 3, 12, 15)), ("dog", box(8, 5, 11, 9))


def make(folder, *shapes, name="a", **more):
    save_photo(folder / f"{name}.jpg")
    save_labelme(folder / f"{name}.json", list(shapes), f"{name}.jpg", **more)


def only_label(folder):
    source = open_source("labelme", folder)
    (items,) = source.splits.values()
    (item,) = items
    return source.label_ids(item)


def test_smaller_over_larger_and_ids_in_alphabetical_order(tmp_path):
    make(tmp_path, labelme_shape(*DOG), labelme_shape(*CAT))
    source = open_source("labelme", tmp_path)
    assert source.spec.class_names == ("background", "cat", "dog")
    assert source.spec.name == tmp_path.name
    np.testing.assert_array_equal(
        labels_of(source)["train"]["a"], ids_of((1, 2, 3, 12, 15), (2, 8, 5, 11, 9))
    )


def test_kinds_of_shapes(tmp_path):
    mask = np.zeros([4, 6], np.uint8)
    mask[1:3, 1:5] = 1
    make(
        tmp_path,
        labelme_shape("box", [[9, 7], [4, 2]], "rectangle"),
        labelme_shape("disc", [[20.5, 10.5], [23.6, 10.5]], "circle"),
        labelme_shape("mask", [[1, 14], [6, 17]], "mask", mask=png_base64(mask)),
        labelme_shape("old", box(25, 0, 28, 3), None),
    )
    found = only_label(tmp_path)
    wanted = ids_of((1, 4, 2, 9, 7), (4, 25, 0, 28, 3), (3, 2, 15, 6, 17))
    rows, columns = np.indices(SIZE)
    wanted[np.hypot(rows - 10, columns - 20) <= 3.1] = 2
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("kind", ["line", "linestrip", "point"])
def test_lines_and_points_have_a_width(tmp_path, kind):
    points = {"line": [[3, 4], [25, 9]], "linestrip": [[3, 4], [9, 15], [25, 9]], "point": [[7, 8]]}
    make(tmp_path, labelme_shape("crack", points[kind], kind))
    for width in (10, 3):
        convert("labelme", tmp_path, tmp_path / f"out{width}", 1, line_width=width)
        label = open_split(tmp_path / f"out{width}", "train").load(tf.constant(0, tf.int64))[
            "label"
        ]
        top, left, mask = stroke(np.array(points[kind], float), width, SIZE)
        wanted = np.zeros(SIZE)
        wanted[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        np.testing.assert_array_equal(label, wanted)


def test_a_list_of_labels_gives_the_order_and_labelmes_own_names_their_meaning(tmp_path):
    make(
        tmp_path,
        labelme_shape(*CAT),
        labelme_shape(*DOG),
        labelme_shape("__ignore__", box(20, 10, 30, 20)),
        labelme_shape("_background_", box(3, 4, 5, 6)),
    )
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ndog\nhorse\n")
    source = open_source("labelme", tmp_path)
    assert source.spec.class_names == ("background", "dog", "horse", "cat")
    wanted = ids_of((3, 2, 3, 12, 15), (255, 20, 10, 30, 20), (1, 8, 5, 11, 9), (0, 3, 4, 5, 6))
    np.testing.assert_array_equal(only_label(tmp_path), wanted)


def test_images_inside_the_json_are_converted(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(np.full([*SIZE, 3], 99, np.uint8)).save(stream, "JPEG")
    data = base64.b64encode(stream.getvalue()).decode()
    save_labelme(tmp_path / "in/a.json", [labelme_shape(*CAT)], "gone.jpg", imageData=data)
    save_labelme(
        tmp_path / "in/b.json", [], "gone.jpg", imageData=data, imageHeight=None, imageWidth=None
    )
    convert("labelme", tmp_path / "in", tmp_path / "out", 1)
    split = open_split(tmp_path / "out", "train")
    assert split.names == ["a", "b"]
    encoded = split.read(tf.constant(0, tf.int64))["image"].numpy()
    assert encoded == stream.getvalue()
    split.check()


def test_images_are_found_beside_by_their_path_and_by_the_name_of_the_json(tmp_path):
    for name, path in (
        ("a", "C:\\Users\\me\\photos\\a.jpg"),
        ("b", "../photos/b.jpg"),
        ("c", "x.jpg"),
    ):
        save_labelme(tmp_path / f"labels/{name}.json", [labelme_shape(*CAT)], path)
    save_photo(tmp_path / "photos/a.jpg")
    save_photo(tmp_path / "photos/b.jpg")
    save_photo(tmp_path / "other/b.jpg")
    save_photo(tmp_path / "labels/c.PNG")
    save_photo(tmp_path / "more/left_out.png")
    (tmp_path / "labels/other.json").write_text('{"version": 3}')
    source = open_source("labelme", tmp_path)
    images = [item.image.relative_to(tmp_path).as_posix() for item in source.splits["train"]]
    assert images == ["photos/a.jpg", "photos/b.jpg", "labels/c.PNG"]
    assert [item.name for item in source.splits["train"]] == ["labels/a", "labels/b", "labels/c"]
    assert [text.split(" left out")[0] for text in source.warnings] == [
        "2 image(s) without a JSON file", "1 JSON file(s) that are not labelme's",
    ]  # fmt: skip


def test_folders_are_splits(tmp_path):
    for folder in ("train", "valid"):
        make(tmp_path / folder, labelme_shape(*CAT))
    splits = open_source("labelme", tmp_path).splits
    assert {s: [i.name for i in items] for s, items in splits.items()} == {
        "train": ["a"], "val": ["a"],
    }  # fmt: skip


def test_what_is_wrong_is_one_line_each_and_spares_the_rest(tmp_path):
    make(
        tmp_path,
        labelme_shape("cat", [[1, 1], [5, 5]]),
        labelme_shape("", box(1, 1, 5, 5)),
        labelme_shape(*CAT),
        labelme_shape("cat", box(50, 50, 60, 60)),
        labelme_shape("cat", box(1, 1, 5, 5), "cuboid"),
        labelme_shape("cat", [[1, 1], [4, 4]], "mask", mask="bm8="),
        {"label": "cat"},
        name="bad",
    )
    make(tmp_path, labelme_shape(*CAT), name="good")
    make(tmp_path, labelme_shape(*CAT), name="small", imageHeight=10)
    make(tmp_path, labelme_shape(*CAT), name="torn")
    (tmp_path / "torn.json").write_text('{"shapes": [')
    save_labelme(tmp_path / "lost.json", [labelme_shape(*CAT)], "..\\x\\gone.jpg")
    save_labelme(tmp_path / "odd.json", [labelme_shape(*CAT)], "odd.jpg", imageData=[7])
    with pytest.raises(DataError) as caught:
        convert("labelme", tmp_path, tmp_path / "out", 1, examples_per_shard=1)
    report = str(caught.value)
    for line in (
        "bad.json: shape 0 ('cat'): 2 point(s), at least 3 are needed.",
        "bad.json: shape 1 (''): a class must have a name, received ''.",
        "bad.json: shape 3 ('cat'): lies outside the image.",
        "bad.json: shape 4 ('cat'): shape_type 'cuboid' is not known.",
        "bad.json: shape 5 ('cat'): its mask is no image in base64",
        "bad.json: shape 6 ('cat'): has no 'points'.",
        "small.json: the label is (10, 30) (height, width), its image (20, 30).",
        "torn.json: not valid JSON",
        "gone.jpg: cannot be read (No such file or directory).",
        "odd.json: its imageData is no image in base64",
    ):
        assert line in report
    assert "10 problem(s) found" in report and len(report.splitlines()) == 11
    # What was right is not done again.
    for name in ("bad", "small", "torn", "lost", "odd"):
        (tmp_path / f"{name}.json").unlink()
    done = convert("labelme", tmp_path, tmp_path / "out", 1, examples_per_shard=1)
    assert done.spec.splits == {"train": 1}


def test_a_second_run_has_nothing_to_do_until_a_json_changes(tmp_path):
    make(tmp_path / "in", labelme_shape(*CAT))
    make(tmp_path / "in", labelme_shape(*DOG), name="b")
    run = [convert("labelme", tmp_path / "in", tmp_path / "out", 1, 1) for _ in range(2)]
    assert [(done.written, done.kept) for done in run] == [(2, 0), (0, 2)]
    path = tmp_path / "in/a.json"
    values = json.loads(path.read_text())
    values["shapes"][0]["points"] = box(0, 0, 9, 9)
    path.write_text(json.dumps(values))
    done = convert("labelme", tmp_path / "in", tmp_path / "out", 1, 1)
    assert (done.written, done.kept) == (1, 1)


@pytest.mark.parametrize("size", [(10**6, 10**6), (-3, 5), ("20", 30), (None, None)])
def test_a_size_that_is_none_is_that_of_the_image(tmp_path, size):
    make(tmp_path, labelme_shape(*CAT), imageHeight=size[0], imageWidth=size[1])
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, 2, 3, 12, 15)))


def test_a_folder_without_labels_of_labelme(tmp_path):
    save_photo(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="holds no JSON files of labelme"):
        open_source("labelme", tmp_path)


def test_a_json_file_that_changes_while_it_is_converted(tmp_path):
    make(tmp_path, labelme_shape(*CAT))
    source, path = open_source("labelme", tmp_path), tmp_path / "a.json"
    (item,) = source.splits["train"]
    path.write_text("{}")
    with pytest.raises(DataError, match=r"a\.json: holds no list of shapes"):
        source.label_ids(item)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.json: cannot be read \(No such file"):
        source.label_ids(item)
