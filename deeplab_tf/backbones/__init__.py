"""Dense feature extractors, one file a family."""

from __future__ import annotations

from typing import Any

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.caffe_input import MEAN_RGB, to_caffe_input
from deeplab_tf.backbones.efficientnet_lite import EfficientNetLite
from deeplab_tf.backbones.keras_classifiers.atrous import atrous
from deeplab_tf.backbones.keras_classifiers.families import family_of
from deeplab_tf.backbones.keras_classifiers.keras_backbone import PREFIX, KerasBackbone
from deeplab_tf.backbones.mobilenet_v2 import MobileNetV2
from deeplab_tf.backbones.mobilenet_v3 import MobileNetV3Large
from deeplab_tf.backbones.resnet import ResNet
from deeplab_tf.backbones.resnet_beta import ResNetBeta
from deeplab_tf.backbones.resnet_v1_5 import ResNetV15
from deeplab_tf.backbones.vgg import VGG16
from deeplab_tf.backbones.xception import Xception

__all__ = [
    "BACKBONES",
    "MEAN_RGB",
    "VGG16",
    "Backbone",
    "EfficientNetLite",
    "KerasBackbone",
    "MobileNetV2",
    "MobileNetV3Large",
    "ResNet",
    "ResNetBeta",
    "ResNetV15",
    "Xception",
    "atrous",
    "backbone_class",
    "build_backbone",
    "mean_color",
    "to_caffe_input",
]

# Name in `DeepLab(backbone=...)` -> class and the arguments that it fixes.
BACKBONES: dict[str, tuple[type[Backbone], dict[str, Any]]] = {
    "vgg16": (VGG16, {}),
    "resnet50": (ResNet, {"depth": 50}),
    "resnet101": (ResNet, {"depth": 101}),
    "resnet152": (ResNet, {"depth": 152}),
    "resnet50_beta": (ResNetBeta, {"depth": 50}),
    "resnet101_beta": (ResNetBeta, {"depth": 101}),
    "resnet50_v1_5": (ResNetV15, {"depth": 50}),
    "resnet101_v1_5": (ResNetV15, {"depth": 101}),
    "mobilenet_v2": (MobileNetV2, {}),
    "mobilenet_v3_large": (MobileNetV3Large, {}),
    "efficientnet_lite0": (EfficientNetLite, {"number": 0}),
    "efficientnet_lite1": (EfficientNetLite, {"number": 1}),
    "efficientnet_lite2": (EfficientNetLite, {"number": 2}),
    "xception41": (Xception, {"depth": 41}),
    "xception65": (Xception, {"depth": 65}),
}


def backbone_class(name: str) -> type[Backbone]:
    """Returns the class of a backbone, for what it states without being built.

    Args:
        name: row of `BACKBONES`, or `keras:` and a name of keras.applications.

    Raises:
        ValueError: there is no such row or network.
    """
    if is_keras_name(name):
        family_of(name.removeprefix(PREFIX))
        return KerasBackbone
    if name not in BACKBONES:
        raise ValueError(
            f"backbone must be one of {sorted(BACKBONES)}, or {PREFIX} and a name of "
            f"keras.applications. Received: backbone={name!r}"
        )
    return BACKBONES[name][0]


def is_keras_name(name: object) -> bool:
    """Returns whether a backbone's name is that of a network of keras.applications."""
    return isinstance(name, str) and name.startswith(PREFIX)


def mean_color(name: str) -> tuple[float, float, float]:
    """Returns the RGB colour that a backbone does not see, without building it.

    Args:
        name: as `backbone_class` takes it.

    Raises:
        ValueError: there is no such backbone.
    """
    if is_keras_name(name):
        return family_of(name.removeprefix(PREFIX)).scaling.mean
    return backbone_class(name).mean_rgb


def build_backbone(name: str, **arguments: Any) -> Backbone:
    """Builds a backbone that bears the name of its row.

    Args:
        name: as `backbone_class` takes it.
        **arguments: output stride, width, method, batch norm and dtype, see `Backbone`.

    Raises:
        ValueError: there is no such row or network, or the backbone refuses an argument.
    """
    if is_keras_name(name):
        application = name.removeprefix(PREFIX)
        # A colon has no place in the names of TensorFlow's scopes.
        return KerasBackbone(application, **arguments, name=f"keras_{application}")
    return backbone_class(name)(**BACKBONES[name][1], **arguments, name=name)
