from itertools import pairwise

import numpy as np
import pytest

from deeplab_tf.data.sources.brush_rle import decode_brush

LENGTHS = (3, 5, 8, 16)


def encode(alpha):
    """The code of a mask, by its description: runs where a byte repeats, else single bytes."""
    values = np.repeat(alpha[..., None], 4, axis=-1).ravel()
    bits = [f"{values.size:032b}", f"{7:05b}", *(f"{length - 1:04b}" for length in LENGTHS)]
    edges = [0, *(np.flatnonzero(np.diff(values.astype(int))) + 1), values.size]
    for number, (start, end) in enumerate(pairwise(edges)):
        while start < end:
            count = min(end - start, 60000)
            kind = next(k for k, length in enumerate(LENGTHS) if count <= 1 << length)
            head = f"{kind:02b}{count - 1:0{LENGTHS[kind]}b}"
            if number % 3 == 2:  # also a run may be written byte by byte
                bits += ["0", head, f"{values[start]:08b}" * count]
            else:
                bits += ["1", head, f"{values[start]:08b}"]
            start += count
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]


# What label-studio-converter 0.0.59 makes (brush.mask2rle) of the mask below.
THEIRS = [
    0, 0, 9, 96, 57, 27, 254, 115, 0, 143, 255, 123, 128, 98, 127, 252, 158, 1, 137, 255,
    242, 120, 6, 39, 255, 201, 224, 24, 159, 255, 39, 128, 98, 127, 252, 158, 1, 137, 255,
    242, 120, 6, 39, 255, 201, 224, 24, 159, 255, 39, 128, 98, 127, 252, 158, 1, 137, 255,
    242, 120, 6, 39, 255, 201, 224, 24, 159, 255, 128, 155, 128, 71, 255, 24, 4, 127, 241,
    128, 71, 255, 24, 4, 127, 241, 128, 71, 255, 24, 4, 127, 241, 128, 71, 255, 24, 4, 127,
    241, 128, 71, 255, 24, 4, 127, 241, 128, 71, 255, 24, 4, 127, 241, 128, 71, 255, 24, 4,
    127, 241, 128, 71, 255, 188, 192, 0,
]  # fmt: skip


def test_a_code_of_label_studio():
    mask = np.zeros((20, 30), bool)
    mask[3:15, 2:12] = mask[0, 29] = mask[17, ::2] = True
    np.testing.assert_array_equal(decode_brush(THEIRS, (20, 30)), mask)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (20, 30), (150, 211)])
def test_masks_come_back(size):
    mask = np.zeros(size, np.uint8)
    mask[size[0] // 3 : size[0] // 2 + 1, size[1] // 4 : size[1] // 2 + 1] = 255
    mask[-1, -1] = 7
    np.testing.assert_array_equal(decode_brush(encode(mask), size), mask > 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda code: code[:-3], "cut off"),
        (lambda code: [], "cut off"),
        (lambda code: [0, 0, 0, 9, *code[4:]], "is not of an image of 30 x 20 pixels"),
        (lambda code: ["a"], "must be a list of numbers"),
        (lambda code: [-1], "must be a list of numbers"),
        (lambda code: None, "must be a list of numbers"),
    ],
)
def test_broken_codes(change, message):
    with pytest.raises(ValueError, match=message):
        decode_brush(change(encode(np.full([20, 30], 255, np.uint8))), (20, 30))
