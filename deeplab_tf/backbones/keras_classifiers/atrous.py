"""Makes dense feature extractors of Keras' classifiers."""

from __future__ import annotations

import keras

from deeplab_tf.backbones.keras_classifiers.classifier_graph import read_graph
from deeplab_tf.backbones.keras_classifiers.families import build_application
from deeplab_tf.backbones.keras_classifiers.place_maps import PADDINGS
from deeplab_tf.backbones.keras_classifiers.rate_plan import check_called_once, plan_rates
from deeplab_tf.backbones.keras_classifiers.rewrite import Rewriter, copy_weights


def atrous(
    model: keras.Model | str,
    output_stride: int = 8,
    padding: str = "keras",
    weights: str | None = None,
) -> keras.Model:
    """Makes a dense feature extractor of a classifier, with the same weights.

    Strides beyond the output stride become rates of the convolutions and pools after them, as in
    DeepLab: the features of a denser network, subsampled, are those of the coarser one.

    Args:
        model: a functional classifier, with or without its last layers, or the name of one of
            keras.applications such as `EfficientNetV2B0`.
        output_stride: input pixels between two points of the last map: 1, 2, 4, 8, 16 or 32. At the
            classifier's own stride the network computes what the classifier does.
        padding: `keras` pads as the classifier does for an image of the same size, so that the
            features, subsampled, are the classifier's own. Where it pads less above and left than
            below and right, its grid is shifted, and for even sizes otherwise than for odd ones;
            where it pads less than its windows see, maps are some points smaller.
            `centred` pads all sides alike, as `DeepLab` needs it: point (i, j) of a map of stride s
            lies at pixel (i * s, j * s), and sides are ceil(side / s).
        weights: of a classifier given by its name: None for random ones, `imagenet`, or the path of
            a file that its function in keras.applications takes.

    Returns:
        A functional model from images [B, H, W, C] of any size, as the classifier takes them, to
        a dict of feature maps: the last map of every stride, under its layer's name. Its attribute
        `feature_strides` lists names and strides in order, the last map last.

    Raises:
        ValueError: the model is no functional classifier, has a layer that cannot be made atrous
            (the message names it), or cannot have the output stride.

    Source: Chen et al. 2016 (arXiv 1606.00915), section 3.1.

    Example:
        >>> classifier = keras.applications.MobileNetV2(weights=None, alpha=0.35)
        >>> features = deeplab_tf.atrous(classifier, output_stride=8, padding="centred")
        >>> features.feature_strides["out_relu"]
        8
        >>> features(tf.zeros([1, 64, 96, 3]))["out_relu"].shape
        TensorShape([1, 8, 12, 1280])
    """
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {PADDINGS}. Received: padding={padding!r}")
    if isinstance(model, str):
        model = build_application(model, weights)
    elif weights is not None:
        raise ValueError("weights are for a name; a model has its own. Leave weights out.")
    graph = read_graph(model)
    plan = plan_rates(graph, output_stride, padding, stable_names=False)
    check_called_once(plan.steps)
    channels = model.inputs[0].shape[-1]
    network, layers = Rewriter().network(graph, plan, channels, f"atrous_{model.name}")
    copy_weights(layers, plan)
    network.feature_strides = {
        name: min(stride, output_stride) for name, stride in plan.native_strides.items()
    }
    return network
