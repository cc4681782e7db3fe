"""Numbers of parameters with 21 classes.

Published: Chen et al. 2016, table 1, in millions (134.3, 65.1, 20.5). The exact numbers are sums
over the layers of the released networks: (taps * inputs + 1) * outputs.
"""

import gc

import numpy as np
import pytest

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.presets import PRESETS
from tests.backbones.parameters import BETA, PARAMETERS
from tests.models.narrow import weights_of_zero

pytestmark = pytest.mark.usefixtures("shallow", "shallow_vgg")

VGG, RESNET_101 = PARAMETERS["vgg16"], PARAMETERS["resnet101"]
RESNET_50, MOBILENET_V2 = PARAMETERS["resnet50"], PARAMETERS["mobilenet_v2"]
XCEPTION_65 = PARAMETERS["xception65"]
EFFICIENTNET_LITE0 = PARAMETERS["efficientnet_lite0"]


def vgg_head(taps, filters):
    fc6 = (taps * 512 + 1) * filters
    return fc6 + (filters + 1) * filters + (filters + 1) * 21


def v3_encoder(channels):
    """Convolutions without bias to 256 channels, each with gamma and beta: facts 7."""
    branches = (1 + 1 + 3 * 9) * channels * 256 + 5 * 2 * 256
    return branches + 5 * 256 * 256 + 2 * 256


def joined(branches, filters=256):
    """The projection of the concatenated branches of v3, and the classifier."""
    return branches * filters * filters + 2 * filters + (filters + 1) * 21


def separable(channels, filters=256):
    """A depthwise 3x3 and a 1x1, each with gamma and beta."""
    return 9 * channels + 2 * channels + channels * filters + 2 * filters


V3_DECODER = 256 * 48 + 2 * 48 + 9 * (256 + 48) * 256 + 9 * 256 * 256 + 2 * 2 * 256

# Five branches of a 3x3 to 128 channels, a 1x1 and a classifier: facts 1.3.
MSC = sum((9 * c + 1) * 128 + 129 * 128 + 129 * 21 for c in (3, 64, 128, 256, 512))

COUNTS = {
    "vgg16_7x7": VGG + vgg_head(49, 4096),
    "vgg16_4x4": VGG + vgg_head(16, 4096),
    "vgg16_4x4_rate8": VGG + vgg_head(16, 4096),
    "vgg16_large_fov": VGG + vgg_head(9, 1024),
    "vgg16_msc": VGG + vgg_head(9, 1024) + MSC,
    "vgg16_aspp_s": VGG + 4 * vgg_head(9, 1024),
    "vgg16_aspp_l": VGG + 4 * vgg_head(9, 1024),
    "resnet101_fc": RESNET_101 + (2048 + 1) * 21,
    "resnet101_large_fov": RESNET_101 + (9 * 2048 + 1) * 21,
    "resnet101_aspp_l": RESNET_101 + 4 * (9 * 2048 + 1) * 21,
    "resnet101_aspp_l_single_scale": RESNET_101 + 4 * (9 * 2048 + 1) * 21,
    "resnet101_v3": RESNET_101 + BETA + v3_encoder(2048) + 257 * 21,
    "resnet101_v3plus": RESNET_101 + BETA + v3_encoder(2048) + V3_DECODER + 257 * 21,
    "resnet50_v3plus": RESNET_50 + BETA + v3_encoder(2048) + V3_DECODER + 257 * 21,
    "xception65_v3plus": XCEPTION_65
    + 2 * (2048 * 256 + 512)
    + 3 * separable(2048)
    + joined(5)
    + 256 * 48
    + 2 * 48
    + separable(256 + 48)
    + separable(256),
    "mobilenet_v2_v3plus": MOBILENET_V2
    + 2 * (320 * 256 + 512)
    + 3 * separable(320)
    + joined(5)
    + 144 * 48
    + 2 * 48
    + separable(256 + 48)
    + separable(256),
    "efficientnet_lite0_v3plus": EFFICIENTNET_LITE0
    + 2 * (320 * 256 + 512)
    + 3 * separable(320)
    + joined(5)
    + 144 * 48
    + 2 * 48
    + separable(256 + 48)
    + separable(256),
    "mobilenet_v2_v3": MOBILENET_V2 + 2 * (320 * 256 + 512) + joined(2),
}


def test_sums_are_the_published_numbers():
    assert COUNTS["vgg16_7x7"] == 134_346_581
    assert COUNTS["vgg16_4x4"] == 65_140_565
    assert COUNTS["vgg16_large_fov"] == 20_505_429
    assert COUNTS["vgg16_aspp_l"] == 37_877_652
    assert COUNTS["resnet101_aspp_l"] == 44_048_532


def test_every_preset_has_a_number():
    assert set(COUNTS) == set(PRESETS)


# Parameters that take 200 MB or more: such models are removed at once. To look for them is half of
# what a smaller one takes, in a process that has run other tests.
MANY = 5e7


def count(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_number_of_parameters(preset):
    """Of all parts but the backbone, whose numbers are those of test_number_of_parameters.py."""
    with weights_of_zero():
        model = DeepLab(num_classes=21, **PRESETS[preset])
    of_backbone = {id(variable) for variable in model.backbone.weights}
    others = [variable for variable in model.weights if id(variable) not in of_backbone]
    learned = [variable for variable in others if "moving" not in variable.name]
    assert count(learned) == COUNTS[preset] - PARAMETERS[model.backbone_name]
    statistics = [variable for variable in model.weights if "moving" in variable.name]
    # Of v2 the affine part is learned on ImageNet and stays as it is; in v3 it is trained.
    kept = count(statistics) if model.batch_norm == "frozen" else 0
    assert count(model.weights) == count(model.trainable_variables) + count(statistics) + kept
    assert len(model.variables_by_name()) == len(model.weights)
    if count(model.weights) > MANY:
        del model, learned, others, statistics
        gc.collect()
