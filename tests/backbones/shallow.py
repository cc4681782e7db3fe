"""Networks with fewer units than the published ones, for tests that build many."""

import contextlib
from unittest import mock

from deeplab_tf.backbones import mobilenet_v2, mobilenet_v3, resnet, vgg, xception

_V2 = tuple((expand, channels, min(n, 2), s) for expand, channels, n, s in mobilenet_v2.SEQUENCES)
_V3 = tuple(unit for i, unit in enumerate(mobilenet_v3.UNITS) if i not in (5, 8, 9, 14))


@contextlib.contextmanager
def shallow_networks():
    """Lets ResNets have 9 units (50: of 16), Xceptions 7 (41: of 13), MobileNets 11 (of 17 and 15).

    A kind of unit that is repeated is there twice, so that everything follows everything that it
    follows in the whole networks; the last stage of the ResNet has the three that `multi_grid`
    is for.
    """
    with (
        mock.patch.dict(resnet.UNITS, dict.fromkeys(resnet.UNITS, (2, 2, 2, 3))),
        mock.patch.dict(xception.MIDDLE_UNITS, dict.fromkeys(xception.MIDDLE_UNITS, 2)),
        mock.patch.object(mobilenet_v2, "SEQUENCES", _V2),
        mock.patch.object(mobilenet_v3, "UNITS", _V3),
    ):
        yield


@contextlib.contextmanager
def shallow_vgg():
    """Lets VGG-16 have one convolution a block, 5 in place of 13: conv1_1, conv2_1, ... conv5_1.

    For tests of what is around a network: its graph is built in half the time.
    """
    with mock.patch.object(vgg, "BLOCKS", tuple((1, channels) for _, channels in vgg.BLOCKS)):
        yield
