import numpy as np
import pytest

from deeplab_tf.data.convert import convert
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.spec import DataError
from tests.data.sources.annotations import SIZE, ids_of, labels_of, save_photo

META = """<meta><task><labels>
<label><name>road</name><color>#ff0000</color></label><label><name>car</name></label>
</labels></task></meta>"""
CAR = '<polygon label="car" source="manual" points="8.00,5.00;11.00,5.00;11.00,9.00;8.00,9.00"/>'


def save_xml(path, *shapes, name="a.jpg", meta=META, more="", subset=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = f'<image id="0" name="{name}" {subset} width="{SIZE[1]}" height="{SIZE[0]}">'
    text = f"<annotations><version>1.1</version>{meta}{image}{''.join(shapes)}</image>{more}"
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{text}</annotations>')


def make(folder, *shapes, **more):
    save_photo(folder / "images/a.jpg")
    save_xml(folder / "annotations.xml", *shapes, **more)


def only_label(folder):
    return labels_of(open_source("cvat", folder))["train"]["a"]


def test_ids_go_by_the_list_of_labels_and_smaller_shapes_are_above(tmp_path):
    make(tmp_path, CAR, '<box label="road" xtl="2" ytl="3" xbr="12" ybr="15"/>')
    assert open_source("cvat", tmp_path).spec.class_names == ("background", "road", "car")
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, 2, 3, 12, 15), (2, 8, 5, 11, 9)))


def test_a_higher_layer_is_above_smaller_shapes(tmp_path):
    make(tmp_path, CAR, '<box label="road" xtl="2" ytl="3" xbr="12" ybr="15" z_order="1"/>')
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((1, 2, 3, 12, 15)))


def test_masks_are_runs_along_rows_in_their_box(tmp_path):
    # In a box of 3 x 4 pixels: a row of nothing, two rows without the last pixel, one whole.
    make(
        tmp_path, '<mask label="car" rle="3, 2, 1, 2, 1, 3" left="7" top="4" width="3" height="4"/>'
    )
    wanted = ids_of((2, 7, 5, 9, 7), (2, 7, 7, 10, 8))
    np.testing.assert_array_equal(only_label(tmp_path), wanted)


def test_ellipses_lines_points_and_turned_boxes(tmp_path):
    make(
        tmp_path,
        '<ellipse label="car" cx="6.5" cy="6.5" rx="4" ry="2"/>',
        '<polyline label="road" points="0.0,12.0;15.0,12.0"/>',
        '<points label="car" points="25.5,4.5"/>',
        '<box label="road" xtl="20" ytl="13" xbr="28" ybr="15" rotation="90.0"/>',
        '<tag label="road"/>',
    )
    source = open_source("cvat", tmp_path)
    (item,) = source.splits["train"]
    found = source.draw(item, 2.0)
    rows, columns = np.indices(SIZE)
    wanted = ids_of((1, 0, 11, 16, 13), (1, 23, 10, 25, 18))  # the end of the line is round
    wanted[((columns - 6) / 4) ** 2 + ((rows - 6) / 2) ** 2 <= 1] = 2
    wanted[np.hypot(rows - 4, columns - 25) <= 1] = 2
    np.testing.assert_array_equal(found, wanted)


def test_subsets_are_splits_and_names_may_hold_folders(tmp_path):
    for name in ("city/1.jpg", "city/2.jpg"):
        save_photo(tmp_path / "images" / name)
    save_photo(tmp_path / "unused.png")
    save_xml(tmp_path / "one.xml", CAR, name="city/1.jpg", subset='subset="Train"')
    save_xml(tmp_path / "two.xml", CAR, name="city/2.jpg", subset='subset="Validation"')
    (tmp_path / "voc.xml").write_text("<annotation/>")
    source = open_source("cvat", tmp_path)
    assert {s: [i.name for i in items] for s, items in source.splits.items()} == {
        "train": ["city/1"], "val": ["city/2"],
    }  # fmt: skip
    assert "1 image(s) that no XML file names left out" in source.warnings[0]
    assert all(item.image.exists() for items in source.splits.values() for item in items)


def test_what_is_wrong_is_one_line_each_and_spares_the_rest(tmp_path):
    save_photo(tmp_path / "b.jpg")
    more = f'<image id="1" name="b.jpg" width="30" height="20">{CAR}</image>'
    make(
        tmp_path,
        CAR,
        '<polygon label="car" points="1,2;3,4"/>',
        '<polygon label="car" points="1,2;3"/>',
        '<box label="road" xtl="2" ytl="3" xbr="12"/>',
        '<mask label="car" rle="3, 2" left="7" top="4" width="3" height="4"/>',
        '<cuboid label="car" xtl1="3"/>',
        '<polygon points="1,2;3,4;5,9"/>',
        '<polygon label="" points="1,2;3,4;5,9"/>',
        more=more,
    )
    with pytest.raises(DataError) as caught:
        convert("cvat", tmp_path, tmp_path / "out", 1, 1)
    where, report = f"{tmp_path / 'annotations.xml'}, image 'a': shape ", str(caught.value)
    for text in (
        "1 ('car'): 2 point(s), at least 3 are needed.",
        "2 ('car'): setting an array element",
        "3 ('road'): has no 'ybr'.",
        "4 ('car'): run lengths do not make a mask of 3 x 4 pixels.",
        "5 ('car'): a cuboid has no area that is known.",
        "6: has no 'label'.",
        "7 (''): a class must have a name, received ''.",
    ):
        assert where + text in report
    assert "7 problem(s)" in report and (tmp_path / "out/train-00001-of-00002.tfrecord").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations><track/></annotations>", r"a\.xml: is of a video; export it as 'CVAT for"),
        ("<annotations>", r"a\.xml: not valid XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><annotations/>', r"a\.xml: defines entities"),
        ("<annotation/>", "holds no XML file of CVAT for images"),
        ("<annotations/>", "holds no XML file of CVAT for images"),
    ],
)
def test_other_files(tmp_path, text, message):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match=message):
        open_source("cvat", tmp_path)


def test_sizes_come_from_the_image_where_the_file_has_none(tmp_path):
    make(tmp_path, CAR)
    path = tmp_path / "annotations.xml"
    path.write_text(path.read_text().replace('width="30" height="20"', ""))
    np.testing.assert_array_equal(only_label(tmp_path), ids_of((2, 8, 5, 11, 9)))
    (tmp_path / "images/a.jpg").unlink()
    with pytest.raises(DataError, match=r"a\.jpg: cannot be read"):
        only_label(tmp_path)
