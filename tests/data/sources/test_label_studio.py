import numpy as np
import pytest

from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.spec import DataError
from tests.data.sources.annotations import SIZE, box, ids_of, labels_of, save_json, save_photo
from tests.data.sources.test_brush_rle import encode

CAT, DOG = (2, 3, 12, 15), (8, 5, 11, 9)


def result(kind, label, **value):
    size = {"original_width": SIZE[1], "original_height": SIZE[0]}
    return {"id": "x", "type": kind, **size, "value": {**value, kind: [label] if label else []}}


def brush(label, *corners):
    return result("brushlabels", label, format="rle", rle=encode(ids_of((255, *corners))))


def polygon(label, *corners):
    points = np.array(box(*corners)) * 100 / (SIZE[1], SIZE[0])
    return result("polygonlabels", label, points=points.tolist(), closed=True)


def task(*results, image="/data/upload/1/0a1b2c3d-a.jpg", **more):
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": list(results)}], **more}


def make(folder, *tasks):
    save_photo(folder / "a.jpg")
    save_json(folder / "project-1.json", list(tasks))


def only_label(folder):
    ((label,),) = (
        names.values() for names in labels_of(open_source("label_studio", folder)).values()
    )
    return label


def test_brushes_and_polygons(tmp_path):
    make(tmp_path, task(polygon("dog", *DOG), brush("cat", *CAT)))
    source = open_source("label_studio", tmp_path)
    assert source.spec.class_names == ("background", "cat", "dog")
    assert [item.name for item in source.splits["train"]] == ["a"]
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, *CAT), (2, *DOG)))


def test_rectangles_turn_about_their_corner_and_ellipses_about_their_centre(tmp_path):
    rectangle = {"x": 40, "y": 10, "width": 20, "height": 40}  # 12, 2 and 6 x 8 pixels
    ellipse = {"x": 80, "y": 50, "radiusX": 10, "radiusY": 10}  # 24, 10 and 3 x 2 pixels
    make(
        tmp_path,
        task(
            result("rectanglelabels", "cat", **rectangle, rotation=90),
            result("ellipselabels", "dog", **ellipse, rotation=90),
        ),
    )
    rows, columns = np.indices(SIZE) + 0.5
    wanted = ids_of((1, 4, 2, 12, 8))
    wanted[((columns - 24) / 2) ** 2 + ((rows - 10) / 3) ** 2 <= 1] = 2
    np.testing.assert_array_equal(only_label(tmp_path), wanted)


def test_shapes_with_labels_of_a_tag_of_their_own(tmp_path):
    shape = brush("cat", *CAT)
    del shape["value"]["brushlabels"]
    twin = shape | {"type": "labels", "value": shape["value"] | {"labels": ["cat"]}}
    make(tmp_path, task(shape, twin))
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, *CAT)))


def test_the_short_form(tmp_path):
    size = {"original_width": SIZE[1], "original_height": SIZE[0]}
    short = {"format": "rle", "rle": encode(ids_of((255, *CAT))), "brushlabels": ["cat"], **size}
    make(tmp_path, {"image": "/data/upload/1/0a1b2c3d-a.jpg", "id": 3, "tag": [short]})
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, *CAT)))


@pytest.mark.parametrize(
    "image",
    ["s3://bucket/photos/a.jpg", "/data/local-files/?d=photos%2Fa.jpg", "https://x.org/a.jpg?sig=1&k=2",
     "a.jpg"],
)  # fmt: skip
def test_addresses_of_images(tmp_path, image):
    make(tmp_path, task(brush("cat", *CAT), image=image))
    (item,) = open_source("label_studio", tmp_path).splits["train"]
    assert item.image == tmp_path / "a.jpg"


def test_several_annotations_of_a_task(tmp_path):
    annotations = [
        {"result": [brush("dog", *DOG)]},
        {"result": [brush("cat", *CAT)]},
        {"result": [], "was_cancelled": True},
    ]
    make(tmp_path, task() | {"annotations": annotations})
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, *CAT)))
    annotations[0]["ground_truth"] = True
    make(tmp_path, task() | {"annotations": annotations})
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, *DOG)))


def test_tasks_without_annotations_are_left_out_and_empty_ones_are_background(tmp_path):
    save_photo(tmp_path / "b.jpg")
    nothing = {"choice": "x", "type": "choices", "value": {"choices": ["good"]}}
    make(
        tmp_path,
        task(brush("cat", *CAT)),
        task(nothing, image="b.jpg"),
        task(image="c.jpg") | {"annotations": []},
    )
    source = open_source("label_studio", tmp_path)
    labels = labels_of(source)["train"]
    assert set(labels) == {"a", "b"} and not labels["b"].any()
    assert "1 task(s) without an annotation left out" in source.warnings[0]


def test_what_is_wrong_is_one_line_each_and_spares_the_rest(tmp_path):
    save_photo(tmp_path / "b.jpg")
    other_size = brush("cat", *CAT) | {"original_width": 9}
    make(
        tmp_path,
        task(
            result("brushlabels", "cat", rle=[1, 2]),
            result("polygonlabels", "cat", points=[[1, 2]]),
            polygon("", *CAT),
            other_size,
            result("rectanglelabels", "cat", x=3, y=4, height=2),
            result("keypointlabels", "cat", x=3, y=4, width=1),
        ),
        task(brush("cat", *CAT), image="b.jpg"),
        task(brush("cat", *CAT), image="lost.jpg"),
    )
    with pytest.raises(DataError) as caught:
        convert("label_studio", tmp_path, tmp_path / "out", 1, 1)
    where, report = f"{tmp_path / 'project-1.json'}, image 'a': result ", str(caught.value)
    for text in (
        "0: its rle is cut off.",
        "1: 1 point(s), at least 3 are needed.",
        "2: has 0 labels; one is needed.",
        "3: is of an image of 9 x 20 pixels, not 30 x 20.",
        "4: has no 'width'.",
        "5: is no brush, polygon, rectangle or ellipse.",
    ):
        assert where + text in report
    assert "lost.jpg: cannot be read" in report
    assert (tmp_path / "out/train-00001-of-00003.tfrecord").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "holds no JSON export of Label Studio"),
        ("[", r"a\.json: not valid JSON"),
        ("[7]", "holds no"),
    ],
)
def test_other_files(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=message):
        open_source("label_studio", tmp_path)
