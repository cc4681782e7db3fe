"""Networks with fewer units than the published ones, for tests that build many."""

import contextlib
from unittest import mock

from deeplab_tf.backbones import resnet, vgg, xception


@contextlib.contextmanager
def shallow_networks():
    """Lets ResNet-50 have 9 units in place of 16, and Xception-41's middle flow one in place of 8.

    A unit follows every kind of unit that it follows in the whole networks, and the last stage of
    the ResNet has the three that `multi_grid` is for.
    """
    with (
        mock.patch.dict(resnet.UNITS, {50: (2, 2, 2, 3)}),
        mock.patch.dict(xception.MIDDLE_UNITS, {41: 1}),
    ):
        yield


@contextlib.contextmanager
def shallow_vgg():
    """Lets VGG-16 have one convolution a block, 5 in place of 13: conv1_1, conv2_1, ... conv5_1.

    For tests of what is around a network: its graph is built in half the time.
    """
    with mock.patch.object(vgg, "BLOCKS", tuple((1, channels) for _, channels in vgg.BLOCKS)):
        yield
