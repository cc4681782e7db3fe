import contextlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.export import export_saved_model, serving_module
from deeplab_tf.export.parity import Agreement
from deeplab_tf.export.parity_images import cut_to, verification_images
from deeplab_tf.export.verify import LARGEST_DIFFERENCE, LEAST_EQUAL_LABELS, compare
from tests.export.encoded_images import random_image

SCENES = [draw_scene("val", index)[0] for index in range(2)]


@contextlib.contextmanager
def changed(predictor, change, *names):
    """Changes variables of the head for as long as it lasts."""
    variables = [predictor.model.variables_by_name()[name] for name in names]
    before = [tf.convert_to_tensor(variable) for variable in variables]
    for variable, value in zip(variables, before, strict=True):
        variable.assign(change(value))
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


@pytest.mark.slow
def test_the_agreement_is_logged(exported):
    (line,) = [line for line in exported.lines if "Python predictor" in line]
    assert "100.0000 % of the labels of 5 images are equal" in line


@pytest.mark.slow
def test_the_classes_of_a_model_without_data_set_are_numbered(exported):
    assert "carries no data set" in exported.lines[0]
    spec = deeplab_tf.data.DatasetSpec.load(exported.folder / "assets")
    assert spec.class_names == ("class 0", "class 1", "class 2")


def is_good(agreement):
    return agreement.reaches(LEAST_EQUAL_LABELS["float32"], LARGEST_DIFFERENCE["float32"])


@pytest.mark.slow
def test_another_model_disagrees(exported):
    with changed(exported.predictor, lambda bias: tf.roll(bias, 1, axis=0), "fc8/bias"):
        agreement = compare(exported.folder, exported.predictor, SCENES)
    assert agreement.equal_labels < 0.9 and not is_good(agreement)


@pytest.mark.slow
def test_the_same_labels_of_other_probabilities_disagree(exported):
    with changed(exported.predictor, lambda value: 2 * value, "fc8/kernel", "fc8/bias"):
        agreement = compare(exported.folder, exported.predictor, SCENES)
    assert agreement.equal_labels > 0.999 and not is_good(agreement)


@pytest.mark.parametrize(
    ("equal", "difference", "good"),
    [(1.0, 0.0, True), (0.9999, 0.01, True), (0.99989, 0.0, False), (1.0, np.nan, False)],
)
def test_what_counts_as_the_same(equal, difference, good):
    assert is_good(Agreement(1, equal, difference)) == good


def wrong_labels(logits):
    return tf.cast(tf.argmin(logits, -1), tf.uint8)


def refusing(contents, limit):
    return tf.zeros([0, 0, 3], tf.uint8), tf.constant("no")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "replacement", "message"),
    [("labels_of", wrong_labels, r"1 is not written: .* needed: 99\.99 %"),
     ("decode_or_reason", refusing, "refuses an image: no")],
)  # fmt: skip
def test_what_disagrees_is_not_written(exported, tmp_path, monkeypatch, name, replacement, message):
    monkeypatch.setattr(serving_module, name, replacement)
    with pytest.raises(ValueError, match=message):
        export_saved_model(exported.predictor, tmp_path / "1", log=lambda line: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_network_that_is_not_finite_is_not_written(exported, tmp_path):
    with changed(exported.predictor, lambda bias: np.nan * bias, "fc8/bias"):  # noqa: SIM117
        with pytest.raises(ValueError, match=r"refuses an image: logits .* are not finite"):
            export_saved_model(exported.predictor, tmp_path / "1", log=lambda line: None)
    assert list(tmp_path.iterdir()) == []


# === Images ===


def test_embedded_images_differ_in_size():
    assert len({image.shape for image in verification_images()}) == 5


def test_images_of_a_folder(tmp_path):
    Image.fromarray(random_image(9, 12)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no image")
    (image,) = verification_images(tmp_path)
    np.testing.assert_array_equal(image, random_image(9, 12))
    (tmp_path / "b.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"b\.jpg"):
        verification_images(str(tmp_path))


def test_a_place_without_images_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no images"):
        verification_images(str(tmp_path))


@pytest.mark.parametrize("size", [(30, 40), (10, 1000), (1, 1), (1201, 1)])
def test_images_are_cut_to_the_limit(size):
    image = random_image(*size)
    cut = cut_to(image, 1200)
    assert 0 < cut.shape[0] * cut.shape[1] <= 1200
    np.testing.assert_array_equal(cut, image[: cut.shape[0], : cut.shape[1]])
    assert (cut.shape == image.shape) == (size[0] * size[1] <= 1200)
