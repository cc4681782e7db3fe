import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.evaluation.traced_once import TracedOnce
from deeplab_tf.models.inference import Inference
from tests.crf.scenes import refine_eagerly
from tests.evaluation.small_crf import CRF
from tests.models.broken import WHITE, break_on_white
from tests.models.narrow import assert_same_logits, noise_images, patches, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture(scope="module")
def model():
    return deeplab_tf.DeepLab(num_classes=4, width=0.05, dropout=0.9)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, [37, 50, 3], np.uint8)


def test_labels_are_the_largest_logit(model, image):
    labels = deeplab_tf.Predictor(model)(image)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.argmax(model(image[None])[0], axis=-1))


@pytest.mark.slow
def test_crf_is_applied_to_the_logits(model, image):
    before, after = deeplab_tf.Predictor(model, crf=CRF).predict_stages(image)
    logits = model(image[None])[0].numpy()
    marginals = refine_eagerly(logits, image, **CRF)
    np.testing.assert_array_equal(before, np.argmax(logits, axis=-1))
    assert np.mean(after == np.argmax(marginals, axis=-1)) > 0.999


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_layer_and_dict_of_parameters_are_the_same(model, image):
    by_dict = deeplab_tf.Predictor(model, crf=CRF)(image)
    by_layer = deeplab_tf.Predictor(model, crf=deeplab_tf.layers.DenseCRF(**CRF))(image)
    np.testing.assert_array_equal(by_dict, by_layer)


@pytest.fixture(scope="module", params=[{}, {"scales": (0.5, 1.0), "flip": True, "tile": 17}])
def any_size(request, model):
    return deeplab_tf.Predictor(model, crf=CRF, **request.param)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 17), (23, 2)])
def test_every_size(any_size, size):
    assert any_size(np.zeros([*size, 3], np.uint8)).shape == size


def test_new_weights_are_used_at_once(model, image):
    predictor = deeplab_tf.Predictor(model)
    predictor(image)
    bias = model.variables_by_name()["fc8/bias"]
    old = tf.convert_to_tensor(bias)
    bias.assign([0.0, 0.0, 0.0, 1e6])
    labels = predictor(image)
    bias.assign(old)
    assert (labels == 3).all()


@pytest.mark.parametrize(
    "bad", [np.zeros([4, 4, 3]), np.zeros([4, 4], np.uint8), np.zeros([0, 4, 3], np.uint8)]
)
def test_other_images_are_refused(model, bad):
    with pytest.raises(ValueError, match=r"uint8 RGB.*Received"):
        deeplab_tf.Predictor(model)(bad)


# === Scales, mirror, tiles and CRF together ===

NARROW_SCALES = (1.0, 0.5)


@pytest.fixture(scope="module")
def narrow():
    return uncertain_model(patches(101, 90))


@pytest.fixture(scope="module", params=[{}, {"scales": NARROW_SCALES, "flip": True}], ids=str)
def options(request):
    return request.param


@pytest.fixture(scope="module")
def with_crf(narrow, options):
    return deeplab_tf.Predictor(narrow, crf=CRF, **options)


@pytest.fixture
def large(monkeypatch):
    """An image that is taken for too large to be computed as a whole."""
    monkeypatch.setattr("deeplab_tf.evaluation.predictor.WHOLE_PIXELS", 65 * 65)
    return patches(101, 90)[0]


def refined(logits, image):
    return deeplab_tf.crf.mean_field(logits=logits, image=image, **CRF).argmax(axis=-1)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_labels_are_those_of_the_logits_and_the_crf(narrow, options, with_crf):
    image = patches(101, 90)[0]
    whole = Inference(narrow, **options).logits_and_finite(image[None])[0][0]
    for predictor in (deeplab_tf.Predictor(narrow, crf=CRF, tile=65, **options), with_crf):
        logits = predictor.predict_logits(image)
        before, after = predictor.predict_stages(image)
        assert before.dtype == after.dtype == np.uint8
        np.testing.assert_array_equal(before, logits.argmax(axis=-1))
        assert np.mean(after == refined(logits, image)) >= 0.9999
        assert (before != after).sum() > 20
    assert_same_logits(logits, whole)  # of the last, which has no tiles


