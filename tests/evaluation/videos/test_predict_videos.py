from fractions import Fraction

import av
import numpy as np
import pytest

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.media import VIDEOS, media_with
from deeplab_tf.evaluation.prediction_jobs import jobs_to_do, plan_media
from deeplab_tf.evaluation.videos.predict_videos import predict_videos
from tests.evaluation.videos.clips import (
    SPEC,
    BrightIsOne,
    frame_pixels,
    labeller,
    read_clip,
    write_clip,
)

NTSC = Fraction(30000, 1001)


def plan(tmp_path, names=None):
    (videos,) = plan_media(
        tmp_path / "in", tmp_path / "out", lambda medium: medium.choose(names), media_with()
    )
    assert videos.medium is VIDEOS
    return videos.jobs


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"rate": NTSC}),
        ("a.avi", {"size": (37, 51)}),
        ("a.mkv", {"size": (37, 51), "codec": "libx264", "pixels": "yuv444p", "rate": NTSC}),
        ("a.MOV", {"size": (37, 52)}),
        ("a.webm", {"codec": "libvpx", "rate": Fraction(25)}),
    ],
)
def test_every_frame_gets_its_labels(folder, tmp_path, name, options):
    source = write_clip(folder / name, **options)
    stored, times, _, size = read_clip(source)
    jobs = plan(tmp_path, ["color", "overlay"])
    assert predict_videos(labeller(), jobs, ["color", "overlay"]) == []
    colors = np.array(SPEC.palette)
    for form in ("color", "overlay"):
        found, found_times, found_rate, found_size = read_clip(jobs[0].file(form))
        assert found_size == size and len(found) == len(stored) == 8
        assert abs(found_rate - options.get("rate", 10)) < 0.001
        np.testing.assert_allclose(found_times, np.array(times) - times[0], atol=2e-3)
        for pixels, original in zip(found, stored, strict=True):
            labels = BrightIsOne()(original)
            assert 0 < labels.mean() < 1
            wanted = colors[labels]
            if form == "overlay":
                wanted = (wanted + original) / 2
            # Colours are stored coarsely, so that edges between them are soft.
            assert np.mean(np.abs(pixels - wanted)) < 6
            inner = labels[5:-5, 5:-5]
            assert np.abs(pixels - wanted)[5:-5, 5:-5][inner == 0].mean() < 6


def test_the_stripe_moves_as_in_the_original(folder, tmp_path):
    """Frames are neither shifted nor mixed up."""
    write_clip(folder / "a.mp4", size=(36, 60), count=12)
    jobs = plan(tmp_path, ["color"])
    predict_videos(labeller(), jobs, ["color"])
    found = read_clip(jobs[0].file("color"))[0]
    for i, pixels in enumerate(found):
        red = pixels[24, :, 0] > 100
        assert abs(np.flatnonzero(red).mean() - (2 + i + 3.5)) < 1, i


def test_uneven_times_stay(folder, tmp_path):
    times = [0, 40, 80, 300, 340, 900, 940, 980]
    write_clip(folder / "a.mkv", rate=25, codec="libx264", times=times)
    (job,) = plan(tmp_path)
    assert predict_videos(labeller(), [job]) == []
    np.testing.assert_allclose(read_clip(job.file("overlay"))[1], np.array(times) / 1000, atol=2e-3)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_phones_video_is_turned_upright(folder, tmp_path, turns):
    """An MP4 has a matrix in its track header, `tkhd`, that says how it is shown."""
    source = write_clip(folder / "a.mp4", size=(36, 52))
    one = (1 << 16).to_bytes(4, "big")
    minus, zero = (-1 << 16).to_bytes(4, "big", signed=True), bytes(4)
    # Rows a, b of [x y] * [[a, b], [c, d]]: clockwise by 90, 180 and 270 degrees.
    a, b, c, d = {1: (zero, one, minus, zero), 2: (minus, zero, zero, minus),
                  3: (zero, minus, one, zero)}[turns]  # fmt: skip
    data = source.read_bytes()
    identity = one + zero * 3 + one + zero * 3 + (1 << 30).to_bytes(4, "big")
    at = data.index(identity, data.index(b"tkhd"))
    turned = a + b + zero + c + d + zero * 3 + (1 << 30).to_bytes(4, "big")
    source.write_bytes(data[:at] + turned + data[at + len(turned) :])
    (job,) = plan(tmp_path)
    assert predict_videos(labeller(), [job]) == []
    found = read_clip(job.file("overlay"))[0][0]
    wanted = np.rot90(frame_pixels(0, 36, 52), -turns)
    assert found.shape == wanted.shape
    labels = BrightIsOne()(wanted)
    assert np.abs(found - (np.array(SPEC.palette)[labels] + wanted) / 2).mean() < 8


def test_classes_that_are_not_chosen_show_the_frame(folder, tmp_path):
    write_clip(folder / "a.mp4")
    (job,) = plan(tmp_path)
    predict_videos(labeller(classes=["bright"]), [job])
    found = read_clip(job.file("overlay"))[0][0]
    assert np.abs(found[20:, 30:].astype(int) - frame_pixels(0, 36, 52)[20:, 30:]).mean() < 4


