"""Has a server label files, several at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import tensorflow as tf

from deeplab_tf.data.image import read_orientation, read_upright
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.prediction_writer import write_prediction
from deeplab_tf.serving.responses import DeadlineError, Prediction, ServingError, UnavailableError

DEADLINES_WAITED = 3  # for a server that answers nothing, however many images there are


def label_files(
    client,
    spec: DatasetSpec,
    jobs: Sequence[Job],
    overlay: bool = False,
    batch_size: int = 1,
    concurrency: int = 4,
    progress: Callable[[Iterable], Iterable] = lambda finished: finished,
) -> list[str]:
    """Labels images through a server and writes what `predict_files` writes.

    An image that its EXIF orientation turns is sent upright, as a PNG; all others are sent as they
    are. A bad image does not stop the others, nor does a request that is refused, or that has no
    answer in time, or one that cannot be used. A server that answers nothing at all does, and what
    is written by then is whole.

    Args:
        client: a GrpcClient or RestClient.
        spec: of the model; gives the classes and their palette.
        jobs: from `plan_jobs`.
        overlay: also writes the image with its labels over it.
        batch_size: images of a request. The server labels them one after the other: more save
            little and lose more when a request fails.
        concurrency: requests on the way at a time.
        progress: wraps an iterable with one item for every finished job, such as a progress bar.

    Returns:
        One line for every image that is not labelled.

    Raises:
        UnavailableError: the server has answered none of the requests, or none of many in a row,
            DEADLINES_WAITED times as many as are on the way at a time.
        OSError: the disk is full, so that nothing else can be written either.
    """
    palette = palette_bytes(spec)
    batches = [jobs[i : i + batch_size] for i in range(0, len(jobs), batch_size)]
    patience = _Patience(DEADLINES_WAITED * concurrency, len(batches))

    def finish(batch: Sequence[Job]) -> list[str | None]:
        predictions = [
            _of_classes(prediction, spec) for prediction in _ask(client, batch, patience)
        ]
        pairs = zip(batch, predictions, strict=True)
        return [_write(job, prediction, palette, overlay) for job, prediction in pairs]

    def finished() -> Iterator[str | None]:
        with ThreadPoolExecutor(concurrency) as pool:
            futures = [pool.submit(finish, batch) for batch in batches]
            try:
                for future in as_completed(futures):
                    yield from future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    return sorted(problem for problem in progress(finished()) if problem is not None)


class _Patience:
    """Ends a run whose server does not answer, so that not every image waits for it.

    One request may run out of time, or bring the server down, and the next one may not: only many
    without an answer, one after the other, mean that there is no server.

    Args:
        most: requests without an answer, one after the other, that are one too many.
        total: number of all requests.
    """

    def __init__(self, most: int, total: int):
        self._most, self._total, self._unanswered = most, total, 0
        self._end: UnavailableError | None = None
        self._lock = threading.Lock()

    def check(self):
        """Raises UnavailableError where it has come to an end."""
        if self._end is not None:
            raise self._end

    def count(self, silence: ServingError | None):
        """Counts a request, and raises UnavailableError when it is one too many.

        Args:
            silence: why it had no answer, None where it had one.
        """
        with self._lock:
            self._unanswered = self._unanswered + 1 if silence else 0
            never_there = self._unanswered == self._total and isinstance(silence, UnavailableError)
            if self._unanswered >= self._most or never_there:
                self._end = UnavailableError(
                    f"{silence}. {self._unanswered} requests in a row had no answer, so no more "
                    "are sent; what is labelled is kept, and --resume leaves it out."
                )
        if silence is not None:
            self.check()


def _ask(client, batch: Sequence[Job], patience: _Patience) -> list[Prediction]:
    """Asks for a batch; files that cannot be read are not sent."""
    contents = [_read(job) for job in batch]
    good = [content for content in contents if isinstance(content, bytes)]
    labelled = iter(_predictions(client, good, patience) if good else [])
    return [
        next(labelled) if isinstance(content, bytes) else Prediction(None, content)
        for content in contents
    ]


def _predictions(client, contents: Sequence[bytes], patience: _Patience) -> list[Prediction]:
    """Sends a request; one that fails is an answer with an error for each of its images."""
    patience.check()
    silence = None
    try:
        predictions = client.label(contents)
    except ServingError as error:
        silence = error if isinstance(error, (DeadlineError, UnavailableError)) else None
        predictions = [Prediction(None, str(error))] * len(contents)
    patience.count(silence)
    return predictions


def _read(job: Job) -> bytes | str:
    """Returns what to send, or what is wrong."""
    try:
        if read_orientation(job.source) == 1:
            return job.source.read_bytes()
        return tf.io.encode_png(read_upright(job.source)).numpy()
    except OSError as error:
        return f"cannot be read ({error.strerror})."
    except DataError as error:
        return str(error).removeprefix(f"{job.source}: ")


def _of_classes(prediction: Prediction, spec: DatasetSpec) -> Prediction:
    """Refuses labels that are no classes: the model is of another data set than the palette."""
    highest = 0 if prediction.error else prediction.labels.max(initial=0)
    if highest < spec.num_classes:
        return prediction
    return Prediction(
        None,
        f"the server's label {highest} is none of the {spec.num_classes} classes of {spec.name!r}. "
        "Give the dataset.json that was exported with the model (--dataset).",
    )


def _write(job: Job, prediction: Prediction, palette: bytes, overlay: bool) -> str | None:
    """Writes an answer and returns what is wrong, None for nothing."""
    if prediction.error:
        return f"{job.source}: {prediction.error}"
    try:
        image = read_upright(job.source) if overlay else None
    except DataError as error:  # it was there when it was sent
        return str(error)
    return write_prediction(job, prediction.labels, palette, image)
