import io
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.export.safe_decode import BROKEN, EMPTY, NOT_AN_IMAGE, decode_or_reason
from tests.export import encoded_images
from tests.export.encoded_images import encoded, random_image
from tests.tools.commands import call_elsewhere

LIMIT = 10_000
decode = tf.function(
    lambda contents: decode_or_reason(contents, LIMIT),
    input_signature=[tf.TensorSpec([], tf.string)],
)
CLAIM = "too large: 30000x30000, the limit is 10000 pixels"

GOOD = {
    "jpeg": lambda: encoded(random_image(24, 31), "jpeg"),
    "png": lambda: encoded(random_image(24, 31)),
    "cmyk jpeg": encoded_images.cmyk_jpeg,
    "progressive jpeg": lambda: encoded(random_image(40, 50), "jpeg", progressive=True),
    "rgba png": lambda: encoded(Image.fromarray(random_image(5, 9)).convert("RGBA")),
    "as large as the limit": lambda: encoded(random_image(50, 200)),
}
BAD = {
    "empty": (lambda: b"", EMPTY),
    "text": (lambda: b"no image", NOT_AN_IMAGE),
    "animated gif": (encoded_images.animated_gif, NOT_AN_IMAGE),
    "bmp": (lambda: encoded(random_image(12, 15), "bmp"), NOT_AN_IMAGE),
    "webp": (lambda: encoded(random_image(12, 15), "webp"), NOT_AN_IMAGE),
    "start of a jpeg": (lambda: b"\xff\xd8\xff", BROKEN),
    "start of a png": (lambda: b"\x89PNG\r\n\x1a\n", BROKEN),
    "jpeg without sense": (lambda: b"\xff\xd8\xff" + bytes(range(200)), BROKEN),
    "jpeg cut in its header": (lambda: encoded(random_image(12, 15), "jpeg")[:100], BROKEN),
    "jpeg cut in its pixels": (lambda: encoded(random_image(40, 50), "jpeg")[:-900], BROKEN),
    "png cut in its header": (lambda: encoded(random_image(12, 15))[:20], BROKEN),
    "png cut in its pixels": (lambda: encoded(random_image(40, 50))[:-900], BROKEN),
    "png with broken pixels": (lambda: encoded_images.png_that_claims(50, 60), BROKEN),
    "png without a side": (lambda: encoded_images.png_that_claims(0, 60), BROKEN),
    "png with a forbidden side": (lambda: encoded_images.png_that_claims(2**31 + 5, 60), BROKEN),
    "png that claims": (lambda: encoded_images.png_that_claims(30000, 30000), CLAIM),
    "jpeg that claims": (lambda: encoded_images.jpeg_that_claims(30000, 30000), CLAIM),
    "png of the largest sides": (
        lambda: encoded_images.png_that_claims(2**31 - 1, 2**31 - 1),
        "too large: 2147483647x2147483647, the limit is 10000 pixels",
    ),
    "a row too many": (
        lambda: encoded(random_image(51, 200), "jpeg"),
        "too large: 200x51, the limit is 10000 pixels",
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_images_are_decoded(case):
    contents = GOOD[case]()
    image, reason = decode(tf.constant(contents))
    assert reason.numpy() == b""
    np.testing.assert_array_equal(image, Image.open(io.BytesIO(contents)).convert("RGB"))


def test_sixteen_bits_are_decoded():
    image, reason = decode(tf.constant(encoded_images.sixteen_bit_png()))
    assert reason.numpy() == b"" and image.shape == (9, 13, 3) and np.std(image) > 10


@pytest.mark.parametrize("case", BAD)
def test_bad_images_have_a_reason(case):
    make, wanted = BAD[case]
    image, reason = decode(tf.constant(make()))
    assert image.shape == (0, 0, 3)
    assert reason.numpy().decode() == wanted


def megabytes():
    # Not getrusage, whose peak is at least that of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measure(file):
    """Writes how much memory dangerous images take, with a limit and without."""
    dangerous = [encoded_images.bomb(12000), encoded_images.png_that_claims(30000, 30000)]
    measured = []
    for limit in (1_000_000, 300_000_000):
        decode_one = tf.function(lambda contents, limit=limit: decode_or_reason(contents, limit))
        decode_one(tf.constant(encoded(random_image(9, 9))))
        before = megabytes()
        reasons = [decode_one(tf.constant(contents))[1].numpy().decode() for contents in dangerous]
        measured.append((megabytes() - before, reasons[0]))
    file.write_text(json.dumps(measured))


@pytest.mark.slow
def test_a_bomb_takes_no_memory(tmp_path):
    call_elsewhere(measure, tmp_path / "measured.json")
    refused, decoded = json.loads((tmp_path / "measured.json").read_text())
    assert refused[1].startswith("too large") and refused[0] < 100
    # Without the limit its pixels would be 432 MB.
    assert decoded[1] == "" and decoded[0] > 300
