from pathlib import Path

import numpy as np
import pytest

from deeplab_tf.data.sources.raster import rectangle
from deeplab_tf.data.sources.shapes import Shape, describe, id_of, ids_by_name, paint, read_entries
from deeplab_tf.data.spec import DataError
from tests.data.sources.annotations import SIZE, ids_of


def shape(label, left, top, right, bottom, layer=0):
    return Shape(label, rectangle([[left, top], [right, bottom]], SIZE), layer)


def test_smaller_shapes_are_above_larger_ones_in_any_order():
    large, middle, small = (1, 2, 2, 22, 18), (2, 4, 4, 14, 12), (3, 6, 6, 9, 9)
    for order in ([large, middle, small], [small, middle, large], [middle, small, large]):
        found = paint([shape(*values) for values in order], SIZE)
        np.testing.assert_array_equal(found, ids_of(large, middle, small))


def test_of_two_of_one_size_the_later_is_above():
    first, second = (1, 2, 2, 8, 8), (2, 4, 4, 10, 10)
    np.testing.assert_array_equal(
        paint([shape(*first), shape(*second)], SIZE), ids_of(first, second)
    )


def test_layers_count_before_sizes():
    small, large = (1, 4, 4, 8, 8), (2, 2, 2, 20, 12)
    found = paint([shape(*small), shape(*large, layer=1)], SIZE)
    np.testing.assert_array_equal(found, ids_of(small, large))
    found = paint([shape(*small), shape(*large, layer=-1)], SIZE)
    np.testing.assert_array_equal(found, ids_of(large, small))


def test_background_is_class_0_whatever_a_tool_calls_it():
    spec = describe(Path("pets"), ["dog", " cat ", "_background_", "__ignore__", "dog"])
    assert spec.class_names == ("background", "dog", "cat") and spec.name == "pets"
    ids = ids_by_name(spec)
    names = ("background", "_background_", "dog", "cat ", "__ignore__")
    assert [id_of(name, ids) for name in names] == [0, 0, 1, 2, 255]
    with pytest.raises(ValueError, match="'horse' is none of the classes"):
        id_of("horse", ids)
    for wrong in ("", "  ", None, 7):
        with pytest.raises(ValueError, match="a class must have a name"):
            id_of(wrong, ids)
    with pytest.raises(DataError, match="pets: its annotations name no class"):
        describe(Path("pets"), ["__ignore__", "background"])


def test_every_wrong_entry_is_a_line_of_its_own():
    def read(entry):
        return [shape(entry["id"], *entry["box"])]

    good = {"id": 1, "box": [1, 1, 3, 3]}
    assert len(read_entries("a.json", [good, good], read)) == 2
    entries = [good, {"label": "cat", "id": 1}, {"id": 1, "box": [50, 50, 60, 60]}, 7, good]
    with pytest.raises(DataError) as caught:
        read_entries("a.json", entries, read)
    lines = str(caught.value).splitlines()
    assert lines[:2] == [
        "a.json: shape 1 ('cat'): has no 'box'.", "a.json: shape 2: lies outside the image.",
    ]  # fmt: skip
    assert lines[2].startswith("a.json: shape 3: ") and len(lines) == 3
    with pytest.raises(DataError, match=r"a\.json: the shapes must be a list, received dict"):
        read_entries("a.json", {}, read)
