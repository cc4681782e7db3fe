import numpy as np
import pytest

from deeplab_tf.data.palette import palette_problem
from deeplab_tf.data.png import encode_label, read_label
from deeplab_tf.data.spec import VOID_COLOR, DataError, DatasetSpec, palette_bytes, voc_palette
from tests.camvid import FOLDER, camvid_files
from tests.data.fakes import png_bytes

BLACK, RED, GREEN, BLUE, WHITE = (0, 0, 0), (200, 0, 0), (0, 200, 0), (0, 0, 200), (255,) * 3
NAMES = ("background", "cat", "dog", "bird")
SPEC = DatasetSpec("pets", NAMES, (BLACK, RED, GREEN, BLUE))
# SegNet's colours of the CamVid classes.
SEGNET = (
    (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
    (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
)  # fmt: skip


def mask(colors, used):
    """A label with just these colours; Pillow would fill its palette up."""
    ids, palette = np.array([used]), bytes(v for color in colors for v in color)
    chunks = ((b"PLTE", palette),) if palette else ()
    return png_bytes(ids, 8, 3 if palette else 0, chunks), ids


def problem(colors, used=(0, 1, 2, 3, 255), spec=SPEC):
    return palette_problem(*mask(colors, used), spec)


def test_another_order_is_named():
    assert problem((BLACK, GREEN, RED, BLUE)) == (
        "its palette gives id 1 the colour of 'dog' (id 2), id 2 the colour of 'cat' (id 1)"
    )


def test_only_ids_that_are_used_count():
    colors = (BLACK, GREEN, RED, BLUE)
    assert problem(colors, used=(0, 3, 255)) is None
    assert "id 2 the colour of 'cat'" in problem(colors, used=(0, 2))


@pytest.mark.parametrize(
    ("colors", "used", "part"),
    [
        # As Pillow's `quantize` makes them: only colours that there are, the most frequent first.
        ((RED, BLACK), (0, 1), "id 0 the colour of 'cat' (id 1), id 1 the colour of 'background'"),
        ((RED, BLACK, *[BLACK] * 254), (0, 1), "id 0 the colour of 'cat' (id 1)"),
        ((BLACK, VOID_COLOR, RED, BLUE), (0, 1), "id 1 the colour of void"),
        ((BLACK, VOID_COLOR, RED, BLUE), (2,), "id 2 the colour of 'cat'"),
    ],
)
def test_other_forms_of_another_order(colors, used, part):
    assert part in problem(colors, used)


@pytest.mark.parametrize("masks_are_in_voc_order", [True, False])
def test_the_colours_of_voc_in_another_order(masks_are_in_voc_order):
    orders = [voc_palette(3), (BLACK, (0, 128, 0), (128, 0, 0))]
    colors, palette = orders if masks_are_in_voc_order else orders[::-1]
    spec = DatasetSpec("pets", NAMES[:3], palette)
    found = problem([*colors, *voc_palette(256)[3:]], (0, 1, 2, 255), spec)
    assert found.endswith("id 1 the colour of 'dog' (id 2), id 2 the colour of 'cat' (id 1)")
    assert "id 1 the colour of 'dog' (id 2)" in problem(colors[:2], (0, 1, 255), spec)


@pytest.mark.parametrize(
    ("colors", "spec"),
    [
        (SPEC.palette, SPEC),
        ((BLACK, RED), SPEC),  # shorter than the ids that are used
        ((), SPEC),
        ((BLACK,) * 256, SPEC),
        ((BLACK, RED, GREEN, WHITE), SPEC),
        ((BLACK, GREEN, WHITE, RED), SPEC),  # colours that are not the data set's
        ([(i,) * 3 for i in range(256)], DatasetSpec("x", NAMES, (BLACK, (2,) * 3, (3,) * 3, RED))),
        (voc_palette(256), DatasetSpec("voc", NAMES, voc_palette(4))),
        (voc_palette(256), DatasetSpec("x", NAMES, (BLACK, (0, 128, 0), (128, 0, 0), RED))),
        ((BLACK, GREEN, RED, BLUE), DatasetSpec("no palette", NAMES)),
        ((BLACK, RED, RED, GREEN), DatasetSpec("twice", NAMES, (BLACK, BLUE, RED, GREEN))),
        ((BLACK, RED, GREEN, BLUE, *[BLACK] * 252), SPEC),  # void is black
        ((BLACK, RED, GREEN, BLUE, *[RED] * 252), SPEC),
    ],
)  # fmt: skip
def test_no_false_alarm(colors, spec):
    for used in ((0, 1, 2, 3, 255), (0, 2, 3)):
        assert problem(colors, used, spec) is None


@pytest.mark.parametrize("used", [(0, 1, 3, 5), (1, 3), (3,), (7, 10), range(11)])
def test_voc_colours_are_no_evidence_against_other_colours(used):
    spec = DatasetSpec("camvid", tuple(map(str, range(11))), SEGNET)
    assert problem(voc_palette(256), used, spec) is None
    assert problem(SEGNET, used, spec) is None


def test_a_colour_that_two_classes_have_blames_only_others():
    spec = DatasetSpec("pets", NAMES, (BLACK, BLACK, RED, GREEN))
    assert problem((BLACK, BLACK, RED, GREEN), spec=spec) is None
    found = problem((BLACK, BLACK, GREEN, RED), spec=spec)
    assert "id 2 the colour of 'bird' (id 3), id 3 the colour of 'dog' (id 2)" in found
    assert "id 0" not in found and "id 1" not in found


def test_grey_files_with_a_suggested_palette_are_no_evidence():
    ids = np.array([[0, 1, 2]])
    contents = png_bytes(ids, 8, 0, ((b"PLTE", bytes((*BLACK, *GREEN, *RED))),))
    assert palette_problem(contents, ids, SPEC) is None


def test_reading_a_label_refuses_it_by_name(tmp_path):
    contents, ids = mask((BLACK, GREEN, RED, BLUE), (0, 1))
    (tmp_path / "a.png").write_bytes(contents)
    np.testing.assert_array_equal(read_label(tmp_path / "a.png"), ids)
    with pytest.raises(DataError, match=r"a\.png: its palette gives id 1 the colour of 'dog'"):
        read_label(tmp_path / "a.png", SPEC)
    (tmp_path / "b.png").write_bytes(encode_label(ids.astype(np.uint8), palette_bytes(SPEC)))
    np.testing.assert_array_equal(read_label(tmp_path / "b.png", SPEC), ids)


def test_the_labels_of_camvid_are_no_false_alarm():
    files = camvid_files("SegmentationClass/*.png")[::60]
    for file in files:
        read_label(file, DatasetSpec.load(FOLDER))
