import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.sources.coco import expand_counts
from deeplab_tf.data.sources.region import run_lengths
from deeplab_tf.data.spec import DataError
from tests.data.sources.annotations import SIZE, box, ids_of, labels_of, save_json, save_photo

CATEGORIES = [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}]


def outline(*corners):
    return [[value for point in box(*corners) for value in point]]


def annotation(category, segmentation, image=1, **more):
    return {
        "id": 5,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        **more,
    }


def save_coco(path, annotations, images=("a.jpg",), categories=CATEGORIES, size=SIZE):
    listed = [
        {"id": i, "file_name": name, "height": size[0], "width": size[1]}
        for i, name in enumerate(images, 1)
    ]
    save_json(path, {"images": listed, "annotations": list(annotations), "categories": categories})


def make(folder, *annotations, **more):
    save_photo(folder / "a.jpg")
    save_coco(folder / "coco.json", annotations, **more)


def only_label(folder):
    return labels_of(open_source("coco", folder))["train"]["a"]


def test_ids_go_by_the_numbers_of_categories_and_smaller_objects_are_above(tmp_path):
    make(tmp_path, annotation(7, outline(8, 5, 11, 9)), annotation(3, outline(2, 3, 12, 15)))
    assert open_source("coco", tmp_path).spec.class_names == ("background", "dog", "cat")
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, 2, 3, 12, 15), (2, 8, 5, 11, 9)))


