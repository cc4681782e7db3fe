"""Learned parameters of every row of `BACKBONES`, by other people's numbers."""

import itertools

# Instead of one 7x7 convolution three 3x3 to 64, 64 and 128 channels, with gammas and betas; the
# first unit gets 64 channels more.
BETA = 9 * (3 * 64 + 64 * 64 + 64 * 128) + 2 * (64 + 128) + 64 * (64 + 256) - 49 * 3 * 64


def xception_parameters(middle_units):
    """From C to D channels 9 * C + C * D weights, each part with two of its normalisation."""
    widths = [64, 128, 128, 128, 256, 256, 256, 728, 728, 728, *[728] * 3 * middle_units]
    widths += [728, 1024, 1024, 1536, 1536, 2048]
    separable = sum(9 * c + 2 * c + c * d + 2 * d for c, d in itertools.pairwise(widths))
    shortcuts = sum(c * d + 2 * d for c, d in [(64, 128), (128, 256), (256, 728), (728, 1024)])
    return 27 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64 + separable + shortcuts


# Learned parameters at full width. VGG-16: its 13 convolutions. The others but Xception:
# torchvision's numbers without those of the classifiers: 2049 * 1000 in the ResNets; in V2 a
# convolution to 1280 channels with its normalisation, and 1281 * 1000; in V3 961 * 1280 and
# 1281 * 1000. EfficientNet-Lite: timm's, without the same as in V2.
PARAMETERS = {
    "vgg16": 14_714_688,
    "resnet50": 25_557_032 - 2_049_000,
    "resnet101": 44_549_160 - 2_049_000,
    "resnet152": 60_192_808 - 2_049_000,
    "resnet50_v1_5": 25_557_032 - 2_049_000,
    "resnet101_v1_5": 44_549_160 - 2_049_000,
    "resnet50_beta": 25_557_032 - 2_049_000 + BETA,
    "resnet101_beta": 44_549_160 - 2_049_000 + BETA,
    "mobilenet_v2": 3_504_872 - (320 * 1280 + 2 * 1280) - 1_281_000,
    "mobilenet_v3_large": 5_483_032 - 1_230_080 - 1_281_000,
    **{
        f"efficientnet_lite{number}": whole - (channels + 2) * 1280 - 1_281_000
        for number, whole, channels in (
            (0, 4_652_008, 320),
            (1, 5_416_680, 320),
            (2, 6_092_072, 352),
        )
    },
    "xception41": xception_parameters(8),
    "xception65": xception_parameters(16),
}
