"""The networks of keras.applications that can be backbones, one row a family."""

from __future__ import annotations

import difflib
import inspect
import re
import warnings
from typing import Any, NamedTuple

import keras
import tensorflow as tf


class Scaling(NamedTuple):
    """How pixels 0..255 become what a network was trained on: `(x - mean) / divisor`.

    Attributes:
        mean: of red, green and blue: the colour that becomes zero.
        divisor: likewise.
        is_bgr: whether the network takes blue first.
    """

    mean: tuple[float, float, float]
    divisor: tuple[float, float, float]
    is_bgr: bool = False

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Scales RGB images [B, H, W, 3] of any dtype, to float32."""
        mean, divisor = (tf.constant(row, tf.float32) for row in (self.mean, self.divisor))
        scaled = (tf.cast(images, tf.float32) - mean) / divisor
        return scaled[..., ::-1] if self.is_bgr else scaled


# The first three are the modes of keras.applications.imagenet_utils.preprocess_input.
CAFFE = Scaling((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), is_bgr=True)
TF = Scaling((127.5,) * 3, (127.5,) * 3)
TORCH = Scaling((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255))
BY_128 = Scaling((128.0,) * 3, (128.0,) * 3)
BY_255 = Scaling((0.0,) * 3, (255.0,) * 3)


class Family(NamedTuple):
    """Networks with the same layers.

    Attributes:
        names: regular expression of their names in keras.applications.
        module: theirs in keras.applications.
        scaling: of input pixels; for those that scale inside the network, what they do there.
        smallest: the one of the fewest parameters.
    """

    names: str
    module: str
    scaling: Scaling
    smallest: str


FAMILIES = (
    Family(r"VGG1[69]", "vgg16", CAFFE, "VGG16"),
    Family(r"ResNet(50|101|152)", "resnet", CAFFE, "ResNet50"),
    Family(r"ResNet(50|101|152)V2", "resnet_v2", TF, "ResNet50V2"),
    Family(r"ResNetRS\d+", "resnet_rs", TORCH, "ResNetRS50"),
    Family(r"MobileNet", "mobilenet", TF, "MobileNet"),
    Family(r"MobileNetV2", "mobilenet_v2", TF, "MobileNetV2"),
    Family(r"MobileNetV3(Small|Large)", "mobilenet_v3", TF, "MobileNetV3Small"),
    Family(r"EfficientNetB\d", "efficientnet", TORCH, "EfficientNetB0"),
    Family(r"EfficientNetV2B\d", "efficientnet_v2", TORCH, "EfficientNetV2B0"),
    Family(r"EfficientNetV2[SML]", "efficientnet_v2", BY_128, "EfficientNetV2S"),
    Family(r"DenseNet(121|169|201)", "densenet", TORCH, "DenseNet121"),
    Family(r"Xception", "xception", TF, "Xception"),
    Family(r"InceptionV3", "inception_v3", TF, "InceptionV3"),
    Family(r"InceptionResNetV2", "inception_resnet_v2", TF, "InceptionResNetV2"),
    Family(r"ConvNeXt(Tiny|Small|Base|Large|XLarge)", "convnext", TORCH, "ConvNeXtTiny"),
    Family(r"RegNet[XY]\d{3}", "regnet", BY_255, "RegNetX002"),
)

# Beginning of other names -> why they are no backbones.
REFUSED = {"NASNet": "Keras builds another graph of it for every size of the images"}


def family_of(application: str) -> Family:
    """Returns the family of a network of keras.applications.

    Args:
        application: the network's name there.

    Raises:
        ValueError: no family has it, or the installed Keras lacks it.
    """
    family = next((f for f in FAMILIES if re.fullmatch(f.names, str(application))), None)
    if family is not None and hasattr(keras.applications, application):
        return family
    refused = next((REFUSED[n] for n in REFUSED if str(application).startswith(n)), None)
    if refused:
        raise ValueError(f"{application} cannot be made atrous by its name: {refused}.")
    known = [name for name in vars(keras.applications) if not name.startswith("_")]
    known = [name for name in known if any(re.fullmatch(f.names, name) for f in FAMILIES)]
    near = difflib.get_close_matches(str(application), known, n=1)
    raise ValueError(
        f"keras.applications of Keras {keras.__version__} has no classifier {application!r} that "
        f"can be made atrous{f'; did you mean {near[0]!r}?' if near else '.'} "
        f"There are: {', '.join(sorted(known))}"
    )


def build_application(
    application: str, weights: str | None = None, include_top: bool = False, **options: Any
) -> keras.Model:
    """Builds a network of keras.applications, without its own scaling where it can do without.

    Args:
        application: its name there.
        weights: what it takes: None for random ones, `imagenet`, or a path.
        include_top: whether the classifier's last layers are there too.
        **options: other arguments of it.

    Raises:
        ValueError: no family has it.
    """
    family_of(application)
    function = getattr(keras.applications, application)
    if "include_preprocessing" in inspect.signature(function).parameters:
        options = {"include_preprocessing": False, **options}
    if not include_top:
        options = {"input_shape": (None, None, 3), **options}
    with warnings.catch_warnings():
        # That the input has no size, where weights for 224x224 are loaded as the default.
        warnings.simplefilter("ignore")
        return function(weights=weights, include_top=include_top, **options)
