"""The rows of docs/extending.md and those of v3 and v3+ through everything that users call."""

import keras
import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.backbones import BACKBONES, backbone_class, build_backbone
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.export import export_saved_model
from deeplab_tf.weights import load_into
from tests.backbones.consistency import assert_consistent, with_shared_weights
from tests.backbones.shallow import shallow_networks
from tests.extensions import extended
from tests.models.narrow import assert_same_logits, noise_images
from tests.weights.fakes import write_keras3

SPEC = DatasetSpec("three", ("sky", "road", "tree"))
# With the rows of v3 and v3+, which train their normalisation too.
ROWS = [
    ("tiny", "tiny_decoder"),
    ("tiny", "large_fov"),
    ("vgg16", "tiny_decoder"),
    ("tiny", "aspp_v3"),
    ("resnet50_beta", "v3plus"),
]


@pytest.fixture(autouse=True, scope="module")
def _extended(tmp_path_factory):
    with extended(tmp_path_factory.mktemp("site")), shallow_networks():
        yield


def build(backbone="tiny", head="tiny_decoder", **options):
    model = deeplab_tf.DeepLab(
        backbone, head, **{"dataset": SPEC, "output_stride": 8, "width": 0.1, **options}
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


@pytest.mark.slow
def test_prediction_at_any_size(model):
    predictor = deeplab_tf.Predictor(model)
    for size in [(1, 1), (33, 50), (64, 47)]:
        images = noise_images(*size)
        logits = model(images)
        assert logits.shape == (1, *size, 3) and np.isfinite(logits).all()
        np.testing.assert_array_equal(predictor(images[0]), np.argmax(logits[0], axis=-1))
    assert np.std(logits) > 1e-3


@pytest.mark.parametrize(
    ("output_stride", "scales", "multiple", "strides"),
    [
        (8, (1.0,), 8, [4]),
        (4, (1.0,), 4, [4]),
        (2, (1.0,), 2, [2]),
        (8, (1.0, 0.75, 0.5), 32, [4, 4, 4, 8]),
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


@pytest.mark.slow
def test_padding_is_the_backbones_own_mean(model):
    images = noise_images(34, 50)
    padded = np.full([1, 41, 57, 3], model.mean_rgb, np.float32)
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


@pytest.mark.slow
def test_a_file_brings_it_back(model, tmp_path):
    model.save(tmp_path / "model.keras")
    for open_file in (deeplab_tf.load, keras.models.load_model):
        loaded = open_file(tmp_path / "model.keras")
        assert (loaded.backbone_name, loaded.head_name) == (model.backbone_name, model.head_name)
        np.testing.assert_array_equal(loaded(noise_images(33, 50)), model(noise_images(33, 50)))


@pytest.mark.slow
def test_a_saved_model_predicts_the_same(decoder, tmp_path):
    folder = export_saved_model(deeplab_tf.Predictor(decoder), tmp_path / "1", max_pixels=10_000)
    image = noise_images(33, 50)[0]
    labels = deeplab_tf.load(folder)(image)
    assert (labels == deeplab_tf.Predictor(decoder)(image)).mean() > 0.999
    assert len(np.unique(labels)) > 1


@pytest.mark.slow
def test_fit_trains_everything(model):
    before = {name: v.numpy() for name, v in model.variables_by_name().items()}
    model.compile(
        keras.optimizers.SGD(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=model.backbone_name != "tiny",  # to build a deep network's graph takes long
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


def test_coarse_features_are_a_part_of_dense_ones():
    backbones = with_shared_weights(lambda s: build_backbone("tiny", output_stride=s), (8, 4, 2, 1))
    for size in ((65, 97), (64, 70)):
        assert_consistent(backbones, (8, 4, 2, 1), "conv3", size)
    with pytest.raises(ValueError, match=r"of this backbone must be at most 8. Received: 16"):
        build_backbone("tiny", output_stride=16)


def test_weights_in_a_keras_file_find_their_places(decoder, tmp_path, monkeypatch):
    class WithNames(backbone_class("tiny")):
        keras_applications = ("TinyNet",)

        @classmethod
        def keras_layer_names(cls, layers):
            return {"a": "conv1", "b": "conv1_norm"} if "a" in layers else None

    monkeypatch.setitem(BACKBONES, "tiny", (WithNames, {}))
    shape = tuple(decoder.variables_by_name()["conv1/kernel"].shape)
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    norm = [np.full(shape[-1], value, np.float32) for value in (1, 2, 3, 4)]
    write_keras3(tmp_path / "tiny.weights.h5", {"a": [kernel], "b": norm})
    report = load_into(build(), tmp_path / "tiny.weights.h5")
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    assert report.names("loaded") == ["conv1/kernel", *(f"conv1_norm/{part}" for part in parts)]
    write_keras3(tmp_path / "other.weights.h5", {"other": [kernel]})
    with pytest.raises(ValueError, match=r"ResNet152, .* or TinyNet of Keras Applications"):
        load_into(build(), tmp_path / "other.weights.h5")


def test_multi_scale_features_need_their_backbone_and_stride():
    with pytest.raises(ValueError, match=r"are for \['vgg16'\]. Received: backbone='tiny'"):
        build(msc_features=True)
    with pytest.raises(ValueError, match=r"a head with a logit every 8 pixels.*one every 4"):
        build("vgg16", msc_features=True)
