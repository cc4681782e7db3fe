import io
import json

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deeplab_tf.training.metrics_log import MetricsLog
from tests.training.small_files import small_files


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def shown(folder):
    """What TensorBoard shows of a run, all points."""
    return EventAccumulator(str(folder), size_guidance={}).Reload()


def scalars(folder):
    run = shown(folder)
    return {tag: [(e.step, e.value) for e in run.Scalars(tag)] for tag in run.Tags()["scalars"]}


# === metrics.jsonl ===


def test_metrics_are_appended(tmp_path):
    log = MetricsLog(tmp_path)
    log.write(10, {"loss": 0.5})
    log.write(10, {"split": "val", "miou": 0.25, "per_class_iou": {"road": 0.5, "car": None}})
    assert lines(tmp_path) == [
        {"step": 10, "loss": 0.5},
        {"step": 10, "split": "val", "miou": 0.25, "per_class_iou": {"road": 0.5, "car": None}},
    ]


def test_resumed_run_drops_later_and_broken_lines(tmp_path):
    kept = ['{"step": 5, "loss": 1.0}', '{"step": 10, "loss": 0.5}']
    broken = [
        '{"step": 11, "loss": 0.4}',
        '["no", "dict"]',
        '{"step": null}',
        '{"step": "x"}',
        '{"loss": 3}',
        '{"step": 12, "lo',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(kept + broken))
    log = MetricsLog(tmp_path, first_step=10)
    log.write(11, {"loss": 0.25})
    assert lines(tmp_path) == [*map(json.loads, kept), {"step": 11, "loss": 0.25}]


def test_new_run_drops_the_lines_of_one_without_checkpoint(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "loss": 0.5}\n')
    MetricsLog(tmp_path)
    assert lines(tmp_path) == []


def test_evaluations_before_are_known_by_step(tmp_path):
    log = MetricsLog(tmp_path)
    log.write(4, {"loss": 0.5})
    for step in (4, 8, 12):
        log.write(step, {"split": "val", "miou": step / 100})
    assert MetricsLog(tmp_path, first_step=8).evaluations("miou") == {4: 0.04, 8: 0.08}


def test_metrics_that_are_no_text_are_named_and_left_alone(tmp_path):
    content = b'{"step": 10}\n\xff\xfe\n'
    (tmp_path / "metrics.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=r"metrics\.jsonl: broken, it is not UTF-8 text"):
        MetricsLog(tmp_path, first_step=10)
    assert (tmp_path / "metrics.jsonl").read_bytes() == content


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    log = MetricsLog(tmp_path)
    with pytest.raises(OSError, match="cannot be written") as error, small_files(100):
        log.write(1, {"text": "x" * 200})
    assert error.value.filename == str(tmp_path / "metrics.jsonl")


# === TensorBoard ===


def test_tensorboard_reads_the_numbers_of_every_class_too(tmp_path):
    log = MetricsLog(tmp_path)
    log.write(10, {"loss": 0.5, "note": "no number", "list": [1.0]})
    per_class = {"road": 0.5, "car": None, "traffic sign": 0.0}
    log.write(20, {"split": "val", "miou": 0.25, "per_class_iou": per_class})
    assert scalars(tmp_path) == {
        "train/loss": [(10, 0.5)],
        "val/miou": [(20, 0.25)],
        "val/iou/road": [(20, 0.5)],
        "val/iou/traffic sign": [(20, 0.0)],
    }


def test_a_resumed_run_doubles_no_point(tmp_path):
    log = MetricsLog(tmp_path)
    for step in range(1, 15):
        log.write(step, {"loss": 1.0})
    log = MetricsLog(tmp_path, first_step=10)
    for step in range(11, 17):
        log.write(step, {"loss": 0.5})
    wanted = [(step, 1.0 if step <= 10 else 0.5) for step in range(1, 17)]
    assert scalars(tmp_path)["train/loss"] == wanted
    assert [(line["step"], line["loss"]) for line in lines(tmp_path)] == wanted


def test_images_go_to_tensorboard_alone(tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (6, 4)).save(stream, "PNG")
    log = MetricsLog(tmp_path)
    log.write(20, {"split": "val", "miou": 0.25, "panel/a": stream.getvalue()})
    assert lines(tmp_path) == [{"step": 20, "split": "val", "miou": 0.25}]
    (image,) = shown(tmp_path).Images("val/panel/a")
    assert (image.step, image.width, image.height) == (20, 6, 4)
    assert image.encoded_image_string == stream.getvalue()
    assert list(scalars(tmp_path)) == ["val/miou"]


def test_histograms_go_to_tensorboard_alone(tmp_path):
    log = MetricsLog(tmp_path)
    log.write_histograms(30, {"weights/fc8/kernel": np.array([[1.0, 2.0], [3.0, 4.0]])})
    (found,) = shown(tmp_path).Histograms("weights/fc8/kernel")
    assert (found.step, found.histogram_value.num, found.histogram_value.sum) == (30, 4, 10)
    log.close()
    assert lines(tmp_path) == []