@pytest.mark.slow
def test_only_labels_leave_the_device(narrow):
    predictor = deeplab_tf.Predictor(narrow, crf=CRF, tile=65)
    seen, refine = [], predictor._labels_of_logits
    predictor._labels_of_logits = lambda logits, image: seen.append(logits) or refine(logits, image)
    predictor(patches(101, 90)[0])
    assert tf.is_tensor(seen[0]) and seen[0].shape[:3] == (1, 101, 90)


def test_images_are_computed_at_the_scale_that_the_model_carries(narrow, monkeypatch):
    image = patches(101, 90)[0]
    wanted = Inference(narrow, (0.25, 0.5)).logits_and_finite(image[None])[0][0]
    monkeypatch.setattr(narrow, "image_scale", 0.5)
    found = deeplab_tf.Predictor(narrow, scales=(0.5, 1.0)).predict_logits(image)
    assert_same_logits(found, wanted)


@pytest.mark.slow
def test_tiles_are_images_of_their_own(narrow, options, large):
    """Both stages of a large image, put together by hand."""
    shown = []
    predictor = deeplab_tf.Predictor(
        narrow, CRF, progress=lambda x: shown.append(x) or x, **options
    )
    stages = predictor.predict_stages(large)
    assert predictor.grid.side == 65
    assert shown == [list(predictor.grid.tiles(*large.shape[:2]))]
    tiles = list(predictor.grid.tiles(101, 90))
    assert len(tiles) > 3
    for rows, columns in tiles:
        part = large[rows.computed, columns.computed]
        logits = predictor.predict_logits(part)
        core = rows.core_in_tile, columns.core_in_tile
        for labels, prediction in zip(
            stages, (logits.argmax(-1), refined(logits, part)), strict=True
        ):
            assert np.mean(labels[rows.core, columns.core] == prediction[core]) >= 0.999


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_networks_see_no_more_than_a_tile(narrow, large, monkeypatch):
    seen = []

    def spy(images):
        seen.append(images.shape[1:3].as_list())
        return narrow_logits(images)

    narrow_logits = narrow.logit_maps
    monkeypatch.setattr(narrow, "logit_maps", spy)
    deeplab_tf.Predictor(narrow, crf=CRF, scales=NARROW_SCALES)(large)
    assert len(seen) > 6 and max(seen) == [65, 65]
    seen.clear()
    deeplab_tf.Predictor(narrow, tile=40, flip=True).predict_logits(large)
    assert len(seen) > 18 and max(seen) == [33, 33]
    seen.clear()
    deeplab_tf.Predictor(narrow, scales=(2.0,))(large)
    assert np.max(seen) <= 65


# === Batches ===


@pytest.mark.slow
def test_labels_do_not_depend_on_the_batch(with_crf):
    sizes = [(50, 60), (60, 50), (55, 61), (1, 1), (64, 49), (50, 60), (7, 200)]
    images = [noise_images(*size, seed=i)[0] for i, size in enumerate(sizes)]
    together = with_crf.predict_stages_batch(images)
    for image, stages in zip(images, together, strict=True):
        for found, alone in zip(stages, with_crf.predict_stages(image), strict=True):
            assert found.shape == image.shape[:2]
            assert np.mean(found == alone) >= 0.9999
    for found, stages in zip(with_crf.batch(images), together, strict=True):
        np.testing.assert_array_equal(found, stages[-1])


@pytest.mark.usefixtures("eager")
def test_batches_hold_images_of_one_padded_size(narrow, monkeypatch):
    seen = []
    narrow_logits = narrow.logit_maps
    monkeypatch.setattr(narrow, "logit_maps", lambda x: seen.append(x.shape) or narrow_logits(x))
    monkeypatch.setattr("deeplab_tf.evaluation.predictor.WHOLE_PIXELS", 3 * 33 * 41)
    sizes = [(33, 41), (30, 40), (41, 33), (26, 34), (33, 33), (32, 40), (90, 90)]
    deeplab_tf.Predictor(narrow).batch([noise_images(*size)[0] for size in sizes])
    wanted = [(3, 33, 41), (1, 33, 41), (1, 41, 33), (1, 33, 33)]
    assert [tuple(shape[:3]) for shape in seen[:4]] == wanted
    assert all(shape[1] * shape[2] <= 3 * 33 * 41 for shape in seen[4:])


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_probabilities_are_what_such_a_crf_gets(narrow):
    image = noise_images(40, 50)[0]
    given = {**CRF, "from_probabilities": True}
    predictor = deeplab_tf.Predictor(narrow, crf=given, flip=True)
    probabilities = tf.nn.softmax(predictor.predict_logits(image)).numpy()
    wanted = deeplab_tf.crf.mean_field(probabilities=probabilities, image=image, **given)
    assert np.mean(predictor(image) == wanted.argmax(-1)) >= 0.999


