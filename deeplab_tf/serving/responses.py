"""What the clients return and raise, and how they check a server's response."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.image import image_size
from deeplab_tf.data.png import label_ids

MAX_MESSAGE = 500  # characters
MAX_CLASSES = 256  # labels have 8 bits


class ServingError(OSError):
    """The server refused a request, or sent a response that cannot be used.

    Args:
        message: what happened; made one line, since a part of it is the server's text.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


class DeadlineError(ServingError):
    """The server did not respond within the deadline."""


class UnavailableError(ServingError):
    """The server could not be reached, or was busy, at every attempt."""


class Prediction(NamedTuple):
    """The server's result for one image.

    Attributes:
        labels: uint8 [H, W] of the image as it is stored, its EXIF orientation not applied; None
            where the image was refused.
        error: why it was refused, else empty.
    """

    labels: np.ndarray | None
    error: str


def one_line(text: str) -> str:
    r"""Returns a text of unknown origin as one line that a terminal can show.

    Args:
        text: any text; one of more than 500 characters loses its middle.

    Returns:
        The text without line breaks and control characters.

    Example:
        >>> one_line("<html>\n  <b>404</b>\x1b[2J")
        '<html> <b>404</b> [2J'
    """
    shown = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(shown.split())
    if len(line) <= MAX_MESSAGE:
        return line
    return f"{line[: MAX_MESSAGE // 2]} ... {line[-MAX_MESSAGE // 2 :]}"


def read_predictions(
    pngs: Iterable[bytes], errors: Iterable[str], contents: Sequence[bytes]
) -> list[Prediction]:
    """Decodes the outputs of the signature `serving_default`.

    Args:
        pngs: label PNGs, empty where there is an error.
        errors: one for each image, empty where there is a PNG.
        contents: the images that were sent.

    Returns:
        A Prediction for each image.

    Raises:
        ValueError: there are more or fewer outputs than images, or one is no label PNG of its
            image's size.
    """
    return [
        Prediction(None, one_line(error)) if error else Prediction(_read_labels(png, content), "")
        for content, png, error in zip(contents, pngs, errors, strict=True)
    ]


def _read_labels(png: bytes, content: bytes) -> np.ndarray:
    # Only the headers are read before the sizes are compared: a PNG of a few kilobytes can claim
    # gigabytes of pixels.
    sizes = [_size(data, name) for data, name in ((png, "the label"), (content, "the image"))]
    if sizes[0] != sizes[1]:
        label, image = (f"{width}x{height}" for height, width in sizes)
        raise ValueError(f"labels of {label} pixels for an image of {image}")
    labels = label_ids(png, "the label")
    if labels.max(initial=0) >= MAX_CLASSES:
        raise ValueError("labels of more than 8 bits")
    return labels.astype(np.uint8)


def check_shapes(
    images: np.ndarray, labels: Sequence[int], probabilities: Sequence[int] | None = None
) -> None:
    """Checks the shapes of the outputs of the signature `predict_tensor`.

    Args:
        images: [B, H, W, 3], as they were sent.
        labels: shape of the labels.
        probabilities: shape of the probabilities, None where they were not requested.

    Raises:
        ValueError: a shape does not fit the images.

    Example:
        >>> check_shapes(np.zeros([1, 4, 5, 3]), labels=[1, 4, 5], probabilities=[1, 4, 5, 21])
    """
    wanted = images.shape[:3]
    if tuple(labels) != wanted:
        raise ValueError(f"labels of shape {[*labels]} for images of {[*images.shape]}")
    if probabilities is not None and (
        tuple(probabilities[:-1]) != wanted or not 0 < probabilities[-1] <= MAX_CLASSES
    ):
        raise ValueError(
            f"probabilities of shape {[*probabilities]} for images of {[*images.shape]}"
        )


def _size(contents: bytes, name: str) -> list[int]:
    """Returns height and width."""
    try:
        with tf.device("CPU:0"):
            return image_size(tf.constant(contents), name).numpy().tolist()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(plain_reason(error)) from None


@contextlib.contextmanager
def reading_response(server: str) -> Iterator[None]:
    """Turns what goes wrong while a response is read into a ServingError.

    Args:
        server: its address, for the message.

    Raises:
        ServingError: the response cannot be read.
    """
    try:
        yield
    except Exception as error:  # nothing that a server can send may end its client
        raise ServingError(
            f"{server}: the response cannot be read ({type(error).__name__}: {error}). Was the "
            "model written by tools/export.py?"
        ) from error
