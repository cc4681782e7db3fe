import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import (
    assert_same_logits,
    narrow_model,
    noise_images,
    with_mean_below_and_right,
)

pytestmark = pytest.mark.usefixtures("shallow")

SPEC = DatasetSpec("three", ("sky", "road", "tree"))
RESNET = {"backbone": "resnet50", "width": 0.05}
SLOW = pytest.mark.slow  # ResNet-50 once for every stride
MODELS = {
    "vgg": {},
    "msc_features": {"msc_features": True},
    "resnet": {**RESNET, "head": "aspp_l"},
    "scales": {"scales": (1.0, 0.75, 0.5)},
}


@pytest.fixture(scope="module", params=MODELS)
def any_model(request):
    return narrow_model(**MODELS[request.param])


@pytest.fixture(scope="module")
def model():
    return narrow_model()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "grid"), [(321, 41), (513, 65)])
@pytest.mark.parametrize("backbone", ["vgg16", "resnet50"])
def test_published_sizes_of_the_score_map(backbone, size, grid):
    narrow = DeepLab(backbone, "large_fov", num_classes=21, width=0.02)
    (logits,) = narrow.logit_maps(tf.zeros([1, size, size, 3], tf.uint8))
    assert logits.shape == (1, grid, grid, 21)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (33, 50), (97, 130)])
def test_logits_are_as_large_as_the_image(any_model, size):
    logits = any_model(noise_images(*size, count=2))
    assert logits.shape == (2, *size, 3)
    assert logits.dtype == tf.float32
    assert np.isfinite(logits).all()


@pytest.mark.slow
def test_padding_is_the_mean_below_and_right(any_model):
    images = noise_images(34, 50)
    # 34 -> 41 and 50 -> 57 on the grid of 8, 65 on that of 32.
    padded_size = (65, 65) if len(any_model.scales) > 1 else (41, 57)
    padded = with_mean_below_and_right(images, *padded_size)
    logits = any_model(images)
    assert_same_logits(logits, any_model(padded)[:, :34, :50])
    black = np.pad(images, [(0, 0), (0, padded_size[0] - 34), (0, padded_size[1] - 50), (0, 0)])
    difference = any_model(black)[:, :34, :50] - logits
    assert np.abs(difference).max() > 0.01 * np.std(logits)


def test_images_that_fit_are_not_padded(model):
    (grid,) = model.logit_maps(noise_images(33, 49))
    assert grid.shape[1:3] == (5, 7)
    logits = model(noise_images(33, 49))
    # Every eighth pixel lies on a point of the grid.
    np.testing.assert_allclose(logits[:, ::8, ::8], grid, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_bytes_and_other_numbers_are_the_same(any_model, dtype):
    images = noise_images(20, 31)
    np.testing.assert_array_equal(any_model(images), any_model(images.astype(dtype)))


def test_images_of_a_batch_do_not_meet(model):
    images = noise_images(20, 31, count=3)
    one_by_one = np.concatenate([model(images[i : i + 1]) for i in range(3)])
    assert_same_logits(model(images), one_by_one)


@pytest.mark.slow
def test_unknown_sizes_in_a_graph(any_model):
    images = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(lambda x: any_model(x), input_signature=[images])
    assert graph.get_concrete_function().output_shapes.as_list() == [None, None, None, 3]
    for size in [(1, 1), (33, 50)]:
        assert_same_logits(
            graph(noise_images(*size, count=2)), any_model(noise_images(*size, count=2))
        )


@pytest.mark.slow
def test_known_sizes_stay_known_in_a_graph(any_model):
    images = tf.TensorSpec([2, 33, None, 3], tf.uint8)
    graph = tf.function(lambda x: any_model(x), input_signature=[images])
    assert graph.get_concrete_function().output_shapes.as_list() == [2, 33, None, 3]
    assert any_model.compute_output_shape((2, 33, None, 3)) == (2, 33, None, 3)


# Rates scale with the stride as far as they stay whole (ASPP-L's 6 does to 16), and VGG's pool5
# has holes from stride 8 on only.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "strides"),
    [
        pytest.param({**RESNET, "head": "large_fov"}, (32, 16, 8, 4, 2, 1), marks=SLOW),
        ({**RESNET, "head": "aspp_l"}, (16, 8)),
        ({}, (8, 4, 2, 1)),
        ({"head": "aspp_s"}, (8, 4, 2)),
    ],
)
def test_denser_scores_sampled_are_the_coarser_ones(options, strides):
    coarse = narrow_model(output_stride=strides[0], **options)
    images = noise_images(33, 33)
    (wanted,) = coarse.logit_maps(images)
    for stride in strides[1:]:
        dense = narrow_model(output_stride=stride, **options)
        dense.set_weights(coarse.get_weights())
        (logits,) = dense.logit_maps(images)
        step = strides[0] // stride
        assert logits.shape[1:3] == (32 // stride + 1, 32 // stride + 1)
        assert_same_logits(logits[:, ::step, ::step], wanted, tolerance=1e-3)


def test_multi_scale_features_predict_at_every_pixel_and_train_on_the_grid():
    model = narrow_model(msc_features=True)
    images = noise_images(33, 41)
    (trained,) = model.logit_maps(images, training=True)
    (predicted,) = model.logit_maps(images)
    assert trained.shape[1:3] == (5, 6) and predicted.shape[1:3] == (33, 41)
    same = narrow_model(msc_features=True, dropout=0)
    same.set_weights(model.get_weights())
    (trained,) = same.logit_maps(images, training=True)
    assert_same_logits(predicted[:, ::8, ::8], trained, tolerance=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"msc_features": True}, pytest.param(RESNET, marks=SLOW)])
