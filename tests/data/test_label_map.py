import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.convert import convert
from deeplab_tf.data.label_map import map_labels
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split import open_split
from tests.data.archives import make_folder

NAMES = ["wall", "car", "truck", "sky"]
COLORS = [[0, 0, 0], [200, 10, 10], [10, 200, 10], [1, 2, 3]]


@pytest.fixture
def folder(tmp_path):
    truth = make_folder(tmp_path, palette=COLORS)
    spec = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps(spec | {"class_names": NAMES}))
    return tmp_path, truth


def mapped(folder, rules):
    (folder / "map.json").write_text(json.dumps(rules))
    return map_labels(open_source("folder", folder), folder / "map.json")


@pytest.mark.parametrize(
    ("rules", "names", "ids"),
    [
        ({}, NAMES, [0, 1, 2, 3, 255]),
        ({"car": "auto"}, ["wall", "auto", "truck", "sky"], [0, 1, 2, 3, 255]),
        ({"truck": "car"}, ["wall", "car", "sky"], [0, 1, 1, 2, 255]),
        ({"car": "vehicle", "truck": "vehicle"}, ["wall", "vehicle", "sky"], [0, 1, 1, 2, 255]),
        # reduce_zero_label: the first class is void, the others move up.
        ({"wall": None}, ["car", "truck", "sky"], [255, 0, 1, 2, 255]),
        ({"car": "car", "*": "rest"}, ["rest", "car"], [0, 1, 0, 0, 255]),
        ({"car": "car", "sky": "sky", "*": None}, ["car", "sky"], [255, 0, 255, 1, 255]),
        ({"void": "wall"}, NAMES, [0, 1, 2, 3, 0]),
        ({"void": "rest"}, [*NAMES, "rest"], [0, 1, 2, 3, 4]),
        ({"car": "truck", "truck": "car"}, ["wall", "truck", "car", "sky"], [0, 1, 2, 3, 255]),
    ],
)
def test_names_and_ids(folder, rules, names, ids):
    path, truth = folder
    source = mapped(path, rules)
    assert list(source.spec.class_names) == names
    assert source.spec.ignore_label == 255
    for item in source.splits["train"]:
        table = np.zeros(256, np.uint8)
        table[[0, 1, 2, 3, 255]] = ids
        np.testing.assert_array_equal(source.label_ids(item), table[truth[item.name]])


def test_a_class_has_the_colour_of_the_first_that_it_is_made_of(folder):
    palette = mapped(folder[0], {"wall": None, "truck": "car"}).spec.palette
    assert palette == ((200, 10, 10), (1, 2, 3))


def test_another_ignore_label_becomes_255(folder):
    path, _ = folder
    spec = json.loads((path / "dataset.json").read_text())
    (path / "dataset.json").write_text(json.dumps(spec | {"ignore_label": 200}))
    source = mapped(path, {})
    item = source.splits["train"][0]
    with pytest.raises(DataError, match=r"label id 255 \(\d+ pixels\) is no class"):
        source.label_ids(item)
    assert source.new_ids[200] == 255 and source.spec.ignore_label == 255


def test_another_map_makes_all_shards_again(folder):
    path, truth = folder
    for rules, written in (({"truck": "car"}, 2), ({"truck": "car"}, 0), ({"truck": "sky"}, 2)):
        (path / "map.json").write_text(json.dumps(rules))
        done = convert("folder", path, path / "out", 1, label_map=path / "map.json")
        assert done.written == written
    example = open_split(path / "out", "train").load(tf.constant(0, tf.int64))
    wanted = np.array([0, 1, 2, 2])[np.minimum(truth["train0"], 3)]
    wanted[truth["train0"] == 255] = 255
    np.testing.assert_array_equal(example["label"], wanted)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"cat": "dog"}',
            "'cat' is none of the classes wall, .*, sky. Did you mean 'car'",
        ),
        ('{"car": 7}', "a label map is an object of old names and new names"),
        ('{"car": " "}', "a label map is an object"),
        ('["car"]', "a label map is an object"),
        ("car: truck", "not valid JSON.*A label map is JSON"),
        ('{"*": null}', r"leaves 0 class\(es\)"),
        ('{"*": "all"}', r"leaves 1 class\(es\)"),
        (None, r"map\.json: cannot be read \(No such file"),
    ],
)
def test_wrong_files(folder, text, message):
    path = folder[0] / "map.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        map_labels(open_source("folder", folder[0]), path)
