"""Needs Apache Beam. Runs pipelines in this process; tests/tools/test_predict_beam.py in others."""

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.data.image import read_upright
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam.beam_options import pipeline_options
from deeplab_tf.evaluation.beam.label_shard import ShardLabeller, Totals
from deeplab_tf.evaluation.beam.plan_run import plan_run
from deeplab_tf.evaluation.beam.worker_predictor import WorkerPredictor
from tests.data.archives import save_image
from tests.evaluation.beam.stores import object_store
from tests.models.narrow import narrow_model

pytestmark = [pytest.mark.usefixtures("shallow_vgg", "eager_file")]
SPEC = DatasetSpec("three", ("sky", "road", "tree"))


@pytest.fixture(scope="module")
def model():
    return narrow_model(width=0.05, num_classes=None, dataset=SPEC)


@pytest.fixture
def here(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save(tmp_path / "model.keras")
    for number in range(5):
        save_image(tmp_path / f"in/{number}.png", number)
    (tmp_path / "in/3.png").write_text("text")
    return tmp_path


def run(predictor, source="in", output="out", log=lambda line: None, **options):
    from deeplab_tf.evaluation.beam.beam_pipeline import run_pipeline

    plan = plan_run(source, output, images_per_shard=2, log=log, **options)
    resume = options.get("resume", False)
    options = pipeline_options([])
    return run_pipeline(plan.shards, predictor, plan.files, options, log, resume=resume)


@pytest.mark.slow
def test_images_are_labelled_and_counted(here, model):
    lines = []
    totals = run(WorkerPredictor("model.keras", {}), log=lines.append)
    predictor, pixels = deeplab_tf.Predictor(model), 0
    for number in (0, 1, 2, 4):
        labels = predictor(read_upright(here / f"in/{number}.png"))
        np.testing.assert_array_equal(read_label(here / f"out/{number}.png"), labels)
        pixels += labels.size
    assert totals == Totals(labelled=4, broken=1, skipped=0, pixels=pixels)
    assert sorted(lines) == [
        "shard 1 of 3: 1 labelled, 0 broken, 0 skipped",
        "shard 2 of 3: 2 labelled, 0 broken, 0 skipped",
        "shard 3 of 3: 1 labelled, 1 broken, 0 skipped",
    ]
    assert run(WorkerPredictor("model.keras", {}), resume=True) == Totals(0, 1, 4, 0)


@pytest.mark.slow
def test_a_predictor_is_built_once_a_process(here, monkeypatch):
    built, build = [], WorkerPredictor.build
    monkeypatch.setattr(WorkerPredictor, "build", lambda self: built.append(1) or build(self))
    run(WorkerPredictor("model.keras", {}))
    assert built == [1]


def test_why_a_pipeline_failed_is_one_line(here, capfd):
    with pytest.raises(ValueError) as failed:
        run(WorkerPredictor("none.keras", {}))
    assert str(failed.value).startswith("The pipeline failed: none.keras: no such file.")
    assert "\n" not in str(failed.value)
    assert "Traceback" not in capfd.readouterr().err


def test_ctrl_c_in_a_worker_is_one(here, monkeypatch):
    def interrupt(self, shard):
        raise KeyboardInterrupt

    monkeypatch.setattr(ShardLabeller, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(WorkerPredictor("model.keras", {}))


@pytest.mark.slow
def test_model_images_and_labels_may_be_in_an_object_store(here, tmp_path):
    wanted = run(WorkerPredictor("model.keras", {}))
    (here / "in").rename(here / "images")
    with object_store(str(tmp_path)):
        found = run(
            WorkerPredictor("store://model.keras", {}), "store://images/*.png", "store://labels"
        )
        assert found == wanted
        with pytest.raises(ValueError, match=r"0\.png is there, of an earlier run \(4 such files"):
            run(WorkerPredictor("store://model.keras", {}), "store://images", "store://labels")
        again = run(
            WorkerPredictor("store://model.keras", {}), "store://images/", "store://labels",
            resume=True,
        )  # fmt: skip
        assert again == Totals(0, 1, 4, 0)
    for number in (0, 1, 2, 4):
        assert (here / f"labels/{number}.png").read_bytes() == (
            here / f"out/{number}.png"
        ).read_bytes()
    assert len(list((here / "labels").glob("dead_letters-*.jsonl"))) == 1


@pytest.mark.slow
def test_a_list_of_objects_and_shards_in_a_store(here, tmp_path):
    (here / "in/list.txt").write_text("0.png\nstore://in/1.png\nstore://in/x/2.png\nnone.png\n")
    (here / "in/x").mkdir()
    (here / "in/2.png").rename(here / "in/x/2.png")
    with object_store(str(tmp_path)):
        predictor = WorkerPredictor("model.keras", {})
        totals = run(predictor, "store://in/list.txt", "store://shards/x", format="tfrecord")
        assert totals[:3] == (3, 1, 0)
        with pytest.raises(ValueError, match="of an earlier run"):
            run(predictor, "store://in/list.txt", "store://shards/x", format="tfrecord")
    assert {path.name for path in (here / "shards").iterdir()} == {
        "x-00000-of-00002.tfrecord", "x-00001-of-00002.tfrecord",
        "x-dead_letters-00001-of-00002.jsonl",
    }  # fmt: skip


def test_nothing_in_a_store(here, tmp_path):
    for source in ("store://none", "store://in/*.gif", "store://none.parquet"):
        nothing = pytest.raises(ValueError, match=r"no images found|no such file")
        with object_store(str(tmp_path)), nothing:
            plan_run(source, "store://labels")