@pytest.mark.parametrize("seed", range(8))
def test_polygons_are_pycocotools_within_their_boundary(tmp_path, seed):
    generator = np.random.default_rng(seed)
    centres = generator.uniform((8, 6), (22, 14), (2, 2))
    angles = np.sort(generator.uniform(0, 2 * np.pi, (2, 7)))
    radii = generator.uniform(2, 9, (2, 7))
    parts = centres[:, None] + radii[..., None] * np.stack([np.cos(angles), np.sin(angles)], -1)
    parts = np.clip(parts, 0, (SIZE[1], SIZE[0])).reshape(2, -1).round(2).tolist()
    make(tmp_path, annotation(7, parts))
    wanted = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(parts, *SIZE)))
    different = np.argwhere((only_label(tmp_path) == 2) != wanted)
    for row, column in different:  # both kinds of pixel are beside each other there
        around = wanted[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert 0 < around.sum() < around.size
    assert wanted.sum() > 20 and len(different) < 0.25 * wanted.sum()


@pytest.mark.parametrize("compressed", [False, True])
def test_run_lengths_are_pycocotools(tmp_path, compressed):
    truth = np.random.default_rng(0).random(SIZE) < 0.4
    truth[0, 0] = True
    if compressed:
        code = coco_mask.encode(np.asfortranarray(truth.astype(np.uint8)))
        code["counts"] = code["counts"].decode()
    else:
        flat = truth.T.ravel()
        edges = np.flatnonzero(np.diff(flat)) + 1
        code = {"size": list(SIZE), "counts": [0, *np.diff([0, *edges, flat.size]).tolist()]}
    make(tmp_path, annotation(3, code))
    np.testing.assert_array_equal(only_label(tmp_path), truth)


def test_crowds_are_void_below_all_objects(tmp_path):
    crowd = np.zeros(SIZE, np.uint8)
    crowd[5:9, 5:9] = 1
    code = coco_mask.encode(np.asfortranarray(crowd))
    code["counts"] = code["counts"].decode()
    make(tmp_path, annotation(3, outline(7, 3, 20, 15)), annotation(7, code, iscrowd=1))
    np.testing.assert_array_equal(
        only_label(tmp_path), ids_of((255, 5, 5, 9, 9), (1, 7, 3, 20, 15))
    )


def test_files_are_splits_and_images_lie_anywhere(tmp_path):
    for split, folder in (("train2017", "train2017"), ("val2017", "images/val2017")):
        save_photo(tmp_path / folder / "1.jpg")
        save_coco(tmp_path / f"annotations/instances_{split}.json", [], ["1.jpg"])
    source = open_source("coco", tmp_path)
    places = {s: i[0].image.relative_to(tmp_path).as_posix() for s, i in source.splits.items()}
    assert places["train"] == "train2017/1.jpg" and set(places) == {"train", "val"}


def test_roboflows_folders(tmp_path):
    for folder in ("train", "valid"):
        save_photo(tmp_path / folder / "1.jpg")
        save_coco(tmp_path / folder / "_annotations.coco.json", [], ["1.jpg"])
    source = open_source("coco", tmp_path)
    places = {s: i[0].image.relative_to(tmp_path).as_posix() for s, i in source.splits.items()}
    assert places == {"train": "train/1.jpg", "val": "valid/1.jpg"}


def test_what_is_wrong_is_one_line_each_and_spares_the_rest(tmp_path):
    save_photo(tmp_path / "good.jpg")
    make(
        tmp_path,
        annotation(7, []),
        annotation(9, outline(2, 3, 12, 15)),
        annotation(7, [[1, 2, 3]]),
        annotation(7, outline(50, 50, 60, 60)),
        annotation(7, {"size": [3, 3], "counts": [9]}),
        annotation(7, {"size": list(SIZE), "counts": [9]}),
        {"image_id": 1, "category_id": 7},
        annotation(7, outline(2, 3, 12, 15), image=2),
        annotation(7, outline(2, 3, 12, 15), image=99),
        images=("a.jpg", "good.jpg", "lost.jpg"),
    )
    with pytest.raises(DataError) as caught:
        convert("coco", tmp_path, tmp_path / "out", 1, examples_per_shard=1)
    where, report = f"{tmp_path / 'coco.json'}, image 'a': annotation ", str(caught.value)
    for line in (
        "0: has no segmentation; a box alone says not which pixels.",
        "1: its category 9 is none of the file.",
        "2: cannot reshape array of size 3",
        "3: lies outside the image.",
        "4: its mask is 3 x 3 pixels, the image 30 x 20.",
        "5: run lengths do not make a mask of 30 x 20 pixels.",
        "6: has no 'segmentation'.",
    ):
        assert where + line in report
    assert "lost.jpg: cannot be read" in report and "8 problem(s)" in report
    assert (tmp_path / "out/train-00001-of-00003.tfrecord").exists()
    (warning,) = open_source("coco", tmp_path).warnings
    assert "coco.json: 1 annotation(s) of images that it does not list" in warning


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 1}]}, r"coco\.json: category 0 has no id or no name"),
        ({"images": [{"id": 1}]}, r"coco\.json: image 0 has no id or no file_name"),
        ({"categories": [{"id": [1], "name": "cat"}]}, r"category 0 has the id \[1\], which is no"),
        ({"images": [{"id": {}, "file_name": "a.jpg"}]}, r"image 0 has an id that is no number"),
        ({"categories": [{"id": 1, "name": " "}]}, "a class must have a name, received ''"),
        ({"images": 3}, "holds no JSON file with the lists images, annotations, categories"),
        ({"categories": []}, "its annotations name no class"),
    ],
)
def test_files_that_are_wrong_as_a_whole(tmp_path, changes, message):
    make(tmp_path)
    values = json.loads((tmp_path / "coco.json").read_text())
    save_json(tmp_path / "coco.json", values | changes)
    with pytest.raises(DataError, match=message):
        open_source("coco", tmp_path)


def test_two_files_with_other_categories_and_one_that_is_torn(tmp_path):
    make(tmp_path)
    save_coco(tmp_path / "more.json", [], categories=[{"id": 7, "name": "bird"}])
    with pytest.raises(DataError, match=r"more\.json: category 7 is 'bird', elsewhere 'cat'"):
        open_source("coco", tmp_path)
    (tmp_path / "more.json").write_text("{")
    with pytest.raises(DataError, match=r"more\.json: not valid JSON"):
        open_source("coco", tmp_path)


def test_names_do_not_lead_out_of_the_folder(tmp_path):
    save_photo(tmp_path / "secret.jpg")
    save_photo(tmp_path / "in/a.jpg")
    save_coco(tmp_path / "in/coco.json", [], ["../secret.jpg", str(tmp_path / "secret.jpg")])
    for item in open_source("coco", tmp_path / "in").splits["train"]:
        assert tmp_path / "in" in item.image.parents and not item.image.exists()


