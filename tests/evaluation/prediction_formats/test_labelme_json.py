import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.prediction_formats.labelme_json import encode_labelme
from deeplab_tf.evaluation.prediction_formats.marked_json import is_own_json
from tests.evaluation.prediction_formats.labelled import (
    SPEC,
    blobs,
    drawn_labels,
    labelled,
    touches_another,
)


def drawn_as_labelme_does(values):
    """Draws shapes in their order with Pillow, which labelme's own `shape_to_mask` calls."""
    size = values["imageWidth"], values["imageHeight"]
    ids = np.full(size[::-1], SPEC.ignore_label, np.uint8)
    for shape in values["shapes"]:
        mask = Image.new("1", size)
        points = [tuple(point) for point in shape["points"]]
        ImageDraw.Draw(mask).polygon(points, outline=1, fill=1)
        ids[np.asarray(mask)] = SPEC.class_names.index(shape["label"])
    return ids


@pytest.mark.parametrize("chosen", [(0, 1, 2), (1,), (0, 2)])
def test_shapes_give_the_labels_back(tmp_path, chosen):
    """Holes too, of which some hold nothing that is written."""
    labels = blobs()
    labels[20:50, 30:70] = 1
    labels[30:40, 40:60] = 0  # a hole
    labels[~np.isin(labels, chosen)] = SPEC.ignore_label
    values = json.loads(encode_labelme(labelled(tmp_path, labels)))
    found = drawn_as_labelme_does(values)
    inner = ~touches_another(labels)
    assert inner.sum() > 2000
    np.testing.assert_array_equal(found[inner], labels[inner])


def test_the_file_is_one_that_labelme_reads(tmp_path):
    image = labelled(tmp_path, drawn_labels(), "deep/er/a.jpg")
    values = json.loads(encode_labelme(image))
    # What labelme's `LabelFile.load` asks for.
    assert {"version", "imageData", "imagePath", "shapes", "flags"} <= set(values)
    assert values["imagePath"] == "../../../in/deep/er/a.jpg"
    assert (image.folder / values["imagePath"]).resolve() == image.source.resolve()
    assert {shape["label"] for shape in values["shapes"]} == set(SPEC.class_names)
    for shape in values["shapes"]:
        assert shape["shape_type"] == "polygon" and len(shape["points"]) >= 3
        assert np.asarray(shape["points"]).max(axis=0).tolist() <= [19, 15]


def test_the_name_of_a_file_in_other_letters(tmp_path):
    values = json.loads(encode_labelme(labelled(tmp_path, drawn_labels(), "Größe.jpg")))
    assert values["imagePath"] == "../in/Größe.jpg"


def test_edited_files_are_no_longer_ours(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(encode_labelme(labelled(tmp_path, drawn_labels())))
    assert is_own_json(file)
    values = json.loads(file.read_text())
    assert values["software"] == PREDICTION
    values["shapes"][0]["label"] = "tree lamp"
    # As labelme and others save it; the keys that it does not know stay.
    file.write_text(json.dumps(values, indent=2))
    assert not is_own_json(file)
    start, rest = encode_labelme(labelled(tmp_path, drawn_labels())).split(b"\n", 1)
    file.write_bytes(start + b"\n" + rest.replace(b"sky", b"sea"))
    assert not is_own_json(file)
    assert not is_own_json(tmp_path / "none.json") and not is_own_json(tmp_path)
