"""What clients of a server return and raise."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image


class ServingError(OSError):
    """The server refused a request, or gave no answer that can be used."""


class UnavailableError(ServingError):
    """The server could not be reached, or not in time, however often it was tried."""


class Answer(NamedTuple):
    """What the server says of one picture.

    Attributes:
        labels: uint8 [H, W] as the picture is stored, its EXIF orientation left aside; None where
            the picture was refused.
        error: why it was refused, else empty.
    """

    labels: np.ndarray | None
    error: str


def read_answers(pngs: Iterable[bytes], errors: Iterable[str], count: int) -> list[Answer]:
    """Decodes the outputs of the signature `serving_default`.

    Args:
        pngs: label PNGs, empty where there is an error.
        errors: empty where there is a PNG.
        count: number of pictures that were asked for.

    Raises:
        ValueError: there are more or fewer answers than pictures.
        OSError: an answer is no picture.
    """
    return [
        Answer(None, error) if error else Answer(np.array(Image.open(io.BytesIO(png))), "")
        for _, png, error in zip(range(count), pngs, errors, strict=True)
    ]


@contextlib.contextmanager
def reading_answer(server: str) -> Iterator[None]:
    """Turns what goes wrong while an answer is read into a ServingError.

    Args:
        server: who has answered.
    """
    try:
        yield
    except (AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise ServingError(
            f"{server}: an answer that cannot be read ({type(error).__name__}: {error}). Is the "
            "model one that tools/export.py has written?"
        ) from error
