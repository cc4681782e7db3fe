import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.export.saved_predictor import SavedPredictor
from deeplab_tf.export.serving_module import ServingModule
from deeplab_tf.models.inference import NOT_FINITE
from tests.models.broken import WHITE, break_on_white


@pytest.fixture(scope="module", params=[None, {"iterations": 1}])
def module(request):
    keras.utils.set_random_seed(0)
    model = break_on_white(deeplab_tf.DeepLab(num_classes=3, width=0.05))
    variables = [compat.tf_variable(v) for v in model.weights]
    return ServingModule(deeplab_tf.Predictor(model, crf=request.param), variables, 10_000)


def images():
    """A sound image and one that breaks the network."""
    good = np.random.default_rng(0).integers(0, 200, [20, 31, 3], np.uint8)
    bad = good.copy()
    bad[0, 0] = WHITE
    return good, bad


@pytest.mark.slow
def test_broken_logits_are_the_error_of_their_image_alone(module):
    good, bad = (tf.io.encode_png(image).numpy() for image in images())
    found = module.label_bytes(tf.constant([good, bad, b"x", good]))
    errors = [error.decode() for error in found["error"].numpy()]
    assert errors == ["", NOT_FINITE, "not a JPEG or PNG", ""]
    pngs = found["label_png_bytes"].numpy()
    assert [bool(png) for png in pngs] == [True, False, False, True] and pngs[0] == pngs[3]


@pytest.mark.slow
def test_broken_logits_fail_a_request_of_tensors(module):
    good, bad = images()
    assert module.predict_tensor(good[None])["labels"].shape == (1, 20, 31)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="logits of the network are not finite"
    ):
        module.predict_tensor(np.stack([good, bad]))


def test_a_saved_predictor_raises_what_a_predictor_raises(module):
    # In place of a SavedModel, which takes seconds to write and read.
    predictor = SavedPredictor.__new__(SavedPredictor)
    predictor._predict = module.predict_tensor
    good, bad = images()
    assert predictor(good).shape == (20, 31)
    with pytest.raises(FloatingPointError, match="logits of the network are not finite"):
        predictor(bad)

    def refuse(images):
        raise tf.errors.InvalidArgumentError(None, None, "no such shape")

    predictor._predict = refuse
    with pytest.raises(tf.errors.InvalidArgumentError, match="no such shape"):
        predictor(good)
