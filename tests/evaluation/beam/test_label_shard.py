"""The work of a worker, without Beam."""

import errno

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.image import read_upright
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.beam.dead_letters import read_dead_letters
from deeplab_tf.evaluation.beam.label_shard import ShardLabeller, Totals
from deeplab_tf.evaluation.beam.plan_run import plan_run
from deeplab_tf.evaluation.beam.record_files import read_label_records
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.evaluation.predict_files import predict_files
from deeplab_tf.evaluation.prediction_jobs import plan_jobs
from tests.data.archives import save_image
from tests.models.broken import WHITE, break_on_white
from tests.models.narrow import narrow_model

pytestmark = [pytest.mark.usefixtures("shallow_vgg", "eager_file")]
SPEC = DatasetSpec("three", ("sky", "road", "tree"))


@pytest.fixture(scope="module")
def predictor():
    return deeplab_tf.Predictor(narrow_model(width=0.05, num_classes=None, dataset=SPEC))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Six images of several sizes, one of them cut off and one no image."""
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        save_image(tmp_path / f"in/{'deep/' * (number % 2)}{number}.png", number)
    (tmp_path / "in/2.png").write_bytes((tmp_path / "in/2.png").read_bytes()[:90])
    (tmp_path / "in/deep/5.png").write_text("text")
    return tmp_path


def label(predictor, format="png", resume=False, most=2, output="out/x"):
    """Labels all shards; returns the totals of each and the plan."""
    plan = plan_run("in", output, format, most, resume, log=lambda line: None)
    plan.start(plan.describe(predictor))
    labeller = ImageLabeller(predictor, SPEC, "labels" if format == "png" else "confidence")
    work = ShardLabeller(labeller, plan.files, resume, {"class_names": SPEC.class_names})
    return [work(shard) for shard in plan.shards], plan


def letters(plan):
    numbers = range(plan.files.shards)
    files = [file for file in map(plan.files.dead_letters, numbers) if storage.exists(file)]
    return [letter for file in files for letter in read_dead_letters(file)]


def total(all_totals):
    return Totals(*(sum(counts) for counts in zip(*all_totals, strict=True)))


def test_label_pngs_are_those_of_predict_files(here, predictor):
    totals, plan = label(predictor, output="out")
    jobs = plan_jobs("in", "predicted", log=lambda line: None)
    problems = predict_files(predictor, SPEC, jobs)
    ours, theirs = (
        {path.relative_to(here / name): path.read_bytes() for path in (here / name).rglob("*.png")}
        for name in ("out", "predicted")
    )
    assert ours == theirs and len(ours) == 4
    assert {f"{letter.path}: {letter.reason}" for letter in letters(plan)} == {
        f"{here}/{problem}" for problem in problems
    }
    pixels = sum(read_label(path).size for path in (here / "out").rglob("*.png"))
    assert total(totals) == Totals(labelled=4, broken=2, skipped=0, pixels=pixels)


@pytest.mark.parametrize("format", ["tfrecord"])
def test_records_hold_the_labels_of_every_image_in_order(here, predictor, format):
    check_records(here, predictor, format)


def test_parquet_holds_the_labels_of_every_image_in_order(here, predictor):
    check_records(here, predictor, "parquet")


def check_records(here, predictor, format):
    totals, plan = label(predictor, format)
    records = [
        record
        for number in range(plan.files.shards)
        for record in read_label_records(plan.files.records(number))
    ]
    assert [record.name for record in records] == ["0.png", "4.png", "deep/1.png", "deep/3.png"]
    for record in records:
        labels, confidence = predictor.predict_confidence(read_upright(here / "in" / record.name))
        np.testing.assert_array_equal(record.labels, labels)
        shares = [(labels == label).mean() for label in range(3)]
        np.testing.assert_allclose(record.class_shares, shares, rtol=1e-6)
        assert record.mean_confidence == pytest.approx(confidence.mean(), rel=1e-5)
    assert [letter.name for letter in letters(plan)] == ["2.png", "deep/5.png"]
    assert total(totals)[:3] == (4, 2, 0)


# === Going on ===


def test_resume_leaves_out_images_that_have_labels(here, predictor):
    label(predictor, output="out")
    before = {path: path.stat().st_mtime_ns for path in (here / "out").rglob("*.png")}
    (here / "out/0.png").unlink()
    save_image(here / "in/2.png", 2)  # mended
    totals, plan = label(predictor, resume=True, output="out", most=3)
    assert total(totals)[:3] == (2, 1, 3)
    assert [letter.name for letter in letters(plan)] == ["deep/5.png"]
    del before[here / "out/0.png"]
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert {path.name for path in (here / "out").rglob("*.png")} == {
        "0.png", "1.png", "2.png", "3.png", "4.png",
    }  # fmt: skip


def test_resume_leaves_out_shards_that_are_there(here, predictor):
    totals, plan = label(predictor, "tfrecord")
    files = [here / plan.files.records(number) for number in range(3)]
    contents, known = [file.read_bytes() for file in files], letters(plan)
    files[1].unlink()
    again, plan = label(predictor, "tfrecord", resume=True)
    assert again == [Totals(skipped=2), totals[1], Totals(skipped=2)]
    assert [file.read_bytes() for file in files] == contents
    assert letters(plan) == known


def test_without_resume_all_are_labelled_again(here, predictor):
    first, _ = label(predictor, output="out")
    second, _ = label(predictor, output="out")
    assert first == second and total(first).labelled == 4


# === What goes wrong ===


def test_logits_that_are_not_finite_are_a_dead_letter(here):
    broken = deeplab_tf.Predictor(break_on_white(narrow_model(width=0.05, dataset=SPEC)))
    Image.fromarray(np.full([20, 31, 3], WHITE, np.uint8)).save(here / "in/0.png")
    totals, plan = label(broken, output="out")
    assert "not finite" in next(x.reason for x in letters(plan) if x.name == "0.png")
    assert total(totals)[:3] == (3, 3, 0)


def test_a_label_that_cannot_be_written_is_a_dead_letter(here, predictor):
    plan = plan_run("in", "out", images_per_shard=9, log=lambda line: None)
    (here / "out/0.png").mkdir(parents=True)
    work = ShardLabeller(ImageLabeller(predictor, SPEC), plan.files)
    assert work(plan.shards[0])[:3] == (3, 3, 0)
    (letter,) = [letter for letter in letters(plan) if letter.name == "0.png"]
    assert letter.path == f"{here}/in/0.png"
    assert letter.reason.startswith("out/0.png: cannot be written: ")


def test_a_full_disk_stops_the_work(here, predictor, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(storage, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        label(predictor, output="out")


def test_a_shard_is_not_there_by_half(here, predictor, monkeypatch):
    def broken(*_):
        raise MemoryError

    monkeypatch.setattr("deeplab_tf.evaluation.beam.label_shard.label_record", broken)
    with pytest.raises(MemoryError):
        label(predictor, "tfrecord")
    assert [path.name for path in (here / "out").iterdir()] == ["x.json"]


def test_a_shard_of_broken_images_is_empty_and_finished(here, predictor):
    for path in (here / "in").rglob("*.png"):
        path.write_text("text")
    totals, plan = label(predictor, "tfrecord")
    assert total(totals) == Totals(broken=6)
    assert [list(read_label_records(plan.files.records(n))) for n in range(3)] == [[], [], []]
    again, _ = label(predictor, "tfrecord", resume=True)
    assert total(again) == Totals(skipped=6)


def test_totals_for_people():
    assert str(Totals(3, 2, 1, 99)) == "3 labelled, 2 broken, 1 skipped"
