"""Labels whose values are clear, though they are not ids."""

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.label_repair import repair_label, white_is_class
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import DataError, DatasetSpec

COLORS = ((10, 20, 30), (200, 0, 0), (0, 200, 0))
SPEC = DatasetSpec("toy", ("a", "b", "c"), COLORS)
TWO = DatasetSpec("toy", ("background", "thing"))
IDS = np.array([[0, 1, 2], [2, 255, 0]], np.uint8)
VOID = (224, 224, 192)


def colored(ids, colors=COLORS):
    table = np.full([256, 3], VOID, np.uint8)
    table[: len(colors)] = colors
    return table[ids]


def saved(path, pixels, mode=None):
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def indexed(path, ids, colors):
    palette = np.full([256, 3], VOID, np.uint8)
    palette[: len(colors)] = colors
    path.write_bytes(encode_label(np.array(ids, np.uint8), palette.tobytes()))
    return path


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_of_the_palette_become_ids(tmp_path, mode):
    repair = repair_label(saved(tmp_path / "a.png", colored(IDS), mode), SPEC, False)
    np.testing.assert_array_equal(repair.ids, IDS)
    assert repair.ids.dtype == np.uint8 and "colours" in repair.what


def test_another_colour_is_no_class(tmp_path):
    pixels = colored(IDS)
    pixels[0, 0] += 1
    with pytest.raises(DataError, match=r"#0b151f \(1 pixels\) is none of dataset.json's palette"):
        repair_label(saved(tmp_path / "a.png", pixels), SPEC, False)


def test_colours_without_a_palette_are_not_guessed(tmp_path):
    with pytest.raises(DataError, match="has no palette"):
        repair_label(saved(tmp_path / "a.png", colored(IDS)), TWO, True)


def test_indices_become_the_ids_of_their_colours(tmp_path):
    file = indexed(tmp_path / "a.png", [[2, 0, 1], [1, 255, 2]], (COLORS[1], COLORS[2], COLORS[0]))
    repair = repair_label(file, SPEC, False)
    np.testing.assert_array_equal(repair.ids, IDS)
    assert "(0 -> 1, 1 -> 2, 2 -> 0)" in repair.what


def test_indices_beyond_the_classes_become_ids_too(tmp_path):
    colors = [(1, 2, 3)] * 20 + [COLORS[0], COLORS[1], COLORS[2], VOID]
    repair = repair_label(indexed(tmp_path / "a.png", [[20, 21, 22], [22, 23, 20]], colors), SPEC,
                          False)  # fmt: skip
    np.testing.assert_array_equal(repair.ids, IDS)


@pytest.mark.parametrize(
    "ids, colors",
    [
        (IDS, COLORS),  # as it should be
        ([[0, 1]], ((5, 5, 5), (6, 6, 6))),  # colours of nobody
        ([[7, 1]], ((0, 0, 0), (1, 1, 1), (2, 2, 2))),  # a ramp, which says nothing
        ([[0, 7]], (*COLORS, (1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3), (9, 9, 9))),
    ],
)
def test_other_indices_stay(tmp_path, ids, colors):
    assert repair_label(indexed(tmp_path / "a.png", ids, colors), SPEC, False) is None


def test_a_colour_of_two_classes_is_not_guessed(tmp_path):
    spec = DatasetSpec("toy", ("a", "b", "c"), (COLORS[0], COLORS[0], COLORS[1]))
    file = indexed(tmp_path / "a.png", [[0, 1, 2]], (COLORS[1], COLORS[0], COLORS[1]))
    assert repair_label(file, spec, False) is None


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_white_becomes_the_second_class(tmp_path, mode):
    mask = np.array([[0, 255], [255, 0]], np.uint8)
    file = saved(tmp_path / "a.png", mask, mode)
    assert white_is_class([file], TWO)
    np.testing.assert_array_equal(repair_label(file, TWO, True).ids, mask // 255)
    other = DatasetSpec("toy", ("white", "black"), ((255, 255, 255), (0, 0, 0)))
    np.testing.assert_array_equal(repair_label(file, other, True).ids, 1 - mask // 255)


@pytest.mark.parametrize(
    "masks, is_class",
    [
        ([[0, 255]], True),
        ([[0, 0], [255, 255]], True),
        ([[0, 255], [0, 1]], False),  # where there are ids, 255 is void
        ([[255, 255]], False),
        ([[0, 0]], False),
        ([[0, 255], [0, 128]], False),
    ],
)
def test_when_white_is_a_class(tmp_path, masks, is_class):
    files = [saved(tmp_path / f"{i}.png", np.array([m], np.uint8)) for i, m in enumerate(masks)]
    broken = tmp_path / "broken.png"
    broken.write_bytes(files[0].read_bytes()[:40])
    assert white_is_class([*files, broken], TWO) is is_class
    assert white_is_class(files, DatasetSpec("toy", TWO.class_names, ignore_label=7))
    assert not white_is_class(files, SPEC)


def test_a_broken_label_is_named(tmp_path):
    file = saved(tmp_path / "a.png", IDS)
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match=r"a\.png: broken or cut off"):
        repair_label(file, SPEC, False)
    saved(tmp_path / "b.jpg", colored(IDS)).rename(file)
    with pytest.raises(DataError, match=r"a\.png: not a PNG file"):
        repair_label(file, SPEC, False)


def test_black_and_white_as_two_of_many_classes(tmp_path):
    colors = ((255, 255, 255), (9, 9, 9), (0, 0, 0))
    spec = DatasetSpec("toy", ("a", "b", "c"), colors)
    file = saved(tmp_path / "a.png", colored(np.array([[0, 2], [2, 0]]), colors))
    np.testing.assert_array_equal(repair_label(file, spec, False).ids, [[0, 2], [2, 0]])
