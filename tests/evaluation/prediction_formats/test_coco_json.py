import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.prediction_formats import coco_json
from deeplab_tf.evaluation.prediction_formats.coco_json import CocoFile, coco_names
from deeplab_tf.evaluation.prediction_formats.marked_json import is_own_json
from tests.evaluation.prediction_formats.labelled import (
    SPEC,
    blobs,
    drawn_labels,
    labelled,
    noise_labels,
)

IMAGES = {"a.jpg": drawn_labels(), "deep/b.png": noise_labels(), "c.jpg": blobs()}


def read_back(file):
    """Returns the labels of every image, painted by pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(file)
    found = {}
    for image in coco.imgs.values():
        ids = np.full([image["height"], image["width"]], SPEC.ignore_label, np.uint8)
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            mask = coco.annToMask(annotation).astype(bool)
            assert (ids[mask] == SPEC.ignore_label).all(), "regions overlap"
            rows, columns = np.nonzero(mask)
            left, top, width, height = annotation["bbox"]
            assert (columns.min(), rows.min()) == (left, top)
            assert (columns.max() + 1, rows.max() + 1) == (left + width, top + height)
            assert annotation["area"] == mask.sum()
            ids[mask] = annotation["category_id"]
        found[image["file_name"]] = ids
    return found, coco


def write(path, images, keep=False, spec=SPEC):
    file = CocoFile(path, spec, keep)
    for name, labels in images.items():
        file.add(labelled(path.parent, labels, name))
    file.save()


def test_masks_give_the_labels_back(tmp_path):
    write(tmp_path / "coco.json", IMAGES)
    found, coco = read_back(tmp_path / "coco.json")
    assert {c["id"]: c["name"] for c in coco.dataset["categories"]} == dict(
        enumerate(SPEC.class_names)
    )
    assert set(found) == set(IMAGES)
    for name, labels in IMAGES.items():
        np.testing.assert_array_equal(found[name], labels)
    ids = [annotation["id"] for annotation in coco.dataset["annotations"]]
    assert len(set(ids)) == len(ids)


def test_what_is_not_to_be_written_is_not_there(tmp_path):
    labels = np.where(drawn_labels() == 1, 1, SPEC.ignore_label).astype(np.uint8)
    write(tmp_path / "coco.json", {"a.jpg": labels})
    found, coco = read_back(tmp_path / "coco.json")
    np.testing.assert_array_equal(found["a.jpg"], labels)
    assert {a["category_id"] for a in coco.dataset["annotations"]} == {1}


def test_a_run_goes_on_where_another_ended(tmp_path):
    path, names = tmp_path / "coco.json", list(IMAGES)
    assert coco_names(path) == set()
    write(path, {names[0]: IMAGES[names[0]]})
    assert is_own_json(path) and coco_names(path) == {names[0]}
    write(path, {name: IMAGES[name] for name in names[1:]}, keep=True)
    found, _ = read_back(path)
    assert set(found) == set(names)
    for name, labels in IMAGES.items():
        np.testing.assert_array_equal(found[name], labels)
    with pytest.raises(ValueError, match="have other classes than a, b"):
        CocoFile(path, DatasetSpec("two", ("a", "b")), keep=True)
    write(path, {"a.jpg": IMAGES["a.jpg"]})
    assert coco_names(path) == {"a.jpg"}


def test_a_killed_run_loses_little(tmp_path, monkeypatch):
    monkeypatch.setattr(coco_json, "_SAVE_EVERY", 0.0)
    file = CocoFile(tmp_path / "coco.json", SPEC)
    file.add(labelled(tmp_path, drawn_labels()))
    assert coco_names(tmp_path / "coco.json") == {"a.jpg"}
    assert json.loads((tmp_path / "coco.json").read_text())["images"][0]["height"] == 15
