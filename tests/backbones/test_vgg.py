import pytest

from deeplab_tf.backbones.vgg import VGG16
from deeplab_tf.layers.caffe_pool import CaffePool2D
from tests.backbones.consistency import assert_consistent, with_shared_weights


@pytest.fixture(scope="module")
def backbones():
    return with_shared_weights(lambda s: VGG16(s, width=0.05), (32, 16, 8, 4, 2, 1))


def pools_and_convs(backbone):
    pools = [step for step in backbone.steps if isinstance(step, CaffePool2D)]
    return pools, [step for step in backbone.steps if step not in pools]


def test_published_plan():
    pools, convs = pools_and_convs(VGG16())
    assert [pool.strides for pool in pools] == [2, 2, 2, 1, 1]
    assert [pool.dilation_rate for pool in pools] == [1] * 5
    assert {(pool.mode, pool.pool_size) for pool in pools} == {("max", 3)}
    assert [conv.dilation_rate for conv in convs] == [1] * 10 + [2] * 3
    assert {(conv.kernel_size, conv.strides, conv.activation) for conv in convs} == {(3, 1, "relu")}
    assert [conv.filters for conv in convs] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert [step.name for step in VGG16().steps] == [
        "conv1_1",
        "conv1_2",
        "pool1",
        "conv2_1",
        "conv2_2",
        "pool2",
        "conv3_1",
        "conv3_2",
        "conv3_3",
        "pool3",
        "conv4_1",
        "conv4_2",
        "conv4_3",
        "pool4",
        "conv5_1",
        "conv5_2",
        "conv5_3",
        "pool5",
    ]


@pytest.mark.parametrize(
    ("output_stride", "strides", "pool_rates", "conv_rates"),
    [
        (32, [2, 2, 2, 2, 2], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]),
        (16, [2, 2, 2, 2, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]),
        (4, [2, 2, 1, 1, 1], [1, 1, 1, 2, 2], [1, 1, 1, 2, 4]),
        (2, [2, 1, 1, 1, 1], [1, 1, 2, 4, 4], [1, 1, 2, 4, 8]),
        (1, [1, 1, 1, 1, 1], [1, 2, 4, 8, 8], [1, 2, 4, 8, 16]),
    ],
)
def test_plan_of_other_strides(backbones, output_stride, strides, pool_rates, conv_rates):
    pools, convs = pools_and_convs(backbones[output_stride])
    assert [pool.strides for pool in pools] == strides
    assert [pool.dilation_rate for pool in pools] == pool_rates
    firsts = [convs[i] for i in (0, 2, 4, 7, 10)]
    assert [conv.dilation_rate for conv in firsts] == conv_rates


@pytest.mark.parametrize("size", [(33, 41), (34, 24)])
def test_the_densest_backbone_is_consistent_to_the_end(backbones, size):
    assert_consistent(backbones, (8, 4, 2, 1), "pool5", size)
