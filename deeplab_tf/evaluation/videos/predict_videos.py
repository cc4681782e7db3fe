"""Labels videos, one frame at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from deeplab_tf.data.files import whole_file
from deeplab_tf.data.spec import DataError
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.prediction_writer import written_problem
from deeplab_tf.evaluation.videos.video_formats import FRAME_PIXELS
from deeplab_tf.evaluation.videos.video_reader import Frame, VideoReader
from deeplab_tf.evaluation.videos.video_writer import VideoWriter


def predict_videos(
    labeller: ImageLabeller,
    jobs: Iterable[Job],
    formats: Sequence[str] = ("overlay",),
    progress: Callable[[Iterable, int | None], Iterable] = lambda frames, total: frames,
    log: Callable[[str], None] = print,
) -> list[str]:
    """Labels videos; one that is broken or cannot be written does not stop the others.

    Whatever the length of a video, a few frames are held at a time. What could be read of a
    broken video is written as a whole file. Sound is dropped.

    Args:
        labeller: what labels.
        jobs: of videos, from `plan_media`.
        formats: rows of `VIDEO_FORMATS`.
        progress: wraps the frames of a video, whose number is known or None, such as a bar.
        log: receives lines for people.

    Returns:
        One line for every video that could not be read to its end or written, or for which the
        network's logits are not finite.

    Raises:
        OSError: the disk is full, so that nothing else can be written either.
    """
    problems = []
    for job in jobs:
        try:
            with contextlib.closing(VideoReader(job.source)) as video:
                if video.has_sound:
                    log(f"{job.source}: the sound is left out")
                problem = _predict_video(labeller, job, formats, video, progress)
        except (DataError, FloatingPointError) as error:
            problem = str(error) if isinstance(error, DataError) else f"{job.source}: {error}"
        except OSError as error:
            problem = written_problem(error)
        problems += [problem] if problem else []
    return problems


def _predict_video(
    labeller: ImageLabeller,
    job: Job,
    formats: Sequence[str],
    video: VideoReader,
    progress: Callable[[Iterable, int | None], Iterable],
) -> str | None:
    """Writes the files of a video; returns what is wrong where it is written in part."""
    problems: list[DataError] = []
    frames = _until_broken(video.frames(), problems)
    with contextlib.ExitStack() as stack:
        writers: dict[str, VideoWriter] = {}
        parts = {name: stack.enter_context(whole_file(job.file(name))) for name in formats}
        for frame in progress(frames, video.count):
            if not writers:
                writers = {name: _start(part, frame, video) for name, part in parts.items()}
                for writer in writers.values():
                    stack.callback(writer.close)
            labelled = labeller(job, frame.pixels)
            for name, writer in writers.items():
                writer.write(FRAME_PIXELS[name](labelled), frame.time)
        if not writers:
            raise problems[0]
        for writer in writers.values():
            writer.finish()
    return f"{problems[0]} What is before is labelled." if problems else None


def _start(path: Path, frame: Frame, video: VideoReader) -> VideoWriter:
    height, width = frame.pixels.shape[:2]
    turned = frame.pixels.shape[:2] != video.stored_size
    aspect = 1 / video.pixel_aspect if turned else video.pixel_aspect
    return VideoWriter(path, height, width, video.rate, aspect)


def _until_broken(frames: Iterator[Frame], problems: list[DataError]) -> Iterator[Frame]:
    """Yields frames, and collects the error that ends them early."""
    try:
        yield from frames
    except DataError as error:
        problems.append(error)
