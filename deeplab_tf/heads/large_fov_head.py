"""DeepLab-LargeFOV, and the plain classifier that is its smallest form."""

from __future__ import annotations

import keras

from deeplab_tf.backbones.backbone import Backbone, RateMultipliers
from deeplab_tf.heads.head import Head, HeadOptions, scaled_rate
from deeplab_tf.layers.large_fov import LargeFOV


def classifier_multipliers(layers: str) -> RateMultipliers:
    """Returns the factors of classifiers in the released solver files: 10, and 20 for biases.

    Args:
        layers: regular expression for the beginning of the layers' names.
    """
    return ((f"{layers}.*/kernel", 10.0), (f"{layers}.*/bias", 20.0))


def hidden_filters(backbone: Backbone, options: HeadOptions) -> int | None:
    """Returns the channels of fc6 and fc7; None on backbones whose heads do not have them."""
    return max(1, round(options.fc6_filters * options.width)) if backbone.has_fc6 else None


class FullyConnected(Head):
    """One 1x1 convolution. Chen et al. 2016, table 4."""

    def build(self, num_classes: int, options: HeadOptions) -> keras.layers.Layer:
        """Builds the classifier."""
        return LargeFOV(
            num_classes,
            kernel_size=1,
            rate=1,
            filters=None,
            dropout=options.dropout,
            method=options.method,
            name=options.name,
            dtype=options.dtype,
        )

    @classmethod
    def rate_multipliers(cls, backbone: type[Backbone]) -> RateMultipliers:
        """Returns the factors of the classifier."""
        return classifier_multipliers("fc1")


class LargeFovHead(Head):
    """An atrous convolution with a large field of view. Chen et al. 2015, section 3.2."""

    def build(self, num_classes: int, options: HeadOptions) -> keras.layers.Layer:
        """Builds fc6, fc7 and fc8, or the one convolution on a ResNet."""
        stride = self.backbone.output_stride
        return LargeFOV(
            num_classes,
            options.fc6_kernel,
            rate=scaled_rate(options.fc6_rate, stride),
            filters=hidden_filters(self.backbone, options),
            pool_rate=scaled_rate(1, stride) if self.backbone.has_pool5a else None,
            dropout=options.dropout,
            method=options.method,
            name=options.name,
            dtype=options.dtype,
        )

    @classmethod
    def rate_multipliers(cls, backbone: type[Backbone]) -> RateMultipliers:
        """Returns the factors of the classifiers, those of the multi-scale features included."""
        return classifier_multipliers("(fc8|msc._fc8)" if backbone.has_fc6 else "fc1")
