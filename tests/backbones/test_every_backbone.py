"""What every row of `BACKBONES` has to fulfil; a new row is tested by being there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.backbones import BACKBONES, backbone_class, build_backbone
from deeplab_tf.export.fold import folded
from deeplab_tf.export.operations import COMPUTING
from deeplab_tf.export.serving_module import ServingModule
from tests.backbones.consistency import assert_consistent, with_shared_weights
from tests.models.narrow import (
    assert_same_logits,
    narrow_model,
    noise_images,
)

pytestmark = pytest.mark.usefixtures("shallow")

# The map up to which all output strides agree, where it is not the last (`VGG16` says why).
AGREES_UP_TO = {"vgg16": "conv5_3"}
# The one with fewer units of the family stands for these.
DEEPER = ("resnet101", "resnet152", "resnet101_v1_5", "resnet101_beta", "xception65",
          "efficientnet_lite1", "efficientnet_lite2")  # fmt: skip
SLOW = ("mobilenet_v3_large", "xception41", "efficientnet_lite0")
# The head of the model that predicts and is exported; every head of v3 and v3+ is there.
HEADS = {
    "resnet50_v1_5": "aspp_v3",
    "resnet50_beta": "v3plus",
    "mobilenet_v2": "aspp_v3_1x1",
    "mobilenet_v3_large": "aspp_v3",
    "xception41": "v3plus",
    "efficientnet_lite0": "v3plus",
}
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name in BACKBONES
    if name not in DEEPER
]
WIDTH = 0.05
STRIDES = (32, 16, 8, 4, 2)


def narrow(name, output_stride=8, **options):
    return build_backbone(name, **{"output_stride": output_stride, "width": WIDTH, **options})


@pytest.fixture(scope="module", params=NAMES)
def backbones(request):
    """A backbone at every output stride, all with the same weights."""
    backbones = with_shared_weights(lambda s: narrow(request.param, s), STRIDES)
    for backbone in backbones.values():
        make_gates_constant(backbone)
    return backbones


def make_gates_constant(backbone):
    """Squeeze and excitation averages over the points of a map, which differ between strides."""
    gates = [x for x in compat.leaf_layers(backbone) if x.name.endswith("squeeze_excite_conv_1")]
    assert bool(gates) == backbone.has_global_context
    for layer in gates:
        kernel, bias = layer.get_weights()
        layer.set_weights([np.zeros_like(kernel), bias])


@pytest.fixture(scope="module")
def backbone(backbones):
    return backbones[8]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(65, 97), (64, 70), (1, 7)])
def test_coarse_features_are_a_part_of_dense_ones(backbones, size):
    name = backbones[8].name
    endpoint = AGREES_UP_TO.get(name, backbones[8].endpoint_at())
    # VGG's fifth stride comes after conv5_3, so 32 is no coarser there than 16.
    strides = [s for s in STRIDES[:4] if backbones[s].feature_strides[endpoint] == s]
    assert_consistent(backbones, strides, endpoint, size)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(17, 25), (18, 16)])
def test_dense_features_agree_to_the_end(backbones, size):
    assert_consistent(backbones, (8, 4, 2), backbones[8].endpoint_at(), size)


@pytest.mark.slow
def test_strides_are_those_of_the_maps(backbones):
    side = 65
    for output_stride in (32, 8, 2):
        features = backbones[output_stride](tf.zeros([1, side, side, 3]))
        strides = backbones[output_stride].feature_strides
        assert list(features) == list(strides)
        found = {name: (side - 1) // (x.shape[1] - 1) for name, x in features.items()}
        assert found == strides
        assert strides[backbones[output_stride].endpoint_at()] == output_stride


@pytest.mark.slow
def test_maps_are_found_by_their_stride(backbones):
    names = {s: {b.endpoint_at(s) for b in backbones.values()} for s in (2, 4, 8, 16, 32)}
    assert all(len(endpoints) == 1 for endpoints in names.values())  # whatever the output stride
    coarsest = backbones[32]
    for stride, (endpoint,) in names.items():
        later = list(coarsest.feature_strides)
        later = later[later.index(endpoint) + 1 :]
        assert coarsest.feature_strides[endpoint] == stride
        assert all(coarsest.feature_strides[name] > stride for name in later)
    with pytest.raises(ValueError, match=rf"{coarsest.name} has no features of stride 3; its"):
        coarsest.endpoint_at(3)


def test_padding_is_what_the_network_does_not_see(backbone):
    image = np.full([1, 2, 3, 3], backbone.mean_rgb, np.float32)
    np.testing.assert_allclose(backbone.preprocess(image), np.zeros(image.shape), atol=1e-4)
    images = noise_images(4, 5)
    from_bytes = backbone.preprocess(images)
    assert from_bytes.dtype == tf.float32 and from_bytes.shape == images.shape
    np.testing.assert_array_equal(from_bytes, backbone.preprocess(images.astype(np.float32)))
    assert np.std(from_bytes) > 0.1


def positive(kernel):
    """A kernel under which neither the middle nor the rim of what is bright leaves float32."""
    taps, _, channels, filters = kernel.shape
    return np.full(kernel.shape, 1 / taps if filters == 1 else 1 / channels)


def test_receptive_field_is_what_a_bright_pixel_changes(backbone):
    """All weights let through what is positive, and nothing else."""
    weights = backbone.get_weights()
    backbone.set_weights([positive(w) if w.ndim == 4 else w for w in weights])
    middle = 8 * (backbone.receptive_field_radius // 8 + 3)
    image = np.zeros([1, 9, 2 * middle + 1, 3], np.float32)
    image[:, 0, middle] = 255
    features = backbone(image)[backbone.endpoint_at()]
    backbone.set_weights(weights)
    changed = np.flatnonzero(np.any(features[0], axis=(0, 2)))
    seen = np.abs(changed * 8 - middle).max()
    # Features lie on every eighth pixel: the farthest may fall short of the next.
    assert 0 <= backbone.receptive_field_radius - seen < 8


def test_names_are_unique_and_the_same_at_every_stride(backbones):
    names = []
    for backbone in backbones.values():
        layers = compat.leaf_layers(backbone)
        found = [f"{x.name}/{compat.weight_name(v)}" for x in layers for v in x.weights]
        assert len(set(found)) == len(found) == len(backbone.weights)
        names.append(sorted(found))
    assert all(other == names[0] for other in names)


@pytest.mark.slow
def test_config_rebuilds_the_backbone_and_methods_agree(backbones):
    name, dense = backbones[4].name, backbones[4]
    arguments = {"output_stride": 4, "width": WIDTH, "method": "interlace"}
    made = narrow(name, **arguments)
    copy = keras.layers.deserialize(keras.layers.serialize(made))
    assert keras.layers.serialize(copy) == keras.layers.serialize(made)
    assert {key: copy.get_config()[key] for key in arguments} == arguments
    assert copy.name == name
    x = np.random.default_rng(0).normal(size=(1, 17, 18, 3)).astype(np.float32)
    copy(x)
    copy.set_weights(dense.get_weights())
    features = copy(x)
    for endpoint, wanted in dense(x).items():
        scale = np.abs(wanted).max()  # deep networks with random weights have features of thousands
        np.testing.assert_allclose(features[endpoint] / scale, wanted / scale, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def model(backbone):
    model = narrow_model(backbone.name, HEADS.get(backbone.name, "fc"), width=WIDTH)
    rng = np.random.default_rng(0)
    for name, variable in model.variables_by_name().items():
        # As after training: what a new network has would hide a wrong factor.
        if name.split("/")[1] in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.0, variable.shape))
    # Deep ones give logits of thousands, whose probabilities are 0 or 1, or show rounding only.
    scale = np.std(model(noise_images(33, 47)))
    for name, variable in model.variables_by_name().items():
        if name.startswith(("fc1", "logits")):
            variable.assign(tf.convert_to_tensor(variable) / scale)
    return model


@pytest.fixture(scope="module")
def predictor(model):
    return deeplab_tf.Predictor(model)


@pytest.mark.slow
def test_predictor_labels_as_the_logits_say(model, predictor):
    image = noise_images(33, 47)[0]
    logits = model(image[None])[0]
    assert np.isfinite(logits).all() and np.std(logits) > 1e-3
    # In a graph it is exported, below.
    labels = np.argmax(predictor.logits(image[None])[0], axis=-1)
    np.testing.assert_array_equal(labels, np.argmax(logits, axis=-1))


@pytest.mark.slow
def test_exported_graph_predicts_as_the_model(predictor):
    """With its normalisation folded. Whole SavedModels, v3's too, are in tests/export."""
    images = noise_images(33, 47)
    with folded(predictor.model) as variables:
        module = ServingModule(predictor, variables, max_pixels=10_000)
        probabilities = module.predict_tensor(tf.constant(images))["probabilities"]
    assert_same_logits(probabilities, tf.nn.softmax(predictor.model(images)), tolerance=1e-3)
    graph = module.predict_tensor.get_concrete_function().graph
    assert {operation.type for operation in graph.get_operations()} <= COMPUTING


@pytest.mark.slow
def test_multipliers_are_of_its_variables(model):
    deeplab_tf.training.optimizers.trained_variables(model, model.rate_multipliers)  # or it raises


def test_unknown_names_list_the_rows():
    with pytest.raises(ValueError, match=r"one of \[.*'resnet101', .*'vgg16'.*Received.*'vgg19'"):
        backbone_class("vgg19")