@pytest.mark.parametrize(
    ("option", "message"),
    [({"fusion": "sum"}, "fusion='sum'"), ({"scales": ()}, "scales="), ({"tile": 0}, "tile=0"),
     ({"pad_to": 0}, "pad_to must be"),
     ({"tile": 16, "scales": (1.0, 0.5)}, "at least 17")],
)  # fmt: skip
def test_wrong_options_are_refused(narrow, option, message):
    with pytest.raises(ValueError, match=message):
        deeplab_tf.Predictor(narrow, **option)


# === Logits that are not finite ===


@pytest.fixture(scope="module")
def breaking():
    """A model that is broken on images whose first pixel is white, and an image of each kind."""
    good = patches(70, 67)[0]
    model = break_on_white(uncertain_model(good[None]))
    good[0, 0] = 0
    bad = good.copy()
    bad[0, 0] = WHITE
    return model, good, bad


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "options",
    [{}, {"crf": CRF}, {"crf": CRF, "tile": 65},
     {"scales": (0.5, 1.0), "fusion": "max", "flip": True}],
)  # fmt: skip
def test_broken_logits_do_not_become_labels(breaking, options):
    model, good, bad = breaking
    predictor = deeplab_tf.Predictor(model, **options)
    for call in (predictor, predictor.predict_logits):
        with pytest.raises(FloatingPointError, match="logits of the network are not finite"):
            call(bad)
    with pytest.raises(FloatingPointError, match="logits of the network are not finite"):
        predictor.batch([good, bad, good])
    assert predictor(good).shape == good.shape[:2]


def test_infinite_logits_are_broken_and_huge_ones_are_not(image):
    model = deeplab_tf.DeepLab(num_classes=4, width=0.05)
    bias, predictor = model.variables_by_name()["fc8/bias"], deeplab_tf.Predictor(model)
    bias.assign([0.0, 0.0, 3e38, 0.0])
    assert (predictor(image) == 2).all()
    bias.assign([0.0, 0.0, np.inf, 0.0])
    with pytest.raises(FloatingPointError):
        predictor(image)


# === Names of version 0.1 ===


@pytest.mark.parametrize(
    ("old", "new"),
    [("scores_of", "predict_logits"), ("before_and_after", "predict_stages"),
     ("before_and_after_batch", "predict_stages_batch"), ("scores", "logits"),
     ("scores_and_finite", "logits_and_finite")],
)  # fmt: skip
def test_old_names_warn_and_work(model, old, new):
    predictor = deeplab_tf.Predictor(model)
    with pytest.warns(DeprecationWarning, match=rf"Predictor\.{old} is called Predictor\.{new}"):
        assert getattr(predictor, old) == getattr(predictor, new)


def test_unknown_names_are_errors(model):
    with pytest.raises(AttributeError, match="'Predictor' object has no attribute 'score'"):
        _ = deeplab_tf.Predictor(model).score


# === Graphs ===


@pytest.mark.slow
def test_many_predictors_warn_of_no_retracing(model, image, caplog):
    for _ in range(6):
        deeplab_tf.Predictor(model)(image)
    assert "retracing" not in caplog.text


def test_a_graph_is_traced_once():
    traces = []
    monitored = TracedOnce(lambda x: traces.append(x) or 2 * x, [tf.TensorSpec([None])])
    for size in (1, 2, 3):
        np.testing.assert_array_equal(monitored(np.ones(size, np.float32)), [2.0] * size)
    assert len(traces) == 1


def test_nothing_is_refined_without_a_crf(model, image):
    with pytest.raises(ValueError, match="The predictor has no CRF; create it with crf="):
        deeplab_tf.Predictor(model).refine(tf.zeros([1, 4, 5, 2]), tf.zeros([1, 4, 5, 3]))