def test_every_output_stride_has_the_same_variables(options):
    shapes = []
    for stride in (1, 8, 32):
        found = DeepLab(**{"num_classes": 3, "width": 0.03, **options}, output_stride=stride)
        shapes.append({n: tuple(v.shape) for n, v in found.variables_by_name().items()})
    assert all(other == shapes[0] for other in shapes)


def test_data_set_gives_the_number_of_classes():
    for dataset in (SPEC, SPEC.to_dict()):
        model = DeepLab(dataset=dataset, width=0.03)
        assert (model.num_classes, model.spec) == (3, SPEC)
        assert model(noise_images(9, 9)).shape[-1] == 3
    unnamed = DeepLab(num_classes=2, width=0.03).spec
    assert unnamed.class_names == ("class 0", "class 1")


def test_layers_that_share_a_name_are_named(model, monkeypatch):
    monkeypatch.setattr(compat, "weight_name", lambda variable: "kernel")
    with pytest.raises(ValueError, match="share a name: conv1_1/kernel, conv1_2/kernel"):
        model.variables_by_name()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "vgg19"}, r"backbone must be one of .*resnet50.*Received.*vgg19"),
        ({"head": "aspp"}, r"head must be one of .*aspp_l.*Received.*'aspp'"),
        ({"backbone": "resnet50", "msc_features": True}, r"msc_features are for \['vgg16'\]"),
        ({"output_stride": 12}, r"output_stride must be one of .*Received: 12"),
        ({"method": "fft"}, r"method must be one of .*Received.*fft"),
        ({"dropout": 1.0}, "dropout must be a number from 0 to 0.999"),
        ({"num_classes": None}, "needs num_classes, or a dataset"),
        ({"num_classes": 4, "dataset": SPEC}, "num_classes=4 contradicts .*'three' with 3"),
        ({"scales": ()}, "scales must start with 1.0"),
        ({"scales": (0.75, 0.5)}, "scales must start with 1.0"),
        ({"scales": (1.0, 0.5, 0.75)}, "scales must start with 1.0 and fall"),
        ({"scales": (1.0, 1.0)}, "scales must start with 1.0 and fall"),
        ({"scales": (1.0, 0.0)}, "scales must start with 1.0 and fall"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeepLab(**{"num_classes": 3, "width": 0.03, **arguments})
