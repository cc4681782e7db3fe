import numpy as np
import pytest

from deeplab_tf.data.sources import open_source
from deeplab_tf.data.sources.pascal_context import LABEL_NUMBERS
from deeplab_tf.data.spec import DataError
from tests.data.archives import make_pascal_context, save_mat

# The numbers of the 59 classes in labels.txt, as mmsegmentation's converter lists them.
PUBLISHED = """2 259 260 415 324 9 258 144 18 19 22 23 397 25 284 158 159 416 33 162 420 454 295 296
427 44 45 46 308 59 440 445 31 232 65 354 424 68 326 72 458 34 207 80 355 85 347 220 349 360 98 187
104 105 366 189 368 113 115"""


def test_numbers_are_the_published_ones_and_alphabetical():
    assert sorted(LABEL_NUMBERS.values()) == sorted(map(int, PUBLISHED.split()))
    by_number = sorted(LABEL_NUMBERS, key=LABEL_NUMBERS.get)
    assert by_number == sorted(LABEL_NUMBERS)


def test_labels_become_59_classes_and_background(tmp_path):
    truth = make_pascal_context(tmp_path)
    source = open_source("pascal_context", tmp_path)
    assert {s: len(items) for s, items in source.splits.items()} == {"train": 3, "val": 2}
    assert source.spec.num_classes == 60
    seen = set()
    for item in (i for items in source.splits.values() for i in items):
        ids = source.read_label(item.label)
        names = {number: name for name, number in LABEL_NUMBERS.items()}
        for number in np.unique(truth[item.name]):
            expected = names.get(number, "background")
            found = np.unique(ids[truth[item.name] == number])
            assert [source.spec.class_names[i] for i in found] == [expected]
        seen |= set(np.unique(ids).tolist())
    assert seen == set(range(60))


def test_numbers_come_from_labels_txt_where_it_is(tmp_path):
    make_pascal_context(tmp_path)
    lines = [f"{number}: {name}" for number, name in enumerate(LABEL_NUMBERS, 301)]
    (tmp_path / "labels.txt").write_text("\n".join(lines) + "\n")
    source = open_source("pascal_context", tmp_path)
    path = source.splits["train"][0].label
    save_mat(path, LabelMap=np.array([[2, 301, 359]], np.uint16))
    assert source.read_label(path).ravel().tolist() == [0, 1, 59]
    (tmp_path / "labels.txt").write_text("\n".join(lines[1:]))
    with pytest.raises(DataError, match=r"labels\.txt: does not name aeroplane"):
        open_source("pascal_context", tmp_path)
    for line in ("1 accordion", "-1: accordion", "99999999999999: accordion", "9" * 5000 + ": a"):
        (tmp_path / "labels.txt").write_text("\n".join([*lines, line]))
        with pytest.raises(DataError, match=r"labels\.txt: not laid out"):
            open_source("pascal_context", tmp_path)


def test_numbers_may_be_stored_as_any_type(tmp_path):
    make_pascal_context(tmp_path)
    source = open_source("pascal_context", tmp_path)
    path = source.splits["train"][0].label
    save_mat(path, LabelMap=np.array([[2.0, 458.0], [1.0, 2.0]]))
    assert source.read_label(path).tolist() == [[1, 59], [0, 1]]
    for content in ("text", np.array([[1.5]]), np.array([[np.nan]]), np.array([[1e20]]),
                    np.array([[1j]])):  # fmt: skip
        save_mat(path, LabelMap=content)
        with pytest.raises(DataError, match=rf"{path.name}: not laid out"):
            source.read_label(path)


def test_unknown_numbers_and_variables_are_named(tmp_path):
    make_pascal_context(tmp_path)
    source = open_source("pascal_context", tmp_path)
    path = source.splits["train"][0].label
    save_mat(path, LabelMap=np.array([[1, 460], [460, 2]], np.uint16))
    with pytest.raises(DataError, match=rf"{path.name}: label id 460 \(2 pixels\)"):
        source.read_label(path)
    save_mat(path, Other=1)
    with pytest.raises(DataError, match=rf"{path.name}: has no variable 'LabelMap', but Other"):
        source.read_label(path)
