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
from tests.models.narrow import uncertain_model

SCENES = [draw_scene("val", index)[0] for index in range(2)]


def predictor():
    return deeplab_tf.Predictor(uncertain_model(SCENES[0][None]))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A predictor, its SavedModel and what the export said."""
    lines = []
    output = tmp_path_factory.mktemp("export") / "1"
    made_from = predictor()
    export_saved_model(made_from, output, log=lines.append)
    return made_from, output, lines


def test_the_agreement_is_told(exported):
    (line,) = [line for line in exported[2] if "Python predictor" in line]
    assert "100.0000 % of the labels of 5 images are equal" in line


def test_the_classes_of_a_model_without_data_set_are_numbered(exported):
    assert "carries no data set" in exported[2][0]
    spec = deeplab_tf.data.DatasetSpec.load(exported[1] / "assets")
    assert spec.class_names == ("class 0", "class 1", "class 2")


def is_good(agreement):
    return agreement.reaches(LEAST_EQUAL_LABELS, LARGEST_DIFFERENCE)


def test_another_model_disagrees(exported):
    _, folder, _ = exported
    other = predictor()
    bias = other.model.variables_by_name()["fc8/bias"]
    bias.assign(tf.roll(tf.convert_to_tensor(bias), 1, axis=0))
    agreement = compare(folder, other, SCENES)
    assert agreement.equal_labels < 0.9 and not is_good(agreement)


def test_the_same_labels_of_other_probabilities_disagree(exported):
    _, folder, _ = exported
    other = predictor()
    for part in ("fc8/kernel", "fc8/bias"):
        variable = other.model.variables_by_name()[part]
        variable.assign(2 * tf.convert_to_tensor(variable))
    agreement = compare(folder, other, SCENES)
    assert agreement.equal_labels > 0.999 and not is_good(agreement)


@pytest.mark.parametrize(
    ("equal", "difference", "good"),
    [(1.0, 0.0, True), (0.9999, 0.01, True), (0.99989, 0.0, False), (1.0, np.nan, False)],
)
def test_what_counts_as_the_same(equal, difference, good):
    assert is_good(Agreement(1, equal, difference)) == good


def test_a_saved_model_that_answers_wrongly_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(
        serving_module, "labels_of", lambda logits: tf.cast(tf.argmin(logits, -1), tf.uint8)
    )
    with pytest.raises(ValueError, match=r"1 is not written: .* needed: 99\.99 %"):
        export_saved_model(predictor(), tmp_path / "1", log=lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_is_not_finite_is_not_written(tmp_path):
    broken = predictor()
    bias = broken.model.variables_by_name()["fc8/bias"]
    bias.assign(np.nan * tf.convert_to_tensor(bias))
    with pytest.raises(ValueError, match=r"refuses an image: logits .* are not finite"):
        export_saved_model(broken, tmp_path / "1", log=lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_a_saved_model_that_refuses_its_images_is_not_written(tmp_path, monkeypatch):
    def refuse(contents, limit):
        return tf.zeros([0, 0, 3], tf.uint8), tf.constant("no")

    monkeypatch.setattr(serving_module, "decode_or_reason", refuse)
    with pytest.raises(ValueError, match="refuses an image: no"):
        export_saved_model(predictor(), tmp_path / "1", log=lambda line: None)
    assert list(tmp_path.iterdir()) == []


# === Images ===


def test_embedded_images_differ_in_size():
    assert len({image.shape for image in verification_images()}) == 5


def test_images_of_a_folder(tmp_path):
    Image.fromarray(random_image(9, 12)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no image")
    (image,) = verification_images(str(tmp_path))
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
