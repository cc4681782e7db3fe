"""Event files are read by TensorBoard's own readers, and as TensorFlow's records."""

import io
import itertools
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import (
    EventAccumulator as ServerAccumulator,
)

from deeplab_tf.training import event_file
from deeplab_tf.training.event_file import EventFile
from tests.training.small_files import small_files


def read_events(path):
    return list(tf.compat.v1.train.summary_iterator(str(path)))


def shown(folder):
    """What TensorBoard shows of a run, all points."""
    return EventAccumulator(str(folder), size_guidance={}).Reload()


def points(folder, tag="train/loss"):
    """The points of a scalar, in the reader for scripts and in that of the server."""
    found = [(event.step, event.value) for event in shown(folder).Scalars(tag)]
    server = ServerAccumulator(str(folder), tensor_size_guidance={"scalars": 0}).Reload()
    tensors = [(e.step, float(tf.make_ndarray(e.tensor_proto))) for e in server.Tensors(tag)]
    assert tensors == found
    return found


def is_start(event, step):
    """Whether an event is the beginning of a session."""
    is_session = event.WhichOneof("what") == "session_log"
    return is_session and event.session_log.status == 1 and event.step == step


def write_run(folder, first_step, last_step, value):
    events = EventFile(folder, first_step)
    for step in range(first_step + 1, last_step + 1):
        events.scalars(step, {"train/loss": value})
    events.close()
    return events.path


def encode_png(height, width, mode="RGB"):
    stream = io.BytesIO()
    Image.new(mode, (width, height), 7).save(stream, "PNG")
    return stream.getvalue()


# === Restarts ===


def test_a_new_run_is_shown_as_written(tmp_path):
    path = write_run(tmp_path / "new" / "run", 0, 3, 0.5)
    version, start, *rest = read_events(path)
    assert version.file_version == "brain.Event:2" and is_start(start, 0)
    assert [(e.step, e.WhichOneof("what")) for e in rest] == [(i, "summary") for i in (1, 2, 3)]
    assert points(path.parent) == [(1, 0.5), (2, 0.5), (3, 0.5)]


def test_a_restart_shows_every_step_once(tmp_path):
    write_run(tmp_path, 0, 14, 1.0)
    path = write_run(tmp_path, 10, 20, 2.0)
    _, *starts, first = read_events(path)[:4]
    assert [is_start(event, 11) for event in starts] == [True, True] and first.step == 11
    wanted = [(step, 1.0 if step <= 10 else 2.0) for step in range(1, 21)]
    assert points(tmp_path) == wanted


def test_a_restart_of_a_run_of_version_0_1_shows_every_step_once(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "events.out.tfevents.1700000000.host.1")) as writer:
        writer.write(tf.compat.v1.Event(file_version="brain.Event:2").SerializeToString())
        for step in range(1, 15):
            summary = tf.compat.v1.Summary()
            summary.value.add(tag="train/loss", simple_value=1.0)
            writer.write(tf.compat.v1.Event(step=step, summary=summary).SerializeToString())
    write_run(tmp_path, 10, 12, 2.0)
    assert points(tmp_path) == [*((step, 1.0) for step in range(1, 11)), (11, 2.0), (12, 2.0)]


def test_points_that_a_restart_does_not_repeat_are_dropped(tmp_path):
    events = EventFile(tmp_path)
    for step in (8, 12):
        events.scalars(step, {"val/miou": 0.25})
    events.close()
    write_run(tmp_path, 10, 11, 2.0)
    assert points(tmp_path, "val/miou") == [(8, 0.25)]


def test_a_run_that_starts_again_from_nothing_drops_all(tmp_path):
    write_run(tmp_path, 0, 5, 1.0)
    write_run(tmp_path, 0, 2, 2.0)
    assert points(tmp_path) == [(1, 2.0), (2, 2.0)]


