"""Has a server label files, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import tensorflow as tf

from deeplab_tf.data.image import read_orientation, read_upright
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.predict import Job, write_answer
from deeplab_tf.serving.answers import Answer, ServingError, UnavailableError


def label_files(
    client,
    spec: DatasetSpec,
    jobs: Sequence[Job],
    overlay: bool = False,
    batch_size: int = 1,
    concurrency: int = 4,
    progress: Callable[[Iterable], Iterable] = lambda finished: finished,
) -> list[str]:
    """Labels pictures through a server and writes what `predict_files` writes.

    A picture that its EXIF orientation turns is sent upright, as a PNG; all others are sent as they
    are. A bad picture does not stop the others; a server that cannot be reached does, and what is
    written by then is whole.

    Args:
        client: a GrpcClient or RestClient.
        spec: gives the palette.
        jobs: from `plan_jobs`.
        overlay: also writes the picture with its labels over it.
        batch_size: pictures of a request. The server labels them one after the other: more save
            little and lose more when a request fails.
        concurrency: requests on the way at a time.
        progress: wraps an iterable with one item for every finished job, such as a progress bar.

    Returns:
        One line for every picture that is not labelled.

    Raises:
        UnavailableError: the server cannot be reached.
        OSError: the disk is full, so that nothing else can be written either.
    """
    palette = palette_bytes(spec)

    def write(job: Job, answer: Answer) -> str | None:
        if answer.error:
            return f"{job.source}: {answer.error}"
        image = read_upright(job.source) if overlay else None
        return write_answer(job, answer.labels, palette, image)

    def finish(batch: Sequence[Job]) -> list[str | None]:
        answers = zip(batch, _answers(client, batch), strict=True)
        return [write(job, answer) for job, answer in answers]

    def finished() -> Iterator[str | None]:
        batches = [jobs[i : i + batch_size] for i in range(0, len(jobs), batch_size)]
        with ThreadPoolExecutor(concurrency) as pool:
            futures = [pool.submit(finish, batch) for batch in batches]
            try:
                for future in as_completed(futures):
                    yield from future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    return sorted(problem for problem in progress(finished()) if problem is not None)


def _answers(client, batch: Sequence[Job]) -> list[Answer]:
    """Asks for a batch; files that cannot be read are not sent."""
    contents = [_read(job) for job in batch]
    good = [content for content in contents if isinstance(content, bytes)]
    try:
        labelled = iter(client.label(good))
    except UnavailableError:
        raise
    except ServingError as error:
        labelled = (Answer(None, str(error)) for _ in good)
    return [
        next(labelled) if isinstance(content, bytes) else Answer(None, content)
        for content in contents
    ]


def _read(job: Job) -> bytes | str:
    """Returns what to send, or what is wrong."""
    try:
        if read_orientation(job.source) == 1:
            return job.source.read_bytes()
        return tf.io.encode_png(read_upright(job.source)).numpy()
    except (DataError, OSError) as error:
        return str(error)