# === What goes wrong ===


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "fast.mp4"])
def test_a_cut_off_video_is_labelled_as_far_as_it_goes(folder, tmp_path, name):
    if name == "fast.mp4":  # its index lies in front of the pictures
        with av.open(str(folder / name), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.height, stream.width, stream.pix_fmt = 36, 52, "yuv420p"
            for i in range(30):
                pixels = frame_pixels(i, 36, 52)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
    else:
        write_clip(folder / name, size=(136, 152), count=30)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(0.7 * len(data))])
    write_clip(folder / "whole.mp4")
    jobs = plan(tmp_path)
    (problem,) = predict_videos(labeller(), jobs)
    count = len(read_clip(jobs[0].file("overlay"))[0])
    assert problem.startswith(f"{folder / name}: broken or cut off after {count} frames (")
    assert problem.endswith("What is before is labelled.") and 1 < count < 30
    assert len(read_clip(jobs[1].file("overlay"))[0]) == 8


def test_what_is_no_video_is_named(folder, tmp_path):
    (folder / "text.mp4").write_text("no video")
    (folder / "empty.avi").touch()
    (folder / "deaf.mkv").write_bytes(b"")
    with av.open(str(folder / "deaf.mkv"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros([1, 1024], np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = write_clip(folder / "none.avi").read_bytes()
    (folder / "none.avi").write_bytes(data[: data.index(b"movi") + 4])
    problems = predict_videos(labeller(), plan(tmp_path))
    assert sorted(problem.split(":")[0].rsplit("/")[-1] for problem in problems) == [
        "deaf.mkv", "empty.avi", "none.avi", "text.mp4",
    ]  # fmt: skip
    assert f"{folder}/deaf.mkv: holds no images." in problems
    assert f"{folder}/none.avi: holds no frames." in problems
    assert list((tmp_path / "out").rglob("*")) == []


def test_broken_logits_cost_one_video(folder, tmp_path):
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 36, 52, "yuv420p"
        for value in (100, 100, 255):
            frame = av.VideoFrame.from_ndarray(np.full([36, 52, 3], value, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    write_clip(folder / "b.mp4")
    jobs = plan(tmp_path)
    (problem,) = predict_videos(labeller(), jobs)
    assert problem == f"{folder}/a.mp4: logits are not finite"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b_overlay.mp4"]


def test_sound_is_left_out_and_said_so(folder, tmp_path):
    write_clip(folder / "a.mkv", sound=True)
    (job,) = plan(tmp_path)
    logged = []
    assert predict_videos(labeller(), [job], log=logged.append) == []
    assert logged == [f"{folder}/a.mkv: the sound is left out"]
    with av.open(str(job.file("overlay"))) as container:
        assert not container.streams.audio and container.metadata["comment"] == PREDICTION


def test_a_video_that_cannot_be_written_does_not_stop_the_others(folder, tmp_path, monkeypatch):
    for name in ("a.mp4", "b.mp4"):
        write_clip(folder / name)
    jobs = plan(tmp_path)
    jobs[0].file("overlay").mkdir(parents=True)
    (problem,) = predict_videos(labeller(), jobs)
    assert problem.startswith(f"{jobs[0].file('overlay')}: cannot be written: ")
    assert jobs[1].is_finished(["overlay"])

    def full(source, target):
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        predict_videos(labeller(), jobs[1:])


def test_only_our_videos_are_replaced_and_finished(folder, tmp_path):
    write_clip(folder / "a.mp4")
    (job,) = jobs = plan(tmp_path)
    job.file("overlay").parent.mkdir()
    for foreign in (lambda path: write_clip(path), lambda path: path.write_text("x")):
        foreign(job.file("overlay"))
        with pytest.raises(ValueError, match=r"a_overlay\.mp4 is there and this program did not"):
            jobs_to_do(jobs, ["overlay"])
    assert jobs_to_do(jobs, ["overlay"], overwrite=True) == jobs
    predict_videos(labeller(), jobs)
    assert jobs_to_do(jobs, ["overlay"]) == jobs
    assert jobs_to_do(jobs, ["overlay"], resume=True) == []


def test_frames_are_read_when_they_are_needed_and_counted(folder, tmp_path):
    """Memory is that of a few frames."""
    write_clip(folder / "a.mp4", count=40)
    shown = []

    def progress(frames, total):
        for i, frame in enumerate(frames):
            shown.append((i, total))
            yield frame

    labelled = []

    class Counting(BrightIsOne):
        def __call__(self, image):
            assert len(shown) == len(labelled) + 1
            labelled.append(image.shape)
            return super().__call__(image)

    counting = labeller()
    counting._predictor = Counting()
    assert predict_videos(counting, plan(tmp_path), progress=progress) == []
    assert shown == [(i, 40) for i in range(40)] and len(labelled) == 40


@pytest.mark.parametrize("names", [["png"], ["overlay", "coco"], []])
def test_other_formats_are_refused(folder, tmp_path, names):
    write_clip(folder / "a.mp4")
    with pytest.raises(ValueError, match="--format of videos takes some of overlay, color"):
        plan(tmp_path, names)


def test_a_missing_package_names_its_extra(folder, tmp_path, monkeypatch):
    write_clip(folder / "a.mp4")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"needs av: pip install 'deeplab_tf\[video\]'"):
        plan(tmp_path)
