"""What a layer does to a map: nothing that the output stride concerns, a window, or too much."""

from __future__ import annotations

import enum
import re
from typing import Any

import keras


class Kind(enum.Enum):
    """What a layer does to a map of the image."""

    POINTWISE = enum.auto()  # every point by itself, or with what is the same for all points
    SCALING = enum.auto()  # the same, of input pixels
    DROPOUT = enum.auto()  # the same, when training only
    NORM = enum.auto()  # batch normalisation
    CONV = enum.auto()  # a window with weights
    POOL = enum.auto()  # a window without
    PADDING = enum.auto()
    CROPPING = enum.auto()
    GLOBAL = enum.auto()  # all points become one
    RESHAPE = enum.auto()  # points lose their places
    SKIPPED = enum.auto()  # nothing any more: the window after it pads by itself
    OTHER = enum.auto()


_CLASSES = {
    Kind.SCALING: (keras.layers.Rescaling, keras.layers.Normalization),
    Kind.NORM: (keras.layers.BatchNormalization,),
    # Keras 2's Conv2DTranspose is a Conv2D.
    Kind.OTHER: (keras.layers.Conv2DTranspose, keras.layers.Lambda),
    Kind.CONV: (
        keras.layers.DepthwiseConv2D,
        keras.layers.SeparableConv2D,
        keras.layers.Conv2D,
    ),
    Kind.POOL: (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D),
    Kind.PADDING: (keras.layers.ZeroPadding2D,),
    Kind.CROPPING: (keras.layers.Cropping2D,),
    Kind.GLOBAL: (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D),
    Kind.RESHAPE: (keras.layers.Reshape, keras.layers.Flatten, keras.layers.Permute),
}
# Names of layers, of Keras 3's operations and of TensorFlow's functions, in small letters and
# without underscores. LayerScale and StochasticDepth are ConvNeXt's, CustomScaleLayer adds in
# InceptionResNetV2.
_DROPOUTS = {"dropout", "spatialdropout2d", "gaussiandropout", "gaussiannoise", "stochasticdepth"}
_POINTWISE = {
    *("activation", "relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "gelu", "silu", "swish"),
    *("sigmoid", "hardsigmoid", "hardswish", "hardsilu", "tanh", "softmax", "softplus", "identity"),
    *("add", "sub", "subtract", "mul", "multiply", "div", "divide", "truediv", "truedivide"),
    *("maximum", "minimum", "average", "concatenate", "concat", "cast", "negative", "square"),
    *("layernormalization", "unitnormalization", "groupnormalization", "layerscale", "dense"),
    "customscalelayer",
}


def kind_of(layer: Any) -> Kind:
    """Returns what a layer, or another operation of a functional model, does to a map."""
    for kind, classes in _CLASSES.items():
        if isinstance(layer, classes):
            return kind
    # Keras 2 wraps functions such as `tf.nn.silu`, and names them so.
    function = getattr(layer, "symbol", None) or type(layer).__name__
    name = re.sub("_", "", function.rsplit(".", 1)[-1]).lower()
    if name in _DROPOUTS:
        return Kind.DROPOUT
    return Kind.POINTWISE if name in _POINTWISE else Kind.OTHER


def sees_all_points(layer: Any) -> bool:
    """Returns whether a pointwise layer uses statistics over all points of its input."""
    return type(layer).__name__ == "GroupNormalization"
