"""How probable labels are: against the softmax of logits and the CRF of NumPy."""

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.evaluation import predictor as predictor_module
from tests.evaluation.small_crf import CRF
from tests.models.broken import WHITE, break_on_white
from tests.models.narrow import patches, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager_file")
IMAGE = patches(61, 90)[0]


@pytest.fixture(scope="module")
def narrow():
    return uncertain_model(patches(61, 90))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("crf", [None, CRF])
@pytest.mark.parametrize("tile", [None, 49])
def test_probabilities_are_those_of_the_logits_or_the_crf(narrow, crf, tile):
    predictor = deeplab_tf.Predictor(narrow, crf=crf, tile=tile)
    logits = predictor.predict_logits(IMAGE)
    wanted = softmax(logits)
    if crf:
        wanted = deeplab_tf.crf.mean_field(logits=logits, image=IMAGE, **CRF)
    labels, probabilities = predictor.predict_probabilities(IMAGE)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, wanted, atol=2e-3 if crf else 1e-5)
    np.testing.assert_array_equal(labels, predictor(IMAGE))
    same, confidence = predictor.predict_confidence(IMAGE)
    np.testing.assert_array_equal(same, labels)
    np.testing.assert_array_equal(confidence, probabilities.max(axis=-1))
    assert confidence.min() < 0.6 and confidence.std() > 0.004  # there is something to see


@pytest.mark.parametrize("crf", [None, CRF])
def test_large_images_are_computed_tile_by_tile(narrow, monkeypatch, crf):
    monkeypatch.setattr(predictor_module, "WHOLE_PIXELS", 50 * 50)
    predictor = deeplab_tf.Predictor(narrow, crf=crf, tile=49)
    labels, confidence = predictor.predict_confidence(IMAGE)
    np.testing.assert_array_equal(labels, predictor(IMAGE))
    tiles = list(predictor.grid.tiles(*IMAGE.shape[:2]))
    assert len(tiles) > 2
    for rows, columns in tiles:
        part = IMAGE[rows.computed, columns.computed]
        _, wanted = predictor.predict_confidence(part)
        np.testing.assert_array_equal(
            confidence[rows.core, columns.core], wanted[rows.core_in_tile, columns.core_in_tile]
        )


def test_broken_logits_are_an_error():
    image = IMAGE[:20, :31].copy()
    image[0, 0] = WHITE
    breaking = deeplab_tf.Predictor(break_on_white(deeplab_tf.DeepLab(num_classes=3, width=0.05)))
    for function in (breaking.predict_confidence, breaking.predict_probabilities):
        with pytest.raises(FloatingPointError, match="not finite"):
            function(image)
