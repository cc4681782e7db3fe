"""Multiply-adds against torchvision's listing (`_ops` of its weights, in billions) and by hand."""

import keras
import pytest
import tensorflow as tf

from deeplab_tf.backbones import build_backbone
from deeplab_tf.layers import AtrousDepthwiseConv2D, SeparableConvNormAct
from deeplab_tf.models.complexity import count_multiply_adds
from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import weights_of_zero

CLASSIFIER = 2048 * 1000
# 3x3 convolutions to 64, 64 and 128 channels at half of the sides instead of one 7x7, and 64 more
# channels into both 1x1 convolutions of the first unit at a quarter.
BETA = 112**2 * (9 * (3 * 64 + 64 * 64 + 64 * 128) - 49 * 3 * 64) + 56**2 * 64 * (64 + 256)
# Slim has the strides one unit earlier than torchvision: the 3x3 and the last 1x1 of the last unit
# of blocks 1 to 3 and the first 1x1 of the next unit are computed at a quarter of the pixels.
SLIM = sum(
    -3 * (side // 2) ** 2 * (9 * c * c + c * 4 * c + 4 * c * 2 * c)
    for c, side in ((64, 56), (128, 28), (256, 14))
)


@pytest.fixture(autouse=True, scope="module")
def _no_random_weights():
    with weights_of_zero():
        yield


@pytest.mark.slow
def test_resnet_50_is_torchvisions():
    backbone = build_backbone("resnet50_v1_5", output_stride=32)
    assert count_multiply_adds(backbone, 224, 224) + CLASSIFIER == 4_089_184_256


@pytest.mark.slow
def test_resnet_101_is_torchvisions():
    backbone = build_backbone("resnet101_v1_5", output_stride=32)
    found = count_multiply_adds(backbone, 224, 224) + CLASSIFIER
    assert round(found / 1e9, 3) == 7.801


@pytest.mark.slow
def test_vgg_16_is_torchvisions():
    backbone = build_backbone("vgg16", output_stride=32)
    dense = 25088 * 4096 + 4096 * 4096 + 4096 * 1000
    assert round((count_multiply_adds(backbone, 224, 224) + dense) / 1e9, 3) == 15.470


@pytest.mark.slow
def test_beta_is_torchvisions_and_its_stem():
    backbone = build_backbone("resnet50_beta", output_stride=32)
    found = count_multiply_adds(backbone, 224, 224) + CLASSIFIER
    assert found == 4_089_184_256 + BETA + SLIM


def test_layers_by_hand():
    depthwise = AtrousDepthwiseConv2D(3, strides=2)
    assert count_multiply_adds(depthwise, 11, 20, channels=6) == 6 * 10 * 9 * 6
    separable = SeparableConvNormAct(8, 3, dilation_rate=2)
    assert count_multiply_adds(separable, 11, 20, channels=6) == 220 * (9 * 6 + 6 * 8)
    dense = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)])
    assert count_multiply_adds(dense, 11, 20, channels=6) == 6 * 5


@pytest.mark.slow
def test_of_a_whole_network():
    """Images are padded first; the decoder counts, and dilated convolutions as others do."""
    model = DeepLab("resnet50_v1_5", "v3plus", num_classes=3, width=0.1, output_stride=16)
    found = count_multiply_adds(model, 50, 60)
    assert found == count_multiply_adds(model, 65, 65)
    features, grid, width = 5 * 5, 17 * 17, 26
    channels, details = 4 * 51, 4 * 6
    head = (
        channels * width  # image pooling
        + features * channels * width * (1 + 3 * 9)
        + features * 5 * width * width
        + grid * details * 5
        + grid * 9 * (width + 5) * width
        + grid * 9 * width * width
        + grid * width * 3
    )
    assert found == head + count_multiply_adds(model.backbone, 65, 65)


def test_unknown_sizes_are_refused():
    def network(images):
        # How many crops there are depends on what they show.
        crops = tf.boolean_mask(images, tf.reduce_mean(images, axis=[1, 2, 3]) > 0)
        return tf.nn.conv2d(crops, tf.zeros([1, 1, 3, 2]), 1, "SAME")

    with pytest.raises(ValueError, match=r"The output of Conv2D .* has the shape \(None, 8, 8, 2"):
        count_multiply_adds(network, 8, 8)
