"""What clients of a server return and raise."""

from __future__ import annotations

import io
from collections.abc import Iterable
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


def read_answers(pngs: Iterable[bytes], errors: Iterable[str]) -> list[Answer]:
    """Decodes the outputs of the signature `serving_default`.

    Args:
        pngs: label PNGs, empty where there is an error.
        errors: empty where there is a PNG.
    """
    return [
        Answer(None, error) if error else Answer(np.array(Image.open(io.BytesIO(png))), "")
        for png, error in zip(pngs, errors, strict=True)
    ]
