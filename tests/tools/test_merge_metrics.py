"""tools/merge_metrics.py behind evaluate.py --shard."""

import json
from unittest import mock

import pytest

import deeplab_tf
from deeplab_tf.data.synthetic import synthetic_spec
from tests.evaluation.shards import all_shards, image_pairs, results_of
from tests.tools.loading import call, refusal

pytestmark = [pytest.mark.usefixtures("shallow_vgg", "eager_file")]
PAIRS = image_pairs(5)


@pytest.fixture
def shards(tmp_path):
    """A folder with the metrics.json of three shards, under the names that evaluate.py gives."""
    for number, results in enumerate(all_shards(PAIRS, 3), start=1):
        folder = tmp_path / f"eval-val-{number}-of-3"
        folder.mkdir()
        (folder / "metrics.json").write_text(json.dumps(results))
    return tmp_path


def test_a_pattern_of_shards_becomes_the_file_of_the_whole(shards, capsys):
    flags = [f"--parts={shards}/eval-val*/metrics.json", f"--output={shards / 'eval-val'}"]
    for _ in range(2):  # what it has written itself is no part
        call("merge_metrics.py", *flags)
    printed = capsys.readouterr().out
    assert "before CRF" in printed
    assert f"3 shards, 5 images: {shards / 'eval-val/metrics.json'}" in printed
    assert json.loads((shards / "eval-val/metrics.json").read_text()) == results_of(PAIRS)


def test_files_may_be_given_one_by_one(shards):
    files = sorted(shards.glob("*/metrics.json"), reverse=True)
    call("merge_metrics.py", *(f"--parts={file}" for file in files), f"--output={shards / 'all'}")
    assert json.loads((shards / "all/metrics.json").read_text()) == results_of(PAIRS)


def test_what_cannot_be_merged_is_one_line_and_nothing_is_written(shards, capsys):
    (shards / "eval-val-2-of-3/metrics.json").unlink()
    line = refusal(
        capsys, "merge_metrics.py", f"--parts={shards}/*/metrics.json", f"--output={shards / 'all'}"
    )
    assert line == "error: 1 of 3 shards are missing: 2/3."
    (shards / "eval-val-3-of-3/metrics.json").write_text(json.dumps(results_of(PAIRS)))
    line = refusal(
        capsys, "merge_metrics.py", f"--parts={shards}/*/metrics.json", f"--output={shards / 'all'}"
    )
    assert line.startswith(f"error: {shards}/eval-val-3-of-3/metrics.json: not of a shard")
    assert not (shards / "all").exists()


@pytest.mark.slow
def test_shards_that_evaluate_wrote_equal_its_whole(tmp_path):
    network = deeplab_tf.DeepLab(dataset=synthetic_spec(), width=0.05)
    evaluate = [
        "evaluate.py", f"--workdir={tmp_path}", "--data_dir=synthetic", "--limit=5", "--boundary",
        "--trimap_from=void", "--submission=voc",
    ]  # fmt: skip
    with mock.patch("deeplab_tf.pretrained.open_network.load_model", lambda _: network):
        for more in ([], ["--shard=1/2"], ["--shard=2/2"]):
            call(*evaluate, *more)
    call("merge_metrics.py", f"--parts={tmp_path}/*-of-2/metrics.json", f"--output={tmp_path}/all")
    whole, merged, *parts = (
        json.loads((tmp_path / name / "metrics.json").read_text())
        for name in ("eval-val", "all", "eval-val-1-of-2", "eval-val-2-of-2")
    )
    assert sum(part["seconds"] for part in parts) == pytest.approx(merged.pop("seconds"))
    del whole["seconds"]
    assert merged == whole and "shard" not in whole
    submitted = [
        {path.name for path in (tmp_path / f"eval-val{name}/results").rglob("*.png")}
        for name in ("", "-1-of-2", "-2-of-2")
    ]
    assert submitted[0] == submitted[1] | submitted[2] and len(submitted[0]) == 5
    assert [len(names) for names in submitted] == [5, 3, 2]
