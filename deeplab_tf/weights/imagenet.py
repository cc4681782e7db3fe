"""The ImageNet weights that keras.applications publishes, downloaded and kept by Keras."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import keras

from deeplab_tf.backbones import BACKBONES, KerasBackbone
from deeplab_tf.backbones.keras_classifiers.families import build_application
from deeplab_tf.weights.keras_applications import named_arrays
from deeplab_tf.weights.weight_source import Arrays, Source, variable_shapes

NAME = "imagenet"


def read(model: Any) -> Arrays:
    """Reads the weights that belong to a model's backbone.

    Args:
        model: a DeepLab.

    Returns:
        Arrays by the model's names; fc6 and fc7 of VGG-16 among them where the model has these.

    Raises:
        ValueError: keras.applications has none for the backbone, or they cannot be downloaded.
    """
    backbone = getattr(model, "backbone", None)
    if isinstance(backbone, KerasBackbone):
        return backbone.weights_of(_published(backbone.application, include_top=False))
    application = _application_of(getattr(model, "backbone_name", ""))
    shapes = variable_shapes(model)
    # VGG-16's dense layers become fc6 and fc7.
    classifier = _published(application, include_top="fc6/kernel" in shapes)
    layers = {layer.name: layer.get_weights() for layer in classifier.layers if layer.weights}
    return named_arrays(layers, shapes, application)


def _application_of(backbone: str) -> str:
    published = {
        row: name
        for row, (kind, _) in BACKBONES.items()
        for name in kind.keras_applications
        if name.lower() == row.replace("_", "")
    }
    if backbone not in published:
        raise ValueError(
            f"keras.applications has no ImageNet weights for the backbone {backbone!r}; it has for "
            f"{', '.join(published)} and those named keras:NAME."
        )
    return published[backbone]


def _published(application: str, include_top: bool) -> keras.Model:
    try:
        return build_application(application, NAME, include_top)
    except Exception as error:  # Keras raises none narrower where a download fails
        reason = " ".join(str(error).split())
        found = re.search(r"https?://\S+", reason)
        if found is None:
            raise ValueError(f"ImageNet weights of {application}: {reason}") from error
        url = found[0].rstrip(":")
        folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
        raise ValueError(
            f"the ImageNet weights of {application} cannot be downloaded ({reason}). Download "
            f"{url} where there is a network, and give the file's path in place of 'imagenet'; or "
            f"put it into {folder}, where Keras looks before it downloads."
        ) from error


SOURCE = Source(
    f"'{NAME}'",
    lambda text: text == NAME,
    lambda text, model: ("ImageNet (keras.applications)", read(model)),
)
