"""Labels files through TF Serving."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import tensorflow as tf

from deeplab_tf.data.image import is_jpeg_or_png, read_orientation, read_upright
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.prediction_writer import write_prediction
from deeplab_tf.serving.grpc_client import GrpcClient
from deeplab_tf.serving.responses import DeadlineError, Prediction, ServingError, UnavailableError
from deeplab_tf.serving.rest_client import RestClient

# Consecutive requests without a response that end the run, as a multiple of the concurrency.
MAX_UNANSWERED = 3


def label_files(
    client: GrpcClient | RestClient,
    spec: DatasetSpec,
    jobs: Sequence[Job],
    overlay: bool = False,
    batch_size: int = 1,
    concurrency: int = 4,
    progress: Callable[[Iterable], Iterable] = lambda finished: finished,
) -> list[str]:
    """Labels images through a server and writes the files that `predict_files` writes.

    An image that is neither JPEG nor PNG, or that its EXIF orientation turns, is sent upright, as a
    PNG; all others are sent as they are. Neither a bad image stops the others, nor a request that
    is refused, that gets no response in time, or one that cannot be used. A server that does not
    respond at all stops the run; files that are written by then are complete.

    Args:
        client: for the server.
        spec: of the model; gives the classes and their palette.
        jobs: from `plan_jobs`.
        overlay: also writes the image with its labels over it.
        batch_size: images of a request. The server labels them one after the other: more save
            little and lose more when a request fails.
        concurrency: number of requests at a time.
        progress: wraps an iterable with one item for every finished job, such as a progress bar.

    Returns:
        One line for every image that is not labelled.

    Raises:
        UnavailableError: the server has responded to none of the requests, or to none of
            MAX_UNANSWERED times `concurrency` in a row.
        OSError: the disk is full, so that nothing else can be written either.
    """
    palette = palette_bytes(spec)
    batches = [jobs[i : i + batch_size] for i in range(0, len(jobs), batch_size)]
    responses = _ResponseCounter(MAX_UNANSWERED * concurrency, len(batches))

    def finish(batch: Sequence[Job]) -> list[str | None]:
        predictions = [
            _check_classes(prediction, spec) for prediction in _label(client, batch, responses)
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


class _ResponseCounter:
    """Stops a run whose server does not respond, so that not every image waits for the deadline.

    One request may run out of time, or crash the server, and the next one may not: only many in a
    row without a response mean that there is no server.

    Args:
        limit: number of consecutive requests without a response that stops the run.
        total: number of all requests.
    """

    def __init__(self, limit: int, total: int):
        self._limit, self._total, self._unanswered = limit, total, 0
        self._error: UnavailableError | None = None
        self._failure: ServingError | None = None  # of the last request
        self._lock = threading.Lock()

    def check(self):
        """Raises UnavailableError where the run has been stopped."""
        if self._error is not None:
            raise self._error

    def count(self, failure: ServingError | None):
        """Counts a request, and raises UnavailableError where it stops the run.

        Args:
            failure: why there was no response, None where there was one.
        """
        with self._lock:
            self._unanswered, self._failure = (self._unanswered + 1 if failure else 0), failure
            self._stop_without_responses()
        if failure is not None:
            self.check()

    def count_unsent(self):
        """Counts a request that is not sent, and raises UnavailableError where that stops the run.

        Its images cannot be read.
        """
        with self._lock:
            self._total -= 1
            self._stop_without_responses()
        self.check()

    def _stop_without_responses(self):
        is_away = isinstance(self._failure, UnavailableError)
        all_failed = is_away and self._unanswered == self._total
        if self._failure and (self._unanswered >= self._limit or all_failed):
            self._error = UnavailableError(
                f"{self._failure}. No response to {self._unanswered} requests in a row, so no more "
                "are sent; images labelled so far are kept, and --resume skips them."
            )


def _label(
    client: GrpcClient | RestClient, batch: Sequence[Job], responses: _ResponseCounter
) -> list[Prediction]:
    """Labels a batch; files that cannot be read are not sent."""
    contents = [_read(job) for job in batch]
    good = [content for content in contents if isinstance(content, bytes)]
    if not good:
        responses.count_unsent()
    labelled = iter(_request(client, good, responses) if good else [])
    return [
        next(labelled) if isinstance(content, bytes) else Prediction(None, content)
        for content in contents
    ]


def _request(
    client: GrpcClient | RestClient, contents: Sequence[bytes], responses: _ResponseCounter
) -> list[Prediction]:
    """Sends a request; where it fails, every image of it has its error."""
    responses.check()
    failure = None
    try:
        predictions = client.label(contents)
    except ServingError as error:
        failure = error if isinstance(error, (DeadlineError, UnavailableError)) else None
        predictions = [Prediction(None, str(error))] * len(contents)
    responses.count(failure)
    return predictions


def _read(job: Job) -> bytes | str:
    """Returns the bytes to send, or an error message."""
    try:
        contents = job.source.read_bytes()
        if is_jpeg_or_png(contents) and read_orientation(job.source) == 1:
            return contents
        return tf.io.encode_png(read_upright(job.source)).numpy()
    except OSError as error:
        return f"cannot be read ({error.strerror})."
    except DataError as error:
        return str(error).removeprefix(f"{job.source}: ")


def _check_classes(prediction: Prediction, spec: DatasetSpec) -> Prediction:
    """Replaces labels that are no classes by an error: the palette is not the model's."""
    highest = 0 if prediction.labels is None else prediction.labels.max(initial=0)
    if highest < spec.num_classes:
        return prediction
    return Prediction(
        None,
        f"the server's label {highest} is none of the {spec.num_classes} classes of {spec.name!r}. "
        "Give the dataset.json that was exported with the model (--dataset).",
    )


def _write(job: Job, prediction: Prediction, palette: bytes, overlay: bool) -> str | None:
    """Writes a prediction and returns an error message, None where there is no error."""
    if prediction.labels is None:
        return f"{job.source}: {prediction.error}"
    try:
        image = read_upright(job.source) if overlay else None
    except DataError as error:  # the file was there when it was sent
        return str(error)
    return write_prediction(job, prediction.labels, palette, image)
