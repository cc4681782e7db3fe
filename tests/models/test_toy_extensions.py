"""A new backbone and a decoder, each a class and a row, through everything that users call."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.backbones import BACKBONES
from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.stride import plan_stages
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.export import export_saved_model
from deeplab_tf.heads import HEADS
from deeplab_tf.heads.head import Head
from deeplab_tf.layers import ConvNormAct, SeparableConvNormAct
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.receptive_field import chain_radius
from deeplab_tf.layers.resize import resize
from deeplab_tf.training.config import base_config
from deeplab_tf.training.loop import Trainer
from deeplab_tf.weights import load_into
from tests.models.narrow import assert_same_logits, noise_images
from tests.weights.fakes import write_keras3

SPEC = DatasetSpec("three", ("sky", "road", "tree"))

# === What a stranger writes: a file for the backbone ===


@keras.saving.register_keras_serializable(package="toy")
class ToyNet(Backbone):
    """Four separable stages that learn their normalisation and take inputs from -1 to 1."""

    mean_rgb = (127.5, 127.5, 127.5)
    rate_multipliers = (("stage1_.*", 0.5),)
    keras_applications = ("ToyNet",)

    def __init__(self, output_stride=8, width=1.0, method="native", **kwargs):
        super().__init__(output_stride, width, method, **kwargs)
        options = {"normalization": "train", "momentum": 0.5, "dtype": self.dtype_policy}
        self.stages = []
        for i, plan in enumerate(plan_stages([2] * 4, output_stride), 1):
            filters = max(1, round(64 * i * width))
            options |= {"strides": plan.stride, "dilation_rate": plan.rate, "name": f"stage{i}"}
            kind = SeparableConvNormAct if i > 1 else ConvNormAct
            self.stages.append(kind(filters, 3, activation="relu6", **options))

    @staticmethod
    def preprocess(images):
        return tf.cast(images, tf.float32) / 127.5 - 1

    @property
    def native_strides(self):
        return {stage.name: 2**i for i, stage in enumerate(self.stages, 1)}

    @property
    def receptive_field_radius(self):
        return chain_radius(self.stages)

    def call(self, inputs, training=False):
        features, x = {}, inputs
        for stage in self.stages:
            x = features[stage.name] = stage(x, training=training)
        return features

    @classmethod
    def keras_layer_names(cls, layers):
        return {"toy_a": "stage1", "toy_b": "stage1_norm"} if "toy_a" in layers else None


# === And a file for the decoder ===


@keras.saving.register_keras_serializable(package="toy")
class ToyDecoderLayer(ConfigFromArguments, keras.layers.Layer):
    """Adds details to features that are zoomed to their grid, as v3+ does."""

    def __init__(self, num_classes, filters, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.filters = filters
        options = {"normalization": "sync", "dtype": self.dtype_policy}
        self.details = ConvNormAct(filters, 1, name="details", **options)
        self.context = ConvNormAct(filters, 3, name="context", **options)
        self.merge = SeparableConvNormAct(filters, 3, name="merge", **options)
        self.classifier = keras.layers.Conv2D(num_classes, 1, name="logits", dtype="float32")

    def call(self, inputs, training=False, seeds=None):
        last, early = inputs
        early = self.details(early, training=training)
        zoomed = resize(self.context(last, training=training), tf.unstack(tf.shape(early)[1:3]))
        merged = tf.concat([tf.cast(zoomed, early.dtype), early], axis=-1)
        return self.classifier(self.merge(merged, training=training))


class ToyDecoder(Head):
    """Logits on the grid of stride 4."""

    def __init__(self, backbone, num_classes, options, filters):
        self.early = backbone.endpoint_at(4)
        self.filters = filters
        super().__init__(backbone, num_classes, options)

    def build(self, num_classes, options):
        return ToyDecoderLayer(num_classes, self.filters, name=options.name, dtype=options.dtype)

    def __call__(self, features, training=False, seeds=None):
        maps = [features[self.backbone.endpoint_at()], features[self.early]]
        return self.layer(maps, training=training, seeds=seeds)

    @property
    def logit_stride(self):
        return self.backbone.feature_strides[self.early]

    @property
    def receptive_field_radius(self):
        # One point of the merging convolution; then the zoom and the context reach one more each.
        return self.logit_stride + 2 * self.backbone.output_stride

    @classmethod
    def rate_multipliers(cls, backbone):
        return (("logits/.*", 10.0),)


ROWS = [("toy", "toy_decoder"), ("toy", "large_fov"), ("vgg16", "toy_decoder")]


@pytest.fixture(autouse=True, scope="module")
def _rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES, "toy", (ToyNet, {}))
        patch.setitem(HEADS, "toy_decoder", (ToyDecoder, {"filters": 8}))
        yield


# === What they get for it ===


def build(backbone="toy", head="toy_decoder", **options):
    model = deeplab_tf.DeepLab(
        backbone, head, **{"dataset": SPEC, "output_stride": 16, "width": 0.1, **options}
    )
    rng = np.random.default_rng(0)
    for name, variable in model.variables_by_name().items():
        if name.split("/")[1] in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.3, 0.7, variable.shape))
        elif name.startswith(("logits", "fc8", "fc1")) and len(variable.shape) > 1:
            variable.assign(rng.normal(size=variable.shape))
    return model


@pytest.fixture(scope="module", params=ROWS, ids="-".join)
def model(request):
    return build(*request.param)


@pytest.fixture(scope="module")
def decoder():
    return build()


def test_prediction_at_any_size(model):
    for size in [(1, 1), (33, 50), (64, 47)]:
        images = noise_images(*size)
        logits = model(images)
        assert logits.shape == (1, *size, 3) and np.isfinite(logits).all()
        labels = deeplab_tf.Predictor(model)(images[0])
        np.testing.assert_array_equal(labels, np.argmax(logits[0], axis=-1))
    assert np.std(logits) > 1e-3


@pytest.mark.parametrize(
    ("output_stride", "scales", "multiple", "strides"),
    [
        (16, (1.0,), 16, [4]),
        (8, (1.0,), 8, [4]),
        (2, (1.0,), 2, [2]),
        (16, (1.0, 0.75, 0.5), 64, [4, 4, 4, 8]),
    ],
)
def test_logits_lie_on_the_grid_of_the_decoder(output_stride, scales, multiple, strides):
    model = build(output_stride=output_stride, scales=scales)
    assert (model.size_multiple, model.logit_strides) == (multiple, strides)
    side = 2 * multiple + 1
    maps = model.logit_maps(noise_images(side, side))
    assert [m.shape[1] for m in maps] == [2 * multiple // stride + 1 for stride in strides]
    # Every so many pixels of the zoomed logits are those of the grid.
    logits = model(noise_images(side, side))
    np.testing.assert_allclose(logits[:, :: strides[0], :: strides[0]], maps[0], atol=1e-4)


def test_padding_is_the_backbones_own_mean(model):
    images = noise_images(34, 50)
    padded = np.full([1, 49, 65, 3], model.mean_rgb, np.float32)
    padded[:, :34, :50] = images
    assert_same_logits(model(images), model(padded)[:, :34, :50])


def test_no_logit_sees_farther_than_the_radius(decoder):
    radius, stride = decoder.receptive_field_radius, decoder.logit_stride
    image = np.full([1, 33, 257, 3], decoder.mean_rgb, np.float32)
    changed = image.copy()
    changed[:, :, 128] = 255
    difference = decoder.logit_maps(changed)[0] - decoder.logit_maps(image)[0]
    columns = np.flatnonzero(np.any(difference, axis=(0, 1, 3))) * stride
    seen = np.abs(columns - 128).max()
    assert radius // 2 < seen <= radius


def test_tiles_are_the_whole(decoder):
    image = np.random.default_rng(0).integers(0, 256, (290, 150, 3), np.uint8)
    whole, tiled = (deeplab_tf.Predictor(decoder, tile=tile) for tile in (None, 257))
    np.testing.assert_allclose(
        tiled.predict_logits(image), whole.predict_logits(image), rtol=1e-3, atol=1e-3
    )


def test_a_file_brings_it_back(model, tmp_path):
    model.save(tmp_path / "model.keras")
    for open_file in (deeplab_tf.load, keras.models.load_model):
        loaded = open_file(tmp_path / "model.keras")
        assert (loaded.backbone_name, loaded.head_name) == (model.backbone_name, model.head_name)
        np.testing.assert_array_equal(loaded(noise_images(33, 50)), model(noise_images(33, 50)))


def test_a_saved_model_predicts_the_same(decoder, tmp_path):
    folder = export_saved_model(deeplab_tf.Predictor(decoder), tmp_path / "1", max_pixels=10_000)
    image = noise_images(33, 50)[0]
    labels = deeplab_tf.load(folder)(image)
    assert (labels == deeplab_tf.Predictor(decoder)(image)).mean() > 0.999
    assert len(np.unique(labels)) > 1


def test_fit_trains_everything(model):
    before = {name: v.numpy() for name, v in model.variables_by_name().items()}
    model.compile(
        keras.optimizers.SGD(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    labels = np.random.default_rng(0).integers(0, 3, (2, 33, 50))
    history = model.fit(noise_images(33, 50, count=2), labels, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = [
        name for name, v in model.variables_by_name().items() if np.any(v.numpy() != before[name])
    ]
    assert len(moved) > 0.9 * len(before)  # a channel that is dead keeps its kernel
    statistics = [name for name in before if "moving" in name]
    assert set(statistics) <= set(moved)


def test_a_run_trains_it_and_its_work_directory_opens(tmp_path):
    config = base_config("vgg16_large_fov")
    config.model.update(backbone="toy", head="toy_decoder", output_stride=16, width=0.1)
    config.data.augmentation = "crop(33)|mirror"
    config.train.update(steps=1, batch_size=2, eval_every=0, learning_rate=1e-3)
    config.train.rate_multipliers = deeplab_tf.DeepLab(
        "toy", "toy_decoder", num_classes=2, width=0.1
    ).rate_multipliers
    assert config.train.rate_multipliers == (("logits/.*", 10.0), ("stage1_.*", 0.5))
    model = Trainer(config, SyntheticSplit("train", 4), tmp_path, log=lambda line: None).run()
    loaded = deeplab_tf.load(tmp_path)
    np.testing.assert_array_equal(loaded(noise_images(33, 33)), model(noise_images(33, 33)))
    moving = model.variables_by_name()["stage4_pointwise_norm/moving_mean"]
    assert np.any(moving.numpy())  # zeros at first


def test_weights_in_a_keras_file_find_their_places(decoder, tmp_path):
    shape = tuple(decoder.variables_by_name()["stage1/kernel"].shape)
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    norm = [np.full(shape[-1], value, np.float32) for value in (1, 2, 3, 4)]
    write_keras3(tmp_path / "toy.weights.h5", {"toy_a": [kernel], "toy_b": norm})
    report = load_into(build(), tmp_path / "toy.weights.h5")
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    wanted = ["stage1/kernel", *(f"stage1_norm/{part}" for part in parts)]
    assert report.names("loaded") == wanted
    write_keras3(tmp_path / "other.weights.h5", {"other": [kernel]})
    with pytest.raises(ValueError, match="ResNet152 or ToyNet of Keras Applications"):
        load_into(build(), tmp_path / "other.weights.h5")


def test_multi_scale_features_need_their_backbone_and_stride():
    with pytest.raises(ValueError, match=r"are for \['vgg16'\]. Received: backbone='toy'"):
        build(msc_features=True)
    with pytest.raises(ValueError, match=r"a head with a logit every 16 pixels.*one every 4"):
        build("vgg16", msc_features=True)
