"""Decodes TIFF, BMP, WebP, GIF and HEIC to RGB, as Pillow reads them."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

from deeplab_tf.data.sample_depth import eight_bits
from deeplab_tf.data.spec import DataError

# What Pillow calls the formats that are read. HEIF needs a package, AVIF a new Pillow.
_FORMATS = ("TIFF", "BMP", "WEBP", "GIF", "HEIF", "AVIF")
# Pillow has no one error for a file that is broken.
BROKEN_IMAGE = (
    OSError, SyntaxError, ValueError, EOFError, RuntimeError, Image.DecompressionBombError,
)  # fmt: skip
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_BITS_TAG = 258  # BitsPerSample of a TIFF


def decode_other(contents: bytes, name: str) -> np.ndarray:
    """Decodes an image that is neither JPEG nor PNG, upright.

    Alpha is dropped and 16 bits are reduced to 8 as for those. Of several frames or pages the
    first is read.

    Args:
        contents: the bytes of the file.
        name: what the message of an error calls it.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        DataError: it is of no known format, broken or too large, its values are no colours, or the
            package that reads HEIC is missing.
    """
    with _opened(contents, name) as image:
        return _rgb(ImageOps.exif_transpose(image), name)


def other_size(contents: bytes, name: str) -> tuple[int, int]:
    """Reads height and width of what `decode_other` decodes, without decoding it.

    Args:
        contents: the bytes of the file.
        name: what the message of an error calls it.

    Raises:
        DataError: as `decode_other`.
    """
    with _opened(contents, name) as image:
        return image.height, image.width


@contextlib.contextmanager
def _opened(contents: bytes, name: str) -> Iterator[Image.Image]:
    if contents[4:8] == b"ftyp" and contents[8:12] in _HEIF_BRANDS:
        _require_heif(name)
    Image.init()
    known = [kind for kind in _FORMATS if kind in Image.OPEN]
    try:
        with warnings.catch_warnings():
            # Large images are meant to be read, and what Pillow finds odd in a header is not said.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(contents), formats=known) as image:
                yield image
    except Image.UnidentifiedImageError:
        raise DataError(f"{name}: no image of a known format (JPEG, PNG, {_names()}).") from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: too large ({error}).") from None
    except DataError:
        raise
    except BROKEN_IMAGE as error:
        raise DataError(f"{name}: broken or cut off ({error}).") from None


def _rgb(image: Image.Image, name: str) -> np.ndarray:
    if image.mode == "F":
        raise DataError(f"{name}: holds floating-point values, no colours; save 8 or 16 bits.")
    if image.mode.startswith("I"):  # 16 or 32 bits
        levels = np.array(image)
        if levels.min(initial=0) < 0 or levels.max(initial=0) > 0xFFFF:
            raise DataError(f"{name}: holds values beyond 16 bits; save 8 or 16 bits.")
        return np.repeat(eight_bits(levels.astype(np.uint16)).numpy()[..., None], 3, axis=-1)
    pixels = np.array(image.convert("RGB"))
    if max(_bits(image)) > 8 and pixels.max(initial=0) < 16:  # Pillow has cut off the lower bits
        raise DataError(
            f"{name}: a colour TIFF of 16 bits of which only the lower 12 are used, which Pillow "
            "cannot read. Save it as a PNG of 16 or 8 bits."
        )
    return pixels


def _bits(image: Image.Image) -> tuple[int, ...]:
    bits = getattr(image, "tag_v2", {}).get(_BITS_TAG, 8)
    return bits if isinstance(bits, tuple) else (bits,)


def _require_heif(name: str) -> None:
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        raise DataError(
            f"{name}: a HEIC image, which the package pillow-heif reads. Install the extra 'heic': "
            "pip install 'deeplab_tf[heic]'."
        ) from None


def _names() -> str:
    return ", ".join("HEIC" if kind == "HEIF" else kind for kind in _FORMATS)
