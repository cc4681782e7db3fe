"""A network of keras.applications in a DeepLab.

Files and exports of it are rows of `tests/models/test_save.py` and `tests/export/test_v3.py`.
"""

import functools
import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.backbones import backbone_class, build_backbone, mean_color
from tests.backbones.keras_classifiers.families import random_classifier, shallow_applications
from tests.models.narrow import noise_images, weights_of_zero

NAME = "keras:MobileNet"
IMAGES = noise_images(33, 41)


def build(**options):
    """A DeepLab whose backbone lets signals pass."""
    model = deeplab_tf.DeepLab(NAME, **{"head": "fc", "num_classes": 3, **options})
    model.backbone.network.set_weights(random_backbone_weights(model.backbone))
    rng = np.random.default_rng(0)
    for name, variable in model.variables_by_name().items():
        if name.startswith("fc1"):
            variable.assign(rng.normal(size=variable.shape))
    return model


@functools.cache
def classifier():
    return random_classifier("MobileNet")


def random_backbone_weights(backbone):
    arrays = backbone.weights_of(classifier())
    owners = {id(v): x.name for x in compat.leaf_layers(backbone) for v in x.weights}
    return [arrays[f"{owners[id(v)]}/{compat.weight_name(v)}"] for v in backbone.network.weights]


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.mark.slow
def test_names_are_those_of_keras_and_unique(model):
    names = list(model.variables_by_name())
    assert names[0] == "conv1/kernel" and "conv_pw_13_bn/moving_variance" in names
    assert model.get_config()["backbone"] == NAME
    assert list(model.backbone.native_strides.values()) == [2, 4, 8, 16, 32]
    assert backbone_class(NAME) is type(model.backbone)


@pytest.mark.slow
def test_padding_is_what_the_network_does_not_see(model):
    assert mean_color(NAME) == model.mean_rgb == (127.5, 127.5, 127.5)
    image = np.full([1, 2, 3, 3], model.mean_rgb, np.float32)
    np.testing.assert_allclose(model.backbone.preprocess(image), 0 * image, atol=1e-6)


@pytest.mark.slow
def test_names_do_not_depend_on_what_was_built_before():
    """Xception leaves names to Keras, which numbers them through the process."""
    with shallow_applications(), weights_of_zero():
        first, second = (build_backbone("keras:Xception", output_stride=s) for s in (8, 16))
    names = [[f"{x.name}" for x in compat.leaf_layers(b)] for b in (first, second)]
    assert sorted(names[0]) == sorted(names[1])
    assert "conv2d_0" in names[0] and list(first.native_strides) == list(second.native_strides)


@pytest.mark.parametrize("height", [1, 2])
def test_receptive_field_is_what_a_bright_pixel_changes(model, height):
    backbone = model.backbone
    middle = 8 * (backbone.receptive_field_radius // 8 + 3)
    image = np.random.default_rng(0).normal(size=(1, height, 2 * middle + 1, 3))
    changed = image.copy()
    changed[:, 0, middle] += 5
    name = backbone.endpoint_at()
    found, wanted = (np.asarray(backbone(x.astype(np.float32))[name]) for x in (image, changed))
    places = np.flatnonzero(np.any(found[0] != wanted[0], axis=(0, 2)))
    assert 0.7 < np.abs(places * 8 - middle).max() / backbone.receptive_field_radius <= 1


@pytest.mark.slow
def test_statistics_move_in_training_only_and_frozen_ones_never(model):
    for batch_norm, moves in (("train", True), ("frozen", False)):
        other = build(batch_norm=batch_norm)
        statistics = [v for n, v in other.variables_by_name().items() if "moving" in n]
        assert len(statistics) == 54
        before = [np.asarray(v).copy() for v in statistics]
        other(IMAGES)
        for old, new in zip(before, statistics, strict=True):
            np.testing.assert_array_equal(old, new)
        other.backbone.trainable = True  # as for fine-tuning; frozen statistics stay
        other(IMAGES, training=True)
        moved = [
            np.any(old != np.asarray(new)) for old, new in zip(before, statistics, strict=True)
        ]
        assert all(moved) if moves else not any(moved)


@pytest.mark.slow
def test_sync_is_keras_own():
    with weights_of_zero():
        layers = compat.leaf_layers(build_backbone(NAME, batch_norm="sync"))
    norms = [x for x in layers if isinstance(x, keras.layers.BatchNormalization)]
    assert norms and all(x.get_config().get("synchronized", True) for x in norms)


def test_a_file_cannot_name_weights_to_read(model, tmp_path):
    model.save(tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as old,
        zipfile.ZipFile(tmp_path / "other.keras", "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["weights"] = "/etc/passwd.h5"
                content = json.dumps(config).encode()
            new.writestr(name, content)
    with pytest.raises(ValueError, match=r"DeepLab takes no \['weights'\]"):
        deeplab_tf.load(tmp_path / "other.keras")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16"])
def test_mixed_precision_is_that_of_the_model(precision):
    model = deeplab_tf.DeepLab(NAME, "fc", 3, dtype=precision)
    assert {x.compute_dtype for x in model.backbone.network.layers[1:]} == {"bfloat16"}
    assert {v.dtype for v in model.trainable_weights} <= {"float32", tf.float32}
    assert model(IMAGES).dtype == tf.float32


@pytest.mark.slow
def test_fit_lowers_the_loss():
    keras.utils.set_random_seed(0)
    model = build(head="aspp_l", batch_norm="train", output_stride=16, dropout=0.1)
    labels = np.zeros([1, 33, 41], np.int32)
    labels[:, :, 20:] = 2
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, run_eagerly=True)
    losses = model.fit(IMAGES, labels, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < 0.9 * losses[0]


def test_what_it_does_not_take():
    for options in ({"width": 0.5}, {"method": "interlace"}):
        with pytest.raises(ValueError, match=r"keras:MobileNet has width 1.0 and method 'native'"):
            build_backbone(NAME, **options)
    with pytest.raises(ValueError, match=r"no classifier 'Nothing' that can be made atrous"):
        deeplab_tf.DeepLab("keras:Nothing", num_classes=2)
    with pytest.raises(ValueError, match=r"multi_grid is for .*keras:MobileNet"):
        deeplab_tf.DeepLab(NAME, num_classes=2, multi_grid=(1, 2, 4))
