import numpy as np
import pytest

from deeplab_tf.data.sources import open_source
from deeplab_tf.data.sources.person_part import PART_IDS
from deeplab_tf.data.spec import DataError
from tests.data.archives import PARTS, make_person_part, part_area, save_list, save_mat

GROUPS = {
    1: "head hair nose mouth lear rear leye reye lebrow rebrow", 2: "torso neck",
    3: "luarm ruarm", 4: "llarm rlarm lhand rhand", 5: "luleg ruleg",
    6: "llleg rlleg lfoot rfoot",
}  # fmt: skip


def test_every_part_has_a_group():
    assert {p: i for i, parts in GROUPS.items() for p in parts.split()} == PART_IDS
    assert len(PARTS) == 24 and set(PARTS) == set(PART_IDS)


def test_parts_of_persons_become_six_classes(tmp_path):
    truth = make_person_part(tmp_path)
    source = open_source("person_part", tmp_path)
    # The last image's person has no parts and is not in the data set.
    names = {s: [i.name for i in items] for s, items in source.splits.items()}
    assert names == {"train": list(truth)[2:], "val": list(truth)[:2]}
    assert source.spec.class_names[1:3] == ("head", "torso")
    seen = set()
    for item in (i for items in source.splits.values() for i in items):
        ids = source.read_label(item.label)
        expected = np.zeros(ids.shape, int)
        for part in truth[item.name]:
            (group,) = [i for i, parts in GROUPS.items() if part in parts.split()]
            expected[part_area(part, ids.shape) == 1] = group
        np.testing.assert_array_equal(ids, expected)
        seen |= set(np.unique(ids).tolist())
    assert seen == set(range(7))


def test_published_lists_decide_where_they_are(tmp_path):
    truth = list(make_person_part(tmp_path))
    lists = tmp_path / "pascal_person_part/pascal_person_part_trainval_list"
    save_list(lists / "train_id.txt", truth[:1])
    save_list(lists / "val_id.txt", truth[3:])
    splits = open_source("person_part", tmp_path).splits
    assert [i.name for i in splits["train"]] == truth[:1]
    assert [i.name for i in splits["val"]] == truth[3:]


def test_unknown_parts_are_named(tmp_path):
    make_person_part(tmp_path)
    source = open_source("person_part", tmp_path)
    path = source.splits["train"][0].label
    part = {"part_name": "wing", "mask": np.ones((3, 3), np.uint8)}
    thing = {"class": "person", "mask": np.ones((3, 3), np.uint8), "parts": part}
    save_mat(path, anno={"objects": thing})
    with pytest.raises(DataError, match=rf"{path.name}: 'wing' is none of the 24 parts"):
        source.read_label(path)
    save_mat(path, anno={"objects": np.zeros((0, 0))})
    with pytest.raises(DataError, match=rf"{path.name}: has no objects"):
        source.read_label(path)


def test_broken_files_wait_for_the_report_of_the_converter(tmp_path):
    truth = list(make_person_part(tmp_path))
    broken = [tmp_path / f"Annotations_Part/{name}.mat" for name in truth[:3]]
    broken[0].write_bytes(b"text")
    save_mat(broken[1], anno=1)
    mask = np.ones((3, 3), np.uint8)
    part = {"part_name": "head", "mask": mask}
    person = {"class": "person", "mask": np.ones((9, 9), np.uint8), "parts": part}
    save_mat(broken[2], anno={"objects": person})
    source = open_source("person_part", tmp_path)
    assert sum(map(len, source.splits.values())) == len(truth)
    for path, message in zip(broken, ("broken", "not laid out", "not laid out"), strict=True):
        with pytest.raises(DataError, match=rf"{path.name}: {message}"):
            source.read_label(path)
