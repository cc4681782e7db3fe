"""Dense feature extractors, one file a family."""

from deeplab_tf.backbones.caffe_input import MEAN_RGB, to_caffe_input
from deeplab_tf.backbones.resnet import ResNet
from deeplab_tf.backbones.vgg import VGG16

__all__ = ["BACKBONES", "MEAN_RGB", "VGG16", "ResNet", "to_caffe_input"]

# Name in `DeepLab(backbone=...)` -> layer and what it fixes.
BACKBONES = {
    "vgg16": (VGG16, {}),
    "resnet50": (ResNet, {"depth": 50}),
    "resnet101": (ResNet, {"depth": 101}),
    "resnet152": (ResNet, {"depth": 152}),
}
