import numpy as np
import pytest

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.data.png import encode_label
from deeplab_tf.evaluation.beam.dead_letters import dead_letter, write_dead_letters
from deeplab_tf.evaluation.beam.run_description import describe_run, write_description
from deeplab_tf.evaluation.beam.shard_files import ShardFiles, check_files, is_own_label

NAMES = ["a.jpg", "deep/b.jpg"]
ADVICE = "Give --resume to keep them and go on, --overwrite"


def pngs(folder, shards=2):
    return ShardFiles(str(folder / "out"), "png", shards)


def records(folder, shards=2, format="tfrecord"):
    return ShardFiles(str(folder / "out/x"), format, shards)


def touch(*files):
    for file in files:
        with open(file, "w") as opened:
            opened.write("mine")


def own_label(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_label(np.zeros([2, 3], np.uint8), bytes(768), PREDICTION))


def test_names(tmp_path):
    files = ShardFiles("/o", "png", 12)
    assert files.label_png("deep/b.jpg") == "/o/deep/b.png"
    assert files.dead_letters(3) == "/o/dead_letters-00003-of-00012.jsonl"
    assert files.all_dead_letters == "/o/dead_letters-*.jsonl"
    files = ShardFiles("gs://o/x", "parquet", 12)
    assert files.label_png("b") == "gs://o/x/b.png"
    assert files.records(3) == "gs://o/x-00003-of-00012.parquet"
    assert files.dead_letters(3) == "gs://o/x-dead_letters-00003-of-00012.jsonl"
    assert files.description == "gs://o/x.json"


def test_files_of_earlier_runs_are_found_whatever_their_number(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    theirs = ("x-00000-of-00002.txt", "x-1-of-2.tfrecord", "xy-00000-of-00002.tfrecord",
              "x-00000-of-00002.parquet", "x.json", "x-dead_letters.jsonl")  # fmt: skip
    ours = ("x-00000-of-00002.tfrecord", "x-00007-of-00009.tfrecord",
            "x-dead_letters-00000-of-00002.jsonl")  # fmt: skip
    touch(*(tmp_path / "out" / name for name in (*ours, *theirs)))
    assert sorted(records(tmp_path).earlier()) == [str(tmp_path / "out" / name) for name in ours]
    assert records(tmp_path / "none").earlier() == [] == pngs(tmp_path).earlier()
    monkeypatch.chdir(tmp_path / "out")
    assert sorted(ShardFiles("x", "tfrecord", 2).earlier()) == [*ours]


def test_own_labels_are_known_by_their_mark(tmp_path):
    own_label(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(encode_label(np.zeros([2, 3], np.uint8), bytes(768)))
    found = [is_own_label(str(tmp_path / name)) for name in ("a.png", "b.png", "c.png")]
    assert found == [True, False, False]


# === Before a run ===


@pytest.mark.parametrize("resume", [True, False])
def test_label_pngs_of_ours_are_replaced_or_kept_and_others_refused(tmp_path, resume):
    own_label(tmp_path / "out/a.png")
    write_dead_letters(pngs(tmp_path).dead_letters(1), [dead_letter("b", "b", "cut off")])
    check_files(pngs(tmp_path), NAMES, resume, overwrite=False)
    for name in ("a.png", "dead_letters-00001-of-00002.jsonl"):
        touch(tmp_path / "out" / name)
        with pytest.raises(ValueError, match=rf"{name} is there and this program did not write it"):
            check_files(pngs(tmp_path), NAMES, resume, overwrite=False)
        check_files(pngs(tmp_path), NAMES, resume, overwrite=True)
        (tmp_path / "out" / name).unlink()


def test_shards_of_an_earlier_run_are_kept_unless_overwritten(tmp_path):
    files = records(tmp_path)
    write_description(files.description, describe_run("tfrecord", 2, ["sky"], "0f", "a1", 2))
    check_files(files, NAMES, resume=False, overwrite=False)
    touch(files.records(1))
    with pytest.raises(ValueError, match=rf"00001-of-00002\.tfrecord is there, of an.*{ADVICE}"):
        check_files(files, NAMES, resume=False, overwrite=False)
    with pytest.raises(ValueError, match=r"00001-of-00002\.tfrecord is there, of an"):
        check_files(records(tmp_path, 5), NAMES, resume=False, overwrite=False)
    check_files(files, NAMES, resume=True, overwrite=False)
    check_files(files, NAMES, resume=False, overwrite=True)


@pytest.mark.parametrize("name", ["records", "description", "dead_letters"])
def test_files_of_others_are_refused(tmp_path, name):
    (tmp_path / "out").mkdir()
    files = records(tmp_path)
    file = files.description if name == "description" else getattr(files, name)(1)
    touch(file)
    for resume in (True, False):
        with pytest.raises(ValueError, match="is there and this program did not write it"):
            check_files(files, NAMES, resume, overwrite=False)
    check_files(files, NAMES, resume=False, overwrite=True)
