"""What clients of a server return and raise."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.image import image_size
from deeplab_tf.data.png import label_ids

LONGEST_MESSAGE = 500  # characters
MOST_CLASSES = 256  # labels have 8 bits


class ServingError(OSError):
    """The server refused a request, or gave no answer that can be used.

    Args:
        message: what happened; made one line, since a part of it is the server's words.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


class DeadlineError(ServingError):
    """The server was asked, and did not answer within the deadline."""


class UnavailableError(ServingError):
    """The server could not be reached, or was busy, however often it was tried."""


class Prediction(NamedTuple):
    """What the server says of one image.

    Attributes:
        labels: uint8 [H, W] as the image is stored, its EXIF orientation left aside; None where
            the image was refused.
        error: why it was refused, else empty.
    """

    labels: np.ndarray | None
    error: str


def one_line(text: str) -> str:
    r"""Returns a text of unknown origin as one line that a terminal can show, cut in its middle.

    Example:
        >>> one_line("<html>\n  <b>404</b>\x1b[2J")
        '<html> <b>404</b> [2J'
    """
    shown = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(shown.split())
    if len(line) <= LONGEST_MESSAGE:
        return line
    return f"{line[: LONGEST_MESSAGE // 2]} ... {line[-LONGEST_MESSAGE // 2 :]}"


def read_predictions(
    pngs: Iterable[bytes], errors: Iterable[str], contents: Sequence[bytes]
) -> list[Prediction]:
    """Decodes the outputs of the signature `serving_default`.

    Args:
        pngs: label PNGs, empty where there is an error.
        errors: empty where there is a PNG.
        contents: the images that were sent.

    Raises:
        ValueError: there are more or fewer answers than images, or an answer is no label PNG of
            its image's size.
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
    if labels.max(initial=0) >= MOST_CLASSES:
        raise ValueError("labels of more than 8 bits")
    return labels.astype(np.uint8)


def check_shapes(
    images: np.ndarray, labels: Sequence[int], probabilities: Sequence[int] | None = None
):
    """Checks the shapes of the outputs of the signature `predict_tensor`.

    Args:
        images: [B, H, W, 3], what was sent.
        labels: shape of the labels.
        probabilities: shape of the probabilities, None where they were not asked for.

    Raises:
        ValueError: one is not that of the images.
    """
    wanted = images.shape[:3]
    if tuple(labels) != wanted:
        raise ValueError(f"labels of shape {[*labels]} for images of {[*images.shape]}")
    if probabilities is not None and (
        tuple(probabilities[:-1]) != wanted or not 0 < probabilities[-1] <= MOST_CLASSES
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
    """Turns what goes wrong while an answer is read into a ServingError.

    Args:
        server: who has answered.
    """
    try:
        yield
    except Exception as error:  # whatever a server can send must not end its client
        raise ServingError(
            f"{server}: an answer that cannot be read ({type(error).__name__}: {error}). Is the "
            "model one that tools/export.py has written?"
        ) from error
