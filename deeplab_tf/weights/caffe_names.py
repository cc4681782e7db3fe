"""Names of layers in the released Caffe nets under ours."""

from __future__ import annotations

import re

# Inputs at 0.5 and 0.75 of the size have layers of their own in the nets, which share their numbers
# with those of the whole size: `bn2a_branch2a_res05`, `fc1_voc12_res075_c0`.
_COPY = re.compile(r"_res0\d+(?=_c\d$|$)")
# The data set is in the middle of a classifier's name, its branch behind: fc8_voc12, fc8_voc12_1,
# fc1_voc12_c0. A template's `fc8_${EXP}` may leave nothing of it.
_CLASSIFIER = re.compile(r"(fc8|fc1)(?:_(?!c?\d$).*?)??(_c?\d)?")
# The multi-scale features of v1: of the image, and behind each of four pools.
_MULTI_SCALE = re.compile(r"(?:data|pool([1-4]))_(conv|fc|ms)")
_MULTI_SCALE_PARTS = {"conv": "conv1", "fc": "conv2", "ms": "fc8"}


def shared_name(name: str) -> str:
    """Returns the name of the layer whose numbers a layer shares; its own if it shares none.

    Args:
        name: of a layer in Caffe.

    Example:
        >>> shared_name("fc1_voc12_res05_c0"), shared_name("res5c_branch2a")
        ('fc1_voc12_c0', 'res5c_branch2a')
    """
    return _COPY.sub("", name)


def layer_name(name: str) -> str:
    """Returns what our layer is called, after which its variables are.

    Args:
        name: of a layer in Caffe; what has no other name with us keeps it.

    Example:
        >>> [layer_name(name) for name in ("fc8_voc12_2", "pool1_ms", "scale2a_branch1", "conv1_1")]
        ['fc8_2', 'msc1_fc8', 'bn2a_branch1', 'conv1_1']
    """
    if match := _CLASSIFIER.fullmatch(name):
        return match[1] + (match[2] or "")
    if match := _MULTI_SCALE.fullmatch(name):
        return f"msc{match[1] or 0}_{_MULTI_SCALE_PARTS[match[2]]}"
    return re.sub("^scale", "bn", name)


def norm_name(name: str) -> str:
    """Returns the name of the normalisation behind a convolution of a ResNet.

    Example:
        >>> norm_name("conv1"), norm_name("res2a_branch1")
        ('bn_conv1', 'bn2a_branch1')
    """
    return name.replace("res", "bn", 1) if name.startswith("res") else f"bn_{name}"
