"""Names of ResNets in PyTorch, with v2's classifiers, under ours."""

from __future__ import annotations

import re
from collections.abc import Collection

from deeplab_tf.backbones.bottleneck import FORMS
from deeplab_tf.backbones.resnet import ResNet
from deeplab_tf.backbones.resnet_v1_5 import ResNetV15
from deeplab_tf.weights.torch_layers import NORM

_PREFIX = re.compile(r"(?:base|scale|Scale|backbone)\.")
# Residual units: expression, what makes its layer a stage, and the number of its first unit.
_UNITS = (
    # kazuto1011/deeplab-pytorch
    (
        re.compile(
            r"layer(?P<layer>[2-5])\.block(?P<unit>\d+)\."
            r"(?P<branch>shortcut|reduce|conv3x3|increase)\.(?P<kind>conv|bn)\.(?P<part>\w+)"
        ),
        0,
        1,
    ),
    # torchvision, and isht7/pytorch-deeplab-resnet after it
    (
        re.compile(
            r"layer(?P<layer>[1-4])\.(?P<unit>\d+)\.(?P<kind>conv|bn)(?P<branch>[123])\.(?P<part>\w+)"
        ),
        1,
        0,
    ),
    (
        re.compile(
            r"layer(?P<layer>[1-4])\.(?P<unit>\d+)\.(?P<branch>downsample)\.(?P<kind>[01])"
            r"\.(?P<part>\w+)"
        ),
        1,
        0,
    ),
)
_STEM = re.compile(r"(?:layer1\.conv1\.(?P<kind>conv|bn)|(?P<kind1>conv|bn)1)\.(?P<part>\w+)")
_CLASSIFIER = re.compile(r"(?:aspp\.(?:stages\.)?c|layer5\.conv2d_list\.)(\d)\.(weight|bias)")
# Only networks in the form of Caffe's have these.
_CAFFE = re.compile(rf"{_CLASSIFIER.pattern}|layer\d\.block\d+\..*")
_NORMS = ("bn", "1")
# In the order of `UnitForm.names`.
_BRANCHES = {
    "shortcut": 0, "reduce": 1, "conv3x3": 2, "increase": 3,
    "downsample": 0, "1": 1, "2": 2, "3": 3,
}  # fmt: skip


def our_names(names: Collection[str]) -> dict[str, str]:
    """Returns our names for those of a state dict.

    Networks that were converted from the authors' nets get the names of `resnet50` to `resnet152`;
    those in the form of torchvision, whose strides and inputs are others, those of `resnet50_v1_5`
    and `resnet101_v1_5`.

    Args:
        names: all of the state dict.

    Returns:
        Ours by theirs; what has no place in a DeepLab keeps its name. Counters are left out.

    Example:
        >>> our_names(["base.layer3.block2.reduce.conv.weight"]).popitem()[1]
        'res3b_branch2a/kernel'
    """
    bare = {name: _PREFIX.sub("", name, count=1) for name in names}
    backbone = ResNet if any(map(_CAFFE.fullmatch, bare.values())) else ResNetV15
    places = {name: place for name in names if (place := _unit_place(bare[name]))}
    units = [
        max((index for stage, index, *_ in places.values() if stage == wanted), default=-1) + 1
        for wanted in (2, 3, 4, 5)
    ]
    found = {}
    for name, short in bare.items():
        if short.endswith("num_batches_tracked"):
            continue
        if name in places:
            stage, index, branch, is_norm, part = places[name]
            unit = backbone.unit_name(units, stage, index).removeprefix("res")
            layer = FORMS[backbone.form].names[branch][is_norm].format(unit)
        elif match := _STEM.fullmatch(short):
            is_norm, part = (match["kind"] or match["kind1"]) in _NORMS, match["part"]
            layer = backbone.stem_names[is_norm]
        elif match := _CLASSIFIER.fullmatch(short):
            layer, is_norm, part = f"fc1_c{match[1]}", False, match[2]
        else:
            found[name] = name
            continue
        found[name] = f"{layer}/{_part(part, is_norm)}"
    return found


def _unit_place(name: str) -> tuple[int, int, int, bool, str] | None:
    """Returns stage, unit, branch, whether it is a normalisation, and PyTorch's name of a part."""
    for expression, first_stage, first_unit in _UNITS:
        if match := expression.fullmatch(name):
            stage, index = int(match["layer"]) + first_stage, int(match["unit"]) - first_unit
            return stage, index, _BRANCHES[match["branch"]], match["kind"] in _NORMS, match["part"]
    return None


def _part(part: str, is_norm: bool) -> str:
    if is_norm:
        return NORM.get(part, part)
    return "kernel" if part == "weight" else part