def test_compressed_run_lengths_are_those_of_pycocotools():
    for seed in range(20):
        generator = np.random.default_rng(seed)
        size = generator.integers(1, 300, 2)
        mask = np.asfortranarray(generator.random(size) < 0.5 ** (seed % 12), np.uint8)
        code = coco_mask.encode(mask)["counts"].decode()
        found = run_lengths(expand_counts(code), *map(int, size), by_columns=True)
        np.testing.assert_array_equal(found, mask)


def test_compressed_run_lengths_that_are_broken():
    mask = np.zeros(SIZE, np.uint8)
    mask[3:5, 4:9] = 1
    code = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
    for wrong in (code[:-1], code[:-3], code * 3, "", "~" + code, "\u20ac", " "):
        with pytest.raises(ValueError, match=r"its counts are|run lengths do not make"):
            run_lengths(expand_counts(wrong), *SIZE, by_columns=True)


def make_panoptic(folder, segments, numbers):
    save_photo(folder / "val2017/1.jpg")
    numbers = np.array(numbers)
    pixels = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], -1).astype(np.uint8)
    path = folder / "annotations/panoptic_val2017/1.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(pixels).save(path)
    entry = {"image_id": 4, "file_name": "1.png", "segments_info": segments}
    values = {
        "images": [{"id": 4, "file_name": "1.jpg"}],
        "annotations": [entry],
        "categories": CATEGORIES,
    }
    save_json(folder / "annotations/panoptic_val2017.json", values)


def test_panoptic_segments(tmp_path):
    numbers = ids_of((1, 2, 3, 12, 15), (2, 8, 5, 11, 9), (3, 20, 0, 30, 20)).astype(int)
    numbers = np.array([0, 70000, 300, 9])[numbers]
    segments = [
        {"id": 70000, "category_id": 7},
        {"id": 300, "category_id": 3, "iscrowd": 0},
        {"id": 9, "category_id": 3, "iscrowd": 1},
    ]
    make_panoptic(tmp_path, segments, numbers)
    source = open_source("coco", tmp_path)
    assert source.spec.class_names == ("dog", "cat")
    wanted = np.full(SIZE, 255)
    wanted[3:15, 2:12], wanted[5:9, 8:11] = 1, 0
    np.testing.assert_array_equal(labels_of(source)["val"]["1"], wanted)
    convert("coco", tmp_path, tmp_path / "out", 1)


def test_panoptic_segments_that_are_wrong(tmp_path):
    make_panoptic(tmp_path, [{"id": 1, "category_id": 99}, {"id": 2}], np.full(SIZE, 5))
    with pytest.raises(DataError) as caught:
        convert("coco", tmp_path, tmp_path / "out", 1)
    report = str(caught.value)
    assert "3 problem(s)" in report and "1.png: its segment 5 is not in the JSON file." in report
    assert "1.png: segment {'id': 1, 'category_id': 99}: category 99 is unknown" in report
    assert "1.png: segment {'id': 2}: has no 'category_id'" in report
    (tmp_path / "annotations/panoptic_val2017/1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png: cannot be read"):
        convert("coco", tmp_path, tmp_path / "out", 1)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"image_id": 5}, "annotation 0 is of image 5, which is not listed"),
        ({"image_id": [4]}, r"annotation 0 is of image \[4\], which is not listed"),
        ({"file_name": None}, "annotation 0 has no image_id, segments_info or file_name"),
    ],
)
def test_panoptic_annotations_that_are_wrong(tmp_path, changes, message):
    make_panoptic(tmp_path, [], np.zeros(SIZE, int))
    path = tmp_path / "annotations/panoptic_val2017.json"
    values = json.loads(path.read_text())
    (entry,) = values["annotations"]
    values["annotations"] = [{k: v for k, v in {**entry, **changes}.items() if v is not None}]
    values["images"].append({"id": [4], "file_name": "1.jpg"})
    save_json(path, values)
    with pytest.raises(DataError, match=message):
        open_source("coco", tmp_path)


def test_a_json_file_that_cannot_be_read(tmp_path):
    make(tmp_path)
    (tmp_path / "b.json").symlink_to("/proc/self/mem")
    with pytest.raises(DataError, match=r"b\.json: cannot be read \(Input/output error\)"):
        open_source("coco", tmp_path)
