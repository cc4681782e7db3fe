"""What the forms of ResNet besides Caffe's have of their own; the rest is `test_every_backbone`."""

import numpy as np
import pytest

from deeplab_tf.backbones import ResNetBeta, ResNetV15
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.weights import load_into
from tests.weights.fakes import write_keras3


def plan(backbone):
    """The strides and the rate of each unit, as (of the first 1x1, of the 3x3, rate)."""
    return [(u.reduce.strides, u.spatial.strides, u.spatial.dilation_rate) for u in backbone.units]


PLAIN = (1, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "output_stride", "multi_grid", "stages"),
    [
        # torchvision's replace_stride_with_dilation: the first unit keeps the rate from before.
        (ResNetV15, 32, (1, 1, 1), ([PLAIN] * 3, [(1, 2, 1)] + [PLAIN] * 3,
                                    [(1, 2, 1)] + [PLAIN] * 5, [(1, 2, 1)] + [PLAIN] * 2)),
        (ResNetV15, 8, (1, 2, 4), ([PLAIN] * 3, [(1, 2, 1)] + [PLAIN] * 3,
                                   [PLAIN] + [(1, 1, 2)] * 5, [(1, 1, 2), (1, 1, 8), (1, 1, 16)])),
        # Slim's stack_blocks_dense: the last unit of a stage has the stride of the next.
        (ResNetBeta, 32, (1, 2, 4), ([PLAIN] * 2 + [(1, 2, 1)], [PLAIN] * 3 + [(1, 2, 1)],
                                     [PLAIN] * 5 + [(1, 2, 1)], [PLAIN, (1, 1, 2), (1, 1, 4)])),
        (ResNetBeta, 16, (1, 2, 4), ([PLAIN] * 2 + [(1, 2, 1)], [PLAIN] * 3 + [(1, 2, 1)],
                                     [PLAIN] * 6, [(1, 1, 2), (1, 1, 4), (1, 1, 8)])),
        (ResNetBeta, 8, (1, 1, 1), ([PLAIN] * 2 + [(1, 2, 1)], [PLAIN] * 4,
                                    [(1, 1, 2)] * 6, [(1, 1, 4)] * 3)),
    ],
)  # fmt: skip
def test_strides_and_rates(kind, output_stride, multi_grid, stages):
    backbone = kind(50, output_stride, width=0.02, multi_grid=multi_grid)
    assert plan(backbone) == [unit for stage in stages for unit in stage]


def test_details_come_before_the_stage_that_subsamples():
    ends = {}
    for kind in (ResNetV15, ResNetBeta):
        backbone = kind(101, 16, width=0.02)
        ends[kind] = [backbone.endpoint_at(stride) for stride in (4, 8, 16, 32)]
    assert ends[ResNetV15] == ["layer1.2", "layer2.3", "layer3.22", "layer4.2"]
    assert ends[ResNetBeta] == [
        "block1_unit_2", "block2_unit_3", "block3_unit_22", "block4_unit_3",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "names"),
    [
        ("resnet50_v1_5", ["layer0.conv1/kernel", "layer0.bn1/gamma",
                           "layer1.0.downsample.0/kernel",
                           "layer1.0.downsample.1/beta", "layer3.5.conv3/kernel",
                           "layer4.2.bn2/moving_variance"]),
        ("resnet50_beta", ["conv1_1/kernel", "conv1_3_norm/gamma", "block1_unit_1_shortcut/kernel",
                           "block3_unit_6_conv2/kernel", "block4_unit_3_conv3_norm/beta"]),
    ],
)  # fmt: skip
def test_names_are_the_published_ones_and_keras_weights_find_no_place(backbone, names, tmp_path):
    """Those of Keras Applications fit by their shapes, but were trained with other strides."""
    model = DeepLab(backbone, "fc", num_classes=3, width=0.02)
    assert set(names) <= set(model.variables_by_name())
    kernel = np.zeros(model.backbone.units[1].expand.conv.kernel.shape, np.float32)
    first = np.zeros([7, 7, 3, 1], np.float32)
    norm = [np.zeros(1, np.float32)] * 4
    write_keras3(
        tmp_path / "resnet.weights.h5",
        {"conv1_conv": [first], "conv1_bn": norm, "conv2_block2_3_conv": [kernel],
         "conv2_block2_3_bn": norm},
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"nothing of the weights .* fits the model"):
        load_into(model, tmp_path / "resnet.weights.h5")


@pytest.mark.parametrize(
    ("kind", "mean", "deviation"),
    [
        (ResNetV15, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (ResNetBeta, np.array([123.15, 115.90, 103.06]) / 255, 1 / 255),
    ],
)
def test_inputs_are_the_published_ones(kind, mean, deviation):
    images = np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3), np.uint8)
    wanted = (images / 255 - np.array(mean)) / np.array(deviation)
    np.testing.assert_allclose(kind.preprocess(images), wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.array(kind.mean_rgb) / 255, mean, rtol=1e-6)


@pytest.mark.parametrize(("kind", "momentum"), [(ResNetV15, 0.9), (ResNetBeta, 0.95)])
def test_normalisation_is_the_released_one(kind, momentum):
    backbone = kind(50, width=0.02, batch_norm="train")
    stem = backbone.stem.convs if kind is ResNetBeta else [backbone.stem]
    parts = [*stem, *(p for u in backbone.units for p in (u.reduce, u.spatial, u.expand))]
    assert {(p.norm.momentum, p.norm.epsilon) for p in parts} == {(momentum, 1e-5)}
    assert [p.conv.filters for p in stem] == ([1, 1, 3] if kind is ResNetBeta else [1])
