import json

import pytest

from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.json_file import LARGEST_BYTES, LARGEST_DEPTH, parse_json, read_json
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.report.compare import load_comparisons
from deeplab_tf.export import load

SPEC = DatasetSpec("two", ("sky", "road"))


def nested(depth):
    return "[" * depth + "]" * depth


def test_a_mark_in_front_of_the_text_is_no_part_of_it(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json") == [1]
    (tmp_path / "a.json").write_bytes("[1]".encode("utf-16"))
    assert read_json(tmp_path / "a.json") == [1]


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, null, "x"]}', "[]", "3", nested(LARGEST_DEPTH)])
def test_values_are_those_of_json(tmp_path, text):
    assert parse_json(text, "x.json") == json.loads(text)
    (tmp_path / "x.json").write_text(text)
    assert read_json(tmp_path / "x.json") == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        ("1" * 5000, "not valid JSON"),
        (nested(LARGEST_DEPTH + 1), "nested more than 32 levels deep"),
        (nested(100_000), "nested more than 32 levels deep"),
        (b" " * (LARGEST_BYTES + 1), "at most 16777216 are read"),
    ],
    ids=["cut", "no_utf8", "digits", "deep", "very_deep", "large"],
)
def test_what_cannot_be_trusted_is_named(text, message):
    with pytest.raises(ValueError, match=rf"^x\.json: .*{message}"):
        parse_json(text, "x.json")


def test_a_large_file_is_not_read_whole(tmp_path):
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(2**40)  # a hole
    with pytest.raises(ValueError, match="at most 16777216 are read"):
        read_json(tmp_path / "x.json")


def a_work_directory(path):
    SPEC.save(path.parent)
    path.rename(path.parent / "config.json")
    return load(path.parent)


READERS = {
    "dataset.json": lambda path: DatasetSpec.load(path.parent),
    "metrics.json": lambda path: load_comparisons([str(path)], SPEC),
    "crf.json": CrfParameters.load,
    "run.json": a_work_directory,
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_has_the_bounds(tmp_path, name):
    (tmp_path / name).write_text('{"a": ' + nested(100_000) + "}")
    with pytest.raises(ValueError, match="nested more than 32 levels deep"):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize(
    "target, kind",
    [("/proc/self/mem", OSError), ("nowhere", FileNotFoundError), (".", IsADirectoryError)],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, target, kind):
    (tmp_path / "a.json").symlink_to(target)
    with pytest.raises(kind) as caught:
        read_json(tmp_path / "a.json")
    assert caught.value.filename == str(tmp_path / "a.json")
