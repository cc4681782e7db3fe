import json

import pytest

from deeplab_tf.evaluation.beam.run_description import (
    check_description,
    describe_run,
    is_description,
    write_description,
)

RUN = describe_run("tfrecord", 2, ["sky", "Straße"], "0f", "a1", 7)


def test_the_same_run_goes_on(tmp_path):
    file = tmp_path / "new/x.json"
    write_description(str(file), RUN)
    check_description(str(file), RUN)
    assert is_description(file)
    assert json.loads(file.read_text("utf-8"))["class_names"] == ["sky", "Straße"]


@pytest.mark.parametrize(
    "changes", [{"images": 9}, {"shards": 3, "names": "1"}, {"predictor": "b2"}, {"format": "x"}]
)
def test_another_run_is_refused_with_what_differs(tmp_path, changes):
    file = tmp_path / "x.json"
    write_description(str(file), {**RUN, **changes})
    differing = ", ".join(key for key in RUN if key in changes)
    with pytest.raises(ValueError, match=rf"x\.json: .* another run \(it differs in {differing}\)"):
        check_description(str(file), RUN)


@pytest.mark.parametrize("content", ["[]", "{}", None])
def test_shards_without_their_description_are_of_another_run(tmp_path, content):
    file = tmp_path / "x.json"
    if content:
        file.write_text(content)
    assert not is_description(file)
    with pytest.raises(ValueError, match="of another run"):
        check_description(str(file), RUN)


def test_a_broken_description_is_named(tmp_path):
    file = tmp_path / "x.json"
    file.write_text("{")
    assert not is_description(file)
    with pytest.raises(ValueError, match=r"x\.json: not valid JSON"):
        check_description(str(file), RUN)
