"""Every published variant as a row of arguments of `DeepLab`."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

MSC_SCALES = (1.0, 0.75, 0.5)
V3 = {"output_stride": 16, "multi_grid": (1, 2, 4), "dropout": 0.1}

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
    # Chen et al. 2017, table 5, and 2018, table 3; the dropout is research/deeplab's.
    "resnet101_v3": {"backbone": "resnet101_beta", "head": "aspp_v3", **V3},
    "resnet101_v3plus": {"backbone": "resnet101_beta", "head": "v3plus", **V3},
    "resnet50_v3plus": {"backbone": "resnet50_beta", "head": "v3plus", **V3},
    # Chen et al. 2018, table 5: with separable convolutions in pyramid and decoder.
    "xception65_v3plus": {"backbone": "xception65", "head": "v3plus", "separable": True,
                          "output_stride": 16, "dropout": 0.1},
    # Published with neither paper: v3+ on the smallest backbone.
    "mobilenet_v2_v3plus": {"backbone": "mobilenet_v2", "head": "v3plus", "separable": True,
                            "output_stride": 16, "dropout": 0.1},
    "efficientnet_lite0_v3plus": {"backbone": "efficientnet_lite0", "head": "v3plus",
                                  "separable": True, "output_stride": 16, "dropout": 0.1},
    # Sandler et al. 2018, table 7: v3 without its 3x3 branches.
    "mobilenet_v2_v3": {"backbone": "mobilenet_v2", "head": "aspp_v3_1x1", "output_stride": 16,
                        "dropout": 0.1},
}  # fmt: skip

# What a run or a user gives a network beside its architecture.
_CARRIED = ("num_classes", "dataset", "image_scale", "crf", "trained_precision", "weights")


def network_defaults() -> dict[str, Any]:
    """Returns the arguments of `DeepLab` that make the network, with their defaults.

    They are read from the text of its file: a configuration is built, and its wrong keys are
    refused, before TensorFlow is imported, which takes seconds.

    Example:
        >>> network_defaults()["output_stride"]
        8
    """
    tree = ast.parse(Path(__file__).with_name("deeplab.py").read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    arguments = next(f for f in functions if f.name == "__init__").args
    names = [argument.arg for argument in arguments.args][-len(arguments.defaults) :]
    values = map(ast.literal_eval, arguments.defaults)
    return {name: v for name, v in zip(names, values, strict=True) if name not in _CARRIED}
