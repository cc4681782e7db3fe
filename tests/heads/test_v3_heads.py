"""The heads of v3 and v3+ on a ResNet."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.backbones import ResNet, build_backbone
from deeplab_tf.heads import HeadOptions, build_head
from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import assert_same_logits, narrow_model, noise_images

pytestmark = pytest.mark.usefixtures("shallow")


def head_at(output_stride, name="v3plus", **options):
    backbone = build_backbone("resnet50", output_stride=output_stride, width=0.02)
    return build_head(backbone, 3, HeadOptions(name, width=0.05, **options))


@pytest.mark.parametrize("name", ["aspp_v3", "v3plus"])
@pytest.mark.parametrize(
    ("output_stride", "rates"), [(32, (3, 6, 9)), (16, (6, 12, 18)), (8, (12, 24, 36))]
)
def test_rates_are_the_published_ones(name, output_stride, rates):
    encoder = head_at(output_stride, name).layer.encoder
    assert encoder.rates == rates
    assert [branch.dilation_rate for branch in encoder.branches] == [1, *rates]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output_stride", "logit_stride"), [(32, 4), (16, 4), (8, 4), (4, 4), (2, 2), (1, 1)]
)
def test_logits_lie_on_the_grid_of_the_details(output_stride, logit_stride):
    model = narrow_model("resnet50", "v3plus", width=0.05, output_stride=output_stride)
    assert model.logit_strides == [logit_stride] and model.size_multiple == output_stride
    images = noise_images(33, 20)
    (grid,) = model.logit_maps(images)
    padded = [-(-(side - 1) // output_stride) * output_stride + 1 for side in (33, 20)]
    assert grid.shape[1:3] == tuple((side - 1) // logit_stride + 1 for side in padded)
    logits = model(images)
    assert logits.shape == (1, 33, 20, 3) and np.isfinite(logits).all() and np.std(logits) > 1e-3
    np.testing.assert_allclose(
        logits[:, ::logit_stride, ::logit_stride], grid[:, :, : -(-20 // logit_stride)], atol=1e-4
    )


@pytest.mark.slow
def test_published_widths():
    model = DeepLab("resnet50", "v3plus", num_classes=21, output_stride=16)
    shapes = {name: tuple(v.shape) for name, v in model.variables_by_name().items()}
    wanted = {
        "image_pooling/kernel": (1, 1, 2048, 256),
        "aspp0/kernel": (1, 1, 2048, 256),
        "aspp3/kernel": (3, 3, 2048, 256),
        "concat_projection/kernel": (1, 1, 5 * 256, 256),
        "feature_projection0/kernel": (1, 1, 256, 48),
        "decoder_conv0/kernel": (3, 3, 256 + 48, 256),
        "decoder_conv1/kernel": (3, 3, 256, 256),
        "logits/kernel": (1, 1, 256, 21),
        "logits/bias": (21,),
    }
    assert {name: shapes[name] for name in wanted} == wanted
    assert model.batch_norm == "train" and model.backbone.batch_norm == "train"


@pytest.mark.parametrize("separable", [False, True])
def test_options_reach_the_layer(separable):
    layer = head_at(
        16, image_pooling="none", separable=separable, dropout=0.1, batch_norm="sync"
    ).layer
    assert (layer.encoder.image_pooling, layer.encoder.dropout) == ("none", 0.1)
    assert {type(part).__name__ for part in (*layer.encoder.branches[1:], *layer.refinement)} == {
        "SeparableConvNormAct" if separable else "ConvNormAct"
    }
    assert {part.batch_norm for part in (*layer.encoder.branches, *layer.refinement)} == {"sync"}


@pytest.mark.parametrize(
    ("pooling", "output_stride", "window"),
    [("global", 16, None), ("513", 16, 33), ("513", 8, 65), ("1", 32, 1), ("768", 16, 48)],
)
def test_windows_are_given_in_pixels(pooling, output_stride, window):
    """`scale_dimension` of the released code."""
    head = head_at(output_stride, image_pooling=pooling)
    assert head.layer.encoder.pooling.window == window and head.has_global_context


@pytest.mark.slow
def test_without_pooling_the_context_is_local():
    model = narrow_model("resnet50", "v3plus", width=0.02, image_pooling="none")
    assert not model.has_global_context
    assert not narrow_model("resnet50", "aspp_l", width=0.02).has_global_context
    assert narrow_model("resnet50", "aspp_v3", width=0.02).has_global_context


@pytest.mark.slow
@pytest.mark.parametrize("size", [(65, 97), (33, 17)])
def test_coarse_logits_are_a_part_of_dense_ones(size):
    """Without pooling, whose averages differ a little; a decoder zooms, which is something else."""
    options = {"width": 0.05, "image_pooling": "none"}
    models = {s: narrow_model("resnet50", "aspp_v3", output_stride=s, **options) for s in (16, 8)}
    models[8].set_weights(models[16].get_weights())
    coarse, dense = (models[s].logit_maps(noise_images(*size))[0] for s in (16, 8))
    assert_same_logits(coarse, dense[:, ::2, ::2])


@pytest.mark.slow
def test_statistics_move_in_training_only():
    """The trap of keras-hub's DeepLab: a call without `training` must not move them."""
    model = narrow_model("resnet50_beta", "v3plus", width=0.05, output_stride=16)
    images = noise_images(33, 33, count=2)

    def statistics():
        return [v.numpy() for n, v in model.variables_by_name().items() if "/moving" in n]

    before = statistics()
    for call in (
        lambda: model(images),
        lambda: model(images, training=False),
        lambda: model.predict(images, verbose=0),
        lambda: tf.function(model)(images),
    ):
        call()
        for value, first in zip(statistics(), before, strict=True):
            np.testing.assert_array_equal(value, first)
    model(images, training=True)
    moved = [np.any(v != b) for v, b in zip(statistics(), before, strict=True)]
    assert all(moved) and len(moved) == 2 * (3 + 9 * 3 + 4 + 9)


def test_a_backbone_without_details_is_refused():
    class Coarse(ResNet):
        @property
        def native_strides(self):
            return {"conv1": 2, "res5c": 32}

    with pytest.raises(ValueError, match="has no features of stride 4"):
        build_head(Coarse(50, 16, 0.02), 3, HeadOptions("v3plus"))
