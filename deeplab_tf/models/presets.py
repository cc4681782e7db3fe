"""Every published variant as a row of arguments of `DeepLab`."""

from __future__ import annotations

import inspect
from typing import Any

from deeplab_tf.models.deeplab import DeepLab

MSC_SCALES = (1.0, 0.75, 0.5)

PRESETS: dict[str, dict[str, Any]] = {
    # Chen et al. 2015, table 2, and 2016, table 1: kernel, rate and channels of fc6.
    "vgg16_7x7": {"backbone": "vgg16", "head": "large_fov", "fc6_kernel": 7, "fc6_rate": 4,
                  "fc6_filters": 4096},
    "vgg16_4x4": {"backbone": "vgg16", "head": "large_fov", "fc6_kernel": 4, "fc6_rate": 4,
                  "fc6_filters": 4096},
    "vgg16_4x4_rate8": {"backbone": "vgg16", "head": "large_fov", "fc6_kernel": 4, "fc6_rate": 8,
                        "fc6_filters": 4096},
    "vgg16_large_fov": {"backbone": "vgg16", "head": "large_fov"},
    # Chen et al. 2015, section 4.3.
    "vgg16_msc": {"backbone": "vgg16", "head": "large_fov", "msc_features": True},
    # Chen et al. 2016, table 3.
    "vgg16_aspp_s": {"backbone": "vgg16", "head": "aspp_s"},
    "vgg16_aspp_l": {"backbone": "vgg16", "head": "aspp_l"},
    # Chen et al. 2016, table 4: all with multi-scale inputs.
    "resnet101_fc": {"backbone": "resnet101", "head": "fc", "scales": MSC_SCALES},
    "resnet101_large_fov": {"backbone": "resnet101", "head": "large_fov", "scales": MSC_SCALES},
    "resnet101_aspp_l": {"backbone": "resnet101", "head": "aspp_l", "scales": MSC_SCALES},
    # Chen et al. 2016, section 4.4: one scale only, for want of memory.
    "resnet101_aspp_l_single_scale": {"backbone": "resnet101", "head": "aspp_l"},
}  # fmt: skip

# What a run or a user gives a network beside its architecture.
_CARRIED = ("self", "num_classes", "dataset", "image_scale", "crf", "weights", "kwargs")


def network_defaults() -> dict[str, Any]:
    """Returns the arguments of `DeepLab` that make the network, with their defaults.

    Example:
        >>> network_defaults()["output_stride"]
        8
    """
    parameters = inspect.signature(DeepLab.__init__).parameters
    return {name: p.default for name, p in parameters.items() if name not in _CARRIED}
