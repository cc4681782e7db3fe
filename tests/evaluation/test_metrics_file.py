import json

import pytest

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.metrics_file import (
    find_metrics_files,
    is_metrics_file,
    read_metrics,
    write_metrics,
)
from tests.evaluation.shards import image_pairs, results_of

RESULTS = results_of(image_pairs(2), (1, 2), trimap="void", boundary=True)


def test_what_is_written_is_read(tmp_path):
    file = tmp_path / "new/metrics.json"
    odd = {**RESULTS, "per_class_iou": {"a [\n  1,\n  2\n] b": None, '"[': 0.5}, "empty": []}
    write_metrics(odd, file)
    assert read_metrics(file) == json.loads(file.read_text()) == odd
    assert is_metrics_file(file)


def test_a_row_of_numbers_is_one_line(tmp_path):
    write_metrics(RESULTS, tmp_path / "metrics.json")
    lines = [line.strip() for line in (tmp_path / "metrics.json").read_text().splitlines()]
    rows = RESULTS["confusion_matrix"]
    at = lines.index('"confusion_matrix": [')
    assert lines[at + 1 : at + 1 + len(rows)] == [
        json.dumps(row) + ("," if row is not rows[-1] else "") for row in rows
    ]


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"split": "val", "images": 3}'])
def test_other_files_are_not_ours(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    assert not is_metrics_file(tmp_path / "a.json")
    assert not is_metrics_file(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not valid JSON"), ("[]", "not a metrics.json of evaluate.py")]
)
def test_what_cannot_be_read_is_an_error_that_names_the_file(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=rf"a\.json: {message}"):
        read_metrics(tmp_path / "a.json")


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.json: No such file"):
        read_metrics(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"Is a directory"):
        read_metrics(tmp_path)
    for pattern in ("none.json", "*.json"):
        with pytest.raises(DataError, match="no such file"):
            find_metrics_files([str(tmp_path / pattern)], tmp_path)


def test_patterns_find_every_file_once_and_not_what_is_written(tmp_path):
    files = [str(tmp_path / f"eval-{name}.json") for name in ("1", "2", "[3]", "all")]
    for file in files:
        write_metrics(RESULTS, file)
    found = find_metrics_files([files[2], f"{tmp_path}/eval-*.json"], tmp_path / "eval-all.json")
    assert found == [files[2], files[0], files[1]]
    assert find_metrics_files([files[3]], tmp_path / "eval-all.json") == [files[3]]