def test_a_second_restart_in_the_same_second_comes_last(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file.time, "time", lambda: 1_700_000_000.5)
    # A process of a larger number wrote before: by name alone it would come last.
    (tmp_path / "events.out.tfevents.1700000000.host.99999999").touch()
    paths = [write_run(tmp_path, first, first + 3, float(first)) for first in (0, 1, 2)]
    assert sorted(paths) == paths and paths[0].name > "events.out.tfevents.1700000000.host.9"
    assert points(tmp_path) == [(1, 0.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]


def test_a_file_is_named_as_tensorboard_wants_it(tmp_path):
    name = EventFile(tmp_path).path.name
    assert name.startswith("events.out.tfevents.") and name.endswith(f".{os.getpid()}")


# === Images and histograms ===


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_images_have_their_size_and_bytes(tmp_path, mode, channels):
    png = encode_png(height=3, width=5, mode=mode)
    events = EventFile(tmp_path)
    events.images(10, {"val/panel/a": png})
    events.close()
    (image,) = shown(tmp_path).Images("val/panel/a")
    assert (image.step, image.width, image.height) == (10, 5, 3)
    assert image.encoded_image_string == png
    assert read_events(events.path)[-1].summary.value[0].image.colorspace == channels


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_png_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r"^val/panel/a: no PNG"):
        EventFile(tmp_path).images(10, {"val/panel/a": content})


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, tf.bfloat16.as_numpy_dtype])
def test_histograms_have_moments_and_counts(tmp_path, dtype):
    array = np.random.default_rng(0).normal(0, 30, [40, 25]).astype(dtype)
    array[0, :3] = 0
    events = EventFile(tmp_path)
    events.histograms(10, {"weights/fc8": array})
    events.close()
    (found,) = shown(tmp_path).Histograms("weights/fc8")
    histogram, numbers = found.histogram_value, array.astype(np.float64).ravel()
    assert (found.step, histogram.num) == (10, 1000)
    assert (histogram.min, histogram.max) == (numbers.min(), numbers.max())
    np.testing.assert_allclose(histogram.sum, numbers.sum(), rtol=1e-12)
    np.testing.assert_allclose(histogram.sum_squares, (numbers**2).sum(), rtol=1e-12)
    edges = itertools.pairwise([-np.inf, *histogram.bucket_limit])
    wanted = [((low <= numbers) & (numbers < high)).sum() for low, high in edges]
    assert histogram.bucket == wanted and sum(wanted) == 1000
    full = np.flatnonzero(histogram.bucket)
    assert len(full) > 30  # a tenth of the number wide, as TensorBoard expects


def test_numbers_that_are_not_finite_are_in_no_histogram(tmp_path):
    events = EventFile(tmp_path)
    arrays = {"some": [1.0, np.nan, np.inf, -np.inf, 2.0], "none": [np.nan], "empty": []}
    events.histograms(10, {tag: np.array(values) for tag, values in arrays.items()})
    events.close()
    run = shown(tmp_path)
    assert run.Tags()["histograms"] == ["some"]
    histogram = run.Histograms("some")[0].histogram_value
    assert (histogram.num, histogram.min, histogram.max, histogram.sum) == (2, 1.0, 2.0, 3.0)


def test_nothing_is_no_event(tmp_path):
    events = EventFile(tmp_path)
    events.scalars(1, {})
    events.images(1, {})
    events.histograms(1, {})
    events.close()
    assert not any(event.HasField("summary") for event in read_events(events.path))


# === Readers and a full disk ===


def test_what_is_flushed_can_be_read_while_the_run_goes_on(tmp_path):
    events = EventFile(tmp_path)
    events.scalars(1, {"train/loss": 0.5})
    events.flush()
    assert points(tmp_path) == [(1, 0.5)]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    events = EventFile(tmp_path)
    with small_files(100), pytest.raises(OSError, match="cannot be written") as error:
        events.scalars(1, {f"tag {i}": 0.5 for i in range(100)})
        events.flush()
    assert error.value.filename == str(events.path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot be written") as error:
        EventFile(tmp_path / "file" / "run")
    assert error.value.filename == str(tmp_path / "file" / "run")
